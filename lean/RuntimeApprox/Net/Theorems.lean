module

public import RuntimeApprox.Net
public import RuntimeApprox.Graph.Theorems

/-!
# The bounds of the network hold

Primed tensors are the exact ones; the others, which the machine computes with, are within eps of
them.

## Main results
* `smallNet_output_approx`, `smallNet_backprop_approx`: every entry of the output, and of the
  gradients with respect to the input and all parameters, is within its bound.
* `smallNet_backprop_approxT`: the same with one eps a tensor.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

variable {R : Rounding K} (hR : R.Lawful) (net : SmallNet) {xs' xs : Tensors K net.context}
include hR

/-- Every entry of the output of conv → relu → conv → flatten → linear is within its bound:
|rounded − exact| ≤ `outputBound`. -/
theorem smallNet_output_approx {eps : Tensors K net.context} (hx : Tensors.Within xs' xs eps) :
    Tensor.Within (net.output exactNet xs') (net.output (roundedNet R) xs)
      (net.outputBound R xs eps) :=
  ((net.graph K).eval_approx hR hx).get .zero

variable {δ' δ : Tensor K net.linear.outputShape}

/-- Every entry of the gradients of conv → relu → conv → flatten → linear with respect to the input
and to all weights and biases is within its bound, whatever the shapes:
|rounded − exact| ≤ `gradientBounds`. -/
theorem smallNet_backprop_approx {eps : Tensors K net.context}
    {epsδ : Tensor K net.linear.outputShape} (hx : Tensors.Within xs' xs eps)
    (hδ : Tensor.Within δ' δ epsδ) :
    Tensors.Within (net.gradients exactNet xs' δ') (net.gradients (roundedNet R) xs δ)
      (net.gradientBounds R xs eps δ epsδ) :=
  (net.graph K).gradient_approx hR hx hδ

/-- With one eps for each of the input, the weights and the biases, every gradient is within the norm
of its bounds. -/
theorem smallNet_backprop_approxT {eps : Epsilons K net.context} {epsδ : K}
    (hx : Tensors.approxT xs' xs eps) (hδ : approxT δ' δ epsδ) :
    Tensors.approxT (net.gradients exactNet xs' δ') (net.gradients (roundedNet R) xs δ)
      (net.gradientBounds R xs eps.fill δ (Tensor.fill _ epsδ)).linfNorms :=
  (net.graph K).gradient_approxT hR hx hδ

end RuntimeApprox
