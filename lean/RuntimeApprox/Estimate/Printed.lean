module

public import RuntimeApprox.Conv2d
public import RuntimeApprox.Estimate.Theorems
public import RuntimeApprox.Printed.Theorems

/-!
# Contractions computed in any order

The printed bounds of an entry of any contraction of one or two factors: of matrix products,
convolutions of any number of axes, sums over windows, and whatever else is written as one. x are the
given operands, x′ the exact ones and xr those that the kernel multiplies. The value v is near the sum
of the summands of its entry, as what is computed in any order is, and w is v itself or any value
whatever, which v then encloses.

## Main results
* `Contraction.any_order_one`, `Contraction.any_order_two`, `Contraction.any_order_addend`: of one
  factor, of two, and of two and an addend, |w − exact| ≤ V, printed for |w − v| + ρ·M + (1 + ρ)·A + η,
  where M is the result of X and Y, and A that of Dx and Q ≥ Y + Dy plus that of X and Dy.
* `conv2d_any_order`, `conv2d_bias_any_order`, `conv2d_kernel_any_order`, `conv2d_input_any_order`: the
  same of conv2d and its gradients.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

namespace Contraction

variable {K : Type u} [OrderedField K] {out : List (List Int)} {red : List Int}
  {p₁ p₂ p₃ : Operand Int} {x' xr x X Dx : Tensor K (extents p₁.axes)}
  {y' yr y Y Dy Q : Tensor K (extents p₂.axes)} {e ev : ErrorBound K} (he : 0 ≤ e.relative)
  {ps : List (Part K)} {c v w V : K}
include he

/-- One factor. -/
theorem any_order_one {i : Index (shape ⟨out, red, p₁, [], []⟩)} (hx : Tensor.Deviates x' xr x X Dx)
    (hv : Near e (summands ⟨out, red, p₁, [], []⟩ (xr, ⟨⟩) ⟨⟩ (outIndices out i)) v)
    (hV : Printed ev ps c (abs (w - v) +
      e.estimate ((eval exact ⟨out, red, p₁, [], []⟩ (X, ⟨⟩) ⟨⟩).get i)
        ((eval exact ⟨out, red, p₁, [], []⟩ (Dx, ⟨⟩) ⟨⟩).get i)) V) :
    abs (w - (eval exact ⟨out, red, p₁, [], []⟩ (x', ⟨⟩) ⟨⟩).get i) ≤ V :=
  enclosure_printed (get_estimate_one he hx hv) hV

/-- Two factors. -/
theorem any_order_two {i : Index (shape ⟨out, red, p₁, [p₂], []⟩)}
    (hx : Tensor.Deviates x' xr x X Dx) (hy : Tensor.Deviates y' yr y Y Dy)
    (hQ : ∀ i, Y.get i + Dy.get i ≤ Q.get i)
    (hv : Near e (summands ⟨out, red, p₁, [p₂], []⟩ (xr, yr, ⟨⟩) ⟨⟩ (outIndices out i)) v)
    (hV : Printed ev ps c (abs (w - v) +
      e.estimate ((eval exact ⟨out, red, p₁, [p₂], []⟩ (X, Y, ⟨⟩) ⟨⟩).get i)
        ((eval exact ⟨out, red, p₁, [p₂], []⟩ (Dx, Q, ⟨⟩) ⟨⟩).get i +
          (eval exact ⟨out, red, p₁, [p₂], []⟩ (X, Dy, ⟨⟩) ⟨⟩).get i)) V) :
    abs (w - (eval exact ⟨out, red, p₁, [p₂], []⟩ (x', y', ⟨⟩) ⟨⟩).get i) ≤ V :=
  enclosure_printed (get_estimate_two he hx hy hQ hv) hV

/-- Two factors and an addend. -/
theorem any_order_addend {b' br b B Db : Tensor K (extents p₃.axes)}
    {i : Index (shape ⟨out, red, p₁, [p₂], [p₃]⟩)} (hx : Tensor.Deviates x' xr x X Dx)
    (hy : Tensor.Deviates y' yr y Y Dy) (hQ : ∀ i, Y.get i + Dy.get i ≤ Q.get i)
    (hb : Tensor.Deviates b' br b B Db)
    (hv : Near e (summands ⟨out, red, p₁, [p₂], [p₃]⟩ (xr, yr, ⟨⟩) (br, ⟨⟩) (outIndices out i)) v)
    (hV : Printed ev ps c (abs (w - v) +
      e.estimate ((eval exact ⟨out, red, p₁, [p₂], [p₃]⟩ (X, Y, ⟨⟩) (B, ⟨⟩)).get i)
        ((eval exact ⟨out, red, p₁, [p₂], [p₃]⟩ (Dx, Q, ⟨⟩) (0, ⟨⟩)).get i +
          (eval exact ⟨out, red, p₁, [p₂], [p₃]⟩ (X, Dy, ⟨⟩) (Db, ⟨⟩)).get i)) V) :
    abs (w - (eval exact ⟨out, red, p₁, [p₂], [p₃]⟩ (x', y', ⟨⟩) (b', ⟨⟩)).get i) ≤ V :=
  enclosure_printed (get_estimate_addend he hx hy hQ hb hv) hV

end Contraction

/-! ### conv2d and its gradients -/

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
