module

public import RuntimeApprox.Certificate
public import RuntimeApprox.Contraction.Numerals.Theorems
public import RuntimeApprox.Conv2d
public import RuntimeApprox.Dyad.Theorems
public import RuntimeApprox.Graph.Theorems
public import RuntimeApprox.Operations

/-!
# What a certificate proves

A certificate imports this module: it also brings the contractions of all operations.

## Main results
* `checked_respects_balls`: balls have the values, eps and overflow of the checked arithmetic.
* `Contraction.certify_iff`: the evaluation on balls decides the claims.
* The instance of `Decidable (Certified …)` for the result of a contraction, which `decide +kernel`
  uses.
* `Certified.within_exact`: every claimed value is within its bound of the exact result, for all
  exact operands within eps of the given ones.
* `Certified.computed_ieee`: the claimed values are what IEEE 754 computes.
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

/-- What holds between `p a` and `a` holds between the tensors with the entries `p a` and `a`. -/
theorem Tensors.rel_map_self {α β : Type} {R : β → α → Prop} {p : α → β} (h : ∀ a, R (p a) a) :
    {ss : List (List Nat)} → (ts : Tensors α ss) → Tensors.Rel R (ts.map p) ts
  | [], _ => .nil
  | _ :: _, (t, ts) => .cons (fun i => by rw [Tensor.get_map]; exact h _) (rel_map_self h ts)

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

instance {f : Format} {c : Contraction Int} {fs : c.Factors Ball} {as : c.Addends Ball}
    {ks : List Claim} : Decidable (Certified (c.eval (checked f) (fs.map Ball.checked)
      (as.map Ball.checked)) ks) :=
  decidable_of_iff _ (c.certify_iff (Tensors.rel_map_self (p := Ball.checked) (fun _ => rfl) fs)
    (Tensors.rel_map_self (p := Ball.checked) (fun _ => rfl) as) ks)

/-! ### What follows of the exact results -/

theorem Tensors.encloses_of_map_checked : {ss : List (List Nat)} → {ts' : Tensors Rat ss} →
    {ts : Tensors Ball ss} → Tensors.Rel Ball.Encloses ts' ts →
    Tensors.Rel Checked.Encloses ts' (ts.map Ball.checked)
  | [], _, _, _ => .nil
  | _ :: _, (_, _), (_, _), ⟨h, hs⟩ =>
    .cons (fun i => by rw [Tensor.get_map]; exact h i) (encloses_of_map_checked hs)

theorem Ball.hasIeee (b : Ball) : Checked.HasIeee b.ieee b.checked := by
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

variable {f : Format} {c : Contraction Int} {fs : c.Factors Ball} {as : c.Addends Ball}
  {ks : List Claim}
  (h : Certified (c.eval (checked f) (fs.map Ball.checked) (as.map Ball.checked)) ks)
include h

/-- |value − exact entry| ≤ bound at every claimed place, for all exact operands within eps of the
given ones. -/
theorem within_exact {fs' : c.Factors Rat} {as' : c.Addends Rat}
    (hf : Tensors.Rel Ball.Encloses fs' fs) (ha : Tensors.Rel Ball.Encloses as' as) :
    ∀ k ∈ ks, k.Within (c.eval exact fs' as') :=
  h.within (Contraction.eval_rel (exactNet_respects_checkedNet f).toRespects c
    (Tensors.encloses_of_map_checked hf) (Tensors.encloses_of_map_checked ha))

/-- The claimed values are what IEEE 754 computes in the format. -/
theorem computed_ieee :
    ∀ k ∈ ks, k.Computed (c.eval (ieee f) (fs.map Ball.ieee) (as.map Ball.ieee)) :=
  h.computed (Contraction.eval_rel (ieee_respects_checked f) c (Tensors.rel_map Ball.hasIeee fs)
    (Tensors.rel_map Ball.hasIeee as))

end Certified

end RuntimeApprox
