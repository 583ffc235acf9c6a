module

public import RuntimeApprox.AnyOrder

/-!
# What products of slices leave, as a formula

## Main definitions
* `leftBound`: n·(Σ Xᵢ·Tᵢ + R·Y), what is left of n products of slices.
* `slicedFormulas`: the formula by name. `RuntimeApprox.Export.Theorems` proves what it means.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

/-- What is left of n products of slices: n·(tails + R·Y), where `tails` is Σ Xᵢ·Tᵢ. -/
@[inline] def leftBound {ι : Type u} [Add ι] [Mul ι] (terms tails rest second : ι) : ι :=
  terms * (tails + rest * second)

/-- The formula by name. -/
def slicedFormulas : List (String × Formula) :=
  [("left", leftBound (.var "terms") (.var "tails") (.var "rest") (.var "secondMagnitude"))]

end RuntimeApprox
