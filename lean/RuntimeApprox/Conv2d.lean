module

public import RuntimeApprox.Contraction

/-!
# Conv2d, its geometry, and its three gradients

The forward pass and the gradients with respect to bias, kernel and input are four contractions.
Tensors are laid out as in PyTorch: input NCHW, kernel OIHW. Channels are counted per group.

## Main definitions
* `Window`, `Conv2d`: a geometry that fits, by construction.
* `Sizes ι`: the numbers of a geometry, in any type `ι`; `Conv2d.sizes`.
* `conv2dForward`, `conv2dBiasGrad`, `conv2dKernelGrad`, `conv2dInputGrad`: the contractions.
* `conv2dPointBound`, `conv2dBiasPointBound`, `conv2dKernelPointBound`, `conv2dInputPointBound`:
  the bound of one entry.
* `conv2dBoundTensor`, `conv2dBiasBoundTensor`, `conv2dKernelBoundTensor`,
  `conv2dInputBoundTensor`: the bounds of all entries.

## References
* V. Dumoulin, F. Visin, *A guide to convolution arithmetic for deep learning* (2016).
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-- One spatial axis of a convolution. -/
structure Window where
  /-- The input's extent, without padding. -/
  size : Nat
  /-- The kernel's extent. -/
  kernel : Nat
  /-- The step between two output positions. -/
  stride : Nat
  /-- Zeros before the input. -/
  padBegin : Nat
  /-- Zeros after the input. -/
  padEnd : Nat
  /-- The step between two taps of the kernel. -/
  dilation : Nat
  /-- The stride is positive. -/
  stride_pos : 0 < stride
  /-- The dilation is positive. -/
  dilation_pos : 0 < dilation
  /-- The kernel has a tap. -/
  kernel_pos : 0 < kernel
  /-- The dilated kernel fits into the padded input. -/
  fits : dilation * (kernel - 1) + 1 ≤ size + padBegin + padEnd

/-- The number of output positions: ⌊(size + padding − dilation·(kernel − 1) − 1) / stride⌋ + 1. -/
def Window.output (w : Window) : Nat :=
  (w.size + w.padBegin + w.padEnd - (w.dilation * (w.kernel - 1) + 1)) / w.stride + 1

/-- The geometry of a conv2d. -/
structure Conv2d where
  /-- The number of images. -/
  batch : Nat
  /-- The number of groups of channels. -/
  groups : Nat
  /-- Input channels in each group. -/
  inChannels : Nat
  /-- Output channels in each group. -/
  outChannels : Nat
  /-- The vertical axis. -/
  height : Window
  /-- The horizontal axis. -/
  width : Window

/-- The numbers that the contractions of a conv2d are made of. -/
structure Sizes (ι : Type) where
  batch : ι
  groups : ι
  inChannels : ι
  outChannels : ι
  inputH : ι
  inputW : ι
  kernelH : ι
  kernelW : ι
  strideH : ι
  strideW : ι
  padTop : ι
  padBottom : ι
  padLeft : ι
  padRight : ι
  dilationH : ι
  dilationW : ι
  outputH : ι
  outputW : ι

/-- The numbers of a geometry. -/
def Conv2d.sizes (g : Conv2d) : Sizes Int where
  batch := g.batch
  groups := g.groups
  inChannels := g.inChannels
  outChannels := g.outChannels
  inputH := g.height.size
  inputW := g.width.size
  kernelH := g.height.kernel
  kernelW := g.width.kernel
  strideH := g.height.stride
  strideW := g.width.stride
  padTop := g.height.padBegin
  padBottom := g.height.padEnd
  padLeft := g.width.padBegin
  padRight := g.width.padEnd
  dilationH := g.height.dilation
  dilationW := g.width.dilation
  outputH := g.height.output
  outputW := g.width.output

section
variable {ι : Type} [OfNat ι 0] [OfNat ι 1] [Neg ι] [Mul ι] (s : Sizes ι)

