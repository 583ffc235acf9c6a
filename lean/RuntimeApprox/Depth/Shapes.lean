module

public import RuntimeApprox.Depth.Theorems

/-!
# The depth of the usual summations

## Main results
* `Computes.within`: n terms in any order, as one after another, have depth n;
  `Computes.within_numbers`: numbers of the format have depth n − 1.
* `Pairwise.within`: at most b·2ʰ terms by pairwise summation with blocks of b have depth b + h;
  `Pairwise.within_numbers`: b − 1 + h.
* `PartialSums.within`: partial sums of depth d that are added with depth d′ have depth d + d′.
* `PartialSums.within_splits`: split-k, lanes and blocks, k partial sums of at most c terms in any
  order: depth c + k − 1.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

open Format

variable {m : Mode} {b c d d' h k n : Nat} {ts ps : List Rat} {v : Rat}

/-! ### Any order -/

/-- **Any order**: n terms that are not zero have depth n. -/
theorem Computes.within (hv : Computes m ts v) (hn : nonzeros ts ≤ n) :
    ComputesWithin m n ts v := by
  suffices ComputesWithin m (nonzeros ts) ts v from this.mono hn
  clear hn
  induction hv with
  | zero => exact .zero
  | number h => exact .number h
  | @rounded t v h =>
    by_cases ht : t = 0
    · subst ht
      rw [h.zero]; exact .number representable_zero
    · rw [nonzeros_cons ht]; exact .rounded h
  | @add ts us a b v hl hr h ihl ihr =>
    by_cases hm : nonzeros ts = 0
    · rw [hl.eq_zero hm, Rat.zero_add] at h
      rw [nonzeros_append, hm, Nat.zero_add]
      exact .perm List.perm_append_comm (.addZero ihr (ComputesWithin.zeros hm) h)
    by_cases hk : nonzeros us = 0
    · rw [hr.eq_zero hk, Rat.add_zero] at h
      rw [nonzeros_append, hk, Nat.add_zero]
      exact .addZero ihl (ComputesWithin.zeros hk) h
    rw [nonzeros_append]
    obtain ⟨d, hd⟩ := Nat.exists_eq_add_of_le' (show 1 ≤ nonzeros ts + nonzeros us by omega)
    rw [hd]
    exact .add (ihl.mono (by omega)) (ihr.mono (by omega)) h
  | @fused ts t a v hs h ih =>
    by_cases ht : t = 0
    · subst ht
      rw [Rat.zero_add] at h
      rw [nonzeros_zero_cons]
      exact .perm (List.perm_append_comm (l₁ := ts) (l₂ := [0]))
        (.addZero ih (ComputesWithin.zeros rfl) h)
    rw [nonzeros_cons ht]
    exact .fused ih h
  | perm hp _ ih => rw [← nonzeros_perm hp]; exact .perm hp ih

/-- **Any order**: n numbers of the format that are not zero have depth n − 1. -/
theorem Computes.within_numbers (hv : Computes m ts v) (hts : ∀ t ∈ ts, m.format.Representable t)
    (hn : nonzeros ts ≤ n) : ComputesWithin m (n - 1) ts v := by
  suffices ComputesWithin m (nonzeros ts - 1) ts v from this.mono (by omega)
  clear hn
  have step : ∀ {ts us : List Rat} {a b v : Rat}, Computes m ts a → Computes m us b →
      m.Gives (a + b) v → ComputesWithin m (nonzeros ts - 1) ts a →
      ComputesWithin m (nonzeros us - 1) us b →
      ComputesWithin m (nonzeros (ts ++ us) - 1) (ts ++ us) v := by
    intro ts us a b v hl hr h ihl ihr
    by_cases hm : nonzeros ts = 0
    · rw [hl.eq_zero hm, Rat.zero_add] at h
      rw [nonzeros_append, hm, Nat.zero_add]
      exact .perm List.perm_append_comm (.addZero ihr (ComputesWithin.zeros hm) h)
    by_cases hk : nonzeros us = 0
    · rw [hr.eq_zero hk, Rat.add_zero] at h
      rw [nonzeros_append, hk, Nat.add_zero]
      exact .addZero ihl (ComputesWithin.zeros hk) h
    rw [nonzeros_append]
    obtain ⟨d, hd⟩ := Nat.exists_eq_add_of_le' (show 1 ≤ nonzeros ts + nonzeros us - 1 by omega)
    rw [hd]
    exact .add (ihl.mono (by omega)) (ihr.mono (by omega)) h
  induction hv with
  | zero => exact .zero
  | number h => exact .number h
  | rounded h => exact (ComputesWithin.number (hts _ List.mem_cons_self)).gives h
  | add hl hr h ihl ihr =>
    exact step hl hr h (ihl fun t ht => hts t (List.mem_append_left _ ht))
      (ihr fun t ht => hts t (List.mem_append_right _ ht))
  | @fused ts t a v hs h ih =>
    have ht := hts t List.mem_cons_self
    exact step (ts := [t]) (.number ht) hs h (.number ht)
      (ih fun t ht => hts t (List.mem_cons_of_mem _ ht))
  | perm hp _ ih =>
    rw [← nonzeros_perm hp]
    exact .perm hp (ih fun t ht => hts t (hp.mem_iff.1 ht))

/-! ### Pairwise summation -/

namespace Pairwise

/-- A pairwise sum is a sum in some order. -/
theorem computes (hv : Pairwise m b ts v) : Computes m ts v := by
  induction hv with
  | block h _ => exact h
  | halves _ _ _ _ h ihl ihr => exact .add ihl ihr h

/-- If blocks have depth c, at most b·2ʰ numbers have depth c + h. -/
theorem within_blocks (hv : Pairwise m b ts v) {P : Rat → Prop}
    (blocks : ∀ {ts v}, Computes m ts v → (∀ t ∈ ts, P t) → ts.length ≤ b →
      ComputesWithin m c ts v) (hts : ∀ t ∈ ts, P t) (hn : ts.length ≤ b * 2 ^ h) :
    ComputesWithin m (c + h) ts v := by
  induction hv generalizing h with
  | block hv hb => exact (blocks hv hts hb).mono (by omega)
  | @halves ts us x y v hl hr h1 h2 hg ihl ihr =>
    cases h with
    | zero =>
      rw [Nat.pow_zero, Nat.mul_one] at hn
      exact blocks (Computes.add hl.computes hr.computes hg) hts hn
    | succ h =>
      rw [List.length_append, Nat.pow_succ, ← Nat.mul_assoc] at hn
      exact .add (ihl (fun t ht => hts t (List.mem_append_left _ ht)) (by omega))
        (ihr (fun t ht => hts t (List.mem_append_right _ ht)) (by omega)) hg

/-- **Pairwise summation** of at most b·2ʰ terms, with blocks of at most b terms: depth b + h. With
blocks of one term, ⌈log₂ n⌉ + 1. -/
theorem within (hv : Pairwise m b ts v) (hn : ts.length ≤ b * 2 ^ h) :
    ComputesWithin m (b + h) ts v :=
  hv.within_blocks (P := fun _ => True)
    (fun hv _ hb => hv.within (Nat.le_trans (nonzeros_le_length _) hb)) (fun _ _ => trivial) hn

/-- **Pairwise summation** of at most b·2ʰ numbers of the format: depth b − 1 + h. -/
theorem within_numbers (hv : Pairwise m b ts v) (hts : ∀ t ∈ ts, m.format.Representable t)
    (hn : ts.length ≤ b * 2 ^ h) : ComputesWithin m (b - 1 + h) ts v :=
  hv.within_blocks
    (fun hv hts hb => hv.within_numbers hts (Nat.le_trans (nonzeros_le_length _) hb)) hts hn

end Pairwise

/-! ### Partial sums -/

namespace PartialSums

/-- **Tiles, lanes, split-k**: partial sums of depth d that are added with depth d′, in the same
mode, have depth d + d′. -/
theorem within (hp : PartialSums (ComputesWithin m d) ts ps) (hv : ComputesWithin m d' ps v) :
    ComputesWithin m (d + d') ts v := by
  have single {ts : List Rat} {p : Rat} (hp : PartialSums (ComputesWithin m d) ts [p]) :
      ComputesWithin m d ts p := hp.of_single .perm
  induction hv generalizing ts with
  | zero => rw [hp.of_nil]; exact .zero
  | number _ => exact (single hp).mono (by omega)
  | rounded hg => exact ((single hp).gives hg).mono (by omega)
  | add _ _ hg ihl ihr =>
    obtain ⟨us, vs, h1, h2, h3⟩ := hp.of_append
    exact .perm h3 (.add (ihl h1) (ihr h2) hg)
  | addZero _ _ hg ihl ihr =>
    obtain ⟨us, vs, h1, h2, h3⟩ := hp.of_append
    exact .perm h3 (.addZero (ihl h1) (ihr h2) hg)
  | @fused d' ps p a v _ hg ih =>
    obtain ⟨us, vs, h1, h2, h3⟩ := of_append (ps := [p]) hp
    exact .perm h3 (.add ((single h1).mono (Nat.le_add_right d d')) (ih h2) hg)
  | perm hq _ ih => exact ih (hp.perm_right .perm hq.symm)

/-- Partial sums are numbers of the format. -/
theorem representable (hp : PartialSums (ComputesWithin m d) ts ps) :
    ∀ p ∈ ps, m.format.Representable p :=
  hp.forall_mem fun h => h.computes.representable

/-- At most k partial sums of depth d, added in any order in the same mode: depth d + k − 1. -/
theorem within_anyOrder (hp : PartialSums (ComputesWithin m d) ts ps) (hk : ps.length ≤ k)
    (hv : Computes m ps v) : ComputesWithin m (d + (k - 1)) ts v :=
  hp.within (hv.within_numbers hp.representable (Nat.le_trans (nonzeros_le_length ps) hk))

/-- **Split-k, lanes, blocks**: at most k partial sums, each of at most c terms that are not zero,
everything in any order and in one mode: depth c + k − 1. Of n terms in equal parts, c = ⌈n/k⌉. -/
theorem within_splits
    (hp : PartialSums (fun us p => Computes m us p ∧ nonzeros us ≤ c) ts ps)
    (hk : ps.length ≤ k) (hv : Computes m ps v) : ComputesWithin m (c + (k - 1)) ts v :=
  (hp.mono fun ⟨h1, h2⟩ => h1.within h2).within_anyOrder hk hv

end PartialSums

end RuntimeApprox
