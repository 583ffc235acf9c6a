module

public import RuntimeApprox.Format
public import RuntimeApprox.OrderedField

/-!
# Binades, by which half a unit in the last place is bounded

## Main definitions
* `Format.binade`: 2^⌊log₂ |a|⌋ for a normal number, otherwise 0; `Format.flooredBinade`: at least
  2^eₘᵢₙ.
* `Format.BoundsHalfUlp`: halfUlp s ≤ u·β(s) + κ for every s; `Format.Charges`: number by number.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox.Format

/-- What the exponent bits of a number say: 2^⌊log₂ |a|⌋ where 2^eₘᵢₙ ≤ |a|, otherwise 0. -/
def binade (f : Format) (a : Rat) : Rat :=
  if pow2 f.minExponent ≤ abs a then pow2 (floorLog2 a) else 0

/-- The binade at which a is rounded: 2^(exponent a) = max(binade a, 2^eₘᵢₙ). -/
def flooredBinade (f : Format) (a : Rat) : Rat := pow2 (f.exponent a)

/-- How half a unit in the last place may be bounded: halfUlp s ≤ u·β(s) + κ for every s. -/
def BoundsHalfUlp (f : Format) (β : Rat → Rat) (κ : Rat) : Prop :=
  ∀ s, f.halfUlp s ≤ f.unitRoundoff * β s + κ

/-- Each number of `ss` has its own charge in `bs`: halfUlp s ≤ u·b + κ. -/
def Charges (f : Format) (κ : Rat) : List Rat → List Rat → Prop
  | [], [] => True
  | s :: ss, b :: bs => f.halfUlp s ≤ f.unitRoundoff * b + κ ∧ f.Charges κ ss bs
  | _, _ => False

end RuntimeApprox.Format
