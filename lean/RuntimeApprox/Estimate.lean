module

public import RuntimeApprox.OrderedField

/-!
# Estimates with few coefficients

A contraction of x and y that is summed in any order errs by at most

  product·Σ|x||y| + first·Σ|x| + second·Σ|y| + constant,

where four coefficients say all that there is to say about the arithmetic, and the three sums, over
the terms of the entry, about the operands. The coefficients, and those of the replay of a loop, are
functions of the errors of operations and operands. They are written once, over any type with the
operations that they need: at a field they are numbers, at `Formula` they are what is exported.

## Main definitions
* `Errors`: by what the operations, the last rounding and the operands err.
* `Errors.productCoefficient`, `Errors.firstCoefficient`, `Errors.secondCoefficient`,
  `Errors.constantCoefficient`: of the estimate in any order.
* `Errors.inflation`, `Errors.residue`: what makes a computed sum of nonnegative terms an upper
  bound of the exact one.
* `Errors.replayPartial`, …: of the replay.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

/-- By what the operations, the last rounding and the operands of a contraction err. -/
structure Errors (ι : Type u) where
  /-- The number of terms of an entry: n. -/
  terms : ι
  /-- The relative error of each product and sum: u. -/
  roundoff : ι
  /-- The absolute error of each product and sum: η. -/
  underflow : ι
  /-- The relative error of the last rounding, of the finished sum: w. -/
  outputRoundoff : ι
  /-- The absolute error of the last rounding: ω. -/
  outputUnderflow : ι
  /-- The relative error of the first factor, that which is multiplied: a. -/
  firstRelative : ι
  /-- The absolute error of the first factor: α. -/
  firstAbsolute : ι
  /-- The relative error of the second factor: b. -/
  secondRelative : ι
  /-- The absolute error of the second factor: β. -/
  secondAbsolute : ι

namespace Errors

variable {ι : Type u} [OfNat ι 1] [OfNat ι 2] [Add ι] [Sub ι] [Mul ι] [Div ι] (e : Errors ι)

/-- γₙ = n·u / (1 − n·u) -/
@[inline] def gamma : ι := e.terms * e.roundoff / (1 - e.terms * e.roundoff)

/-- (1 + γₙ)·(1 + w): how much a term may grow, by all operations on its way. -/
@[inline] def growth : ι := (1 + e.gamma) * (1 + e.outputRoundoff)

/-- What multiplies Σ|x||y|: growth·(1 + a)·(1 + b) − 1. -/
@[inline] def productCoefficient : ι :=
  e.growth * ((1 + e.firstRelative) * (1 + e.secondRelative)) - 1

/-- What multiplies Σ|x|: growth·(1 + a)·β. -/
@[inline] def firstCoefficient : ι := e.growth * ((1 + e.firstRelative) * e.secondAbsolute)

/-- What multiplies Σ|y|: growth·(1 + b)·α. -/
@[inline] def secondCoefficient : ι := e.growth * ((1 + e.secondRelative) * e.firstAbsolute)

/-- What is there without operands: growth·n·(α·β + 2·η) + ω. -/
@[inline] def constantCoefficient : ι :=
  e.growth * (e.terms * (e.firstAbsolute * e.secondAbsolute + 2 * e.underflow)) + e.outputUnderflow

/-- 1 / (1 − n·u) -/
@[inline] def inflation : ι := 1 / (1 - e.terms * e.roundoff)

/-- What 2n operations may lose by underflow: (1 + γₙ)·2·n·η. -/
@[inline] def residue : ι := (1 + e.gamma) * (2 * e.terms * e.underflow)

/-- What multiplies the sum of the binades of the partial sums in the replay: u. -/
@[inline] def replayPartial : ι := e.roundoff

/-- What multiplies Σ|x||y| in the replay: u. -/
@[inline] def replayProduct : ι := e.roundoff

/-- What multiplies Σ|x| in the replay: β. -/
@[inline] def replayFirst : ι := e.secondAbsolute

/-- What multiplies Σ|y| in the replay: α. -/
@[inline] def replaySecond : ι := e.firstAbsolute

/-- What is there without operands in the replay: n·(α·β + 2·η). -/
@[inline] def replayConstant : ι :=
  e.terms * (e.firstAbsolute * e.secondAbsolute + 2 * e.underflow)

end Errors

end RuntimeApprox
