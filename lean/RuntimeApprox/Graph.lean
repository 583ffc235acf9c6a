module

public import RuntimeApprox.Format.Arithmetic
public import RuntimeApprox.Tensor

/-!
# Graphs

A graph adds nodes to a context one after the other; backpropagation goes through them in reverse.
What the nodes compute is a pass. Specification, runtime, error bounds and dual numbers are passes,
each over its own numbers.

A network is evaluated in an arithmetic that also has constants and scalar operations other than
sums and products. The operations are open: whoever has a function, its derivative, its rounded form
and an error law with its proof has an operation, and every arithmetic here evaluates it. A context is
a list of shapes; its values are `Tensors α Γ`. Nodes name their operands by variables, which are places
of a context.

`RevNode` is the general node: specification, runtime and bound are any functions with a proof that the
runtime is within the bound of the specification. A library's convolution or a fused kernel can be a
node. `ParametricNode` is an algorithm written once for every arithmetic, which keeps every relation
that its arithmetics keep: it is the specification in exact arithmetic, the runtime in rounded
arithmetic, and the bound in pairs of value and eps. `ParametricNode.toRevNode` turns it into a
`RevNode`.

## Main definitions
* `UnaryOp`, `BinaryOp`, `TernaryOp`: a function, its derivative, its rounded form, and its error law.
* `NetArithmetic K α`: an arithmetic on `α` with constants and operations over `K`: `exactNet`,
  `roundedNet R`, `boundNet R`, and `checkedNet f` with a record of overflow.
* `Dual`, `dualNet`: dual numbers x + dx·ε with ε² = 0, which compute derivatives.
* `Var Γ s`: a tensor of shape `s` in the context `Γ`; `Vars Γ As`: one for each of the shapes `As`.
* `Cotangents α Γ`: for each tensor the gradient that has reached it, if one has; those that reach the
  same tensor are added by `Var.accumulate`.
* `Tensors.Within xs' xs eps`, `Cotangents.Within`: every entry of `xs` is within its own eps of
  that of `xs'`; `Tensors.approxT`, `Cotangents.approxT`: the same with one eps a tensor.
* `RevNode`, `ParametricNode`: nodes.
* `Pass N α`: what nodes of the kind `N` compute with entries in `α`; `Pass.Respects`: a relation that
  two passes keep; `Model`: an exact pass, a runtime and its bounds.
* `RevGraph N Γ Δ`: nodes of the kind `N` that extend the context `Γ` to `Δ`.
* `RevGraph.eval`: the tensors of all nodes. `RevGraph.backprop`: the gradients with respect to `Γ`,
  from those with respect to nodes; `RevGraph.gradient`: from that with respect to the last one.
* `RevGraph.evalBound`, `RevGraph.backpropBound`, `RevGraph.gradientBound`: the errors, an eps for
  every entry.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u v

section
/-! ### Operations and arithmetics -/

/-- A function of one number, with its error law. -/
structure UnaryOp (K : Type u) [OrderedField K] where
  /-- f(x) -/
  exact : K → K
  /-- f′(x); where f has a kink, the derivative that is taken there. -/
  deriv : K → K
  /-- What the machine computes for f(x). -/
  rounded : Rounding K → K → K
  /-- The error law: a bound of |rounded(v) − f(x)| for every x with |v − x| ≤ e. -/
  eps : Rounding K → Approx K → K
  /-- The error law holds. -/
  sound : ∀ {R : Rounding K} {x : K} {a : Approx K}, R.Lawful → a.Encloses x →
    abs (rounded R a.value - exact x) ≤ eps R a

/-- A function of two numbers, with its error law. -/
structure BinaryOp (K : Type u) [OrderedField K] where
  /-- f(x, y) -/
  exact : K → K → K
  /-- ∂f/∂x; where f has a kink, the derivative that is taken there. -/
  deriv₁ : K → K → K
  /-- ∂f/∂y; where f has a kink, the derivative that is taken there. -/
  deriv₂ : K → K → K
  /-- What the machine computes for f(x, y). -/
  rounded : Rounding K → K → K → K
  /-- The error law: a bound of |rounded(v, w) − f(x, y)| for every x and y with |v − x| ≤ e and
  |w − y| ≤ f. -/
  eps : Rounding K → Approx K → Approx K → K
  /-- The error law holds. -/
  sound : ∀ {R : Rounding K} {x y : K} {a b : Approx K}, R.Lawful → a.Encloses x →
    b.Encloses y → abs (rounded R a.value b.value - exact x y) ≤ eps R a b

