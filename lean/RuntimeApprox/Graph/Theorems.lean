module

public import RuntimeApprox.Context.Theorems
public import RuntimeApprox.Graph
public import RuntimeApprox.Operation.Theorems

/-!
# The bounds of graphs hold

In all theorems primed tensors are the exact ones; the others, which the machine computes with, are
within eps of them.

## Main definitions
* `ParametricNode.toRevNode`: a parametric node as a `RevNode`.
* `ParametricNode.model`, `RevNode.model`: what both kinds of nodes compute, and their bounds.

## Main results
* `RevGraph.eval_rel`, `RevGraph.backprop_rel`: a graph keeps every relation that passes keep.
* `RevGraph.eval_approx`, `RevGraph.backprop_approx`: every entry of every tensor and of every
  gradient is within its bound, from an eps for every entry.
* `RevGraph.gradient_approx`: the instance where the last node's gradient is propagated.
* `RevGraph.eval_approxT`, `RevGraph.backprop_approxT`, `RevGraph.gradient_approxT`: the same with
  one eps a tensor.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u v
variable {K : Type u} [OrderedField K] {R : Rounding K}

/-! ### Nodes -/

/-- Parametric nodes keep what two arithmetics respect. -/
theorem NetArithmetic.Respects.pass {α β : Type u} {A : NetArithmetic K α} {B : NetArithmetic K β}
    {R : α → β → Prop} (h : A.Respects B R) : A.pass.Respects B.pass R where
  toRespects := h.toRespects
  forward n _ _ hx := n.forward_rel h hx
  vjp n _ _ hx _ _ hδ := n.vjp_rel h hx hδ

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

/-! ### Graphs -/

namespace RevGraph

variable {N : List (List Nat) → List Nat → Type v} {Γ : List (List Nat)}

section
variable {α β : Type u} {P : Pass N α} {Q : Pass N β} {R : α → β → Prop} (hPQ : P.Respects Q R)
include hPQ

/-- Where two passes respect a relation and the context's tensors are related, the tensors of all
nodes are. -/
theorem eval_rel : {Δ : List (List Nat)} → (g : RevGraph N Γ Δ) → {xs : Tensors α Γ} →
    {us : Tensors β Γ} → xs.Rel R us → (g.eval P xs).Rel R (g.eval Q us)
  | _, .nil, _, _, h => h
  | _, .snoc g n vs, _, _, h =>
    .cons (hPQ.forward n (vs.get_rel (eval_rel g h))) (eval_rel g h)

theorem pull_rel : {Δ : List (List Nat)} → (g : RevGraph N Γ Δ) → {ys : Tensors α Δ} →
    {us : Tensors β Δ} → ys.Rel R us → {cs : Cotangents α Δ} → {ds : Cotangents β Δ} →
    cs.Rel R ds → (g.pull P ys cs).Rel R (g.pull Q us ds)
  | _, .nil, _, _, _, _, _, h => h
  | _, .snoc g n vs, (_, _), (_, _), hy, (_, _), (_, _), ⟨.some h, hs⟩ =>
    pull_rel g hy.2 (vs.accumulate_rel hPQ.toRespects (hPQ.vjp n (vs.get_rel hy.2) h) hs)
  | _, .snoc g _ _, (_, _), (_, _), hy, (_, _), (_, _), ⟨.none, hs⟩ => pull_rel g hy.2 hs

/-- Where two passes respect a relation and tensors and gradients are related, the gradients with
respect to the context are. -/
theorem backprop_rel {Δ : List (List Nat)} (g : RevGraph N Γ Δ) {xs : Tensors α Γ}
    {us : Tensors β Γ} (hx : xs.Rel R us) {cs : Cotangents α Δ} {ds : Cotangents β Δ}
    (h : cs.Rel R ds) : (g.backprop P xs cs).Rel R (g.backprop Q us ds) :=
  Cotangents.toTensors_rel hPQ.zero (g.pull_rel hPQ (g.eval_rel hPQ hx) h)

end

