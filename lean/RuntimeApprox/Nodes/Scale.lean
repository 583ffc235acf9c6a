module

public import RuntimeApprox.Graph

/-!
# The node of a multiplication by a constant

## Main definitions
* `scaleRevNode c s`: c·x at every entry.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

/-- c·x at every entry; the gradient with respect to x is c·δ. Outside of exact arithmetic the
constant is fl(c), with the error |fl(c) − c|, which is zero where c is a number of the format. -/
def scaleRevNode {K : Type u} [OrderedField K] (c : K) (s : List Nat) : RevNode K [s] s where
  forward := fun A (x, _) => x.map (A.mul (A.const c))
  forward_rel := fun hAB (_, _) (_, _) ⟨hx, _⟩ =>
    Tensor.rel_ofFn fun i => hAB.mul _ _ _ _ (hAB.const c) (hx i)
  vjp := fun A _ δ => (δ.map (A.mul (A.const c)), ⟨⟩)
  vjp_rel := fun hAB _ _ _ _ _ hδ =>
    .cons (Tensor.rel_ofFn fun i => hAB.mul _ _ _ _ (hAB.const c) (hδ i)) .nil

end RuntimeApprox
