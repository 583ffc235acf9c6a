module

public import RuntimeApprox.Certificate.Theorems

/-!
# Certificate of the case binary32-one-by-one

Case binary32-one-by-one#d5e032f9e50efa70 of conv2d, in binary32. A number n / 2^k is written
⟨n, k⟩. The exact operands may be anywhere within eps of the given ones: x 0x1.0000000000000p-10,
weight 0x1.0624dd2f1a9fcp-10, bias 0x1.0000000000000p-12, grad_output 0x1.3a92a30553261p-12.

* the output: 1 of 1 entries
* the bias gradient: 1 of 1 entries
* the weight gradient: 1 of 1 entries
* the input gradient: 1 of 1 entries

Written by `python -m pybridge.certify`, for Lean 4.28.0.

## Main results
* `output_certified`, `output_within`, `output_computed`
* `bias_certified`, `bias_within`, `bias_computed`
* `weight_certified`, `weight_within`, `weight_computed`
* `input_certified`, `input_within`, `input_computed`
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox.Certificates.Binary32OneByOne

/-- n / 2^22, a number of `x`, with its eps. -/
def xEntry (n : Int) : Ball :=
  ⟨⟨n, 22⟩, ⟨0x1, 10⟩, true⟩

/-- The operand `x`. -/
def x : Tensor Ball [1, 1, 1, 1] :=
  #v[#v[#v[#v[xEntry 0x1aa235]]]]

/-- n / 2^22, a number of `weight`, with its eps. -/
def weightEntry (n : Int) : Ball :=
  ⟨⟨n, 22⟩, ⟨0x4189374bc6a7f, 60⟩, true⟩

/-- The operand `weight`. -/
def weight : Tensor Ball [1, 1, 1, 1] :=
  #v[#v[#v[#v[weightEntry 0x879fe5]]]]

/-- n / 2^22, a number of `bias`, with its eps. -/
def biasEntry (n : Int) : Ball :=
  ⟨⟨n, 22⟩, ⟨0x1, 12⟩, true⟩

/-- The operand `bias`. -/
def bias : Tensor Ball [1] :=
  #v[biasEntry (-0x40f78b)]

/-- n / 2^24, a number of `gradOutput`, with its eps. -/
def gradOutputEntry (n : Int) : Ball :=
  ⟨⟨n, 24⟩, ⟨0x13a92a30553261, 64⟩, true⟩

/-- The operand `gradOutput`. -/
def gradOutput : Tensor Ball [1, 1, 1, 1] :=
  #v[#v[#v[#v[gradOutputEntry 0x7e05f3]]]]

/-- The output, as a contraction. -/
def outputContraction : Contraction Int :=
  conv2dForward ⟨1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1⟩

/-- The factors of the output. -/
def outputFactors : outputContraction.Factors Ball := (x, weight, ⟨⟩)

/-- The addends of the output. -/
def outputAddends : outputContraction.Addends Ball := (bias, ⟨⟩)

/-- Of the output: entry, rounded value, bound. -/
def outputClaims : List Claim := [
  ⟨[0, 0, 0, 0], ⟨-0x886d9, 22⟩, ⟨0x165ee7ebc737f5, 61⟩⟩]

/-- What binary32 gives for the output, in the stated order, and its error bounds. -/
theorem output_certified : Certified
    (outputContraction.eval (checked .binary32) (outputFactors.map Ball.checked)
      (outputAddends.map Ball.checked))
    outputClaims := by
  decide +kernel

