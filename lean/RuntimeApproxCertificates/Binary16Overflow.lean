module

public import RuntimeApprox.Certificate.Theorems

/-!
# Certificate of the case binary16-overflow

Case binary16-overflow#bdbf7a85dfbc2b8c of conv2d, in binary16. A number n / 2^k is written ⟨n, k⟩.
The exact operands may be anywhere within eps of the given ones: x 0x0.0p+0, weight 0x0.0p+0,
bias 0x0.0p+0, grad_output 0x0.0p+0.

* the output: 4 of 6 entries, 2 without a bound because of overflow
* the bias gradient: 1 of 1 entries
* the weight gradient: 0 of 2 entries, 2 without a bound because of overflow
* the input gradient: 5 of 6 entries, 1 without a bound because of overflow

Written by `python -m pybridge.certify`, for Lean 4.28.0.

## Main results
* `output_certified`, `output_within`, `output_computed`
* `bias_certified`, `bias_within`, `bias_computed`
* `input_certified`, `input_within`, `input_computed`
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox.Certificates.Binary16Overflow

/-- n / 2^4, a number of `x`, with its eps. -/
def xEntry (n : Int) : Ball :=
  ⟨⟨n, 4⟩, ⟨0x0, 0⟩, true⟩

/-- The operand `x`. -/
def x : Tensor Ball [1, 1, 1, 6] :=
  #v[#v[#v[#v[xEntry 0x1614, xEntry (-0x53f), xEntry (-0x65b), xEntry (-0x1078), xEntry 0xfb2,
  xEntry 0x89c]]]]

/-- n / 2^3, a number of `weight`, with its eps. -/
def weightEntry (n : Int) : Ball :=
  ⟨⟨n, 3⟩, ⟨0x0, 0⟩, true⟩

/-- The operand `weight`. -/
def weight : Tensor Ball [1, 1, 1, 2] :=
  #v[#v[#v[#v[weightEntry 0x6c0, weightEntry (-0x337)]]]]

/-- n / 2^3, a number of `bias`, with its eps. -/
def biasEntry (n : Int) : Ball :=
  ⟨⟨n, 3⟩, ⟨0x0, 0⟩, true⟩

/-- The operand `bias`. -/
def bias : Tensor Ball [1] :=
  #v[biasEntry (-0x62d)]

/-- n / 2^4, a number of `gradOutput`, with its eps. -/
def gradOutputEntry (n : Int) : Ball :=
  ⟨⟨n, 4⟩, ⟨0x0, 0⟩, true⟩

/-- The operand `gradOutput`. -/
def gradOutput : Tensor Ball [1, 1, 1, 6] :=
  #v[#v[#v[#v[gradOutputEntry 0x7df, gradOutputEntry (-0xb34), gradOutputEntry 0xeea,
  gradOutputEntry (-0xb22), gradOutputEntry (-0xde4), gradOutputEntry 0xb8a]]]]

/-- The output, as a contraction. -/
def outputContraction : Contraction Int :=
  conv2dForward ⟨1, 1, 1, 1, 1, 6, 1, 2, 1, 1, 0, 0, 1, 0, 1, 1, 1, 6⟩

/-- The factors of the output. -/
def outputFactors : outputContraction.Factors Ball := (x, weight, ⟨⟩)

/-- The addends of the output. -/
def outputAddends : outputContraction.Addends Ball := (bias, ⟨⟩)

/-- Of the output: entry, rounded value, bound. -/
def outputClaims : List Claim := [
  ⟨[0, 0, 0, 0], ⟨-0x8ec0, 0⟩, ⟨0x18000090c004cb, 47⟩⟩,
  ⟨[0, 0, 0, 2], ⟨-0x1eb4, 0⟩, ⟨0x180000928004cb, 48⟩⟩,
  ⟨[0, 0, 0, 3], ⟨0x134c, 0⟩, ⟨0x38000155000b3, 45⟩⟩,
  ⟨[0, 0, 0, 5], ⟨0x9bc0, 0⟩, ⟨0x11000066a00365, 46⟩⟩]

/-- What binary16 gives for the output, in the stated order, and its error bounds. -/
theorem output_certified : Certified
    (outputContraction.eval (checked .binary16) (outputFactors.map Ball.checked)
      (outputAddends.map Ball.checked))
    outputClaims := by
  decide +kernel

