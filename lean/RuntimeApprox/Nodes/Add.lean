module

public import RuntimeApprox.Graph

/-!
# The node of a sum

## Main definitions
* `addRevNode s`: x + y at every entry.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

/-- x + y at every entry; the gradient with respect to both is δ. -/
def addRevNode (K : Type u) [OrderedField K] (s : List Nat) : RevNode K [s, s] s where
  forward := fun A (x, y, _) => Tensor.zipWith A.add x y
  forward_rel := fun hAB (_, _, _) (_, _, _) ⟨hx, hy, _⟩ =>
    Tensor.rel_ofFn fun i => hAB.add _ _ _ _ (hx i) (hy i)
  vjp := fun _ _ δ => (δ, δ, ⟨⟩)
  vjp_rel := fun _ _ _ _ _ _ hδ => .cons hδ (.cons hδ .nil)

end RuntimeApprox
