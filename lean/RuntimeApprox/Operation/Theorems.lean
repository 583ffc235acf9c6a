module

public import RuntimeApprox.Operation
public import RuntimeApprox.Rounding.Theorems

/-!
# The arithmetics for networks are sound

## Main results
* `exactNet_respects_boundNet`: pairs that enclose the exact values keep doing so.
* `roundedNet_respects_boundNet`: the pairs' values are those of the rounded arithmetic.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

/-- Pairs that enclose the exact values keep doing so under constants and operations. -/
theorem exactNet_respects_boundNet {R : Rounding K} (hR : R.Lawful) :
    exactNet.Respects (boundNet R) Approx.Encloses where
  toRespects := exact_respects_bound hR
  const c := Std.IsPreorder.le_refl (abs (R.rnd c - c))
  apply₁ f _ _ h := f.sound hR h
  apply₂ f _ _ _ _ h h' := f.sound hR h h'

/-- The values of the pairs are those of the rounded arithmetic. -/
theorem roundedNet_respects_boundNet (R : Rounding K) :
    (roundedNet R).Respects (boundNet R) Approx.HasValue where
  toRespects := rounded_respects_bound R
  const _ := rfl
  apply₁ _ _ _ h := by unfold Approx.HasValue at *; subst h; rfl
  apply₂ _ _ _ _ _ h h' := by unfold Approx.HasValue at *; subst h h'; rfl

end RuntimeApprox
