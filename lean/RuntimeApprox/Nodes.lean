module

public import RuntimeApprox.Choice
public import RuntimeApprox.Contraction.Theorems
public import RuntimeApprox.Conv2d
public import RuntimeApprox.Graph
public import RuntimeApprox.Tensor.Reshape

/-!
# Nodes

Contractions and functions of entries as nodes of a graph, laid out as in PyTorch: images are NCHW, and
the first axis of a linear layer's weight are the output features. In average pooling, a contraction
with the scalar factor 1/(kh·kw), the zeros of the padding count, as in PyTorch's default.

## Main definitions
* `addNode s`: x + y at every entry. `scaleNode c s`: c·x at every entry.
* `reshapeNode h`: the same entries in row-major order, in a shape of as many entries;
  `flattenNode batch s`: of a batch of tensors of shape `s`, the rows of all their entries.
* `reluNode s`, `leakyReluNode c s`: rectifiers of every entry. Where eps reaches the kink, the bounds
  of the gradient cover both of its sides. `divNode c`: x / c at every entry.
* `conv2dNode K g`: operands input, kernel and bias; its gradients are those of `conv2d_backward`.
* `Linear`, `linearForward`, `linearInputGrad`, `linearWeightGrad`, `linearBiasGrad`, `linearNode`:
  a linear layer, operands input, weight and bias.
* `Pool`, `avgPoolForward`, `avgPoolGrad`, `avgPoolNode`: average pooling, operand the input.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

section
/-! ### Sums and multiples -/

/-- x + y at every entry; the gradient with respect to both is δ. -/
def addNode (K : Type u) [OrderedField K] (s : List Nat) : ParametricNode K [s, s] s where
  forward := fun A (x, y, _) => Tensor.zipWith A.add x y
  forward_rel := fun hAB (_, _, _) (_, _, _) ⟨hx, hy, _⟩ =>
    Tensor.rel_ofFn fun i => hAB.add _ _ _ _ (hx i) (hy i)
  vjp := fun _ _ δ => (δ, δ, ⟨⟩)
  vjp_rel := fun _ _ _ _ _ _ hδ => .cons hδ (.cons hδ .nil)

/-- c·x at every entry; the gradient with respect to x is c·δ. Outside of exact arithmetic the
constant is fl(c), with the error |fl(c) − c|, which is zero where c is a number of the format. -/
def scaleNode {K : Type u} [OrderedField K] (c : K) (s : List Nat) : ParametricNode K [s] s where
  forward := fun A (x, _) => x.map (A.mul (A.const c))
  forward_rel := fun hAB (_, _) (_, _) ⟨hx, _⟩ =>
    Tensor.rel_ofFn fun i => hAB.mul _ _ _ _ (hAB.const c) (hx i)
  vjp := fun A _ δ => (δ.map (A.mul (A.const c)), ⟨⟩)
  vjp_rel := fun hAB _ _ _ _ _ hδ =>
    .cons (Tensor.rel_ofFn fun i => hAB.mul _ _ _ _ (hAB.const c) (hδ i)) .nil

/-! ### Shapes -/

/-- The same entries in row-major order; the gradient is reshaped back. No entry is computed with,
and no eps grows. -/
def reshapeNode (K : Type u) [OrderedField K] {s r : List Nat} (h : prod s = prod r) :
    ParametricNode K [s] r where
  forward := fun _ (x, _) => x.reshape h
  forward_rel := fun _ (_, _) (_, _) ⟨hx, _⟩ => Tensor.rel_ofFn fun _ => hx _
  vjp := fun _ _ δ => (δ.reshape h.symm, ⟨⟩)
  vjp_rel := fun _ _ _ _ _ _ hδ => .cons (Tensor.rel_ofFn fun _ => hδ _) .nil

/-- Each tensor of a batch as a row of its entries. -/
def flattenNode (K : Type u) [OrderedField K] (batch : Nat) (s : List Nat) :
    ParametricNode K [batch :: s] [batch, prod s] :=
  reshapeNode K (prod_cons batch s)

/-! ### Rectifiers -/

variable {K : Type u} [OrderedField K]

