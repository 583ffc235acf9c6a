module

public import RuntimeApprox.MaxPool
public import RuntimeApprox.Nodes
public import RuntimeApprox.Nodes.Named
public import RuntimeApprox.Program

/-!
# Networks as text

A network is a list of tensors, the input and the parameters, and of nodes that read tensors and nodes
before them. It is evaluated forward and backward in a format: the program writes, for the output and
for the gradient of every tensor, the rounded values, the exact values and the bounds.

```
case NAME
format binary32
tensor NAME EPS SIZE … : ENTRY …
node KIND NUMBER … : OPERAND …
gradient EPS : ENTRY …
end
```
Operands are counted from 0, the tensors first, then the nodes. The gradient is that of the last node.

## Main definitions
* `Network`: the tensors, the graph, and the gradient.
* `Network.output`, `Network.gradients`: both passes, in any arithmetic.
* `parseNetwork`, `networkLines`, `evaluateNetworks`: reading and writing.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-! ### Graphs that are built node by node -/

/-- The shape of a tensor of a context, counted from its first. -/
def shapeAt : (Γ : List (List Nat)) → Nat → Option (List Nat)
  | [], _ => none
  | s :: _, 0 => some s
  | _ :: Γ, k + 1 => shapeAt Γ k

/-- The tensor of a context at a place, if it has the shape. -/
def varAt : (Γ : List (List Nat)) → Nat → (s : List Nat) → Option (Var Γ s)
  | [], _, _ => none
  | r :: _, 0, s =>
    match decideShape r s with
    | isTrue h => some (Var.cast h .zero)
    | isFalse _ => none
  | _ :: Γ, k + 1, s => (varAt Γ k s).bind fun v => some v.succ

/-- The tensors of a context at places, if they have the shapes. -/
def varsAt (Γ : List (List Nat)) : List Nat → (As : List (List Nat)) → Option (Vars Γ As)
  | [], [] => some .nil
  | k :: ks, s :: As => (varAt Γ k s).bind fun v => (varsAt Γ ks As).bind fun vs => some (.cons v vs)
  | _, _ => none

/-- A graph over a context, and how many nodes it has. -/
structure Built (Γ : List (List Nat)) where
  /-- The shapes of nodes and context, the last node first. -/
  shapes : List (List Nat)
  /-- The nodes. -/
  graph : RevGraph (ParametricNode Rat) Γ shapes
  /-- The number of nodes. -/
  nodes : Nat

/-- Where an operand is in the context of a graph: operands are counted from the context's first
tensor on, but nodes come first there, the last one first. Beyond the last node there is none, and
the place is beyond the context. -/
def Built.place {Γ : List (List Nat)} (b : Built Γ) (k : Nat) : Nat :=
  let n := countFrom Γ 0
  if k < n then b.nodes + k else if k < n + b.nodes then b.nodes - 1 - (k - n) else k

/-- The places of operands. -/
def Built.places {Γ : List (List Nat)} (b : Built Γ) : List Nat → List Nat
  | [] => []
  | k :: ks => b.place k :: Built.places b ks

/-- A graph with one more node, if its operands have the shapes. -/
def Built.snoc {Γ : List (List Nat)} (b : Built Γ) {As : List (List Nat)} {s : List Nat}
    (n : ParametricNode Rat As s) (operands : List Nat) : Except String (Built Γ) :=
  match varsAt b.shapes (b.places operands) As with
  | some vs => .ok ⟨s :: b.shapes, b.graph.snoc n vs, b.nodes + 1⟩
  | none => .error "an operand is missing or has another shape"

/-- The shapes of operands. -/
def Built.operandShapes {Γ : List (List Nat)} (b : Built Γ) : List Nat → Option (List (List Nat))
  | [] => some []
  | k :: ks => (shapeAt b.shapes (b.place k)).bind fun s =>
      (Built.operandShapes b ks).bind fun ss => some (s :: ss)

/-! ### Reading -/

/-- Natural numbers. -/
def parseNats : List String → Option (List Nat)
  | [] => some []
  | w :: ws => (parseNat w).bind fun n => (parseNats ws).bind fun ns => some (n :: ns)

/-- The words before a colon, and those after it. -/
def atColon : List String → List String → Option (List String × List String)
  | [], _ => none
  | w :: ws, before => if w = ":" then some (reverseOnto before [], ws) else atColon ws (w :: before)

/-- Whether two shapes have as many entries. -/
def decideCount (s r : List Nat) : Decidable (prod s = prod r) := Nat.decEq (prod s) (prod r)

/-- The tensors before the nodes: names, eps and entries. -/
structure GivenTensors where
  /-- The shapes. -/
  shapes : List (List Nat)
  /-- The names. -/
  names : List String
  /-- The values. -/
  values : Tensors Rat shapes
  /-- The eps of each. -/
  eps : Epsilons Rat shapes

/-- An operation at given sizes, for a node. -/
structure SizedOperation where
  /-- The operands' names, in the order of the node's operands. -/
  names : List String
  /-- The contraction of the output. -/
  output : Contraction Int
  /-- Those of the operands' gradients. -/
  gradients : List (Contraction Int)

