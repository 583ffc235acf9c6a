module

public import RuntimeApprox.Program

/-!
# A new contraction: transposed 1-D convolution

`torch.nn.functional.conv_transpose1d`, with groups, stride, padding and dilation, as one
contraction: the input NCL, the kernel laid out as PyTorch's, input channels first.

## Main definitions
* `ConvTranspose1d`: the sizes, any number of output positions.
* `convTranspose1dForward`: the contraction; `convTranspose1dExported`: it at symbolic sizes.
* `convTranspose1d`: the result in an arithmetic.
* `convTranspose1dPointBound`: the bound of an entry.
* `convTranspose1dMain`: prints the exported contraction, and what it gives.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-- The sizes of a transposed 1-D convolution; channels are counted per group. -/
structure ConvTranspose1d where
  /-- The number of rows of the input. -/
  batch : Nat
  /-- The number of groups of channels. -/
  groups : Nat
  /-- Input channels in each group. -/
  inChannels : Nat
  /-- Output channels in each group. -/
  outChannels : Nat
  /-- The input's length. -/
  input : Nat
  /-- The kernel's length. -/
  kernel : Nat
  /-- The step between the output positions of two input entries. -/
  stride : Nat
  /-- How many positions are cut off before the output. -/
  padding : Nat
  /-- The step between two taps of the kernel. -/
  dilation : Nat
  /-- The output's length. -/
  output : Nat
  /-- The stride is positive. -/
  stride_pos : 0 < stride

section
variable {ι : Type} [OfNat ι 0] [OfNat ι 1] [Neg ι] [Mul ι]
  (batch groups inChannels outChannels input kernel stride padding dilation output : ι)

/-- For output (n, (g, o), t) the sum over (i, k) of
x[n, g·I + i, (t + p − k·d) / s] · weight[g·I + i, o, k], over the taps where the division is exact
and its result is an input position, then bias[g·O + o]. -/
@[inline] def convTranspose1dForward : Contraction ι where
  out := [[batch], [groups, outChannels], [output]]
  red := [inChannels, kernel]
  factor := ⟨"x", [
    ⟨batch,                ⟨[1, 0, 0, 0],           [0, 0],         0,       1⟩⟩,
    ⟨groups * inChannels,  ⟨[0, inChannels, 0, 0],  [1, 0],         0,       1⟩⟩,
    ⟨input,                ⟨[0, 0, 0, 1],           [0, -dilation], padding, stride⟩⟩]⟩
  factors := [⟨"weight", [
    ⟨groups * inChannels,  ⟨[0, inChannels, 0, 0],  [1, 0],         0,       1⟩⟩,
    ⟨outChannels,          ⟨[0, 0, 1, 0],           [0, 0],         0,       1⟩⟩,
    ⟨kernel,               ⟨[0, 0, 0, 0],           [0, 1],         0,       1⟩⟩]⟩]
  addends := [⟨"bias", [
    ⟨groups * outChannels, ⟨[0, outChannels, 1, 0], [],             0,       1⟩⟩]⟩]

end

/-- `convTranspose1dForward` at the names of the sizes. -/
def convTranspose1dExported : Contraction Size :=
  let s := symbols
  convTranspose1dForward s.batch s.groups s.inChannels s.outChannels s.inputW s.kernelW s.strideW
    s.padLeft s.dilationW s.outputW

namespace ConvTranspose1d

variable (g : ConvTranspose1d)

/-- The input's shape. -/
abbrev inputShape : List Nat := [g.batch, g.groups * g.inChannels, g.input]

/-- The kernel's shape. -/
abbrev kernelShape : List Nat := [g.groups * g.inChannels, g.outChannels, g.kernel]

/-- The bias's shape. -/
abbrev biasShape : List Nat := [g.groups * g.outChannels]

/-- The output's shape. -/
abbrev outputShape : List Nat := [g.batch, g.groups * g.outChannels, g.output]

/-- `convTranspose1dForward` at the sizes. -/
def forward : Contraction Int :=
  convTranspose1dForward (g.batch : Int) g.groups g.inChannels g.outChannels g.input g.kernel
    g.stride g.padding g.dilation g.output

end ConvTranspose1d

universe u

/-- The transposed convolution in an arithmetic. -/
def convTranspose1d {α : Type u} (A : Arithmetic α) (g : ConvTranspose1d)
    (x : Tensor α g.inputShape) (weight : Tensor α g.kernelShape) (bias : Tensor α g.biasShape) :
    Tensor α g.outputShape :=
  g.forward.eval A (x, weight, ⟨⟩) (bias, ⟨⟩)

/-- The bound of an entry. -/
def convTranspose1dPointBound {K : Type u} [OrderedField K] (R : Rounding K) (g : ConvTranspose1d)
    (x : Tensor K g.inputShape) (epsX : K) (weight : Tensor K g.kernelShape) (epsW : K)
    (bias : Tensor K g.biasShape) (epsB : K) (i : Index g.outputShape) : K :=
  (g.forward.evalAt (bound R) (x.withEps epsX, weight.withEps epsW, ⟨⟩) (bias.withEps epsB, ⟨⟩)
    (outIndices g.forward.out i)).eps

/-! ### The program -/

/-- Natural numbers from their words, after `rest` of them, last first. -/
def parseNats : List String → List Nat → Option (List Nat)
  | [], rest => some (reverseOnto rest [])
  | w :: ws, rest =>
    match parseNat w with
    | none => none
    | some n => parseNats ws (n :: rest)

/-- The sizes from ten words. -/
def parseConvTranspose1d (words : List String) : Except String ConvTranspose1d :=
  match parseNats words [] with
  | some [batch, groups, inChannels, outChannels, input, kernel, stride, padding, dilation,
      output] =>
    if h : 0 < stride then
      .ok ⟨batch, groups, inChannels, outChannels, input, kernel, stride, padding, dilation,
        output, h⟩
    else .error "sizes: the stride must be positive"
  | _ => .error "sizes: expected ten natural numbers"

/-- Values, exact values and bounds in binary32, of sizes and operands given as text. -/
def convTranspose1dResults (lines : List (List String)) : Except String String := do
  match lines with
  | [sizes, eps, x, weight, bias] =>
    let g ← parseConvTranspose1d (← field "sizes" sizes)
    let (epsX, epsW, epsB, _) ← parseEps (← field "eps" eps)
    let x ← parseTensor "x" .binary32 g.inputShape (← field "x" x)
    let weight ← parseTensor "weight" .binary32 g.kernelShape (← field "weight" weight)
    let bias ← parseTensor "bias" .binary32 g.biasShape (← field "bias" bias)
    return resultLines "forward"
      (convTranspose1d (checked .binary32) g (x.check epsX) (weight.check epsW) (bias.check epsB))
      (convTranspose1d exact g x weight bias)
  | _ => .error "expected the lines sizes eps x weight bias"

/-- Prints the contraction as JSON, and its results for the sizes and operands in a text. -/
def convTranspose1dMain (args : List String) : IO UInt32 := do
  match args with
  | [text] =>
    match convTranspose1dResults (tokens text) with
    | .ok results =>
      IO.println (convTranspose1dExported.json "RuntimeApprox.convTranspose1dForward")
      IO.print results
      return 0
    | .error e =>
      IO.println e
      return 1
  | _ =>
    IO.println "usage: TEXT"
    return 1

end RuntimeApprox