/-- A function of three numbers, with its error law. -/
structure TernaryOp (K : Type u) [OrderedField K] where
  /-- f(x, y, z) -/
  exact : K → K → K → K
  /-- ∂f/∂x; where f has a kink, the derivative that is taken there. -/
  deriv₁ : K → K → K → K
  /-- ∂f/∂y; where f has a kink, the derivative that is taken there. -/
  deriv₂ : K → K → K → K
  /-- ∂f/∂z; where f has a kink, the derivative that is taken there. -/
  deriv₃ : K → K → K → K
  /-- What the machine computes for f(x, y, z). -/
  rounded : Rounding K → K → K → K → K
  /-- The error law: a bound of |rounded(u, v, w) − f(x, y, z)| for all x, y and z that the pairs
  enclose. -/
  eps : Rounding K → Approx K → Approx K → Approx K → K
  /-- The error law holds. -/
  sound : ∀ {R : Rounding K} {x y z : K} {a b c : Approx K}, R.Lawful → a.Encloses x →
    b.Encloses y → c.Encloses z → abs (rounded R a.value b.value c.value - exact x y z) ≤ eps R a b c

/-- What a network over `K` is evaluated in. -/
structure NetArithmetic (K : Type u) [OrderedField K] (α : Type v) extends Arithmetic α where
  /-- A constant. -/
  const : K → α
  /-- An operation on one number. -/
  apply₁ : UnaryOp K → α → α
  /-- An operation on two numbers. -/
  apply₂ : BinaryOp K → α → α → α
  /-- An operation on three numbers. -/
  apply₃ : TernaryOp K → α → α → α → α

variable {K : Type u} [OrderedField K]

/-- Exact arithmetic. -/
def exactNet : NetArithmetic K K where
  toArithmetic := exact
  const c := c
  apply₁ f x := f.exact x
  apply₂ f x y := f.exact x y
  apply₃ f x y z := f.exact x y z

/-- Every operation rounded, constants as well. -/
def roundedNet (R : Rounding K) : NetArithmetic K K where
  toArithmetic := rounded R
  const c := R.rnd c
  apply₁ f x := f.rounded R x
  apply₂ f x y := f.rounded R x y
  apply₃ f x y z := f.rounded R x y z

/-- A constant with the error of its rounding: (fl(c), |fl(c) − c|). -/
def Approx.const (R : Rounding K) (c : K) : Approx K where
  value := R.rnd c
  eps := abs (R.rnd c - c)

/-- The operation on a pair: the rounded value, and the eps of the error law. -/
def UnaryOp.approx (f : UnaryOp K) (R : Rounding K) (x : Approx K) : Approx K where
  value := f.rounded R x.value
  eps := f.eps R x

/-- The operation on two pairs: the rounded value, and the eps of the error law. -/
def BinaryOp.approx (f : BinaryOp K) (R : Rounding K) (x y : Approx K) : Approx K where
  value := f.rounded R x.value y.value
  eps := f.eps R x y

/-- The operation on three pairs: the rounded value, and the eps of the error law. -/
def TernaryOp.approx (f : TernaryOp K) (R : Rounding K) (x y z : Approx K) : Approx K where
  value := f.rounded R x.value y.value z.value
  eps := f.eps R x y z

/-- Rounded values with error bounds, each operation by its error law. -/
def boundNet (R : Rounding K) : NetArithmetic K (Approx K) where
  toArithmetic := bound R
  const c := Approx.const R c
  apply₁ f x := f.approx R x
  apply₂ f x y := f.approx R x y
  apply₃ f x y z := f.approx R x y z

/-- A relation between two arithmetics of networks: it holds of zeros and of equal constants, and
sums, products and operations keep it. -/
structure NetArithmetic.Respects {α β : Type v} (A : NetArithmetic K α) (B : NetArithmetic K β)
    (R : α → β → Prop) : Prop extends A.toArithmetic.Respects B.toArithmetic R where
  const : ∀ c, R (A.const c) (B.const c)
  apply₁ : ∀ f a b, R a b → R (A.apply₁ f a) (B.apply₁ f b)
  apply₂ : ∀ f a b c d, R a b → R c d → R (A.apply₂ f a c) (B.apply₂ f b d)
  apply₃ : ∀ f a b c d e g, R a b → R c d → R e g → R (A.apply₃ f a c e) (B.apply₃ f b d g)

