module

public import Init.Data.Rat.Basic

/-!
# Powers of two in ℚ, and the binade of a rational number

Everything here runs: powers are taken in ℕ, where they are shifts, and the logarithm is that of
numerator and denominator.

## Main definitions
* `pow2`: 2ᵉ for an integer e.
* `floorLog2`: ⌊log₂ |x|⌋.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-- 2ᵉ -/
def pow2 : Int → Rat
  | .ofNat n => ((2 ^ n : Nat) : Rat)
  | .negSucc n => mkRat 1 (2 ^ (n + 1))

/-- ⌊log₂ |x|⌋, and 0 for x = 0. With |x| = n/d it is either ⌊log₂ n⌋ − ⌊log₂ d⌋ or one less. -/
def floorLog2 (x : Rat) : Int :=
  let n := x.num.natAbs
  let e : Int := n.log2 - x.den.log2
  if n = 0 then 0
  else if x.den * 2 ^ n.log2 ≤ n * 2 ^ x.den.log2 then e else e - 1

end RuntimeApprox
