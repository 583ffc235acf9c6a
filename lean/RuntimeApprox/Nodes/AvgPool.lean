module

public import RuntimeApprox.Contraction.Dual
public import RuntimeApprox.Conv2d.VJP
public import RuntimeApprox.Nodes
public import RuntimeApprox.Nodes.Theorems

/-!
# Average pooling as in the textbook, and its gradient

In the formulas `sum n fun i => f i` is Σ_{i < n} f i, and `t.entry [i, j, …]` is t[i, j, …] with
zeros outside t (the padding).

## Main results
* `avgPool_textbook`: an entry of the exact forward pass.
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

/-! ### The adjoint -/

attribute [local simp] Contraction.reads places position toNats prod indices Affine.eval_one dot
  Pool.sizes Conv2d.sizes

theorem avgPoolForward_reads (n c oh ow kh kw : Nat) : g.forward.reads [n, c, oh, ow] [kh, kw] =
    ([some [n, c, oh, ow],
      some [n, c, oh * g.height.stride + kh * g.height.dilation - g.height.padBegin,
        ow * g.width.stride + kw * g.width.dilation - g.width.padBegin], some []] :
      List (Option (List Int))) := by
  simp [Pool.forward, avgPoolForward, Int.mul_comm, Int.sub_eq_add_neg]

theorem avgPoolGrad_reads (n c h w kh kw : Nat) : g.grad.reads [n, c, h, w] [kh, kw] =
    ([some [n, c, h, w],
      if (g.height.stride : Int) ∣ h + g.height.padBegin - kh * g.height.dilation ∧
          (g.width.stride : Int) ∣ w + g.width.padBegin - kw * g.width.dilation then
        some [n, c, (h + g.height.padBegin - kh * g.height.dilation) / g.height.stride,
          (w + g.width.padBegin - kw * g.width.dilation) / g.width.stride]
      else none, some []] : List (Option (List Int))) := by
  have form : ∀ a b c d : Int, a + b * -c + d = a + d - b * c := fun _ _ _ _ => by
    rw [Int.mul_neg]; omega
  have hs := Affine.eval_of_pos (Int.natCast_pos.2 g.height.stride_pos)
  have hs' := Affine.eval_of_pos (Int.natCast_pos.2 g.width.stride_pos)
  by_cases hh : (g.height.stride : Int) ∣ h + g.height.padBegin - kh * g.height.dilation <;>
    by_cases hw : (g.width.stride : Int) ∣ w + g.width.padBegin - kw * g.width.dilation <;>
    simp [Pool.grad, avgPoolGrad, Int.mul_comm, hs, hs', form, hh, hw]

/-- The gradient: of (δ, x, scale) the second comes first. -/
def avgPoolReordered : g.forward.Reordered g.grad [1, 0, 2] where
  there
    | [n, c, oh, ow], [kh, kw] =>
      ([n, c, (oh * g.height.stride + kh * g.height.dilation - g.height.padBegin : Int).toNat,
        (ow * g.width.stride + kw * g.width.dilation - g.width.padBegin : Int).toNat], [kh, kw])
    | _, _ => ([], [])
  back
    | [n, c, h, w], [kh, kw] =>
      ([n, c, ((h + g.height.padBegin - kh * g.height.dilation) / g.height.stride : Int).toNat,
        ((w + g.width.padBegin - kw * g.width.dilation) / g.width.stride : Int).toNat], [kh, kw])
    | _, _ => ([], [])
  length := rfl
  length_back := rfl
  perm := by decide
  reads_there n hn c hc oh hoh ow how kh hkh kw hkw h := by
    unfold Contraction.Live at h
    rw [avgPoolForward_reads] at h ⊢
    have h : Inside g.inputShape _ := h.2.1
    obtain ⟨eh, dh, qh⟩ := place_input (Int.natCast_pos.2 g.height.stride_pos) h.2.2.1.1
    obtain ⟨ew, dw, qw⟩ := place_input (Int.natCast_pos.2 g.width.stride_pos) h.2.2.2.1.1
    refine ⟨⟨hn, hc, (Int.toNat_lt h.2.2.1.1).2 h.2.2.1.2, (Int.toNat_lt h.2.2.2.1.1).2 h.2.2.2.1.2,
      trivial⟩, ⟨hkh, hkw, trivial⟩, ?_, ?_⟩
    · simp only [qh, qw, Int.toNat_natCast]
    · rw [avgPoolGrad_reads, if_pos ⟨dh, dw⟩, qh, qw, eh, ew]; rfl
  reads_back n hn c hc h hh w hw kh hkh kw hkw hin := by
    unfold Contraction.Live at hin
    rw [avgPoolGrad_reads] at hin ⊢
    by_cases hd : (g.height.stride : Int) ∣ h + g.height.padBegin - kh * g.height.dilation ∧
      (g.width.stride : Int) ∣ w + g.width.padBegin - kw * g.width.dilation
    · rw [if_pos hd] at hin ⊢
      have hin : Inside g.outputShape _ := hin.2.1
      obtain ⟨eh, ph⟩ := place_output (Int.natCast_pos.2 g.height.stride_pos) hd.1 hin.2.2.1.1
      obtain ⟨ew, pw⟩ := place_output (Int.natCast_pos.2 g.width.stride_pos) hd.2 hin.2.2.2.1.1
      refine ⟨⟨hn, hc, (Int.toNat_lt hin.2.2.1.1).2 hin.2.2.1.2,
        (Int.toNat_lt hin.2.2.2.1.1).2 hin.2.2.2.1.2, trivial⟩, ⟨hkh, hkw, trivial⟩, ?_, ?_⟩
      · simp only [ph, pw, Int.toNat_natCast]
      · rw [avgPoolForward_reads, ph, pw, eh, ew]; rfl
    · rw [if_neg hd] at hin
      exact hin.2.1.elim

/-- The gradient of average pooling is its adjoint, at any scale: ⟨δ, pool(x)⟩ = ⟨x, ∂x⟩ -/
theorem avgPool_adjoint (scale : K) (x : Tensor K g.inputShape) (δ : Tensor K g.outputShape) :
    δ.dot (avgPool exact g scale x) = x.dot (avgPoolDeriv exact g scale δ) :=
  (avgPoolReordered g).adjoint rfl (fun _ => rfl) fun _ => rfl

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
