module

public import RuntimeApprox.Accumulation.Theorems
public import RuntimeApprox.Depth

/-!
# What sums of bounded depth err by

## Main results
* `ComputesWithin.computes`: a sum of bounded depth is a sum in some order.
* `ComputesWithin.near`: in any mode, |v − Σtᵢ| ≤ (g − 1)·Σ|tᵢ| + 2·n·η·g for every g ≥ (1 + u)ᵈ,
  however many terms there are.
* `ComputesWithin.near_numbers`: numbers of the format, nothing flushed: without underflow.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

open Format

/-- The sum of two results, of m and of k terms, each with the growth A: relatively A·(1 + u),
absolutely 2·(m + k) − 1 operations. -/
theorem depth_node_le {a b v σ τ S T A m k u η : Rat} (hu : 0 ≤ u) (hη : 0 ≤ η) (hA : 1 ≤ A)
    (hS : abs σ ≤ S) (hT : abs τ ≤ T)
    (h1 : abs (a - σ) ≤ (A - 1) * S + (2 * m - 1) * (η * A))
    (h2 : abs (b - τ) ≤ (A - 1) * T + (2 * k - 1) * (η * A))
    (h : abs (v - (a + b)) ≤ u * abs (a + b) + η) :
    abs (v - (σ + τ)) ≤
      (A * (1 + u) - 1) * (S + T) + (2 * (m + k) - 1) * (η * (A * (1 + u))) := by
  have hab : abs (a + b) ≤ S + T + (abs (a - σ) + abs (b - τ)) := by
    have := abs_add_le a b
    have := abs_add_le σ (a - σ)
    have := abs_add_le τ (b - τ)
    rw [show σ + (a - σ) = a by grind, show τ + (b - τ) = b by grind] at *
    grind
  have h3 := abs_sub_le v (a + b) (σ + τ)
  have h4 := abs_add_le (a - σ) (b - τ)
  rw [show a - σ + (b - τ) = a + b - (σ + τ) by grind] at h4
  have h5 := mul_le_mul_left hu hab
  have h6 := mul_le_mul_left (show 0 ≤ 1 + u by grind) h1
  have h7 := mul_le_mul_left (show 0 ≤ 1 + u by grind) h2
  have h8 := mul_le_mul_left hη (show 1 ≤ A * (1 + u) by
    have := mul_le_mul_left (show 0 ≤ A by grind) (show 1 ≤ 1 + u by grind); grind)
  grind

/-- |v − Σtᵢ| ≤ ((1 + u)ᵈ − 1)·Σ|tᵢ| + (2·n − 1)·η·(1 + u)ᵈ, with n terms that are not zero: they
take 2·n − 1 operations. -/
private def DepthNear (m : Mode) (d : Nat) (ts : List Rat) (v : Rat) : Prop :=
  abs (v - ts.sum) ≤ ((1 + m.roundoff) ^ d - 1) * sumAbs ts +
    (2 * nonzeros ts - 1) * (m.underflow * (1 + m.roundoff) ^ d)

namespace ComputesWithin

