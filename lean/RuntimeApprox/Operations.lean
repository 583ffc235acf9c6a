module

public import RuntimeApprox.Contraction

/-!
# Every linear operation as a contraction

Contractions multiply: the product of two has the loops of both, and each of its operands has the axes
of both. An operation is a product of blocks, one for each kind of loop, with the operands' names. A
block need not have the axes of all operands, and its coefficients may be fewer than its loops.

## Main definitions
* `Contraction.times`, `blocks`: products of contractions.
* `Convolution`: the numbers of a convolution of any number of spatial axes, in any type `ι`.
* `convForward`, `convBiasGrad`, `convKernelGrad`, `convInputGrad`: the convolution and its gradients.
* `convTransposeForward`, `convTransposeBiasGrad`, `convTransposeKernelGrad`,
  `convTransposeInputGrad`: the transposed convolution is the input gradient and a bias, and its
  gradients are the convolution's with roles exchanged.
* `einsum`, `einsumFirstGrad`, `einsumSecondGrad`, `einsumAddendGrad`: any sum of products of two
  operands over loops of which each is an axis of some of operands and result. `productLoops`: the
  loops of the canonical product, to which each other one is reshaped.
* `poolForward`, `poolGrad`: sums over windows, and their gradient.

## References
* V. Dumoulin, F. Visin, *A guide to convolution arithmetic for deep learning* (2016).
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-! ### Lists -/

/-- `f` at every element. -/
def mapList {α β : Type} (f : α → β) : List α → List β
  | [] => []
  | a :: as => f a :: mapList f as

/-- The second list after the first. -/
def appended {α : Type} : List α → List α → List α
  | [], bs => bs
  | a :: as, bs => a :: appended as bs

/-- The lists one after the other. -/
def flat {α : Type} : List (List α) → List α
  | [] => []
  | d :: ds => appended d (flat ds)

/-! ### Products of contractions -/

section
variable {ι : Type} [OfNat ι 0]

/-- A zero for each loop. -/
def zeros : (loops : List ι) → List ι
  | [] => []
  | _ :: ls => 0 :: zeros ls

/-- A coefficient for each loop: the given ones, then zeros. -/
def fitted : (loops : List ι) → List ι → List ι
  | [], _ => []
  | _ :: ls, [] => 0 :: fitted ls []
  | _ :: ls, c :: cs => c :: fitted ls cs

/-- An axis that is read at the indices of the loops `o` and `r`, which the loops `o'` and `r'`
follow. -/
def Axis.before (o r o' r' : List ι) (a : Axis ι) : Axis ι :=
  ⟨a.extent, ⟨appended (fitted o a.index.out) (zeros o'), appended (fitted r a.index.red) (zeros r'),
    a.index.offset, a.index.divisor⟩⟩

/-- An axis that is read at the indices of the loops `o'` and `r'`, which follow the loops `o` and
`r`. -/
def Axis.after (o r o' r' : List ι) (a : Axis ι) : Axis ι :=
  ⟨a.extent, ⟨appended (zeros o) (fitted o' a.index.out), appended (zeros r) (fitted r' a.index.red),
    a.index.offset, a.index.divisor⟩⟩

/-- The axes of `p`, read at the loops `o` and `r`, then those of `q`, read at `o'` and `r'`. -/
def Operand.times (o r o' r' : List ι) (p q : Operand ι) : Operand ι :=
  ⟨p.name, appended (mapList (Axis.before o r o' r') p.axes) (mapList (Axis.after o r o' r') q.axes)⟩

/-- `Operand.times` of corresponding operands, as many as both lists have. -/
def timesAll (o r o' r' : List ι) : List (Operand ι) → List (Operand ι) → List (Operand ι)
  | p :: ps, q :: qs => p.times o r o' r' q :: timesAll o r o' r' ps qs
  | _, _ => []

