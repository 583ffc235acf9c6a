module

public import RuntimeApprox.Contraction.Adjoint
public import RuntimeApprox.Contraction.Dual
public import RuntimeApprox.Conv2d.VJP
public import RuntimeApprox.Graph.Gradient.Theorems
public import RuntimeApprox.Nodes
public import RuntimeApprox.Tensor.Reshape.Theorems

/-!
# The vector-Jacobian products of nodes are their gradients

On dual numbers x + dx·ε a parametric node computes its own derivative. The rectifier has no derivative
at its kink; there both its derivative and its gradient are taken to be zero. An operation's derivative
is part of its definition: `relu_sub_relu` shows that the rectifier's is the true one elsewhere.

## Main results
* `ParametricNode.IsGradient.pass`: the law that `RevGraph.backprop_isGradient` asks of nodes.
* `addNode_isGradient`, `scaleNode_isGradient`, `reshapeNode_isGradient`, `divNode_isGradient`,
  `reluNode_isGradient`, `leakyReluNode_isGradient`.
* `relu_sub_relu`: away from the kink the rectifier is its derivative.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

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

end RuntimeApprox
