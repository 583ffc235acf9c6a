module

public import RuntimeApprox.Conv2d
public import RuntimeApprox.Operations.Adjoints

/-!
# The gradients of conv2d are its vector-Jacobian product

Conv2d is linear in each operand, and each of its gradients is the adjoint of the linear map in that
operand, for every batch, groups, stride, padding and dilation.

## Main results
* `conv2d_add_input`, `conv2d_add_weight`, `conv2d_add_bias`: what is added to an operand adds its
  own contribution to the result.
* `conv2d_smul_input`, `conv2d_smul_weight`, `conv2d_smul_bias`: and scaling it scales that.
* `conv2d_expansion`: the exact expansion for a perturbation of all three operands.
* `conv2d_bilinear`, `conv2d_adjoints`: those of the convolution of two axes.
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
  (δ : Tensor K g.outputShape) (a : K)

/-- The numbers of a conv2d as those of a convolution of two axes. -/
def Conv2d.convolution : Convolution Nat :=
  ⟨g.batch, g.groups, g.inChannels, g.outChannels,
    [⟨g.height.size, g.height.kernel, g.height.stride, g.height.padBegin, g.height.padEnd,
      g.height.dilation, g.height.output⟩,
    ⟨g.width.size, g.width.kernel, g.width.stride, g.width.padBegin, g.width.padEnd,
      g.width.dilation, g.width.output⟩]⟩

/-- conv2d is linear in input and kernel, and the bias is added. -/
theorem conv2d_bilinear : Bilinear (conv2d (α := K) exact g) := conv_bilinear g.convolution

/-- The gradients of conv2d are its adjoints in input, kernel and bias. -/
theorem conv2d_adjoints : Adjoints (conv2d (α := K) exact g) (conv2dInputDeriv exact g)
    (conv2dKernelDeriv exact g) (conv2dBiasDeriv exact g) :=
  conv_adjoints g.convolution fun a ha => by
    have := Int.natCast_pos.2 g.height.stride_pos
    have := Int.natCast_pos.2 g.width.stride_pos
    simp only [Conv2d.convolution, Convolution.ints, Convolution.map, mapList, List.mem_cons,
      List.not_mem_nil, or_false] at ha
    rcases ha with rfl | rfl <;> assumption

/-! ### Linearity -/

/-- conv(x + dx, w, b) = conv(x, w, b) + conv(dx, w, 0) -/
theorem conv2d_add_input : conv2d exact g (x + dx) weight bias =
    conv2d exact g x weight bias + conv2d exact g dx weight 0 := (conv2d_bilinear g).add_first ..

/-- conv(x, w + dw, b) = conv(x, w, b) + conv(x, dw, 0) -/
theorem conv2d_add_weight : conv2d exact g x (weight + dweight) bias =
    conv2d exact g x weight bias + conv2d exact g x dweight 0 := (conv2d_bilinear g).add_second ..

/-- conv(x, w, b + db) = conv(x, w, b) + conv(0, 0, db) -/
theorem conv2d_add_bias : conv2d exact g x weight (bias + dbias) =
    conv2d exact g x weight bias + conv2d exact g 0 0 dbias := (conv2d_bilinear g).add_addend ..

/-- conv(a·x, w, 0) = a·conv(x, w, 0) -/
theorem conv2d_smul_input : conv2d exact g (a • x) weight 0 = a • conv2d exact g x weight 0 :=
  (conv2d_bilinear g).smul_first ..

/-- conv(x, a·w, 0) = a·conv(x, w, 0) -/
theorem conv2d_smul_weight : conv2d exact g x (a • weight) 0 = a • conv2d exact g x weight 0 :=
  (conv2d_bilinear g).smul_second ..

/-- conv(0, 0, a·b) = a·conv(0, 0, b) -/
theorem conv2d_smul_bias : conv2d exact g 0 0 (a • bias) = a • conv2d exact g 0 0 bias :=
  (conv2d_bilinear g).smul_addend ..

/-- A perturbation of all three operands, exactly:
conv(x + dx, w + dw, b + db) =
  conv(x, w, b) + (conv(dx, w, 0) + conv(x, dw, 0) + conv(0, 0, db)) + conv(dx, dw, 0). -/
