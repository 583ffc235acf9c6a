module

public import RuntimeApprox.Certificate.Theorems

/-!
# Certificate of the case binary32-overflow

Case binary32-overflow#d4eaf45cd8c63641, in binary32. A number n / 2^k is written ⟨n, k⟩. The exact
operands may be anywhere within eps of the given ones: x 0x0.0p+0, weight 0x0.0p+0, bias 0x0.0p+0,
grad_output 0x0.0p+0.

* the forward pass: 4 of 6 entries, 2 without a bound because of overflow
* the bias gradient: 1 of 1 entries
* the kernel gradient: 0 of 2 entries, 2 without a bound because of overflow
* the input gradient: 6 of 6 entries

Written by `python -m pybridge.certify`, for Lean 4.28.0.

## Main results
* `forward_certified`, `forward_within`, `forward_computed`
* `bias_certified`, `bias_within`, `bias_computed`
* `input_certified`, `input_within`, `input_computed`
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox.Certificates.Binary32Overflow

/-- The geometry. -/
def geometry : Conv2d where
  batch := 1
  groups := 1
  inChannels := 1
  outChannels := 1
  height := ⟨1, 1, 1, 0, 0, 1, by decide, by decide, by decide, by decide⟩
  width := ⟨6, 2, 1, 1, 0, 1, by decide, by decide, by decide, by decide⟩

/-- n / 2^0, a number of the input, NCHW, with its eps. -/
def xEntry (n : Int) : Ball :=
  ⟨⟨n, 0⟩, ⟨0x0, 0⟩, true⟩

/-- The input, NCHW. -/
def x : Tensor Ball geometry.inputShape :=
  #v[#v[#v[#v[xEntry 0xb3eca90000000000, xEntry 0x1d740520000000000, xEntry (-0x190dfd40000000000),
  xEntry 0x459c938000000000, xEntry (-0x1fca84c0000000000), xEntry 0x1cb72300000000000]]]]

/-- n / 2^0, a number of the kernel, OIHW, with its eps. -/
def weightEntry (n : Int) : Ball :=
  ⟨⟨n, 0⟩, ⟨0x0, 0⟩, true⟩

/-- The kernel, OIHW. -/
def weight : Tensor Ball geometry.kernelShape :=
  #v[#v[#v[#v[weightEntry 0x566c8a0000000000, weightEntry (-0x662c4b0000000000)]]]]

/-- n / 2^0, a number of the bias, with its eps. -/
def biasEntry (n : Int) : Ball :=
  ⟨⟨n, 0⟩, ⟨0x0, 0⟩, true⟩

/-- The bias. -/
def bias : Tensor Ball geometry.biasShape :=
  #v[biasEntry 0xc5c1ba0000000000]

/-- n / 2^0, a number of the gradient with respect to the output, NCHW, with its eps. -/
def gradOutputEntry (n : Int) : Ball :=
  ⟨⟨n, 0⟩, ⟨0x0, 0⟩, true⟩

/-- The gradient with respect to the output, NCHW. -/
def gradOutput : Tensor Ball geometry.outputShape :=
  #v[#v[#v[#v[gradOutputEntry 0x47437a0000000000, gradOutputEntry (-0x635f360000000000),
  gradOutputEntry (-0x10583060000000000), gradOutputEntry (-0x18a38460000000000),
  gradOutputEntry 0xd518b00000000000, gradOutputEntry 0xfc84660000000000]]]]

/-- Of the forward pass: entry, rounded value, bound. -/
def forwardClaims : List Claim := [
  ⟨[0, 0, 0, 0], ⟨-0x47cf6c80000000000000000000000000, 0⟩, ⟨0xc0000480002658000000000000, 0⟩⟩,
  ⟨[0, 0, 0, 1], ⟨-0x7f576080000000000000000000000000, 0⟩, ⟨0x140000780003fe0000000000000, 0⟩⟩,
  ⟨[0, 0, 0, 3], ⟨-0xa31d9600000000000000000000000000, 0⟩, ⟨0x210000c60006980000000000000, 0⟩⟩,
  ⟨[0, 0, 0, 4], ⟨0xe2832d00000000000000000000000000, 0⟩, ⟨0x1a00009c0005310000000000000, 0⟩⟩]

