module

public import RuntimeApprox.PowTwo

/-!
# Binary floating-point formats and rounding to nearest, ties to even

A format's numbers are m·2ᵉ with |m| < 2ᵖ and e ≥ eₘᵢₙ − p + 1: subnormal numbers are included. The
exponent is not bounded above: a rounded value that is too large for the format is reported by
`Format.overflows`. Everything but the predicates runs.

## Main definitions
* `Format`, with `binary16`, `bfloat16`, `binary32`, `binary64`, `tf32`.
* `Format.round`: the nearest number of the format, on a tie the one with the even significand.
* `Format.ulp`, `Format.halfUlp`: the spacing of the format's numbers in a number's binade, and half
  of it.
* `Format.Representable`, `Format.RepresentableFinite`: the numbers of a format, as in IEEE 754.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-- An IEEE 754 binary interchange format, bfloat16 or TF32. -/
structure Format where
  /-- Number of bits of the significand, the leading one included: p. -/
  precision : Nat
  /-- Exponent of the least normal number: eₘᵢₙ. -/
  minExponent : Int
  /-- Exponent of the largest finite number: eₘₐₓ. -/
  maxExponent : Int
  /-- 0 < p -/
  precision_pos : 0 < precision := by decide

/-- The nearest integer, on a tie the even one. -/
def roundEven (x : Rat) : Int :=
  let q := x.num / x.den
  let r := 2 * (x.num % x.den)
  if r < x.den ∨ r = x.den ∧ q % 2 = 0 then q else q + 1

namespace Format

/-- IEEE 754 binary16, half precision. -/
def binary16 : Format where
  precision := 11
  minExponent := -14
  maxExponent := 15

/-- bfloat16: the exponents of binary32 with eight bits of significand. -/
def bfloat16 : Format where
  precision := 8
  minExponent := -126
  maxExponent := 127

/-- IEEE 754 binary32, single precision. -/
def binary32 : Format where
  precision := 24
  minExponent := -126
  maxExponent := 127

/-- IEEE 754 binary64, double precision. -/
def binary64 : Format where
  precision := 53
  minExponent := -1022
  maxExponent := 1023

/-- TF32, to which tensor cores round the operands of products: the exponents of binary32 with
eleven bits of significand. -/
def tf32 : Format where
  precision := 11
  minExponent := -126
  maxExponent := 127

variable (f : Format)

/-- The exponent at which x is rounded: that of its binade, at least eₘᵢₙ;
max(⌊log₂ |x|⌋, eₘᵢₙ), and eₘᵢₙ for x = 0. -/
def exponent (x : Rat) : Int :=
  let e := floorLog2 x
  if x.num = 0 ∨ e < f.minExponent then f.minExponent else e

/-- Spacing of the format's numbers in the binade of x: 2^(exponent x − p + 1). -/
def ulp (x : Rat) : Rat := pow2 (f.exponent x - f.precision + 1)

/-- Half the spacing of the format's numbers in the binade of x: 2^(exponent x − p). -/
def halfUlp (x : Rat) : Rat := pow2 (f.exponent x - f.precision)

/-- x in units of ulp x, rounded to an integer: roundEven(x / ulp x). -/
def significand (x : Rat) : Int := roundEven (x / f.ulp x)

/-- The nearest number of the format, on a tie the one with the even significand, and no upper
limit of the exponent: roundEven(x / ulp x) · ulp x. -/
def round (x : Rat) : Rat := f.significand x * f.ulp x

/-- Whether the rounded value v is beyond the largest finite number: |v| ≥ 2^(eₘₐₓ + 1). -/
def overflows (v : Rat) : Bool := v.num ≠ 0 && f.maxExponent < floorLog2 v

/-- Unit roundoff, the relative error of rounding a normal number: u = 2⁻ᵖ. -/
def unitRoundoff : Rat := pow2 (-f.precision)

/-- v is a number of the format with an unbounded exponent above:
v = m·2ᵉ with |m| < 2ᵖ and e ≥ eₘᵢₙ − p + 1. -/
def Representable (v : Rat) : Prop :=
  ∃ m e : Int, m.natAbs < 2 ^ f.precision ∧ f.minExponent - f.precision + 1 ≤ e ∧ v = m * pow2 e

/-- v is a finite number of the format:
v = m·2ᵉ with |m| < 2ᵖ and eₘᵢₙ − p + 1 ≤ e ≤ eₘₐₓ − p + 1. -/
def RepresentableFinite (v : Rat) : Prop :=
  ∃ m e : Int, m.natAbs < 2 ^ f.precision ∧ f.minExponent - f.precision + 1 ≤ e ∧
    e ≤ f.maxExponent - f.precision + 1 ∧ v = m * pow2 e

end Format

end RuntimeApprox
