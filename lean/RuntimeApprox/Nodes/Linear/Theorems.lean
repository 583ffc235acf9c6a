module

public import RuntimeApprox.Contraction.Dual
public import RuntimeApprox.Nodes.Linear
public import RuntimeApprox.Nodes.Theorems

/-!
# The linear layer and its gradients, as in the textbook

In the formulas `sum n fun i => f i` is Σ_{i < n} f i, and `t.entry [i, j]` is t[i, j].

## Main results
* `linear_textbook`, `linear_input_textbook`, `linear_weight_textbook`, `linear_bias_textbook`: an
  entry of the exact forward pass and of each exact gradient.
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

/-- ∂x[n, i] = Σ_o δ[n, o]·weight[o, i] -/
theorem linear_input_textbook (weight : Tensor K g.weightShape) (δ : Tensor K g.outputShape)
    (n : Fin g.batch) (i : Fin g.inFeatures) :
    (linearInputDeriv exact g weight δ).get (n, i, ()) =
      sum g.outFeatures fun o => δ.entry [n.1, o] * weight.entry [o, i.1] := by
  refine (Contraction.get_eval_exact g.inputGrad (δ, weight, ⟨⟩) ⟨⟩ (n, i, ())).trans ?_
  rw [show outIndices g.inputGrad.out (n, i, ()) = [n.1, i.1] from rfl]
  refine (Lean.Grind.Semiring.add_zero _).trans (sum_congr fun o _ =>
    congr (congrArg HMul.hMul (valueAt_of_indices ?_)) (valuesAt_one.trans (valueAt_of_indices ?_))) <;>
  simp [indices, Linear.inputGrad, linearInputGrad, Affine.eval_one, dot]

/-- ∂weight[o, i] = Σ_n δ[n, o]·x[n, i] -/
theorem linear_weight_textbook (x : Tensor K g.inputShape) (δ : Tensor K g.outputShape)
    (o : Fin g.outFeatures) (i : Fin g.inFeatures) :
    (linearWeightDeriv exact g x δ).get (o, i, ()) =
      sum g.batch fun n => δ.entry [n, o.1] * x.entry [n, i.1] := by
  refine (Contraction.get_eval_exact g.weightGrad (δ, x, ⟨⟩) ⟨⟩ (o, i, ())).trans ?_
  rw [show outIndices g.weightGrad.out (o, i, ()) = [o.1, i.1] from rfl]
  refine (Lean.Grind.Semiring.add_zero _).trans (sum_congr fun n _ =>
    congr (congrArg HMul.hMul (valueAt_of_indices ?_)) (valuesAt_one.trans (valueAt_of_indices ?_))) <;>
  simp [indices, Linear.weightGrad, linearWeightGrad, Affine.eval_one, dot]

/-- ∂bias[o] = Σ_n δ[n, o] -/
theorem linear_bias_textbook (δ : Tensor K g.outputShape) (o : Fin g.outFeatures) :
    (linearBiasDeriv exact g δ).get (o, ()) = sum g.batch fun n => δ.entry [n, o.1] := by
  refine (Contraction.get_eval_exact g.biasGrad (δ, ⟨⟩) ⟨⟩ (o, ())).trans ?_
  rw [show outIndices g.biasGrad.out (o, ()) = [o.1] from rfl]
  refine (Lean.Grind.Semiring.add_zero _).trans (sum_congr fun n _ =>
    (Lean.Grind.Semiring.mul_one _).trans (valueAt_of_indices ?_))
  simp [indices, Linear.biasGrad, linearBiasGrad, Affine.eval_one, dot]

/-! ### The adjoints -/

/-- Inside a tensor of two axes, `entry` is `get`. -/
theorem Tensor.entry_two {a b i j : Nat} (t : Tensor K [a, b]) (hi : i < a) (hj : j < b) :
    t.entry [i, j] = t.get (⟨i, hi⟩, ⟨j, hj⟩, ()) :=
  Tensor.entry_toInts (s := [a, b]) t (⟨i, hi⟩, ⟨j, hj⟩, ())

/-- The inner product of two tensors of two axes. -/
theorem Tensor.dot_two {a b : Nat} (t u : Tensor K [a, b]) :
    t.dot u = sum a fun i => sum b fun j => t.entry [i, j] * u.entry [i, j] := rfl

