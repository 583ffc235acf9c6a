module

public import RuntimeApprox.Format
public import RuntimeApprox.Rounding

/-!
# The arithmetic of a binary format

## Main definitions
* `Format.rounding`: rounding to a format, as a rounding model over ℚ.
* `checked f`: the arithmetic of error laws in the format `f`, which also remembers whether an
  operation overflowed.
* `Format.Value`, `ieee f`: the values of a format with its infinities and NaN, and what IEEE 754
  computes with them.
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

/-! ### Error laws with a record of overflow -/

/-- A pair of value and eps, and whether it was computed without overflow. -/
structure Checked where
  /-- The rounded value and its error bound. -/
  approx : Approx Rat
  /-- No operation gave a value beyond the largest finite number. -/
  finite : Bool

/-- A number without error of its own. -/
def Checked.exactly (x : Rat) : Checked := ⟨⟨x, 0⟩, true⟩

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

/-- The checked pair encloses the exact value: |value − x| ≤ eps. -/
def Checked.Encloses (x : Rat) (c : Checked) : Prop := Approx.Encloses x c.approx

/-- The checked pair has the rounded value. -/
def Checked.HasValue (v : Rat) (c : Checked) : Prop := Approx.HasValue v c.approx

/-! ### IEEE 754 -/

/-- A value of a format: a number, an infinity or NaN. The two zeros are one number here: no sum or
product of numbers depends on the sign of a zero, but for that of a zero. -/
inductive Format.Value where
  /-- A finite number. -/
  | finite (x : Rat)
  /-- −∞ or ∞. -/
  | infinity (negative : Bool)
  /-- Not a number. -/
  | nan

namespace Format.Value

variable (f : Format)

/-- x rounded to nearest even; an infinity where that is beyond the largest finite number. -/
def round (x : Rat) : Value :=
  if f.overflows (f.round x) then infinity (decide (x < 0)) else finite (f.round x)

/-- The sum as in IEEE 754: ∞ − ∞ is NaN. -/
def add : Value → Value → Value
  | finite a, finite b => round f (a + b)
  | finite _, infinity s => infinity s
  | infinity s, finite _ => infinity s
  | infinity s, infinity t => if s = t then infinity s else nan
  | _, _ => nan

/-- The product as in IEEE 754: 0·∞ is NaN. -/
def mul : Value → Value → Value
  | finite a, finite b => round f (a * b)
  | finite a, infinity s => if a = 0 then nan else infinity (decide (a < 0) ^^ s)
  | infinity s, finite b => if b = 0 then nan else infinity (s ^^ decide (b < 0))
  | infinity s, infinity t => infinity (s ^^ t)
  | _, _ => nan

end Format.Value

/-- The arithmetic of IEEE 754 in a format, to nearest even. -/
def ieee (f : Format) : Arithmetic Format.Value where
  zero := .finite 0
  add := Format.Value.add f
  mul := Format.Value.mul f

/-- The value is what was computed: the number where no operation overflowed, and otherwise none. -/
def Checked.HasIeee (v : Format.Value) (c : Checked) : Prop :=
  match v with
  | .finite x => c.finite = true ∧ x = c.approx.value
  | _ => c.finite = false

end RuntimeApprox
