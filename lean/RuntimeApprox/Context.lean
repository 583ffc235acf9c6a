module

public import RuntimeApprox.Tensor
public import RuntimeApprox.Rounding

/-!
# Contexts of tensors

A context is a list of shapes; its values are `Tensors α Γ`. Nodes of a graph name their operands by
variables, which are places of a context.

## Main definitions
* `Var Γ s`: a tensor of shape `s` in the context `Γ`; `Vars Γ As`: one for each of the shapes `As`.
* `Cotangents α Γ`: for each tensor the gradient that has reached it, if one has.
* `Var.accumulate`, `Vars.accumulate`: gradients that reach the same tensor are added.
* `Tensors.pairs xs eps`, `Cotangents.pairs`: values and errors, an eps for every entry, as pairs.
* `Tensors.Within xs' xs eps`, `Cotangents.Within`: every entry of `xs` is within its own eps of
  that of `xs'`.
* `Epsilons`, `Tensors.approxT`, `Cotangents.approxT`: the same with one eps a tensor.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u v

/-- `f` at every pair of entries. -/
def Tensor.zipWith {α β γ : Type u} (f : α → β → γ) {s : List Nat} (t : Tensor α s)
    (r : Tensor β s) : Tensor γ s :=
  Tensor.ofFn s fun i => f (t.get i) (r.get i)

/-- The tensor of which every entry is `a`. -/
def Tensor.fill {α : Type u} (s : List Nat) (a : α) : Tensor α s := Tensor.ofFn s fun _ => a

/-- `f` at every entry of every tensor. -/
def Tensors.map {α β : Type u} (f : α → β) : {Γ : List (List Nat)} → Tensors α Γ → Tensors β Γ
  | [], _ => ⟨⟩
  | _ :: _, (t, ts) => (t.map f, Tensors.map f ts)

/-! ### Variables -/

/-- A tensor of shape `s` in the context `Γ`. -/
inductive Var : (Γ : List (List Nat)) → (s : List Nat) → Type where
  /-- The first tensor of the context, that which was computed last. -/
  | zero {s : List Nat} {Γ : List (List Nat)} : Var (s :: Γ) s
  /-- A tensor of the context without its first one. -/
  | succ {s r : List Nat} {Γ : List (List Nat)} (v : Var Γ s) : Var (r :: Γ) s

/-- A tensor in the context `Γ` for each of the shapes. -/
inductive Vars (Γ : List (List Nat)) : (As : List (List Nat)) → Type where
  /-- No tensor. -/
  | nil : Vars Γ []
  /-- One more tensor. -/
  | cons {s : List Nat} {As : List (List Nat)} (v : Var Γ s) (vs : Vars Γ As) : Vars Γ (s :: As)

/-- The variable at a shape that is equal to its own. -/
def Var.cast {Γ : List (List Nat)} {s r : List Nat} (h : s = r) (v : Var Γ s) : Var Γ r := h ▸ v

/-- The tensor that a variable names. -/
def Var.get {α : Type u} : {Γ : List (List Nat)} → {s : List Nat} → Var Γ s → Tensors α Γ →
    Tensor α s
  | _, _, .zero, (t, _) => t
  | _, _, .succ v, (_, ts) => v.get ts

/-- The tensors that variables name. -/
def Vars.get {α : Type u} {Γ : List (List Nat)} : {As : List (List Nat)} → Vars Γ As →
    Tensors α Γ → Tensors α As
  | _, .nil, _ => ⟨⟩
  | _, .cons v vs, ts => (v.get ts, vs.get ts)

/-! ### Cotangents -/

/-- For each tensor of a context the gradient that has reached it; none where none has. -/
def Cotangents (α : Type u) : List (List Nat) → Type u
  | [] => PUnit
  | s :: Γ => Option (Tensor α s) × Cotangents α Γ

/-- No gradient has reached any tensor. -/
def Cotangents.none {α : Type u} : {Γ : List (List Nat)} → Cotangents α Γ
  | [] => ⟨⟩
  | _ :: _ => (Option.none, Cotangents.none)

/-- A gradient has reached the first tensor, that which was computed last. -/
def Cotangents.first {α : Type u} {s : List Nat} {Γ : List (List Nat)} (t : Tensor α s) :
    Cotangents α (s :: Γ) :=
  (some t, Cotangents.none)

/-- A gradient has reached every tensor. -/
def Cotangents.all {α : Type u} : {Γ : List (List Nat)} → Tensors α Γ → Cotangents α Γ
  | [], _ => ⟨⟩
  | _ :: _, (t, ts) => (some t, Cotangents.all ts)

/-- The gradients; zero where none has reached a tensor. -/
def Cotangents.toTensors {α : Type u} (zero : α) : {Γ : List (List Nat)} → Cotangents α Γ →
    Tensors α Γ
  | [], _ => ⟨⟩
  | s :: _, (some t, cs) => (show Tensor α s from t, Cotangents.toTensors zero cs)
  | s :: _, (Option.none, cs) => (Tensor.fill s zero, Cotangents.toTensors zero cs)

/-- The sum of what has reached a tensor and of what reaches it now; the latter where it is the
first, for which no addition is made. -/
def addReached {α : Type u} (A : Arithmetic α) {s : List Nat} (c : Option (Tensor α s))
    (t : Tensor α s) : Tensor α s :=
  match c with
  | Option.none => t
  | some c => Tensor.zipWith A.add c t

