module

public import RuntimeApprox.Graph
public import RuntimeApprox.Tensor.Algebra

/-!
# Adjoint nodes

The forward pass of a linear node is its own derivative, so that its vector-Jacobian product is the
adjoint.

## Main definitions
* `Tensors.dot`: the inner product of contexts.
* `RevNode.IsAdjoint`: the vector-Jacobian product is the adjoint of the forward pass.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

/-- Σⱼ ⟨tⱼ, uⱼ⟩ over the tensors of a context -/
def Tensors.dot : {Γ : List (List Nat)} → Tensors K Γ → Tensors K Γ → K
  | [], _, _ => 0
  | _ :: _, (t, ts), (u, us) => t.dot u + Tensors.dot ts us

/-- For a node that is linear in all its operands together: ⟨δ, f(x)⟩ = ⟨x, vjp δ⟩, in exact
arithmetic, wherever the vector-Jacobian product is taken. -/
def RevNode.IsAdjoint {As : List (List Nat)} {s : List Nat} (n : RevNode K As s) : Prop :=
  ∀ (xs ys : Tensors K As) (δ : Tensor K s),
    δ.dot (n.forward exactNet xs) = xs.dot (n.vjp exactNet ys δ)

end RuntimeApprox
