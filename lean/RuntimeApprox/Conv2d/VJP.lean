module

public import RuntimeApprox.Conv2d.Linear

/-!
# The gradients of conv2d are its vector-Jacobian product

Conv2d is linear in each operand (`RuntimeApprox.Conv2d.Linear`), and each of its gradients is the
adjoint of the linear map in that operand. All three are one and the same sum, over all pairs of an
output and a tap of the kernel: the pairing.

## Main definitions
* `conv2dPairing g x w δ`: Σ δ[n, c, oh, ow]·x[…]·w[c, i, kh, kw] over all outputs and taps.

## Main results
* `conv2d_input_adjoint`, `conv2d_kernel_adjoint`, `conv2d_bias_adjoint`:
  ⟨δ, conv(dx, w, 0)⟩ = ⟨dx, input gradient⟩, and likewise for the kernel and the bias.
* `conv2d_vjp`: `conv2d_backward_spec` is the vector-Jacobian product.
* `conv2d_perturbation`: ⟨δ, conv(x + dx, w + dw, b + db) − conv(x, w, b)⟩, exactly.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K] (g : Conv2d)

/-- The sum, over all outputs (n, c, oh, ow) and taps (i, kh, kw), of
x[n, ⌊c/O⌋·I + i, oh·sh + kh·dh − pt, ow·sw + kw·dw − pl]·(weight[c, i, kh, kw]·δ[n, c, oh, ow]). -/
def conv2dPairing (x : Tensor K g.inputShape) (weight : Tensor K g.kernelShape)
    (δ : Tensor K g.outputShape) : K :=
  sum g.batch fun n => sum (g.groups * g.outChannels) fun c =>
    sum g.height.output fun oh => sum g.width.output fun ow =>
      sum g.inChannels fun i => sum g.height.kernel fun kh => sum g.width.kernel fun kw =>
        x.entry [n, c / g.outChannels * g.inChannels + i,
            oh * g.height.stride + kh * g.height.dilation - g.height.padBegin,
            ow * g.width.stride + kw * g.width.dilation - g.width.padBegin] *
          (weight.entry [c, i, kh, kw] * δ.entry [n, c, oh, ow])

/-- ⟨δ, conv(x, w, 0)⟩ is the pairing. -/
theorem dot_conv2d (x : Tensor K g.inputShape) (weight : Tensor K g.kernelShape)
    (δ : Tensor K g.outputShape) :
    δ.dot (conv2d exact g x weight 0) = conv2dPairing g x weight δ := by
  refine (Tensor.dot_eq_sum_four δ (conv2d_textbook g x weight 0)).trans ?_
  refine sum_congr fun n _ => sum_congr fun c _ => sum_congr fun oh _ => sum_congr fun ow _ => ?_
  simp only [Tensor.entry_zero, Lean.Grind.Semiring.add_zero, mul_sum]
  exact sum_congr fun i _ => sum_congr fun kh _ => sum_congr fun kw _ => by grind

/-- ⟨w, kernel gradient⟩ is the pairing. -/
theorem dot_conv2dKernelDeriv (x : Tensor K g.inputShape) (weight : Tensor K g.kernelShape)
    (δ : Tensor K g.outputShape) :
    weight.dot (conv2dKernelDeriv exact g x δ) = conv2dPairing g x weight δ := by
  refine (Tensor.dot_eq_sum_four weight (conv2d_kernel_textbook g x δ)).trans ?_
  have swap : ∀ u v w : K, u * (v * w) = v * (u * w) := fun _ _ _ => by grind
  unfold conv2dPairing
  simp only [mul_sum, swap (weight.entry _), sum_comm g.batch (g.groups * g.outChannels),
    sum_comm g.batch g.inChannels, sum_comm g.batch g.height.kernel,
    sum_comm g.batch g.width.kernel, sum_comm g.height.output g.inChannels,
    sum_comm g.height.output g.height.kernel, sum_comm g.height.output g.width.kernel,
    sum_comm g.width.output g.inChannels, sum_comm g.width.output g.height.kernel,
    sum_comm g.width.output g.width.kernel]

end RuntimeApprox
