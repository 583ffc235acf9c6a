module

public import RuntimeApprox.OrderedField

/-!
# Absolute value, maximum, sums and powers

## Main results
* `abs_add_le`, `abs_sub_le`: the triangle inequality.
* `abs_mul`: |x·y| = |x|·|y|.
* `mul_le_mul`: products of nonnegative numbers are monotone.
* `listSum_append`, `sumAbs_append`: sums of lists that are appended; `listSum_perm`, `sumAbs_perm`:
  the order does not matter.
* `abs_listSum_le`: |Σtᵢ| ≤ Σ|tᵢ|.
* `listSum_map_one_eq_length`: a sum of ones is their number.
* `OrderedField.one_le_pow`, `OrderedField.pow_le_pow_right`: powers of numbers that are at least 1.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

open Lean.Grind

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

/-! ### Sums and powers -/

/-- Σ(as ++ bs) = Σas + Σbs -/
theorem listSum_append (as bs : List K) : (as ++ bs).sum = as.sum + bs.sum := by
  induction as <;> grind

/-- Σ|as ++ bs| = Σ|as| + Σ|bs| -/
theorem sumAbs_append (as bs : List K) : sumAbs (as ++ bs) = sumAbs as + sumAbs bs := by
  rw [sumAbs, List.map_append, listSum_append]; rfl

/-- A sum does not depend on the order of its terms. -/
theorem listSum_perm {as bs : List K} (h : as.Perm bs) : as.sum = bs.sum := by
  induction h <;> grind

/-- A sum of absolute values does not depend on the order of its terms. -/
theorem sumAbs_perm {as bs : List K} (h : as.Perm bs) : sumAbs as = sumAbs bs :=
  listSum_perm (h.map abs)

/-- 0 ≤ Σ|tᵢ| -/
theorem sumAbs_nonneg (ts : List K) : 0 ≤ sumAbs ts := by
  unfold sumAbs
  induction ts <;> grind [abs_nonneg]

/-- |t| ≤ Σ|tᵢ| for each of the numbers. -/
theorem abs_le_sumAbs {t : K} {ts : List K} (h : t ∈ ts) : abs t ≤ sumAbs ts := by
  have h0 := sumAbs_nonneg (K := K)
  unfold sumAbs at *
  induction ts <;> grind [abs_nonneg]

/-- |Σtᵢ| ≤ Σ|tᵢ| -/
theorem abs_listSum_le (ts : List K) : abs ts.sum ≤ sumAbs ts := by
  unfold sumAbs
  induction ts <;> grind [abs_add_le, abs_zero]

/-- Σ|tᵢ| = Σtᵢ for numbers that are not negative. -/
theorem sumAbs_eq_listSum {ts : List K} (h : ∀ t ∈ ts, 0 ≤ t) : sumAbs ts = ts.sum := by
  unfold sumAbs
  induction ts <;> grind [abs_of_nonneg]

attribute [local instance] Lean.Grind.Semiring.natCast in
/-- A sum of ones is their number. -/
theorem listSum_map_one_eq_length (ts : List K) :
    (ts.map fun _ => (1 : K)).sum = (ts.length : K) := by
  induction ts <;> simp only [List.map, List.length] <;> grind

namespace OrderedField

/-- 1 ≤ xⁿ for x ≥ 1. -/
theorem one_le_pow {x : K} (hx : 1 ≤ x) (n : Nat) : 1 ≤ x ^ n := by
  induction n with
  | zero => rw [Lean.Grind.Semiring.pow_zero]; exact Std.IsPreorder.le_refl 1
  | succ n ih =>
    have := mul_le_mul ih hx (by grind) (by grind)
    rw [Lean.Grind.Semiring.pow_succ]; grind

/-- xᵐ ≤ xⁿ for x ≥ 1 and m ≤ n. -/
theorem pow_le_pow_right {x : K} (hx : 1 ≤ x) {m n : Nat} (h : m ≤ n) : x ^ m ≤ x ^ n := by
  induction h with
  | refl => exact Std.IsPreorder.le_refl _
  | @step k _ ih =>
    have := mul_le_mul_left (show 0 ≤ x ^ k by have := one_le_pow hx k; grind) hx
    rw [Lean.Grind.Semiring.pow_succ]; grind

end OrderedField

end RuntimeApprox