variable (M : Model K N) {Δ : List (List Nat)} (g : RevGraph N Γ Δ) {xs' xs : Tensors K Γ}

/-- Every entry of every tensor of a graph is within its bound, from an eps for every entry of the
context: |runtime − exact| ≤ `evalBound`. -/
theorem eval_approx {eps : Tensors K Γ} (hx : Tensors.Within xs' xs eps) :
    Tensors.Within (g.eval M.exact xs') (g.eval M.runtime xs) (g.evalBound M.bound xs eps) :=
  Tensors.within_of_rel (g.eval_rel M.encloses ((Tensors.within_iff _ _ _).1 hx))
    (g.eval_rel M.hasValue (Tensors.hasValue_pairs xs eps))

/-- Every entry of every gradient is within its bound, from an eps for every entry of the context
and of the gradients that are propagated: |runtime − exact| ≤ `backpropBound`. Forward errors, the
errors of vector-Jacobian products and the rounded additions where gradients meet are all in it. -/
theorem backprop_approx {eps : Tensors K Γ} {cs' cs : Cotangents K Δ} {epsδ : Tensors K Δ}
    (hx : Tensors.Within xs' xs eps) (hδ : Cotangents.Within cs' cs epsδ) :
    Tensors.Within (g.backprop M.exact xs' cs') (g.backprop M.runtime xs cs)
      (g.backpropBound M.bound xs eps cs epsδ) :=
  Tensors.within_of_rel
    (g.backprop_rel M.encloses ((Tensors.within_iff _ _ _).1 hx) hδ)
    (g.backprop_rel M.hasValue (Tensors.hasValue_pairs xs eps) (Cotangents.hasValue_pairs cs epsδ))

/-- With one eps a tensor: every tensor of a graph is within the norm of its bounds. -/
theorem eval_approxT {eps : Epsilons K Γ} (hx : Tensors.approxT xs' xs eps) :
    Tensors.approxT (g.eval M.exact xs') (g.eval M.runtime xs)
      (g.evalBound M.bound xs eps.fill).linfNorms :=
  (g.eval_approx M hx).approxT

/-- With one eps a tensor: every gradient is within the norm of its bounds. -/
theorem backprop_approxT {eps : Epsilons K Γ} {cs' cs : Cotangents K Δ} {epsδ : Epsilons K Δ}
    (hx : Tensors.approxT xs' xs eps) (hδ : Cotangents.approxT cs' cs epsδ) :
    Tensors.approxT (g.backprop M.exact xs' cs') (g.backprop M.runtime xs cs)
      (g.backpropBound M.bound xs eps.fill cs epsδ.fill).linfNorms :=
  (g.backprop_approx M hx hδ).approxT

variable {s : List Nat} (g : RevGraph N Γ (s :: Δ)) {δ' δ : Tensor K s}

/-- `backprop_approx` where only the last node's gradient is given: every entry of every gradient is
within its bound, |runtime − exact| ≤ `gradientBound`. -/
theorem gradient_approx {eps : Tensors K Γ} {epsδ : Tensor K s} (hx : Tensors.Within xs' xs eps)
    (hδ : Tensor.Within δ' δ epsδ) :
    Tensors.Within (g.gradient M.exact xs' δ') (g.gradient M.runtime xs δ)
      (g.gradientBound M.bound xs eps δ epsδ) := by
  have h := g.backprop_approx M hx (Cotangents.first_within hδ (Cotangents.none.toTensors 0))
  unfold backpropBound at h
  rwa [Cotangents.pairs_first] at h

/-- `gradient_approx` with one eps a tensor: every gradient is within the norm of its bounds. -/
theorem gradient_approxT {eps : Epsilons K Γ} {epsδ : K} (hx : Tensors.approxT xs' xs eps)
    (hδ : RuntimeApprox.approxT δ' δ epsδ) :
    Tensors.approxT (g.gradient M.exact xs' δ') (g.gradient M.runtime xs δ)
      (g.gradientBound M.bound xs eps.fill δ (Tensor.fill s epsδ)).linfNorms :=
  (g.gradient_approx M hx ((Tensor.within_fill _ _ _).2 hδ)).approxT

end RevGraph

end RuntimeApprox
