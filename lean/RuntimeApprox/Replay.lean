module

public import RuntimeApprox.Summands

/-!
# What the bound of an entry is a sum of

The bound of an entry, the eps of its evaluation in pairs, is a sum over its terms and its additions.
They are lists here, in which what is added last comes first.

## Main definitions
* `unrounded`: what the additions of a list round.
* `Contraction.termsIn`: the terms of an entry, without its addends.
* `Contraction.additions`: what the additions of an entry round.
* `entries`, `pairs`: what the terms of one and of two factors are.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

section
variable {α : Type u} (A : Arithmetic α)

namespace Contraction

variable (c : Contraction Int) (fs : c.Factors α) (o : List Nat)

/-- The terms of the entry at `o` that are not skipped, the last one first. -/
def termsIn : List α :=
  loops (toNats c.red) (fun r l =>
    match term A c fs o r with
    | none => l
    | some t => t :: l) []

end Contraction
end

/-- What the additions of a list round, acc + t, that of the last addition first. -/
def unrounded {K : Type u} [OrderedField K] (R : Rounding K) : List K → List K
  | [] => []
  | t :: ts => (total (rounded R) ts + t) :: unrounded R ts

/-- What the additions of the entry at `o` round, acc + t. -/
def Contraction.additions {K : Type u} [OrderedField K] (R : Rounding K) (c : Contraction Int)
    (fs : c.Factors K) (as : c.Addends K) (o : List Nat) : List K :=
  unrounded R (added (rounded R) c fs as o)

/-- The entries of the operand that the entry at `o` adds up, the last one first. -/
def entries {α : Type u} (p : List (Axis Int)) (red : List Nat) (x : Tensor α (extents p))
    (o : List Nat) : List α :=
  loops red (fun r l =>
    match read p x o r with
    | some a => a :: l
    | none => l) []

/-- The entries of the two operands that the terms of the entry at `o` multiply, where none is
skipped, the last ones first. -/
def pairs {α : Type u} (p q : List (Axis Int)) (red : List Nat) (x : Tensor α (extents p))
    (y : Tensor α (extents q)) (o : List Nat) : List (α × α) :=
  loops red (fun r l =>
    match read p x o r, read q y o r with
    | some a, some b => (a, b) :: l
    | _, _ => l) []

end RuntimeApprox
