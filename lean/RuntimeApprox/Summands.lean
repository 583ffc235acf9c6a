module

public import RuntimeApprox.Contraction

/-!
# What an entry of a contraction adds up

The terms that are not skipped, and the addends. In any arithmetic the entry is the sum of this list,
one after the other; in exact arithmetic the order does not matter. Padding is not in the list, so
that what depends on the number of summands does not charge it.

## Main definitions
* `total`: the sum of a list from zero in an arithmetic.
* `Contraction.added`: what an entry adds up; `Contraction.summands`: in exact arithmetic.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

variable {α : Type u} (A : Arithmetic α)

/-- The sum of a list from zero; the last of the list is added first. -/
def total : List α → α
  | [] => A.zero
  | t :: ts => A.add (total ts) t

/-- The entries of the addends at `o`, that which is added last first, then the list `l`. -/
def addendList (o : List Nat) : (ps : List (Operand Int)) → Tensors α (shapes ps) → List α →
    List α
  | [], _, l => l
  | p :: ps, (t, ts), l =>
    match read p.axes t o [] with
    | none => addendList o ps ts l
    | some b => addendList o ps ts (b :: l)

/-- All that the entry at `o` adds up, that which is added last first: the terms that are not
skipped, and the addends. -/
def Contraction.added (c : Contraction Int) (fs : c.Factors α) (as : c.Addends α)
    (o : List Nat) : List α :=
  addendList o c.addends as (loops (toNats c.red) (fun r l =>
    match term A c fs o r with
    | none => l
    | some t => t :: l) [])

/-- What an entry is the sum of: its terms that are not skipped, and its addends. -/
abbrev Contraction.summands {K : Type u} [OrderedField K] (c : Contraction Int) (fs : c.Factors K)
    (as : c.Addends K) (o : List Nat) : List K :=
  added exact c fs as o

end RuntimeApprox
