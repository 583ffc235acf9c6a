module

public import RuntimeApprox.Depth
public import RuntimeApprox.Aligned

/-!
# Kernels that add by matrix instructions

A matrix unit (tensor core, matrix core) adds a block of exact products and the accumulator in one
step. A kernel takes such steps one after another, or in partial results that are added; it may
promote: add its accumulators to a sum in another format; and it may round the finished sum.

## Main definitions
* `TensorCore.Unit`: where a step cuts numbers; `TensorCore.Unit.Gives`: what a step may give.
* `TensorCore`: a unit, how its accumulator is rounded, and how partial results are added.
* `TensorCore.Sums s n ts v`: what may be computed in s steps from n products that are not zero.
* `TensorCore.Kernel`: promotion and a last rounding; `TensorCore.Kernel.Gives`: what it may return.
* `ErrorBound.aligned`, `ErrorBound.tensorCore`, `ErrorBound.times`: their error bounds.
* `tensorCoreFormulas`: the formulas by name. `RuntimeApprox.Export.Theorems` proves what they mean.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

open Format

/-! ### Error bounds -/

/-- s steps that cut numbers `losses` times in all, at 2^(−F) = `cut`, where `growth` is at least
(1 + 2^(−F))^losses·(1 + ρ)ˢ: growth − 1, and (losses·2^(−F)·σ + 2·s·η)·growth. -/
@[inline] def ErrorBound.tensorCore {ι : Type u} [OfNat ι 1] [OfNat ι 2] [Add ι] [Sub ι] [Mul ι]
    (steps losses cut shortfall underflow growth : ι) : ErrorBound ι :=
  ⟨growth - 1, (losses * cut * shortfall + 2 * steps * underflow) * growth⟩

/-- n partial sums, each with the error bound e, all together: ρ and n·η. -/
@[inline] def ErrorBound.times {ι : Type u} [Mul ι] (e : ErrorBound ι) (n : ι) : ErrorBound ι :=
  ⟨e.relative, n * e.absolute⟩

/-- By how much the exponent of a product of subnormal operands, which are not normalised, may be
too large: operands of at most X and Y in magnitude whose subnormal numbers have the exponents of α
and β (0: there are none), and `least` for zeros and for the accumulator:
α·(Y + β) + (X + α)·β + least. -/
@[inline] def shortfall {ι : Type u} [Add ι] [Mul ι] (X Y α β least : ι) : ι :=
  α * (Y + β) + (X + α) * β + least

/-! ### Steps -/

/-- Where a step cuts numbers. -/
inductive TensorCore.Unit where
  /-- Products and accumulator are aligned together and cut at `bits` bits, toward zero or down. -/
  | aligned (bits : Nat) (down : Bool)
  /-- The products are aligned and cut at `bits` bits and added; their sum, floored at `more` bits
  more, and the accumulator, floored at `bits` bits, are aligned and added; that is floored to the
  format `floor`. As in CDNA 3. -/
  | staged (bits more : Nat) (drop : Bool) (floor : Format)
  /-- The same, where the products are added by two aligned sums. -/
  | interleaved (bits more : Nat) (drop : Bool) (floor : Format)
  /-- The products are first summed exactly in at most `groups` groups, each of which is aligned by
  the scales of its blocks; their sums and the accumulator are aligned together and cut at `bits`
  bits. As for MXFP4 and NVFP4. -/
  | grouped (bits groups : Nat)
  /-- Nothing is cut: the sum is exact. -/
  | exact

namespace TensorCore.Unit

/-- v may be what a step gives in the mode m, from the accumulator c and products in any order. -/
def Gives (m : Mode) (c : Addend) (products : List Addend) (v : Rat) : Unit → Prop
  | aligned bits down => m.Gives (alignedSum bits down c products).value v
  | staged bits more drop floor => ∃ x xs, products.Perm (x :: xs) ∧
      (drop = true → abs c.value ≤ pow2 (c.exponent + 1)) ∧
      m.Gives (floor.floor (stagedSum bits (bits + more) drop c (alignedSum bits false x xs))) v
  | interleaved bits more drop floor => ∃ x xs y ys, products.Perm ((x :: xs) ++ (y :: ys)) ∧
      (drop = true → abs c.value ≤ pow2 (c.exponent + 1)) ∧
      m.Gives (floor.floor (stagedSum bits (bits + more) drop c
        (alignedSum bits true (alignedSum bits false x xs) [alignedSum bits false y ys]))) v
  | grouped bits groups => ∃ gs, products.Perm (groupMembers gs) ∧ gs.length ≤ groups ∧
      m.Gives (alignedSum bits false c (groupSums gs)).value v
  | exact => m.Gives (addendValues (c :: products)).sum v

