module

public import RuntimeApprox.Contraction.Adjoint
public import RuntimeApprox.Contraction.Dual
public import RuntimeApprox.Conv2d.VJP
public import RuntimeApprox.Graph.Gradient
public import RuntimeApprox.Nodes
public import RuntimeApprox.Tensor.Reshape.Theorems

/-!
# The vector-Jacobian products of nodes are their gradients

On dual numbers x + dx·ε a parametric node computes its own derivative. The rectifier has no derivative
at its kink; there both its derivative and its gradient are taken to be zero. An operation's derivative
is part of its definition: `relu_sub_relu` shows that the rectifier's is the true one elsewhere.

In the textbook's formulas `sum n fun i => f i` is Σ_{i < n} f i, and `t.entry [i, j, …]` is t[i, j, …]
with zeros outside t (the padding).

## Main definitions
* `ParametricNode.IsGradient`: ⟨δ, derivative along dx⟩ = ⟨vjp δ, dx⟩.

## Main results
* `ParametricNode.IsGradient.pass`: the law that `RevGraph.backprop_isGradient` asks of nodes.
* `addNode_isGradient`, `scaleNode_isGradient`, `reshapeNode_isGradient`, `divNode_isGradient`,
  `reluNode_isGradient`, `leakyReluNode_isGradient`.
* `relu_sub_relu`: away from the kink the rectifier is its derivative.
* `linear_textbook`, `avgPool_textbook`: an entry of the exact forward pass.
* `linear_input_adjoint`, `linear_weight_adjoint`, `linear_bias_adjoint`: each gradient is the adjoint
  of the forward pass in its operand.
* `linearNode_isGradient`: together they are the vector-Jacobian product.
* `avgPool_scale`: kh·kw·scale = 1, so that the forward pass is the average.
* `avgPool_adjoint`: the gradient is the adjoint of the forward pass.
* `avgPoolNode_isGradient`: the vector-Jacobian product is the gradient.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

/-- The vector-Jacobian product is the gradient of the forward pass: for operands x + dx·ε,
⟨δ, derivative along dx⟩ = ⟨vjp δ, dx⟩. -/
def ParametricNode.IsGradient {As : List (List Nat)} {s : List Nat} (n : ParametricNode K As s) : Prop :=
  ∀ (xs : Tensors (Dual K) As) (δ : Tensor K s),
    δ.dot ((n.forward dualNet xs).map Dual.tangent) =
      (n.vjp exactNet (xs.map Dual.value) δ).dot (xs.map Dual.tangent)

/-- On dual numbers a parametric node computes its values as well. -/
theorem ParametricNode.IsGradient.pass {As : List (List Nat)} {s : List Nat}
    {n : ParametricNode K As s} (h : n.IsGradient) : exactNet.pass.IsGradient dualNet.pass n :=
  fun xs => ⟨Tensor.ext fun i => (Tensor.get_map _ _ i).trans
    (n.forward_rel dualNet_respects_exactNet (Tensors.rel_map_right (fun _ => rfl) xs) i), h xs⟩

/-- Inner products with the same terms are equal. -/
theorem Tensor.dot_congr {s : List Nat} {t u t' u' : Tensor K s}
    (h : ∀ i, t.get i * u.get i = t'.get i * u'.get i) : t.dot u = t'.dot u' :=
  sums_congr s fun is => by
    rcases Tensor.entry_eq_get_or_zero (K := K) s (toInts is) with ⟨i, hi⟩ | h0
    · rw [hi, hi, hi, hi, h]
    · rw [h0, h0, h0, h0]

