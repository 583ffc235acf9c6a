module

public import RuntimeApprox.Format

/-!
# The formats of matrix instructions

Formats of operands of four to eight bits, and those in which matrix units keep sums on the way.

## Main definitions
* `Narrow.e4m3fn`, `Narrow.e5m2`, `Narrow.e4m3fnuz`, `Narrow.e5m2fnuz`: operands.
* `Narrow.e2m1fn`, `Narrow.e2m3fn`, `Narrow.e3m2fn`: operands with block scales.
* `Narrow.e8m13`, `Narrow.extended`: an accumulator, and the sum of CDNA 3 before it is rounded.
* `Narrow.largest`: the largest number, where the greatest significands are taken by nan.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox.Format.Narrow

/-- E4M3 of the OCP eight-bit specification. It has no infinity, and 480 is taken by nan: the
largest number is 448. -/
def e4m3fn : Format where
  precision := 4
  minExponent := -6
  maxExponent := 8
  precision_pos := by decide

/-- E5M2 of the OCP eight-bit specification. -/
def e5m2 : Format where
  precision := 3
  minExponent := -14
  maxExponent := 15
  precision_pos := by decide

/-- E4M3 without infinity and negative zero, as CDNA 3 has it. -/
def e4m3fnuz : Format where
  precision := 4
  minExponent := -7
  maxExponent := 7
  precision_pos := by decide

/-- E5M2 without infinity and negative zero, as CDNA 3 has it. -/
def e5m2fnuz : Format where
  precision := 3
  minExponent := -15
  maxExponent := 15
  precision_pos := by decide

/-- E2M1 of the OCP microscaling formats, of four bits: 0, 0.5, 1, 1.5, 2, 3, 4 and 6. -/
def e2m1fn : Format where
  precision := 2
  minExponent := 0
  maxExponent := 2
  precision_pos := by decide

/-- E2M3 of the OCP microscaling formats, of six bits. -/
def e2m3fn : Format where
  precision := 4
  minExponent := 0
  maxExponent := 2
  precision_pos := by decide

/-- E3M2 of the OCP microscaling formats, of six bits. -/
def e3m2fn : Format where
  precision := 3
  minExponent := -2
  maxExponent := 4
  precision_pos := by decide

/-- binary32 with 13 bits after the point: the accumulator of eight-bit operands on Hopper and Ada.
-/
def e8m13 : Format where
  precision := 14
  minExponent := -126
  maxExponent := 127
  precision_pos := by decide

/-- 31 bits after the point: the sum of CDNA 3, which is then rounded to binary32. -/
def extended : Format where
  precision := 32
  minExponent := -126
  maxExponent := 127
  precision_pos := by decide

/-- The largest number of a format whose `reserved` greatest significands are taken by nan:
2^eₘₐₓ·(2 − (1 + reserved)·2^(1 − p)). -/
def largest (f : Format) (reserved : Nat) : Rat :=
  pow2 f.maxExponent * (2 - ((1 + reserved : Nat) : Rat) * pow2 (1 - f.precision))

/-- The largest number of E4M3 is 448. -/
example : largest e4m3fn 1 = 448 := by decide +kernel

/-- The largest numbers of the microscaling formats are 6, 7.5 and 28. -/
example : largest e2m1fn 0 = 6 ∧ largest e2m3fn 0 = 15 / 2 ∧ largest e3m2fn 0 = 28 := by
  decide +kernel

end RuntimeApprox.Format.Narrow
