module

public import RuntimeApprox.Certificate
public import RuntimeApprox.Contraction.Numerals.Theorems
public import RuntimeApprox.Conv2d.Theorems
public import RuntimeApprox.Dyad.Theorems
public import RuntimeApprox.Graph.Theorems

/-!
# What a certificate proves

## Main results
* `checked_respects_balls`: balls have the values, eps and overflow of the checked arithmetic.
* `Contraction.certify_iff`: the evaluation on balls decides the claims.
* Instances of `Decidable (Certified …)` for the forward pass and the three gradients, which
  `decide +kernel` uses.
* `Certified.within_forward`, `Certified.within_bias`, `Certified.within_kernel`,
  `Certified.within_input`: every claimed value is within its bound of the exact result, for all
  exact operands within eps of the given ones.
* `Certified.computed_forward`, …: the claimed values are what IEEE 754 computes.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-- Balls have the values, eps and overflow of the checked arithmetic. -/
theorem checked_respects_balls (f : Format) :
    (checked f).Respects (balls f) fun c b => c = b.checked where
  zero := by
    show _ = Ball.checked ⟨⟨0, 0⟩, ⟨0, 0⟩, true⟩
    have : (⟨0, 0⟩ : Dyad).toRat = 0 := by rw [Dyad.toRat, Rat.intCast_zero, Rat.zero_mul]
    unfold Ball.checked; rw [this]; rfl
  add _ x _ y hx hy := by
    subst hx hy
    show _ = Ball.checked (Ball.rounded f x y _ _)
    unfold Ball.checked Ball.rounded
    simp only [Dyad.overflows_eq, Dyad.toRat_round, Dyad.toRat_add, Dyad.toRat_halfUlp]
    rfl
  mul _ x _ y hx hy := by
    subst hx hy
    show _ = Ball.checked (Ball.rounded f x y _ _)
    unfold Ball.checked Ball.rounded
    simp only [Dyad.overflows_eq, Dyad.toRat_round, Dyad.toRat_add, Dyad.toRat_mul,
      Dyad.toRat_abs, Dyad.toRat_halfUlp]
    rfl

theorem Tensor.rel_map_checked {s : List Nat} (t : Tensor Ball s) :
    Tensor.Rel (fun c b => c = Ball.checked b) (t.map Ball.checked) t := Tensor.get_map _ t

theorem Ball.meets_iff {b : Ball} {c : Claim} : b.meets c = true ↔
    b.checked.finite = true ∧ b.checked.approx.value = c.value.toRat ∧
      b.checked.approx.eps ≤ c.bound.toRat := by
  unfold meets
  rw [Bool.and_eq_true, Bool.and_eq_true, Dyad.eq_iff, Dyad.le_iff]; rfl