/-- The product of two contractions: its loops are those of `c`, then those of `d`, and so are the
axes of each operand and of the result. -/
def Contraction.times (c d : Contraction ι) : Contraction ι where
  out := appended c.out d.out
  red := appended c.red d.red
  factor := c.factor.times (flat c.out) c.red (flat d.out) d.red d.factor
  factors := timesAll (flat c.out) c.red (flat d.out) d.red c.factors d.factors
  addends := timesAll (flat c.out) [] (flat d.out) [] c.addends d.addends

/-- The product of `c` and the contractions of a list, from left to right. -/
def Contraction.timesEach (c : Contraction ι) : List (Contraction ι) → Contraction ι
  | [] => c
  | d :: ds => (c.times d).timesEach ds

/-- Operands of the given names, without axes. -/
def named (names : List String) : List (Operand ι) := mapList (fun name => ⟨name, []⟩) names

/-- The product of blocks, with the names of the operands. -/
def blocks (factor : String) (factors addends : List String) (bs : List (Contraction ι)) :
    Contraction ι :=
  (⟨[], [], ⟨factor, []⟩, named factors, named addends⟩ : Contraction ι).timesEach bs

/-- A block from its loops and the axes of its operands. -/
def block (out : List (List ι)) (red : List ι) (factor : List (Axis ι))
    (factors addends : List (List (Axis ι))) : Contraction ι :=
  ⟨out, red, ⟨"", factor⟩, mapList (Operand.mk "") factors, mapList (Operand.mk "") addends⟩

variable [OfNat ι 1]

/-- An axis that is read at Σ out·o + Σ red·r. -/
def axis (extent : ι) (out red : List ι) : Axis ι := ⟨extent, ⟨out, red, 0, 1⟩⟩

end

/-! ### Convolutions -/

/-- The numbers of one spatial axis of a convolution. -/
structure Spatial (ι : Type) where
  /-- The input's extent, without padding. -/
  size : ι
  /-- The kernel's extent. -/
  kernel : ι
  /-- The step between two output positions. -/
  stride : ι
  /-- Zeros before the input. -/
  padBegin : ι
  /-- Zeros after the input. -/
  padEnd : ι
  /-- The step between two taps of the kernel. -/
  dilation : ι
  /-- The output's extent. -/
  output : ι

/-- The numbers of a convolution. Channels are counted per group. -/
structure Convolution (ι : Type) where
  /-- The number of images. -/
  batch : ι
  /-- The number of groups of channels. -/
  groups : ι
  /-- Input channels in each group. -/
  inChannels : ι
  /-- Output channels in each group. -/
  outChannels : ι
  /-- The spatial axes. -/
  axes : List (Spatial ι)

section
variable {ι κ : Type} (f : ι → κ)

/-- `f` at every number. -/
def Spatial.map (a : Spatial ι) : Spatial κ :=
  ⟨f a.size, f a.kernel, f a.stride, f a.padBegin, f a.padEnd, f a.dilation, f a.output⟩

/-- `f` at every number. -/
def Convolution.map (s : Convolution ι) : Convolution κ :=
  ⟨f s.batch, f s.groups, f s.inChannels, f s.outChannels, mapList (Spatial.map f) s.axes⟩

/-- The axis of the convolution of which this one is transposed: input and output exchanged. -/
def Spatial.transposed (a : Spatial ι) : Spatial ι := { a with size := a.output, output := a.size }

/-- The convolution of which this one is transposed: input and output exchanged. -/
def Convolution.transposed (s : Convolution ι) : Convolution ι :=
  ⟨s.batch, s.groups, s.outChannels, s.inChannels, mapList Spatial.transposed s.axes⟩

end

section
variable {ι : Type} [OfNat ι 0] [OfNat ι 1] [Neg ι]

namespace Spatial

variable (a : Spatial ι)

/-- The input position o·stride + k·dilation − pad that an output position o reads by the taps k. -/
def taps : Axis ι := ⟨a.size, ⟨[a.stride], [a.dilation], -a.padBegin, 1⟩⟩

/-- The output positions (h + pad − k·dilation) / stride that read an input position h by the taps
k. -/
def readers : Axis ι := ⟨a.output, ⟨[1], [-a.dilation], a.padBegin, a.stride⟩⟩