variable (x : Tensor K g.inputShape) (weight : Tensor K g.weightShape) (bias : Tensor K g.biasShape)
  (δ : Tensor K g.outputShape)

/-- ⟨δ, linear(x, weight, 0)⟩ = Σ_n Σ_o Σ_i δ[n, o]·(x[n, i]·weight[o, i]) -/
theorem dot_linear : δ.dot (linear exact g x weight 0) =
    sum g.batch fun n => sum g.outFeatures fun o => sum g.inFeatures fun i =>
      δ.entry [n, o] * (x.entry [n, i] * weight.entry [o, i]) := by
  rw [Tensor.dot_two]
  refine sum_congr fun n hn => sum_congr fun o ho => ?_
  rw [Tensor.entry_two (linear exact g x weight 0) hn ho, linear_textbook, ← mul_sum]
  simp only [Tensor.entry_zero, Lean.Grind.Semiring.add_zero]

/-- The input gradient is the adjoint of the layer in its input:
⟨δ, linear(x, weight, 0)⟩ = ⟨x, ∂x⟩ -/
theorem linear_input_adjoint :
    δ.dot (linear exact g x weight 0) = x.dot (linearInputDeriv exact g weight δ) := by
  rw [dot_linear, Tensor.dot_two]
  refine sum_congr fun n hn => (sum_comm ..).trans (sum_congr fun i hi => ?_)
  rw [Tensor.entry_two (linearInputDeriv exact g weight δ) hn hi, linear_input_textbook, mul_sum]
  exact sum_congr fun o _ => by grind

/-- The weight gradient is the adjoint of the layer in its weight:
⟨δ, linear(x, weight, 0)⟩ = ⟨weight, ∂weight⟩ -/
theorem linear_weight_adjoint :
    δ.dot (linear exact g x weight 0) = weight.dot (linearWeightDeriv exact g x δ) := by
  rw [dot_linear, Tensor.dot_two, sum_comm]
  refine sum_congr fun o ho => (sum_comm ..).trans (sum_congr fun i hi => ?_)
  rw [Tensor.entry_two (linearWeightDeriv exact g x δ) ho hi, linear_weight_textbook, mul_sum]
  exact sum_congr fun n _ => by grind

/-- The bias gradient is the adjoint of the layer in its bias:
⟨δ, linear(0, weight, bias)⟩ = ⟨bias, ∂bias⟩ -/
theorem linear_bias_adjoint :
    δ.dot (linear exact g 0 weight bias) = bias.dot (linearBiasDeriv exact g δ) := by
  rw [Tensor.dot_two, Tensor.dot_one, sum_comm]
  refine sum_congr fun o ho => ?_
  rw [Tensor.entry_one (linearBiasDeriv exact g δ) ho, linear_bias_textbook, mul_sum]
  refine sum_congr fun n hn => ?_
  rw [Tensor.entry_two (linear exact g 0 weight bias) hn ho, linear_textbook]
  simp only [Tensor.entry_zero, Lean.Grind.Semiring.zero_mul, sum_zero]
  grind

/-- ⟨δ, derivative of the layer⟩ = ⟨∂x, dx⟩ + ⟨∂weight, dweight⟩ + ⟨∂bias, dbias⟩ -/
theorem linearNode_isGradient : (linearNode K g).IsGradient := fun (x, weight, bias, ⟨⟩) δ => by
  refine (congrArg δ.dot (Contraction.tangent_eval (out := g.forward.out) (red := g.forward.red)
    (p := g.forward.factor) (q := g.forward.factors.headD ⟨"", []⟩) (ads := g.forward.addends) x weight
    (bias, ⟨⟩))).trans
    ((Tensor.dot_add ..).trans ((congrArg (· + _) (Tensor.dot_add ..)).trans ?_))
  have hx := linear_input_adjoint g (x.map Dual.tangent) (weight.map Dual.value) δ
  have hw := linear_weight_adjoint g (x.map Dual.value) (weight.map Dual.tangent) δ
  have hb := linear_bias_adjoint g (0 : Tensor K g.weightShape) (bias.map Dual.tangent) δ
  refine (congr (congrArg HAdd.hAdd (congr (congrArg HAdd.hAdd hx) hw)) hb).trans ?_
  rw [Tensor.dot_comm (x.map _), Tensor.dot_comm (weight.map _), Tensor.dot_comm (bias.map _)]
  exact add_three _ _ _

end RuntimeApprox
