module

public import RuntimeApprox.Context.Theorems
public import RuntimeApprox.Operation

/-!
# Graphs

A node is an algorithm, written once for every arithmetic, that keeps every relation which its
arithmetics keep. In exact arithmetic it is the specification, in rounded arithmetic the machine's
computation, and in pairs of value and eps its bound transformer; that it keeps relations is its
soundness. A graph adds one node after the other to a context, and so does backpropagation, backwards.

## Main definitions
* `FwdNode`: the forward pass of a node. `RevNode`: with its vector-Jacobian product.
* `FwdNode.forwardBound`, `RevNode.vjpBound`: the bound transformers.
* `RevGraph Γ Δ`: nodes that extend the context `Γ` to `Δ`.
* `RevGraph.eval`: the tensors of all nodes. `RevGraph.backprop`: the gradients with respect to `Γ`,
  from those with respect to nodes; `RevGraph.gradient`: from that with respect to the last one.
* `RevGraph.evalBound`, `RevGraph.backpropBound`, `RevGraph.gradientBound`: the errors, an eps for
  every entry.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

/-- The forward pass of a node with operands of the shapes `As` and a result of shape `s`. -/
structure FwdNode (K : Type u) [OrderedField K] (As : List (List Nat)) (s : List Nat) :
    Type (u + 1) where
  /-- f(x), in any arithmetic. -/
  forward : {α : Type u} → NetArithmetic K α → Tensors α As → Tensor α s
  /-- Soundness: where two arithmetics respect a relation and the operands are related, the results
  are. -/
  forward_rel : ∀ {α β : Type u} {A : NetArithmetic K α} {B : NetArithmetic K β} {R : α → β → Prop},
    A.Respects B R → ∀ {xs : Tensors α As} {us : Tensors β As}, Tensors.Rel R xs us →
    Tensor.Rel R (forward A xs) (forward B us)

/-- A node with its vector-Jacobian product. -/
structure RevNode (K : Type u) [OrderedField K] (As : List (List Nat)) (s : List Nat) :
    Type (u + 1) extends FwdNode K As s where
  /-- δ ↦ δ·f'(x), in any arithmetic: from the operands and the gradient with respect to the result,
  the gradients with respect to the operands. -/
  vjp : {α : Type u} → NetArithmetic K α → Tensors α As → Tensor α s → Tensors α As
  /-- Soundness: where two arithmetics respect a relation and operands and gradient are related, the
  gradients with respect to the operands are. -/
  vjp_rel : ∀ {α β : Type u} {A : NetArithmetic K α} {B : NetArithmetic K β} {R : α → β → Prop},
    A.Respects B R → ∀ {xs : Tensors α As} {us : Tensors β As}, Tensors.Rel R xs us →
    ∀ {δ : Tensor α s} {γ : Tensor β s}, Tensor.Rel R δ γ →
    Tensors.Rel R (vjp A xs δ) (vjp B us γ)

section
variable {As : List (List Nat)} {s : List Nat} (R : Rounding K)

/-- The bound transformer of the forward pass: from the operands and their errors the errors of the
result. -/
def FwdNode.forwardBound (n : FwdNode K As s) (xs eps : Tensors K As) : Tensor K s :=
  (n.forward (boundNet R) (xs.pairs eps)).eps

/-- The bound transformer of the vector-Jacobian product: from operands, gradient and their errors
the errors of the gradients with respect to the operands. -/
def RevNode.vjpBound (n : RevNode K As s) (xs eps : Tensors K As) (δ epsδ : Tensor K s) :
    Tensors K As :=
  (n.vjp (boundNet R) (xs.pairs eps) (δ.pairs epsδ)).eps

end

/-- Nodes that extend the context `Γ` to the context `Δ`. -/
inductive RevGraph (K : Type u) [OrderedField K] (Γ : List (List Nat)) :
    (Δ : List (List Nat)) → Type (u + 1) where
  /-- No node. -/
  | nil : RevGraph K Γ Γ
  /-- A graph, and a node that reads some of its tensors. -/
  | snoc {Δ As : List (List Nat)} {s : List Nat} (graph : RevGraph K Γ Δ) (node : RevNode K As s)
    (operands : Vars Δ As) : RevGraph K Γ (s :: Δ)

namespace RevGraph

variable {α : Type u} (A : NetArithmetic K α) {Γ : List (List Nat)}

/-- The tensors of the context and of all nodes, that of the last node first. -/
def eval : {Δ : List (List Nat)} → RevGraph K Γ Δ → Tensors α Γ → Tensors α Δ
  | _, .nil, xs => xs
  | _, .snoc g n vs, xs =>
    let ys := eval g xs
    (n.forward A (vs.get ys), ys)

/-- From the tensors of all nodes and the gradients that have reached them, those that reach the
context. The gradient that has reached a node's result goes through its vector-Jacobian product to
its operands; where it meets one that has reached an operand before, the two are added in the
arithmetic, so that the addition is rounded, and its rounding is in the bound. -/
def pull : {Δ : List (List Nat)} → RevGraph K Γ Δ → Tensors α Δ → Cotangents α Δ → Cotangents α Γ
  | _, .nil, _, cs => cs
  | _, .snoc g _ _, (_, ys), (none, cs) => pull g ys cs
  | _, .snoc g n vs, (_, ys), (some δ, cs) =>
    pull g ys (vs.accumulate A.toArithmetic (n.vjp A (vs.get ys) δ) cs)

/-- The gradients with respect to the context at `xs`, from those with respect to nodes; zero where
none reaches. -/
def backprop {Δ : List (List Nat)} (g : RevGraph K Γ Δ) (xs : Tensors α Γ) (cs : Cotangents α Δ) :
    Tensors α Γ :=
  (g.pull A (g.eval A xs) cs).toTensors A.zero

/-- The gradients with respect to the context at `xs`, from that with respect to the last node. -/
def gradient {Δ : List (List Nat)} {s : List Nat} (g : RevGraph K Γ (s :: Δ)) (xs : Tensors α Γ)
    (δ : Tensor α s) : Tensors α Γ :=
  g.backprop A xs (.first δ)

variable (R : Rounding K) {Δ : List (List Nat)} (g : RevGraph K Γ Δ)

/-- The errors of the tensors of all nodes, an eps for every entry, from the errors of the context. -/
def evalBound (xs eps : Tensors K Γ) : Tensors K Δ :=
  (g.eval (boundNet R) (xs.pairs eps)).eps

/-- The errors of the gradients, an eps for every entry, from the errors of the context and of the
gradients with respect to nodes. -/
def backpropBound (xs eps : Tensors K Γ) (cs : Cotangents K Δ) (epsδ : Tensors K Δ) : Tensors K Γ :=
  (g.backprop (boundNet R) (xs.pairs eps) (cs.pairs epsδ)).eps

/-- The errors of the gradients, an eps for every entry, from the errors of the context and of the
gradient with respect to the last node. -/
def gradientBound {s : List Nat} (g : RevGraph K Γ (s :: Δ)) (xs eps : Tensors K Γ)
    (δ epsδ : Tensor K s) : Tensors K Γ :=
  (g.gradient (boundNet R) (xs.pairs eps) (δ.pairs epsδ)).eps

end RevGraph

end RuntimeApprox
