module

public import RuntimeApprox.AnyOrder.Nearest
public import RuntimeApprox.Depth.Theorems

/-!
# The depth of the usual summations, and what kernels promise

## Main results
* `Computes.within`: n terms in any order, as one after another, have depth n, so that
  `Computes.near_tree`: |v − Σtᵢ| ≤ (g − 1)·Σ|tᵢ| + 2·n·η·g for every g ≥ (1 + u)ⁿ;
  `Computes.within_numbers`: numbers of the format have depth n − 1.
* `Pairwise.within`: at most b·2ʰ terms by pairwise summation with blocks of b have depth b + h;
  `Pairwise.within_numbers`: b − 1 + h.
* `PartialSums.within`: partial sums of depth d that are added with depth d′ have depth d + d′.
* `PartialSums.within_splits`: split-k, lanes and blocks, k partial sums of at most c terms in any
  order: depth c + k − 1. `PartialSums.computes`: partial sums that are added in the mode in which
  they were summed are one sum in some order.
* `ComputesWithin.near_depth`: sums of at most n terms and depth d have each `DepthBound`.
* `PartialSums.nearAll`: all partial sums together are as near as one sum of all terms.
* `Accumulation.GivesWithin.gives`: a kernel of bounded depth keeps the promise of any order.
* `Accumulation.near_within`: **what a kernel of bounded depth gives is as near the exact sum as its
  bound says**; `Accumulation.near`: in any order.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

open Format