/-- The forward pass: for output (n, (g, o), oh, ow) the sum over (i, kh, kw) of
x[n, g·I + i, oh·sh + kh·dh − pt, ow·sw + kw·dw − pl] · weight[g·O + o, i, kh, kw],
then bias[g·O + o]. -/
@[inline] def conv2dForward : Contraction ι where
  out := [[s.batch], [s.groups, s.outChannels], [s.outputH], [s.outputW]]
  red := [s.inChannels, s.kernelH, s.kernelW]
  factor := ⟨"x", [
    ⟨s.batch,                  ⟨[1, 0, 0, 0, 0],             [0, 0, 0],           0,          1⟩⟩,
    ⟨s.groups * s.inChannels,  ⟨[0, s.inChannels, 0, 0, 0],  [1, 0, 0],           0,          1⟩⟩,
    ⟨s.inputH,                 ⟨[0, 0, 0, s.strideH, 0],     [0, s.dilationH, 0], -s.padTop,  1⟩⟩,
    ⟨s.inputW,                 ⟨[0, 0, 0, 0, s.strideW],     [0, 0, s.dilationW], -s.padLeft, 1⟩⟩]⟩
  factors := [⟨"weight", [
    ⟨s.groups * s.outChannels, ⟨[0, s.outChannels, 1, 0, 0], [0, 0, 0],           0,          1⟩⟩,
    ⟨s.inChannels,             ⟨[0, 0, 0, 0, 0],             [1, 0, 0],           0,          1⟩⟩,
    ⟨s.kernelH,                ⟨[0, 0, 0, 0, 0],             [0, 1, 0],           0,          1⟩⟩,
    ⟨s.kernelW,                ⟨[0, 0, 0, 0, 0],             [0, 0, 1],           0,          1⟩⟩]⟩]
  addends := [⟨"bias", [
    ⟨s.groups * s.outChannels, ⟨[0, s.outChannels, 1, 0, 0], [],                  0,          1⟩⟩]⟩]

/-- The bias gradient: for (g, o) the sum over (n, oh, ow) of δ[n, g·O + o, oh, ow]. -/
@[inline] def conv2dBiasGrad : Contraction ι where
  out := [[s.groups, s.outChannels]]
  red := [s.batch, s.outputH, s.outputW]
  factor := ⟨"gradOutput", [
    ⟨s.batch,                  ⟨[0, 0],                      [1, 0, 0],           0,          1⟩⟩,
    ⟨s.groups * s.outChannels, ⟨[s.outChannels, 1],          [0, 0, 0],           0,          1⟩⟩,
    ⟨s.outputH,                ⟨[0, 0],                      [0, 1, 0],           0,          1⟩⟩,
    ⟨s.outputW,                ⟨[0, 0],                      [0, 0, 1],           0,          1⟩⟩]⟩
  factors := []
  addends := []

/-- The kernel gradient: for ((g, o), i, kh, kw) the sum over (n, oh, ow) of
x[n, g·I + i, oh·sh + kh·dh − pt, ow·sw + kw·dw − pl] · δ[n, g·O + o, oh, ow]. -/
@[inline] def conv2dKernelGrad : Contraction ι where
  out := [[s.groups, s.outChannels], [s.inChannels], [s.kernelH], [s.kernelW]]
  red := [s.batch, s.outputH, s.outputW]
  factor := ⟨"x", [
    ⟨s.batch,                  ⟨[0, 0, 0, 0, 0],             [1, 0, 0],           0,          1⟩⟩,
    ⟨s.groups * s.inChannels,  ⟨[s.inChannels, 0, 1, 0, 0],  [0, 0, 0],           0,          1⟩⟩,
    ⟨s.inputH,                 ⟨[0, 0, 0, s.dilationH, 0],   [0, s.strideH, 0],   -s.padTop,  1⟩⟩,
    ⟨s.inputW,                 ⟨[0, 0, 0, 0, s.dilationW],   [0, 0, s.strideW],   -s.padLeft, 1⟩⟩]⟩
  factors := [⟨"gradOutput", [
    ⟨s.batch,                  ⟨[0, 0, 0, 0, 0],             [1, 0, 0],           0,          1⟩⟩,
    ⟨s.groups * s.outChannels, ⟨[s.outChannels, 1, 0, 0, 0], [0, 0, 0],           0,          1⟩⟩,
    ⟨s.outputH,                ⟨[0, 0, 0, 0, 0],             [0, 1, 0],           0,          1⟩⟩,
    ⟨s.outputW,                ⟨[0, 0, 0, 0, 0],             [0, 0, 1],           0,          1⟩⟩]⟩]
  addends := []

