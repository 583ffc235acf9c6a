module

public import RuntimeApprox.Context
public import RuntimeApprox.Rounding.Theorems
public import RuntimeApprox.Tensor.Algebra.Theorems

/-!
# Facts about contexts

## Main results
* `Vars.get_rel`, `Vars.accumulate_rel`: reading variables, and adding up the gradients that reach
  them, keep relations.
* `eps_addReached`: the rounded addition of gradients that meet is in the bound.
* `Tensors.within_iff`: values are within eps iff the pairs enclose the exact ones.
* `Tensors.Within.approxT`: an eps for every entry gives `approxT` at the norms.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u v
variable {α : Type u} {β : Type v} {R : α → β → Prop}

theorem Tensor.get_zipWith {α β γ : Type u} (f : α → β → γ) {s : List Nat} (t : Tensor α s)
    (r : Tensor β s) (i : Index s) : (Tensor.zipWith f t r).get i = f (t.get i) (r.get i) :=
  Tensor.get_ofFn s _ i

theorem Tensor.get_fill {s : List Nat} (a : α) (i : Index s) : (Tensor.fill s a).get i = a :=
  Tensor.get_ofFn s _ i

/-! ### Relations -/

/-- Equal shapes name the same tensor. -/
theorem Var.get_cast {Γ : List (List Nat)} {s r : List Nat} (h : s = r) (v : Var Γ s)
    (ts : Tensors α Γ) : (v.cast h).get ts = h ▸ v.get ts := by subst h; rfl

theorem Var.get_rel : {Γ : List (List Nat)} → {s : List Nat} → (v : Var Γ s) →
    {ts : Tensors α Γ} → {us : Tensors β Γ} → ts.Rel R us → (v.get ts).Rel R (v.get us)
  | _, _, .zero, (_, _), (_, _), h => h.1
  | _, _, .succ v, (_, _), (_, _), h => v.get_rel h.2

theorem Vars.get_rel {Γ : List (List Nat)} : {As : List (List Nat)} → (vs : Vars Γ As) →
    {ts : Tensors α Γ} → {us : Tensors β Γ} → ts.Rel R us → (vs.get ts).Rel R (vs.get us)
  | _, .nil, _, _, _ => .nil
  | _, .cons v vs, _, _, h => .cons (v.get_rel h) (vs.get_rel h)

theorem Tensors.rel_map {α β γ : Type u} {R : β → γ → Prop} {p : α → β} {q : α → γ}
    (h : ∀ a, R (p a) (q a)) : {Γ : List (List Nat)} → (ts : Tensors α Γ) →
    Tensors.Rel R (ts.map p) (ts.map q)
  | [], _ => .nil
  | _ :: _, (_, ts) => .cons (Tensor.rel_ofFn fun _ => h _) (Tensors.rel_map h ts)

theorem Tensor.rel_map_right {α γ : Type u} {R : α → γ → Prop} {q : α → γ} (h : ∀ a, R a (q a))
    {s : List Nat} (t : Tensor α s) : t.Rel R (t.map q) := fun i => by
  rw [Tensor.get_map]; exact h _

theorem Tensors.rel_map_right {α γ : Type u} {R : α → γ → Prop} {q : α → γ} (h : ∀ a, R a (q a)) :
    {Γ : List (List Nat)} → (ts : Tensors α Γ) → Tensors.Rel R ts (ts.map q)
  | [], _ => .nil
  | _ :: _, (t, ts) => .cons (t.rel_map_right h) (Tensors.rel_map_right h ts)

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

theorem get_addReached (A : Arithmetic α) {s : List Nat} (c t : Tensor α s) (i : Index s) :
    (addReached A (some c) t).get i = A.add (c.get i) (t.get i) :=
  Tensor.get_zipWith A.add c t i

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

/-- The error where two gradients meet: that of both, and that of rounding their sum,
epsₐ + epsᵦ + halfUlp(a + b). -/
theorem eps_addReached (R : Rounding K) {s : List Nat} (c t : Tensor (Approx K) s) (i : Index s) :
    ((addReached (bound R) (some c) t).get i).eps =
      (c.get i).eps + (t.get i).eps + R.halfUlp ((c.get i).value + (t.get i).value) := by
  rw [get_addReached]; rfl

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

/-- An error at an entry, by the variable that names its tensor. -/
theorem Tensors.Within.get : {Γ : List (List Nat)} → {s : List Nat} → (v : Var Γ s) →
    {ts' ts es : Tensors K Γ} → Tensors.Within ts' ts es →
    Tensor.Within (v.get ts') (v.get ts) (v.get es)
  | _, _, .zero, (_, _), (_, _), (_, _), h => h.1
  | _, _, .succ v, (_, _), (_, _), (_, _), h => Tensors.Within.get v h.2

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

end RuntimeApprox