variable {m : Mode} {b c d d' h k n : Nat} {ts ps : List Rat} {v : Rat}

/-! ### Any order -/

/-- The sum of two results has one more level than each of them, if neither is a sum of zeros. -/
theorem ComputesWithin.sum {us : List Rat} {x y : Rat} (hl : ComputesWithin m d ts x)
    (hr : ComputesWithin m d' us y) (h : m.Gives (x + y) v) (hd : d ≤ n) (hd' : d' ≤ n)
    (hn : nonzeros ts ≠ 0 → nonzeros us ≠ 0 → d < n ∧ d' < n) :
    ComputesWithin m n (ts ++ us) v := by
  by_cases hm : nonzeros ts = 0
  · rw [hl.computes.eq_zero hm, Rat.zero_add] at h
    exact .perm List.perm_append_comm (.addZero (hr.mono hd') (.zeros hm) h)
  by_cases hk : nonzeros us = 0
  · rw [hr.computes.eq_zero hk, Rat.add_zero] at h
    exact .addZero (hl.mono hd) (.zeros hk) h
  obtain ⟨h1, h2⟩ := hn hm hk
  obtain ⟨n, rfl⟩ := Nat.exists_eq_add_of_le' (show 1 ≤ n by omega)
  exact .add (hl.mono (by omega)) (hr.mono (by omega)) h

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
  | add _ _ h ihl ihr =>
    rw [nonzeros_append]
    exact ihl.sum ihr h (by omega) (by omega) (by omega)
  | @fused ts t a v hs h ih =>
    by_cases ht : t = 0
    · subst ht
      rw [nonzeros_zero_cons]
      exact .sum (ts := [0]) (d := 0) (.number representable_zero) ih h (by omega) (by omega)
        fun h => absurd rfl h
    · rw [nonzeros_cons ht]
      exact .fused ih h
  | perm hp _ ih => rw [← nonzeros_perm hp]; exact .perm hp ih

/-- **Any mode and order**: with n terms that are not zero, to nearest or toward zero, flushed or
not, |v − Σtᵢ| ≤ (g − 1)·Σ|tᵢ| + 2·n·η·g for every g ≥ (1 + u)ⁿ. -/
theorem Computes.near_tree (hv : Computes m ts v) (hn : nonzeros ts ≤ n) {growth : Rat}
    (hg : (1 + m.roundoff) ^ n ≤ growth) :
    Near (ErrorBound.tree (n : Rat) m.underflow growth) ts v :=
  (hv.within hn).near hn hg

/-- **Any order**: n numbers of the format that are not zero have depth n − 1. -/
theorem Computes.within_numbers (hv : Computes m ts v) (hts : ∀ t ∈ ts, m.format.Representable t)
    (hn : nonzeros ts ≤ n) : ComputesWithin m (n - 1) ts v := by
  suffices ComputesWithin m (nonzeros ts - 1) ts v from this.mono (by omega)
  clear hn
  induction hv with
  | zero => exact .zero
  | number h => exact .number h
  | rounded h => exact (ComputesWithin.number (hts _ List.mem_cons_self)).gives h
  | add _ _ h ihl ihr =>
    rw [nonzeros_append]
    exact (ihl fun t ht => hts t (List.mem_append_left _ ht)).sum
      (ihr fun t ht => hts t (List.mem_append_right _ ht)) h (by omega) (by omega) (by omega)
  | @fused ts t a v _ h ih =>
    rw [show t :: ts = [t] ++ ts from rfl, nonzeros_append]
    exact .sum (d := 0) (.number (hts t List.mem_cons_self))
      (ih fun t ht => hts t (List.mem_cons_of_mem _ ht)) h (by omega) (by omega) (by omega)
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

/-- **Split-k in one mode**: partial sums that are added in the mode in which they were summed are
one sum in some order. -/
theorem computes (hp : PartialSums (Computes m) ts ps) (hv : Computes m ps v) : Computes m ts v :=
  ((hp.bounded (Nat.le_refl _)).within_splits (Nat.le_refl _) hv).computes

end PartialSums


open Format

namespace Format.Mode.DepthBound

variable {plain : Bool} {e : ErrorBound Rat}

/-- 0 ≤ ρ -/
theorem relative_nonneg (h : m.DepthBound n d plain e) : 0 ≤ e.relative := by
  have hu := Rat.le_of_lt m.roundoff_pos
  cases h with
  | nearest => exact mul_nonneg Rat.natCast_nonneg hu
  | numbers _ _ hn =>
    have := one_le_natCast (show n ≠ 0 by omega)
    exact mul_nonneg (show 0 ≤ (n : Rat) - 1 by grind) hu
  | tree hg | plainTree _ hg =>
    have := ComputesWithin.one_le_growth m d
    show 0 ≤ _ - 1
    grind

/-- A sum of k ≤ n terms that are not zero is charged k of n equal parts of η. -/
theorem exists_part (h : m.DepthBound n d plain e) : ∃ c, 0 ≤ c ∧ n * c = e.absolute ∧
    ∀ {ts v}, ComputesWithin m d ts v → (∀ t ∈ ts, plain = true → m.format.Representable t) →
      nonzeros ts ≤ n → Near ⟨e.relative, nonzeros ts * c⟩ ts v := by
  have hu := Rat.le_of_lt m.roundoff_pos
  have hη := Rat.le_of_lt m.underflow_pos
  have hc := mul_nonneg (Rat.natCast_nonneg (a := n)) hu
  have h1 := ComputesWithin.one_le_growth m d
  cases h with
  | nearest hz hf =>
    refine ⟨m.underflow * (1 + n * m.roundoff), mul_nonneg hη (by grind), ?_,
      fun {ts v} hv _ hn => ?_⟩
    · show _ = n * m.underflow * (1 + n * m.roundoff)
      grind
    · have hn := mul_le_mul_left hu (Rat.natCast_le_natCast.2 hn)
      refine (hv.computes.near_nearest hz hf (Nat.le_refl _)).mono ?_ ?_
      · show nonzeros ts * m.roundoff ≤ n * m.roundoff
        grind
      · have := mul_le_mul_left (mul_nonneg (Rat.natCast_nonneg (a := nonzeros ts)) hη) hn
        show nonzeros ts * m.underflow * (1 + nonzeros ts * m.roundoff) ≤
          nonzeros ts * (m.underflow * (1 + n * m.roundoff))
        grind
  | numbers hz hf _ =>
    refine ⟨0, Rat.le_refl, Rat.mul_zero _, fun hv hts hn => ?_⟩
    rw [Rat.mul_zero]
    exact hv.computes.near_numbers hz hf (fun t ht => hts t ht rfl) hn
  | @tree _ g hg =>
    refine ⟨2 * m.underflow * g, mul_nonneg (by grind) (by grind), ?_, fun {ts v} hv _ _ => ?_⟩
    · show _ = 2 * n * m.underflow * g
      grind
    · refine (hv.near (Nat.le_refl _) hg).mono Rat.le_refl ?_
      show 2 * nonzeros ts * m.underflow * g ≤ nonzeros ts * (2 * m.underflow * g)
      grind
  | plainTree hf hg =>
    refine ⟨0, Rat.le_refl, Rat.mul_zero _, fun hv hts _ => ?_⟩
    have h0 (k : Rat) : 0 ≤ k * 0 := by rw [Rat.mul_zero]; exact Rat.le_refl
    refine (hv.near_numbers hf fun t ht => hts t ht rfl).mono ?_ (h0 _)
    show _ - 1 ≤ _ - 1
    grind

end Format.Mode.DepthBound

/-- **One sum of depth d** of at most n terms that are not zero. -/
theorem ComputesWithin.near_depth {m : Mode} {n d : Nat} {plain : Bool} {e : ErrorBound Rat}
    {ts : List Rat} {v : Rat} (h : ComputesWithin m d ts v) (he : m.DepthBound n d plain e)
    (hts : ∀ t ∈ ts, plain = true → m.format.Representable t) (hn : nonzeros ts ≤ n) :
    Near e ts v := by
  obtain ⟨c, hc, hnc, hall⟩ := he.exists_part
  refine (hall h hts hn).mono Rat.le_refl ?_
  have := mul_le_mul_left hc (Rat.natCast_le_natCast.2 hn)
  show nonzeros ts * c ≤ e.absolute
  grind

/-! ### Partial sums -/

namespace PartialSums

/-- **Partial sums of depth d**, of at most n terms that are not zero in all, are together as near
as one sum of n terms. -/
theorem nearAll {plain : Bool} {e : ErrorBound Rat} (hp : PartialSums (ComputesWithin m d) ts ps)
    (he : m.DepthBound n d plain e) (hts : ∀ t ∈ ts, plain = true → m.format.Representable t)
    (hn : nonzeros ts ≤ n) : NearAll e ts ps :=
  let ⟨_, hc, hnc, hall⟩ := he.exists_part
  hp.nearAll_of (R := fun t => plain = true → m.format.Representable t) hc hnc hall hts hn

end PartialSums

/-! ### Kernels -/

namespace Accumulation

variable {k : Accumulation} {n depth acrossDepth : Nat} {plain : Bool} {e₁ e₂ : ErrorBound Rat}
  {ts : List Rat} {v : Rat}

/-- A kernel of bounded depth keeps the promise of any order: each of the bounds of any order holds
of it, and the least may be taken. -/
theorem GivesWithin.gives (h : k.GivesWithin depth acrossDepth ts v) : k.Gives ts v :=
  GivesBy.mono (fun h _ => h.computes) (fun h _ => h.computes) h

/-- **The finished sum, bounded depth**: at most n terms that are not zero. -/
theorem near_sumsWithin
    (h : k.SumsBy (ComputesWithin k.sums depth) (fun m => ComputesWithin m acrossDepth) ts v)
    (hn : nonzeros ts ≤ n)
    (hts : ∀ t ∈ ts, plain = true → k.sums.format.Representable t)
    (h₁ : k.sums.DepthBound n depth plain e₁)
    (h₂ : ∀ m, k.across = some m → m.DepthBound (min k.splits n) acrossDepth false e₂) :
    Near (k.sumBound e₁ e₂) ts v := by
  unfold SumsBy at h
  unfold sumBound
  split at h
  · exact h.near_depth h₁ hts hn
  · next m ha =>
    obtain ⟨ps, hps, hlen, hv⟩ := h
    refine (hps.nearAll h₁ hts hn).followedBy (h₂ m ha).relative_nonneg
      (hv.near_depth (h₂ m ha) (fun _ _ h => absurd h Bool.false_ne_true) ?_)
    have := nonzeros_le_length ps
    have := hps.nonzeros_le fun h h0 => h.computes.eq_zero h0
    omega

/-- **What a kernel of bounded depth promises**: what it returns for at most n terms that are not
zero is as near their sum as its error bound says, e₁ being proved of sums of depth `depth`, and e₂
of the sum across of depth `acrossDepth`. -/
theorem near_within (h : k.GivesWithin depth acrossDepth ts v) (hn : nonzeros ts ≤ n)
    (hts : ∀ t ∈ ts, plain = true → k.sums.format.Representable t)
    (h₁ : k.sums.DepthBound n depth plain e₁)
    (h₂ : ∀ m, k.across = some m → m.DepthBound (min k.splits n) acrossDepth false e₂) :
    Near (k.bound e₁ e₂) ts v := by
  obtain ⟨s, hs, hv⟩ : ∃ s, k.SumsBy _ _ ts s ∧
      abs (v - s) ≤ k.lastRounding.relative * abs s + k.lastRounding.absolute := by
    unfold GivesWithin GivesBy at h
    unfold lastRounding
    split at h
    · refine ⟨v, h, ?_⟩
      rw [abs_sub_self]
      show (0 : Rat) ≤ 0 * abs v + 0
      rw [Rat.zero_mul, Rat.add_zero]; exact Rat.le_refl
    · obtain ⟨s, hs, hv⟩ := h
      exact ⟨s, hs, hv.abs_sub_le⟩
  exact (near_sumsWithin hs hn hts h₁ h₂).followedBy lastRounding_relative_nonneg hv

/-! ### Any order -/

/-- A kernel that sums at most n terms that are not zero in any order has depths of at most n, and
of at most the number of its partial sums. -/
theorem Gives.within (h : k.Gives ts v) (hn : nonzeros ts ≤ n) :
    k.GivesWithin n (min k.splits n) ts v := by
  refine GivesBy.mono (fun h hus => h.within (Nat.le_trans hus hn)) (fun {m ps u} h hps => ?_) h
  obtain ⟨hps, hlen⟩ := hps
  have := hps.nonzeros_le Computes.eq_zero
  have := nonzeros_le_length ps
  exact h.within (by omega)

/-- **What a kernel promises**: what it returns for at most n terms that are not zero is as near
their sum as its error bound says, in whatever order and however they are dealt out. -/
theorem near (h : k.Gives ts v) (hn : nonzeros ts ≤ n)
    (hts : ∀ t ∈ ts, plain = true → k.sums.format.Representable t)
    (h₁ : k.sums.SumBound n plain e₁)
    (h₂ : ∀ m, k.across = some m → m.SumBound (min k.splits n) false e₂) :
    Near (k.bound e₁ e₂) ts v :=
  near_within (h.within hn) hn hts h₁ h₂

/-- 0 ≤ ρ, of what the kernel returns. -/
theorem bound_relative_nonneg (h₁ : k.sums.DepthBound n depth plain e₁)
    (h₂ : ∀ m, k.across = some m → m.DepthBound (min k.splits n) acrossDepth false e₂) :
    0 ≤ (k.bound e₁ e₂).relative := by
  refine ErrorBound.followedBy_relative_nonneg ?_ lastRounding_relative_nonneg
  unfold sumBound
  split
  · exact h₁.relative_nonneg
  · next m h =>
    exact ErrorBound.followedBy_relative_nonneg h₁.relative_nonneg (h₂ m h).relative_nonneg

end Accumulation

end RuntimeApprox
