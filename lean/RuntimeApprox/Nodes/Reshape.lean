module

public import RuntimeApprox.Tensor.Reshape
public import RuntimeApprox.Graph

/-!
# The node that reshapes a tensor

## Main definitions
* `reshapeRevNode h`: the same entries in row-major order, in a shape of as many entries.
* `flattenRevNode batch s`: of a batch of tensors of shape `s`, the rows of all their entries.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

/-- The same entries in row-major order; the gradient is reshaped back. No entry is computed with,
and no eps grows. -/
def reshapeRevNode (K : Type u) [OrderedField K] {s r : List Nat} (h : prod s = prod r) :
    RevNode K [s] r where
  forward := fun _ (x, _) => x.reshape h
  forward_rel := fun _ (_, _) (_, _) ⟨hx, _⟩ => Tensor.rel_ofFn fun _ => hx _
  vjp := fun _ _ δ => (δ.reshape h.symm, ⟨⟩)
  vjp_rel := fun _ _ _ _ _ _ hδ => .cons (Tensor.rel_ofFn fun _ => hδ _) .nil

/-- Each tensor of a batch as a row of its entries. -/
def flattenRevNode (K : Type u) [OrderedField K] (batch : Nat) (s : List Nat) :
    RevNode K [batch :: s] [batch, prod s] :=
  reshapeRevNode K (prod_cons batch s)

end RuntimeApprox
