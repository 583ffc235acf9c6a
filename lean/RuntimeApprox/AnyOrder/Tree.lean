module

public import RuntimeApprox.AnyOrder.Computes

/-!
# Sums in any mode and any order

## Main results
* `Computes.near_tree`: n terms that are not zero, in any mode, toward zero or flushed:
  |v − Σtᵢ| ≤ (g − 1)·Σ|tᵢ| + 2·n·η·g for every g ≥ (1 + u)ⁿ.
* `Adds.near`: numbers of the format with at most d additions on a path, nothing flushed:
  |v − Σtᵢ| ≤ ((1 + u)ᵈ − 1)·Σ|tᵢ|, without underflow, however many additions there are.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

open Format

/-- The sum of two results, of m and of k terms: relatively the product of their growths A and B,
absolutely 2·(m + k) − 1 operations. -/
theorem tree_node_le {a b v σ τ S T A B m k u η : Rat} (hu : 0 ≤ u) (hη : 0 ≤ η) (hm : 1 ≤ m)
    (hk : 1 ≤ k) (hA : 1 + u ≤ A) (hB : 1 + u ≤ B) (hS : abs σ ≤ S) (hT : abs τ ≤ T)
    (h1 : abs (a - σ) ≤ (A - 1) * S + (2 * m - 1) * (η * A))
    (h2 : abs (b - τ) ≤ (B - 1) * T + (2 * k - 1) * (η * B))
    (h : abs (v - (a + b)) ≤ u * abs (a + b) + η) :
    abs (v - (σ + τ)) ≤ (A * B - 1) * (S + T) + (2 * (m + k) - 1) * (η * (A * B)) := by
  have hS0 : 0 ≤ S := Rat.le_trans (abs_nonneg σ) hS
  have hT0 : 0 ≤ T := Rat.le_trans (abs_nonneg τ) hT
  have hab : abs (a + b) ≤ S + T + (abs (a - σ) + abs (b - τ)) := by
    have := abs_add_le a b
    have := abs_add_le σ (a - σ)
    have := abs_add_le τ (b - τ)
    rw [show σ + (a - σ) = a by grind, show τ + (b - τ) = b by grind] at *
    grind
  have h3 := abs_sub_le v (a + b) (σ + τ)
  have h4 := abs_add_le (a - σ) (b - τ)
  rw [show a - σ + (b - τ) = a + b - (σ + τ) by grind] at h4
  have h5 := mul_le_mul_left hu hab
  have h6 := mul_le_mul_left (show 0 ≤ 1 + u by grind) h1
  have h7 := mul_le_mul_left (show 0 ≤ 1 + u by grind) h2
  have h8 := mul_le_mul_left (show 0 ≤ A by grind) hB
  have h9 := mul_le_mul_left (show 0 ≤ B by grind) hA
  have h10 := mul_le_mul_left hS0 h8
  have h11 := mul_le_mul_left hT0 h9
  have h12 := mul_le_mul_left (mul_nonneg (show 0 ≤ 2 * m - 1 by grind) hη) h8
  have h13 := mul_le_mul_left (mul_nonneg (show 0 ≤ 2 * k - 1 by grind) hη) h9
  have h14 := mul_le_mul_left hη (show 1 ≤ A * B by
    have := mul_le_mul_left (show 0 ≤ A by grind) (show 1 ≤ B by grind); grind)
  grind

/-- |v − Σtᵢ| ≤ ((1 + u)ⁿ − 1)·Σ|tᵢ| + (2·n − 1)·η·(1 + u)ⁿ, with n terms that are not zero: they
take 2·n − 1 operations. -/
def TreeNear (m : Mode) (ts : List Rat) (v : Rat) : Prop :=
  abs (v - sumList ts) ≤ ((1 + m.roundoff) ^ nonzeros ts - 1) * sumAbs ts +
    (2 * nonzeros ts - 1) * (m.underflow * (1 + m.roundoff) ^ nonzeros ts)

namespace Computes

variable {m : Mode} {ts us : List Rat} {a b v w t : Rat}

/-- One operation on one term: |w − t| ≤ ((1 + u) − 1)·|t| + η·(1 + u). -/
theorem tree_single (h : abs (w - t) ≤ m.roundoff * abs t + m.underflow)
    (hn : nonzeros [t] ≠ 0) : TreeNear m [t] w := by
  have h2 : 2 * ((1 : Nat) : Rat) - 1 = 1 := by decide +kernel
  have h4 := mul_nonneg (Rat.le_of_lt m.underflow_pos) (Rat.le_of_lt m.roundoff_pos)
  show abs (w - (t + 0)) ≤ _ * (abs t + 0) + _
  rw [nonzeros_single hn, h2, Rat.pow_succ, Rat.pow_zero, Rat.add_zero, Rat.add_zero]
  grind

