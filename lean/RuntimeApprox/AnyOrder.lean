module

public import RuntimeApprox.OrderedField
public import RuntimeApprox.Format

/-!
# Sums in any order

Whatever a kernel does to add up numbers, its result v is *near* their sum:
|v − Σtᵢ| ≤ relative·Σ|tᵢ| + absolute. An `ErrorBound` is such a pair. What a kernel promises (the
format of its sums, their rounding, partial sums, a last rounding) gives the pair, and the pair gives
every bound, allowance and tolerance. The formulas are written once, over any type with the
operations that they need: at a field they are numbers, at `Formula` they are what is exported.

## Main definitions
* `ErrorBound`, `Near`: the pair, and what it says.
* `Format.Mode`: how operations round, to nearest or toward zero, with or without flushing to zero.
* `Computes`: the values that a kernel may give for a sum, in any order.
* `ErrorBound.nearest`, `ErrorBound.tree`, `ErrorBound.numbers`: the pairs of such kernels;
  `ErrorBound.followedBy`: of two steps, as partial sums or a last rounding.
* `ErrorBound.magnitudeCoefficient`, …: what bounds are made of. `weight`, `residue`,
  `constantWeight`: the coefficients with which a computed bound is one.
* `Formula`, `namedFormulas`: the formulas as data.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

/-! ### Rounding modes -/

/-- How an operation rounds: the format, whether toward zero instead of to nearest even, and whether
a subnormal result may be replaced by zero. -/
structure Format.Mode where
  /-- The format of results. -/
  format : Format
  /-- Toward zero, not to nearest even. -/
  towardZero : Bool := false
  /-- Subnormal results may be zero. -/
  flushed : Bool := false

namespace Format.Mode

/-- x rounded toward zero: the digits beyond the format's are cut off. -/
def _root_.RuntimeApprox.Format.truncate (f : Format) (x : Rat) : Rat :=
  (Int.tdiv (x / f.ulp x).num (x / f.ulp x).den : Int) * f.ulp x

/-- x rounded in the mode's direction. -/
def round (m : Mode) (x : Rat) : Rat :=
  if m.towardZero then m.format.truncate x else m.format.round x

/-- `v` may be what an operation gives whose exact result is x. -/
def Gives (m : Mode) (x v : Rat) : Prop :=
  v = m.round x ∨ m.flushed = true ∧ abs (m.round x) < pow2 m.format.minExponent ∧ v = 0

/-- log₂ of the relative error: −p to nearest, 1 − p toward zero. -/
def roundoffExponent (m : Mode) : Int :=
  if m.towardZero then 1 - m.format.precision else -m.format.precision

/-- log₂ of the absolute error: eₘᵢₙ where subnormal results may be zero; otherwise eₘᵢₙ − p to
nearest, eₘᵢₙ − p + 1 toward zero. -/
def underflowExponent (m : Mode) : Int :=
  if m.flushed then m.format.minExponent
  else if m.towardZero then m.format.minExponent - m.format.precision + 1
  else m.format.minExponent - m.format.precision

/-- The relative error of an operation: u. -/
def roundoff (m : Mode) : Rat := pow2 m.roundoffExponent

/-- The absolute error of an operation: η. -/
def underflow (m : Mode) : Rat := pow2 m.underflowExponent

end Format.Mode

/-- `Computes m ts v`: v may be what a kernel gives for the sum of the numbers `ts`, in any order and
by any tree. Products are rounded or fused, and zeros may be among the numbers. A number that is there
without rounding, as the entry of an operand, is one of the format. -/
inductive Computes (m : Format.Mode) : List Rat → Rat → Prop where
  /-- The empty sum. -/
  | zero : Computes m [] 0
  /-- A number of the format. -/
  | number {t : Rat} (h : m.format.Representable t) : Computes m [t] t
  /-- A rounded product, or a number rounded to the format. -/
  | rounded {t v : Rat} (h : m.Gives t v) : Computes m [t] v
  /-- The rounded sum of two results. -/
  | add {ts us : List Rat} {a b v : Rat} (left : Computes m ts a) (right : Computes m us b)
      (h : m.Gives (a + b) v) : Computes m (ts ++ us) v
  /-- A fused multiply-add: the rounded sum of an exact product and a result. -/
  | fused {ts : List Rat} {t a v : Rat} (sum : Computes m ts a) (h : m.Gives (t + a) v) :
      Computes m (t :: ts) v
  /-- The order of the numbers does not matter. -/
  | perm {ts us : List Rat} {v : Rat} (h : ts.Perm us) (sum : Computes m ts v) : Computes m us v

