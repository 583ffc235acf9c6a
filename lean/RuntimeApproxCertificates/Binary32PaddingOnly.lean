module

public import RuntimeApprox.Certificate.Theorems

/-!
# Certificate of the case binary32-padding-only

Case binary32-padding-only#f652989109454b5e of conv2d, in binary32. A number n / 2^k is written
⟨n, k⟩. The exact operands may be anywhere within eps of the given ones: x 0x1.0000000000000p-10,
weight 0x1.0624dd2f1a9fcp-10, bias 0x1.0000000000000p-12, grad_output 0x1.3a92a30553261p-12.

* the output: 14 of 14 entries
* the bias gradient: 2 of 2 entries
* the weight gradient: 6 of 6 entries
* the input gradient: 2 of 2 entries

Written by `python -m pybridge.certify`, for Lean 4.28.0.

## Main results
* `output_certified`, `output_within`, `output_computed`
* `bias_certified`, `bias_within`, `bias_computed`
* `weight_certified`, `weight_within`, `weight_computed`
* `input_certified`, `input_within`, `input_computed`
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox.Certificates.Binary32PaddingOnly

/-- n / 2^23, a number of `x`, with its eps. -/
def xEntry (n : Int) : Ball :=
  ⟨⟨n, 23⟩, ⟨0x1, 10⟩, true⟩

/-- The operand `x`. -/
def x : Tensor Ball [1, 1, 1, 2] :=
  #v[#v[#v[#v[xEntry 0x13b73a6, xEntry 0xe0f0c9]]]]

/-- n / 2^24, a number of `weight`, with its eps. -/
def weightEntry (n : Int) : Ball :=
  ⟨⟨n, 24⟩, ⟨0x4189374bc6a7f, 60⟩, true⟩

/-- The operand `weight`. -/
def weight : Tensor Ball [2, 1, 3, 1] :=
  #v[#v[#v[#v[weightEntry (-0x11e0af2)], #v[weightEntry 0x5c5c61], #v[weightEntry (-0x12ca642)]]],
  #v[#v[#v[weightEntry (-0x14cd96a)], #v[weightEntry (-0x7e2cf3)], #v[weightEntry 0x915633]]]]

/-- n / 2^22, a number of `bias`, with its eps. -/
def biasEntry (n : Int) : Ball :=
  ⟨⟨n, 22⟩, ⟨0x1, 12⟩, true⟩

/-- The operand `bias`. -/
def bias : Tensor Ball [2] :=
  #v[biasEntry 0x545e52, biasEntry 0xab99f5]

/-- n / 2^25, a number of `gradOutput`, with its eps. -/
def gradOutputEntry (n : Int) : Ball :=
  ⟨⟨n, 25⟩, ⟨0x13a92a30553261, 64⟩, true⟩

/-- The operand `gradOutput`. -/
def gradOutput : Tensor Ball [1, 2, 1, 7] :=
  #v[#v[#v[#v[gradOutputEntry (-0x276b998), gradOutputEntry (-0x2e1e610), gradOutputEntry 0x3b05a14,
  gradOutputEntry (-0x1cb614c), gradOutputEntry (-0xcc53b1), gradOutputEntry 0x1d92d78,
  gradOutputEntry (-0x1001d0c)]], #v[#v[gradOutputEntry 0x68147e0, gradOutputEntry (-0x55c77c0),
  gradOutputEntry (-0x12be164), gradOutputEntry (-0x6204928), gradOutputEntry (-0x6f4bc00),
  gradOutputEntry 0x509ea30, gradOutputEntry 0x19eb866]]]]

/-- The output, as a contraction. -/
def outputContraction : Contraction Int :=
  conv2dForward ⟨1, 1, 1, 2, 1, 2, 3, 1, 1, 1, 1, 1, 2, 3, 1, 1, 1, 7⟩

/-- The factors of the output. -/
def outputFactors : outputContraction.Factors Ball := (x, weight, ⟨⟩)

/-- The addends of the output. -/
def outputAddends : outputContraction.Addends Ball := (bias, ⟨⟩)

/-- Of the output: entry, rounded value, bound. -/
def outputClaims : List Claim := [
  ⟨[0, 0, 0, 0], ⟨0x2a2f29, 21⟩, ⟨0x1001, 24⟩⟩,
  ⟨[0, 0, 0, 1], ⟨0x2a2f29, 21⟩, ⟨0x1001, 24⟩⟩,
  ⟨[0, 0, 0, 2], ⟨0x235181, 20⟩, ⟨0x1915abdcfdf3b7, 61⟩⟩,
  ⟨[0, 0, 0, 3], ⟨0x1f3c8b, 20⟩, ⟨0x134a9c7072b021, 61⟩⟩,
  ⟨[0, 0, 0, 4], ⟨0x2a2f29, 21⟩, ⟨0x1001, 24⟩⟩,
  ⟨[0, 0, 0, 5], ⟨0x2a2f29, 21⟩, ⟨0x1001, 24⟩⟩,
  ⟨[0, 0, 0, 6], ⟨0x2a2f29, 21⟩, ⟨0x1001, 24⟩⟩,
  ⟨[0, 1, 0, 0], ⟨0xab99f5, 22⟩, ⟨0x801, 23⟩⟩,
  ⟨[0, 1, 0, 1], ⟨0xab99f5, 22⟩, ⟨0x801, 23⟩⟩,
  ⟨[0, 1, 0, 2], ⟨0xbbb99b, 23⟩, ⟨0x1a24306cfdf3b7, 61⟩⟩,
  ⟨[0, 1, 0, 3], ⟨0x1d0abd, 20⟩, ⟨0x1459210072b021, 61⟩⟩,
  ⟨[0, 1, 0, 4], ⟨0xab99f5, 22⟩, ⟨0x801, 23⟩⟩,
  ⟨[0, 1, 0, 5], ⟨0xab99f5, 22⟩, ⟨0x801, 23⟩⟩,
  ⟨[0, 1, 0, 6], ⟨0xab99f5, 22⟩, ⟨0x801, 23⟩⟩]

