module

public import RuntimeApprox.Format.Arithmetic

/-!
# Dyadic numbers, and rounding them by integer operations

A dyadic number is num / 2^scale. Sums, products, rounding to a format and its error are operations
on integers here, without a division or a greatest common divisor, so that the kernel evaluates them
fast: its operations on numerals of ℕ are those of a library for long numbers.

## Main definitions
* `Dyad`, `Dyad.toRat`: a dyadic number and its value.
* `Dyad.add`, `Dyad.mul`, `Dyad.abs`, `Dyad.le`.
* `Dyad.round f`, `Dyad.halfUlp f`, `Dyad.overflows f`: `Format.round`, `Format.halfUlp` and
  `Format.overflows` of its value.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-- The dyadic number num / 2^scale. -/
structure Dyad where
  /-- The numerator. -/
  num : Int
  /-- The exponent of the denominator. -/
  scale : Nat

namespace Dyad

/-- num / 2^scale -/
def toRat (a : Dyad) : Rat := a.num * pow2 (-a.scale)

/-- The larger of two natural numbers, by an operation that the kernel knows. -/
def larger (m n : Nat) : Nat := bif Nat.ble m n then n else m

/-- The numerator over 2^k, for k ≥ scale: num·2^(k − scale). -/
def numAt (a : Dyad) (k : Nat) : Int :=
  match k - a.scale with
  | 0 => a.num
  | d + 1 => a.num * Int.ofNat (2 ^ (d + 1))

/-- The sum, over the larger denominator. -/
def add (a b : Dyad) : Dyad :=
  bif Nat.beq a.scale b.scale then ⟨a.num + b.num, a.scale⟩
  else
    let k := larger a.scale b.scale
    ⟨a.numAt k + b.numAt k, k⟩

/-- The product. -/
def mul (a b : Dyad) : Dyad := ⟨a.num * b.num, a.scale + b.scale⟩

/-- The absolute value. -/
def abs (a : Dyad) : Dyad := ⟨Int.ofNat a.num.natAbs, a.scale⟩

/-- Whether a ≤ b, decided on numerators over the larger denominator. -/
def le (a b : Dyad) : Bool :=
  let k := larger a.scale b.scale
  decide (a.numAt k ≤ b.numAt k)

/-- Whether a = b, decided on numerators over the larger denominator. -/
def eq (a b : Dyad) : Bool :=
  let k := larger a.scale b.scale
  decide (a.numAt k = b.numAt k)

variable (f : Format)

/-- The same number over 2^k with k ≥ −eₘᵢₙ. -/
def lift (a : Dyad) : Dyad :=
  bif Nat.ble (-f.minExponent).toNat a.scale then a
  else ⟨a.numAt (-f.minExponent).toNat, (-f.minExponent).toNat⟩

/-- The exponent at which n / 2^k is rounded, plus k: max(⌊log₂ n⌋, eₘᵢₙ + k), for k ≥ −eₘᵢₙ. -/
def leading (n k : Nat) : Nat :=
  larger n.log2 (k - (-f.minExponent).toNat + f.minExponent.toNat)

/-- n without its last `s` bits, rounded to nearest, ties to even. -/
def dropBits (n s : Nat) : Nat :=
  let q := n / 2 ^ s
  let r := 2 * (n % 2 ^ s)
  bif Nat.ble (2 ^ s + 1) (r + q % 2) then q + 1 else q

/-- `Format.round` of the value: the last bits are dropped from the numerator's magnitude. -/
def round (a : Dyad) : Dyad :=
  let b := a.lift f
  let n := b.num.natAbs
  let s := leading f n b.scale - (f.precision - 1)
  let m := dropBits n s * 2 ^ s
  match b.num with
  | .ofNat _ => ⟨.ofNat m, b.scale⟩
  | .negSucc _ => ⟨-.ofNat m, b.scale⟩

/-- `Format.halfUlp` of the value. -/
def halfUlp (a : Dyad) : Dyad :=
  let b := a.lift f
  ⟨Int.ofNat (2 ^ leading f b.num.natAbs b.scale), b.scale + f.precision⟩

/-- `Format.overflows` of the value. -/
def overflows (v : Dyad) : Bool :=
  Nat.ble 1 v.num.natAbs &&
    Nat.ble (f.maxExponent + v.scale + 1).toNat v.num.natAbs.log2

end Dyad

end RuntimeApprox