/-- The derivative of a contraction of x and y with the addend a, from the adjoints in each of them:
⟨δ, derivative along (dx, dy, da)⟩ = ⟨gx, dx⟩ + ⟨gy, dy⟩ + ⟨ga, da⟩. -/
theorem Contraction.dot_tangent {out : List (List Int)} {red : List Int} {p q b : Operand Int}
    (x : Tensor (Dual K) (extents p.axes)) (y : Tensor (Dual K) (extents q.axes))
    (a : Tensor (Dual K) (extents b.axes)) (δ : Tensor K (mergedShape out))
    {gx : Tensor K (extents p.axes)} {gy : Tensor K (extents q.axes)} {ga : Tensor K (extents b.axes)} :
    let c : Contraction Int := ⟨out, red, p, [q], [b]⟩
    δ.dot (eval exact c (x.map Dual.tangent, y.map Dual.value, ⟨⟩) ((0 : Tensor K _), ⟨⟩)) =
      (x.map Dual.tangent).dot gx →
    δ.dot (eval exact c (x.map Dual.value, y.map Dual.tangent, ⟨⟩) ((0 : Tensor K _), ⟨⟩)) =
      (y.map Dual.tangent).dot gy →
    δ.dot (eval exact c ((0 : Tensor K _), (0 : Tensor K _), ⟨⟩) (a.map Dual.tangent, ⟨⟩)) =
      (a.map Dual.tangent).dot ga →
    δ.dot ((eval dualNet.toArithmetic c (x, y, ⟨⟩) (a, ⟨⟩)).map Dual.tangent) =
      Tensors.dot (Γ := [extents p.axes, extents q.axes, extents b.axes]) (gx, gy, ga, ⟨⟩)
        (x.map Dual.tangent, y.map Dual.tangent, a.map Dual.tangent, ⟨⟩) := fun hx hy ha => by
  refine (congrArg δ.dot (tangent_eval (ads := [b]) x y (a, ⟨⟩))).trans
    ((Tensor.dot_add ..).trans ((congrArg (· + _) (Tensor.dot_add ..)).trans ?_))
  refine (congr (congrArg HAdd.hAdd (congr (congrArg HAdd.hAdd hx) hy)) ha).trans ?_
  rw [Tensor.dot_comm (x.map _), Tensor.dot_comm (y.map _), Tensor.dot_comm (a.map _)]
  have add_three : ∀ a b c : K, a + b + c = a + (b + (c + 0)) := fun _ _ _ => by grind
  exact add_three _ _ _

/-- ⟨δ, dx + dy⟩ = ⟨δ, dx⟩ + ⟨δ, dy⟩ -/
theorem addNode_isGradient (s : List Nat) : (addNode K s).IsGradient := fun (x, y, _) δ => by
  have : (Tensor.zipWith (dualNet (K := K)).add x y).map Dual.tangent =
      x.map Dual.tangent + y.map Dual.tangent := Tensor.ext fun i => by
    rw [Tensor.get_add]; simp only [Tensor.get_map, Tensor.get_zipWith]; rfl
  refine (congrArg δ.dot this).trans ((Tensor.dot_add ..).trans ?_)
  show _ = δ.dot (x.map Dual.tangent) + (δ.dot (y.map Dual.tangent) + (0 : K))
  grind

/-- ⟨δ, c·dx⟩ = ⟨c·δ, dx⟩ -/
theorem scaleNode_isGradient (c : K) (s : List Nat) : (scaleNode c s).IsGradient := fun (x, ⟨⟩) δ => by
  refine Eq.trans (Tensor.dot_congr fun i => ?_) (Tensors.dot_one _ _).symm
  simp only [Tensor.get_map]
  rw [show ((scaleNode c s).forward dualNet (x, ⟨⟩)).get i = _ from Tensor.get_map _ x i]
  show δ.get i * (0 * (x.get i).value + c * (x.get i).tangent) = c * δ.get i * (x.get i).tangent
  grind

/-- ⟨δ, reshape dx⟩ = ⟨reshape δ, dx⟩ -/
theorem reshapeNode_isGradient {s r : List Nat} (h : prod s = prod r) :
    (reshapeNode K h).IsGradient := fun (x, _) δ => by
  have : (x.reshape h).map Dual.tangent = (x.map Dual.tangent).reshape h := Tensor.ext fun i => by
    unfold Tensor.reshape; rw [Tensor.get_map, Tensor.get_ofFn, Tensor.get_ofFn, Tensor.get_map]
  refine (congrArg δ.dot this).trans ((Tensor.dot_reshape h _ δ).trans ?_)
  exact (Tensor.dot_comm ..).trans (Tensors.dot_one _ _).symm