/-- y = max(x, 0) at every entry; the gradient with respect to x is δ where x > 0, otherwise 0. -/
def reluNode (K : Type u) [OrderedField K] (s : List Nat) : ParametricNode K [s] s where
  forward := fun A (x, _) => x.map fun a => A.apply₂ maxOp a A.zero
  forward_rel := fun hAB (_, _) (_, _) ⟨hx, _⟩ =>
    Tensor.rel_ofFn fun i => hAB.apply₂ _ _ _ _ _ (hx i) hAB.zero
  vjp := fun A (x, _) δ => (Tensor.zipWith (fun a d => A.apply₃ chooseOp a A.zero d) x δ, ⟨⟩)
  vjp_rel := fun hAB (_, _) (_, _) ⟨hx, _⟩ _ _ hδ =>
    .cons (Tensor.rel_ofFn fun i => hAB.apply₃ _ _ _ _ _ _ _ (hx i) hAB.zero (hδ i)) .nil

/-- y = max(x, c·x) at every entry, which for 0 ≤ c ≤ 1 is x where x > 0, otherwise c·x; the gradient
with respect to x is δ where x > 0, otherwise c·δ. Outside of exact arithmetic the slope is fl(c). -/
def leakyReluNode (c : K) (s : List Nat) : ParametricNode K [s] s where
  forward := fun A (x, _) => x.map fun a => A.apply₂ maxOp a (A.mul (A.const c) a)
  forward_rel := fun hAB (_, _) (_, _) ⟨hx, _⟩ =>
    Tensor.rel_ofFn fun i => hAB.apply₂ _ _ _ _ _ (hx i) (hAB.mul _ _ _ _ (hAB.const c) (hx i))
  vjp := fun A (x, _) δ =>
    (Tensor.zipWith (fun a d => A.apply₃ chooseOp a (A.mul (A.const c) d) d) x δ, ⟨⟩)
  vjp_rel := fun hAB (_, _) (_, _) ⟨hx, _⟩ _ _ hδ =>
    .cons (Tensor.rel_ofFn fun i => hAB.apply₃ _ _ _ _ _ _ _ (hx i)
      (hAB.mul _ _ _ _ (hAB.const c) (hδ i)) (hδ i)) .nil

/-- x / c at every entry; the gradient with respect to x is δ / c. -/
def divNode (c : K) (hc : 0 < c) (s : List Nat) : ParametricNode K [s] s where
  forward := fun A (x, _) => x.map (A.apply₁ (divOp c hc))
  forward_rel := fun hAB (_, _) (_, _) ⟨hx, _⟩ =>
    Tensor.rel_ofFn fun i => hAB.apply₁ _ _ _ (hx i)
  vjp := fun A _ δ => (δ.map (A.apply₁ (divOp c hc)), ⟨⟩)
  vjp_rel := fun hAB _ _ _ _ _ hδ => .cons (Tensor.rel_ofFn fun i => hAB.apply₁ _ _ _ (hδ i)) .nil

end

/-! ### Conv2d -/

/-- A conv2d with operands input, kernel and bias. -/
def conv2dNode (K : Type u) [OrderedField K] (g : Conv2d) :
    ParametricNode K [g.inputShape, g.kernelShape, g.biasShape] g.outputShape where
  forward := fun A (x, weight, bias, _) => conv2d A.toArithmetic g x weight bias
  forward_rel := fun hAB (_, _, _, _) (_, _, _, _) ⟨hx, hw, hb, _⟩ =>
    Contraction.eval_rel hAB.toRespects (conv2dForward g.sizes) (.cons hx (.cons hw .nil))
      (.cons hb .nil)
  vjp := fun A (x, weight, _, _) δ =>
    let d := conv2d_backward A.toArithmetic g x weight δ
    (d.input, d.kernel, d.bias, ⟨⟩)
  vjp_rel := fun hAB (_, _, _, _) (_, _, _, _) ⟨hx, hw, _, _⟩ _ _ hδ =>
    .cons (Contraction.eval_rel hAB.toRespects (conv2dInputGrad g.sizes)
        (.cons hw (.cons hδ .nil)) .nil)
      (.cons (Contraction.eval_rel hAB.toRespects (conv2dKernelGrad g.sizes)
          (.cons hx (.cons hδ .nil)) .nil)
        (.cons (Contraction.eval_rel hAB.toRespects (conv2dBiasGrad g.sizes) (.cons hδ .nil) .nil)
          .nil))