/-- What binary32 gives for the output, in the stated order, and its error bounds. -/
theorem output_certified : Certified
    (outputContraction.eval (checked .binary32) (outputFactors.map Ball.checked)
      (outputAddends.map Ball.checked))
    outputClaims := by
  decide +kernel

/-- The exact entry of the output is within the bound of the value, wherever the exact operands are
within eps of the given ones. -/
theorem output_within
    {x' : Tensor Rat [1, 1, 1, 2]} {weight' : Tensor Rat [2, 1, 3, 1]} {bias' : Tensor Rat [2]}
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
  conv2dBiasGrad ⟨1, 1, 1, 2, 1, 2, 3, 1, 1, 1, 1, 1, 2, 3, 1, 1, 1, 7⟩

/-- The factors of the bias gradient. -/
def biasFactors : biasContraction.Factors Ball := (gradOutput, ⟨⟩)

/-- The addends of the bias gradient. -/
def biasAddends : biasContraction.Addends Ball := ⟨⟩

/-- Of the bias gradient: entry, rounded value, bound. -/
def biasClaims : List Claim := [
  ⟨[0], ⟨-0xd9ba89, 23⟩, ⟨0x89a8a7529860b, 60⟩⟩,
  ⟨[1], ⟨-0xce6e7b, 22⟩, ⟨0x1135d52a590e17, 61⟩⟩]

/-- What binary32 gives for the bias gradient, in the stated order, and its error bounds. -/
theorem bias_certified : Certified
    (biasContraction.eval (checked .binary32) (biasFactors.map Ball.checked)
      (biasAddends.map Ball.checked))
    biasClaims := by
  decide +kernel

/-- The exact entry of the bias gradient is within the bound of the value, wherever the exact
operands are within eps of the given ones. -/
theorem bias_within
    {gradOutput' : Tensor Rat [1, 2, 1, 7]} (hgradOutput : gradOutput'.Rel Ball.Encloses gradOutput)
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
  conv2dKernelGrad ⟨1, 1, 1, 2, 1, 2, 3, 1, 1, 1, 1, 1, 2, 3, 1, 1, 1, 7⟩

/-- The factors of the weight gradient. -/
def weightFactors : weightContraction.Factors Ball := (x, gradOutput, ⟨⟩)

/-- The addends of the weight gradient. -/
def weightAddends : weightContraction.Addends Ball := ⟨⟩

/-- Of the weight gradient: entry, rounded value, bound. -/
def weightClaims : List Claim := [
  ⟨[0, 0, 0, 0], ⟨0x0, 0⟩, ⟨0x0, 0⟩⟩,
  ⟨[0, 0, 1, 0], ⟨0x5f0087, 21⟩, ⟨0x1028d57c74cf, 52⟩⟩,
  ⟨[0, 0, 2, 0], ⟨0x0, 0⟩, ⟨0x0, 0⟩⟩,
  ⟨[1, 0, 0, 0], ⟨0x0, 0⟩, ⟨0x0, 0⟩⟩,
  ⟨[1, 0, 1, 0], ⟨-0xda711d, 21⟩, ⟨0x9e4d1ea39ef81, 59⟩⟩,
  ⟨[1, 0, 2, 0], ⟨0x0, 0⟩, ⟨0x0, 0⟩⟩]

/-- What binary32 gives for the weight gradient, in the stated order, and its error bounds. -/
theorem weight_certified : Certified
    (weightContraction.eval (checked .binary32) (weightFactors.map Ball.checked)
      (weightAddends.map Ball.checked))
    weightClaims := by
  decide +kernel

/-- The exact entry of the weight gradient is within the bound of the value, wherever the exact
operands are within eps of the given ones. -/
theorem weight_within
    {x' : Tensor Rat [1, 1, 1, 2]} {gradOutput' : Tensor Rat [1, 2, 1, 7]}
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
  conv2dInputGrad ⟨1, 1, 1, 2, 1, 2, 3, 1, 1, 1, 1, 1, 2, 3, 1, 1, 1, 7⟩

/-- The factors of the input gradient. -/
def inputFactors : inputContraction.Factors Ball := (weight, gradOutput, ⟨⟩)

/-- The addends of the input gradient. -/
def inputAddends : inputContraction.Addends Ball := ⟨⟩

/-- Of the input gradient: entry, rounded value, bound. -/
def inputClaims : List Claim := [
  ⟨[0, 0, 0, 0], ⟨0x7a20af, 23⟩, ⟨0x1602ed7d2e7cd1, 61⟩⟩,
  ⟨[0, 0, 0, 1], ⟨0x97cea9, 23⟩, ⟨0x228bf716c94e7, 57⟩⟩]

/-- What binary32 gives for the input gradient, in the stated order, and its error bounds. -/
theorem input_certified : Certified
    (inputContraction.eval (checked .binary32) (inputFactors.map Ball.checked)
      (inputAddends.map Ball.checked))
    inputClaims := by
  decide +kernel

/-- The exact entry of the input gradient is within the bound of the value, wherever the exact
operands are within eps of the given ones. -/
theorem input_within
    {weight' : Tensor Rat [2, 1, 3, 1]} {gradOutput' : Tensor Rat [1, 2, 1, 7]}
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

end RuntimeApprox.Certificates.Binary32PaddingOnly
