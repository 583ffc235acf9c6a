module

public import RuntimeApprox.Certificate.Theorems

/-!
# Certificate of the case binary32-one-by-one

Case binary32-one-by-one#d5e032f9e50efa70, in binary32. A number n / 2^k is written ⟨n, k⟩. The
exact operands may be anywhere within eps of the given ones: x 0x1.0000000000000p-10,
weight 0x1.0624dd2f1a9fcp-10, bias 0x1.0000000000000p-12, grad_output 0x1.3a92a30553261p-12.

* the forward pass: 1 of 1 entries
* the bias gradient: 1 of 1 entries
* the kernel gradient: 1 of 1 entries
* the input gradient: 1 of 1 entries

Written by `python -m pybridge.certify`, for Lean 4.28.0.

## Main results
* `forward_certified`, `forward_within`, `forward_computed`
* `bias_certified`, `bias_within`, `bias_computed`
* `weight_certified`, `weight_within`, `weight_computed`
* `input_certified`, `input_within`, `input_computed`
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox.Certificates.Binary32OneByOne

/-- The geometry. -/
def geometry : Conv2d where
  batch := 1
  groups := 1
  inChannels := 1
  outChannels := 1
  height := ⟨1, 1, 1, 0, 0, 1, by decide, by decide, by decide, by decide⟩
  width := ⟨1, 1, 1, 0, 0, 1, by decide, by decide, by decide, by decide⟩

/-- n / 2^22, a number of the input, NCHW, with its eps. -/
def xEntry (n : Int) : Ball :=
  ⟨⟨n, 22⟩, ⟨0x1, 10⟩, true⟩

/-- The input, NCHW. -/
def x : Tensor Ball geometry.inputShape :=
  #v[#v[#v[#v[xEntry 0x1aa235]]]]

/-- n / 2^22, a number of the kernel, OIHW, with its eps. -/
def weightEntry (n : Int) : Ball :=
  ⟨⟨n, 22⟩, ⟨0x4189374bc6a7f, 60⟩, true⟩

/-- The kernel, OIHW. -/
def weight : Tensor Ball geometry.kernelShape :=
  #v[#v[#v[#v[weightEntry 0x879fe5]]]]

/-- n / 2^22, a number of the bias, with its eps. -/
def biasEntry (n : Int) : Ball :=
  ⟨⟨n, 22⟩, ⟨0x1, 12⟩, true⟩

/-- The bias. -/
def bias : Tensor Ball geometry.biasShape :=
  #v[biasEntry (-0x40f78b)]

/-- n / 2^24, a number of the gradient with respect to the output, NCHW, with its eps. -/
def gradOutputEntry (n : Int) : Ball :=
  ⟨⟨n, 24⟩, ⟨0x13a92a30553261, 64⟩, true⟩

/-- The gradient with respect to the output, NCHW. -/
def gradOutput : Tensor Ball geometry.outputShape :=
  #v[#v[#v[#v[gradOutputEntry 0x7e05f3]]]]

/-- Of the forward pass: entry, rounded value, bound. -/
def forwardClaims : List Claim := [
  ⟨[0, 0, 0, 0], ⟨-0x886d9, 22⟩, ⟨0x165ee7ebc737f5, 61⟩⟩]

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
  ⟨[0], ⟨0x7e05f3, 24⟩, ⟨0x13a96a3055b263, 64⟩⟩]

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

/-- Of the kernel gradient: entry, rounded value, bound. -/
def weightClaims : List Claim := [
  ⟨[0, 0, 0, 0], ⟨0xd1c749, 26⟩, ⟨0x13da9a54885cbd, 63⟩⟩]

/-- What binary32 gives for the kernel gradient, in the stated order, and its error bounds. -/
theorem weight_certified : Certified
    (conv2dKernelDeriv (checked .binary32) geometry (x.map Ball.checked)
      (gradOutput.map Ball.checked))
    weightClaims := by
  decide +kernel

/-- The exact entry of the kernel gradient is within the bound of the value, wherever the exact
operands are within eps of the given ones. -/
theorem weight_within
    {x' : Tensor Rat geometry.inputShape} {gradOutput' : Tensor Rat geometry.outputShape}
    (hx : x'.Rel Ball.Encloses x) (hgradOutput : gradOutput'.Rel Ball.Encloses gradOutput) :
    ∀ c ∈ weightClaims, c.Within (conv2dKernelDeriv exact geometry x' gradOutput') :=
  weight_certified.within_kernel hx hgradOutput

/-- IEEE 754 arithmetic in binary32 gives the values of the kernel gradient. -/
theorem weight_computed :
    ∀ c ∈ weightClaims, c.Computed
      (conv2dKernelDeriv (ieee .binary32) geometry (x.map Ball.ieee) (gradOutput.map Ball.ieee)) :=
  weight_certified.computed_kernel

/-- Of the input gradient: entry, rounded value, bound. -/
def inputClaims : List Claim := [
  ⟨[0, 0, 0, 0], ⟨0x8587b3, 23⟩, ⟨0x127d02cd0c6031, 62⟩⟩]

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

end RuntimeApprox.Certificates.Binary32OneByOne
