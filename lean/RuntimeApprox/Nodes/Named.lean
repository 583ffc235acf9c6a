module

public import RuntimeApprox.Contraction.Theorems
public import RuntimeApprox.Graph

/-!
# Operations as nodes

An operation is the contraction of its output and one for the gradient of each operand. They name what
they read: the operands, and `gradOutput`. A node finds each by its name and shape; where there is none,
which whoever builds the node rules out, the result is zero.

## Main definitions
* `decideShape`: whether two shapes are equal.
* `findOperand`, `findOperands`: operands by name and shape.
* `evalNamed`: a contraction of named operands.
* `operationNode`: the node.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

/-- Whether two shapes are equal. -/
def decideShape : (s r : List Nat) → Decidable (s = r)
  | [], [] => isTrue rfl
  | [], _ :: _ => isFalse (fun h => nomatch h)
  | _ :: _, [] => isFalse (fun h => nomatch h)
  | m :: s, n :: r =>
    if h : m = n then
      match decideShape s r with
      | isTrue h' => isTrue (h ▸ h' ▸ rfl)
      | isFalse h' => isFalse fun e => h' (List.cons.inj e).2
    else isFalse fun e => h (List.cons.inj e).1

section
variable {α : Type u}

/-- A tensor at a shape, if it is its own. -/
def Tensor.atShape {s : List Nat} (t : Tensor α s) (r : List Nat) : Option (Tensor α r) :=
  match decideShape s r with
  | isTrue h => some (h ▸ t)
  | isFalse _ => none

/-- The operand of a name, if it has the shape. -/
def findOperand (name : String) (s : List Nat) :
    (names : List String) → {As : List (List Nat)} → Tensors α As → Option (Tensor α s)
  | n :: names, _ :: _, (t, ts) => if n = name then t.atShape s else findOperand name s names ts
  | _, _, _ => none

/-- The operands that a contraction names. -/
def findOperands (names : List String) {As : List (List Nat)} (ts : Tensors α As) :
    (ps : List (Operand Int)) → Option (Tensors α (shapes ps))
  | [] => some ⟨⟩
  | p :: ps =>
    (findOperand p.name (extents p.axes) names ts).bind fun t =>
      (findOperands names ts ps).bind fun us => some (t, us)

/-- A contraction of named operands, at the shape of its result. -/
def evalNamed (A : Arithmetic α) (names : List String) {As : List (List Nat)} (ts : Tensors α As)
    (s : List Nat) (c : Contraction Int) : Tensor α s :=
  ((findOperands names ts (c.factor :: c.factors)).bind fun fs =>
    (findOperands names ts c.addends).bind fun as =>
      (Contraction.eval A c fs as).atShape s).getD (Tensor.fill s A.zero)

/-- A contraction of named operands for each of the shapes. -/
def evalEach (A : Arithmetic α) (names : List String) {As : List (List Nat)} (ts : Tensors α As) :
    (ss : List (List Nat)) → List (Contraction Int) → Tensors α ss
  | [], _ => ⟨⟩
  | s :: ss, c :: cs => (evalNamed A names ts s c, evalEach A names ts ss cs)
  | s :: ss, [] => (Tensor.fill s A.zero, evalEach A names ts ss [])

end

/-! ### Relations -/

section
variable {α β : Type u}

variable {R : α → β → Prop}

theorem Tensor.atShape_rel {s : List Nat} {t : Tensor α s} {u : Tensor β s} (h : t.Rel R u)
    (r : List Nat) : Option.Rel (Tensor.Rel R) (t.atShape r) (u.atShape r) := by
  unfold Tensor.atShape
  rcases decideShape s r with h' | h'
  · exact .none
  · subst h'; exact .some h

theorem findOperand_rel (name : String) (s : List Nat) : (names : List String) →
    {As : List (List Nat)} → {ts : Tensors α As} → {us : Tensors β As} → ts.Rel R us →
    Option.Rel (Tensor.Rel R) (findOperand name s names ts) (findOperand name s names us)
  | [], [], _, _, _ => .none
  | [], _ :: _, _, _, _ => .none
  | _ :: _, [], _, _, _ => .none
  | n :: names, _ :: _, (_, _), (_, _), ⟨h, hs⟩ => by
    unfold findOperand
    split
    · exact Tensor.atShape_rel h s
    · exact findOperand_rel name s names hs

theorem findOperands_rel (names : List String) {As : List (List Nat)} {ts : Tensors α As}
    {us : Tensors β As} (h : ts.Rel R us) : (ps : List (Operand Int)) →
    Option.Rel (Tensors.Rel R) (findOperands names ts ps) (findOperands names us ps)
  | [] => .some trivial
  | p :: ps => bind_rel (findOperand_rel p.name (extents p.axes) names h) fun _ _ ht =>
      bind_rel (findOperands_rel names h ps) fun _ _ hts => .some (.cons ht hts)

variable {A : Arithmetic α} {B : Arithmetic β} (hAB : A.Respects B R)
include hAB

theorem evalNamed_rel (names : List String) {As : List (List Nat)} {ts : Tensors α As}
    {us : Tensors β As} (h : ts.Rel R us) (s : List Nat) (c : Contraction Int) :
    (evalNamed A names ts s c).Rel R (evalNamed B names us s c) :=
  getD_rel (bind_rel (findOperands_rel names h (c.factor :: c.factors)) fun _ _ hf =>
    bind_rel (findOperands_rel names h c.addends) fun _ _ ha =>
      Tensor.atShape_rel (Contraction.eval_rel hAB c hf ha) s) (Tensor.rel_ofFn fun _ => hAB.zero)

theorem evalEach_rel (names : List String) {As : List (List Nat)} {ts : Tensors α As}
    {us : Tensors β As} (h : ts.Rel R us) : (ss : List (List Nat)) → (cs : List (Contraction Int)) →
    (evalEach A names ts ss cs).Rel R (evalEach B names us ss cs)
  | [], [] => .nil
  | [], _ :: _ => .nil
  | s :: ss, c :: cs => .cons (evalNamed_rel hAB names h s c) (evalEach_rel names h ss cs)
  | _ :: ss, [] => .cons (Tensor.rel_ofFn fun _ => hAB.zero) (evalEach_rel names h ss [])

end

/-! ### The node -/

/-- An operation: `output` is the contraction of its result, `gradients` those of its operands'
gradients, in their order; `names` are the operands' names. -/
def operationNode (K : Type u) [OrderedField K] (names : List String) (As : List (List Nat))
    (s : List Nat) (output : Contraction Int) (gradients : List (Contraction Int)) :
    ParametricNode K As s where
  forward := fun A xs => evalNamed A.toArithmetic names xs s output
  forward_rel := fun hAB _ _ hx => evalNamed_rel hAB.toRespects names hx s output
  vjp := fun A xs δ => evalEach A.toArithmetic ("gradOutput" :: names) (As := s :: As) (δ, xs) As
    gradients
  vjp_rel := fun hAB _ _ hx _ _ hδ =>
    evalEach_rel hAB.toRespects ("gradOutput" :: names) (Tensors.Rel.cons hδ hx) As gradients

end RuntimeApprox
