module

public import RuntimeApprox.Context
public import RuntimeApprox.Operation

/-!
# Graphs

A graph adds nodes to a context one after the other; backpropagation goes through them in reverse.
What the nodes compute is a pass. Specification, runtime, error bounds and dual numbers are passes,
each over its own numbers.

`RevNode` is the general node: specification, runtime and bound are any functions with a proof that the
runtime is within the bound of the specification. A library's convolution or a fused kernel can be a
node. `ParametricNode` is an algorithm written once for every arithmetic, which keeps every relation
that its arithmetics keep: it is the specification in exact arithmetic, the runtime in rounded
arithmetic, and the bound in pairs of value and eps. `ParametricNode.toRevNode` turns it into a
`RevNode`.

## Main definitions
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