/-- A gradient reaches the tensor that a variable names. -/
def Var.accumulate {α : Type u} (A : Arithmetic α) : {Γ : List (List Nat)} → {s : List Nat} →
    Var Γ s → Tensor α s → Cotangents α Γ → Cotangents α Γ
  | _, _, .zero, t, (c, cs) => (some (addReached A c t), cs)
  | _, _, .succ v, t, (c, cs) => (c, v.accumulate A t cs)

/-- Gradients reach the tensors that variables name, the first one first. -/
def Vars.accumulate {α : Type u} (A : Arithmetic α) {Γ : List (List Nat)} :
    {As : List (List Nat)} → Vars Γ As → Tensors α As → Cotangents α Γ → Cotangents α Γ
  | _, .nil, _, cs => cs
  | _, .cons v vs, (t, ts), cs => vs.accumulate A ts (v.accumulate A t cs)

/-- The same tensors have been reached, and the relation `R` holds at every entry. -/
def Cotangents.Rel {α : Type u} {β : Type v} (R : α → β → Prop) :
    {Γ : List (List Nat)} → Cotangents α Γ → Cotangents β Γ → Prop
  | [], _, _ => True
  | _ :: _, (c, cs), (d, ds) => Option.Rel (Tensor.Rel R) c d ∧ Cotangents.Rel R cs ds

/-! ### Errors -/

variable {K : Type u}

/-- Values and errors as one tensor of pairs. -/
def Tensor.pairs {s : List Nat} (t eps : Tensor K s) : Tensor (Approx K) s :=
  Tensor.zipWith Approx.mk t eps

/-- Values and errors, an eps for every entry, as a context of pairs. -/
def Tensors.pairs : {Γ : List (List Nat)} → Tensors K Γ → Tensors K Γ → Tensors (Approx K) Γ
  | [], _, _ => ⟨⟩
  | _ :: _, (t, ts), (e, es) => (Tensor.pairs t e, Tensors.pairs ts es)

/-- Gradients and their errors as pairs. The errors of a gradient that has not reached its tensor
are not used. -/
def Cotangents.pairs : {Γ : List (List Nat)} → Cotangents K Γ → Tensors K Γ →
    Cotangents (Approx K) Γ
  | [], _, _ => ⟨⟩
  | _ :: _, (some t, cs), (e, es) => (some (Tensor.pairs t e), Cotangents.pairs cs es)
  | _ :: _, (Option.none, cs), (_, es) => (Option.none, Cotangents.pairs cs es)

/-- The eps of every entry. -/
def Tensor.eps {s : List Nat} (t : Tensor (Approx K) s) : Tensor K s := t.map Approx.eps

/-- The eps of every entry of every tensor. -/
def Tensors.eps {Γ : List (List Nat)} (ts : Tensors (Approx K) Γ) : Tensors K Γ :=
  ts.map Approx.eps

/-- One eps for each tensor of a context. -/
def Epsilons (K : Type u) : List (List Nat) → Type u
  | [] => PUnit
  | _ :: Γ => K × Epsilons K Γ

/-- Every entry of a tensor with the tensor's eps. -/
def Epsilons.fill : {Γ : List (List Nat)} → Epsilons K Γ → Tensors K Γ
  | [], _ => ⟨⟩
  | s :: _, (e, es) => (Tensor.fill s e, Epsilons.fill es)

variable [OrderedField K]

/-- |rounded i − exact i| ≤ eps i at every entry i -/
def Tensor.Within {s : List Nat} (exact rounded eps : Tensor K s) : Prop :=
  ∀ i, abs (rounded.get i - exact.get i) ≤ eps.get i

/-- |rounded − exact| ≤ eps at every entry of every tensor -/
def Tensors.Within : {Γ : List (List Nat)} → (exact rounded eps : Tensors K Γ) → Prop
  | [], _, _, _ => True
  | _ :: _, (t', ts'), (t, ts), (e, es) => Tensor.Within t' t e ∧ Tensors.Within ts' ts es

/-- The same tensors have been reached, and |rounded − exact| ≤ eps at every entry. -/
def Cotangents.Within {Γ : List (List Nat)} (exact rounded : Cotangents K Γ) (eps : Tensors K Γ) :
    Prop :=
  exact.Rel Approx.Encloses (rounded.pairs eps)

/-- The tensors of a context are within one eps a tensor: ‖roundedⱼ − exactⱼ‖∞ ≤ epsⱼ. -/
def Tensors.approxT {Γ : List (List Nat)} (exact rounded : Tensors K Γ) (eps : Epsilons K Γ) : Prop :=
  Tensors.Within exact rounded eps.fill

/-- The same tensors have been reached, and the gradients are within one eps a tensor. -/
def Cotangents.approxT {Γ : List (List Nat)} (exact rounded : Cotangents K Γ) (eps : Epsilons K Γ) :
    Prop :=
  Cotangents.Within exact rounded eps.fill

/-- The largest absolute value of an entry of each tensor. -/
def Tensors.linfNorms : {Γ : List (List Nat)} → Tensors K Γ → Epsilons K Γ
  | [], _ => ⟨⟩
  | _ :: _, (t, ts) => (linfNorm t, Tensors.linfNorms ts)

end RuntimeApprox
