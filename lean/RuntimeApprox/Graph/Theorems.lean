module

public import RuntimeApprox.Format.Arithmetic.Theorems
public import RuntimeApprox.Graph
public import RuntimeApprox.Tensor.Algebra.Theorems

/-!
# The bounds of graphs hold

In all theorems primed tensors are the exact ones; the others, which the machine computes with, are
within eps of them.

## Main results
* `exactNet_respects_boundNet`, `roundedNet_respects_boundNet`: pairs that enclose the exact values
  keep doing so, and their values are those of the rounded arithmetic; likewise for `checkedNet`.
* `dualNet_respects_exactNet`: the values of dual numbers are exact.
* `Vars.get_rel`, `Vars.accumulate_rel`: reading variables, and adding up the gradients that reach
  them, keep relations.
* `Tensors.within_iff`: values are within eps iff the pairs enclose the exact ones.
* `Tensors.Within.approxT`: an eps for every entry gives `approxT` at the norms.
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

/-! ### Arithmetics -/

section
variable {K : Type u} [OrderedField K]

/-- Pairs that enclose the exact values keep doing so under constants and operations. -/
theorem exactNet_respects_boundNet {R : Rounding K} (hR : R.Lawful) :
    exactNet.Respects (boundNet R) Approx.Encloses where
  toRespects := exact_respects_bound hR
  const c := Std.IsPreorder.le_refl (abs (R.rnd c - c))
  apply₁ f _ _ h := f.sound hR h
  apply₂ f _ _ _ _ h h' := f.sound hR h h'
  apply₃ f _ _ _ _ _ _ h h' h'' := f.sound hR h h' h''

/-- The values of the pairs are those of the rounded arithmetic. -/
theorem roundedNet_respects_boundNet (R : Rounding K) :
    (roundedNet R).Respects (boundNet R) Approx.HasValue where
  toRespects := rounded_respects_bound R
  const _ := rfl
  apply₁ _ _ _ h := by unfold Approx.HasValue at *; subst h; rfl
  apply₂ _ _ _ _ _ h h' := by unfold Approx.HasValue at *; subst h h'; rfl
  apply₃ _ _ _ _ _ _ _ h h' h'' := by unfold Approx.HasValue at *; subst h h' h''; rfl

/-- The values of dual numbers are those of exact arithmetic. -/
theorem dualNet_respects_exactNet :
    (dualNet (K := K)).Respects exactNet fun a x => a.value = x where
  zero := rfl
  add _ _ _ _ h h' := by subst h h'; rfl
  mul _ _ _ _ h h' := by subst h h'; rfl
  const _ := rfl
  apply₁ _ _ _ h := by subst h; rfl
  apply₂ _ _ _ _ _ h h' := by subst h h'; rfl
  apply₃ _ _ _ _ _ _ _ h h' h'' := by subst h h' h''; rfl

end

/-- A relation to pairs that an arithmetic respects is one to checked pairs. -/
theorem NetArithmetic.Respects.checked {f : Format} {A : NetArithmetic Rat Rat}
    {R : Rat → Approx Rat → Prop} (h : A.Respects (boundNet f.rounding) R) :
    A.Respects (checkedNet f) fun x c => R x c.approx where
  zero := h.zero
  add _ _ _ _ := h.add _ _ _ _
  mul _ _ _ _ := h.mul _ _ _ _
  const := h.const
  apply₁ _ _ _ := h.apply₁ _ _ _
  apply₂ _ _ _ _ _ := h.apply₂ _ _ _ _ _
  apply₃ _ _ _ _ _ _ _ := h.apply₃ _ _ _ _ _ _ _

/-- Checked pairs that enclose the exact values keep doing so. -/
theorem exactNet_respects_checkedNet (f : Format) :
    exactNet.Respects (checkedNet f) Checked.Encloses :=
  (exactNet_respects_boundNet f.rounding_lawful).checked

/-- The values of checked pairs are those of the arithmetic of the format. -/
theorem roundedNet_respects_checkedNet (f : Format) :
    (roundedNet f.rounding).Respects (checkedNet f) Checked.HasValue :=
  (roundedNet_respects_boundNet f.rounding).checked

section
/-! ### Contexts -/

variable {α : Type u} {β : Type v} {R : α → β → Prop}

/-! ### Relations -/

theorem Var.get_rel : {Γ : List (List Nat)} → {s : List Nat} → (v : Var Γ s) →
    {ts : Tensors α Γ} → {us : Tensors β Γ} → ts.Rel R us → (v.get ts).Rel R (v.get us)
  | _, _, .zero, (_, _), (_, _), h => h.1
  | _, _, .succ v, (_, _), (_, _), h => v.get_rel h.2

theorem Vars.get_rel {Γ : List (List Nat)} : {As : List (List Nat)} → (vs : Vars Γ As) →
    {ts : Tensors α Γ} → {us : Tensors β Γ} → ts.Rel R us → (vs.get ts).Rel R (vs.get us)
  | _, .nil, _, _, _ => .nil
  | _, .cons v vs, _, _, h => .cons (v.get_rel h) (vs.get_rel h)

