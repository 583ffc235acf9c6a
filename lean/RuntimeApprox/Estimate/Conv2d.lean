module

public import RuntimeApprox.Conv2d
public import RuntimeApprox.Printed.Theorems

/-!
# conv2d and its gradients, computed in any order

The printed bounds of the four results, for every geometry. In all of them x are the given operands,
x′ the exact ones and xr those that the kernel multiplies, such as x rounded to TF32;
`Tensor.Deviates x' xr x X Dx` says that |x| ≤ X and |xr − x| + |x′ − x| ≤ Dx at every entry. The
value v is near the sum of the summands of its entry, those that are not padding, as what is computed
in any order is. The value w that the bound is for is v itself, whose distance from v is 0, or any
value whatever, which v then encloses.

## Main results
* `conv2d_any_order`, `conv2d_bias_any_order`, `conv2d_kernel_any_order`, `conv2d_input_any_order`:
  |w − exact| ≤ V, printed for |w − v| + ρ·M + (1 + ρ)·A + η, where M is the result of X and Y, and A
  that of Dx and Q ≥ Y + Dy plus that of X and Dy.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K] (g : Conv2d) {e ev : ErrorBound K} (he : 0 ≤ e.relative)
  {ps : List (Part K)} {c v w V : K}
include he

/-- The forward pass. -/
theorem conv2d_any_order {x' xr x X Dx : Tensor K g.inputShape}
    {weight' weightr weight W Dw Q : Tensor K g.kernelShape}
    {bias' biasr bias B Db : Tensor K g.biasShape} (hx : Tensor.Deviates x' xr x X Dx)
    (hw : Tensor.Deviates weight' weightr weight W Dw) (hQ : ∀ i, W.get i + Dw.get i ≤ Q.get i)
    (hb : Tensor.Deviates bias' biasr bias B Db) {i : Index g.outputShape}
    (hv : Near e ((conv2dForward g.sizes).summands (xr, weightr, ⟨⟩) (biasr, ⟨⟩)
      (outIndices (conv2dForward g.sizes).out i)) v)
    (hV : Printed ev ps c (abs (w - v) + e.estimate ((conv2d exact g X W B).get i)
      ((conv2d exact g Dx Q 0).get i + (conv2d exact g X Dw Db).get i)) V) :
    abs (w - (conv2d exact g x' weight' bias').get i) ≤ V :=
  enclosure_printed (Contraction.get_estimate_addend he hx hw hQ hb hv) hV

/-- The bias gradient, of which A is the result of D. -/
theorem conv2d_bias_any_order {δ' δr δ Y D : Tensor K g.outputShape}
    (hδ : Tensor.Deviates δ' δr δ Y D) {i : Index g.biasShape}
    (hv : Near e ((conv2dBiasGrad g.sizes).summands (δr, ⟨⟩) ⟨⟩
      (outIndices (conv2dBiasGrad g.sizes).out i)) v)
    (hV : Printed ev ps c (abs (w - v) + e.estimate ((conv2dBiasDeriv exact g Y).get i)
      ((conv2dBiasDeriv exact g D).get i)) V) :
    abs (w - (conv2dBiasDeriv exact g δ').get i) ≤ V :=
  enclosure_printed (Contraction.get_estimate_one he hδ hv) hV

/-- The kernel gradient. -/
theorem conv2d_kernel_any_order {x' xr x X Dx : Tensor K g.inputShape}
    {δ' δr δ Y Dy Q : Tensor K g.outputShape} (hx : Tensor.Deviates x' xr x X Dx)
    (hδ : Tensor.Deviates δ' δr δ Y Dy) (hQ : ∀ i, Y.get i + Dy.get i ≤ Q.get i)
    {i : Index g.kernelShape}
    (hv : Near e ((conv2dKernelGrad g.sizes).summands (xr, δr, ⟨⟩) ⟨⟩
      (outIndices (conv2dKernelGrad g.sizes).out i)) v)
    (hV : Printed ev ps c (abs (w - v) + e.estimate ((conv2dKernelDeriv exact g X Y).get i)
      ((conv2dKernelDeriv exact g Dx Q).get i + (conv2dKernelDeriv exact g X Dy).get i)) V) :
    abs (w - (conv2dKernelDeriv exact g x' δ').get i) ≤ V :=
  enclosure_printed (Contraction.get_estimate_two he hx hδ hQ hv) hV

/-- The input gradient. -/
theorem conv2d_input_any_order {weight' weightr weight W Dw : Tensor K g.kernelShape}
    {δ' δr δ Y Dy Q : Tensor K g.outputShape} (hw : Tensor.Deviates weight' weightr weight W Dw)
    (hδ : Tensor.Deviates δ' δr δ Y Dy) (hQ : ∀ i, Y.get i + Dy.get i ≤ Q.get i)
    {i : Index g.inputShape}
    (hv : Near e ((conv2dInputGrad g.sizes).summands (weightr, δr, ⟨⟩) ⟨⟩
      (outIndices (conv2dInputGrad g.sizes).out i)) v)
    (hV : Printed ev ps c (abs (w - v) + e.estimate ((conv2dInputDeriv exact g W Y).get i)
      ((conv2dInputDeriv exact g Dw Q).get i + (conv2dInputDeriv exact g W Dy).get i)) V) :
    abs (w - (conv2dInputDeriv exact g weight' δ').get i) ≤ V :=
  enclosure_printed (Contraction.get_estimate_two he hw hδ hQ hv) hV

end RuntimeApprox
