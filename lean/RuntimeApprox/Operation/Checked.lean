module

public import RuntimeApprox.Machine
public import RuntimeApprox.Operation

/-!
# The arithmetic of a binary format for networks

## Main definitions
* `checkedNet f`: the error laws in the format `f`, with a record of overflow.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-- A pair, of which it is recorded whether its value is finite in the format. -/
def Checked.ofApprox (f : Format) (finite : Bool) (a : Approx Rat) : Checked :=
  ⟨a, finite && !f.overflows a.value⟩

/-- The error laws in a format, with constants, operations, and a record of overflow. -/
def checkedNet (f : Format) : NetArithmetic Rat Checked where
  toArithmetic := checked f
  const c := Checked.ofApprox f true (Approx.const f.rounding c)
  apply₁ o x := Checked.ofApprox f x.finite (o.approx f.rounding x.approx)
  apply₂ o x y := Checked.ofApprox f (x.finite && y.finite) (o.approx f.rounding x.approx y.approx)

end RuntimeApprox
