module

public import RuntimeApprox.Tensor
public import RuntimeApprox.Rounding

/-!
# Contractions

A contraction is a sum, in a stated order, of products of operand entries, where a term whose index
falls outside an operand is skipped. It is a record of data: matrix product, pooling, convolution of
any dimension, stride, padding, dilation and groups, its transpose and its gradients are values of
this one type. It is evaluated by one function, over any arithmetic.

The numbers of a contraction are of a type `ι`: at `Int` it is evaluated; at the type of size
expressions it is exported (`RuntimeApprox.Export`).

## Main definitions
* `Affine`, `Axis`, `Operand`, `Contraction`: the record.
* `Contraction.shape`: the shape of the result.
* `Contraction.evalAt`, `Contraction.eval`: one entry, and all of them.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

/-- (Σₖ outₖ·oₖ + Σₖ redₖ·rₖ + offset) / divisor, where the division is exact. -/
structure Affine (ι : Type) where
  /-- The coefficient of each output index. -/
  out : List ι
  /-- The coefficient of each reduction index. -/
  red : List ι
  /-- The constant term. -/
  offset : ι
  /-- The divisor. -/
  divisor : ι

/-- An axis of an operand: how long it is, and where a term reads it. -/
structure Axis (ι : Type) where
  /-- The operand's extent along this axis. -/
  extent : ι
  /-- The index that a term reads. -/
  index : Affine ι

/-- An operand: its axes, of which the extents are its shape. -/
structure Operand (ι : Type) where
  /-- What the operand is called in a case file. -/
  name : String
  /-- Its axes. -/
  axes : List (Axis ι)

/-- Σ over the reduction indices of the product of the factors, then the addends, one by one. -/
structure Contraction (ι : Type) where
  /-- The axes of the result, each the row-major merge of its loop dimensions. -/
  out : List (List ι)
  /-- The reduction dimensions, outermost loop first. -/
  red : List ι
  /-- The first factor of each term. -/
  factor : Operand ι
  /-- The other factors; they are multiplied from left to right. -/
  factors : List (Operand ι)
  /-- What is added to the sum, in this order. -/
  addends : List (Operand ι)

/-- Σₖ cₖ·iₖ -/
def dot : List Int → List Nat → Int
  | c :: cs, i :: is => c * i + dot cs is
  | _, _ => 0

/-- The value of an affine form at output indices `o` and reduction indices `r`; none where the
division is not exact. -/
def Affine.eval (a : Affine Int) (o r : List Nat) : Option Int :=
  let v := dot a.out o + dot a.red r + a.offset
  if 0 < a.divisor ∧ v % a.divisor = 0 then some (v / a.divisor) else none

/-- The extents of the axes. -/
def extents : List (Axis Int) → List Nat
  | [] => []
  | a :: as => a.extent.toNat :: extents as

/-- The shapes of the operands. -/
def shapes : List (Operand Int) → List (List Nat)
  | [] => []
  | p :: ps => extents p.axes :: shapes ps

/-- The entry of an operand that the term at (o, r) reads; none where an index falls outside. -/
def read {α : Type u} : (axes : List (Axis Int)) → Tensor α (extents axes) → (o r : List Nat) →
    Option α
  | [], t, _, _ => some t
  | a :: as, t, o, r =>
    match a.index.eval o r with
    | none => none
    | some i => if h : 0 ≤ i ∧ i.toNat < a.extent.toNat then read as (Vector.get t ⟨i.toNat, h.2⟩) o r
      else none

/-- `a` times the factors at (o, r), from left to right; none where an index falls outside. -/
def product {α : Type u} (A : Arithmetic α) (o r : List Nat) :
    (ps : List (Operand Int)) → Tensors α (shapes ps) → α → Option α
  | [], _, a => some a
  | p :: ps, (t, ts), a =>
    match read p.axes t o r with
    | none => none
    | some b => product A o r ps ts (A.mul a b)

/-- `a` plus the addends at `o`, one after the other. -/
def addAll {α : Type u} (A : Arithmetic α) (o : List Nat) :
    (ps : List (Operand Int)) → Tensors α (shapes ps) → α → α
  | [], _, a => a
  | p :: ps, (t, ts), a =>
    match read p.axes t o [] with
    | none => addAll A o ps ts a
    | some b => addAll A o ps ts (A.add a b)

/-- Nested loops over the dimensions, outermost first, each counting from 0. -/
def loops {α : Type u} : List Nat → (List Nat → α → α) → α → α
  | [], f, a => f [] a
  | n :: ns, f, a => loop n (fun i => loops ns fun is => f (i :: is)) a

/-- The product of the numbers of a list. (The clause for one number makes the merge of a single
dimension that dimension by computation.) -/
def prod : List Nat → Nat
  | [] => 1
  | [n] => n
  | n :: ns => n * prod ns

/-- The row-major digits of `i` in the mixed radix `dims`, followed by `rest`. -/
def digits : (dims : List Nat) → (i : Nat) → (rest : List Nat) → List Nat
  | [], _, rest => rest
  | [_], i, rest => i :: rest
  | _ :: ds, i, rest => i / prod ds :: digits ds (i % prod ds) rest

/-- Sizes as natural numbers. -/
def toNats : List Int → List Nat
  | [] => []
  | n :: ns => n.toNat :: toNats ns

/-- The shape of a result whose axes are merges of loop dimensions. -/
def mergedShape : List (List Int) → List Nat
  | [] => []
  | d :: ds => prod (toNats d) :: mergedShape ds

/-- The output loop indices at a place of the result. -/
def outIndices : (out : List (List Int)) → Index (mergedShape out) → List Nat
  | [], _ => []
  | d :: ds, (i, is) => digits (toNats d) i.1 (outIndices ds is)

namespace Contraction

variable {α : Type u} (A : Arithmetic α) (c : Contraction Int)

/-- The shape of the result. -/
def shape : List Nat := mergedShape c.out

/-- One operand for each factor. -/
abbrev Factors (α : Type u) (c : Contraction Int) : Type u := Tensors α (shapes (c.factor :: c.factors))

/-- One operand for each addend. -/
abbrev Addends (α : Type u) (c : Contraction Int) : Type u := Tensors α (shapes c.addends)

/-- The term at output indices `o` and reduction indices `r`; none where it is skipped. -/
def term (fs : c.Factors α) (o r : List Nat) : Option α :=
  match read c.factor.axes fs.1 o r with
  | none => none
  | some a => product A o r c.factors fs.2 a

/-- The accumulator after the term at (o, r). -/
def step (fs : c.Factors α) (o r : List Nat) (acc : α) : α :=
  match term A c fs o r with
  | none => acc
  | some t => A.add acc t

/-- The result at output indices `o`: the terms summed from zero in the order of the loops, then
the addends. -/
def evalAt (fs : c.Factors α) (as : c.Addends α) (o : List Nat) : α :=
  addAll A o c.addends as (loops (toNats c.red) (step A c fs o) A.zero)

/-- The whole result. -/
def eval (fs : c.Factors α) (as : c.Addends α) : Tensor α c.shape :=
  Tensor.ofFn c.shape fun i => evalAt A c fs as (outIndices c.out i)

end Contraction

end RuntimeApprox
