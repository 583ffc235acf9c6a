module

public import RuntimeApprox.Certificate.Theorems

/-!
# Certificate of the case binary32-padding-only

Case binary32-padding-only#f652989109454b5e, in binary32. A number n / 2^k is written ⟨n, k⟩. The
exact operands may be anywhere within eps of the given ones: x 0x1.0000000000000p-10,
weight 0x1.0624dd2f1a9fcp-10, bias 0x1.0000000000000p-12, grad_output 0x1.3a92a30553261p-12.

* the forward pass: 14 of 14 entries
* the bias gradient: 2 of 2 entries
* the kernel gradient: 6 of 6 entries
* the input gradient: 2 of 2 entries

Written by `python -m pybridge.certify`, for Lean 4.28.0.

## Main results
* `forward_certified`, `forward_within`, `forward_computed`
* `bias_certified`, `bias_within`, `bias_computed`
* `weight_certified`, `weight_within`, `weight_computed`
* `input_certified`, `input_within`, `input_computed`
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox.Certificates.Binary32PaddingOnly

/-- The geometry. -/
def geometry : Conv2d where
  batch := 1
  groups := 1
  inChannels := 1
  outChannels := 2
  height := ⟨1, 3, 1, 1, 1, 1, by decide, by decide, by decide, by decide⟩
  width := ⟨2, 1, 1, 2, 3, 1, by decide, by decide, by decide, by decide⟩

/-- n / 2^23, a number of the input, NCHW, with its eps. -/
def xEntry (n : Int) : Ball :=
  ⟨⟨n, 23⟩, ⟨0x1, 10⟩, true⟩

/-- The input, NCHW. -/
def x : Tensor Ball geometry.inputShape :=
  #v[#v[#v[#v[xEntry 0x13b73a6, xEntry 0xe0f0c9]]]]

/-- n / 2^24, a number of the kernel, OIHW, with its eps. -/
def weightEntry (n : Int) : Ball :=
  ⟨⟨n, 24⟩, ⟨0x4189374bc6a7f, 60⟩, true⟩

/-- The kernel, OIHW. -/
def weight : Tensor Ball geometry.kernelShape :=
  #v[#v[#v[#v[weightEntry (-0x11e0af2)], #v[weightEntry 0x5c5c61], #v[weightEntry (-0x12ca642)]]],
  #v[#v[#v[weightEntry (-0x14cd96a)], #v[weightEntry (-0x7e2cf3)], #v[weightEntry 0x915633]]]]

/-- n / 2^22, a number of the bias, with its eps. -/
def biasEntry (n : Int) : Ball :=
  ⟨⟨n, 22⟩, ⟨0x1, 12⟩, true⟩

/-- The bias. -/
def bias : Tensor Ball geometry.biasShape :=
  #v[biasEntry 0x545e52, biasEntry 0xab99f5]

/-- n / 2^25, a number of the gradient with respect to the output, NCHW, with its eps. -/
def gradOutputEntry (n : Int) : Ball :=
  ⟨⟨n, 25⟩, ⟨0x13a92a30553261, 64⟩, true⟩

/-- The gradient with respect to the output, NCHW. -/
def gradOutput : Tensor Ball geometry.outputShape :=
  #v[#v[#v[#v[gradOutputEntry (-0x276b998), gradOutputEntry (-0x2e1e610), gradOutputEntry 0x3b05a14,
  gradOutputEntry (-0x1cb614c), gradOutputEntry (-0xcc53b1), gradOutputEntry 0x1d92d78,
  gradOutputEntry (-0x1001d0c)]], #v[#v[gradOutputEntry 0x68147e0, gradOutputEntry (-0x55c77c0),
  gradOutputEntry (-0x12be164), gradOutputEntry (-0x6204928), gradOutputEntry (-0x6f4bc00),
  gradOutputEntry 0x509ea30, gradOutputEntry 0x19eb866]]]]

/-- Of the forward pass: entry, rounded value, bound. -/
def forwardClaims : List Claim := [
  ⟨[0, 0, 0, 0], ⟨0x2a2f29, 21⟩, ⟨0x10010000080003, 64⟩⟩,
  ⟨[0, 0, 0, 1], ⟨0x2a2f29, 21⟩, ⟨0x10010000080003, 64⟩⟩,
  ⟨[0, 0, 0, 2], ⟨0x235181, 20⟩, ⟨0xc8ad5ee8079df, 60⟩⟩,
  ⟨[0, 0, 0, 3], ⟨0x1f3c8b, 20⟩, ⟨0x134a9c7074b027, 61⟩⟩,
  ⟨[0, 0, 0, 4], ⟨0x2a2f29, 21⟩, ⟨0x10010000080003, 64⟩⟩,
  ⟨[0, 0, 0, 5], ⟨0x2a2f29, 21⟩, ⟨0x10010000080003, 64⟩⟩,
  ⟨[0, 0, 0, 6], ⟨0x2a2f29, 21⟩, ⟨0x10010000080003, 64⟩⟩,
  ⟨[0, 1, 0, 0], ⟨0xab99f5, 22⟩, ⟨0x4008000040001, 62⟩⟩,
  ⟨[0, 1, 0, 1], ⟨0xab99f5, 22⟩, ⟨0x4008000040001, 62⟩⟩,
  ⟨[0, 1, 0, 2], ⟨0xbbb99b, 23⟩, ⟨0xd1218368079df, 60⟩⟩,
  ⟨[0, 1, 0, 3], ⟨0x1d0abd, 20⟩, ⟨0x1459210074b027, 61⟩⟩,
  ⟨[0, 1, 0, 4], ⟨0xab99f5, 22⟩, ⟨0x4008000040001, 62⟩⟩,
  ⟨[0, 1, 0, 5], ⟨0xab99f5, 22⟩, ⟨0x4008000040001, 62⟩⟩,
  ⟨[0, 1, 0, 6], ⟨0xab99f5, 22⟩, ⟨0x4008000040001, 62⟩⟩]

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
  ⟨[0], ⟨-0xd9ba89, 23⟩, ⟨0x89a8a7529860b, 60⟩⟩,
  ⟨[1], ⟨-0xce6e7b, 22⟩, ⟨0x1135d52a590e17, 61⟩⟩]

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
  ⟨[0, 0, 0, 0], ⟨0x0, 0⟩, ⟨0x0, 0⟩⟩,
  ⟨[0, 0, 1, 0], ⟨0x5f0087, 21⟩, ⟨0x1028d57c74cf, 52⟩⟩,
  ⟨[0, 0, 2, 0], ⟨0x0, 0⟩, ⟨0x0, 0⟩⟩,
  ⟨[1, 0, 0, 0], ⟨0x0, 0⟩, ⟨0x0, 0⟩⟩,
  ⟨[1, 0, 1, 0], ⟨-0xda711d, 21⟩, ⟨0x9e4d1ea39ef81, 59⟩⟩,
  ⟨[1, 0, 2, 0], ⟨0x0, 0⟩, ⟨0x0, 0⟩⟩]

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
  ⟨[0, 0, 0, 0], ⟨0x7a20af, 23⟩, ⟨0x1602ed7d2e7cd1, 61⟩⟩,
  ⟨[0, 0, 0, 1], ⟨0x97cea9, 23⟩, ⟨0x228bf716c94e7, 57⟩⟩]

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

end RuntimeApprox.Certificates.Binary32PaddingOnly
