module

public import RuntimeApprox.Contraction.Theorems
public import RuntimeApprox.Conv2d.Theorems
public import RuntimeApprox.Examples.Interval

/-!
# Intervals are sound

## Main results
* `exact_respects_intervals`: sums and products of contained numbers are contained.
* `conv2d_contains`, `conv2dBiasDeriv_contains`, `conv2dKernelDeriv_contains`,
  `conv2dInputDeriv_contains`: so are conv2d and its gradients.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

theorem min_le_left (x y : K) : min x y ≤ x := by unfold min; grind

theorem min_le_right (x y : K) : min x y ≤ y := by unfold min; grind

theorem le_min {x y z : K} (hx : z ≤ x) (hy : z ≤ y) : z ≤ min x y := by unfold min; grind

/-- min(a·y, b·y) ≤ x·y ≤ max(a·y, b·y) where a ≤ x ≤ b -/
theorem mul_between {a b x : K} (ha : a ≤ x) (hb : x ≤ b) (y : K) :
    min (a * y) (b * y) ≤ x * y ∧ x * y ≤ max (a * y) (b * y) := by
  by_cases hy : 0 ≤ y
  · have := mul_le_mul_left hy ha
    have := mul_le_mul_left hy hb
    unfold min max; grind
  · have := mul_le_mul_left (show 0 ≤ -y by grind) ha
    have := mul_le_mul_left (show 0 ≤ -y by grind) hb
    unfold min max; grind

/-- Exact arithmetic and intervals respect containment. -/
theorem exact_respects_intervals : (exact (K := K)).Respects intervals Interval.Contains where
  zero := by unfold Interval.Contains exact intervals; grind
  add _ _ _ _ hx hy := by unfold Interval.Contains exact intervals at *; grind
  mul x i y j hx hy := by
    have hl := mul_between hx.1 hx.2 j.low
    have hh := mul_between hx.1 hx.2 j.high
    have h := mul_between hy.1 hy.2 x
    unfold Interval.Contains exact intervals at *
    unfold min max at *
    grind

theorem Tensor.contains_within {s : List Nat} {t' t : Tensor K s} {eps : K}
    (h : approxT t' t eps) : t'.Rel Interval.Contains (t.within eps) := fun i => by
  have := abs_le.1 (h i)
  unfold Tensor.within Interval.Contains; rw [Tensor.get_map]; grind

variable (g : Conv2d) {x : Tensor K g.inputShape} {weight : Tensor K g.kernelShape}
  {bias : Tensor K g.biasShape} {δ : Tensor K g.outputShape} {xs : Tensor (Interval K) g.inputShape}
  {weights : Tensor (Interval K) g.kernelShape} {biases : Tensor (Interval K) g.biasShape}
  {δs : Tensor (Interval K) g.outputShape}

/-- The forward pass lies in its intervals. -/
theorem conv2d_contains (hx : x.Rel Interval.Contains xs)
    (hw : weight.Rel Interval.Contains weights) (hb : bias.Rel Interval.Contains biases) :
    (conv2d exact g x weight bias).Rel Interval.Contains (conv2d intervals g xs weights biases) :=
  Contraction.eval_rel exact_respects_intervals _ (.cons hx (.cons hw .nil)) (.cons hb .nil)

/-- The bias gradient lies in its intervals. -/
theorem conv2dBiasDeriv_contains (hδ : δ.Rel Interval.Contains δs) :
    (conv2dBiasDeriv exact g δ).Rel Interval.Contains (conv2dBiasDeriv intervals g δs) :=
  Contraction.eval_rel exact_respects_intervals _ (.cons hδ .nil) .nil

/-- The kernel gradient lies in its intervals. -/
theorem conv2dKernelDeriv_contains (hx : x.Rel Interval.Contains xs)
    (hδ : δ.Rel Interval.Contains δs) :
    (conv2dKernelDeriv exact g x δ).Rel Interval.Contains (conv2dKernelDeriv intervals g xs δs) :=
  Contraction.eval_rel exact_respects_intervals _ (.cons hx (.cons hδ .nil)) .nil

/-- The input gradient lies in its intervals. -/
theorem conv2dInputDeriv_contains (hw : weight.Rel Interval.Contains weights)
    (hδ : δ.Rel Interval.Contains δs) :
    (conv2dInputDeriv exact g weight δ).Rel Interval.Contains
      (conv2dInputDeriv intervals g weights δs) :=
  Contraction.eval_rel exact_respects_intervals _ (.cons hw (.cons hδ .nil)) .nil

end RuntimeApprox