/-- The exact entry of the output is within the bound of the value, wherever the exact operands are
within eps of the given ones. -/
theorem output_within
    {x' : Tensor Rat [1, 1, 1, 1]} {weight' : Tensor Rat [1, 1, 1, 1]} {bias' : Tensor Rat [1]}
    (hx : x'.Rel Ball.Encloses x) (hweight : weight'.Rel Ball.Encloses weight)
    (hbias : bias'.Rel Ball.Encloses bias) :
    ∀ c ∈ outputClaims, c.Within (outputContraction.eval exact (x', weight', ⟨⟩) (bias', ⟨⟩)) :=
  output_certified.within_exact (.cons hx (.cons hweight .nil)) (.cons hbias .nil)

/-- IEEE 754 arithmetic in binary32 gives the values of the output. -/
theorem output_computed :
    ∀ c ∈ outputClaims, c.Computed
      (outputContraction.eval (ieee .binary32) (outputFactors.map Ball.ieee)
        (outputAddends.map Ball.ieee)) :=
  output_certified.computed_ieee

/-- The bias gradient, as a contraction. -/
def biasContraction : Contraction Int :=
  conv2dBiasGrad ⟨1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1⟩

/-- The factors of the bias gradient. -/
def biasFactors : biasContraction.Factors Ball := (gradOutput, ⟨⟩)

/-- The addends of the bias gradient. -/
def biasAddends : biasContraction.Addends Ball := ⟨⟩

/-- Of the bias gradient: entry, rounded value, bound. -/
def biasClaims : List Claim := [
  ⟨[0], ⟨0x7e05f3, 24⟩, ⟨0x13a96a3055b263, 64⟩⟩]

/-- What binary32 gives for the bias gradient, in the stated order, and its error bounds. -/
theorem bias_certified : Certified
    (biasContraction.eval (checked .binary32) (biasFactors.map Ball.checked)
      (biasAddends.map Ball.checked))
    biasClaims := by
  decide +kernel

/-- The exact entry of the bias gradient is within the bound of the value, wherever the exact
operands are within eps of the given ones. -/
theorem bias_within
    {gradOutput' : Tensor Rat [1, 1, 1, 1]} (hgradOutput : gradOutput'.Rel Ball.Encloses gradOutput)
    :
    ∀ c ∈ biasClaims, c.Within (biasContraction.eval exact (gradOutput', ⟨⟩) ⟨⟩) :=
  bias_certified.within_exact (.cons hgradOutput .nil) .nil

/-- IEEE 754 arithmetic in binary32 gives the values of the bias gradient. -/
theorem bias_computed :
    ∀ c ∈ biasClaims, c.Computed
      (biasContraction.eval (ieee .binary32) (biasFactors.map Ball.ieee)
        (biasAddends.map Ball.ieee)) :=
  bias_certified.computed_ieee

/-- The weight gradient, as a contraction. -/
def weightContraction : Contraction Int :=
  conv2dKernelGrad ⟨1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1⟩

/-- The factors of the weight gradient. -/
def weightFactors : weightContraction.Factors Ball := (x, gradOutput, ⟨⟩)

/-- The addends of the weight gradient. -/
def weightAddends : weightContraction.Addends Ball := ⟨⟩

/-- Of the weight gradient: entry, rounded value, bound. -/
def weightClaims : List Claim := [
  ⟨[0, 0, 0, 0], ⟨0xd1c749, 26⟩, ⟨0x13da9a54885cbd, 63⟩⟩]

/-- What binary32 gives for the weight gradient, in the stated order, and its error bounds. -/
theorem weight_certified : Certified
    (weightContraction.eval (checked .binary32) (weightFactors.map Ball.checked)
      (weightAddends.map Ball.checked))
    weightClaims := by
  decide +kernel

/-- The exact entry of the weight gradient is within the bound of the value, wherever the exact
operands are within eps of the given ones. -/
theorem weight_within
    {x' : Tensor Rat [1, 1, 1, 1]} {gradOutput' : Tensor Rat [1, 1, 1, 1]}
    (hx : x'.Rel Ball.Encloses x) (hgradOutput : gradOutput'.Rel Ball.Encloses gradOutput) :
    ∀ c ∈ weightClaims, c.Within (weightContraction.eval exact (x', gradOutput', ⟨⟩) ⟨⟩) :=
  weight_certified.within_exact (.cons hx (.cons hgradOutput .nil)) .nil

/-- IEEE 754 arithmetic in binary32 gives the values of the weight gradient. -/
theorem weight_computed :
    ∀ c ∈ weightClaims, c.Computed
      (weightContraction.eval (ieee .binary32) (weightFactors.map Ball.ieee)
        (weightAddends.map Ball.ieee)) :=
  weight_certified.computed_ieee

/-- The input gradient, as a contraction. -/
def inputContraction : Contraction Int :=
  conv2dInputGrad ⟨1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1⟩

/-- The factors of the input gradient. -/
def inputFactors : inputContraction.Factors Ball := (weight, gradOutput, ⟨⟩)

/-- The addends of the input gradient. -/
def inputAddends : inputContraction.Addends Ball := ⟨⟩

/-- Of the input gradient: entry, rounded value, bound. -/
def inputClaims : List Claim := [
  ⟨[0, 0, 0, 0], ⟨0x8587b3, 23⟩, ⟨0x127d02cd0c6031, 62⟩⟩]

/-- What binary32 gives for the input gradient, in the stated order, and its error bounds. -/
theorem input_certified : Certified
    (inputContraction.eval (checked .binary32) (inputFactors.map Ball.checked)
      (inputAddends.map Ball.checked))
    inputClaims := by
  decide +kernel

/-- The exact entry of the input gradient is within the bound of the value, wherever the exact
operands are within eps of the given ones. -/
theorem input_within
    {weight' : Tensor Rat [1, 1, 1, 1]} {gradOutput' : Tensor Rat [1, 1, 1, 1]}
    (hweight : weight'.Rel Ball.Encloses weight)
    (hgradOutput : gradOutput'.Rel Ball.Encloses gradOutput) :
    ∀ c ∈ inputClaims, c.Within (inputContraction.eval exact (weight', gradOutput', ⟨⟩) ⟨⟩) :=
  input_certified.within_exact (.cons hweight (.cons hgradOutput .nil)) .nil

/-- IEEE 754 arithmetic in binary32 gives the values of the input gradient. -/
theorem input_computed :
    ∀ c ∈ inputClaims, c.Computed
      (inputContraction.eval (ieee .binary32) (inputFactors.map Ball.ieee)
        (inputAddends.map Ball.ieee)) :=
  input_certified.computed_ieee

end RuntimeApprox.Certificates.Binary32OneByOne