/-- The forward pass along an axis: y[o] = Σ_k x[o·stride + k·dilation − pad]·weight[k]. -/
def forward : Contraction ι :=
  block [[a.output]] [a.kernel] [a.taps] [[axis a.kernel [] [1]]] [[]]

/-- The kernel gradient along an axis: ∂weight[k] = Σ_o x[o·stride + k·dilation − pad]·δ[o]. -/
def kernelGrad : Contraction ι :=
  block [[a.kernel]] [a.output] [⟨a.size, ⟨[a.dilation], [a.stride], -a.padBegin, 1⟩⟩]
    [[axis a.output [] [1]]] []

/-- The input gradient along an axis: ∂x[h] = Σ_k weight[k]·δ[(h + pad − k·dilation) / stride]. -/
def inputGrad : Contraction ι :=
  block [[a.size]] [a.kernel] [axis a.kernel [] [1]] [[a.readers]] [[]]

/-- The bias gradient along an axis: Σ_o δ[o]. -/
def biasGrad : Contraction ι := block [] [a.output] [axis a.output [] [1]] [] []

/-- Sums over the windows along an axis: Σ_k x[o·stride + k·dilation − pad]. -/
def windows : Contraction ι := block [[a.output]] [a.kernel] [a.taps] [] []

/-- Their gradient along an axis: Σ_k δ[(h + pad − k·dilation) / stride]. -/
def windowsGrad : Contraction ι := block [[a.size]] [a.kernel] [a.readers] [] []

end Spatial

variable (s : Convolution ι) [Mul ι]

namespace Convolution

omit [Neg ι]

/-- The images in the forward pass. -/
def imagesForward : Contraction ι := block [[s.batch]] [] [axis s.batch [1] []] [[]] [[]]

/-- The images in the kernel gradient. -/
def imagesKernelGrad : Contraction ι :=
  block [] [s.batch] [axis s.batch [] [1]] [[axis s.batch [] [1]]] []

/-- The images in the input gradient. -/
def imagesInputGrad : Contraction ι := block [[s.batch]] [] [] [[axis s.batch [1] []]] [[]]

/-- The images in the bias gradient. -/
def imagesBiasGrad : Contraction ι := block [] [s.batch] [axis s.batch [] [1]] [] []

/-- The channels in the forward pass: for (g, o) the sum over i of x[g·I + i]·weight[g·O + o, i]. -/
def channelsForward : Contraction ι :=
  block [[s.groups, s.outChannels]] [s.inChannels]
    [axis (s.groups * s.inChannels) [s.inChannels] [1]]
    [[axis (s.groups * s.outChannels) [s.outChannels, 1] [], axis s.inChannels [] [1]]]
    [[axis (s.groups * s.outChannels) [s.outChannels, 1] []]]

/-- The channels in the kernel gradient: for ((g, o), i) the product x[g·I + i]·δ[g·O + o]. -/
def channelsKernelGrad : Contraction ι :=
  block [[s.groups, s.outChannels], [s.inChannels]] []
    [axis (s.groups * s.inChannels) [s.inChannels, 0, 1] []]
    [[axis (s.groups * s.outChannels) [s.outChannels, 1] []]] []

/-- The channels in the input gradient: for (g, i) the sum over o of weight[g·O + o, i]·δ[g·O + o]. -/
def channelsInputGrad : Contraction ι :=
  block [[s.groups, s.inChannels]] [s.outChannels]
    [axis (s.groups * s.outChannels) [s.outChannels] [1], axis s.inChannels [0, 1] []]
    [[axis (s.groups * s.outChannels) [s.outChannels] [1]]]
    [[axis (s.groups * s.inChannels) [s.inChannels, 1] []]]

/-- The channels in the bias gradient: for (g, o) the entry δ[g·O + o]. -/
def channelsBiasGrad : Contraction ι :=
  block [[s.groups, s.outChannels]] [] [axis (s.groups * s.outChannels) [s.outChannels, 1] []] [] []

end Convolution

