module

public import RuntimeApprox.Aligned

/-!
# Aligned sums in two stages, as in CDNA 3

The products are added first, by an aligned and cut sum, or by two of them, of even and odd
products. That sum and the accumulator are then aligned and floored, each at its own number of bits,
added exactly, floored to a wider format, and rounded. Everything runs.

## Main definitions
* `Addend.cut`: a number cut to a multiple of a power of two.
* `stagedSum`: the sum of products and the accumulator, aligned and floored.
* `Format.floor`: a number floored to the digits of a format.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

open Format

/-- x cut to a multiple of 2ᵘ, toward zero or down. -/
def Addend.cut (down : Bool) (u : Int) (x : Addend) : Addend :=
  ⟨cutShift down x.significand (x.unit - u), u, x.exponent⟩

/-- The sum of products `dot`, floored at `dotBits` bits after the point of the larger exponent, and
the accumulator c, floored at `bits` bits, added exactly. If `drop`, an accumulator whose exponent
is smaller by more than bits + 1 is left out. -/
def stagedSum (bits dotBits : Nat) (drop : Bool) (c dot : Addend) : Rat :=
  let e := if dot.exponent ≤ c.exponent then c.exponent else dot.exponent
  (dot.cut true (e - dotBits)).value +
    if drop && decide (c.exponent < e - bits - 1) then 0 else (c.cut true (e - bits)).value

/-- x floored to the digits of the format: ⌊x / ulp x⌋·ulp x. -/
def Format.floor (f : Format) (x : Rat) : Rat :=
  ((x / f.ulp x).num / (x / f.ulp x).den : Int) * f.ulp x

end RuntimeApprox
