module

public import RuntimeApprox.Aligned.Lower
public import RuntimeApprox.Format.Narrow
public import RuntimeApprox.TensorCore

/-!
# Operands of matrix instructions

Steps of the kinds `mxf8f6f4` and `mxf4nvf4` are also here as programs.

## Main definitions
* `operandProducts`: the products of pairs of operands, as a matrix unit sees them.
* `Addend.Within`: what is known of an operand's size and exponent.
* `mxfp8Step`: products of E4M3 with two powers of two as scales.
* `nvfp4Step`: groups of products of E2M1, each with two scales in E4M3.
* `simulatedPairs`: an example of such products.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

open Format Format.Narrow

/-- The products of pairs of operands, as the adder sees them, exact and not normalised. -/
def operandProducts (zero : Int) : List (Addend × Addend) → List Addend
  | [] => []
  | (x, y) :: pairs => .product zero x y :: operandProducts zero pairs

/-- What is known of an operand x: it is at most X in magnitude, and if it is not zero, 2^exponent is
at most |x| or α. -/
structure Addend.Within (X α : Rat) (x : Addend) : Prop where
  /-- |x| ≤ X -/
  size : abs x.value ≤ X
  /-- 2^exponent ≤ |x|, or 2^exponent ≤ α. -/
  exponent : x.value ≠ 0 → pow2 x.exponent ≤ abs x.value ∨ pow2 x.exponent ≤ α

/-- binary32, cut toward zero: the accumulator. -/
def cutToBinary32 : Mode := ⟨.binary32, true, false⟩

/-- Pairs of numbers of E4M3 with the scales 2ⁱ and 2ʲ. -/
def scaledPairs (i j : Int) : List (Rat × Rat) → List (Addend × Addend)
  | [] => []
  | (x, y) :: pairs =>
    ((e4m3fn.addend 0 x).scaled i, (e4m3fn.addend 0 y).scaled j) :: scaledPairs i j pairs

/-- One step of MXFP8 from the accumulator c: aligned and cut at 25 bits; zeros have the exponent
−133. -/
def mxfp8Step (c : Rat) (i j : Int) (pairs : List (Rat × Rat)) : Rat :=
  cutToBinary32.round (alignedSum 25 false (binary32.addend (-133) c)
    (operandProducts (-133) (scaledPairs i j pairs))).value

/-- Pairs of numbers of E2M1 with the scales s and t, numbers of E4M3. -/
def pairsInGroup (s t : Rat) : List (Rat × Rat) → List (Addend × Addend)
  | [] => []
  | (x, y) :: pairs =>
    ((e2m1fn.addend 0 x).inGroup (e4m3fn.addend (-6) s),
      (e2m1fn.addend 0 y).inGroup (e4m3fn.addend (-6) t)) :: pairsInGroup s t pairs

/-- Groups of products, each of two scales and pairs of numbers; zeros have the exponent −139, and
as all others two less. -/
def groupsOf : List (Rat × Rat × List (Rat × Rat)) → List (Addend × List Addend)
  | [] => []
  | (s, t, pairs) :: gs =>
    match operandProducts (-141) (pairsInGroup s t pairs) with
    | [] => groupsOf gs
    | x :: xs => (x, xs) :: groupsOf gs

/-- One step of NVFP4 from the accumulator c: exact groups, aligned and cut at 35 bits, which are 33
as all exponents are two less. -/
def nvfp4Step (c : Rat) (gs : List (Rat × Rat × List (Rat × Rat))) : Rat :=
  cutToBinary32.round
    (alignedSum 33 false ((binary32.addend (-139) c).lower 2) (groupSums (groupsOf gs))).value

/-- Subnormal operands, products that are cut, and an accumulator that cancels. -/
def simulatedPairs : List (Rat × Rat) :=
  [(256, 256), (11 / 64, 13 / 128), (-11 / 64, 15 / 128), (1 / 512, 448), (-3 / 512, 11 / 64),
    (15, 1 / 512)]

end RuntimeApprox