/-- The forward pass: for output (n, (g, o), p₀, p₁, …) the sum over (i, k₀, k₁, …) of
x[n, g·I + i, …, pⱼ·strideⱼ + kⱼ·dilationⱼ − padⱼ, …] · weight[g·O + o, i, k₀, k₁, …],
then bias[g·O + o]. -/
def convForwardOf (x weight : String) (addends : List String) : Contraction ι :=
  blocks x [weight] addends
    (s.imagesForward :: s.channelsForward :: mapList Spatial.forward s.axes)

/-- The kernel gradient: for ((g, o), i, k₀, k₁, …) the sum over (n, p₀, p₁, …) of
x[n, g·I + i, …, pⱼ·strideⱼ + kⱼ·dilationⱼ − padⱼ, …] · δ[n, g·O + o, p₀, p₁, …]. -/
def convKernelGradOf (x gradOutput : String) : Contraction ι :=
  blocks x [gradOutput] []
    (s.imagesKernelGrad :: s.channelsKernelGrad :: mapList Spatial.kernelGrad s.axes)

/-- The input gradient: for (n, (g, i), h₀, h₁, …) the sum over (o, k₀, k₁, …) of
weight[g·O + o, i, k₀, k₁, …] · δ[n, g·O + o, …, (hⱼ + padⱼ − kⱼ·dilationⱼ) / strideⱼ, …],
over the taps where all divisions are exact and their results are output positions. -/
def convInputGradOf (weight gradOutput : String) (addends : List String) : Contraction ι :=
  blocks weight [gradOutput] addends
    (s.imagesInputGrad :: s.channelsInputGrad :: mapList Spatial.inputGrad s.axes)

/-- The bias gradient: for (g, o) the sum over (n, p₀, p₁, …) of δ[n, g·O + o, p₀, p₁, …]. -/
def convBiasGrad : Contraction ι :=
  blocks "gradOutput" [] []
    (s.imagesBiasGrad :: s.channelsBiasGrad :: mapList Spatial.biasGrad s.axes)

/-- The forward pass: Σ x·weight + bias. -/
def convForward : Contraction ι := convForwardOf s "x" "weight" ["bias"]

/-- The kernel gradient: Σ x·δ. -/
def convKernelGrad : Contraction ι := convKernelGradOf s "x" "gradOutput"

/-- The input gradient: Σ weight·δ. -/
def convInputGrad : Contraction ι := convInputGradOf s "weight" "gradOutput" []

/-- The forward pass of a transposed convolution: the input gradient of the convolution, and a
bias. -/
def convTransposeForward : Contraction ι := convInputGradOf s.transposed "weight" "x" ["bias"]

/-- The bias gradient of a transposed convolution. -/
def convTransposeBiasGrad : Contraction ι := convBiasGrad s

/-- The kernel gradient of a transposed convolution: that of the convolution, of which δ is the
input. -/
def convTransposeKernelGrad : Contraction ι := convKernelGradOf s.transposed "gradOutput" "x"

/-- The input gradient of a transposed convolution: the convolution of δ. -/
def convTransposeInputGrad : Contraction ι := convForwardOf s.transposed "gradOutput" "weight" []

end

/-! ### Sums of products of two operands -/

/-- A loop: its extent, and whether it is an axis of the result (otherwise it is summed over), of the
first and second factor, and of the addend. -/
structure Loop (ι : Type) where
  /-- The number of iterations. -/
  extent : ι
  /-- It is an axis of the result. -/
  result : Bool
  /-- It is an axis of the first factor. -/
  first : Bool
  /-- It is an axis of the second factor. -/
  second : Bool
  /-- It is an axis of the addend. -/
  addend : Bool

namespace Loop

variable {ι : Type}

/-- `f` at the extent. -/
def map {κ : Type} (f : ι → κ) (l : Loop ι) : Loop κ :=
  ⟨f l.extent, l.result, l.first, l.second, l.addend⟩

/-- The loop in the gradient of the first factor, of the second factor and δ. -/
def firstGrad (l : Loop ι) : Loop ι := ⟨l.extent, l.first, l.second, l.result, false⟩

