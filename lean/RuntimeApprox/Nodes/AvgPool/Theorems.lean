module

public import RuntimeApprox.Contraction.Exact
public import RuntimeApprox.Nodes.AvgPool
public import RuntimeApprox.Nodes.Theorems

/-!
# Average pooling and its gradient, as in the textbook

In the formulas `sum n fun i => f i` is Σ_{i < n} f i, and `t.entry [i, j, …]` is t[i, j, …] with
zeros outside t (the padding).

## Main results
* `avgPool_textbook`, `avgPool_grad_textbook`: an entry of the exact forward pass and gradient.
* `avgPool_scale`: kh·kw·scale = 1, so that the forward pass is the average.
* `avgPoolRevNode_isAdjoint`: the gradient is the adjoint of the forward pass.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K] (g : Pool)

/-- y[n, c, oh, ow] = Σ_kh Σ_kw x[n, c, oh·sh + kh·dh − pt, ow·sw + kw·dw − pl]·scale -/
theorem avgPool_textbook (scale : K) (x : Tensor K g.inputShape) (n : Fin g.batch)
    (c : Fin g.channels) (oh : Fin g.height.output) (ow : Fin g.width.output) :
    (avgPool exact g scale x).get (n, c, oh, ow, ()) =
      sum g.height.kernel fun kh => sum g.width.kernel fun kw =>
        x.entry [n.1, c.1, oh.1 * g.height.stride + kh * g.height.dilation - g.height.padBegin,
          ow.1 * g.width.stride + kw * g.width.dilation - g.width.padBegin] * scale := by
  refine (Contraction.get_eval_exact g.forward (x, scale, ⟨⟩) ⟨⟩ (n, c, oh, ow, ())).trans ?_
  rw [show outIndices g.forward.out (n, c, oh, ow, ()) = [n.1, c.1, oh.1, ow.1] from rfl]
  refine (Lean.Grind.Semiring.add_zero _).trans (sum_congr fun kh _ => sum_congr fun kw _ =>
    congr (congrArg HMul.hMul (valueAt_of_indices ?_))
      (valuesAt_one.trans (valueAt_of_indices (is := []) rfl)))
  simp [indices, Pool.forward, avgPoolForward, Affine.eval_one, dot, Pool.sizes, Conv2d.sizes,
    Int.mul_comm, Int.sub_eq_add_neg]

/-- ∂x[n, c, h, w] = Σ_kh Σ_kw δ[n, c, (h + pt − kh·dh)/sh, (w + pl − kw·dw)/sw]·scale over the taps
where sh divides h + pt − kh·dh and sw divides w + pl − kw·dw. -/
theorem avgPool_grad_textbook (scale : K) (δ : Tensor K g.outputShape) (n : Fin g.batch)
    (c : Fin g.channels) (h : Fin g.height.size) (w : Fin g.width.size) :
    (avgPoolDeriv exact g scale δ).get (n, c, h, w, ()) =
      sum g.height.kernel fun kh => sum g.width.kernel fun kw =>
        (if (g.height.stride : Int) ∣ h.1 + g.height.padBegin - kh * g.height.dilation ∧
            (g.width.stride : Int) ∣ w.1 + g.width.padBegin - kw * g.width.dilation then
          δ.entry [n.1, c.1, (h.1 + g.height.padBegin - kh * g.height.dilation) / g.height.stride,
            (w.1 + g.width.padBegin - kw * g.width.dilation) / g.width.stride]
        else 0) * scale := by
  refine (Contraction.get_eval_exact g.grad (δ, scale, ⟨⟩) ⟨⟩ (n, c, h, w, ())).trans ?_
  rw [show outIndices g.grad.out (n, c, h, w, ()) = [n.1, c.1, h.1, w.1] from rfl]
  refine (Lean.Grind.Semiring.add_zero _).trans (sum_congr fun kh _ => sum_congr fun kw _ =>
    congr (congrArg HMul.hMul ?_) (valuesAt_one.trans (valueAt_of_indices (is := []) rfl)))
  have form : ∀ a b c d : Int, a + b * -c + d = a + d - b * c := fun _ _ _ _ => by
    rw [Int.mul_neg]; omega
  have hs := Affine.eval_of_pos (Int.natCast_pos.2 g.height.stride_pos)
  have hs' := Affine.eval_of_pos (Int.natCast_pos.2 g.width.stride_pos)
  split
  · next hd =>
    refine valueAt_of_indices ?_
    simp [indices, Pool.grad, avgPoolGrad, Pool.sizes, Affine.eval_one, hs, hs', dot, Conv2d.sizes,
      Int.mul_comm, form, hd.1, hd.2]
  · next hd =>
    refine valueAt_of_none ?_
    by_cases hh : (g.height.stride : Int) ∣ h.1 + g.height.padBegin - kh * g.height.dilation
    · have hw : ¬(g.width.stride : Int) ∣ w.1 + g.width.padBegin - kw * g.width.dilation :=
        fun hw => hd ⟨hh, hw⟩
      simp [indices, Pool.grad, avgPoolGrad, Pool.sizes, Affine.eval_one, hs, hs', dot, Conv2d.sizes,
        Int.mul_comm, form, hh, hw]
    · simp [indices, Pool.grad, avgPoolGrad, Pool.sizes, Affine.eval_one, hs, hs', dot, Conv2d.sizes,
        Int.mul_comm, form, hh]

/-! ### The adjoint -/

