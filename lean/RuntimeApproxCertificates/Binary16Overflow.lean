module

public import RuntimeApprox.Certificate.Theorems

/-!
# Certificate of the case binary16-overflow

Case binary16-overflow#bdbf7a85dfbc2b8c, in binary16. A number n / 2^k is written ⟨n, k⟩. The exact
operands may be anywhere within eps of the given ones: x 0x0.0p+0, weight 0x0.0p+0, bias 0x0.0p+0,
grad_output 0x0.0p+0.

* the forward pass: 4 of 6 entries, 2 without a bound because of overflow
* the bias gradient: 1 of 1 entries
* the kernel gradient: 0 of 2 entries, 2 without a bound because of overflow
* the input gradient: 5 of 6 entries, 1 without a bound because of overflow

Written by `python -m pybridge.certify`, for Lean 4.28.0.

## Main results
* `forward_certified`, `forward_within`, `forward_computed`
* `bias_certified`, `bias_within`, `bias_computed`
* `input_certified`, `input_within`, `input_computed`
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox.Certificates.Binary16Overflow

/-- The geometry. -/
def geometry : Conv2d where
  batch := 1
  groups := 1
  inChannels := 1
  outChannels := 1
  height := ⟨1, 1, 1, 0, 0, 1, by decide, by decide, by decide, by decide⟩
  width := ⟨6, 2, 1, 1, 0, 1, by decide, by decide, by decide, by decide⟩

/-- n / 2^4, a number of the input, NCHW, with its eps. -/
def xEntry (n : Int) : Ball :=
  ⟨⟨n, 4⟩, ⟨0x0, 0⟩, true⟩

/-- The input, NCHW. -/
def x : Tensor Ball geometry.inputShape :=
  #v[#v[#v[#v[xEntry 0x1614, xEntry (-0x53f), xEntry (-0x65b), xEntry (-0x1078), xEntry 0xfb2,
  xEntry 0x89c]]]]

/-- n / 2^3, a number of the kernel, OIHW, with its eps. -/
def weightEntry (n : Int) : Ball :=
  ⟨⟨n, 3⟩, ⟨0x0, 0⟩, true⟩

/-- The kernel, OIHW. -/
def weight : Tensor Ball geometry.kernelShape :=
  #v[#v[#v[#v[weightEntry 0x6c0, weightEntry (-0x337)]]]]

/-- n / 2^3, a number of the bias, with its eps. -/
def biasEntry (n : Int) : Ball :=
  ⟨⟨n, 3⟩, ⟨0x0, 0⟩, true⟩

/-- The bias. -/
def bias : Tensor Ball geometry.biasShape :=
  #v[biasEntry (-0x62d)]

/-- n / 2^4, a number of the gradient with respect to the output, NCHW, with its eps. -/
def gradOutputEntry (n : Int) : Ball :=
  ⟨⟨n, 4⟩, ⟨0x0, 0⟩, true⟩

/-- The gradient with respect to the output, NCHW. -/
def gradOutput : Tensor Ball geometry.outputShape :=
  #v[#v[#v[#v[gradOutputEntry 0x7df, gradOutputEntry (-0xb34), gradOutputEntry 0xeea,
  gradOutputEntry (-0xb22), gradOutputEntry (-0xde4), gradOutputEntry 0xb8a]]]]

/-- Of the forward pass: entry, rounded value, bound. -/
def forwardClaims : List Claim := [
  ⟨[0, 0, 0, 0], ⟨-0x8ec0, 0⟩, ⟨0x18000090c004cb, 47⟩⟩,
  ⟨[0, 0, 0, 2], ⟨-0x1eb4, 0⟩, ⟨0x180000928004cb, 48⟩⟩,
  ⟨[0, 0, 0, 3], ⟨0x134c, 0⟩, ⟨0x38000155000b3, 45⟩⟩,
  ⟨[0, 0, 0, 5], ⟨0x9bc0, 0⟩, ⟨0x11000066a00365, 46⟩⟩]

/-- What binary16 gives for the forward pass, in the stated order, and its error bounds. -/
theorem forward_certified : Certified
    (conv2d (checked .binary16) geometry (x.map Ball.checked) (weight.map Ball.checked)
      (bias.map Ball.checked))
    forwardClaims := by
  decide +kernel

