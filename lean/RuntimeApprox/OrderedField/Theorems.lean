module

public import RuntimeApprox.OrderedField

/-!
# Facts about absolute value and maximum

## Main results
* `abs_add_le`, `abs_sub_le`: the triangle inequality.
* `abs_mul`: |x·y| = |x|·|y|.
* `mul_le_mul`: products of nonnegative numbers are monotone.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

open Lean.Grind

universe u
variable {K : Type u} [OrderedField K]

theorem abs_nonneg (x : K) : 0 ≤ abs x := by unfold abs; grind

theorem abs_zero : abs (0 : K) = 0 := by unfold abs; grind

theorem abs_neg (x : K) : abs (-x) = abs x := by unfold abs; grind

theorem abs_of_nonneg {x : K} (h : 0 ≤ x) : abs x = x := by unfold abs; grind

theorem le_abs_self (x : K) : x ≤ abs x := by unfold abs; grind

theorem neg_abs_le (x : K) : -abs x ≤ x := by unfold abs; grind

/-- |x| ≤ a iff −a ≤ x ≤ a -/
theorem abs_le {x a : K} : abs x ≤ a ↔ -a ≤ x ∧ x ≤ a := by unfold abs; grind

/-- |x + y| ≤ |x| + |y| -/
theorem abs_add_le (x y : K) : abs (x + y) ≤ abs x + abs y := by unfold abs; grind

theorem abs_sub_comm (x y : K) : abs (x - y) = abs (y - x) := by unfold abs; grind

theorem abs_sub_self (x : K) : abs (x - x) = 0 := by unfold abs; grind

/-- |x − z| ≤ |x − y| + |y − z| -/
theorem abs_sub_le (x y z : K) : abs (x - z) ≤ abs (x - y) + abs (y - z) := by unfold abs; grind

theorem mul_nonneg {x y : K} (hx : 0 ≤ x) (hy : 0 ≤ y) : 0 ≤ x * y :=
  OrderedRing.mul_nonneg hx hy

theorem abs_of_nonpos {x : K} (h : x ≤ 0) : abs x = -x := by unfold abs; grind

/-- |x·y| = |x|·|y| -/
theorem abs_mul (x y : K) : abs (x * y) = abs x * abs y := by
  by_cases hx : 0 ≤ x <;> by_cases hy : 0 ≤ y
  · rw [abs_of_nonneg hx, abs_of_nonneg hy, abs_of_nonneg (mul_nonneg hx hy)]
  · have := mul_nonneg hx (show 0 ≤ -y by grind)
    rw [abs_of_nonneg hx, abs_of_nonpos (by grind), abs_of_nonpos] <;> grind
  · have := mul_nonneg (show 0 ≤ -x by grind) hy
    rw [abs_of_nonpos (by grind), abs_of_nonneg hy, abs_of_nonpos] <;> grind
  · have := mul_nonneg (show 0 ≤ -x by grind) (show 0 ≤ -y by grind)
    rw [abs_of_nonpos (x := x) (by grind), abs_of_nonpos (x := y) (by grind), abs_of_nonneg] <;>
      grind

theorem mul_le_mul_left {a x y : K} (ha : 0 ≤ a) (h : x ≤ y) : a * x ≤ a * y := by
  have := mul_nonneg ha (show 0 ≤ y - x by grind); grind

/-- Products of nonnegative numbers are monotone in both factors. -/
theorem mul_le_mul {a b x y : K} (hax : a ≤ x) (hby : b ≤ y) (hb : 0 ≤ b) (hx : 0 ≤ x) :
    a * b ≤ x * y := by
  have := mul_le_mul_left hx hby
  have := mul_le_mul_left hb hax
  grind

theorem le_max_left (x y : K) : x ≤ max x y := by unfold max; grind

theorem le_max_right (x y : K) : y ≤ max x y := by unfold max; grind

theorem max_le {x y z : K} (hx : x ≤ z) (hy : y ≤ z) : max x y ≤ z := by unfold max; grind

end RuntimeApprox
