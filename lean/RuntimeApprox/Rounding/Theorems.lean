module

public import RuntimeApprox.Rounding
public import RuntimeApprox.OrderedField.Theorems

/-!
# The error laws are sound

## Main results
* `exact_respects_bound`: pairs that enclose the exact values keep doing so under the error laws.
* `rounded_respects_bound`: the pairs' values are those of the rounded arithmetic.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

/-- |fl(v) − x| ≤ e + halfUlp(v) where |v − x| ≤ e -/
theorem Rounding.Lawful.abs_rnd_sub_le_add {R : Rounding K} (hR : R.Lawful) {v x e : K}
    (h : abs (v - x) ≤ e) : abs (R.rnd v - x) ≤ e + R.halfUlp v := by
  have := abs_sub_le (R.rnd v) v x
  have := hR.abs_rnd_sub_le v
  grind

/-- Before rounding: |(a + b) − (x + y)| ≤ epsₐ + epsᵦ -/
theorem abs_add_sub_add_le {a b x y ea eb : K} (ha : abs (a - x) ≤ ea) (hb : abs (b - y) ≤ eb) :
    abs (a + b - (x + y)) ≤ ea + eb := by
  have := abs_add_le (a - x) (b - y)
  have : a + b - (x + y) = (a - x) + (b - y) := by grind
  grind

/-- Before rounding: |a·b − x·y| ≤ (|a| + epsₐ)·epsᵦ + |b|·epsₐ -/
theorem abs_mul_sub_mul_le {a b x y ea eb : K} (ha : abs (a - x) ≤ ea) (hb : abs (b - y) ≤ eb) :
    abs (a * b - x * y) ≤ (abs a + ea) * eb + abs b * ea := by
  have split : a * b - x * y = x * (b - y) + b * (a - x) := by grind
  have hx : abs x ≤ abs a + ea := by
    have := abs_add_le a (x - a)
    have := abs_sub_comm a x
    grind
  have := mul_le_mul hx hb (abs_nonneg _) (Std.IsPreorder.le_trans _ _ _ (abs_nonneg _) hx)
  have := mul_le_mul_left (abs_nonneg b) ha
  have := abs_add_le (x * (b - y)) (b * (a - x))
  rw [split]
  grind [abs_mul]

/-- Pairs that enclose the exact values keep doing so under the error laws. -/
theorem exact_respects_bound {R : Rounding K} (hR : R.Lawful) :
    exact.Respects (bound R) Approx.Encloses where
  zero := by show abs ((0 : K) - 0) ≤ 0; grind [abs_sub_self]
  add _ _ _ _ hx hy := hR.abs_rnd_sub_le_add (abs_add_sub_add_le hx hy)
  mul _ _ _ _ hx hy := hR.abs_rnd_sub_le_add (abs_mul_sub_mul_le hx hy)

/-- The values of the pairs are those of the rounded arithmetic. -/
theorem rounded_respects_bound (R : Rounding K) :
    (rounded R).Respects (bound R) Approx.HasValue where
  zero := rfl
  add _ _ _ _ hx hy := by unfold Approx.HasValue at *; subst hx hy; rfl
  mul _ _ _ _ hx hy := by unfold Approx.HasValue at *; subst hx hy; rfl

end RuntimeApprox