/-- The step of `treeNear`, a sum of two results. -/
theorem tree_step (hm : nonzeros ts ≠ 0) (hk : nonzeros us ≠ 0) (h : m.Gives (a + b) v)
    (hl : TreeNear m ts a) (hr : TreeNear m us b) : TreeNear m (ts ++ us) v := by
  have hu := Rat.le_of_lt m.roundoff_pos
  have hpow : ∀ n : Nat, n ≠ 0 → 1 + m.roundoff ≤ (1 + m.roundoff) ^ n := fun n hn => by
    have := OrderedField.pow_le_pow_right (show 1 ≤ 1 + m.roundoff by grind)
      (Nat.one_le_iff_ne_zero.2 hn)
    rwa [Rat.pow_succ, Rat.pow_zero, Rat.one_mul] at this
  have := tree_node_le hu (Rat.le_of_lt m.underflow_pos) (one_le_natCast hm) (one_le_natCast hk)
    (hpow _ hm) (hpow _ hk) (abs_sumList_le ts) (abs_sumList_le us) hl hr h.abs_sub_le
  rw [TreeNear, nonzeros_append, Rat.natCast_add, sumList_append, sumAbs_append,
    Lean.Grind.Semiring.pow_add]
  exact this

/-- The step of `treeNear` where some terms are zero. -/
theorem tree_add (hl : Computes m ts a) (hr : Computes m us b) (h : m.Gives (a + b) v)
    (ihl : ∀ w, m.Gives a w → nonzeros ts ≠ 0 → TreeNear m ts w)
    (ihr : ∀ w, m.Gives b w → nonzeros us ≠ 0 → TreeNear m us w)
    (hn : nonzeros (ts ++ us) ≠ 0) : TreeNear m (ts ++ us) v := by
  by_cases hm : nonzeros ts = 0
  · obtain ⟨h1, h2, h3⟩ := zeros_append hm us
    rw [hl.eq_zero hm, Rat.zero_add] at h
    rw [TreeNear, h1, h2, h3]
    exact ihr v h (h1 ▸ hn)
  by_cases hk : nonzeros us = 0
  · obtain ⟨h1, h2, h3⟩ := append_zeros ts hk
    rw [hr.eq_zero hk, Rat.add_zero] at h
    rw [TreeNear, h1, h2, h3]
    exact ihl v h (h1 ▸ hn)
  exact tree_step hm hk h (ihl a (Mode.gives_self hl.representable) hm)
    (ihr b (Mode.gives_self hr.representable) hk)

/-- With n terms that are not zero, n ≥ 1, there are 2·n − 1 operations:
|w − Σtᵢ| ≤ ((1 + u)ⁿ − 1)·Σ|tᵢ| + (2·n − 1)·η·(1 + u)ⁿ, also where the result is rounded again. -/
theorem treeNear (h : Computes m ts v) :
    ∀ w, m.Gives v w → nonzeros ts ≠ 0 → TreeNear m ts w := by
  induction h with
  | zero => exact fun _ _ hn => absurd rfl hn
  | number _ => exact fun w hw hn => tree_single hw.abs_sub_le hn
  | rounded h => exact fun w hw hn => tree_single (h.trans hw).abs_sub_le hn
  | add hl hr h ihl ihr => exact fun w hw hn => tree_add hl hr (h.trans hw) ihl ihr hn
  | @fused ts t a v hs h ih =>
    intro w hw hn
    have h := h.trans hw
    by_cases ht : t = 0
    · subst ht
      have hz : nonzeros [0] = 0 := rfl
      refine tree_add (ts := [0]) (.number representable_zero) hs h (fun _ _ h => absurd hz h) ih hn
    have h1 : nonzeros [t] ≠ 0 := by rw [nonzeros_cons ht]; omega
    by_cases hts : nonzeros ts = 0
    · rw [hs.eq_zero hts, Rat.add_zero] at h
      exact tree_add (ts := [t]) (.rounded h) hs (a := w) (b := a) (v := w)
        (by rw [hs.eq_zero hts, Rat.add_zero]; exact Mode.gives_self h.representable)
        (fun _ hw => tree_single (h.trans hw).abs_sub_le) ih hn
    refine tree_step (ts := [t]) h1 hts h (tree_single ?_ h1)
      (ih a (Mode.gives_self hs.representable) hts)
    have := mul_nonneg (Rat.le_of_lt m.roundoff_pos) (abs_nonneg t)
    have := m.underflow_pos
    rw [abs_sub_self]; grind
  | perm hp _ ih =>
    intro w hw hn
    rw [← nonzeros_perm hp] at hn
    rw [TreeNear, ← nonzeros_perm hp, ← sumList_perm hp, ← sumAbs_perm hp]
    exact ih w hw hn

