module

public import RuntimeApprox.Nodes.Kernel
public import RuntimeApprox.Nodes.Theorems

/-!
# Errors of results of any origin, and of the conv2d node

## Main results
* `RevGraph.eval_enclosure`, `RevGraph.backprop_enclosure`: bounds of tensors and gradients that
  anything computed, from those of a graph's own.
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

section
variable {K : Type u} [OrderedField K]

/-! ### Results of any origin -/

theorem Tensors.within_distance : {Γ : List (List Nat)} → (ts vs : Tensors K Γ) →
    Tensors.Within ts vs (vs.distance ts)
  | [], _, _ => trivial
  | _ :: _, (t, ts), (v, vs) => ⟨fun i => by
      show _ ≤ (v.zipWith (fun v t => abs (v - t)) t).get i
      rw [Tensor.get_zipWith]
      exact Std.IsPreorder.le_refl _, within_distance ts vs⟩

section
variable {N : List (List Nat) → List Nat → Type u} (M : Model K N) {Γ Δ : List (List Nat)}
  (g : RevGraph N Γ Δ) {xs' xs eps : Tensors K Γ} (hx : Tensors.Within xs' xs eps)
include hx

/-- **Tensors of any origin**, such as those that a machine computed, are within their distance to the
tensors of a graph's nodes, and the bounds of these, of the exact ones. -/
theorem RevGraph.eval_enclosure (vs : Tensors K Δ) :
    Tensors.Within (g.eval M.exact xs') vs
      ((vs.distance (g.eval M.runtime xs)).zipWith (fun x y => x + y) (g.evalBound M.bound xs eps)) :=
  (Tensors.within_distance _ vs).trans (g.eval_approx M hx)

/-- **Gradients of any origin**, such as those that a machine computed, are within their distance to
the gradients of a graph, and the bounds of these, of the exact ones. -/
theorem RevGraph.backprop_enclosure {cs' cs : Cotangents K Δ} {epsδ : Tensors K Δ}
    (hδ : Cotangents.Within cs' cs epsδ) (vs : Tensors K Γ) :
    Tensors.Within (g.backprop M.exact xs' cs') vs
      ((vs.distance (g.backprop M.runtime xs cs)).zipWith (fun x y => x + y)
        (g.backpropBound M.bound xs eps cs epsδ)) :=
  (Tensors.within_distance _ vs).trans (g.backprop_approx M hx hδ)

end

end

/-! ### The conv2d node

With one eps a tensor, the bounds of `conv2dRevNode` are the bound tensors of `RuntimeApprox.Conv2d`, of
which the theorems about conv2d alone speak. -/

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
    ((conv2d_adjoints g).first ..) ((conv2d_adjoints g).second ..) ((conv2d_adjoints g).addend ..)

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
