module

public import RuntimeApprox.Graph.Adjoint
public import RuntimeApprox.Nodes.Add
public import RuntimeApprox.Nodes.Relu
public import RuntimeApprox.Nodes.Reshape
public import RuntimeApprox.Nodes.Scale
public import RuntimeApprox.Tensor.Reshape.Theorems

/-!
# The vector-Jacobian products are what they say

Those of linear nodes are adjoints, ⟨δ, f(x)⟩ = ⟨x, vjp δ⟩, in exact arithmetic.

## Main results
* `addRevNode_isAdjoint`, `scaleRevNode_isAdjoint`, `reshapeRevNode_isAdjoint`.
* `relu_sub_relu`: away from the kink the rectifier is its derivative.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

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