/-! ### The linear layer -/

/-- The sizes of a linear layer. -/
structure Linear where
  /-- The number of rows of the input. -/
  batch : Nat
  /-- The length of a row of the input. -/
  inFeatures : Nat
  /-- The length of a row of the output. -/
  outFeatures : Nat

section
variable {ι : Type} [OfNat ι 0] [OfNat ι 1] (batch inFeatures outFeatures : ι)

/-- The forward pass: for output (n, o) the sum over i of x[n, i] · weight[o, i], then bias[o]. -/
@[inline] def linearForward : Contraction ι where
  out := [[batch], [outFeatures]]
  red := [inFeatures]
  factor := ⟨"x", [
    ⟨batch,       ⟨[1, 0], [0], 0, 1⟩⟩,
    ⟨inFeatures,  ⟨[0, 0], [1], 0, 1⟩⟩]⟩
  factors := [⟨"weight", [
    ⟨outFeatures, ⟨[0, 1], [0], 0, 1⟩⟩,
    ⟨inFeatures,  ⟨[0, 0], [1], 0, 1⟩⟩]⟩]
  addends := [⟨"bias", [
    ⟨outFeatures, ⟨[0, 1], [],  0, 1⟩⟩]⟩]

/-- The input gradient: for (n, i) the sum over o of δ[n, o] · weight[o, i]. -/
@[inline] def linearInputGrad : Contraction ι where
  out := [[batch], [inFeatures]]
  red := [outFeatures]
  factor := ⟨"gradOutput", [
    ⟨batch,       ⟨[1, 0], [0], 0, 1⟩⟩,
    ⟨outFeatures, ⟨[0, 0], [1], 0, 1⟩⟩]⟩
  factors := [⟨"weight", [
    ⟨outFeatures, ⟨[0, 0], [1], 0, 1⟩⟩,
    ⟨inFeatures,  ⟨[0, 1], [0], 0, 1⟩⟩]⟩]
  addends := []

/-- The weight gradient: for (o, i) the sum over n of δ[n, o] · x[n, i]. -/
@[inline] def linearWeightGrad : Contraction ι where
  out := [[outFeatures], [inFeatures]]
  red := [batch]
  factor := ⟨"gradOutput", [
    ⟨batch,       ⟨[0, 0], [1], 0, 1⟩⟩,
    ⟨outFeatures, ⟨[1, 0], [0], 0, 1⟩⟩]⟩
  factors := [⟨"x", [
    ⟨batch,       ⟨[0, 0], [1], 0, 1⟩⟩,
    ⟨inFeatures,  ⟨[0, 1], [0], 0, 1⟩⟩]⟩]
  addends := []

/-- The bias gradient: for o the sum over n of δ[n, o]. -/
@[inline] def linearBiasGrad : Contraction ι where
  out := [[outFeatures]]
  red := [batch]
  factor := ⟨"gradOutput", [
    ⟨batch,       ⟨[0],    [1], 0, 1⟩⟩,
    ⟨outFeatures, ⟨[1],    [0], 0, 1⟩⟩]⟩
  factors := []
  addends := []

end

namespace Linear

variable (g : Linear)

/-- The input's shape. -/
abbrev inputShape : List Nat := [g.batch, g.inFeatures]

/-- The weight's shape. -/
abbrev weightShape : List Nat := [g.outFeatures, g.inFeatures]

/-- The bias's shape. -/
abbrev biasShape : List Nat := [g.outFeatures]

/-- The output's shape. -/
abbrev outputShape : List Nat := [g.batch, g.outFeatures]

/-- `linearForward` at the sizes. -/
def forward : Contraction Int := linearForward (g.batch : Int) g.inFeatures g.outFeatures

/-- `linearInputGrad` at the sizes. -/
def inputGrad : Contraction Int := linearInputGrad (g.batch : Int) g.inFeatures g.outFeatures

