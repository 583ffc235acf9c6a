module

public import RuntimeApprox.Format.Narrow
public import RuntimeApprox.TensorCore.Operands

/-!
# One step of Blackwell's instructions with block scales

The steps of kinds `mxf8f6f4` and `mxf4nvf4` as programs, with numbers that MMA-Sim computes for them
(arXiv 2511.10909, `mmasim` 2.1.1).

## Main definitions
* `mxfp8Step`: products of E4M3 with two powers of two as scales.
* `nvfp4Step`: groups of products of E2M1, each with two scales in E4M3.

## Main results
* `mxfp8Step_gives`, `nvfp4Step_gives`: they are steps of the units that the error bounds are about.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

open Format Format.Narrow

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

/-- A step of MXFP8 is one of aligned products. -/
theorem mxfp8Step_gives (c : Rat) (i j : Int) (pairs : List (Rat × Rat)) :
    (TensorCore.Unit.aligned 25 false).Gives cutToBinary32 (binary32.addend (-133) c)
      (operandProducts (-133) (scaledPairs i j pairs)) (mxfp8Step c i j pairs) := .inl rfl

/-- A step of NVFP4 is one of products in at most so many groups. -/
theorem nvfp4Step_gives (c : Rat) {gs : List (Rat × Rat × List (Rat × Rat))} {groups : Nat}
    (h : (groupsOf gs).length ≤ groups) :
    (TensorCore.Unit.grouped 33 groups).Gives cutToBinary32 ((binary32.addend (-139) c).lower 2)
      (groupMembers (groupsOf gs)) (nvfp4Step c gs) :=
  ⟨groupsOf gs, .refl _, h, .inl rfl⟩

/-! ### As MMA-Sim computes them -/

/-- Subnormal operands, products that are cut, and an accumulator that cancels. -/
def simulatedPairs : List (Rat × Rat) :=
  [(256, 256), (11 / 64, 13 / 128), (-11 / 64, 15 / 128), (1 / 512, 448), (-3 / 512, 11 / 64),
    (15, 1 / 512)]

example : mxfp8Step (-1024) 8 (-14) simulatedPairs = 461 / 32768 := by decide +kernel

example : mxfp8Step 1 0 (-30) simulatedPairs = 16385 / 16384 := by decide +kernel

/-- Groups that cancel, groups of which all is cut, and scales that are subnormal. -/
example : nvfp4Step (-65536) [(256, 256, [(1, 1)]), (1 / 512, 1 / 512, [(1 / 2, 1 / 2)]),
    (1 / 512, 1 / 512, [(3 / 2, 1 / 2), (1 / 2, 0)]),
    (3 / 512, 1 / 512, [(-3, 1 / 2), (6, 1 / 2)])] = 5 / 262144 := by decide +kernel

example : nvfp4Step 1048576 [(9 / 8, 15 / 8, [(1, 1)]), (1 / 512, 1 / 512, [(1 / 2, 1 / 2)]),
    (448, 1 / 512, [(3 / 2, 1 / 2), (1 / 2, 0)]),
    (1 / 512, 1 / 512, [(-3, 1 / 2), (6, 1 / 2)])] = 4194315 / 4 := by decide +kernel

end RuntimeApprox
