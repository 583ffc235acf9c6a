module

public import RuntimeApprox.AnyOrder
public import RuntimeApprox.Rounding

/-!
# Modes as rounding models

## Main definitions
* `Format.Mode.rounding`: what an operation gives in a mode, and by how much it may err.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-- A mode as a rounding model. Where subnormal results may be zero, they are, and the error is the
number itself; to nearest it is half a unit in the last place, toward zero a whole one. -/
def Format.Mode.rounding (m : Mode) : Rounding Rat where
  rnd x :=
    if m.flushed = true ∧ abs (m.round x) < pow2 m.format.minExponent then 0 else m.round x
  halfUlp x :=
    let unit := if m.towardZero then m.format.ulp x else m.format.halfUlp x
    if m.flushed = true ∧ abs (m.round x) < pow2 m.format.minExponent then max (abs x) unit
    else unit

end RuntimeApprox
