module

public import RuntimeApprox.Conv2d
public import RuntimeApprox.Contraction.Theorems

/-!
# The bounds of conv2d and its gradients hold

Each theorem is a corollary of the fundamental theorem of contractions. In all of them primed
operands are the exact ones, and the others, which the machine computes with, are within eps of
them.

## Main results
* `approx_conv2d_point`, `approx_conv2d_bias_point`, `approx_conv2d_kernel_point`,
  `approx_conv2d_input_point`: an entry of the rounded result is within its bound.
* `approxT_conv2d_spec`, `approxT_conv2d_bias_deriv_spec`, `approxT_conv2d_kernel_deriv_spec`,
  `approxT_conv2d_input_deriv_spec`: the results are within the norm of the bounds.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

theorem Tensor.encloses_withEps {s : List Nat} {t' t : Tensor K s} {eps : K}
    (h : approxT t' t eps) : t'.Rel Approx.Encloses (t.withEps eps) := fun i => by
  unfold Tensor.withEps; rw [Tensor.get_map]; exact h i

omit [OrderedField K] in
theorem Tensor.hasValue_withEps {s : List Nat} (t : Tensor K s) (eps : K) :
    t.Rel Approx.HasValue (t.withEps eps) := fun i => by
  unfold Tensor.withEps; rw [Tensor.get_map]; rfl

variable {R : Rounding K} (hR : R.Lawful) (g : Conv2d)
include hR

/-- An entry of the rounded forward pass is within its bound. -/
theorem approx_conv2d_point {x' x : Tensor K g.inputShape} {weight' weight : Tensor K g.kernelShape}
    {bias' bias : Tensor K g.biasShape} {epsX epsW epsB : K} (hx : approxT x' x epsX)
    (hw : approxT weight' weight epsW) (hb : approxT bias' bias epsB) (i : Index g.outputShape) :
    abs ((conv2d (rounded R) g x weight bias).get i - (conv2d exact g x' weight' bias').get i) ≤
      conv2dPointBound R g x epsX weight epsW bias epsB i :=
  Contraction.abs_rounded_sub_exact_le hR (conv2dForward g.sizes)
    (.cons (Tensor.encloses_withEps hx) (.cons (Tensor.encloses_withEps hw) .nil))
    (.cons (Tensor.hasValue_withEps x _) (.cons (Tensor.hasValue_withEps weight _) .nil))
    (.cons (Tensor.encloses_withEps hb) .nil) (.cons (Tensor.hasValue_withEps bias _) .nil) i

/-- An entry of the rounded bias gradient is within its bound. -/
theorem approx_conv2d_bias_point {δ' δ : Tensor K g.outputShape} {epsδ : K}
    (hδ : approxT δ' δ epsδ) (i : Index g.biasShape) :
    abs ((conv2dBiasDeriv (rounded R) g δ).get i - (conv2dBiasDeriv exact g δ').get i) ≤
      conv2dBiasPointBound R g δ epsδ i :=
  Contraction.abs_rounded_sub_exact_le hR (conv2dBiasGrad g.sizes) (.cons (Tensor.encloses_withEps hδ) .nil)
    (.cons (Tensor.hasValue_withEps δ _) .nil) .nil .nil i

/-- An entry of the rounded kernel gradient is within its bound. -/
theorem approx_conv2d_kernel_point {x' x : Tensor K g.inputShape} {δ' δ : Tensor K g.outputShape}
    {epsX epsδ : K} (hx : approxT x' x epsX) (hδ : approxT δ' δ epsδ) (i : Index g.kernelShape) :
    abs ((conv2dKernelDeriv (rounded R) g x δ).get i - (conv2dKernelDeriv exact g x' δ').get i) ≤
      conv2dKernelPointBound R g x epsX δ epsδ i :=
  Contraction.abs_rounded_sub_exact_le hR (conv2dKernelGrad g.sizes)
    (.cons (Tensor.encloses_withEps hx) (.cons (Tensor.encloses_withEps hδ) .nil))
    (.cons (Tensor.hasValue_withEps x _) (.cons (Tensor.hasValue_withEps δ _) .nil)) .nil .nil i

/-- An entry of the rounded input gradient is within its bound. -/
theorem approx_conv2d_input_point {weight' weight : Tensor K g.kernelShape}
    {δ' δ : Tensor K g.outputShape} {epsW epsδ : K} (hw : approxT weight' weight epsW)
    (hδ : approxT δ' δ epsδ) (i : Index g.inputShape) :
    abs ((conv2dInputDeriv (rounded R) g weight δ).get i -
        (conv2dInputDeriv exact g weight' δ').get i) ≤
      conv2dInputPointBound R g weight epsW δ epsδ i :=
  Contraction.abs_rounded_sub_exact_le hR (conv2dInputGrad g.sizes)
    (.cons (Tensor.encloses_withEps hw) (.cons (Tensor.encloses_withEps hδ) .nil))
    (.cons (Tensor.hasValue_withEps weight _) (.cons (Tensor.hasValue_withEps δ _) .nil)) .nil .nil i

/-- The rounded forward pass is within the norm of its bounds. -/
theorem approxT_conv2d_spec {x' x : Tensor K g.inputShape} {weight' weight : Tensor K g.kernelShape}
    {bias' bias : Tensor K g.biasShape} {epsX epsW epsB : K} (hx : approxT x' x epsX)
    (hw : approxT weight' weight epsW) (hb : approxT bias' bias epsB) :
    approxT (conv2d exact g x' weight' bias') (conv2d (rounded R) g x weight bias)
      (linfNorm (conv2dBoundTensor R g x epsX weight epsW bias epsB)) :=
  approxT_linfNorm fun i => by
    unfold conv2dBoundTensor; rw [Tensor.get_ofFn]; exact approx_conv2d_point hR g hx hw hb i

/-- The rounded bias gradient is within the norm of its bounds. -/
theorem approxT_conv2d_bias_deriv_spec {δ' δ : Tensor K g.outputShape} {epsδ : K}
    (x' : Tensor K g.inputShape) (weight' : Tensor K g.kernelShape) (hδ : approxT δ' δ epsδ) :
    approxT (conv2d_backward_spec g x' weight' δ').bias (conv2dBiasDeriv (rounded R) g δ)
      (linfNorm (conv2dBiasBoundTensor R g δ epsδ)) :=
  approxT_linfNorm fun i => by
    unfold conv2dBiasBoundTensor; rw [Tensor.get_ofFn]; exact approx_conv2d_bias_point hR g hδ i

/-- The rounded kernel gradient is within the norm of its bounds. -/
theorem approxT_conv2d_kernel_deriv_spec {x' x : Tensor K g.inputShape}
    {δ' δ : Tensor K g.outputShape} {epsX epsδ : K} (weight' : Tensor K g.kernelShape)
    (hx : approxT x' x epsX) (hδ : approxT δ' δ epsδ) :
    approxT (conv2d_backward_spec g x' weight' δ').kernel (conv2dKernelDeriv (rounded R) g x δ)
      (linfNorm (conv2dKernelBoundTensor R g x epsX δ epsδ)) :=
  approxT_linfNorm fun i => by
    unfold conv2dKernelBoundTensor; rw [Tensor.get_ofFn]
    exact approx_conv2d_kernel_point hR g hx hδ i

/-- The rounded input gradient is within the norm of its bounds. -/
theorem approxT_conv2d_input_deriv_spec {weight' weight : Tensor K g.kernelShape}
    {δ' δ : Tensor K g.outputShape} {epsW epsδ : K} (x' : Tensor K g.inputShape)
    (hw : approxT weight' weight epsW) (hδ : approxT δ' δ epsδ) :
    approxT (conv2d_backward_spec g x' weight' δ').input (conv2dInputDeriv (rounded R) g weight δ)
      (linfNorm (conv2dInputBoundTensor R g weight epsW δ epsδ)) :=
  approxT_linfNorm fun i => by
    unfold conv2dInputBoundTensor; rw [Tensor.get_ofFn]
    exact approx_conv2d_input_point hR g hw hδ i

end RuntimeApprox
