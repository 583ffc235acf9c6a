module

public import RuntimeApprox.AnyOrder.Computes

/-!
# Sums to nearest in any order: Jeannerod and Rump

With u = 2⁻ᵖ, η = 2^(eₘᵢₙ − p) and n the number of terms that are not zero (zeros cost nothing):

## Main results
* `Computes.near_nearest`: |v − Σtᵢ| ≤ n·u·Σ|tᵢ| + n·η·(1 + n·u), for every n.
* `Computes.near_numbers`: numbers of the format, |v − Σtᵢ| ≤ (n − 1)·u·Σ|tᵢ|, for every n.

## References
* C.-P. Jeannerod, S. M. Rump, *Improved error bounds for inner products in floating-point
  arithmetic*, SIAM J. Matrix Anal. Appl. 34 (2013).
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

open Format

/-! ### One operation -/

/-- A sum of results of which one is small beside the other: δ ≤ |b| ≤ u·(k·S + m·T) for T ≤ u·S. -/
theorem small_node_le {b τ S T m k u δ : Rat} (hm : 1 ≤ m) (hk : k = 1 ∨ 2 ≤ k) (hu : 0 ≤ u)
    (hu' : 2 * u ≤ 1) (hT : abs τ ≤ T) (h : abs (b - τ) ≤ k * (u * T))
    (hb : δ ≤ abs b) (hsmall : T ≤ u * S) : δ ≤ u * (k * S + m * T) := by
  have h0 : 0 ≤ T := Rat.le_trans (abs_nonneg τ) hT
  have h1 : abs b ≤ T + k * (u * T) := by
    have := abs_add_le τ (b - τ)
    rw [show τ + (b - τ) = b by grind] at this
    grind
  have h2 := mul_nonneg (mul_nonneg hu h0) (show 0 ≤ m - 1 by grind)
  rcases hk with rfl | hk
  · grind
  · have h3 := mul_nonneg (show 0 ≤ k - 2 by grind) (show 0 ≤ 1 - u by grind)
    have h4 := mul_nonneg (show 0 ≤ k - 1 - k * u by grind) (show 0 ≤ u * S by grind)
    have h5 := mul_nonneg (show 0 ≤ k * u by have := mul_nonneg hu (show 0 ≤ k by grind); grind)
      (show 0 ≤ u * S - T by grind)
    have h6 := mul_nonneg hu h0
    grind

/-- A rounded sum of two results, of m and of k terms: its error δ is at most u·(k·S + m·T), by
three cases: T ≤ u·S, S ≤ u·T, and neither. -/
theorem node_le {a b σ τ S T m k u δ : Rat} (hm : m = 1 ∨ 2 ≤ m) (hk : k = 1 ∨ 2 ≤ k)
    (hu : 0 ≤ u) (hu' : 2 * u ≤ 1) (hS : abs σ ≤ S) (hT : abs τ ≤ T)
    (h1 : abs (a - σ) ≤ m * (u * S)) (h2 : abs (b - τ) ≤ k * (u * T))
    (ha : δ ≤ abs a) (hb : δ ≤ abs b) (h : (1 + u) * δ ≤ u * abs (a + b)) :
    δ ≤ u * (k * S + m * T) := by
  have hm1 : 1 ≤ m := by grind
  have hk1 : 1 ≤ k := by grind
  by_cases hTS : T ≤ u * S
  · exact small_node_le hm1 hk hu hu' hT h2 hb hTS
  by_cases hST : S ≤ u * T
  · have := small_node_le hk1 hm hu hu' hS h1 ha hST
    rwa [show k * S + m * T = m * T + k * S by grind]
  have hS0 : 0 ≤ S := Rat.le_trans (abs_nonneg σ) hS
  have hT0 : 0 ≤ T := Rat.le_trans (abs_nonneg τ) hT
  have hab : abs (a + b) ≤ S + T + m * (u * S) + k * (u * T) := by
    have := abs_add_le a b
    have := abs_add_le σ (a - σ)
    have := abs_add_le τ (b - τ)
    rw [show σ + (a - σ) = a by grind, show τ + (b - τ) = b by grind] at *
    grind
  have hle : S + T + m * (u * S) + k * (u * T) ≤ (1 + u) * (k * S + m * T) := by
    have h3 := mul_nonneg (show 0 ≤ m - 1 by grind) hS0
    have h4 := mul_nonneg (show 0 ≤ m - 1 by grind) hT0
    have h5 := mul_nonneg (show 0 ≤ k - 1 by grind) hS0
    have h6 := mul_nonneg (show 0 ≤ k - 1 by grind) hT0
    by_cases hmk : m ≤ k
    · have := mul_nonneg (show 0 ≤ k - m by grind) (show 0 ≤ S - u * T by grind)
      have := mul_nonneg (show 0 ≤ k - m by grind) (mul_nonneg hu hS0)
      grind
    · have := mul_nonneg (show 0 ≤ m - k by grind) (show 0 ≤ T - u * S by grind)
      have := mul_nonneg (show 0 ≤ m - k by grind) (mul_nonneg hu hT0)
      grind
  have h7 := mul_le_mul_left hu (Rat.le_trans hab hle)
  refine Rat.le_of_mul_le_mul_left (c := 1 + u) ?_ (by grind)
  grind

/-- A fused multiply-add of an exact product t and a result of m terms: δ ≤ u·(S + (m + 1)·|t|). -/
theorem fused_node_le {a σ t S m u δ : Rat} (hm : 0 ≤ m) (hu : 0 ≤ u) (hS : abs σ ≤ S)
    (h1 : abs (a - σ) ≤ m * (u * S)) (ht : δ ≤ abs t) (h : δ ≤ u * abs (t + a)) :
    δ ≤ u * (S + (m + 1) * abs t) := by
  have h0 := abs_nonneg t
  by_cases hts : abs t ≤ u * S
  · have := mul_nonneg hu (mul_nonneg (show 0 ≤ m + 1 by grind) h0)
    grind
  · have h2 : abs (t + a) ≤ abs t + S + m * (u * S) := by
      have := abs_add_le t a
      have := abs_add_le σ (a - σ)
      rw [show σ + (a - σ) = a by grind] at *
      grind
    have := mul_le_mul_left hu h2
    have := mul_nonneg hu (mul_nonneg hm (show 0 ≤ abs t - u * S by grind))
    grind

/-- One or at least two, as a rational number. -/
theorem natCast_eq_one_or {n : Nat} (h : n ≠ 0) : (n : Rat) = 1 ∨ (2 : Rat) ≤ n := by
  by_cases h1 : n = 1
  · exact .inl (by rw [h1]; rfl)
  · exact .inr (Rat.natCast_le_natCast.2 (show 2 ≤ n by omega))

/-! ### Products and sums -/

/-- A result and the model of it, n being the number of its terms that are not zero: σ is the sum of
the terms up to n·η of underflow, S bounds the sum of their absolute values, and v is off σ by at
most n·u·S. -/
private structure Modelled (u η : Rat) (ts : List Rat) (v σ S : Rat) : Prop where
  /-- |σ| ≤ S -/
  abs_le : abs σ ≤ S
  /-- |v − σ| ≤ n·u·S -/
  value : abs (v - σ) ≤ nonzeros ts * (u * S)
  /-- |σ − Σtᵢ| ≤ n·η -/
  underflow : abs (σ - ts.sum) ≤ nonzeros ts * η
  /-- S ≤ Σ|tᵢ| + n·η -/
  magnitude : S ≤ sumAbs ts + nonzeros ts * η

namespace Modelled

variable {u η : Rat} {ts us : List Rat} {a b v σ τ S T t : Rat}

/-- The model of a sum of zeros. -/
private theorem zeros (h : nonzeros ts = 0) : Modelled u η ts 0 0 0 := by
  have h0 := abs_zero (K := Rat)
  have hs := listSum_eq_zero h
  have ha := sumAbs_eq_zero h
  have hc : (nonzeros ts : Rat) = 0 := by rw [h]; rfl
  have hη : (nonzeros ts : Rat) * η = 0 := by rw [hc, Rat.zero_mul]
  have hz : (0 : Rat) - 0 = 0 := by grind
  constructor <;> grind

/-- Zeros may be added. -/
private theorem append_zeros (h : Modelled u η us b τ T) (hts : nonzeros ts = 0) :
    Modelled u η (ts ++ us) b τ T := by
  obtain ⟨h1, h2, h3, h4⟩ := h
  obtain ⟨hn, hs, ha⟩ := zeros_append hts us
  exact ⟨h1, hn ▸ h2, hn ▸ hs ▸ h3, hn ▸ ha ▸ h4⟩

/-- The order of the numbers does not matter. -/
private theorem perm (h : Modelled u η ts v σ S) (hp : ts.Perm us) : Modelled u η us v σ S := by
  obtain ⟨h1, h2, h3, h4⟩ := h
  have hn := nonzeros_perm hp
  exact ⟨h1, hn ▸ h2, hn ▸ listSum_perm hp ▸ h3, hn ▸ sumAbs_perm hp ▸ h4⟩

/-- The rounded sum of two results. -/
private theorem add (hl : Modelled u η ts a σ S) (hr : Modelled u η us b τ T) (hu : 0 ≤ u)
    (hu' : 2 * u ≤ 1) (hm : nonzeros ts ≠ 0) (hk : nonzeros us ≠ 0)
    (ha : abs (v - (a + b)) ≤ abs a) (hb : abs (v - (a + b)) ≤ abs b)
    (h : (1 + u) * abs (v - (a + b)) ≤ u * abs (a + b)) :
    Modelled u η (ts ++ us) v (σ + τ) (S + T) := by
  obtain ⟨l1, l2, l3, l4⟩ := hl
  obtain ⟨r1, r2, r3, r4⟩ := hr
  have hnode := node_le (natCast_eq_one_or hm) (natCast_eq_one_or hk) hu hu' l1 r1 l2 r2 ha hb h
  have := abs_add_le σ τ
  have h1 := abs_sub_le v (a + b) (σ + τ)
  have h2 := abs_add_le (a - σ) (b - τ)
  have h3 := abs_add_le (σ - ts.sum) (τ - us.sum)
  rw [show a - σ + (b - τ) = a + b - (σ + τ) by grind] at h2
  constructor
  · grind
  · rw [nonzeros_append, Rat.natCast_add]; grind
  · rw [nonzeros_append, Rat.natCast_add, listSum_append,
      show σ + τ - (ts.sum + us.sum) = σ - ts.sum + (τ - us.sum) by grind]
    grind
  · rw [nonzeros_append, Rat.natCast_add, sumAbs_append]; grind

/-- A fused multiply-add that errs by at most u·|t + a|, and by no more than |t|. -/
private theorem fused (h : Modelled u η ts a σ S) (hu : 0 ≤ u) (hη : 0 ≤ η) (ht : t ≠ 0)
    (h1 : abs (v - (t + a)) ≤ abs t) (h2 : abs (v - (t + a)) ≤ u * abs (t + a)) :
    Modelled u η (t :: ts) v (t + σ) (abs t + S) := by
  obtain ⟨l1, l2, l3, l4⟩ := h
  have hnode := fused_node_le Rat.natCast_nonneg hu l1 l2 h1 h2
  have := abs_add_le t σ
  have := abs_sub_le v (t + a) (t + σ)
  rw [show t + a - (t + σ) = a - σ by grind] at this
  constructor
  · grind
  · rw [nonzeros_cons ht, Rat.natCast_add]; grind
  · show abs (t + σ - (t + ts.sum)) ≤ _
    rw [nonzeros_cons ht, Rat.natCast_add, show t + σ - (t + ts.sum) = σ - ts.sum by grind]
    grind
  · show abs t + S ≤ abs t + sumAbs ts + _
    rw [nonzeros_cons ht, Rat.natCast_add]; grind

/-- A fused multiply-add that errs by at most η: that is as if the product had been v − a. -/
private theorem fused_underflow (h : Modelled u η ts a σ S) (hu : 0 ≤ u) (ht : t ≠ 0)
    (h1 : abs (v - (t + a)) ≤ η) :
    Modelled u η (t :: ts) v (v - a + σ) (abs (v - a) + S) := by
  obtain ⟨l1, l2, l3, l4⟩ := h
  have h2 := abs_add_le (v - a) σ
  have h3 := abs_add_le (v - (t + a)) (σ - ts.sum)
  have h4 := abs_add_le t (v - (t + a))
  rw [show t + (v - (t + a)) = v - a by grind] at h4
  have h5 := mul_nonneg hu (abs_nonneg (v - a))
  have h6 := mul_nonneg hu (Rat.le_trans (abs_nonneg σ) l1)
  have h7 := mul_nonneg (Rat.natCast_nonneg (a := nonzeros ts)) h5
  constructor
  · grind
  · rw [nonzeros_cons ht, Rat.natCast_add, show v - (v - a + σ) = a - σ by grind]; grind
  · show abs (v - a + σ - (t + ts.sum)) ≤ _
    rw [nonzeros_cons ht, Rat.natCast_add,
      show v - a + σ - (t + ts.sum) = v - (t + a) + (σ - ts.sum) by grind]
    grind
  · show abs (v - a) + S ≤ abs t + sumAbs ts + _
    rw [nonzeros_cons ht, Rat.natCast_add]; grind

end Modelled

namespace Computes

variable {m : Mode} {ts us : List Rat} {a v t : Rat}

/-- The fused step of `exists_model`. -/
private theorem fused_model (hz : m.towardZero = false) (hf : m.flushed = false) {σ S : Rat}
    (ha : m.format.Representable a) (hm : Modelled m.roundoff m.underflow ts a σ S)
    (h : m.Gives (t + a) v) : ∃ σ S, Modelled m.roundoff m.underflow (t :: ts) v σ S := by
  obtain rfl := h.eq_round hz hf
  have hu := Rat.le_of_lt m.roundoff_pos
  by_cases ht : t = 0
  · subst ht
    rw [Rat.zero_add, Format.round_eq_self ha]
    exact ⟨σ, S, hm.append_zeros (ts := [0]) (nonzeros_zero_cons [])⟩
  · by_cases hn : pow2 m.format.minExponent ≤ abs (t + a)
    · refine ⟨_, _, hm.fused hu (Rat.le_of_lt m.underflow_pos) ht ?_ ?_⟩
      · have := abs_round_sub_le_abs_sub ha (t + a)
        rwa [abs_sub_comm a, show t + a - a = t by grind] at this
      · rw [Mode.roundoff_of_nearest hz]
        exact abs_round_sub_le_mul hn
    · refine ⟨_, _, hm.fused_underflow hu ht ?_⟩
      rw [Mode.underflow_of_nearest hz hf]
      refine abs_round_sub_le_pow2 ?_
      have := @pow2_mono m.format.minExponent (m.format.minExponent + 1) (by omega)
      grind

/-- Every result to nearest has its model. -/
private theorem exists_model (hz : m.towardZero = false) (hf : m.flushed = false) (h : Computes m ts v) :
    ∃ σ S, Modelled m.roundoff m.underflow ts v σ S := by
  have hzero : Modelled m.roundoff m.underflow [] 0 0 0 := Modelled.zeros rfl
  induction h with
  | zero => exact ⟨0, 0, hzero⟩
  | @number t h =>
    refine fused_model hz hf representable_zero hzero (t := t) ?_
    rw [Rat.add_zero]; exact Mode.gives_self h
  | @rounded t v h =>
    refine fused_model hz hf representable_zero hzero (t := t) ?_
    rwa [Rat.add_zero]
  | fused hs h ih =>
    obtain ⟨σ, S, ih⟩ := ih
    exact fused_model hz hf hs.representable ih h
  | perm hp _ ih =>
    obtain ⟨σ, S, ih⟩ := ih
    exact ⟨σ, S, ih.perm hp⟩
  | @add ts us a b v hl hr h ihl ihr =>
    obtain ⟨σ, S, ihl⟩ := ihl
    obtain ⟨τ, T, ihr⟩ := ihr
    obtain rfl := h.eq_round hz hf
    have ha := hl.representable
    have hb := hr.representable
    by_cases hm : nonzeros ts = 0
    · rw [hl.eq_zero hm, Rat.zero_add, Format.round_eq_self hb]
      exact ⟨τ, T, ihr.append_zeros hm⟩
    by_cases hk : nonzeros us = 0
    · rw [hr.eq_zero hk, Rat.add_zero, Format.round_eq_self ha]
      exact ⟨σ, S, (ihl.append_zeros hk).perm List.perm_append_comm⟩
    refine ⟨_, _, ihl.add ihr (Rat.le_of_lt m.roundoff_pos) (Mode.two_mul_roundoff_le_one hz) hm hk
      ?_ ?_ ?_⟩
    · have := abs_round_sub_le_abs_sub hb (a + b)
      rwa [abs_sub_comm b, show a + b - b = a by grind] at this
    · have := abs_round_sub_le_abs_sub ha (a + b)
      rwa [abs_sub_comm a, show a + b - a = b by grind] at this
    · rw [Mode.roundoff_of_nearest hz]
      exact one_add_mul_abs_round_add_sub_le ha hb

/-- |v − Σtᵢ| ≤ n·u·Σ|tᵢ| + n·η·(1 + n·u), n being the number of terms that are not zero. -/
theorem abs_sub_le_nearest (hz : m.towardZero = false) (hf : m.flushed = false)
    (h : Computes m ts v) : abs (v - ts.sum) ≤
      nonzeros ts * m.roundoff * sumAbs ts +
        nonzeros ts * (m.underflow * (1 + nonzeros ts * m.roundoff)) := by
  obtain ⟨σ, S, _, h2, h3, h4⟩ := h.exists_model hz hf
  have := abs_sub_le v σ ts.sum
  have := mul_le_mul_left (mul_nonneg (Rat.natCast_nonneg (a := nonzeros ts))
    (Rat.le_of_lt m.roundoff_pos)) h4
  grind

/-- **Jeannerod and Rump (2013)**: sums and products to nearest, in any order, fused or not. With n
terms that are not zero, |v − Σtᵢ| ≤ n·u·Σ|tᵢ| + n·η·(1 + n·u), for every n. -/
theorem near_nearest (hz : m.towardZero = false) (hf : m.flushed = false) (h : Computes m ts v)
    {n : Nat} (hn : nonzeros ts ≤ n) : 
    Near (ErrorBound.nearest (n : Rat) m.roundoff m.underflow) ts v := by
  have h1 := h.abs_sub_le_nearest hz hf
  have hn : (nonzeros ts : Rat) ≤ n := Rat.natCast_le_natCast.2 hn
  have h0 : (0 : Rat) ≤ nonzeros ts := Rat.natCast_nonneg
  have hu := mul_le_mul_left (Rat.le_of_lt m.roundoff_pos) hn
  have h2 := mul_le_mul_left (sumAbs_nonneg ts) hu
  have h3 := mul_le_mul (x := n * (1 + m.roundoff * n)) (b := m.underflow) (y := m.underflow)
    (mul_le_mul hn (show 1 + m.roundoff * nonzeros ts ≤ 1 + m.roundoff * n by grind)
      (by have := mul_nonneg (Rat.le_of_lt m.roundoff_pos) h0; grind) (by grind))
    Rat.le_refl (Rat.le_of_lt m.underflow_pos)
    (mul_nonneg (by grind) (by
      have := mul_nonneg (Rat.le_of_lt m.roundoff_pos) (show (0 : Rat) ≤ n by grind); grind))
  show _ ≤ n * m.roundoff * sumAbs ts + n * m.underflow * (1 + n * m.roundoff)
  grind

end Computes

/-! ### Numbers of the format -/

/-- |v − Σtᵢ| ≤ (n − 1)·u·Σ|tᵢ|, with n numbers that are not zero. -/
private def NumbersNear (u : Rat) (ts : List Rat) (v : Rat) : Prop :=
  abs (v - ts.sum) ≤ (nonzeros ts - 1) * (u * sumAbs ts)

/-- The rounded sum of two results, of m and of k numbers that are not zero, errs by at most
(m + k − 1)·u·Σ|tᵢ|. -/
private theorem numbers_step {u a b v : Rat} {ts us : List Rat} (hu : 0 ≤ u) (hu' : 2 * u ≤ 1)
    (hm : nonzeros ts ≠ 0) (hk : nonzeros us ≠ 0)
    (hl : NumbersNear u ts a) (hr : NumbersNear u us b)
    (ha : abs (v - (a + b)) ≤ abs a) (hb : abs (v - (a + b)) ≤ abs b)
    (h : (1 + u) * abs (v - (a + b)) ≤ u * abs (a + b)) : NumbersNear u (ts ++ us) v := by
  unfold NumbersNear at *
  have h1 := mul_nonneg hu (sumAbs_nonneg ts)
  have h2 := mul_nonneg hu (sumAbs_nonneg us)
  have hnode := node_le (natCast_eq_one_or hm) (natCast_eq_one_or hk) hu hu' (abs_listSum_le ts)
    (abs_listSum_le us) (by grind) (by grind) ha hb h
  have h3 := abs_sub_le v (a + b) (ts.sum + us.sum)
  have h4 := abs_add_le (a - ts.sum) (b - us.sum)
  rw [show a - ts.sum + (b - us.sum) = a + b - (ts.sum + us.sum) by grind] at h4
  rw [nonzeros_append, Rat.natCast_add, listSum_append, sumAbs_append]
  grind

namespace Computes

variable {m : Mode} {ts us : List Rat} {a b v : Rat}

/-- The step of `numbersNear`. -/
private theorem numbers_add (hz : m.towardZero = false) (hf : m.flushed = false)
    (hl : Computes m ts a) (hr : Computes m us b) (h : m.Gives (a + b) v)
    (ihl : nonzeros ts ≠ 0 → NumbersNear m.roundoff ts a)
    (ihr : nonzeros us ≠ 0 → NumbersNear m.roundoff us b) (hn : nonzeros (ts ++ us) ≠ 0) :
    NumbersNear m.roundoff (ts ++ us) v := by
  obtain rfl := h.eq_round hz hf
  have ha := hl.representable
  have hb := hr.representable
  by_cases hm : nonzeros ts = 0
  · obtain ⟨h1, h2, h3⟩ := zeros_append hm us
    rw [hl.eq_zero hm, Rat.zero_add, Format.round_eq_self hb, NumbersNear, h1, h2, h3]
    exact ihr (h1 ▸ hn)
  by_cases hk : nonzeros us = 0
  · obtain ⟨h1, h2, h3⟩ := append_zeros ts hk
    rw [hr.eq_zero hk, Rat.add_zero, Format.round_eq_self ha, NumbersNear, h1, h2, h3]
    exact ihl (h1 ▸ hn)
  refine numbers_step (Rat.le_of_lt m.roundoff_pos) (Mode.two_mul_roundoff_le_one hz) hm hk
    (ihl hm) (ihr hk) ?_ ?_ ?_
  · have := abs_round_sub_le_abs_sub hb (a + b)
    rwa [abs_sub_comm b, show a + b - b = a by grind] at this
  · have := abs_round_sub_le_abs_sub ha (a + b)
    rwa [abs_sub_comm a, show a + b - a = b by grind] at this
  · rw [Mode.roundoff_of_nearest hz]
    exact one_add_mul_abs_round_add_sub_le ha hb

/-- A number of the format is computed exactly. -/
private theorem numbers_single {t w u : Rat} (h : w = t) (hn : nonzeros [t] ≠ 0) :
    NumbersNear u [t] w := by
  have h1 : ((1 : Nat) : Rat) - 1 = 0 := by decide +kernel
  show abs (w - (t + 0)) ≤ _
  rw [h, nonzeros_single hn, h1, Rat.add_zero, abs_sub_self, Rat.zero_mul]
  exact Rat.le_refl

/-- |v − Σtᵢ| ≤ (n − 1)·u·Σ|tᵢ| for numbers of the format, n ≥ 1 of which are not zero. -/
private theorem numbersNear (hz : m.towardZero = false) (hf : m.flushed = false)
    (h : Computes m ts v) (hts : ∀ t ∈ ts, m.format.Representable t) (hn : nonzeros ts ≠ 0) :
    NumbersNear m.roundoff ts v := by
  induction h with
  | zero => exact absurd rfl hn
  | number _ => exact numbers_single rfl hn
  | rounded h =>
    refine numbers_single ?_ hn
    rw [h.eq_round hz hf, Format.round_eq_self (hts _ List.mem_cons_self)]
  | add hl hr h ihl ihr =>
    exact numbers_add hz hf hl hr h (ihl fun t ht => hts t (List.mem_append_left _ ht))
      (ihr fun t ht => hts t (List.mem_append_right _ ht)) hn
  | @fused ts t a v hs h ih =>
    exact numbers_add (ts := [t]) hz hf (.number (hts t List.mem_cons_self)) hs h
      (numbers_single rfl) (ih fun t ht => hts t (List.mem_cons_of_mem _ ht)) hn
  | perm hp _ ih =>
    rw [← nonzeros_perm hp] at hn
    rw [NumbersNear, ← nonzeros_perm hp, ← listSum_perm hp, ← sumAbs_perm hp]
    exact ih (fun t ht => hts t (hp.mem_iff.1 ht)) hn

/-- **Jeannerod and Rump (2013)**: sums of numbers of the format to nearest, in any order. With n
numbers that are not zero, |v − Σtᵢ| ≤ (n − 1)·u·Σ|tᵢ|, for every n and without underflow. -/
theorem near_numbers (hz : m.towardZero = false) (hf : m.flushed = false) (h : Computes m ts v)
    (hts : ∀ t ∈ ts, m.format.Representable t) {n : Nat} (hn : nonzeros ts ≤ n) :
    Near (ErrorBound.numbers 0 (n : Rat) m.roundoff) ts v := by
  show _ ≤ (n - 1) * m.roundoff * sumAbs ts + 0
  by_cases h0 : nonzeros ts = 0
  · rw [h.eq_zero h0, listSum_eq_zero h0, sumAbs_eq_zero h0, abs_sub_self, Rat.mul_zero,
      Rat.add_zero]
    exact Rat.le_refl
  · have h1 := h.numbersNear hz hf hts h0
    unfold NumbersNear at h1
    have h2 := mul_nonneg (mul_nonneg (Rat.le_of_lt m.roundoff_pos) (sumAbs_nonneg ts))
      (show (0 : Rat) ≤ n - nonzeros ts by have := Rat.natCast_le_natCast.2 hn; grind)
    grind

end Computes

end RuntimeApprox
