module

public import RuntimeApprox.Contraction.Dual
public import RuntimeApprox.Conv2d.VJP
public import RuntimeApprox.Nodes.AvgPool
public import RuntimeApprox.Nodes.Theorems

/-!
# Average pooling and its gradient, as in the textbook

In the formulas `sum n fun i => f i` is Σ_{i < n} f i, and `t.entry [i, j, …]` is t[i, j, …] with
zeros outside t (the padding).

## Main results
* `avgPool_textbook`, `avgPool_grad_textbook`: an entry of the exact forward pass and gradient.
* `avgPool_scale`: kh·kw·scale = 1, so that the forward pass is the average.
* `avgPool_adjoint`: the gradient is the adjoint of the forward pass.
* `avgPoolNode_isGradient`: the vector-Jacobian product is the gradient.
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

theorem sum_one (f : Nat → K) : sum 1 f = f 0 := by
  show (0 : K) + f 0 = f 0; grind

/-- The gradient of average pooling is its adjoint, at any scale: ⟨δ, pool(x)⟩ = ⟨x, ∂x⟩ -/
theorem avgPool_adjoint (scale : K) (x : Tensor K g.inputShape) (δ : Tensor K g.outputShape) :
    δ.dot (avgPool exact g scale x) = x.dot (avgPoolDeriv exact g scale δ) := by
  have taps := sums_taps ⟨g.batch, g.channels, 1, 1, g.height, g.width⟩
    (fun n c h w => x.entry [n, c, h, w]) (fun _ _ _ _ => scale)
    (fun n c oh ow => δ.entry [n, c, oh, ow]) Tensor.inside_four Tensor.inside_four
  simp only [sums, sum_one, Nat.mul_one, Int.natCast_one, Int.ediv_one, Int.mul_one,
    Int.natCast_zero, Int.add_zero] at taps
  rw [Tensor.dot_four, Tensor.dot_four]
  refine Eq.trans ?_ (taps.trans ?_) <;>
    refine sum_congr fun n hn => sum_congr fun c hc => sum_congr fun h hh => sum_congr fun w hw => ?_
  · rw [Tensor.entry_four (avgPool exact g scale x) hn hc hh hw, avgPool_textbook]
    simp only [mul_sum]
    exact sum_congr fun _ _ => sum_congr fun _ _ => by grind
  · rw [Tensor.entry_four (avgPoolDeriv exact g scale δ) hn hc hh hw, avgPool_grad_textbook]
    simp only [mul_sum]
    exact sum_congr fun _ _ => sum_congr fun _ _ => by grind

/-- ⟨δ, pool(dx)⟩ = ⟨vjp δ, dx⟩ -/
theorem avgPoolNode_isGradient : (avgPoolNode K g).IsGradient := fun (x, ⟨⟩) δ => by
  refine (congrArg δ.dot (Contraction.tangent_eval (out := g.forward.out) (red := g.forward.red)
    (p := g.forward.factor) (q := ⟨"scale", []⟩) (ads := []) x (⟨g.scale K, 0⟩ : Dual K) ⟨⟩)).trans
    ((Tensor.dot_add ..).trans ((congrArg (· + _) (Tensor.dot_add ..)).trans ?_))
  have h := avgPool_adjoint g (g.scale K) (x.map Dual.tangent) δ
  have zero : ∀ x : Tensor K g.inputShape, δ.dot (avgPool exact g (0 : K) x) = 0 := fun x => by
    have h : avgPool exact g (0 : K) x = 0 := Tensor.ext fun (n, c, oh, ow, ⟨⟩) => by
      rw [avgPool_textbook, Tensor.get_zero]
      simp only [Lean.Grind.Semiring.mul_zero, sum_zero]
    rw [h, Tensor.dot_comm, Tensor.zero_dot]
  refine (congr (congrArg HAdd.hAdd (congr (congrArg HAdd.hAdd h) (zero _))) (zero _)).trans ?_
  rw [Tensor.dot_comm (x.map _)]
  exact Lean.Grind.Semiring.add_zero _

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
