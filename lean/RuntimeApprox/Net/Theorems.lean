module

public import RuntimeApprox.Graph.Theorems
public import RuntimeApprox.Net
public import RuntimeApprox.Nodes.Conv2d
public import RuntimeApprox.Nodes.Linear

/-!
# The bounds of the network hold, and the report is true

Primed tensors are the exact ones; the others, which the machine computes with, are within eps of
them. What the report prints of a network in a format: `value` is what the format's arithmetic
computes from the rounded data, and `bound` bounds its distance from `exact`, for the output and for
every gradient.

## Main results
* `smallNet_output_approx`, `smallNet_backprop_approx`: every entry of the output, and of the
  gradients with respect to the input and all parameters, is within its bound.
* `smallNet_backprop_approxT`: the same with one eps a tensor.
* `smallNet_isGradient`: exact backpropagation is the gradient.
* `report_output_encloses`, `report_gradients_enclose`: |value − exact| ≤ bound at every entry.
* `report_output_hasValue`, `report_gradients_haveValue`: value is the format's.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

section
universe u
variable {K : Type u} [OrderedField K]

variable {R : Rounding K} (hR : R.Lawful) (net : SmallNet) {xs' xs : Tensors K net.context}
include hR

/-- Every entry of the output of conv → relu → conv → flatten → linear is within its bound:
|rounded − exact| ≤ `outputBound`. -/
theorem smallNet_output_approx {eps : Tensors K net.context} (hx : Tensors.Within xs' xs eps) :
    Tensor.Within (net.output exactNet xs') (net.output (roundedNet R) xs)
      (net.outputBound R xs eps) :=
  ((net.graph K).eval_approx (ParametricNode.model hR) hx).get .zero

variable {δ' δ : Tensor K net.linear.outputShape}

/-- Every entry of the gradients of conv → relu → conv → flatten → linear with respect to the input
and to all weights and biases is within its bound, whatever the shapes:
|rounded − exact| ≤ `gradientBounds`. -/
theorem smallNet_backprop_approx {eps : Tensors K net.context}
    {epsδ : Tensor K net.linear.outputShape} (hx : Tensors.Within xs' xs eps)
    (hδ : Tensor.Within δ' δ epsδ) :
    Tensors.Within (net.gradients exactNet xs' δ') (net.gradients (roundedNet R) xs δ)
      (net.gradientBounds R xs eps δ epsδ) :=
  (net.graph K).gradient_approx (ParametricNode.model hR) hx hδ

/-- With one eps for each of the input, the weights and the biases, every gradient is within the norm
of its bounds. -/
theorem smallNet_backprop_approxT {eps : Epsilons K net.context} {epsδ : K}
    (hx : Tensors.approxT xs' xs eps) (hδ : approxT δ' δ epsδ) :
    Tensors.approxT (net.gradients exactNet xs' δ') (net.gradients (roundedNet R) xs δ)
      (net.gradientBounds R xs eps.fill δ (Tensor.fill _ epsδ)).linfNorms :=
  (net.graph K).gradient_approxT (ParametricNode.model hR) hx hδ

omit hR in
/-- Exact backpropagation through conv → relu → conv → flatten → linear is the gradient: at dual
numbers x + dx·ε, ⟨δ, derivative of the output along dx⟩ = ⟨gradients, dx⟩. -/
theorem smallNet_isGradient (xs : Tensors (Dual K) net.context) (δ : Tensor K net.linear.outputShape) :
    δ.dot ((net.output dualNet xs).map Dual.tangent) =
      (net.gradients exactNet (xs.map Dual.value) δ).dot (xs.map Dual.tangent) :=
  RevGraph.gradient_isGradient (E := exactNet.pass) (D := dualNet.pass) rfl (net.graph K)
    ⟨⟨⟨⟨⟨trivial, (conv2dNode_isGradient _).pass⟩, (reluNode_isGradient _).pass⟩,
      (conv2dNode_isGradient _).pass⟩, (reshapeNode_isGradient _).pass⟩,
      (linearNode_isGradient _).pass⟩ xs δ

end

/-! ### The report -/

/-- A rounded number with the error of its rounding encloses the number. -/
theorem Checked.encloses_rounded (f : Format) (x : Rat) :
    Checked.Encloses x (Checked.rounded f x) :=
  (exactNet_respects_checkedNet f).const x

theorem Checked.hasValue_rounded (f : Format) (x : Rat) :
    Checked.HasValue (f.round x) (Checked.rounded f x) := rfl

variable (f : Format) (net : SmallNet) (xs : Tensors Rat net.context)
  (δ : Tensor Rat net.linear.outputShape)

/-- |value − exact| ≤ bound at every entry of the output, on any data. -/
theorem report_output_encloses : (net.output exactNet xs).Rel Checked.Encloses
    (net.output (checkedNet f) (xs.map (Checked.rounded f))) :=
  Var.get_rel .zero ((net.graph Rat).eval_rel (exactNet_respects_checkedNet f).pass
    (Tensors.rel_map_right (Checked.encloses_rounded f) xs))

/-- The values of the output are those of the format's arithmetic on the rounded data. -/
theorem report_output_hasValue : (net.output (roundedNet f.rounding) (xs.map f.round)).Rel
    Checked.HasValue (net.output (checkedNet f) (xs.map (Checked.rounded f))) :=
  Var.get_rel .zero ((net.graph Rat).eval_rel (roundedNet_respects_checkedNet f).pass
    (Tensors.rel_map (Checked.hasValue_rounded f) xs))

/-- |value − exact| ≤ bound at every entry of every gradient, on any data. -/
theorem report_gradients_enclose : (net.gradients exactNet xs δ).Rel Checked.Encloses
    (net.gradients (checkedNet f) (xs.map (Checked.rounded f)) (δ.map (Checked.rounded f))) :=
  (net.graph Rat).backprop_rel (exactNet_respects_checkedNet f).pass
    (Tensors.rel_map_right (Checked.encloses_rounded f) xs)
    ⟨.some (δ.rel_map_right (Checked.encloses_rounded f)), Cotangents.none_rel _⟩

/-- The values of the gradients are those of the format's arithmetic on the rounded data. -/
theorem report_gradients_haveValue :
    (net.gradients (roundedNet f.rounding) (xs.map f.round) (δ.map f.round)).Rel Checked.HasValue
      (net.gradients (checkedNet f) (xs.map (Checked.rounded f)) (δ.map (Checked.rounded f))) :=
  (net.graph Rat).backprop_rel (roundedNet_respects_checkedNet f).pass
    (Tensors.rel_map (Checked.hasValue_rounded f) xs)
    ⟨.some (Tensor.rel_ofFn fun _ => Checked.hasValue_rounded f _), Cotangents.none_rel _⟩

end RuntimeApprox
