module

public import RuntimeApprox.Format
public import RuntimeApprox.Rounding

/-!
# The arithmetic of a binary format

## Main definitions
* `Format.rounding`: rounding to a format, as a rounding model over ℚ.
* `checked f`: the arithmetic of error laws in the format `f`, which also remembers whether an
  operation overflowed.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-- Rounding to nearest even in a format. -/
def Format.rounding (f : Format) : Rounding Rat where
  rnd := f.round
  halfUlp := f.halfUlp

/-- Whether v is a finite number of the format: rounding leaves it as it is, and it does not
overflow. -/
def Format.holds (f : Format) (v : Rat) : Bool :=
  let r := f.round v
  r.num == v.num && r.den == v.den && !f.overflows v

/-- A pair of value and eps, and whether it was computed without overflow. -/
structure Checked where
  /-- The rounded value and its error bound. -/
  approx : Approx Rat
  /-- No operation gave a value beyond the largest finite number. -/
  finite : Bool

/-- The result of an operation on `x` and `y`. -/
def Checked.of (f : Format) (x y : Checked) (result : Approx Rat) : Checked :=
  ⟨result, x.finite && y.finite && !f.overflows result.value⟩

/-- The error laws in a format, with a record of overflow. -/
def checked (f : Format) : Arithmetic Checked where
  zero := ⟨⟨0, 0⟩, true⟩
  add x y := Checked.of f x y (Approx.add f.rounding x.approx y.approx)
  mul x y := Checked.of f x y (Approx.mul f.rounding x.approx y.approx)

/-- The pair of a checked value. -/
def Checked.Is (a : Approx Rat) (c : Checked) : Prop := a = c.approx

end RuntimeApprox