/-- The contractions of the gradients of operands: the result of an operand's name, of x also
`input`. -/
def gradientsOf (operation : String) (results : List (String × Contraction Int)) :
    List String → Except String (List (Contraction Int))
  | [] => .ok []
  | name :: names =>
    match named? name results, named? "input" results with
    | some c, _ => (gradientsOf operation results names).map (c :: ·)
    | none, some c =>
      if name = "x" then (gradientsOf operation results names).map (c :: ·)
      else .error (operation ++ ": the gradient of " ++ name ++ " is missing")
    | none, none => .error (operation ++ ": the gradient of " ++ name ++ " is missing")

/-- The names of operands. -/
def operandNames : List (Operand Int) → List String
  | [] => []
  | p :: ps => p.name :: operandNames ps

/-- The operation of a name at sizes. -/
def sizedOperation (name : String) (sizes : List String) : Except String SizedOperation := do
  let o ← findNamed "operation" name namedOperations
  let (_, number) ← parseSizes o sizes
  let results := mapList (fun r => (r.name, r.contraction.map (Size.eval number))) o.results
  let output ← findNamed "result" "output" results
  let names := operandNames (output.factor :: appended output.factors output.addends)
  return ⟨names, output, ← gradientsOf name results names⟩

/-- The graph with the node of a kind that needs no numbers but shapes; none for another kind. -/
def simpleNode {Γ : List (List Nat)} (b : Built Γ) (kind : String) (numbers : List String)
    (operands : List Nat) (s : List Nat) : Option (Except String (Built Γ)) :=
  if kind = "relu" then some (b.snoc (reluNode Rat s) operands)
  else if kind = "add" then some (b.snoc (addNode Rat s) operands)
  else if kind = "leakyRelu" then
    match numbers with
    | [c] => (parseRat c).bind fun c => some (b.snoc (leakyReluNode c s) operands)
    | _ => some (.error "leakyRelu: expected the slope")
  else if kind = "div" then
    match numbers with
    | [c] => (parseRat c).bind fun c =>
        if h : 0 < c then some (b.snoc (divNode c h s) operands)
        else some (.error "div: expected a positive number")
    | _ => some (.error "div: expected the divisor")
  else if kind = "reshape" then
    (parseNats numbers).bind fun r =>
      match decideCount s r with
      | isTrue h => some (b.snoc (reshapeNode Rat h) operands)
      | isFalse _ => some (.error "reshape: expected as many entries")
  else none

/-- The graph with a node of a window's largest entry. -/
def poolNode {Γ : List (List Nat)} (b : Built Γ) (numbers : List String) (operands : List Nat) :
    Except String (Built Γ) :=
  match sizedOperation "avgPool" numbers with
  | .error e => .error e
  | .ok sums =>
    match sums.gradients with
    | [grad] => b.snoc (maxPoolNode Rat sums.output.factor.axes (toNats sums.output.red)
        grad.factor.axes (toNats grad.red)) operands
    | _ => .error "maxPool: expected sums over windows, and their gradient"

/-- The graph with the node of a line. -/
def parseNode {Γ : List (List Nat)} (b : Built Γ) (words : List String) : Except String (Built Γ) :=
  match atColon words [] with
  | some (kind :: numbers, operands) =>
    match parseNats operands with
    | some operands =>
      match b.operandShapes operands with
      | some (s :: ss) =>
        match simpleNode b kind numbers operands s with
        | some built => built
        | none =>
          if kind = "maxPool" then poolNode b numbers operands
          else
            match sizedOperation kind numbers with
            | .error e => .error e
            | .ok op => b.snoc (operationNode Rat op.names (s :: ss) op.output.shape op.output
                op.gradients) operands
      | _ => .error (kind ++ ": an operand is missing")
    | none => .error (kind ++ ": expected the numbers of operands")
  | _ => .error "node: expected KIND NUMBER … : OPERAND …"

/-- A network on data: the input and the parameters, the graph, and the gradient of its last node. -/
structure Network where
  /-- The shapes of the input and the parameters. -/
  context : List (List Nat)
  /-- The shapes of the nodes before the last one, and of the context. -/
  hidden : List (List Nat)
  /-- The shape of the last node. -/
  shape : List Nat
  /-- The format. -/
  format : Format
  /-- The nodes. -/
  graph : RevGraph (ParametricNode Rat) context (shape :: hidden)
  /-- The names of the input and the parameters. -/
  names : List String
  /-- The input and the parameters. -/
  values : Tensors Rat context
  /-- How far the exact ones may be from them. -/
  eps : Epsilons Rat context
  /-- The gradient with respect to the last node. -/
  gradient : Tensor Rat shape
  /-- How far the exact one may be from it. -/
  epsGradient : Rat

namespace Network

variable (n : Network) {α : Type} (A : NetArithmetic Rat α)

/-- The tensor of the last node, in any arithmetic. -/
def output (xs : Tensors α n.context) : Tensor α n.shape := (n.graph.eval A.pass xs).1