/-- The evaluation on balls decides the claims about a contraction's result. -/
theorem Contraction.certify_iff {f : Format} (c : Contraction Int) {fs : c.Factors Checked}
    {bs : c.Factors Ball} (hf : Tensors.Rel (fun c b => c = Ball.checked b) fs bs)
    {as : c.Addends Checked} {bas : c.Addends Ball}
    (ha : Tensors.Rel (fun c b => c = Ball.checked b) as bas) (ks : List Claim) :
    certify f c bs bas ks = true ↔ Certified (eval (checked f) c fs as) ks := by
  induction ks with
  | nil => exact ⟨fun _ _ h => absurd h List.not_mem_nil, fun _ => rfl⟩
  | cons k ks ih =>
    unfold Certified at ih ⊢
    rw [List.forall_mem_cons, ← ih, certify, Bool.and_eq_true]
    refine and_congr_left' ?_
    unfold Claim.Holds
    cases Index.ofList c.shape k.place with
    | none => simp
    | some i =>
      simp only [Option.some.injEq, exists_eq_left']
      unfold eval
      rw [Tensor.get_ofFn, evalAt_rel (checked_respects_balls f) c hf ha, entryAt_eq]
      exact Ball.meets_iff

section
variable {f : Format} {g : Conv2d} {ks : List Claim}

instance (x : Tensor Ball g.inputShape) (weight : Tensor Ball g.kernelShape)
    (bias : Tensor Ball g.biasShape) : Decidable (Certified (conv2d (checked f) g
      (x.map Ball.checked) (weight.map Ball.checked) (bias.map Ball.checked)) ks) :=
  decidable_of_iff _ (Contraction.certify_iff (conv2dForward g.sizes)
    (.cons x.rel_map_checked (.cons weight.rel_map_checked .nil))
    (.cons bias.rel_map_checked .nil) ks)

instance (δ : Tensor Ball g.outputShape) :
    Decidable (Certified (conv2dBiasDeriv (checked f) g (δ.map Ball.checked)) ks) :=
  decidable_of_iff _ (Contraction.certify_iff (conv2dBiasGrad g.sizes)
    (.cons δ.rel_map_checked .nil) .nil ks)

instance (x : Tensor Ball g.inputShape) (δ : Tensor Ball g.outputShape) : Decidable
    (Certified (conv2dKernelDeriv (checked f) g (x.map Ball.checked) (δ.map Ball.checked)) ks) :=
  decidable_of_iff _ (Contraction.certify_iff (conv2dKernelGrad g.sizes)
    (.cons x.rel_map_checked (.cons δ.rel_map_checked .nil)) .nil ks)

instance (weight : Tensor Ball g.kernelShape) (δ : Tensor Ball g.outputShape) : Decidable
    (Certified (conv2dInputDeriv (checked f) g (weight.map Ball.checked) (δ.map Ball.checked)) ks) :=
  decidable_of_iff _ (Contraction.certify_iff (conv2dInputGrad g.sizes)
    (.cons weight.rel_map_checked (.cons δ.rel_map_checked .nil)) .nil ks)

end

/-! ### What follows of the exact results -/

theorem Tensor.encloses_of_map_checked {s : List Nat} {t' : Tensor Rat s} {t : Tensor Ball s}
    (h : t'.Rel Ball.Encloses t) :
    t'.Rel Checked.Encloses (t.map Ball.checked) := fun i => by
  rw [Tensor.get_map]; exact h i

theorem Tensor.hasIeee_map_checked {s : List Nat} (t : Tensor Ball s) :
    (t.map Ball.ieee).Rel Checked.HasIeee (t.map Ball.checked) := fun i => by
  rw [Tensor.get_map, Tensor.get_map]
  unfold Ball.ieee Ball.checked
  split
  · next h => exact ⟨h, rfl⟩
  · next h => exact eq_false_of_ne_true h

namespace Certified

section
variable {s : List Nat} {t : Tensor Checked s} {ks : List Claim} (h : Certified t ks)
include h

/-- Claimed values are within their bounds of a tensor that the pairs enclose. -/
theorem within {t' : Tensor Rat s} (ht : t'.Rel Checked.Encloses t) :
    ∀ c ∈ ks, c.Within t' := fun c hc => by
  have ⟨i, hi, _, hv, he⟩ := h c hc
  exact ⟨i, hi, hv ▸ Std.IsPreorder.le_trans _ _ _ (ht i) he⟩

/-- Claimed values are the entries of a tensor of IEEE 754 values that the pairs have. -/
theorem computed {t' : Tensor Format.Value s} (ht : t'.Rel Checked.HasIeee t) :
    ∀ c ∈ ks, c.Computed t' := fun c hc => by
  have ⟨i, hi, hf, hv, _⟩ := h c hc
  exact ⟨i, hi, (ht i).eq_finite_iff.2 ⟨hf, hv⟩⟩

end

variable {f : Format} {g : Conv2d} {ks : List Claim} {x : Tensor Ball g.inputShape}
  {weight : Tensor Ball g.kernelShape} {bias : Tensor Ball g.biasShape}
  {δ : Tensor Ball g.outputShape} {x' : Tensor Rat g.inputShape} {weight' : Tensor Rat g.kernelShape}
  {bias' : Tensor Rat g.biasShape} {δ' : Tensor Rat g.outputShape}

/-- |value − exact forward pass| ≤ bound at every claimed place, for all exact operands within eps
of the given ones. -/
theorem within_forward (h : Certified (conv2d (checked f) g (x.map Ball.checked)
      (weight.map Ball.checked) (bias.map Ball.checked)) ks) (hx : x'.Rel Ball.Encloses x)
    (hw : weight'.Rel Ball.Encloses weight) (hb : bias'.Rel Ball.Encloses bias) :
    ∀ c ∈ ks, c.Within (conv2d exact g x' weight' bias') :=
  h.within (Contraction.eval_rel (exactNet_respects_checkedNet f).toRespects
    (conv2dForward g.sizes)
    (.cons (Tensor.encloses_of_map_checked hx) (.cons (Tensor.encloses_of_map_checked hw) .nil))
    (.cons (Tensor.encloses_of_map_checked hb) .nil))

/-- |value − exact bias gradient| ≤ bound at every claimed place. -/
theorem within_bias
    (h : Certified (conv2dBiasDeriv (checked f) g (δ.map Ball.checked)) ks)
    (hδ : δ'.Rel Ball.Encloses δ) : ∀ c ∈ ks, c.Within (conv2dBiasDeriv exact g δ') :=
  h.within (Contraction.eval_rel (exactNet_respects_checkedNet f).toRespects
    (conv2dBiasGrad g.sizes)
    (.cons (Tensor.encloses_of_map_checked hδ) .nil) .nil)

/-- |value − exact kernel gradient| ≤ bound at every claimed place. -/
theorem within_kernel (h : Certified (conv2dKernelDeriv (checked f) g (x.map Ball.checked)
      (δ.map Ball.checked)) ks) (hx : x'.Rel Ball.Encloses x) (hδ : δ'.Rel Ball.Encloses δ) :
    ∀ c ∈ ks, c.Within (conv2dKernelDeriv exact g x' δ') :=
  h.within (Contraction.eval_rel (exactNet_respects_checkedNet f).toRespects
    (conv2dKernelGrad g.sizes)
    (.cons (Tensor.encloses_of_map_checked hx) (.cons (Tensor.encloses_of_map_checked hδ) .nil))
    .nil)

/-- |value − exact input gradient| ≤ bound at every claimed place. -/
theorem within_input (h : Certified (conv2dInputDeriv (checked f) g (weight.map Ball.checked)
      (δ.map Ball.checked)) ks) (hw : weight'.Rel Ball.Encloses weight)
    (hδ : δ'.Rel Ball.Encloses δ) : ∀ c ∈ ks, c.Within (conv2dInputDeriv exact g weight' δ') :=
  h.within (Contraction.eval_rel (exactNet_respects_checkedNet f).toRespects
    (conv2dInputGrad g.sizes)
    (.cons (Tensor.encloses_of_map_checked hw) (.cons (Tensor.encloses_of_map_checked hδ) .nil))
    .nil)

/-- The claimed values are what IEEE 754 computes in the format for the forward pass. -/
theorem computed_forward (h : Certified (conv2d (checked f) g (x.map Ball.checked)
      (weight.map Ball.checked) (bias.map Ball.checked)) ks) :
    ∀ c ∈ ks, c.Computed
      (conv2d (ieee f) g (x.map Ball.ieee) (weight.map Ball.ieee) (bias.map Ball.ieee)) :=
  h.computed (Contraction.eval_rel (ieee_respects_checked f) (conv2dForward g.sizes)
    (.cons x.hasIeee_map_checked (.cons weight.hasIeee_map_checked .nil))
    (.cons bias.hasIeee_map_checked .nil))

/-- The claimed values are what IEEE 754 computes in the format for the bias gradient. -/
theorem computed_bias (h : Certified (conv2dBiasDeriv (checked f) g (δ.map Ball.checked)) ks) :
    ∀ c ∈ ks, c.Computed (conv2dBiasDeriv (ieee f) g (δ.map Ball.ieee)) :=
  h.computed (Contraction.eval_rel (ieee_respects_checked f) (conv2dBiasGrad g.sizes)
    (.cons δ.hasIeee_map_checked .nil) .nil)

/-- The claimed values are what IEEE 754 computes in the format for the kernel gradient. -/
theorem computed_kernel (h : Certified (conv2dKernelDeriv (checked f) g (x.map Ball.checked)
      (δ.map Ball.checked)) ks) :
    ∀ c ∈ ks, c.Computed (conv2dKernelDeriv (ieee f) g (x.map Ball.ieee) (δ.map Ball.ieee)) :=
  h.computed (Contraction.eval_rel (ieee_respects_checked f) (conv2dKernelGrad g.sizes)
    (.cons x.hasIeee_map_checked (.cons δ.hasIeee_map_checked .nil)) .nil)

/-- The claimed values are what IEEE 754 computes in the format for the input gradient. -/
theorem computed_input (h : Certified (conv2dInputDeriv (checked f) g (weight.map Ball.checked)
      (δ.map Ball.checked)) ks) :
    ∀ c ∈ ks, c.Computed (conv2dInputDeriv (ieee f) g (weight.map Ball.ieee) (δ.map Ball.ieee)) :=
  h.computed (Contraction.eval_rel (ieee_respects_checked f) (conv2dInputGrad g.sizes)
    (.cons weight.hasIeee_map_checked (.cons δ.hasIeee_map_checked .nil)) .nil)

end Certified

end RuntimeApprox