/-- The dual number x + dx·ε, with ε² = 0. -/
structure Dual (K : Type u) where
  /-- x -/
  value : K
  /-- dx -/
  tangent : K

/-- Dual numbers: an algorithm on x + dx·ε computes f(x) + (f′(x)·dx)·ε. -/
def dualNet : NetArithmetic K (Dual K) where
  zero := ⟨0, 0⟩
  add x y := ⟨x.value + y.value, x.tangent + y.tangent⟩
  mul x y := ⟨x.value * y.value, x.tangent * y.value + x.value * y.tangent⟩
  const c := ⟨c, 0⟩
  apply₁ f x := ⟨f.exact x.value, f.deriv x.value * x.tangent⟩
  apply₂ f x y := ⟨f.exact x.value y.value,
    f.deriv₁ x.value y.value * x.tangent + f.deriv₂ x.value y.value * y.tangent⟩
  apply₃ f x y z := ⟨f.exact x.value y.value z.value,
    f.deriv₁ x.value y.value z.value * x.tangent + f.deriv₂ x.value y.value z.value * y.tangent +
      f.deriv₃ x.value y.value z.value * z.tangent⟩

/-- A pair, of which it is recorded whether its value is finite in the format. -/
def Checked.ofApprox (f : Format) (finite : Bool) (a : Approx Rat) : Checked :=
  ⟨a, finite && !f.overflows a.value⟩

/-- The error laws in a format, with constants, operations, and a record of overflow. -/
def checkedNet (f : Format) : NetArithmetic Rat Checked where
  toArithmetic := checked f
  const c := Checked.ofApprox f true (Approx.const f.rounding c)
  apply₁ o x := Checked.ofApprox f x.finite (o.approx f.rounding x.approx)
  apply₂ o x y := Checked.ofApprox f (x.finite && y.finite) (o.approx f.rounding x.approx y.approx)
  apply₃ o x y z := Checked.ofApprox f (x.finite && y.finite && z.finite)
    (o.approx f.rounding x.approx y.approx z.approx)

end

section
/-! ### Contexts -/

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

end

/-! ### Nodes -/