variable {m : Mode} {d d' : Nat} {ts us : List Rat} {a b v w t : Rat}

/-- A sum of bounded depth is a sum in some order. -/
theorem computes (h : ComputesWithin m d ts v) : Computes m ts v := by
  induction h with
  | zero => exact .zero
  | number h => exact .number h
  | rounded h => exact .rounded h
  | add _ _ h ihl ihr => exact .add ihl ihr h
  | addZero _ _ h ihl ihr => exact .add ihl ihr (by rwa [Rat.add_zero])
  | fused _ h ih => exact .fused ih h
  | perm hp _ ih => exact .perm hp ih

/-- A sum has every larger depth. -/
theorem mono (h : ComputesWithin m d ts v) (hd : d ≤ d') : ComputesWithin m d' ts v := by
  induction h generalizing d' with
  | zero => exact .zero
  | number h => exact .number h
  | rounded h =>
    obtain ⟨d', rfl⟩ := Nat.exists_eq_add_of_le' (show 1 ≤ d' by omega)
    exact .rounded h
  | add _ _ h ihl ihr =>
    obtain ⟨d', rfl⟩ := Nat.exists_eq_add_of_le' (show 1 ≤ d' by omega)
    exact .add (ihl (by omega)) (ihr (by omega)) h
  | addZero _ _ h ihl ihr => exact .addZero (ihl hd) (ihr hd) h
  | fused _ h ih =>
    obtain ⟨d', rfl⟩ := Nat.exists_eq_add_of_le' (show 1 ≤ d' by omega)
    exact .fused (ih (by omega)) h
  | perm hp _ ih => exact .perm hp (ih hd)

/-- A result that is rounded once more in its own mode is a result of the same depth. -/
theorem gives (h : ComputesWithin m d ts v) (hw : m.Gives v w) : ComputesWithin m d ts w := by
  have := ComputesWithin.addZero h .zero hw
  rwa [List.append_nil] at this

/-- A sum of zeros has depth 0. -/
theorem zeros : {ts : List Rat} → nonzeros ts = 0 → ComputesWithin m d ts 0
  | [], _ => .zero
  | t :: ts, h => by
    by_cases ht : t = 0
    · subst ht
      rw [nonzeros_zero_cons] at h
      exact .addZero (ts := [0]) (.number representable_zero) (zeros h)
        (Mode.gives_self representable_zero)
    · rw [nonzeros_cons ht] at h; omega

/-- 1 ≤ (1 + u)ᵈ -/
theorem one_le_growth (m : Mode) (d : Nat) : 1 ≤ (1 + m.roundoff) ^ d :=
  OrderedField.one_le_pow (by have := m.roundoff_pos; grind) d

/-- A number of the format errs by at most η where it is flushed. -/
private theorem depth_number (ht : m.format.Representable t) (hw : m.Gives t w) (hn : nonzeros [t] ≠ 0) :
    DepthNear m d [t] w := by
  have hη := m.underflow_pos
  have hA := one_le_growth m d
  have h2 : 2 * ((1 : Nat) : Rat) - 1 = 1 := by decide +kernel
  have h3 := mul_le_mul_left (Rat.le_of_lt hη) hA
  have h4 := mul_nonneg (show 0 ≤ (1 + m.roundoff) ^ d - 1 by grind) (abs_nonneg t)
  have h5 : abs (w - t) ≤ m.underflow := by
    rcases hw with rfl | ⟨hf, h, rfl⟩
    · rw [Mode.round_eq_self ht, abs_sub_self]; exact Rat.le_of_lt hη
    · rw [Mode.round_eq_self ht] at h
      rw [Mode.underflow_of_flushed hf, abs_sub_comm, show t - 0 = t by grind]
      exact Rat.le_of_lt h
  show abs (w - (t + 0)) ≤ _ * (abs t + 0) + _
  rw [nonzeros_single hn, h2, Rat.add_zero, Rat.add_zero]
  grind

/-- A rounded product errs by at most u·|t| + η. -/
private theorem depth_rounded (h : abs (w - t) ≤ m.roundoff * abs t + m.underflow)
    (hn : nonzeros [t] ≠ 0) : DepthNear m (d + 1) [t] w := by
  have hu := Rat.le_of_lt m.roundoff_pos
  have hη := Rat.le_of_lt m.underflow_pos
  have hA := one_le_growth m d
  have h2 : 2 * ((1 : Nat) : Rat) - 1 = 1 := by decide +kernel
  have h3 : 1 + m.roundoff ≤ (1 + m.roundoff) ^ d * (1 + m.roundoff) := by
    have := mul_le_mul_left (show 0 ≤ 1 + m.roundoff by grind) hA; grind
  have h4 := mul_le_mul_left (abs_nonneg t) h3
  have h5 := mul_le_mul_left hη (show 1 ≤ (1 + m.roundoff) ^ d * (1 + m.roundoff) by grind)
  show abs (w - (t + 0)) ≤ _ * (abs t + 0) + _
  rw [nonzeros_single hn, h2, Rat.add_zero, Rat.add_zero, Rat.pow_succ]
  grind

/-- The step of `depthNear`, a sum of two results. -/
private theorem depth_step (h : m.Gives (a + b) v) (hl : DepthNear m d ts a) (hr : DepthNear m d us b) :
    DepthNear m (d + 1) (ts ++ us) v := by
  have := depth_node_le (Rat.le_of_lt m.roundoff_pos) (Rat.le_of_lt m.underflow_pos)
    (one_le_growth m d) (abs_listSum_le ts) (abs_listSum_le us) hl hr h.abs_sub_le
  rw [DepthNear, nonzeros_append, Rat.natCast_add, listSum_append, sumAbs_append, Rat.pow_succ]
  exact this

/-- A larger depth allows more. -/
private theorem depth_succ (hn : nonzeros ts ≠ 0) (h : DepthNear m d ts v) : DepthNear m (d + 1) ts v := by
  have hu := m.roundoff_pos
  have h1 : (1 + m.roundoff) ^ d ≤ (1 + m.roundoff) ^ (d + 1) :=
    OrderedField.pow_le_pow_right (by grind) (by omega)
  have h2 := mul_le_mul_left (sumAbs_nonneg ts) h1
  have h3 := mul_le_mul_left (mul_nonneg (show 0 ≤ 2 * (nonzeros ts : Rat) - 1 by
    have := one_le_natCast hn; grind) (Rat.le_of_lt m.underflow_pos)) h1
  unfold DepthNear at *
  grind

/-- The step of `depthNear`, a result plus one that is zero. -/
private theorem depth_addZero (hl : DepthNear m d ts v) (hr : DepthNear m d us 0) :
    DepthNear m d (ts ++ us) v := by
  have h1 := abs_add_le (v - ts.sum) (0 - us.sum)
  have h2 := mul_nonneg (Rat.le_of_lt m.underflow_pos)
    (show 0 ≤ (1 + m.roundoff) ^ d by have := one_le_growth m d; grind)
  rw [show v - ts.sum + (0 - us.sum) = v - (ts.sum + us.sum) by grind] at h1
  rw [DepthNear, nonzeros_append, Rat.natCast_add, listSum_append, sumAbs_append]
  unfold DepthNear at hl hr
  grind

/-- Zeros before the terms change nothing. -/
private theorem depth_zeros_append (hm : nonzeros ts = 0) :
    DepthNear m d (ts ++ us) v ↔ DepthNear m d us v := by
  obtain ⟨h1, h2, h3⟩ := zeros_append hm us
  unfold DepthNear
  rw [h1, h2, h3]

/-- Zeros after the terms change nothing. -/
private theorem depth_append_zeros (hk : nonzeros us = 0) :
    DepthNear m d (ts ++ us) v ↔ DepthNear m d ts v := by
  obtain ⟨h1, h2, h3⟩ := append_zeros ts hk
  unfold DepthNear
  rw [h1, h2, h3]

/-- A term that is not zero is near itself. -/
private theorem depth_self (hn : nonzeros [t] ≠ 0) : DepthNear m d [t] t := by
  have hA := one_le_growth m d
  have := mul_nonneg (show 0 ≤ (1 + m.roundoff) ^ d - 1 by grind) (sumAbs_nonneg [t])
  have := mul_nonneg (Rat.le_of_lt m.underflow_pos) (show 0 ≤ (1 + m.roundoff) ^ d by grind)
  have h2 : 2 * ((1 : Nat) : Rat) - 1 = 1 := by decide +kernel
  rw [DepthNear, nonzeros_single hn, h2, show [t].sum = t from Rat.add_zero t, abs_sub_self]
  grind

/-- The cases `add` and `fused` of `depthNear`: a sum of two numbers, which are near their terms. If
there are no terms on one side, the other number is rounded once more. -/
private theorem depth_case (ha : nonzeros ts = 0 → a = 0) (hb : nonzeros us = 0 → b = 0)
    (h : m.Gives (a + b) v) (hn : nonzeros (ts ++ us) ≠ 0)
    (hl : nonzeros ts ≠ 0 → DepthNear m d ts a ∧ (m.Gives a v → DepthNear m (d + 1) ts v))
    (hr : nonzeros us ≠ 0 → DepthNear m d us b ∧ (m.Gives b v → DepthNear m (d + 1) us v)) :
    DepthNear m (d + 1) (ts ++ us) v := by
  by_cases hm : nonzeros ts = 0
  · rw [ha hm, Rat.zero_add] at h
    exact (depth_zeros_append hm).2 ((hr ((zeros_append hm us).1 ▸ hn)).2 h)
  by_cases hk : nonzeros us = 0
  · rw [hb hk, Rat.add_zero] at h
    exact (depth_append_zeros hk).2 ((hl hm).2 h)
  exact depth_step h (hl hm).1 (hr hk).1

/-- What a result that is rounded again is near to. -/
private theorem depth_rounded_again (hs : ComputesWithin m d ts a)
    (ih : ∀ w, m.Gives a w → nonzeros ts ≠ 0 → DepthNear m d ts w) (hn : nonzeros ts ≠ 0) :
    DepthNear m d ts a ∧ (m.Gives a v → DepthNear m (d + 1) ts v) :=
  ⟨ih a (Mode.gives_self hs.computes.representable) hn, fun h => depth_succ hn (ih v h hn)⟩

/-- The case `addZero` of `depthNear`. -/
private theorem depth_case_addZero (hl : ComputesWithin m d ts a) (h : m.Gives a v)
    (hn : nonzeros (ts ++ us) ≠ 0)
    (ihl : ∀ w, m.Gives a w → nonzeros ts ≠ 0 → DepthNear m d ts w)
    (ihr : ∀ w, m.Gives 0 w → nonzeros us ≠ 0 → DepthNear m d us w) :
    DepthNear m d (ts ++ us) v := by
  by_cases hm : nonzeros ts = 0
  · rw [hl.computes.eq_zero hm] at h
    exact (depth_zeros_append hm).2 (ihr v h ((zeros_append hm us).1 ▸ hn))
  by_cases hk : nonzeros us = 0
  · exact (depth_append_zeros hk).2 (ihl v h hm)
  exact depth_addZero (ihl v h hm) (ihr 0 (Mode.gives_self representable_zero) hk)

/-- With n terms that are not zero, n ≥ 1, there are 2·n − 1 operations:
|w − Σtᵢ| ≤ ((1 + u)ᵈ − 1)·Σ|tᵢ| + (2·n − 1)·η·(1 + u)ᵈ, also where the result is rounded again. -/
private theorem depthNear (h : ComputesWithin m d ts v) :
    ∀ w, m.Gives v w → nonzeros ts ≠ 0 → DepthNear m d ts w := by
  induction h with
  | zero => exact fun _ _ hn => absurd rfl hn
  | number h => exact fun w hw hn => depth_number h hw hn
  | rounded h => exact fun w hw hn => depth_rounded (h.trans hw).abs_sub_le hn
  | add hl hr h ihl ihr =>
    exact fun w hw hn => depth_case hl.computes.eq_zero hr.computes.eq_zero (h.trans hw) hn
      (depth_rounded_again hl ihl) (depth_rounded_again hr ihr)
  | addZero hl _ h ihl ihr => exact fun w hw hn => depth_case_addZero hl (h.trans hw) hn ihl ihr
  | @fused d ts t a v hs h ih =>
    exact fun w hw hn => depth_case (ts := [t]) eq_zero_of_nonzeros hs.computes.eq_zero (h.trans hw)
      hn (fun h => ⟨depth_self h, fun hw => depth_rounded hw.abs_sub_le h⟩) (depth_rounded_again hs ih)
  | perm hp _ ih =>
    intro w hw hn
    rw [← nonzeros_perm hp] at hn
    rw [DepthNear, ← nonzeros_perm hp, ← listSum_perm hp, ← sumAbs_perm hp]
    exact ih w hw hn

/-- **Depth, any mode**: with n terms that are not zero, none of which passes more than d roundings,
to nearest or toward zero, flushed or not: |v − Σtᵢ| ≤ (g − 1)·Σ|tᵢ| + 2·n·η·g for every
g ≥ (1 + u)ᵈ. -/
theorem near (h : ComputesWithin m d ts v) {n : Nat} (hn : nonzeros ts ≤ n) {growth : Rat}
    (hg : (1 + m.roundoff) ^ d ≤ growth) :
    Near (ErrorBound.tree (n : Rat) m.underflow growth) ts v := by
  have hη := m.underflow_pos
  have h1 := one_le_growth m d
  have hn : (nonzeros ts : Rat) ≤ n := Rat.natCast_le_natCast.2 hn
  have hn0 : (0 : Rat) ≤ n := Rat.natCast_nonneg
  have h2 := mul_nonneg hn0 (mul_nonneg (Rat.le_of_lt hη) (show 0 ≤ growth by grind))
  show _ ≤ (growth - 1) * sumAbs ts + 2 * n * m.underflow * growth
  by_cases h0 : nonzeros ts = 0
  · rw [h.computes.eq_zero h0, listSum_eq_zero h0, sumAbs_eq_zero h0, abs_sub_self]
    grind
  · have h3 := h.depthNear v (Mode.gives_self h.computes.representable) h0
    have h4 := mul_le_mul_left (sumAbs_nonneg ts) hg
    have h5 := mul_le_mul_left (mul_nonneg (show 0 ≤ 2 * (nonzeros ts : Rat) - 1 by
      have := one_le_natCast h0; grind) (Rat.le_of_lt hη)) hg
    have h6 := mul_le_mul_left (mul_nonneg (Rat.le_of_lt hη) (show 0 ≤ growth by grind))
      (show 2 * (nonzeros ts : Rat) - 1 ≤ 2 * n by grind)
    unfold DepthNear at h3
    grind

/-! ### Numbers of the format -/

/-- The step of `near_numbers`, a sum of two results. -/
theorem numbers_step (hf : m.flushed = false) (h : m.Gives (a + b) v)
    (ha : m.format.Representable a) (hb : m.format.Representable b)
    (hl : abs (a - ts.sum) ≤ ((1 + m.roundoff) ^ d - 1) * sumAbs ts)
    (hr : abs (b - us.sum) ≤ ((1 + m.roundoff) ^ d - 1) * sumAbs us) :
    abs (v - (ts ++ us).sum) ≤ ((1 + m.roundoff) ^ (d + 1) - 1) * sumAbs (ts ++ us) := by
  have hu := Rat.le_of_lt m.roundoff_pos
  have h0 := h.abs_add_sub_le hf ha hb
  have := depth_node_le (m := 0) (k := 0) (η := 0) (A := (1 + m.roundoff) ^ d) (σ := ts.sum)
    (τ := us.sum) hu Rat.le_refl (one_le_growth m d) (abs_listSum_le ts) (abs_listSum_le us)
    (by grind) (by grind) (show abs (v - (a + b)) ≤ m.roundoff * abs (a + b) + 0 by grind)
  rw [listSum_append, sumAbs_append, Rat.pow_succ]
  grind

/-- **Depth, numbers of the format**, nothing flushed: |v − Σtᵢ| ≤ ((1 + u)ᵈ − 1)·Σ|tᵢ|, without
underflow, however many there are. -/
theorem near_numbers (hf : m.flushed = false) (h : ComputesWithin m d ts v)
    (hts : ∀ t ∈ ts, m.format.Representable t) : Near ⟨(1 + m.roundoff) ^ d - 1, 0⟩ ts v := by
  have exactly : ∀ (d : Nat) (t : Rat),
      abs (t - [t].sum) ≤ ((1 + m.roundoff) ^ d - 1) * sumAbs [t] := fun d t => by
    have hA := one_le_growth m d
    have := mul_nonneg (show 0 ≤ (1 + m.roundoff) ^ d - 1 by grind) (sumAbs_nonneg [t])
    rwa [show [t].sum = t from Rat.add_zero t, abs_sub_self]
  have key : abs (v - ts.sum) ≤ ((1 + m.roundoff) ^ d - 1) * sumAbs ts := by
    induction h with
    | zero => show abs (0 - 0) ≤ _ * 0; rw [abs_sub_self, Rat.mul_zero]; exact Rat.le_refl
    | number _ => exact exactly _ _
    | rounded h => rw [h.eq_self hf (hts _ List.mem_cons_self)]; exact exactly _ _
    | add hl hr h ihl ihr =>
      exact numbers_step hf h hl.computes.representable hr.computes.representable
        (ihl fun t ht => hts t (List.mem_append_left _ ht))
        (ihr fun t ht => hts t (List.mem_append_right _ ht))
    | @addZero d ts us a v hl hr h ihl ihr =>
      have h1 := ihl fun t ht => hts t (List.mem_append_left _ ht)
      have h2 := ihr fun t ht => hts t (List.mem_append_right _ ht)
      have h3 := abs_add_le (a - ts.sum) (0 - us.sum)
      rw [show a - ts.sum + (0 - us.sum) = a - (ts.sum + us.sum) by grind] at h3
      rw [h.eq_self hf hl.computes.representable, listSum_append, sumAbs_append]
      grind
    | @fused d ts t a v hs h ih =>
      exact numbers_step (ts := [t]) hf h (hts t List.mem_cons_self) hs.computes.representable
        (exactly d t) (ih fun t ht => hts t (List.mem_cons_of_mem _ ht))
    | perm hp _ ih =>
      rw [← listSum_perm hp, ← sumAbs_perm hp]
      exact ih fun t ht => hts t (hp.mem_iff.1 ht)
  show _ ≤ ((1 + m.roundoff) ^ d - 1) * sumAbs ts + 0
  rwa [Rat.add_zero]

end ComputesWithin

end RuntimeApprox
