module

public import RuntimeApprox.Nodes.Entrywise
public import RuntimeApprox.Tensor.Reshape.Theorems

/-!
# The vector-Jacobian products are what they say

The forward pass of a linear node is its own derivative, so that its vector-Jacobian product is the
adjoint: ⟨δ, f(x)⟩ = ⟨x, vjp δ⟩, in exact arithmetic.

## Main definitions
* `Tensors.dot`: the inner product of contexts.
* `RevNode.IsAdjoint`: the vector-Jacobian product is the adjoint of the forward pass.

## Main results
* `addRevNode_isAdjoint`, `scaleRevNode_isAdjoint`, `reshapeRevNode_isAdjoint`.
* `relu_sub_relu`: away from the kink the rectifier is its derivative.
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

/-- The inner product of contexts of one tensor. -/
theorem Tensors.dot_one {s : List Nat} (t u : Tensor K s) :
    Tensors.dot (Γ := [s]) (t, ⟨⟩) (u, ⟨⟩) = t.dot u := by
  show t.dot u + (0 : K) = _; grind

/-- ⟨δ, x + y⟩ = ⟨x, δ⟩ + ⟨y, δ⟩ -/
theorem addRevNode_isAdjoint (s : List Nat) : (addRevNode K s).IsAdjoint := fun (x, y, _) _ δ => by
  show δ.dot (x + y) = x.dot δ + (y.dot δ + (0 : K))
  rw [Tensor.dot_add, Tensor.dot_comm δ x, Tensor.dot_comm δ y]
  grind

/-- ⟨δ, c·x⟩ = ⟨x, c·δ⟩ -/
theorem scaleRevNode_isAdjoint (c : K) (s : List Nat) : (scaleRevNode c s).IsAdjoint :=
  fun (x, _) _ δ => by
    refine Eq.trans ?_ (Tensors.dot_one x _).symm
    show δ.dot (c • x) = x.dot (c • δ)
    rw [Tensor.dot_smul, Tensor.dot_smul, Tensor.dot_comm δ x]

/-- ⟨δ, reshape x⟩ = ⟨x, reshape δ⟩ -/
theorem reshapeRevNode_isAdjoint {s r : List Nat} (h : prod s = prod r) :
    (reshapeRevNode K h).IsAdjoint := fun (x, _) _ δ =>
  (Tensor.dot_reshape h x δ).trans (Tensors.dot_one x _).symm

/-- Away from the kink the rectifier is its derivative: max(x + d, 0) − max(x, 0) = `reluGrad` x d
for x ≠ 0 and |d| ≤ |x|. -/
theorem relu_sub_relu {x d : K} (hx : x ≠ 0) (hd : abs d ≤ abs x) :
    max (x + d) 0 - max x 0 = reluGrad x d := by
  have := abs_le.1 hd
  unfold max reluGrad
  unfold abs at *
  grind

end RuntimeApprox
