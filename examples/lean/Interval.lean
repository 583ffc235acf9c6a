module

public import RuntimeApprox.Program

/-!
# A new arithmetic: intervals

Every number is replaced by an interval that it lies in. Evaluated in this arithmetic, a contraction
gives the range of each entry over all operands in the given intervals.

## Main definitions
* `Interval`, `intervals`: the arithmetic.
* `Interval.Contains`: the relation to exact arithmetic.
* `intervalMain`: evaluates a case in it.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

/-- All numbers from `low` to `high`. -/
structure Interval (K : Type u) where
  /-- The least number. -/
  low : K
  /-- The largest number. -/
  high : K

variable {K : Type u} [OrderedField K]

/-- The smaller of x and y. -/
def min (x y : K) : K := if x ≤ y then x else y

/-- [a, b] + [c, d] = [a + c, b + d], and [a, b]·[c, d] = [least, largest] of a·c, b·c, a·d, b·d. -/
def intervals : Arithmetic (Interval K) where
  zero := ⟨0, 0⟩
  add x y := ⟨x.low + y.low, x.high + y.high⟩
  mul x y :=
    let ac := x.low * y.low
    let bc := x.high * y.low
    let ad := x.low * y.high
    let bd := x.high * y.high
    ⟨min (min ac bc) (min ad bd), max (max ac bc) (max ad bd)⟩

/-- The number lies in the interval. -/
def Interval.Contains (x : K) (i : Interval K) : Prop := i.low ≤ x ∧ x ≤ i.high

/-- Every entry with the interval of what is within `eps` of it. -/
def Tensor.within {s : List Nat} (t : Tensor K s) (eps : K) : Tensor (Interval K) s :=
  t.map fun v => ⟨v - eps, v + eps⟩

/-! ### The program -/

/-- The lines of one result. -/
def intervalLines (key : String) {s : List Nat} (t : Tensor (Interval Rat) s) : String :=
  tensorLine (key ++ ".low") (fun i => ratText i.low) t ++
  tensorLine (key ++ ".high") (fun i => ratText i.high) t

/-- The ranges of results whose operands are known within their eps. -/
def evaluateIntervals (gs : List Given) : List (String × Contraction Int) → String
  | [] => ""
  | (name, c) :: rest =>
    (match evaluate? intervals (fun eps v => ⟨v - eps, v + eps⟩) gs c with
      | some t => intervalLines name t
      | none => "") ++ evaluateIntervals gs rest

/-- Prints the ranges of a case, given as the lines of a case file. -/
def intervalMain (args : List String) : IO UInt32 := do
  match args with
  | [text] =>
    match parseCase namedOperations (tokens text) with
    | .ok c =>
      IO.print (evaluateIntervals c.operands c.results)
      return 0
    | .error e =>
      IO.println e
      return 1
  | _ =>
    IO.println "usage: TEXT"
    return 1

end RuntimeApprox
