module

public import RuntimeApprox.Contraction

/-!
# Contractions evaluated with indices in ℕ

The same evaluation as `Contraction.evalAt`, with the positive and the negative part of an index
summed in ℕ, whose numerals the kernel calculates with directly.

## Main definitions
* `Affine.place`: the index as a natural number, none where it is negative or the division is not
  exact.
* `Contraction.entryAt`: one entry of the result.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

/-- (Σ max(cₖ, 0)·iₖ, Σ max(−cₖ, 0)·iₖ) -/
def signedSums : List Int → List Nat → Nat × Nat
  | .ofNat m :: cs, i :: is => (m * i + (signedSums cs is).1, (signedSums cs is).2)
  | .negSucc m :: cs, i :: is => ((signedSums cs is).1, (m + 1) * i + (signedSums cs is).2)
  | [], _ => (0, 0)
  | _ :: _, [] => (0, 0)

/-- (p − q) / d where p ≥ q, d is positive and the division is exact. -/
def quotient (d p q : Nat) : Option Nat :=
  bif Nat.ble 1 d && (Nat.ble q p && Nat.beq ((p - q) % d) 0) then some ((p - q) / d) else none

/-- The index that an affine form gives, where it is a natural number. The sums over `o` and over
`r` are apart: the kernel calculates each of them once. -/
def Affine.place (a : Affine Int) (o r : List Nat) : Option Nat :=
  let s := signedSums a.out o
  let t := signedSums a.red r
  quotient a.divisor.toNat (s.1 + t.1 + a.offset.toNat) (s.2 + t.2 + (-a.offset).toNat)

/-- `k` at n, whatever way n is given: the kernel calculates n, and what `k` gives for the same
number is the same term to it, which it reduces once. -/
def atNumeral {β : Type u} (n : Nat) (k : Nat → β) : β :=
  Nat.rec (k 0) (fun m _ => k (m + 1)) n

/-- The entry of an operand that the term at (o, r) reads; none where an index falls outside. -/
def readPlace {α : Type u} : (axes : List (Axis Int)) → Tensor α (extents axes) → (o r : List Nat) →
    Option α
  | [], t, _, _ => some t
  | a :: as, t, o, r =>
    match a.index.place o r with
    | none => none
    | some i => atNumeral i fun i =>
      if h : i < a.extent.toNat then readPlace as (Vector.get t ⟨i, h⟩) o r else none

/-- `a` times the factors at (o, r), from left to right; none where an index falls outside. -/
def productAt {α : Type u} (A : Arithmetic α) (o r : List Nat) :
    (ps : List (Operand Int)) → Tensors α (shapes ps) → α → Option α
  | [], _, a => some a
  | p :: ps, (t, ts), a =>
    match readPlace p.axes t o r with
    | none => none
    | some b => productAt A o r ps ts (A.mul a b)

/-- `a` plus the addends at `o`, one after the other. -/
def addAllAt {α : Type u} (A : Arithmetic α) (o : List Nat) :
    (ps : List (Operand Int)) → Tensors α (shapes ps) → α → α
  | [], _, a => a
  | p :: ps, (t, ts), a =>
    match readPlace p.axes t o [] with
    | none => addAllAt A o ps ts a
    | some b => addAllAt A o ps ts (A.add a b)

namespace Contraction

variable {α : Type u} (A : Arithmetic α) (c : Contraction Int)

/-- The accumulator after the term at (o, r). -/
def stepAt (fs : c.Factors α) (o r : List Nat) (acc : α) : α :=
  match readPlace c.factor.axes fs.1 o r with
  | none => acc
  | some a =>
    match productAt A o r c.factors fs.2 a with
    | none => acc
    | some t => A.add acc t

/-- The result at output indices `o`. -/
def entryAt (fs : c.Factors α) (as : c.Addends α) (o : List Nat) : α :=
  addAllAt A o c.addends as (loops (toNats c.red) (stepAt A c fs o) A.zero)

end Contraction

end RuntimeApprox
