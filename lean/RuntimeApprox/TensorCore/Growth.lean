module

public import RuntimeApprox.TensorCore

/-!
# What matrix instructions let terms grow by, and lose

## Main definitions
* `TensorCore.growth`, `TensorCore.lost`: of s steps that cut n products.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

namespace TensorCore

/-- What the terms may grow by in s steps of n products: (1 + δ)^(n + extra·s)·(1 + ρ)ˢ. -/
def growth (k : TensorCore) (s n : Nat) : Rat :=
  (1 + k.unit.cut) ^ (n + k.unit.extra * s) * (1 + (k.unit.rounding k.mode).relative) ^ s

/-- What s steps of n products lose absolutely: (n + extra·s)·δ·σ + (2·s − 1)·η. -/
def lost (k : TensorCore) (s n : Nat) : Rat :=
  ((n + k.unit.extra * s : Nat) : Rat) * k.unit.cut * k.shortfall +
    ((2 * s - 1 : Nat) : Rat) * (k.unit.rounding k.mode).absolute

end TensorCore

end RuntimeApprox
