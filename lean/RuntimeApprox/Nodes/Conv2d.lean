module

public import RuntimeApprox.Conv2d
public import RuntimeApprox.Contraction.Theorems
public import RuntimeApprox.Graph

/-!
# The node of a conv2d

## Main definitions
* `conv2dNode K g`: operands input, kernel and bias; its gradients are those of `conv2d_backward`.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

/-- A conv2d with operands input, kernel and bias. -/
def conv2dNode (K : Type u) [OrderedField K] (g : Conv2d) :
    ParametricNode K [g.inputShape, g.kernelShape, g.biasShape] g.outputShape where
  forward := fun A (x, weight, bias, _) => conv2d A.toArithmetic g x weight bias
  forward_rel := fun hAB (_, _, _, _) (_, _, _, _) ⟨hx, hw, hb, _⟩ =>
    Contraction.eval_rel hAB.toRespects (conv2dForward g.sizes) (.cons hx (.cons hw .nil))
      (.cons hb .nil)
  vjp := fun A (x, weight, _, _) δ =>
    let d := conv2d_backward A.toArithmetic g x weight δ
    (d.input, d.kernel, d.bias, ⟨⟩)
  vjp_rel := fun hAB (_, _, _, _) (_, _, _, _) ⟨hx, hw, _, _⟩ _ _ hδ =>
    .cons (Contraction.eval_rel hAB.toRespects (conv2dInputGrad g.sizes)
        (.cons hw (.cons hδ .nil)) .nil)
      (.cons (Contraction.eval_rel hAB.toRespects (conv2dKernelGrad g.sizes)
          (.cons hx (.cons hδ .nil)) .nil)
        (.cons (Contraction.eval_rel hAB.toRespects (conv2dBiasGrad g.sizes) (.cons hδ .nil) .nil)
          .nil))

end RuntimeApprox