/-- A node with operands of the shapes `As` and a result of shape `s`: a function f with its
vector-Jacobian product δ ↦ δ·f′(x), what the machine computes for both, and bounds of its errors. -/
structure RevNode (K : Type u) [OrderedField K] (As : List (List Nat)) (s : List Nat) : Type u where
  /-- f(x) -/
  forwardSpec : Tensors K As → Tensor K s
  /-- δ·f′(x): the gradients with respect to the operands. -/
  vjpSpec : Tensors K As → Tensor K s → Tensors K As
  /-- What the machine computes for f(x). -/
  forwardRuntime : Tensors K As → Tensor K s
  /-- What the machine computes for δ·f′(x). -/
  vjpRuntime : Tensors K As → Tensor K s → Tensors K As
  /-- The errors of the result, from the operands and their errors. -/
  forwardBound : (xs eps : Tensors K As) → Tensor K s
  /-- The errors of the gradients, from operands, gradient and their errors. -/
  vjpBound : (xs eps : Tensors K As) → (δ epsδ : Tensor K s) → Tensors K As
  /-- |runtime(x) − f(x′)| ≤ bound at every entry, where |x − x′| ≤ eps. -/
  forward_approx : ∀ {xs' xs eps}, Tensors.Within xs' xs eps →
    Tensor.Within (forwardSpec xs') (forwardRuntime xs) (forwardBound xs eps)
  /-- |runtime(x, δ) − δ′·f′(x′)| ≤ bound at every entry, where |x − x′| ≤ eps and |δ − δ′| ≤ epsδ. -/
  vjp_approx : ∀ {xs' xs eps}, Tensors.Within xs' xs eps → ∀ {δ' δ epsδ},
    Tensor.Within δ' δ epsδ → Tensors.Within (vjpSpec xs' δ') (vjpRuntime xs δ)
      (vjpBound xs eps δ epsδ)

/-- A node that is an algorithm, written once for every arithmetic. -/
structure ParametricNode (K : Type u) [OrderedField K] (As : List (List Nat)) (s : List Nat) :
    Type (u + 1) where
  /-- f(x), in any arithmetic. -/
  forward : {α : Type u} → NetArithmetic K α → Tensors α As → Tensor α s
  /-- δ·f′(x), in any arithmetic: the gradients with respect to the operands. -/
  vjp : {α : Type u} → NetArithmetic K α → Tensors α As → Tensor α s → Tensors α As
  /-- Where two arithmetics respect a relation and the operands are related, the results are. -/
  forward_rel : ∀ {α β : Type u} {A : NetArithmetic K α} {B : NetArithmetic K β} {R : α → β → Prop},
    A.Respects B R → ∀ {xs : Tensors α As} {us : Tensors β As}, Tensors.Rel R xs us →
    Tensor.Rel R (forward A xs) (forward B us)
  /-- Where two arithmetics respect a relation and operands and gradient are related, the gradients
  with respect to the operands are. -/
  vjp_rel : ∀ {α β : Type u} {A : NetArithmetic K α} {B : NetArithmetic K β} {R : α → β → Prop},
    A.Respects B R → ∀ {xs : Tensors α As} {us : Tensors β As}, Tensors.Rel R xs us →
    ∀ {δ : Tensor α s} {γ : Tensor β s}, Tensor.Rel R δ γ →
    Tensors.Rel R (vjp A xs δ) (vjp B us γ)

/-! ### Passes -/

/-- What nodes of the kind `N` compute with entries in `α`, and the arithmetic in which gradients
that meet are added. -/
structure Pass (N : List (List Nat) → List Nat → Type v) (α : Type u) extends Arithmetic α where
  /-- f(x) -/
  forward : {As : List (List Nat)} → {s : List Nat} → N As s → Tensors α As → Tensor α s
  /-- δ·f′(x) -/
  vjp : {As : List (List Nat)} → {s : List Nat} → N As s → Tensors α As → Tensor α s → Tensors α As

/-- A relation between two passes: their arithmetics and all nodes keep it. -/
structure Pass.Respects {N : List (List Nat) → List Nat → Type v} {α β : Type u} (P : Pass N α)
    (Q : Pass N β) (R : α → β → Prop) : Prop extends P.toArithmetic.Respects Q.toArithmetic R where
  forward : ∀ {As s} (n : N As s) {xs us}, Tensors.Rel R xs us →
    Tensor.Rel R (P.forward n xs) (Q.forward n us)
  vjp : ∀ {As s} (n : N As s) {xs us}, Tensors.Rel R xs us → ∀ {δ γ}, Tensor.Rel R δ γ →
    Tensors.Rel R (P.vjp n xs δ) (Q.vjp n us γ)

/-- An exact pass, a runtime, and a pass of pairs whose values are the runtime's and whose eps bound its
errors. -/
structure Model (K : Type u) [OrderedField K] (N : List (List Nat) → List Nat → Type v) where
  /-- The specification. -/
  exact : Pass N K
  /-- What the machine computes. -/
  runtime : Pass N K
  /-- What the machine computes, with bounds of its errors. -/
  bound : Pass N (Approx K)
  /-- The pairs enclose the exact values. -/
  encloses : exact.Respects bound Approx.Encloses
  /-- The pairs have the values of the runtime. -/
  hasValue : runtime.Respects bound Approx.HasValue

section
variable {K : Type u} [OrderedField K]

/-- Parametric nodes in an arithmetic. -/
def NetArithmetic.pass {α : Type u} (A : NetArithmetic K α) : Pass (ParametricNode K) α where
  toArithmetic := A.toArithmetic
  forward n := n.forward A
  vjp n := n.vjp A

namespace RevNode

/-- The specifications of nodes. -/
def exactPass : Pass (RevNode K) K where
  toArithmetic := exact
  forward n := n.forwardSpec
  vjp n := n.vjpSpec

variable (R : Rounding K)

/-- The runtimes of nodes; gradients that meet are added in rounded arithmetic. -/
def runtimePass : Pass (RevNode K) K where
  toArithmetic := rounded R
  forward n := n.forwardRuntime
  vjp n := n.vjpRuntime

/-- The runtimes of nodes with their bounds; the rounded addition of gradients that meet is in the
bound. -/
def boundPass : Pass (RevNode K) (Approx K) where
  toArithmetic := bound R
  forward n ps := (n.forwardRuntime (ps.map Approx.value)).pairs
    (n.forwardBound (ps.map Approx.value) ps.eps)
  vjp n ps p := (n.vjpRuntime (ps.map Approx.value) (p.map Approx.value)).pairs
    (n.vjpBound (ps.map Approx.value) ps.eps (p.map Approx.value) p.eps)

end RevNode

end

/-! ### Graphs -/

/-- Nodes of the kind `N` that extend the context `Γ` to the context `Δ`. -/
inductive RevGraph (N : List (List Nat) → List Nat → Type v) (Γ : List (List Nat)) :
    (Δ : List (List Nat)) → Type v where
  /-- No node. -/
  | nil : RevGraph N Γ Γ
  /-- A graph, and a node that reads some of its tensors. -/
  | snoc {Δ As : List (List Nat)} {s : List Nat} (graph : RevGraph N Γ Δ) (node : N As s)
    (operands : Vars Δ As) : RevGraph N Γ (s :: Δ)

namespace RevGraph

variable {N : List (List Nat) → List Nat → Type v} {α : Type u} (P : Pass N α) {Γ : List (List Nat)}

/-- The tensors of the context and of all nodes, that of the last node first. -/
def eval : {Δ : List (List Nat)} → RevGraph N Γ Δ → Tensors α Γ → Tensors α Δ
  | _, .nil, xs => xs
  | _, .snoc g n vs, xs =>
    let ys := eval g xs
    (P.forward n (vs.get ys), ys)

/-- From the tensors of all nodes and the gradients that have reached them, those that reach the
context. The gradient that has reached a node's result goes through its vector-Jacobian product to
its operands; where it meets one that has reached an operand before, the two are added in the pass's
arithmetic, so that the addition is rounded, and its rounding is in the bound. -/
def pull : {Δ : List (List Nat)} → RevGraph N Γ Δ → Tensors α Δ → Cotangents α Δ → Cotangents α Γ
  | _, .nil, _, cs => cs
  | _, .snoc g _ _, (_, ys), (none, cs) => pull g ys cs
  | _, .snoc g n vs, (_, ys), (some δ, cs) =>
    pull g ys (vs.accumulate P.toArithmetic (P.vjp n (vs.get ys) δ) cs)

/-- The gradients with respect to the context at `xs`, from those with respect to nodes; zero where
none reaches. -/
def backprop {Δ : List (List Nat)} (g : RevGraph N Γ Δ) (xs : Tensors α Γ) (cs : Cotangents α Δ) :
    Tensors α Γ :=
  (g.pull P (g.eval P xs) cs).toTensors P.zero

/-- The gradients with respect to the context at `xs`, from that with respect to the last node. -/
def gradient {Δ : List (List Nat)} {s : List Nat} (g : RevGraph N Γ (s :: Δ)) (xs : Tensors α Γ)
    (δ : Tensor α s) : Tensors α Γ :=
  g.backprop P xs (.first δ)

variable {K : Type u} (B : Pass N (Approx K)) {Δ : List (List Nat)} (g : RevGraph N Γ Δ)

/-- The errors of the tensors of all nodes, an eps for every entry, from the errors of the context. -/
def evalBound (xs eps : Tensors K Γ) : Tensors K Δ :=
  (g.eval B (xs.pairs eps)).eps

/-- The errors of the gradients, an eps for every entry, from the errors of the context and of the
gradients with respect to nodes. -/
def backpropBound (xs eps : Tensors K Γ) (cs : Cotangents K Δ) (epsδ : Tensors K Δ) : Tensors K Γ :=
  (g.backprop B (xs.pairs eps) (cs.pairs epsδ)).eps

/-- The errors of the gradients, an eps for every entry, from the errors of the context and of the
gradient with respect to the last node. -/
def gradientBound {s : List Nat} (g : RevGraph N Γ (s :: Δ)) (xs eps : Tensors K Γ)
    (δ epsδ : Tensor K s) : Tensors K Γ :=
  (g.gradient B (xs.pairs eps) (δ.pairs epsδ)).eps

end RevGraph

end RuntimeApprox