/-- The loop in the gradient of the second factor, of the first factor and δ. -/
def secondGrad (l : Loop ι) : Loop ι := ⟨l.extent, l.second, l.first, l.result, false⟩

variable [OfNat ι 0] [OfNat ι 1]

/-- The axis of the operands that have it. -/
def axes (l : Loop ι) (has : Bool) : List (Axis ι) :=
  bif has then [bif l.result then axis l.extent [1] [] else axis l.extent [] [1]] else []

/-- The loop as a block. -/
def block (l : Loop ι) : Contraction ι :=
  RuntimeApprox.block (bif l.result then [[l.extent]] else []) (bif l.result then [] else [l.extent])
    (l.axes l.first) [l.axes l.second] [l.axes (l.addend && l.result)]

/-- The loop in the gradient of the addend, of δ: nothing, if it is no axis of the result. -/
def addendGrad (l : Loop ι) : Contraction ι :=
  bif l.result then
    RuntimeApprox.block (bif l.addend then [[l.extent]] else []) (bif l.addend then [] else [l.extent])
      [bif l.addend then axis l.extent [1] [] else axis l.extent [] [1]] [] []
  else RuntimeApprox.block [] [] [] [] []

end Loop

section
variable {ι : Type} [OfNat ι 0] [OfNat ι 1]

/-- Σ x·y over the loops that are not axes of the result, then the addends. -/
def einsumOf (factor : String) (factors addends : List String) (loops : List (Loop ι)) :
    Contraction ι :=
  blocks factor factors addends (mapList Loop.block loops)

variable (loops : List (Loop ι))

/-- Σ x·y + addend. -/
def einsum : Contraction ι := einsumOf "x" ["y"] ["addend"] loops

/-- The gradient with respect to x: Σ y·δ. -/
def einsumFirstGrad : Contraction ι :=
  einsumOf "y" ["gradOutput"] [] (mapList Loop.firstGrad loops)

/-- The gradient with respect to y: Σ x·δ. -/
def einsumSecondGrad : Contraction ι :=
  einsumOf "x" ["gradOutput"] [] (mapList Loop.secondGrad loops)

/-- The gradient with respect to the addend: Σ δ. -/
def einsumAddendGrad : Contraction ι :=
  blocks "gradOutput" [] [] (mapList Loop.addendGrad loops)

/-- The loops of the canonical product, of x [B, M, K, P], y [B, N, K, Q] and the addend [B, M, N]:
result[b, m, n] = Σ_k Σ_p Σ_q x[b, m, k, p]·y[b, n, k, q] + addend[b, m, n]. -/
def productLoops (B M N K P Q : ι) : List (Loop ι) :=
  [⟨B, true, true, true, true⟩, ⟨M, true, true, false, true⟩, ⟨N, true, false, true, true⟩,
    ⟨K, false, true, true, false⟩, ⟨P, false, true, false, false⟩, ⟨Q, false, false, true, false⟩]

end

/-! ### Sums over windows -/

section
variable {ι : Type} [OfNat ι 0] [OfNat ι 1] [Neg ι] (batch channels : ι) (windows : List (Spatial ι))

/-- Sums over windows: for output (n, c, p₀, p₁, …) the sum over (k₀, k₁, …) of
x[n, c, …, pⱼ·strideⱼ + kⱼ·dilationⱼ − padⱼ, …]. -/
def poolForward : Contraction ι :=
  blocks "x" [] [] (block [[batch]] [] [axis batch [1] []] [] [] ::
    block [[channels]] [] [axis channels [1] []] [] [] :: mapList Spatial.windows windows)

/-- The gradient of sums over windows: for (n, c, h₀, h₁, …) the sum over (k₀, k₁, …) of
δ[n, c, …, (hⱼ + padⱼ − kⱼ·dilationⱼ) / strideⱼ, …], where all divisions are exact. -/
def poolGrad : Contraction ι :=
  blocks "gradOutput" [] [] (block [[batch]] [] [axis batch [1] []] [] [] ::
    block [[channels]] [] [axis channels [1] []] [] [] ::
    mapList Spatial.windowsGrad windows)

end

end RuntimeApprox
