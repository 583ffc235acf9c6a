module

public import RuntimeApprox.Graph.Theorems

/-!
# Nodes as models

What parametric and general nodes compute, exactly and on a machine, and that the bounds enclose it.

## Main definitions
* `ParametricNode.toRevNode`: a parametric node as a `RevNode`.
* `ParametricNode.model`, `RevNode.model`: what both kinds of nodes compute, and their bounds.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K] {R : Rounding K}

/-- Parametric nodes in exact and in rounded arithmetic, with the error laws as bounds. -/
def ParametricNode.model (hR : R.Lawful) : Model K (ParametricNode K) where
  exact := exactNet.pass
  runtime := (roundedNet R).pass
  bound := (boundNet R).pass
  encloses := (exactNet_respects_boundNet hR).pass
  hasValue := (roundedNet_respects_boundNet R).pass

/-- A parametric node: exact arithmetic is the specification, rounded arithmetic the runtime, and the
error laws the bound. -/
def ParametricNode.toRevNode (hR : R.Lawful) {As : List (List Nat)} {s : List Nat}
    (n : ParametricNode K As s) : RevNode K As s where
  forwardSpec := n.forward exactNet
  vjpSpec := n.vjp exactNet
  forwardRuntime := n.forward (roundedNet R)
  vjpRuntime := n.vjp (roundedNet R)
  forwardBound xs eps := (n.forward (boundNet R) (xs.pairs eps)).eps
  vjpBound xs eps δ epsδ := (n.vjp (boundNet R) (xs.pairs eps) (δ.pairs epsδ)).eps
  forward_approx {_ xs eps} hx := Tensor.within_of_rel
    ((model hR).encloses.forward n ((Tensors.within_iff _ _ _).1 hx))
    ((model hR).hasValue.forward n (Tensors.hasValue_pairs xs eps))
  vjp_approx {_ xs eps} hx {_ δ epsδ} hδ := Tensors.within_of_rel
    ((model hR).encloses.vjp n ((Tensors.within_iff _ _ _).1 hx) ((Tensor.within_iff _ _ _).1 hδ))
    ((model hR).hasValue.vjp n (Tensors.hasValue_pairs xs eps) (Tensor.hasValue_pairs δ epsδ))

/-- Nodes, with gradients that meet added in rounded arithmetic. -/
def RevNode.model (hR : R.Lawful) : Model K (RevNode K) where
  exact := exactPass
  runtime := runtimePass R
  bound := boundPass R
  encloses :=
    { exact_respects_bound hR with
      forward := fun n _ ps hx => (Tensor.within_iff _ _ _).1
        (n.forward_approx (Tensors.within_of_rel hx ps.hasValue_values))
      vjp := fun n _ ps hx _ p hδ => (Tensors.within_iff _ _ _).1
        (n.vjp_approx (Tensors.within_of_rel hx ps.hasValue_values)
          (Tensor.within_of_rel hδ p.hasValue_values)) }
  hasValue :=
    { rounded_respects_bound R with
      forward := fun _ _ _ hx => Tensors.values_of_rel hx ▸ Tensor.hasValue_pairs _ _
      vjp := fun _ _ _ hx _ _ hδ =>
        Tensors.values_of_rel hx ▸ Tensor.values_of_rel hδ ▸ Tensors.hasValue_pairs _ _ }

end RuntimeApprox