/-! ### Error bounds -/

/-- What a value may be off: relative·(a magnitude) + absolute. -/
structure ErrorBound (ι : Type u) where
  /-- What multiplies the magnitude: ρ. -/
  relative : ι
  /-- What is added: η. -/
  absolute : ι

/-- v is as near the sum of the numbers `ts` as `e` says: |v − Σtᵢ| ≤ ρ·Σ|tᵢ| + η. How it was
computed does not matter. -/
def Near {K : Type u} [OrderedField K] (e : ErrorBound K) (ts : List K) (v : K) : Prop :=
  abs (v - ts.sum) ≤ e.relative * sumAbs ts + e.absolute

namespace ErrorBound

variable {ι : Type u} [OfNat ι 1] [OfNat ι 2] [Add ι] [Sub ι] [Mul ι] [Div ι]

/-- n terms summed to nearest, in any order, fused or not: n·u relatively, for every n, and what
their products lose by underflow, n·η·(1 + n·u). (Jeannerod and Rump 2013.) -/
@[inline] def nearest (terms roundoff underflow : ι) : ErrorBound ι :=
  ⟨terms * roundoff, terms * underflow * (1 + terms * roundoff)⟩

/-- n numbers of the format summed to nearest, in any order: (n − 1)·u, without underflow.
(Jeannerod and Rump 2013.) -/
@[inline] def numbers (zero terms roundoff : ι) : ErrorBound ι := ⟨(terms - 1) * roundoff, zero⟩

/-- n terms summed by operations that err by u·|exact| + η, where `growth` is at least (1 + u)ⁿ. -/
@[inline] def tree (terms underflow growth : ι) : ErrorBound ι :=
  ⟨growth - 1, 2 * terms * underflow * growth⟩

/-- What follows where a result is used once more: partial sums that are added, or a last rounding.
(1 + ρ₁)·(1 + ρ₂) − 1 and (1 + ρ₂)·η₁ + η₂. -/
@[inline] def followedBy (first second : ErrorBound ι) : ErrorBound ι :=
  ⟨(1 + first.relative) * (1 + second.relative) - 1,
    (1 + second.relative) * first.absolute + second.absolute⟩

variable (e : ErrorBound ι)

/-- What multiplies the magnitude of the given operands, Σ|x||y|: ρ. -/
@[inline] def magnitudeCoefficient : ι := e.relative

/-- What multiplies the deviation, by which operands may be off: 1 + ρ. -/
@[inline] def deviationCoefficient : ι := 1 + e.relative

/-- What is added: η. -/
@[inline] def constantCoefficient : ι := e.absolute

/-- The tolerance of n terms of at most X·Y in magnitude and an addend of at most B, which are off
by at most Dx, Dy and Db: ρ·(n·X·Y + B) + (1 + ρ)·(n·(Dx·(Y + Dy) + X·Dy) + Db) + η. -/
@[inline] def tolerance (terms X Y B Dx Dy Db : ι) : ι :=
  e.magnitudeCoefficient * (terms * (X * Y) + B) +
    e.deviationCoefficient * (terms * (Dx * (Y + Dy) + X * Dy) + Db) + e.constantCoefficient

end ErrorBound

/-! ### Bounds that are computed -/

section
variable {ι : Type u} [OfNat ι 1] [OfNat ι 2] [Add ι] [Sub ι] [Mul ι] [Div ι]

/-- A coefficient c with which a computed sum is multiplied, so that what rounding takes from the sum
(`sum`) and from the final evaluation (`evaluation`) is made good: c / (1 − ρₛ) / (1 − ρₑ). -/
@[inline] def weight (coefficient : ι) (sum evaluation : ErrorBound ι) : ι :=
  coefficient / (1 - sum.relative) / (1 - evaluation.relative)