/-- The gradients with respect to the input and the parameters, in any arithmetic. -/
def gradients (xs : Tensors α n.context) (δ : Tensor α n.shape) : Tensors α n.context :=
  n.graph.gradient A.pass xs δ

/-- The input and the parameters with their eps, as operands of the checked arithmetic. -/
def checkedValues : Tensors Checked n.context :=
  (n.values.pairs n.eps.fill).map fun a => ⟨a, true⟩

/-- The gradient with its eps, as an operand of the checked arithmetic. -/
def checkedGradient : Tensor Checked n.shape :=
  n.gradient.map fun v => ⟨⟨v, n.epsGradient⟩, true⟩

end Network

/-- The tensor of a shape with the entries of the words, in row-major order. -/
def parseTensor (name : String) (f : Format) (s : List Nat) (words : List String) :
    Except String (Tensor Rat s) := do
  let entries ← parseRats name f words #[]
  if entries.size = prod s then return Tensor.ofFn s fun i => entries.getD i.toNat 0
  else .error (name ++ ": expected " ++ toString (prod s) ++ " entries, found " ++
    toString entries.size)

/-- The tensors of the lines at the beginning, and the other lines. -/
def parseGiven (f : Format) : List (List String) → Except String (GivenTensors × List (List String))
  | ("tensor" :: name :: eps :: rest) :: lines =>
    match atColon rest [] with
    | none => .error "tensor: expected NAME EPS SIZE … : ENTRY …"
    | some (sizes, entries) =>
      match parseNats sizes with
      | none => .error (name ++ ": expected sizes")
      | some s => do
        let e ← parseEps name eps
        let t ← parseTensor name f s entries
        let (g, lines) ← parseGiven f lines
        return (⟨s :: g.shapes, name :: g.names, (t, g.values), (e, g.eps)⟩, lines)
  | lines => .ok (⟨[], [], ⟨⟩, ⟨⟩⟩, lines)

/-- The graph with the nodes of the lines, and the words of the gradient. -/
def parseNodes {Γ : List (List Nat)} (b : Built Γ) :
    List (List String) → Except String (Built Γ × List String)
  | [("gradient" :: words)] => .ok (b, words)
  | ("node" :: words) :: lines => do
    let b ← parseNode b words
    parseNodes b lines
  | _ => .error "expected the lines node …, and then gradient …"

/-- The gradient of a shape, with its eps. -/
def parseGradient (f : Format) (s : List Nat) : List String → Except String (Tensor Rat s × Rat)
  | eps :: ":" :: entries => do
    let e ← parseEps "gradient" eps
    let δ ← parseTensor "gradient" f s entries
    return (δ, e)
  | _ => .error "expected gradient EPS : ENTRY …"

/-- The format of the first line, the tensors, and the other lines. -/
def parseHead : List (List String) → Except String (Format × GivenTensors × List (List String))
  | ["format", format] :: lines => do
    let f ← findNamed "format" format namedFormats
    let (g, lines) ← parseGiven f lines
    return (f, g, lines)
  | _ => .error "expected the line format"

/-- A network from the lines between `case` and `end`. -/
def parseNetwork (lines : List (List String)) : Except String Network :=
  match parseHead lines with
  | .error e => .error e
  | .ok (f, g, lines) =>
    match parseNodes (⟨g.shapes, .nil, 0⟩ : Built g.shapes) lines with
    | .error e => .error e
    | .ok (⟨s :: hidden, graph, _⟩, words) =>
      match parseGradient f s words with
      | .error e => .error e
      | .ok (δ, e) => .ok ⟨g.shapes, hidden, s, f, graph, g.names, g.values, g.eps, δ, e⟩
    | .ok _ => .error "expected a node"

/-! ### Writing -/

/-- The lines of the results of each tensor of a context, with its name. -/
def contextLines : (names : List String) → {Γ : List (List Nat)} → Tensors Checked Γ →
    Tensors Rat Γ → String
  | name :: names, _ :: _, (t, ts), (e, es) => resultLines name t e ++ contextLines names ts es
  | _, _, _, _ => ""

/-- The lines of the output and of the gradient of every tensor. -/
def Network.lines (n : Network) : String :=
  let A := checkedNet n.format
  "sizes\n" ++ resultLines "output" (n.output A n.checkedValues) (n.output exactNet n.values) ++
    contextLines n.names (n.gradients A n.checkedValues n.checkedGradient)
      (n.gradients exactNet n.values n.gradient)

/-- The results of a network given by its name and lines. -/
def networkLines (name : String) (lines : List (List String)) : String :=
  "case " ++ name ++ "\n" ++
  (match parseNetwork lines with
    | .ok n => n.lines
    | .error e => "refused " ++ e ++ "\n") ++
  "end " ++ name ++ "\n"

/-- The results of the networks of a file, or what is wrong with the file. -/
def evaluateNetworks (text : String) : Except String String :=
  evaluateFrom networkLines (tokens text) none [] ""

end RuntimeApprox
