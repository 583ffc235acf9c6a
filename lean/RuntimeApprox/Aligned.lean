module

public import RuntimeApprox.Accumulation

/-!
# Sums that are aligned and cut, as in tensor and matrix cores

A step of a tensor core takes products that are exact and the accumulator, shifts all significands
to the largest exponent, cuts them at F bits after the point, adds them exactly, and cuts or rounds
the sum to the output's precision. Everything but the predicate runs.

## Main definitions
* `Addend`: a number as the adder sees it; `Format.addend`, `Addend.product`: an operand, a product.
* `alignedSum`: the exact sum of an accumulator and products that are aligned and cut.
* `Addend.scaled`, `Addend.inGroup`: an operand with its block's scale, as the adder sees it.
* `groupSums`: groups of products, each summed exactly, as with block scales.
* `ErrorBound.aligned`: the error bound of the aligned and cut sum.
* `Addend.cut`: a number cut to a multiple of a power of two.
* `stagedSum`: the sum of products and the accumulator, aligned and floored.
* `Format.floor`: a number floored to the digits of a format.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

open Format

/-- A number as the adder sees it: significand·2^unit. It is aligned by its exponent, which need not
be that of its binade: a product of significands in [1, 4) is not normalised, nor is a subnormal. -/
structure Addend where
  /-- The significand, an integer. -/
  significand : Int
  /-- The exponent of the significand's last bit. -/
  unit : Int
  /-- The exponent by which the number is aligned. -/
  exponent : Int

namespace Addend

/-- The number: significand·2^unit. -/
def value (x : Addend) : Rat := x.significand * pow2 x.unit

/-- x·y, exact and not normalised: significands are multiplied and exponents added. A product that
is zero is aligned by the exponent `zero`. -/
def product (zero : Int) (x y : Addend) : Addend where
  significand := x.significand * y.significand
  unit := x.unit + y.unit
  exponent := if x.significand * y.significand = 0 then zero else x.exponent + y.exponent

end Addend

/-- A number x of the format as the adder sees it: normal numbers have the exponent of their binade,
subnormal ones eₘᵢₙ, and zero the exponent `zero`. -/
def Format.addend (f : Format) (zero : Int) (x : Rat) : Addend where
  significand := f.significand x
  unit := f.exponent x - f.precision + 1
  exponent := if x.num = 0 then zero else f.exponent x

/-- s·2ᵏ cut to an integer: toward zero, or down. -/
def cutShift (down : Bool) (s k : Int) : Int :=
  if 0 ≤ k then s * (2 ^ k.toNat : Nat)
  else if down || decide (0 ≤ s) then s / (2 ^ (-k).toNat : Nat)
  else -(-s / (2 ^ (-k).toNat : Nat))

/-- The largest exponent of an accumulator and of products. -/
def largestExponent (c : Addend) : List Addend → Int
  | [] => c.exponent
  | x :: xs =>
    let e := largestExponent c xs
    if e ≤ x.exponent then x.exponent else e

/-- The exact sum of numbers that are each cut to a multiple of 2ᵘ, in units of 2ᵘ. -/
def cutSum (down : Bool) (u : Int) : List Addend → Int
  | [] => 0
  | x :: xs => cutShift down x.significand (x.unit - u) + cutSum down u xs

/-- The accumulator c and products, shifted to the largest exponent, cut at `bits` bits after the
point, toward zero or down, and added exactly. -/
def alignedSum (bits : Nat) (down : Bool) (c : Addend) (products : List Addend) : Addend :=
  let e := largestExponent c products
  ⟨cutSum down (e - bits) (c :: products), e - bits, e⟩

/-- The numbers of a list of addends. -/
def addendValues (xs : List Addend) : List Rat := xs.map Addend.value

/-- n numbers that are each cut by less than `cut` = 2^(−F) of the largest power of two, which is at
most their sum of magnitudes plus `shortfall`: n·2^(−F) relatively, n·2^(−F)·σ absolutely. -/
@[inline] def ErrorBound.aligned {ι : Type u} [Mul ι] (terms cut shortfall : ι) : ErrorBound ι :=
  ⟨terms * cut, terms * cut * shortfall⟩

/-! ### Block scales -/

/-- An operand with the scale 2ᵉ of its block, as MXFP8 has it: the scale adds to its exponents. -/
def Addend.scaled (x : Addend) (e : Int) : Addend where
  significand := x.significand
  unit := x.unit + e
  exponent := x.exponent + e

/-- An operand of four bits with the scale s of its block: it is aligned by the scale alone, of
which it is at least a half, so that the exponent is one below the scale's. -/
def Addend.inGroup (x s : Addend) : Addend where
  significand := x.significand * s.significand
  unit := x.unit + s.unit
  exponent := s.exponent - 1

/-- The least unit of a group's products, the first of which is x. -/
def leastUnit (x : Addend) : List Addend → Int
  | [] => x.unit
  | y :: ys =>
    let u := leastUnit y ys
    if u ≤ x.unit then u else x.unit

/-- The exponent of a group's first product that is not zero; if all are, of the last. -/
def groupExponent (x : Addend) : List Addend → Int
  | [] => x.exponent
  | y :: ys => if x.significand = 0 then groupExponent y ys else x.exponent

/-- The sum of a group of products, the first of which is x, exact, and aligned as they are. -/
def groupSum (x : Addend) (xs : List Addend) : Addend where
  significand := cutSum true (leastUnit x xs) (x :: xs)
  unit := leastUnit x xs
  exponent := groupExponent x xs

/-- The sums of groups, each of a first product and others. -/
def groupSums : List (Addend × List Addend) → List Addend
  | [] => []
  | (x, xs) :: gs => groupSum x xs :: groupSums gs

/-- The products of groups. -/
def groupMembers : List (Addend × List Addend) → List Addend
  | [] => []
  | (x, xs) :: gs => x :: (xs ++ groupMembers gs)

/-! ### Two stages, as in CDNA 3

The products are added first, by an aligned and cut sum, or by two of them, of even and odd products.
That sum and the accumulator are then aligned and floored, each at its own number of bits, added
exactly, floored to a wider format, and rounded. -/

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