/-- The input gradient: for (n, (g, i), h, w) the sum over (o, kh, kw) of
weight[g·O + o, i, kh, kw] · δ[n, g·O + o, (h + pt − kh·dh) / sh, (w + pl − kw·dw) / sw],
over the taps where both divisions are exact and their results are output positions. -/
@[inline] def conv2dInputGrad : Contraction ι where
  out := [[s.batch], [s.groups, s.inChannels], [s.inputH], [s.inputW]]
  red := [s.outChannels, s.kernelH, s.kernelW]
  factor := ⟨"weight", [
    ⟨s.groups * s.outChannels, ⟨[0, s.outChannels, 0, 0, 0], [1, 0, 0],            0,         1⟩⟩,
    ⟨s.inChannels,             ⟨[0, 0, 1, 0, 0],             [0, 0, 0],            0,         1⟩⟩,
    ⟨s.kernelH,                ⟨[0, 0, 0, 0, 0],             [0, 1, 0],            0,         1⟩⟩,
    ⟨s.kernelW,                ⟨[0, 0, 0, 0, 0],             [0, 0, 1],            0,         1⟩⟩]⟩
  factors := [⟨"gradOutput", [
    ⟨s.batch,                  ⟨[1, 0, 0, 0, 0],             [0, 0, 0],            0,         1⟩⟩,
    ⟨s.groups * s.outChannels, ⟨[0, s.outChannels, 0, 0, 0], [1, 0, 0],            0,         1⟩⟩,
    ⟨s.outputH,                ⟨[0, 0, 0, 1, 0],             [0, -s.dilationH, 0], s.padTop,  s.strideH⟩⟩,
    ⟨s.outputW,                ⟨[0, 0, 0, 0, 1],             [0, 0, -s.dilationW], s.padLeft, s.strideW⟩⟩]⟩]
  addends := []

end

namespace Conv2d

variable (g : Conv2d)

/-- The input's shape, NCHW. -/
abbrev inputShape : List Nat := [g.batch, g.groups * g.inChannels, g.height.size, g.width.size]

/-- The kernel's shape, OIHW. -/
abbrev kernelShape : List Nat :=
  [g.groups * g.outChannels, g.inChannels, g.height.kernel, g.width.kernel]

/-- The bias's shape. -/
abbrev biasShape : List Nat := [g.groups * g.outChannels]

/-- The output's shape, NCHW; that of the gradient with respect to the output as well. -/
abbrev outputShape : List Nat :=
  [g.batch, g.groups * g.outChannels, g.height.output, g.width.output]

end Conv2d

universe u

/-- The three gradients of a conv2d. -/
structure Gradients (α : Type u) (g : Conv2d) where
  /-- With respect to the bias. -/
  bias : Tensor α g.biasShape
  /-- With respect to the kernel. -/
  kernel : Tensor α g.kernelShape
  /-- With respect to the input. -/
  input : Tensor α g.inputShape

section
variable {α : Type u} (A : Arithmetic α) (g : Conv2d)

/-- The forward pass in an arithmetic. -/
def conv2d (x : Tensor α g.inputShape) (weight : Tensor α g.kernelShape)
    (bias : Tensor α g.biasShape) : Tensor α g.outputShape :=
  (conv2dForward g.sizes).eval A (x, weight, ⟨⟩) (bias, ⟨⟩)

/-- The gradient with respect to the bias in an arithmetic. -/
def conv2dBiasDeriv (δ : Tensor α g.outputShape) : Tensor α g.biasShape :=
  (conv2dBiasGrad g.sizes).eval A (δ, ⟨⟩) ⟨⟩

/-- The gradient with respect to the kernel in an arithmetic. -/
def conv2dKernelDeriv (x : Tensor α g.inputShape) (δ : Tensor α g.outputShape) :
    Tensor α g.kernelShape :=
  (conv2dKernelGrad g.sizes).eval A (x, δ, ⟨⟩) ⟨⟩

/-- The gradient with respect to the input in an arithmetic. -/
def conv2dInputDeriv (weight : Tensor α g.kernelShape) (δ : Tensor α g.outputShape) :
    Tensor α g.inputShape :=
  (conv2dInputGrad g.sizes).eval A (weight, δ, ⟨⟩) ⟨⟩

