module

public import RuntimeApprox.AnyOrder
public import RuntimeApprox.OrderedField.Theorems

/-!
# Sums and powers

## Main results
* `listSum_append`, `sumAbs_append`: of lists that are appended.
* `listSum_perm`, `sumAbs_perm`: the order does not matter.
* `abs_listSum_le`: |Σtᵢ| ≤ Σ|tᵢ|.
* `listSum_map_one_eq_length`: a sum of ones is their number.
* `OrderedField.one_le_pow`, `OrderedField.pow_le_pow_right`: powers of numbers that are at least 1.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

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
