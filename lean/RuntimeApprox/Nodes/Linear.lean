module

public import RuntimeApprox.Contraction.Theorems
public import RuntimeApprox.Graph

/-!
# The node of a linear layer

The layer and its three gradients are four contractions, laid out as in PyTorch: the weight's first
axis are the output features.

## Main definitions
* `Linear`: the sizes of a linear layer.
* `linearForward`, `linearInputGrad`, `linearWeightGrad`, `linearBiasGrad`: the contractions.
* `linearNode g`: operands input, weight and bias.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

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

universe u

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

end RuntimeApprox