/-- `linearWeightGrad` at the sizes. -/
def weightGrad : Contraction Int := linearWeightGrad (g.batch : Int) g.inFeatures g.outFeatures

/-- `linearBiasGrad` at the sizes. -/
def biasGrad : Contraction Int := linearBiasGrad (g.batch : Int) g.outFeatures

end Linear

section
variable {α : Type u} (A : Arithmetic α) (g : Linear)

/-- The forward pass in an arithmetic: Σᵢ x[n, i]·weight[o, i] + bias[o]. -/
def linear (x : Tensor α g.inputShape) (weight : Tensor α g.weightShape)
    (bias : Tensor α g.biasShape) : Tensor α g.outputShape :=
  g.forward.eval A (x, weight, ⟨⟩) (bias, ⟨⟩)

/-- The gradient with respect to the input in an arithmetic: Σₒ δ[n, o]·weight[o, i]. -/
def linearInputDeriv (weight : Tensor α g.weightShape) (δ : Tensor α g.outputShape) :
    Tensor α g.inputShape :=
  g.inputGrad.eval A (δ, weight, ⟨⟩) ⟨⟩

/-- The gradient with respect to the weight in an arithmetic: Σₙ δ[n, o]·x[n, i]. -/
def linearWeightDeriv (x : Tensor α g.inputShape) (δ : Tensor α g.outputShape) :
    Tensor α g.weightShape :=
  g.weightGrad.eval A (δ, x, ⟨⟩) ⟨⟩

/-- The gradient with respect to the bias in an arithmetic: Σₙ δ[n, o]. -/
def linearBiasDeriv (δ : Tensor α g.outputShape) : Tensor α g.biasShape :=
  g.biasGrad.eval A (δ, ⟨⟩) ⟨⟩

end

/-- A linear layer with operands input, weight and bias. -/
def linearNode (K : Type u) [OrderedField K] (g : Linear) :
    ParametricNode K [g.inputShape, g.weightShape, g.biasShape] g.outputShape where
  forward := fun A (x, weight, bias, _) => linear A.toArithmetic g x weight bias
  forward_rel := fun hAB (_, _, _, _) (_, _, _, _) ⟨hx, hw, hb, _⟩ =>
    Contraction.eval_rel hAB.toRespects g.forward (.cons hx (.cons hw .nil)) (.cons hb .nil)
  vjp := fun A (x, weight, _, _) δ =>
    (linearInputDeriv A.toArithmetic g weight δ, linearWeightDeriv A.toArithmetic g x δ,
      linearBiasDeriv A.toArithmetic g δ, ⟨⟩)
  vjp_rel := fun hAB (_, _, _, _) (_, _, _, _) ⟨hx, hw, _, _⟩ _ _ hδ =>
    .cons (Contraction.eval_rel hAB.toRespects g.inputGrad (.cons hδ (.cons hw .nil)) .nil)
      (.cons (Contraction.eval_rel hAB.toRespects g.weightGrad (.cons hδ (.cons hx .nil)) .nil)
        (.cons (Contraction.eval_rel hAB.toRespects g.biasGrad (.cons hδ .nil) .nil) .nil))

/-! ### Average pooling -/

/-- The geometry of a pooling. -/
structure Pool where
  /-- The number of images. -/
  batch : Nat
  /-- The number of channels. -/
  channels : Nat
  /-- The vertical axis. -/
  height : Window
  /-- The horizontal axis. -/
  width : Window

/-- The numbers of a pooling, as those of a convolution of each channel for itself. -/
def Pool.sizes (g : Pool) : Sizes Int :=
  Conv2d.sizes ⟨g.batch, g.channels, 1, 1, g.height, g.width⟩

section
variable {ι : Type} [OfNat ι 0] [OfNat ι 1] [Neg ι] (s : Sizes ι)