/-- For one image, channel and tap: the sum over the outputs is a sum over the inputs. -/
theorem avgPool_outputs_eq_inputs (x : Tensor K g.inputShape) (δ : Tensor K g.outputShape)
    (n c : Int) (kh kw : Nat) :
    (sum g.height.output fun oh => sum g.width.output fun ow =>
      x.entry [n, c, oh * g.height.stride + kh * g.height.dilation - g.height.padBegin,
        ow * g.width.stride + kw * g.width.dilation - g.width.padBegin] * δ.entry [n, c, oh, ow]) =
    sum g.height.size fun h => sum g.width.size fun w =>
      if (g.height.stride : Int) ∣ h + g.height.padBegin - kh * g.height.dilation ∧
          (g.width.stride : Int) ∣ w + g.width.padBegin - kw * g.width.dilation then
        x.entry [n, c, h, w] *
          δ.entry [n, c, (h + g.height.padBegin - kh * g.height.dilation) / g.height.stride,
            (w + g.width.padBegin - kw * g.width.dilation) / g.width.stride]
      else 0 := by
  have outside : ∀ {a b p q : Nat} (t : Tensor K [a, b, p, q]) (i j : Int),
      (¬(0 ≤ i ∧ i < p) ∨ ¬(0 ≤ j ∧ j < q)) → t.entry [n, c, i, j] = 0 := fun {a b p q} t i j h =>
    Tensor.entry_cons_eq_zero _ _ fun _ => Tensor.entry_cons_eq_zero _ _ fun _ => by
      by_cases hi : 0 ≤ i ∧ i < (p : Int)
      · exact Tensor.entry_cons_eq_zero _ _ fun _ =>
          Tensor.entry_outside _ _ (h.resolve_left fun k => k hi)
      · exact Tensor.entry_outside _ _ hi
  refine sum_stride_two (Int.natCast_pos.2 g.height.stride_pos) (Int.natCast_pos.2 g.width.stride_pos)
    _ _ _ _ (f := fun h w oh ow => x.entry [n, c, h, w] * δ.entry [n, c, oh, ow]) ?_ ?_ ?_ ?_
  all_goals
    intro h w oh ow hi
    show x.entry [n, c, h, w] * δ.entry [n, c, oh, ow] = 0
  · rw [outside x h w (.inl hi), Lean.Grind.Semiring.zero_mul]
  · rw [outside x h w (.inr hi), Lean.Grind.Semiring.zero_mul]
  · rw [outside δ oh ow (.inl hi), Lean.Grind.Semiring.mul_zero]
  · rw [outside δ oh ow (.inr hi), Lean.Grind.Semiring.mul_zero]

/-- The gradient of average pooling is its adjoint, at any scale: ⟨δ, pool(x)⟩ = ⟨x, ∂x⟩ -/
theorem avgPool_adjoint (scale : K) (x : Tensor K g.inputShape) (δ : Tensor K g.outputShape) :
    δ.dot (avgPool exact g scale x) = x.dot (avgPoolDeriv exact g scale δ) := by
  rw [Tensor.dot_four, Tensor.dot_four]
  refine sum_congr fun n hn => sum_congr fun c hc => ?_
  have pairing : (sum g.height.output fun oh => sum g.width.output fun ow =>
      sum g.height.kernel fun kh => sum g.width.kernel fun kw => scale * (
        x.entry [n, c, oh * g.height.stride + kh * g.height.dilation - g.height.padBegin,
          ow * g.width.stride + kw * g.width.dilation - g.width.padBegin] *
        δ.entry [n, c, oh, ow])) =
      sum g.height.output fun oh => sum g.width.output fun ow =>
        δ.entry [n, c, oh, ow] * (avgPool exact g scale x).entry [n, c, oh, ow] :=
    sum_congr fun oh hoh => sum_congr fun ow how => by
      rw [Tensor.entry_four (avgPool exact g scale x) hn hc hoh how, avgPool_textbook]
      simp only [mul_sum]
      exact sum_congr fun kh _ => sum_congr fun kw _ => by grind
  rw [← pairing]
  simp only [sum_comm g.height.output g.height.kernel, sum_comm g.height.output g.width.kernel,
    sum_comm g.width.output g.height.kernel, sum_comm g.width.output g.width.kernel, ← mul_sum,
    avgPool_outputs_eq_inputs]
  simp only [mul_sum, sum_comm g.height.kernel g.height.size, sum_comm g.height.kernel g.width.size,
    sum_comm g.width.kernel g.height.size, sum_comm g.width.kernel g.width.size]
  refine sum_congr fun h hh => sum_congr fun w hw => ?_
  rw [Tensor.entry_four (avgPoolDeriv exact g scale δ) hn hc hh hw, avgPool_grad_textbook]
  simp only [mul_sum]
  exact sum_congr fun kh _ => sum_congr fun kw _ => by grind

/-- ⟨δ, pool(x)⟩ = ⟨x, vjp δ⟩ -/
theorem avgPoolRevNode_isAdjoint : (avgPoolRevNode K g).IsAdjoint := fun (x, _) _ δ =>
  (avgPool_adjoint g (g.scale K) x δ).trans (Tensors.dot_one x _).symm

attribute [local instance] Lean.Grind.Semiring.natCast in
/-- kh·kw·scale = 1 -/
theorem avgPool_scale : ((g.height.kernel * g.width.kernel : Nat) : K) * g.scale K = 1 := by
  have hk : 0 < g.height.kernel * g.width.kernel :=
    Nat.mul_pos g.height.kernel_pos g.width.kernel_pos
  refine Lean.Grind.Field.mul_inv_cancel fun h => ?_
  have := (Lean.Grind.IsCharP.natCast_eq_zero_iff (α := K) 0 _).1 h
  rw [Nat.mod_zero] at this
  omega

end RuntimeApprox
