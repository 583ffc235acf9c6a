module

public import RuntimeApprox.Conv2d.Pairing
public import RuntimeApprox.Tensor.Algebra.Definite

/-!
# The gradients of conv2d are its vector-Jacobian product

Conv2d is linear in each operand (`RuntimeApprox.Conv2d.Linear`), and each of its gradients is the
adjoint of the linear map in that operand, for every batch, groups, stride, padding and dilation.

## Main results
* `conv2d_input_adjoint`, `conv2d_kernel_adjoint`, `conv2d_bias_adjoint`:
  ⟨δ, conv(dx, w, 0)⟩ = ⟨dx, input gradient⟩, and likewise for the kernel and the bias.
* `conv2d_vjp`: `conv2d_backward_spec` is the vector-Jacobian product.
* `conv2d_vjp_unique`: nothing else is.
* `conv2d_perturbation`: ⟨δ, conv(x + dx, w + dw, b + db) − conv(x, w, b)⟩, exactly.
* `conv2d_derivative`: the same along a line, t times the product and t² times a constant.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K] (g : Conv2d) (x dx : Tensor K g.inputShape)
  (weight dweight : Tensor K g.kernelShape) (bias dbias : Tensor K g.biasShape)
  (δ : Tensor K g.outputShape)

/-- The input gradient is the adjoint of the forward pass in the input:
⟨δ, conv(dx, w, 0)⟩ = ⟨dx, inputGrad(w, δ)⟩. -/
theorem conv2d_input_adjoint :
    δ.dot (conv2d exact g dx weight 0) = dx.dot (conv2dInputDeriv exact g weight δ) := by
  rw [dot_conv2d, dot_conv2dInputDeriv]

/-- The kernel gradient is the adjoint of the forward pass in the kernel:
⟨δ, conv(x, dw, 0)⟩ = ⟨dw, kernelGrad(x, δ)⟩. -/
theorem conv2d_kernel_adjoint :
    δ.dot (conv2d exact g x dweight 0) = dweight.dot (conv2dKernelDeriv exact g x δ) := by
  rw [dot_conv2d, dot_conv2dKernelDeriv]

/-- The bias gradient is the adjoint of the forward pass in the bias:
⟨δ, conv(0, 0, db)⟩ = ⟨db, biasGrad(δ)⟩. -/
theorem conv2d_bias_adjoint :
    δ.dot (conv2d exact g 0 0 dbias) = dbias.dot (conv2dBiasDeriv exact g δ) :=
  (dot_conv2dBiasDeriv g dbias δ).symm

/-- `conv2d_backward_spec` is the vector-Jacobian product of conv2d at (x, w): paired with δ, the
derivative along (dx, dw, db), which is conv(dx, w, 0) + conv(x, dw, 0) + conv(0, 0, db), is
⟨dx, input⟩ + ⟨dw, kernel⟩ + ⟨db, bias⟩. -/
theorem conv2d_vjp :
    δ.dot (conv2d exact g dx weight 0 + conv2d exact g x dweight 0 + conv2d exact g 0 0 dbias) =
      dx.dot (conv2d_backward_spec g x weight δ).input +
      dweight.dot (conv2d_backward_spec g x weight δ).kernel +
      dbias.dot (conv2d_backward_spec g x weight δ).bias := by
  rw [Tensor.dot_add, Tensor.dot_add, conv2d_input_adjoint, conv2d_kernel_adjoint,
    conv2d_bias_adjoint]
  rfl

/-- Gradients that are the vector-Jacobian product of conv2d at (x, w) are those of
`conv2d_backward_spec`. -/
theorem conv2d_vjp_unique {G : Gradients K g}
    (h : ∀ (dx : Tensor K g.inputShape) (dweight : Tensor K g.kernelShape)
        (dbias : Tensor K g.biasShape),
      δ.dot (conv2d exact g dx weight 0 + conv2d exact g x dweight 0 + conv2d exact g 0 0 dbias) =
        dx.dot G.input + dweight.dot G.kernel + dbias.dot G.bias) :
    G = conv2d_backward_spec g x weight δ := by
  simp only [conv2d_vjp] at h
  have hi : G.input = (conv2d_backward_spec g x weight δ).input := Tensor.eq_of_dot_eq fun t => by
    have := h t 0 0
    simp only [Tensor.zero_dot] at this
    grind
  have hk : G.kernel = (conv2d_backward_spec g x weight δ).kernel := Tensor.eq_of_dot_eq fun t => by
    have := h 0 t 0
    simp only [Tensor.zero_dot] at this
    grind
  have hb : G.bias = (conv2d_backward_spec g x weight δ).bias := Tensor.eq_of_dot_eq fun t => by
    have := h 0 0 t
    simp only [Tensor.zero_dot] at this
    grind
  rcases G with ⟨b, k, i⟩
  subst hi hk hb
  rfl

/-- A perturbation of all three operands, paired with δ, exactly:
⟨δ, conv(x + dx, w + dw, b + db) − conv(x, w, b)⟩ =
  ⟨dx, input⟩ + ⟨dw, kernel⟩ + ⟨db, bias⟩ + ⟨δ, conv(dx, dw, 0)⟩. -/
theorem conv2d_perturbation :
    δ.dot (conv2d exact g (x + dx) (weight + dweight) (bias + dbias) -
        conv2d exact g x weight bias) =
      dx.dot (conv2d_backward_spec g x weight δ).input +
      dweight.dot (conv2d_backward_spec g x weight δ).kernel +
      dbias.dot (conv2d_backward_spec g x weight δ).bias +
      δ.dot (conv2d exact g dx dweight 0) := by
  rw [← conv2d_vjp, conv2d_expansion, Tensor.dot_sub, Tensor.dot_add, Tensor.dot_add]
  grind

/-- Along the line (x + t·dx, w + t·dw, b + t·db), the change of ⟨δ, conv⟩ is t times the
vector-Jacobian product, and t² times ⟨δ, conv(dx, dw, 0)⟩: the former is the derivative at 0. -/
theorem conv2d_derivative (t : K) :
    δ.dot (conv2d exact g (x + t • dx) (weight + t • dweight) (bias + t • dbias) -
        conv2d exact g x weight bias) =
      t * (dx.dot (conv2d_backward_spec g x weight δ).input +
        dweight.dot (conv2d_backward_spec g x weight δ).kernel +
        dbias.dot (conv2d_backward_spec g x weight δ).bias) +
      t * t * δ.dot (conv2d exact g dx dweight 0) := by
  rw [conv2d_perturbation, conv2d_smul_input, conv2d_smul_weight]
  simp only [Tensor.smul_dot, Tensor.dot_smul]
  grind

end RuntimeApprox