/-- The exact entry of the output is within the bound of the value, wherever the exact operands are
within eps of the given ones. -/
theorem output_within
    {x' : Tensor Rat [1, 1, 1, 6]} {weight' : Tensor Rat [1, 1, 1, 2]} {bias' : Tensor Rat [1]}
    (hx : x'.Rel Ball.Encloses x) (hweight : weight'.Rel Ball.Encloses weight)
    (hbias : bias'.Rel Ball.Encloses bias) :
    ∀ c ∈ outputClaims, c.Within (outputContraction.eval exact (x', weight', ⟨⟩) (bias', ⟨⟩)) :=
  output_certified.within_exact (.cons hx (.cons hweight .nil)) (.cons hbias .nil)

/-- IEEE 754 arithmetic in binary16 gives the values of the output. -/
theorem output_computed :
    ∀ c ∈ outputClaims, c.Computed
      (outputContraction.eval (ieee .binary16) (outputFactors.map Ball.ieee)
        (outputAddends.map Ball.ieee)) :=
  output_certified.computed_ieee

/-- The bias gradient, as a contraction. -/
def biasContraction : Contraction Int :=
  conv2dBiasGrad ⟨1, 1, 1, 1, 1, 6, 1, 2, 1, 1, 0, 0, 1, 0, 1, 1, 1, 6⟩

/-- The factors of the bias gradient. -/
def biasFactors : biasContraction.Factors Ball := (gradOutput, ⟨⟩)

/-- The addends of the bias gradient. -/
def biasAddends : biasContraction.Addends Ball := ⟨⟩

/-- Of the bias gradient: entry, rounded value, bound. -/
def biasClaims : List Claim := [
  ⟨[0], ⟨-0x3d, 1⟩, ⟨0xba001d160032f, 54⟩⟩]

/-- What binary16 gives for the bias gradient, in the stated order, and its error bounds. -/
theorem bias_certified : Certified
    (biasContraction.eval (checked .binary16) (biasFactors.map Ball.checked)
      (biasAddends.map Ball.checked))
    biasClaims := by
  decide +kernel

/-- The exact entry of the bias gradient is within the bound of the value, wherever the exact
operands are within eps of the given ones. -/
theorem bias_within
    {gradOutput' : Tensor Rat [1, 1, 1, 6]} (hgradOutput : gradOutput'.Rel Ball.Encloses gradOutput)
    :
    ∀ c ∈ biasClaims, c.Within (biasContraction.eval exact (gradOutput', ⟨⟩) ⟨⟩) :=
  bias_certified.within_exact (.cons hgradOutput .nil) .nil

/-- IEEE 754 arithmetic in binary16 gives the values of the bias gradient. -/
theorem bias_computed :
    ∀ c ∈ biasClaims, c.Computed
      (biasContraction.eval (ieee .binary16) (biasFactors.map Ball.ieee)
        (biasAddends.map Ball.ieee)) :=
  bias_certified.computed_ieee

/-- The input gradient, as a contraction. -/
def inputContraction : Contraction Int :=
  conv2dInputGrad ⟨1, 1, 1, 1, 1, 6, 1, 2, 1, 1, 0, 0, 1, 0, 1, 1, 1, 6⟩

/-- The factors of the input gradient. -/
def inputFactors : inputContraction.Factors Ball := (weight, gradOutput, ⟨⟩)

/-- The addends of the input gradient. -/
def inputAddends : inputContraction.Addends Ball := ⟨⟩

/-- Of the input gradient: entry, rounded value, bound. -/
def inputClaims : List Claim := [
  ⟨[0, 0, 0, 0], ⟨-0xc9e0, 0⟩, ⟨0x1a000083000391, 47⟩⟩,
  ⟨[0, 0, 0, 2], ⟨-0xf620, 0⟩, ⟨0x3800011a0007b, 44⟩⟩,
  ⟨[0, 0, 0, 3], ⟨-0x73f0, 0⟩, ⟨0x1800007900034b, 47⟩⟩,
  ⟨[0, 0, 0, 4], ⟨0xf500, 0⟩, ⟨0x3800011a0007b, 44⟩⟩,
  ⟨[0, 0, 0, 5], ⟨-0x4a30, 0⟩, ⟨0x8000028800119, 47⟩⟩]

/-- What binary16 gives for the input gradient, in the stated order, and its error bounds. -/
theorem input_certified : Certified
    (inputContraction.eval (checked .binary16) (inputFactors.map Ball.checked)
      (inputAddends.map Ball.checked))
    inputClaims := by
  decide +kernel

/-- The exact entry of the input gradient is within the bound of the value, wherever the exact
operands are within eps of the given ones. -/
theorem input_within
    {weight' : Tensor Rat [1, 1, 1, 2]} {gradOutput' : Tensor Rat [1, 1, 1, 6]}
    (hweight : weight'.Rel Ball.Encloses weight)
    (hgradOutput : gradOutput'.Rel Ball.Encloses gradOutput) :
    ∀ c ∈ inputClaims, c.Within (inputContraction.eval exact (weight', gradOutput', ⟨⟩) ⟨⟩) :=
  input_certified.within_exact (.cons hweight (.cons hgradOutput .nil)) .nil

/-- IEEE 754 arithmetic in binary16 gives the values of the input gradient. -/
theorem input_computed :
    ∀ c ∈ inputClaims, c.Computed
      (inputContraction.eval (ieee .binary16) (inputFactors.map Ball.ieee)
        (inputAddends.map Ball.ieee)) :=
  input_certified.computed_ieee

end RuntimeApprox.Certificates.Binary16Overflow