/-- What a computed sum may have lost absolutely: c / (1 − ρₛ)·ηₛ. -/
@[inline] def residue (coefficient : ι) (sum : ErrorBound ι) : ι :=
  coefficient / (1 - sum.relative) * sum.absolute

/-- The constant of a computed bound: (constant + residues + ηₑ) / (1 − ρₑ). -/
@[inline] def constantWeight (constant residues : ι) (evaluation : ErrorBound ι) : ι :=
  (constant + residues + evaluation.absolute) / (1 - evaluation.relative)

/-- The replay's constant: n·(εₓ·εᵧ + 2·κ), κ being what a half ulp may exceed its binade's by. -/
@[inline] def replayConstant (terms firstEps secondEps underflow : ι) : ι :=
  terms * (firstEps * secondEps + 2 * underflow)

/-- What an operand of at most X in magnitude may be off: a·X + α. -/
@[inline] def operandDeviation (e : ErrorBound ι) (X : ι) : ι := e.relative * X + e.absolute

end

/-! ### Formulas -/

/-- An expression over named numbers. -/
inductive Formula where
  | var (name : String)
  | nat (n : Nat)
  | add (a b : Formula)
  | sub (a b : Formula)
  | mul (a b : Formula)
  | div (a b : Formula)
  | pow (a : Formula) (exponent : String)

namespace Formula

instance (n : Nat) : OfNat Formula n := ⟨nat n⟩
instance : Add Formula := ⟨add⟩
instance : Sub Formula := ⟨sub⟩
instance : Mul Formula := ⟨mul⟩
instance : Div Formula := ⟨div⟩

/-- The number that a formula means, of numbers `e` and natural numbers `d` by name. -/
def eval {K : Type u} [OrderedField K] (e : String → K) (d : String → Nat) : Formula → K
  | var v => e v
  | nat n => OfNat.ofNat n
  | add a b => eval e d a + eval e d b
  | sub a b => eval e d a - eval e d b
  | mul a b => eval e d a * eval e d b
  | div a b => eval e d a / eval e d b
  | pow a n => eval e d a ^ d n

end Formula

/-- The error bound whose parts are named `name.relative` and `name.absolute`. -/
def errorBoundSymbol (relative absolute : String) : ErrorBound Formula :=
  ⟨.var relative, .var absolute⟩

/-- The formulas by name. -/
def namedFormulas : List (String × Formula) :=
  let terms : Formula := .var "terms"
  let roundoff : Formula := .var "roundoff"
  let underflow : Formula := .var "underflow"
  let coefficient : Formula := .var "coefficient"
  let bound := errorBoundSymbol "bound.relative" "bound.absolute"
  let sum := errorBoundSymbol "sum.relative" "sum.absolute"
  let evaluation := errorBoundSymbol "evaluation.relative" "evaluation.absolute"
  let nearest := ErrorBound.nearest terms roundoff underflow
  let numbers := ErrorBound.numbers 0 terms roundoff
  let tree := ErrorBound.tree terms underflow (.var "growth")
  let followed := bound.followedBy (errorBoundSymbol "next.relative" "next.absolute")
  [("nearestRelative", nearest.relative), ("nearestAbsolute", nearest.absolute),
    ("numbersRelative", numbers.relative), ("numbersAbsolute", numbers.absolute),
    ("growth", .pow (1 + roundoff) "depth"),
    ("treeRelative", tree.relative), ("treeAbsolute", tree.absolute),
    ("followedRelative", followed.relative), ("followedAbsolute", followed.absolute),
    ("magnitude", bound.magnitudeCoefficient), ("deviation", bound.deviationCoefficient),
    ("constant", bound.constantCoefficient),
    ("tolerance", bound.tolerance terms (.var "firstMagnitude") (.var "secondMagnitude")
      (.var "addendMagnitude") (.var "firstDeviation") (.var "secondDeviation")
      (.var "addendDeviation")),
    ("operandDeviation", operandDeviation bound (.var "magnitude")),
    ("weight", weight coefficient sum evaluation), ("residue", residue coefficient sum),
    ("constantWeight", constantWeight (.var "constant") (.var "residues") evaluation),
    ("replayConstant",
      replayConstant terms (.var "firstEps") (.var "secondEps") underflow)]

end RuntimeApprox
