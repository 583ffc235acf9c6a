module

public import RuntimeApprox.AnyOrder
public import RuntimeApprox.OrderedField.Theorems

/-!
# Sums and powers

## Main results
* `sumList_append`, `sumAbs_append`: of lists that are appended.
* `sumList_perm`, `sumAbs_perm`: the order does not matter.
* `abs_sumList_le`: |Σtᵢ| ≤ Σ|tᵢ|.
* `sumList_map_one_eq_length`: a sum of ones is their number.
* `OrderedField.one_le_pow`, `OrderedField.pow_le_pow_right`: powers of numbers that are at least 1.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

/-- Σ(as ++ bs) = Σas + Σbs -/
theorem sumList_append : (as bs : List K) → sumList (as ++ bs) = sumList as + sumList bs
  | [], bs => by show sumList bs = 0 + sumList bs; grind
  | a :: as, bs => by
    have := sumList_append as bs
    show a + sumList (as ++ bs) = a + sumList as + sumList bs
    grind

/-- Σ|as ++ bs| = Σ|as| + Σ|bs| -/
theorem sumAbs_append : (as bs : List K) → sumAbs (as ++ bs) = sumAbs as + sumAbs bs
  | [], bs => by show sumAbs bs = 0 + sumAbs bs; grind
  | a :: as, bs => by
    have := sumAbs_append as bs
    show abs a + sumAbs (as ++ bs) = abs a + sumAbs as + sumAbs bs
    grind

/-- A sum does not depend on the order of its terms. -/
theorem sumList_perm {as bs : List K} (h : as.Perm bs) : sumList as = sumList bs := by
  induction h with
  | nil => rfl
  | cons a _ ih => exact congrArg (a + ·) ih
  | swap a b l => show b + (a + sumList l) = a + (b + sumList l); grind
  | trans _ _ ih₁ ih₂ => exact ih₁.trans ih₂

/-- A sum of absolute values does not depend on the order of its terms. -/
theorem sumAbs_perm {as bs : List K} (h : as.Perm bs) : sumAbs as = sumAbs bs := by
  induction h with
  | nil => rfl
  | cons a _ ih => exact congrArg (abs a + ·) ih
  | swap a b l => show abs b + (abs a + sumAbs l) = abs a + (abs b + sumAbs l); grind
  | trans _ _ ih₁ ih₂ => exact ih₁.trans ih₂

/-- The sum of the absolute values, as a sum. -/
theorem sumList_map_abs : (ts : List K) → sumList (ts.map abs) = sumAbs ts
  | [] => rfl
  | t :: ts => congrArg (abs t + ·) (sumList_map_abs ts)

/-- 0 ≤ Σ|tᵢ| -/
theorem sumAbs_nonneg : (ts : List K) → 0 ≤ sumAbs ts
  | [] => Std.IsPreorder.le_refl 0
  | t :: ts => by
    have := sumAbs_nonneg ts
    have := abs_nonneg t
    show 0 ≤ abs t + sumAbs ts
    grind

/-- |Σtᵢ| ≤ Σ|tᵢ| -/
theorem abs_sumList_le : (ts : List K) → abs (sumList ts) ≤ sumAbs ts
  | [] => by show abs (0 : K) ≤ 0; rw [abs_zero]; exact Std.IsPreorder.le_refl 0
  | t :: ts => by
    have := abs_sumList_le ts
    have := abs_add_le t (sumList ts)
    show abs (t + sumList ts) ≤ abs t + sumAbs ts
    grind

/-- Σ|tᵢ| = Σtᵢ for numbers that are not negative. -/
theorem sumAbs_eq_sumList : {ts : List K} → (∀ t ∈ ts, 0 ≤ t) → sumAbs ts = sumList ts
  | [], _ => rfl
  | t :: ts, h => by
    have := sumAbs_eq_sumList fun s hs => h s (List.mem_cons_of_mem t hs)
    have := abs_of_nonneg (h t List.mem_cons_self)
    show abs t + sumAbs ts = t + sumList ts
    grind

attribute [local instance] Lean.Grind.Semiring.natCast in
/-- A sum of ones is their number. -/
theorem sumList_map_one_eq_length : (ts : List K) →
    sumList (ts.map fun _ => (1 : K)) = (ts.length : K)
  | [] => by
    show (0 : K) = ((0 : Nat) : K)
    grind
  | _ :: ts => by
    have := sumList_map_one_eq_length ts
    show (1 : K) + sumList (ts.map fun _ => 1) = ((ts.length + 1 : Nat) : K)
    grind

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
