module

public import RuntimeApprox.Format.Arithmetic.Theorems
public import RuntimeApprox.Operation

/-!
# The arithmetics for networks are sound

## Main results
* `exactNet_respects_boundNet`: pairs that enclose the exact values keep doing so.
* `roundedNet_respects_boundNet`: the pairs' values are those of the rounded arithmetic.
* `dualNet_respects_exactNet`: the values of dual numbers are exact.
* `exactNet_respects_checkedNet`: checked pairs that enclose the exact values keep doing so.
* `roundedNet_respects_checkedNet`: their values are those of the arithmetic of the format.
* `boundNet_respects_checkedNet`: the record of overflow leaves values and bounds as they are.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

section
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

/-- The values of dual numbers are those of exact arithmetic. -/
theorem dualNet_respects_exactNet :
    (dualNet (K := K)).Respects exactNet fun a x => a.value = x where
  zero := rfl
  add _ _ _ _ h h' := by subst h h'; rfl
  mul _ _ _ _ h h' := by subst h h'; rfl
  const _ := rfl
  apply₁ _ _ _ h := by subst h; rfl
  apply₂ _ _ _ _ _ h h' := by subst h h'; rfl

end

/-- The record of overflow leaves values and bounds as they are. -/
theorem boundNet_respects_checkedNet (f : Format) :
    (boundNet f.rounding).Respects (checkedNet f) Checked.Is where
  toRespects := bound_respects_checked f
  const _ := rfl
  apply₁ _ _ _ h := by unfold Checked.Is at *; subst h; rfl
  apply₂ _ _ _ _ _ h h' := by unfold Checked.Is at *; subst h h'; rfl

/-- A relation to pairs that an arithmetic respects is one to checked pairs. -/
theorem NetArithmetic.Respects.checked {f : Format} {A : NetArithmetic Rat Rat}
    {R : Rat → Approx Rat → Prop} (h : A.Respects (boundNet f.rounding) R) :
    A.Respects (checkedNet f) fun x c => R x c.approx where
  zero := h.zero
  add _ _ _ _ := h.add _ _ _ _
  mul _ _ _ _ := h.mul _ _ _ _
  const := h.const
  apply₁ _ _ _ := h.apply₁ _ _ _
  apply₂ _ _ _ _ _ := h.apply₂ _ _ _ _ _

/-- Checked pairs that enclose the exact values keep doing so. -/
theorem exactNet_respects_checkedNet (f : Format) :
    exactNet.Respects (checkedNet f) Checked.Encloses :=
  (exactNet_respects_boundNet f.rounding_lawful).checked

/-- The values of checked pairs are those of the arithmetic of the format. -/
theorem roundedNet_respects_checkedNet (f : Format) :
    (roundedNet f.rounding).Respects (checkedNet f) Checked.HasValue :=
  (roundedNet_respects_boundNet f.rounding).checked

end RuntimeApprox
