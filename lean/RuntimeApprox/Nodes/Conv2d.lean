module

public import RuntimeApprox.Conv2d
public import RuntimeApprox.Conv2d.VJP
public import RuntimeApprox.Nodes.Kernel
public import RuntimeApprox.Nodes.Theorems

/-!
# The conv2d node

With one eps a tensor, the bounds of `conv2dRevNode` are the bound tensors of
`RuntimeApprox.Conv2d`, of which the theorems about conv2d alone speak.

## Main results
* `conv2dRevNode_vjp_exact`: the exact vector-Jacobian product is `conv2d_backward_spec`.
* `conv2dNode_isGradient`: it is the gradient of the forward pass.
* `conv2dRevNode_forwardBound`: the forward bound is `conv2dBoundTensor`.
* `conv2dRevNode_vjpBound`: the bounds of the gradients are `conv2dInputBoundTensor`,
  `conv2dKernelBoundTensor` and `conv2dBiasBoundTensor`.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u}

/-- Pairs with the same eps at every entry. -/
theorem Tensor.pairs_fill [OrderedField K] {s : List Nat} (t : Tensor K s) (e : K) :
    t.pairs (Tensor.fill s e) = t.withEps e := Tensor.ext fun i => by
  unfold Tensor.pairs Tensor.withEps
  rw [Tensor.get_zipWith, Tensor.get_fill, Tensor.get_map]

theorem Contraction.eps_eval (A : Arithmetic (Approx K)) (c : Contraction Int)
    (fs : c.Factors (Approx K)) (as : c.Addends (Approx K)) :
    (eval A c fs as).eps = Tensor.ofFn c.shape fun i => (evalAt A c fs as (outIndices c.out i)).eps :=
  Tensor.ext fun i => by
    unfold Tensor.eps eval
    rw [Tensor.get_map, Tensor.get_ofFn, Tensor.get_ofFn]

variable [OrderedField K] {R : Rounding K} (hR : R.Lawful) (g : Conv2d) (x : Tensor K g.inputShape)
  (weight : Tensor K g.kernelShape) (bias : Tensor K g.biasShape) (δ : Tensor K g.outputShape)
  (epsX epsW epsB epsδ : K)

/-- In exact arithmetic the node's vector-Jacobian product is `conv2d_backward_spec`. -/
theorem conv2dRevNode_vjp_exact :
    (conv2dRevNode hR g).vjpSpec (x, weight, bias, ⟨⟩) δ =
      ((conv2d_backward_spec g x weight δ).input, (conv2d_backward_spec g x weight δ).kernel,
        (conv2d_backward_spec g x weight δ).bias, ⟨⟩) := rfl

/-- The node's vector-Jacobian product is the gradient of the forward pass. -/
theorem conv2dNode_isGradient : (conv2dNode K g).IsGradient := fun (x, weight, bias, ⟨⟩) δ =>
  Contraction.dot_tangent (out := (conv2dForward g.sizes).out) (red := (conv2dForward g.sizes).red)
    (p := (conv2dForward g.sizes).factor) (q := (conv2dForward g.sizes).factors.headD ⟨"", []⟩)
    (b := (conv2dForward g.sizes).addends.headD ⟨"", []⟩) x weight bias δ
    (conv2d_input_adjoint ..) (conv2d_kernel_adjoint ..) (conv2d_bias_adjoint ..)

/-- The node's forward bound is `conv2dBoundTensor`. -/
theorem conv2dRevNode_forwardBound :
    (conv2dRevNode hR g).forwardBound (x, weight, bias, ⟨⟩)
      (Tensor.fill _ epsX, Tensor.fill _ epsW, Tensor.fill _ epsB, ⟨⟩) =
    conv2dBoundTensor R g x epsX weight epsW bias epsB := by
  show (conv2d (bound R) g (x.pairs _) (weight.pairs _) (bias.pairs _)).eps = _
  rw [Tensor.pairs_fill, Tensor.pairs_fill, Tensor.pairs_fill]
  exact Contraction.eps_eval (bound R) (conv2dForward g.sizes) _ _

/-- The node's bounds of the gradients are those of the three gradients. -/
theorem conv2dRevNode_vjpBound :
    (conv2dRevNode hR g).vjpBound (x, weight, bias, ⟨⟩)
      (Tensor.fill _ epsX, Tensor.fill _ epsW, Tensor.fill _ epsB, ⟨⟩) δ (Tensor.fill _ epsδ) =
    (conv2dInputBoundTensor R g weight epsW δ epsδ, conv2dKernelBoundTensor R g x epsX δ epsδ,
      conv2dBiasBoundTensor R g δ epsδ, ⟨⟩) := by
  show ((conv2dInputDeriv (bound R) g (weight.pairs _) (δ.pairs _)).eps,
    (conv2dKernelDeriv (bound R) g (x.pairs _) (δ.pairs _)).eps,
    (conv2dBiasDeriv (bound R) g (δ.pairs _)).eps, PUnit.unit) = _
  rw [Tensor.pairs_fill, Tensor.pairs_fill, Tensor.pairs_fill]
  exact congr (congrArg Prod.mk (Contraction.eps_eval (bound R) (conv2dInputGrad g.sizes) _ _))
    (congr (congrArg Prod.mk (Contraction.eps_eval (bound R) (conv2dKernelGrad g.sizes) _ _))
      (congrArg (Prod.mk · PUnit.unit) (Contraction.eps_eval (bound R) (conv2dBiasGrad g.sizes) _ _)))

end RuntimeApprox
