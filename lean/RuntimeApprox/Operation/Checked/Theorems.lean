module

public import RuntimeApprox.Machine.Theorems
public import RuntimeApprox.Operation.Checked
public import RuntimeApprox.Graph.Theorems

/-!
# The record of overflow changes nothing

## Main results
* `boundNet_respects_checkedNet`: the record of overflow leaves values and bounds as they are.
* `RevGraph.gradient_checked`: the pairs of the checked gradients are the values and bounds that
  `RevGraph.gradient_approx` is about.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-- The record of overflow leaves values and bounds as they are. -/
theorem boundNet_respects_checkedNet (f : Format) :
    (boundNet f.rounding).Respects (checkedNet f) Checked.Is where
  toRespects := bound_respects_checked f
  const _ := rfl
  apply₁ _ _ _ h := by unfold Checked.Is at *; subst h; rfl
  apply₂ _ _ _ _ _ h h' := by unfold Checked.Is at *; subst h h'; rfl

/-- Where the checked operands have the pairs of the given ones, so have the checked gradients. -/
theorem RevGraph.gradient_checked (f : Format) {Γ Δ : List (List Nat)} {s : List Nat}
    (g : RevGraph Rat Γ (s :: Δ)) {ps : Tensors (Approx Rat) Γ} {cs : Tensors Checked Γ}
    (hx : ps.Rel Checked.Is cs) {δ : Tensor (Approx Rat) s} {γ : Tensor Checked s}
    (hδ : δ.Rel Checked.Is γ) :
    (g.gradient (boundNet f.rounding) ps δ).Rel Checked.Is (g.gradient (checkedNet f) cs γ) :=
  g.backprop_rel (boundNet_respects_checkedNet f) hx ⟨hδ, Cotangents.none_rel _⟩

end RuntimeApprox