/-- What binary32 gives for the forward pass, in the stated order, and its error bounds. -/
theorem forward_certified : Certified
    (conv2d (checked .binary32) geometry (x.map Ball.checked) (weight.map Ball.checked)
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

/-- IEEE 754 arithmetic in binary32 gives the values of the forward pass. -/
theorem forward_computed :
    ∀ c ∈ forwardClaims, c.Computed
      (conv2d (ieee .binary32) geometry (x.map Ball.ieee) (weight.map Ball.ieee)
        (bias.map Ball.ieee)) :=
  forward_certified.computed_forward

/-- Of the bias gradient: entry, rounded value, bound. -/
def biasClaims : List Claim := [
  ⟨[0], ⟨-0xda39f20000000000, 0⟩, ⟨0x9a000436002a3, 9⟩⟩]

/-- What binary32 gives for the bias gradient, in the stated order, and its error bounds. -/
theorem bias_certified : Certified
    (conv2dBiasDeriv (checked .binary32) geometry (gradOutput.map Ball.checked))
    biasClaims := by
  decide +kernel

/-- The exact entry of the bias gradient is within the bound of the value, wherever the exact
operands are within eps of the given ones. -/
theorem bias_within
    {gradOutput' : Tensor Rat geometry.outputShape}
    (hgradOutput : gradOutput'.Rel Ball.Encloses gradOutput) :
    ∀ c ∈ biasClaims, c.Within (conv2dBiasDeriv exact geometry gradOutput') :=
  bias_certified.within_bias hgradOutput

/-- IEEE 754 arithmetic in binary32 gives the values of the bias gradient. -/
theorem bias_computed :
    ∀ c ∈ biasClaims, c.Computed
      (conv2dBiasDeriv (ieee .binary32) geometry (gradOutput.map Ball.ieee)) :=
  bias_certified.computed_bias

/-- Of the input gradient: entry, rounded value, bound. -/
def inputClaims : List Claim := [
  ⟨[0, 0, 0, 0], ⟨-0x3dfd5500000000000000000000000000, 0⟩, ⟨0x70000230000f60000000000000, 0⟩⟩,
  ⟨[0, 0, 0, 1], ⟨-0x309fc380000000000000000000000000, 0⟩, ⟨0xc00003c0001a58000000000000, 0⟩⟩,
  ⟨[0, 0, 0, 2], ⟨-0x1cb69880000000000000000000000000, 0⟩, ⟨0x150000690002e20000000000000, 0⟩⟩,
  ⟨[0, 0, 0, 3], ⟨0xe5474600000000000000000000000000, 0⟩, ⟨0x1800007800034b0000000000000, 0⟩⟩,
  ⟨[0, 0, 0, 4], ⟨0x32d500000000000000000000000000, 0⟩, ⟨0xc02003c0a01a60000000000000, 0⟩⟩,
  ⟨[0, 0, 0, 5], ⟨-0x64c87180000000000000000000000000, 0⟩, ⟨0x80000280001190000000000000, 0⟩⟩]

/-- What binary32 gives for the input gradient, in the stated order, and its error bounds. -/
theorem input_certified : Certified
    (conv2dInputDeriv (checked .binary32) geometry (weight.map Ball.checked)
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

/-- IEEE 754 arithmetic in binary32 gives the values of the input gradient. -/
theorem input_computed :
    ∀ c ∈ inputClaims, c.Computed
      (conv2dInputDeriv (ieee .binary32) geometry (weight.map Ball.ieee) (gradOutput.map Ball.ieee))
        :=
  input_certified.computed_input

end RuntimeApprox.Certificates.Binary32Overflow
