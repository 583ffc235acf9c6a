module

public import RuntimeApprox.TensorCore

/-!
# The formulas of matrix instructions, as data

## Main definitions
* `tensorCoreFormulas`: the formulas by name. `RuntimeApprox.Export.Theorems` proves what they mean.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

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
