module

public import RuntimeApprox.Tensor.Algebra.Theorems

/-!
# The inner product of tensors is definite

## Main results
* `Tensor.dot_self_nonneg`, `Tensor.eq_zero_of_dot_self`: ⟨t, t⟩ ≥ 0, and 0 only for t = 0.
* `Tensor.eq_of_dot_eq`: tensors with the same inner products are equal, so adjoints are unique.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

/-- x·x ≥ 0 -/
theorem mul_self_nonneg (x : K) : 0 ≤ x * x := by
  by_cases h : 0 ≤ x
  · exact mul_nonneg h h
  · have := mul_nonneg (show 0 ≤ -x by grind) (show 0 ≤ -x by grind)
    grind

namespace Tensor

/-- The inner product of two slices along the first axis. -/
theorem dot_slice {n : Nat} {s : List Nat} (t u : Tensor K (n :: s)) {i : Nat} (hi : i < n) :
    (sums s fun is =>
        t.entry (i :: RuntimeApprox.toInts is) * u.entry (i :: RuntimeApprox.toInts is)) =
      Tensor.dot (s := s) (Vector.get t ⟨i, hi⟩) (Vector.get u ⟨i, hi⟩) := by
  have h : (0 : Int) ≤ i ∧ (i : Int).toNat < n := ⟨Int.natCast_nonneg _, hi⟩
  refine sums_congr s fun is => ?_
  rw [entry_cons, entry_cons, dif_pos h, dif_pos h]; rfl

/-- ⟨t, t⟩ ≥ 0 -/
theorem dot_self_nonneg : {s : List Nat} → (t : Tensor K s) → 0 ≤ t.dot t
  | [], t => mul_self_nonneg (K := K) t
  | _ :: _, t => sum_nonneg fun i hi => by
    have := dot_self_nonneg (Vector.get t ⟨i, hi⟩)
    rw [← dot_slice t t hi] at this
    exact this

/-- ⟨t, t⟩ = 0 only where every entry of t is 0. -/
theorem eq_zero_of_dot_self : {s : List Nat} → {t : Tensor K s} → t.dot t = 0 → ∀ i, t.get i = 0
  | [], t, h, _ => by
    have h : (show K from t) * (show K from t) = 0 := h
    show (show K from t) = 0
    grind
  | _ :: _, t, h, (i, j) => by
    refine eq_zero_of_dot_self (t := Vector.get t i) ?_ j
    rw [← dot_slice t t i.isLt]
    refine eq_zero_of_sum_eq_zero (fun k hk => ?_) h i.isLt
    have := dot_self_nonneg (Vector.get t ⟨k, hk⟩)
    rw [← dot_slice t t hk] at this
    exact this

/-- Tensors with the same inner products are equal. -/
theorem eq_of_dot_eq {s : List Nat} {u v : Tensor K s} (h : ∀ t : Tensor K s, t.dot u = t.dot v) :
    u = v := ext fun i => by
  have hz : (u - v).dot (u - v) = 0 := by
    rw [dot_sub, h]; grind
  have := eq_zero_of_dot_self hz i
  rw [get_sub] at this
  grind

end Tensor

end RuntimeApprox