theorem Cotangents.none_rel : (Γ : List (List Nat)) →
    Cotangents.Rel R (Cotangents.none (Γ := Γ)) Cotangents.none
  | [] => trivial
  | _ :: Γ => ⟨.none, none_rel Γ⟩

theorem Cotangents.toTensors_rel {zero : α} {zero' : β} (h0 : R zero zero') :
    {Γ : List (List Nat)} → {cs : Cotangents α Γ} → {ds : Cotangents β Γ} → cs.Rel R ds →
    (cs.toTensors zero).Rel R (ds.toTensors zero')
  | [], _, _, _ => .nil
  | _ :: _, (_, _), (_, _), ⟨.some h, hs⟩ => .cons h (toTensors_rel h0 hs)
  | _ :: _, (_, _), (_, _), ⟨.none, hs⟩ =>
    .cons (Tensor.rel_ofFn fun _ => h0) (toTensors_rel h0 hs)

section
variable {A : Arithmetic α} {B : Arithmetic β} (hAB : A.Respects B R)
include hAB

theorem Var.accumulate_rel : {Γ : List (List Nat)} → {s : List Nat} → (v : Var Γ s) →
    {t : Tensor α s} → {r : Tensor β s} → t.Rel R r → {cs : Cotangents α Γ} →
    {ds : Cotangents β Γ} → cs.Rel R ds → (v.accumulate A t cs).Rel R (v.accumulate B r ds)
  | _, _, .zero, _, _, ht, (_, _), (_, _), ⟨.some h, hs⟩ =>
    ⟨.some (Tensor.rel_ofFn fun i => hAB.add _ _ _ _ (h i) (ht i)), hs⟩
  | _, _, .zero, _, _, ht, (_, _), (_, _), ⟨.none, hs⟩ => ⟨.some ht, hs⟩
  | _, _, .succ v, _, _, ht, (_, _), (_, _), ⟨h, hs⟩ => ⟨h, v.accumulate_rel ht hs⟩

/-- Gradients that are related add up to related ones. -/
theorem Vars.accumulate_rel {Γ : List (List Nat)} : {As : List (List Nat)} → (vs : Vars Γ As) →
    {ts : Tensors α As} → {us : Tensors β As} → ts.Rel R us → {cs : Cotangents α Γ} →
    {ds : Cotangents β Γ} → cs.Rel R ds → (vs.accumulate A ts cs).Rel R (vs.accumulate B us ds)
  | _, .nil, _, _, _, _, _, h => h
  | _, .cons v vs, (_, _), (_, _), hs, _, _, h => vs.accumulate_rel hs.2 (v.accumulate_rel hAB hs.1 h)

end

/-! ### Errors -/

section
variable {K : Type u}

theorem Tensor.hasValue_pairs {s : List Nat} (t e : Tensor K s) :
    t.Rel Approx.HasValue (t.pairs e) := fun i => by
  unfold Tensor.pairs; rw [Tensor.get_zipWith]; rfl

/-- The pairs have the given values. -/
theorem Tensors.hasValue_pairs : {Γ : List (List Nat)} → (ts es : Tensors K Γ) →
    ts.Rel Approx.HasValue (ts.pairs es)
  | [], _, _ => .nil
  | _ :: _, (t, ts), (e, es) => .cons (t.hasValue_pairs e) (Tensors.hasValue_pairs ts es)

/-- The values of pairs. -/
theorem Tensor.hasValue_values {s : List Nat} (p : Tensor (Approx K) s) :
    (p.map Approx.value).Rel Approx.HasValue p := fun i => Tensor.get_map Approx.value p i

theorem Tensors.hasValue_values : {Γ : List (List Nat)} → (ps : Tensors (Approx K) Γ) →
    (ps.map Approx.value).Rel Approx.HasValue ps
  | [], _ => .nil
  | _ :: _, (p, ps) => .cons p.hasValue_values (Tensors.hasValue_values ps)

/-- Tensors that pairs have as values are the values of the pairs. -/
theorem Tensor.values_of_rel {s : List Nat} {t : Tensor K s} {p : Tensor (Approx K) s}
    (h : t.Rel Approx.HasValue p) : p.map Approx.value = t :=
  Tensor.ext fun i => (Tensor.get_map Approx.value p i).trans (h i).symm

theorem Tensors.values_of_rel : {Γ : List (List Nat)} → {ts : Tensors K Γ} →
    {ps : Tensors (Approx K) Γ} → ts.Rel Approx.HasValue ps → ps.map Approx.value = ts
  | [], _, _, _ => rfl
  | _ :: _, (_, _), (_, _), h =>
    congr (congrArg Prod.mk (Tensor.values_of_rel h.1)) (Tensors.values_of_rel h.2)

theorem Cotangents.hasValue_pairs : {Γ : List (List Nat)} → (cs : Cotangents K Γ) →
    (es : Tensors K Γ) → cs.Rel Approx.HasValue (cs.pairs es)
  | [], _, _ => trivial
  | _ :: _, (some t, cs), (e, es) => ⟨.some (Tensor.hasValue_pairs t e), cs.hasValue_pairs es⟩
  | _ :: _, (Option.none, cs), (_, es) => ⟨.none, cs.hasValue_pairs es⟩

end

variable {K : Type u} [OrderedField K]

/-- Values are within eps of the exact ones iff the pairs enclose these. -/
theorem Tensor.within_iff {s : List Nat} (t' t e : Tensor K s) :
    Tensor.Within t' t e ↔ t'.Rel Approx.Encloses (t.pairs e) := by
  unfold Tensor.Within Tensor.Rel Tensor.pairs
  simp only [Tensor.get_zipWith]; rfl

/-- Values are within eps of the exact ones iff the pairs enclose these. -/
theorem Tensors.within_iff : {Γ : List (List Nat)} → (ts' ts es : Tensors K Γ) →
    (Tensors.Within ts' ts es ↔ ts'.Rel Approx.Encloses (ts.pairs es))
  | [], _, _, _ => Iff.rfl
  | _ :: _, (t', ts'), (t, ts), (e, es) =>
    and_congr (Tensor.within_iff t' t e) (Tensors.within_iff ts' ts es)

omit [OrderedField K] in
theorem Cotangents.pairs_first {s : List Nat} {Γ : List (List Nat)} (δ e : Tensor K s)
    (es : Tensors K Γ) :
    Cotangents.pairs (Γ := s :: Γ) (.first δ) (e, es) = .first (δ.pairs e) :=
  congrArg (Prod.mk (some (δ.pairs e))) (none es)
where
  none : {Γ : List (List Nat)} → (es : Tensors K Γ) → Cotangents.pairs (Γ := Γ) .none es = .none
    | [], _ => rfl
    | _ :: _, (_, es) => congrArg (Prod.mk Option.none) (none es)

theorem Cotangents.first_within {s : List Nat} {Γ : List (List Nat)} {δ' δ e : Tensor K s}
    (h : Tensor.Within δ' δ e) (es : Tensors K Γ) :
    Cotangents.Within (Γ := s :: Γ) (.first δ') (.first δ) (e, es) := by
  unfold Cotangents.Within
  rw [pairs_first]
  exact ⟨.some ((Tensor.within_iff _ _ _).1 h), none_rel Γ⟩

/-- Where pairs have the rounded values and enclose the exact ones, their eps bound the error. -/
theorem Tensor.within_of_rel {s : List Nat} {t' t : Tensor K s} {p : Tensor (Approx K) s}
    (h' : t'.Rel Approx.Encloses p) (h : t.Rel Approx.HasValue p) : Tensor.Within t' t p.eps :=
  fun i => by
    have hv : t.get i = (p.get i).value := h i
    unfold Tensor.eps
    rw [Tensor.get_map, hv]
    exact h' i

/-- Where pairs have the rounded values and enclose the exact ones, their eps bound the error. -/
theorem Tensors.within_of_rel : {Γ : List (List Nat)} → {ts' ts : Tensors K Γ} →
    {ps : Tensors (Approx K) Γ} → ts'.Rel Approx.Encloses ps → ts.Rel Approx.HasValue ps →
    Tensors.Within ts' ts ps.eps
  | [], _, _, _, _, _ => trivial
  | _ :: _, (_, _), (_, _), (_, _), h', h =>
    ⟨Tensor.within_of_rel h'.1 h.1, Tensors.within_of_rel h'.2 h.2⟩

theorem Tensor.within_fill {s : List Nat} (t' t : Tensor K s) (e : K) :
    Tensor.Within t' t (Tensor.fill s e) ↔ approxT t' t e := by
  unfold Tensor.Within RuntimeApprox.approxT
  simp only [Tensor.get_fill]

/-- An eps for every entry gives one for each tensor, its norm. -/
theorem Tensors.Within.approxT : {Γ : List (List Nat)} → {ts' ts es : Tensors K Γ} →
    Tensors.Within ts' ts es → Tensors.approxT ts' ts es.linfNorms
  | [], _, _, _, _ => trivial
  | _ :: _, (_, _), (_, _), (_, _), h =>
    ⟨(Tensor.within_fill _ _ _).2 (approxT_linfNorm h.1), Tensors.Within.approxT h.2⟩

end

variable {K : Type u} [OrderedField K] {R : Rounding K}

/-! ### Nodes -/

/-- Parametric nodes keep what two arithmetics respect. -/
theorem NetArithmetic.Respects.pass {α β : Type u} {A : NetArithmetic K α} {B : NetArithmetic K β}
    {R : α → β → Prop} (h : A.Respects B R) : A.pass.Respects B.pass R where
  toRespects := h.toRespects
  forward n _ _ hx := n.forward_rel h hx
  vjp n _ _ hx _ _ hδ := n.vjp_rel h hx hδ

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