/-- How many of the products are cut one by one: those that are not zero, or in groups none. -/
def counted (products : List Addend) : Unit → Nat
  | grouped .. => 0
  | _ => nonzeros (addendValues products)

/-- What one cut may take: 2^(−F) of the largest power of two. -/
def cut : Unit → Rat
  | aligned bits _ | staged bits .. | interleaved bits .. | grouped bits _ => pow2 (-bits)
  | exact => 0

/-- How many numbers a step cuts beside its products. -/
def extra : Unit → Nat
  | aligned .. => 1
  | staged .. => 2
  | interleaved .. => 4
  | grouped _ groups => groups + 1
  | exact => 0

/-- By what the rounding of a step's sum errs. -/
def rounding (m : Mode) : Unit → ErrorBound Rat
  | aligned .. | grouped .. | exact => ⟨m.roundoff, m.underflow⟩
  | staged _ _ _ floor | interleaved _ _ _ floor => ErrorBound.followedBy
      ⟨2 * floor.unitRoundoff, pow2 (floor.minExponent - floor.precision + 1)⟩
      ⟨m.roundoff, m.underflow⟩

end TensorCore.Unit

/-- A matrix unit in use: its steps round in `mode`; partial results are added in `added`; and no
exponent by which a number x is aligned is too large by more than σ: 2^exponent ≤ |x| + σ. -/
structure TensorCore where
  /-- Where a step cuts numbers. -/
  unit : TensorCore.Unit
  /-- How a step's sum is rounded. -/
  mode : Format.Mode
  /-- How partial results are added. -/
  added : Format.Mode
  /-- What an exponent may be too large by: σ. -/
  shortfall : Rat

namespace TensorCore

/-- `k.Sums s n ts v`: v may be what the unit gives for the sum of `ts` in at most s steps, of at
most n products that are not zero and are cut one by one. Steps that add only zeros are not counted if they leave the
accumulator as it is. -/
inductive Sums (k : TensorCore) : Nat → Nat → List Rat → Rat → Prop where
  /-- The accumulator's first value, or a number that is added to a result, as a bias. -/
  | start {s n : Nat} {c : Rat} : Sums k s n [c] c
  /-- One more step. -/
  | step {s n p : Nat} {ts : List Rat} {c : Addend} {products : List Addend} {v : Rat}
      (before : Sums k s n ts c.value) (count : k.unit.counted products ≤ p)
      (exponents : ∀ x ∈ c :: products, pow2 x.exponent ≤ abs x.value + k.shortfall)
      (h : k.unit.Gives k.mode c products v) :
      Sums k (s + 1) (n + p) (ts ++ addendValues products) v
  /-- A step that adds only zeros, and changes nothing. -/
  | idle {s n : Nat} {ts zeros : List Rat} {c : Rat} (before : Sums k s n ts c)
      (h : nonzeros zeros = 0) : Sums k s n (ts ++ zeros) c
  /-- Two partial results, which are added: split-k, in any tree. A number without steps, as a bias,
  counts for one. -/
  | add {s s' n n' : Nat} {ts us : List Rat} {a b v : Rat} (left : Sums k s n ts a)
      (right : Sums k s' n' us b) (hs : 1 ≤ s) (hs' : 1 ≤ s') (h : k.added.Gives (a + b) v) :
      Sums k (s + s') (n + n') (ts ++ us) v
  /-- The order of the terms does not matter. -/
  | perm {s n : Nat} {ts us : List Rat} {v : Rat} (h : ts.Perm us) (sum : Sums k s n ts v) :
      Sums k s n us v