/-- ⟨δ, relu′(x)·dx⟩ = ⟨relu′(x)·δ, dx⟩, with relu′(0) = 0 -/
theorem reluNode_isGradient (s : List Nat) : (reluNode K s).IsGradient := fun (x, ⟨⟩) δ => by
  refine Eq.trans (Tensor.dot_congr fun i => ?_) (Tensors.dot_one _ _).symm
  rw [Tensor.get_zipWith]
  simp only [Tensor.get_map]
  rw [show ((reluNode K s).forward dualNet (x, ⟨⟩)).get i = _ from
    Tensor.get_map (fun a => dualNet.apply₂ maxOp a dualNet.zero) x i]
  show δ.get i * ((if (x.get i).value ≤ 0 then 0 else 1) * (x.get i).tangent +
      (if (x.get i).value ≤ 0 then 1 else 0) * 0) =
    choose (x.get i).value 0 (δ.get i) * (x.get i).tangent
  unfold choose
  grind

/-- ⟨δ, f′(x)·dx⟩ = ⟨f′(x)·δ, dx⟩ for f(x) = max(x, c·x) with c < 1, and f′(0) = c -/
theorem leakyReluNode_isGradient {c : K} (hc : c < 1) (s : List Nat) :
    (leakyReluNode c s).IsGradient := fun (x, ⟨⟩) δ => by
  refine Eq.trans (Tensor.dot_congr fun i => ?_) (Tensors.dot_one _ _).symm
  rw [Tensor.get_zipWith]
  simp only [Tensor.get_map]
  rw [show ((leakyReluNode c s).forward dualNet (x, ⟨⟩)).get i = _ from
    Tensor.get_map (fun a => dualNet.apply₂ maxOp a (dualNet.mul (dualNet.const c) a)) x i]
  have kink : (x.get i).value ≤ c * (x.get i).value ↔ (x.get i).value ≤ 0 := by
    constructor
    · intro h
      rcases Std.IsLinearOrder.le_total (x.get i).value 0 with h' | h'
      · exact h'
      · have := mul_nonneg (show 0 ≤ 1 - c by grind) h'
        have : (1 - c) * (x.get i).value = 0 := by grind
        rcases Lean.Grind.Field.of_mul_eq_zero this with h'' | h'' <;> grind
    · intro h
      have := mul_nonneg (show 0 ≤ 1 - c by grind) (show 0 ≤ -(x.get i).value by grind)
      grind
  show δ.get i * ((if (x.get i).value ≤ c * (x.get i).value then 0 else 1) * (x.get i).tangent +
      (if (x.get i).value ≤ c * (x.get i).value then 1 else 0) *
        (0 * (x.get i).value + c * (x.get i).tangent)) =
    choose (x.get i).value (c * δ.get i) (δ.get i) * (x.get i).tangent
  unfold choose
  simp only [kink]
  grind

/-- ⟨δ, dx / c⟩ = ⟨δ / c, dx⟩ -/
theorem divNode_isGradient {c : K} (hc : 0 < c) (s : List Nat) : (divNode c hc s).IsGradient :=
  fun (x, ⟨⟩) δ => by
    refine Eq.trans (Tensor.dot_congr fun i => ?_) (Tensors.dot_one _ _).symm
    simp only [Tensor.get_map]
    rw [show ((divNode c hc s).forward dualNet (x, ⟨⟩)).get i = _ from Tensor.get_map _ x i]
    show δ.get i * (1 / c * (x.get i).tangent) = δ.get i / c * (x.get i).tangent
    rw [Lean.Grind.Field.div_eq_mul_inv, Lean.Grind.Field.div_eq_mul_inv]
    grind

/-- Away from the kink the rectifier is its derivative: max(x + d, 0) − max(x, 0) = d if x > 0 and
otherwise 0, for x ≠ 0 and |d| ≤ |x|. -/
theorem relu_sub_relu {x d : K} (hx : x ≠ 0) (hd : abs d ≤ abs x) :
    max (x + d) 0 - max x 0 = choose x 0 d := by
  have := abs_le.1 hd
  unfold max choose
  unfold abs at *
  grind

/-! ### The linear layer as in the textbook, and its gradients -/

section
variable (g : Linear)

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

end

/-! ### Average pooling as in the textbook, and its gradient -/

section
variable (g : Pool)

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

end

end RuntimeApprox