/-- The exact entry of the forward pass is within the bound of the value, wherever the exact
operands are within eps of the given ones. -/
theorem forward_within
    {x' : Tensor Rat geometry.inputShape} {weight' : Tensor Rat geometry.kernelShape}
    {bias' : Tensor Rat geometry.biasShape} (hx : x'.Rel Ball.Encloses x)
    (hweight : weight'.Rel Ball.Encloses weight) (hbias : bias'.Rel Ball.Encloses bias) :
    ∀ c ∈ forwardClaims, c.Within (conv2d exact geometry x' weight' bias') :=
  forward_certified.within_forward hx hweight hbias

/-- IEEE 754 arithmetic in binary16 gives the values of the forward pass. -/
theorem forward_computed :
    ∀ c ∈ forwardClaims, c.Computed
      (conv2d (ieee .binary16) geometry (x.map Ball.ieee) (weight.map Ball.ieee)
        (bias.map Ball.ieee)) :=
  forward_certified.computed_forward

/-- Of the bias gradient: entry, rounded value, bound. -/
def biasClaims : List Claim := [
  ⟨[0], ⟨-0x3d, 1⟩, ⟨0xba001d160032f, 54⟩⟩]

/-- What binary16 gives for the bias gradient, in the stated order, and its error bounds. -/
theorem bias_certified : Certified
    (conv2dBiasDeriv (checked .binary16) geometry (gradOutput.map Ball.checked))
    biasClaims := by
  decide +kernel

/-- The exact entry of the bias gradient is within the bound of the value, wherever the exact
operands are within eps of the given ones. -/
theorem bias_within
    {gradOutput' : Tensor Rat geometry.outputShape}
    (hgradOutput : gradOutput'.Rel Ball.Encloses gradOutput) :
    ∀ c ∈ biasClaims, c.Within (conv2dBiasDeriv exact geometry gradOutput') :=
  bias_certified.within_bias hgradOutput

/-- IEEE 754 arithmetic in binary16 gives the values of the bias gradient. -/
theorem bias_computed :
    ∀ c ∈ biasClaims, c.Computed
      (conv2dBiasDeriv (ieee .binary16) geometry (gradOutput.map Ball.ieee)) :=
  bias_certified.computed_bias

/-- Of the input gradient: entry, rounded value, bound. -/
def inputClaims : List Claim := [
  ⟨[0, 0, 0, 0], ⟨-0xc9e0, 0⟩, ⟨0x1a000083000391, 47⟩⟩,
  ⟨[0, 0, 0, 2], ⟨-0xf620, 0⟩, ⟨0x3800011a0007b, 44⟩⟩,
  ⟨[0, 0, 0, 3], ⟨-0x73f0, 0⟩, ⟨0x1800007900034b, 47⟩⟩,
  ⟨[0, 0, 0, 4], ⟨0xf500, 0⟩, ⟨0x3800011a0007b, 44⟩⟩,
  ⟨[0, 0, 0, 5], ⟨-0x4a30, 0⟩, ⟨0x8000028800119, 47⟩⟩]

/-- What binary16 gives for the input gradient, in the stated order, and its error bounds. -/
theorem input_certified : Certified
    (conv2dInputDeriv (checked .binary16) geometry (weight.map Ball.checked)
      (gradOutput.map Ball.checked))
    inputClaims := by
  decide +kernel

/-- The exact entry of the input gradient is within the bound of the value, wherever the exact
operands are within eps of the given ones. -/
theorem input_within
    {weight' : Tensor Rat geometry.kernelShape} {gradOutput' : Tensor Rat geometry.outputShape}
    (hweight : weight'.Rel Ball.Encloses weight)
    (hgradOutput : gradOutput'.Rel Ball.Encloses gradOutput) :
    ∀ c ∈ inputClaims, c.Within (conv2dInputDeriv exact geometry weight' gradOutput') :=
  input_certified.within_input hweight hgradOutput

/-- IEEE 754 arithmetic in binary16 gives the values of the input gradient. -/
theorem input_computed :
    ∀ c ∈ inputClaims, c.Computed
      (conv2dInputDeriv (ieee .binary16) geometry (weight.map Ball.ieee) (gradOutput.map Ball.ieee))
        :=
  input_certified.computed_input

end RuntimeApprox.Certificates.Binary16Overflow
