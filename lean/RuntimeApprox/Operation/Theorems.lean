module

public import RuntimeApprox.Machine.Theorems
public import RuntimeApprox.Operation

/-!
# The checked arithmetic of a format for networks is sound

## Main results
* `exactNet_respects_checkedNet`: checked pairs that enclose the exact values keep doing so.
* `roundedNet_respects_checkedNet`: their values are those of the arithmetic of the format.
* `boundNet_respects_checkedNet`: the record of overflow leaves values and bounds as they are.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-- The checked pair encloses the exact value: |value − x| ≤ eps. -/
def Checked.Encloses (x : Rat) (c : Checked) : Prop := Approx.Encloses x c.approx

/-- The checked pair has the rounded value. -/
def Checked.HasValue (v : Rat) (c : Checked) : Prop := Approx.HasValue v c.approx

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