/-- **Any mode and order**: with n terms that are not zero, to nearest or toward zero, flushed or
not, |v − Σtᵢ| ≤ (g − 1)·Σ|tᵢ| + 2·n·η·g for every g ≥ (1 + u)ⁿ. -/
theorem near_tree (h : Computes m ts v) {n : Nat} (hn : nonzeros ts ≤ n) {growth : Rat}
    (hg : (1 + m.roundoff) ^ n ≤ growth) :
    Near (ErrorBound.tree (n : Rat) m.underflow growth) ts v := by
  have hu := m.roundoff_pos
  have hη := m.underflow_pos
  have h1 : 1 ≤ (1 + m.roundoff) ^ n := OrderedField.one_le_pow (by grind) n
  have hg' : (1 + m.roundoff) ^ nonzeros ts ≤ growth :=
    Rat.le_trans (OrderedField.pow_le_pow_right (by grind) hn) hg
  have hn : (nonzeros ts : Rat) ≤ n := Rat.natCast_le_natCast.2 hn
  have hn0 : (0 : Rat) ≤ n := Rat.natCast_nonneg
  have h2 := mul_nonneg hn0 (mul_nonneg (Rat.le_of_lt hη) (show 0 ≤ growth by grind))
  show _ ≤ (growth - 1) * sumAbs ts + 2 * n * m.underflow * growth
  by_cases h0 : nonzeros ts = 0
  · rw [h.eq_zero h0, sumList_eq_zero h0, sumAbs_eq_zero h0, abs_sub_self]
    grind
  · have h3 := h.treeNear v (Mode.gives_self h.representable) h0
    have h4 := mul_le_mul_left (sumAbs_nonneg ts) hg'
    have h5 := mul_le_mul_left (mul_nonneg (show 0 ≤ 2 * (nonzeros ts : Rat) - 1 by
      have := one_le_natCast h0; grind) (Rat.le_of_lt hη)) hg'
    have h6 := mul_le_mul_left (mul_nonneg (Rat.le_of_lt hη) (show 0 ≤ growth by grind))
      (show 2 * (nonzeros ts : Rat) - 1 ≤ 2 * n by grind)
    unfold TreeNear at h3
    grind

end Computes

/-! ### Numbers of the format, by the depth of the additions -/

namespace Adds

variable {m : Mode} {d : Nat} {ts : List Rat} {v : Rat}

/-- It is a sum in some order. -/
theorem computes (h : Adds m d ts v) : Computes m ts v := by
  induction h with
  | zero => exact .zero
  | number h => exact .number h
  | add _ _ h ihl ihr => exact .add ihl ihr h
  | perm hp _ ih => exact .perm hp ih

/-- **Depth form**: numbers of the format with at most d additions on a path, nothing flushed:
|v − Σtᵢ| ≤ ((1 + u)ᵈ − 1)·Σ|tᵢ|, without underflow, however many additions there are. -/
theorem near (hf : m.flushed = false) (h : Adds m d ts v) :
    Near ⟨(1 + m.roundoff) ^ d - 1, 0⟩ ts v := by
  have hu := Rat.le_of_lt m.roundoff_pos
  have hpow : ∀ d, 1 ≤ (1 + m.roundoff) ^ d := OrderedField.one_le_pow (by grind)
  show _ ≤ ((1 + m.roundoff) ^ d - 1) * sumAbs ts + 0
  induction h with
  | @zero d =>
    show abs (0 - 0) ≤ _ * 0 + 0
    rw [abs_sub_self, Rat.mul_zero, Rat.add_zero]; exact Rat.le_refl
  | @number d t _ =>
    have := mul_nonneg (show 0 ≤ (1 + m.roundoff) ^ d - 1 by have := hpow d; grind)
      (sumAbs_nonneg [t])
    show abs (t - (t + 0)) ≤ _
    rw [Rat.add_zero, abs_sub_self]; grind
  | @add d ts us a b v hl hr h ihl ihr =>
    have h0 := h.abs_add_sub_le hf hl.computes.representable hr.computes.representable
    have h1 := abs_sub_le v (a + b) (sumList ts + sumList us)
    have h2 := abs_add_le (a - sumList ts) (b - sumList us)
    rw [show a - sumList ts + (b - sumList us) = a + b - (sumList ts + sumList us) by grind] at h2
    have h3 : abs (a + b) ≤
        sumAbs ts + sumAbs us + (abs (a - sumList ts) + abs (b - sumList us)) := by
      have := abs_add_le a b
      have := abs_add_le (sumList ts) (a - sumList ts)
      have := abs_add_le (sumList us) (b - sumList us)
      have := abs_sumList_le ts
      have := abs_sumList_le us
      rw [show sumList ts + (a - sumList ts) = a by grind,
        show sumList us + (b - sumList us) = b by grind] at *
      grind
    have h4 := mul_le_mul_left hu h3
    have h5 := mul_le_mul_left hu ihl
    have h6 := mul_le_mul_left hu ihr
    rw [sumList_append, sumAbs_append, Rat.pow_succ]
    generalize (1 + m.roundoff) ^ d = A at *
    grind
  | perm hp _ ih => rwa [← sumList_perm hp, ← sumAbs_perm hp]

end Adds

end RuntimeApprox
