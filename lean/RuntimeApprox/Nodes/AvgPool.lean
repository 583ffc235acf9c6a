module

public import RuntimeApprox.Conv2d
public import RuntimeApprox.Contraction.Theorems
public import RuntimeApprox.Graph

/-!
# The node of average pooling

Pooling and its gradient are two contractions with a scalar factor, 1/(kh·kw). As in PyTorch's
default, the zeros of the padding count.

## Main definitions
* `Pool`: the geometry, `Pool.scale`: 1/(kh·kw).
* `avgPoolForward`, `avgPoolGrad`: the contractions.
* `avgPoolNode g`: the operand is the input, NCHW.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

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

universe u

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