/-- The three gradients in an arithmetic. -/
def conv2d_backward (x : Tensor α g.inputShape) (weight : Tensor α g.kernelShape)
    (δ : Tensor α g.outputShape) : Gradients α g where
  bias := conv2dBiasDeriv A g δ
  kernel := conv2dKernelDeriv A g x δ
  input := conv2dInputDeriv A g weight δ

end

/-- The specification: the three gradients in exact arithmetic. -/
def conv2d_backward_spec {K : Type u} [OrderedField K] (g : Conv2d) (x : Tensor K g.inputShape)
    (weight : Tensor K g.kernelShape) (δ : Tensor K g.outputShape) : Gradients K g :=
  conv2d_backward exact g x weight δ

/-! ### Error bounds

Each bound replays the rounded sum in the arithmetic of error laws. Every operand comes with the eps
within which its exact entries lie of the given ones. -/

variable {K : Type u} [OrderedField K] (R : Rounding K) (g : Conv2d)

/-- Every entry with the same eps. -/
def Tensor.withEps {s : List Nat} (t : Tensor K s) (eps : K) : Tensor (Approx K) s :=
  t.map fun v => ⟨v, eps⟩

/-- The bound of an entry of the forward pass. -/
def conv2dPointBound (x : Tensor K g.inputShape) (epsX : K) (weight : Tensor K g.kernelShape)
    (epsW : K) (bias : Tensor K g.biasShape) (epsB : K) (i : Index g.outputShape) : K :=
  ((conv2dForward g.sizes).evalAt (bound R) (x.withEps epsX, weight.withEps epsW, ⟨⟩)
    (bias.withEps epsB, ⟨⟩) (outIndices (conv2dForward g.sizes).out i)).eps

/-- The bound of an entry of the bias gradient. -/
def conv2dBiasPointBound (δ : Tensor K g.outputShape) (epsδ : K) (i : Index g.biasShape) : K :=
  ((conv2dBiasGrad g.sizes).evalAt (bound R) (δ.withEps epsδ, ⟨⟩) ⟨⟩
    (outIndices (conv2dBiasGrad g.sizes).out i)).eps

/-- The bound of an entry of the kernel gradient. -/
def conv2dKernelPointBound (x : Tensor K g.inputShape) (epsX : K) (δ : Tensor K g.outputShape)
    (epsδ : K) (i : Index g.kernelShape) : K :=
  ((conv2dKernelGrad g.sizes).evalAt (bound R) (x.withEps epsX, δ.withEps epsδ, ⟨⟩) ⟨⟩
    (outIndices (conv2dKernelGrad g.sizes).out i)).eps

/-- The bound of an entry of the input gradient. -/
def conv2dInputPointBound (weight : Tensor K g.kernelShape) (epsW : K)
    (δ : Tensor K g.outputShape) (epsδ : K) (i : Index g.inputShape) : K :=
  ((conv2dInputGrad g.sizes).evalAt (bound R) (weight.withEps epsW, δ.withEps epsδ, ⟨⟩) ⟨⟩
    (outIndices (conv2dInputGrad g.sizes).out i)).eps

/-- The bounds of all entries of the forward pass. -/
def conv2dBoundTensor (x : Tensor K g.inputShape) (epsX : K) (weight : Tensor K g.kernelShape)
    (epsW : K) (bias : Tensor K g.biasShape) (epsB : K) : Tensor K g.outputShape :=
  Tensor.ofFn _ (conv2dPointBound R g x epsX weight epsW bias epsB)

/-- The bounds of all entries of the bias gradient. -/
def conv2dBiasBoundTensor (δ : Tensor K g.outputShape) (epsδ : K) : Tensor K g.biasShape :=
  Tensor.ofFn _ (conv2dBiasPointBound R g δ epsδ)

/-- The bounds of all entries of the kernel gradient. -/
def conv2dKernelBoundTensor (x : Tensor K g.inputShape) (epsX : K) (δ : Tensor K g.outputShape)
    (epsδ : K) : Tensor K g.kernelShape :=
  Tensor.ofFn _ (conv2dKernelPointBound R g x epsX δ epsδ)

/-- The bounds of all entries of the input gradient. -/
def conv2dInputBoundTensor (weight : Tensor K g.kernelShape) (epsW : K)
    (δ : Tensor K g.outputShape) (epsδ : K) : Tensor K g.inputShape :=
  Tensor.ofFn _ (conv2dInputPointBound R g weight epsW δ epsδ)

end RuntimeApprox
