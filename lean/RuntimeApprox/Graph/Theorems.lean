module

public import RuntimeApprox.Graph

/-!
# The bounds of graphs hold

In all theorems primed tensors are the exact ones; the others, which the machine computes with, are
within eps of them.

## Main results
* `FwdNode.forward_approx`, `RevNode.vjp_approx`: the bound transformers of a node are sound.
* `RevGraph.eval_rel`, `RevGraph.backprop_rel`: a graph keeps every relation that arithmetics keep.
* `RevGraph.eval_approx`, `RevGraph.backprop_approx`: every entry of every tensor and of every
  gradient is within its bound, from an eps for every entry.
* `RevGraph.gradient_approx`: the instance where the last node's gradient is propagated.
* `RevGraph.eval_approxT`, `RevGraph.backprop_approxT`, `RevGraph.gradient_approxT`: the same with
  one eps a tensor.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

section
variable {R : Rounding K} (hR : R.Lawful) {As : List (List Nat)} {s : List Nat}
  {xs' xs eps : Tensors K As}
include hR

/-- |f rounded − f exact| ≤ the bound transformer, at every entry of the result. -/
theorem FwdNode.forward_approx (n : FwdNode K As s) (hx : Tensors.Within xs' xs eps) :
    Tensor.Within (n.forward exactNet xs') (n.forward (roundedNet R) xs)
      (n.forwardBound R xs eps) :=
  Tensor.within_of_rel
    (n.forward_rel (exactNet_respects_boundNet hR) ((Tensors.within_iff _ _ _).1 hx))
    (n.forward_rel (roundedNet_respects_boundNet R) (Tensors.hasValue_pairs xs eps))

/-- |δ·f' rounded − δ·f' exact| ≤ the bound transformer, at every entry of every gradient. -/
theorem RevNode.vjp_approx (n : RevNode K As s) (hx : Tensors.Within xs' xs eps)
    {δ' δ epsδ : Tensor K s} (hδ : Tensor.Within δ' δ epsδ) :
    Tensors.Within (n.vjp exactNet xs' δ') (n.vjp (roundedNet R) xs δ)
      (n.vjpBound R xs eps δ epsδ) :=
  Tensors.within_of_rel
    (n.vjp_rel (exactNet_respects_boundNet hR) ((Tensors.within_iff _ _ _).1 hx)
      ((Tensor.within_iff _ _ _).1 hδ))
    (n.vjp_rel (roundedNet_respects_boundNet R) (Tensors.hasValue_pairs xs eps)
      (Tensor.hasValue_pairs δ epsδ))

end

namespace RevGraph

variable {Γ : List (List Nat)}

section
variable {α β : Type u} {A : NetArithmetic K α} {B : NetArithmetic K β} {R : α → β → Prop}
  (hAB : A.Respects B R)
include hAB

/-- Where two arithmetics respect a relation and the context's tensors are related, the tensors of
all nodes are. -/
theorem eval_rel : {Δ : List (List Nat)} → (g : RevGraph K Γ Δ) → {xs : Tensors α Γ} →
    {us : Tensors β Γ} → xs.Rel R us → (g.eval A xs).Rel R (g.eval B us)
  | _, .nil, _, _, h => h
  | _, .snoc g n vs, _, _, h =>
    .cons (n.forward_rel hAB (vs.get_rel (eval_rel g h))) (eval_rel g h)

theorem pull_rel : {Δ : List (List Nat)} → (g : RevGraph K Γ Δ) → {ys : Tensors α Δ} →
    {us : Tensors β Δ} → ys.Rel R us → {cs : Cotangents α Δ} → {ds : Cotangents β Δ} →
    cs.Rel R ds → (g.pull A ys cs).Rel R (g.pull B us ds)
  | _, .nil, _, _, _, _, _, h => h
  | _, .snoc g n vs, (_, _), (_, _), hy, (some _, _), (some _, _), h =>
    pull_rel g hy.2 (vs.accumulate_rel hAB.toRespects (n.vjp_rel hAB (vs.get_rel hy.2) h.1) h.2)
  | _, .snoc g _ _, (_, _), (_, _), hy, (none, cs), (none, ds), h =>
    pull_rel g hy.2 (cs := cs) (ds := ds) h
  | _, .snoc _ _ _, _, _, _, (some _, _), (none, _), h => h.elim
  | _, .snoc _ _ _, _, _, _, (none, _), (some _, _), h => h.elim

/-- Where two arithmetics respect a relation and tensors and gradients are related, the gradients
with respect to the context are. -/
theorem backprop_rel {Δ : List (List Nat)} (g : RevGraph K Γ Δ) {xs : Tensors α Γ}
    {us : Tensors β Γ} (hx : xs.Rel R us) {cs : Cotangents α Δ} {ds : Cotangents β Δ}
    (h : cs.Rel R ds) : (g.backprop A xs cs).Rel R (g.backprop B us ds) :=
  Cotangents.toTensors_rel hAB.zero (g.pull_rel hAB (g.eval_rel hAB hx) h)

end

variable {R : Rounding K} (hR : R.Lawful) {Δ : List (List Nat)} (g : RevGraph K Γ Δ)
  {xs' xs : Tensors K Γ}
include hR

/-- Every entry of every tensor of a graph is within its bound, from an eps for every entry of the
context: |rounded − exact| ≤ `evalBound`. -/
theorem eval_approx {eps : Tensors K Γ} (hx : Tensors.Within xs' xs eps) :
    Tensors.Within (g.eval exactNet xs') (g.eval (roundedNet R) xs) (g.evalBound R xs eps) :=
  Tensors.within_of_rel
    (g.eval_rel (exactNet_respects_boundNet hR) ((Tensors.within_iff _ _ _).1 hx))
    (g.eval_rel (roundedNet_respects_boundNet R) (Tensors.hasValue_pairs xs eps))

/-- Every entry of every gradient is within its bound, from an eps for every entry of the context
and of the gradients that are propagated: |rounded − exact| ≤ `backpropBound`. Forward errors, the
errors of vector-Jacobian products and the rounded additions where gradients meet are all in it. -/
theorem backprop_approx {eps : Tensors K Γ} {cs' cs : Cotangents K Δ} {epsδ : Tensors K Δ}
    (hx : Tensors.Within xs' xs eps) (hδ : Cotangents.Within cs' cs epsδ) :
    Tensors.Within (g.backprop exactNet xs' cs') (g.backprop (roundedNet R) xs cs)
      (g.backpropBound R xs eps cs epsδ) :=
  Tensors.within_of_rel
    (g.backprop_rel (exactNet_respects_boundNet hR) ((Tensors.within_iff _ _ _).1 hx)
      ((Cotangents.within_iff _ _ _).1 hδ))
    (g.backprop_rel (roundedNet_respects_boundNet R) (Tensors.hasValue_pairs xs eps)
      (Cotangents.hasValue_pairs cs epsδ))

/-- With one eps a tensor: every tensor of a graph is within the norm of its bounds. -/
theorem eval_approxT {eps : Epsilons K Γ} (hx : Tensors.approxT xs' xs eps) :
    Tensors.approxT (g.eval exactNet xs') (g.eval (roundedNet R) xs)
      (g.evalBound R xs eps.fill).linfNorms :=
  (g.eval_approx hR ((Tensors.approxT_iff _ _ _).1 hx)).approxT

/-- With one eps a tensor: every gradient is within the norm of its bounds. -/
theorem backprop_approxT {eps : Epsilons K Γ} {cs' cs : Cotangents K Δ} {epsδ : Epsilons K Δ}
    (hx : Tensors.approxT xs' xs eps) (hδ : Cotangents.approxT cs' cs epsδ) :
    Tensors.approxT (g.backprop exactNet xs' cs') (g.backprop (roundedNet R) xs cs)
      (g.backpropBound R xs eps.fill cs epsδ.fill).linfNorms :=
  (g.backprop_approx hR ((Tensors.approxT_iff _ _ _).1 hx)
    ((Cotangents.approxT_iff _ _ _).1 hδ)).approxT

section
variable {s : List Nat} (g : RevGraph K Γ (s :: Δ)) {δ' δ : Tensor K s}

/-- `backprop_approx` where only the last node's gradient is given: every entry of every gradient is
within its bound, |rounded − exact| ≤ `gradientBound`. -/
theorem gradient_approx {eps : Tensors K Γ} {epsδ : Tensor K s} (hx : Tensors.Within xs' xs eps)
    (hδ : Tensor.Within δ' δ epsδ) :
    Tensors.Within (g.gradient exactNet xs' δ') (g.gradient (roundedNet R) xs δ)
      (g.gradientBound R xs eps δ epsδ) := by
  have h := g.backprop_approx hR hx (Cotangents.first_within hδ (Cotangents.none.toTensors 0))
  unfold backpropBound at h
  rwa [Cotangents.pairs_first] at h

/-- `gradient_approx` with one eps a tensor: every gradient is within the norm of its bounds. -/
theorem gradient_approxT {eps : Epsilons K Γ} {epsδ : K} (hx : Tensors.approxT xs' xs eps)
    (hδ : RuntimeApprox.approxT δ' δ epsδ) :
    Tensors.approxT (g.gradient exactNet xs' δ') (g.gradient (roundedNet R) xs δ)
      (g.gradientBound R xs eps.fill δ (Tensor.fill s epsδ)).linfNorms :=
  (g.gradient_approx hR ((Tensors.approxT_iff _ _ _).1 hx)
    ((Tensor.within_fill _ _ _).2 hδ)).approxT

end

end RevGraph

end RuntimeApprox
