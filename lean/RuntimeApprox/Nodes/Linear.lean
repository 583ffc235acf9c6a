module

public import RuntimeApprox.Contraction.Adjoint
public import RuntimeApprox.Nodes
public import RuntimeApprox.Nodes.Theorems

/-!
# The linear layer as in the textbook, and its gradients

In the formulas `sum n fun i => f i` is Σ_{i < n} f i, and `t.entry [i, j]` is t[i, j].

## Main results
* `linear_textbook`: an entry of the exact forward pass.
* `linear_input_adjoint`, `linear_weight_adjoint`, `linear_bias_adjoint`: each gradient is the adjoint
  of the forward pass in its operand.
* `linearNode_isGradient`: together they are the vector-Jacobian product.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K] (g : Linear)

/-- y[n, o] = Σ_i x[n, i]·weight[o, i] + bias[o] -/
theorem linear_textbook (x : Tensor K g.inputShape) (weight : Tensor K g.weightShape)
    (bias : Tensor K g.biasShape) (n : Fin g.batch) (o : Fin g.outFeatures) :
    (linear exact g x weight bias).get (n, o, ()) =
      (sum g.inFeatures fun i => x.entry [n.1, i] * weight.entry [o.1, i]) + bias.entry [o.1] := by
  refine (Contraction.get_eval_exact g.forward (x, weight, ⟨⟩) (bias, ⟨⟩) (n, o, ())).trans ?_
  rw [show outIndices g.forward.out (n, o, ()) = [n.1, o.1] from rfl]
  refine congr (congrArg HAdd.hAdd (sum_congr fun i _ =>
    congr (congrArg HMul.hMul (valueAt_of_indices ?_)) (valuesAt_one.trans (valueAt_of_indices ?_))))
    (addendsAt_one.trans (valueAt_of_indices ?_)) <;>
  simp [indices, Linear.forward, linearForward, Affine.eval_one, dot]

/-! ### The gradients are reordered contractions -/

attribute [local simp] Contraction.reads places position toNats prod indices Affine.eval_one dot

/-- The input gradient: of (δ, x, weight) the second comes first. -/
def linearInputReordered : g.forward.Reordered g.inputGrad [1, 0, 2] where
  there
    | [n, o], [i] => ([n, i], [o])
    | _, _ => ([], [])
  back
    | [n, i], [o] => ([n, o], [i])
    | _, _ => ([], [])
  length := rfl
  length_back := rfl
  perm := by decide
  reads_there _ hn _ ho _ hi _ := ⟨⟨hn, hi, trivial⟩, ⟨ho, trivial⟩, rfl, by
    simp [Linear.forward, linearForward, Linear.inputGrad, linearInputGrad]⟩
  reads_back _ hn _ hi _ ho _ := ⟨⟨hn, ho, trivial⟩, ⟨hi, trivial⟩, rfl, by
    simp [Linear.forward, linearForward, Linear.inputGrad, linearInputGrad]⟩

/-- The weight gradient: of (δ, x, weight) the last comes first. -/
def linearWeightReordered : g.forward.Reordered g.weightGrad [2, 0, 1] where
  there
    | [n, o], [i] => ([o, i], [n])
    | _, _ => ([], [])
  back
    | [o, i], [n] => ([n, o], [i])
    | _, _ => ([], [])
  length := rfl
  length_back := rfl
  perm := by decide
  reads_there _ hn _ ho _ hi _ := ⟨⟨ho, hi, trivial⟩, ⟨hn, trivial⟩, rfl, by
    simp [Linear.forward, linearForward, Linear.weightGrad, linearWeightGrad]⟩
  reads_back _ ho _ hi _ hn _ := ⟨⟨hn, ho, trivial⟩, ⟨hi, trivial⟩, rfl, by
    simp [Linear.forward, linearForward, Linear.weightGrad, linearWeightGrad]⟩

/-- The addition of the bias, as a contraction. -/
def linearBias : Contraction Int :=
  ⟨g.forward.out, [], g.forward.addends.headD ⟨"", []⟩, [], []⟩

/-- The bias gradient: the addend (δ, bias) in the other order. -/
def linearBiasReordered : (linearBias g).Reordered g.biasGrad [1, 0] where
  there
    | [n, o], _ => ([o], [n])
    | _, _ => ([], [])
  back
    | [o], [n] => ([n, o], [])
    | _, _ => ([], [])
  length := rfl
  length_back := rfl
  perm := by decide
  reads_there _ hn _ ho _ := ⟨⟨ho, trivial⟩, ⟨hn, trivial⟩, rfl, by
    simp [linearBias, Linear.forward, linearForward, Linear.biasGrad, linearBiasGrad]⟩
  reads_back _ ho _ hn _ := ⟨⟨hn, ho, trivial⟩, trivial, rfl, by
    simp [linearBias, Linear.forward, linearForward, Linear.biasGrad, linearBiasGrad]⟩

/-! ### The adjoints -/

variable (x : Tensor K g.inputShape) (weight : Tensor K g.weightShape) (bias : Tensor K g.biasShape)
  (δ : Tensor K g.outputShape)

/-- The input gradient is the adjoint of the layer in its input:
⟨δ, linear(x, weight, 0)⟩ = ⟨x, ∂x⟩ -/
theorem linear_input_adjoint :
    δ.dot (linear exact g x weight 0) = x.dot (linearInputDeriv exact g weight δ) :=
  (linearInputReordered g).adjoint rfl addendsAt_zero fun _ => rfl

/-- The weight gradient is the adjoint of the layer in its weight:
⟨δ, linear(x, weight, 0)⟩ = ⟨weight, ∂weight⟩ -/
theorem linear_weight_adjoint :
    δ.dot (linear exact g x weight 0) = weight.dot (linearWeightDeriv exact g x δ) :=
  (linearWeightReordered g).adjoint rfl addendsAt_zero fun _ => rfl

/-- The bias gradient is the adjoint of the layer in its bias:
⟨δ, linear(0, 0, bias)⟩ = ⟨bias, ∂bias⟩ -/
theorem linear_bias_adjoint :
    δ.dot (linear exact g 0 0 bias) = bias.dot (linearBiasDeriv exact g δ) :=
  (congrArg δ.dot (Contraction.eval_zero ..)).trans
    ((linearBiasReordered g).adjoint rfl (fun _ => rfl) fun _ => rfl)

/-- ⟨δ, derivative of the layer⟩ = ⟨∂x, dx⟩ + ⟨∂weight, dweight⟩ + ⟨∂bias, dbias⟩ -/
theorem linearNode_isGradient : (linearNode K g).IsGradient := fun (x, weight, bias, ⟨⟩) δ =>
  Contraction.dot_tangent (out := g.forward.out) (red := g.forward.red) (p := g.forward.factor)
    (q := g.forward.factors.headD ⟨"", []⟩) (b := g.forward.addends.headD ⟨"", []⟩) x weight bias δ
    (linear_input_adjoint ..) (linear_weight_adjoint ..) (linear_bias_adjoint ..)

end RuntimeApprox
