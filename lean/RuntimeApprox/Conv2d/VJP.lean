module

public import RuntimeApprox.Conv2d.Convolution
public import RuntimeApprox.Operations.Adjoints

/-!
# The gradients of conv2d are its vector-Jacobian product

Conv2d is linear in each operand, and each of its gradients is the adjoint of the linear map in that
operand, for every batch, groups, stride, padding and dilation.

## Main results
* `conv2d_bilinear`: conv2d is linear in input and kernel, and the bias is added.
* `conv2d_adjoints`: ⟨δ, conv(dx, w, 0)⟩ = ⟨dx, input gradient⟩, and likewise for kernel and bias.
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