/-- The forward pass: for output (n, c, oh, ow) the sum over (kh, kw) of
x[n, c, oh·sh + kh·dh − pt, ow·sw + kw·dw − pl] · scale. -/
@[inline] def avgPoolForward : Contraction ι where
  out := [[s.batch], [s.groups], [s.outputH], [s.outputW]]
  red := [s.kernelH, s.kernelW]
  factor := ⟨"x", [
    ⟨s.batch,   ⟨[1, 0, 0, 0],         [0, 0],            0,          1⟩⟩,
    ⟨s.groups,  ⟨[0, 1, 0, 0],         [0, 0],            0,          1⟩⟩,
    ⟨s.inputH,  ⟨[0, 0, s.strideH, 0], [s.dilationH, 0],  -s.padTop,  1⟩⟩,
    ⟨s.inputW,  ⟨[0, 0, 0, s.strideW], [0, s.dilationW],  -s.padLeft, 1⟩⟩]⟩
  factors := [⟨"scale", []⟩]
  addends := []

/-- The gradient: for (n, c, h, w) the sum over (kh, kw) of
δ[n, c, (h + pt − kh·dh) / sh, (w + pl − kw·dw) / sw] · scale,
over the taps where both divisions are exact and their results are output positions. -/
@[inline] def avgPoolGrad : Contraction ι where
  out := [[s.batch], [s.groups], [s.inputH], [s.inputW]]
  red := [s.kernelH, s.kernelW]
  factor := ⟨"gradOutput", [
    ⟨s.batch,   ⟨[1, 0, 0, 0],         [0, 0],            0,          1⟩⟩,
    ⟨s.groups,  ⟨[0, 1, 0, 0],         [0, 0],            0,          1⟩⟩,
    ⟨s.outputH, ⟨[0, 0, 1, 0],         [-s.dilationH, 0], s.padTop,   s.strideH⟩⟩,
    ⟨s.outputW, ⟨[0, 0, 0, 1],         [0, -s.dilationW], s.padLeft,  s.strideW⟩⟩]⟩
  factors := [⟨"scale", []⟩]
  addends := []

end

namespace Pool

variable (g : Pool)

/-- The input's shape, NCHW. -/
abbrev inputShape : List Nat := [g.batch, g.channels, g.height.size, g.width.size]

/-- The output's shape, NCHW. -/
abbrev outputShape : List Nat := [g.batch, g.channels, g.height.output, g.width.output]

/-- `avgPoolForward` at the geometry. -/
def forward : Contraction Int := avgPoolForward g.sizes

/-- `avgPoolGrad` at the geometry. -/
def grad : Contraction Int := avgPoolGrad g.sizes

attribute [local instance] Lean.Grind.Semiring.natCast in
/-- 1/(kh·kw) -/
def scale (K : Type _) [OrderedField K] : K := ((g.height.kernel * g.width.kernel : Nat) : K)⁻¹

end Pool

section
variable {α : Type u} (A : Arithmetic α) (g : Pool)

/-- Average pooling in an arithmetic, with the given scale. -/
def avgPool (scale : α) (x : Tensor α g.inputShape) : Tensor α g.outputShape :=
  g.forward.eval A (x, scale, ⟨⟩) ⟨⟩

/-- The gradient of average pooling in an arithmetic, with the given scale. -/
def avgPoolDeriv (scale : α) (δ : Tensor α g.outputShape) : Tensor α g.inputShape :=
  g.grad.eval A (δ, scale, ⟨⟩) ⟨⟩

end

/-- Average pooling of an input. -/
def avgPoolNode (K : Type u) [OrderedField K] (g : Pool) :
    ParametricNode K [g.inputShape] g.outputShape where
  forward := fun A (x, _) => avgPool A.toArithmetic g (A.const (g.scale K)) x
  forward_rel := fun hAB (_, _) (_, _) ⟨hx, _⟩ =>
    Contraction.eval_rel hAB.toRespects g.forward
      (.cons hx (.cons (s := []) (fun _ => hAB.const _) .nil)) .nil
  vjp := fun A _ δ => (avgPoolDeriv A.toArithmetic g (A.const (g.scale K)) δ, ⟨⟩)
  vjp_rel := fun hAB _ _ _ _ _ hδ =>
    .cons (Contraction.eval_rel hAB.toRespects g.grad
      (.cons hδ (.cons (s := []) (fun _ => hAB.const _) .nil)) .nil) .nil

end RuntimeApprox