/-- The proved error bound of `Sums s n`, where `growth` is at least
(1 + 2^(−F))^(n + extra·s)·(1 + ρ)ˢ. -/
def bound (k : TensorCore) (s n : Nat) (growth : Rat) : ErrorBound Rat :=
  ErrorBound.tensorCore (s : Rat) ((n + k.unit.extra * s : Nat) : Rat) k.unit.cut k.shortfall
    (k.unit.rounding k.mode).absolute growth

/-- A kernel that uses a matrix unit. -/
structure Kernel where
  /-- The unit. -/
  core : TensorCore
  /-- At most so many partial sums, where they are added in another mode. -/
  parts : Nat := 1
  /-- The mode in which the partial sums are added: promotion, or split-k. -/
  promoted : Option Format.Mode := none
  /-- To what the finished sum is rounded once more, if it is. -/
  output : Option Format.Mode := none

namespace Kernel

variable (k : Kernel)

/-- v may be the finished sum of `ts`: in at most s steps of at most n products; or of partial sums
of so many each, no one of which passes more than `depth` roundings when they are added. -/
def Sums (s n depth : Nat) (ts : List Rat) (v : Rat) : Prop :=
  match k.promoted with
  | none => k.core.Sums s n ts v
  | some m => ∃ ps, PartialSums (k.core.Sums s n) ts ps ∧ ps.length ≤ k.parts ∧
      ComputesWithin m depth ps v

/-- v may be what the kernel returns for the sum of `ts`. -/
def Gives (s n depth : Nat) (ts : List Rat) (v : Rat) : Prop :=
  match k.output with
  | none => k.Sums s n depth ts v
  | some m => ∃ t, k.Sums s n depth ts t ∧ m.Gives t v

/-- The error bound of the finished sum, from that of the steps and that of the promoted sum. -/
def sumBound (e₁ e₂ : ErrorBound Rat) : ErrorBound Rat :=
  match k.promoted with
  | none => e₁
  | some _ => (e₁.times (k.parts : Rat)).followedBy e₂

/-- The error bound of the last rounding. -/
def lastRounding : ErrorBound Rat :=
  match k.output with
  | none => ⟨0, 0⟩
  | some m => ⟨m.roundoff, m.underflow⟩

/-- The error bound of what the kernel returns. -/
def bound (e₁ e₂ : ErrorBound Rat) : ErrorBound Rat := (k.sumBound e₁ e₂).followedBy k.lastRounding

end Kernel

end TensorCore

/-! ### The formulas of matrix instructions, as data -/

/-- How many numbers s steps cut, n of them products: n + extra·s. In groups there are at most four
sums a step, and no product is cut by itself. -/
@[inline] def TensorCore.Unit.losses {ι : Type _} [NatCast ι] [Add ι] [Mul ι]
    (unit : TensorCore.Unit) (terms steps : ι) : ι := terms + (unit.extra : ι) * steps

instance : NatCast Formula := ⟨.nat⟩

/-- The formulas of matrix instructions by name. -/
def tensorCoreFormulas : List (String × Formula) :=
  let terms : Formula := .var "terms"
  let steps : Formula := .var "steps"
  let bound := ErrorBound.tensorCore steps (.var "losses") (.var "cut") (.var "shortfall")
    (.var "underflow") (.var "growth")
  let times := (errorBoundSymbol "bound.relative" "bound.absolute").times terms
  [("alignedLosses", (TensorCore.Unit.aligned 0 false).losses terms steps),
    ("stagedLosses", (TensorCore.Unit.staged 0 0 false .binary32).losses terms steps),
    ("interleavedLosses", (TensorCore.Unit.interleaved 0 0 false .binary32).losses terms steps),
    ("groupedLosses", (TensorCore.Unit.grouped 0 4).losses terms steps),
    ("exactLosses", TensorCore.Unit.exact.losses terms steps),
    ("tensorCoreGrowth", .mul (.pow (1 + .var "cut") "losses") (.pow (1 + .var "roundoff") "steps")),
    ("tensorCoreRelative", bound.relative), ("tensorCoreAbsolute", bound.absolute),
    ("timesRelative", times.relative), ("timesAbsolute", times.absolute),
    ("shortfall", shortfall (.var "firstMagnitude") (.var "secondMagnitude") (.var "firstLeast")
      (.var "secondLeast") (.var "least"))]

end RuntimeApprox