theorem conv2d_expansion : conv2d exact g (x + dx) (weight + dweight) (bias + dbias) =
    conv2d exact g x weight bias +
      (conv2d exact g dx weight 0 + conv2d exact g x dweight 0 + conv2d exact g 0 0 dbias) +
      conv2d exact g dx dweight 0 := (conv2d_bilinear g).expansion ..

/-! ### Adjoints -/

/-- The kernel gradient is the adjoint of the forward pass in the kernel:
⟨δ, conv(x, dw, 0)⟩ = ⟨dw, kernelGrad(x, δ)⟩. -/
theorem conv2d_kernel_adjoint :
    δ.dot (conv2d exact g x dweight 0) = dweight.dot (conv2dKernelDeriv exact g x δ) :=
  (conv2d_adjoints g).second ..

/-- The input gradient is the adjoint of the forward pass in the input:
⟨δ, conv(dx, w, 0)⟩ = ⟨dx, inputGrad(w, δ)⟩. -/
theorem conv2d_input_adjoint :
    δ.dot (conv2d exact g dx weight 0) = dx.dot (conv2dInputDeriv exact g weight δ) :=
  (conv2d_adjoints g).first ..

/-- The bias gradient is the adjoint of the forward pass in the bias:
⟨δ, conv(0, 0, db)⟩ = ⟨db, biasGrad(δ)⟩. -/
theorem conv2d_bias_adjoint :
    δ.dot (conv2d exact g 0 0 dbias) = dbias.dot (conv2dBiasDeriv exact g δ) :=
  (conv2d_adjoints g).addend ..

/-- `conv2d_backward_spec` is the vector-Jacobian product of conv2d at (x, w): paired with δ, the
derivative along (dx, dw, db), which is conv(dx, w, 0) + conv(x, dw, 0) + conv(0, 0, db), is
⟨dx, input⟩ + ⟨dw, kernel⟩ + ⟨db, bias⟩. -/
theorem conv2d_vjp :
    δ.dot (conv2d exact g dx weight 0 + conv2d exact g x dweight 0 + conv2d exact g 0 0 dbias) =
      dx.dot (conv2d_backward_spec g x weight δ).input +
      dweight.dot (conv2d_backward_spec g x weight δ).kernel +
      dbias.dot (conv2d_backward_spec g x weight δ).bias := (conv2d_adjoints g).vjp ..

/-- Gradients that are the vector-Jacobian product of conv2d at (x, w) are those of
`conv2d_backward_spec`. -/
theorem conv2d_vjp_unique {G : Gradients K g}
    (h : ∀ (dx : Tensor K g.inputShape) (dweight : Tensor K g.kernelShape)
        (dbias : Tensor K g.biasShape),
      δ.dot (conv2d exact g dx weight 0 + conv2d exact g x dweight 0 + conv2d exact g 0 0 dbias) =
        dx.dot G.input + dweight.dot G.kernel + dbias.dot G.bias) :
    G = conv2d_backward_spec g x weight δ := by
  obtain ⟨hi, hk, hb⟩ := (conv2d_adjoints g).unique h
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
      δ.dot (conv2d exact g dx dweight 0) :=
  (conv2d_adjoints g).perturbation _ _ _ _ _ _ _ (conv2d_bilinear g)

/-- Along the line (x + t·dx, w + t·dw, b + t·db), the change of ⟨δ, conv⟩ is t times the
vector-Jacobian product, and t² times ⟨δ, conv(dx, dw, 0)⟩: the former is the derivative at 0. -/
theorem conv2d_derivative (t : K) :
    δ.dot (conv2d exact g (x + t • dx) (weight + t • dweight) (bias + t • dbias) -
        conv2d exact g x weight bias) =
      t * (dx.dot (conv2d_backward_spec g x weight δ).input +
        dweight.dot (conv2d_backward_spec g x weight δ).kernel +
        dbias.dot (conv2d_backward_spec g x weight δ).bias) +
      t * t * δ.dot (conv2d exact g dx dweight 0) :=
  (conv2d_adjoints g).derivative _ _ _ _ _ _ _ (conv2d_bilinear g) t

end RuntimeApprox
