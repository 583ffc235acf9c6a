module

public import RuntimeApprox.Estimate
public import RuntimeApprox.Summation.Contraction

/-!
# Upper bounds from computed sums

A bound that is evaluated in floating point is an upper bound only if its own rounding is charged.
Sums of nonnegative numbers are computed with a small relative error, so that a larger factor and a
little more make the computed sum an upper bound of the exact one.

## Main definitions
* `Measured`: a coefficient and what it multiplies, exact and computed.

## Main results
* `SumTree.exact_mul_le`: Σ tᵢ·(1 − u)ᵈ ≤ computed + (Σ η)·(1 + u)ᵈ for nonnegative terms.
* `Errors.exact_le`: Σ tᵢ ≤ (computed + `residue`)·`inflation`.
* `Measured.le_computed`: a computed sum of inflated coefficients times computed magnitudes is at
  least the sum of coefficients times exact magnitudes.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

theorem le_of_mul_le_mul_right {a b c : K} (hc : 0 < c) (h : a * c ≤ b * c) : a ≤ b := by
  by_cases hab : a ≤ b
  · exact hab
  · have := Lean.Grind.OrderedRing.mul_pos (show 0 < a - b by grind) hc
    grind

/-- 0 ≤ (1 − u)ⁿ ≤ 1 for 0 ≤ u ≤ 1 -/
theorem pow_one_sub {u : K} (h0 : 0 ≤ u) (h1 : u ≤ 1) : (n : Nat) →
    0 ≤ pow (1 - u) n ∧ pow (1 - u) n ≤ 1
  | 0 => by unfold pow; grind
  | n + 1 => by
    obtain ⟨h, h'⟩ := pow_one_sub h0 h1 n
    have := mul_nonneg h h0
    have := mul_nonneg h (show 0 ≤ 1 - u by grind)
    unfold pow
    grind

/-- 1 − n·u ≤ (1 − u)ⁿ for 0 ≤ u ≤ 1 -/
theorem one_sub_le_pow {u : K} (h0 : 0 ≤ u) (h1 : u ≤ 1) : (n : Nat) →
    1 - count n * u ≤ pow (1 - u) n
  | 0 => by unfold count pow; grind
  | n + 1 => by
    have := mul_le_mul_left (show 0 ≤ 1 - u by grind) (one_sub_le_pow h0 h1 n)
    have := mul_nonneg (mul_nonneg (count_nonneg (K := K) n) h0) h0
    unfold count pow
    grind

namespace SumTree

/-- One operation: v computed from s, which is at least c up to S. -/
theorem lower_of_op {s v u u' η c S : K} (h : abs (v - s) ≤ u' * abs s + η) (hu' : u' ≤ u)
    (hu : 0 ≤ u) (hu1 : u ≤ 1) (hc : 0 ≤ c) (hS : 0 ≤ S) (hcs : c ≤ s + S) :
    c * (1 - u) ≤ v + S * (1 + u) + η := by
  have hv := neg_abs_le (v - s)
  have := mul_le_mul_left (abs_nonneg s) hu'
  have := mul_nonneg hS hu
  have := mul_nonneg hc hu
  have := mul_le_mul_left (show 0 ≤ 1 - u by grind) hcs
  have := mul_le_mul_left (show 0 ≤ 1 + u by grind) hcs
  by_cases hs : 0 ≤ s
  · rw [abs_of_nonneg hs] at *; grind
  · rw [abs_of_nonpos (show s ≤ 0 by grind)] at *; grind

/-- One operation of a sum: X is the exact sum of nonnegative terms, H the Σ η, below it. -/
theorem lower_of_op_pow {s v u u' η X H : K} (h : abs (v - s) ≤ u' * abs s + η) (hu' : u' ≤ u)
    (hu : 0 ≤ u) (hu1 : u ≤ 1) (hη : 0 ≤ η) (hX : 0 ≤ X) (hH : 0 ≤ H) {d : Nat}
    (hs : X * pow (1 - u) d ≤ s + H * pow (1 + u) d) :
    X * pow (1 - u) (d + 1) ≤ v + (H + η) * pow (1 + u) (d + 1) := by
  have hp := one_le_pow (show 1 ≤ 1 + u by grind) d
  have := lower_of_op h hu' hu hu1 (mul_nonneg hX (pow_one_sub hu hu1 d).1)
    (mul_nonneg hH (show 0 ≤ pow (1 + u) d by grind)) hs
  have := mul_le_mul_left hη (one_le_pow (show 1 ≤ 1 + u by grind) (d + 1))
  show X * (pow (1 - u) d * (1 - u)) ≤ v + (H + η) * pow (1 + u) (d + 1)
  rw [show pow (1 + u) (d + 1) = pow (1 + u) d * (1 + u) from rfl] at *
  grind

theorem exact_nonneg : (t : SumTree K) → (∀ x ∈ t.leaves, 0 ≤ x) → 0 ≤ t.exact
  | leaf t _ _, h => h t (List.mem_singleton.2 rfl)
  | node _ _ l r, h => by
    have := exact_nonneg l fun x hx => h x (List.mem_append.2 (.inl hx))
    have := exact_nonneg r fun x hx => h x (List.mem_append.2 (.inr hx))
    unfold exact
    grind
  | cast _ _ t, h => exact_nonneg t h

/-- **Lower bound of a computed sum** of nonnegative terms, where every operation errs relatively by
at most u ≤ 1 and no path is longer than d: Σ tᵢ·(1 − u)ᵈ ≤ computed + (Σ η)·(1 + u)ᵈ. -/
theorem exact_mul_le {u η : K} (hu : 0 ≤ u) (hu1 : u ≤ 1) {t : SumTree K} {v : K}
    (hv : t.Computes v) : t.Nonneg → t.Within u η → (∀ x ∈ t.leaves, 0 ≤ x) →
    ∀ {d : Nat}, t.depth ≤ d → t.exact * pow (1 - u) d ≤ v + t.underflow * pow (1 + u) d := by
  induction hv with
  | @leaf t u' η' v h =>
    intro ⟨_, hη⟩ ⟨hw, _⟩ h0 d hd
    obtain ⟨d, rfl⟩ : ∃ k, d = k + 1 := ⟨d - 1, (Nat.sub_add_cancel hd).symm⟩
    have ht := h0 t (List.mem_singleton.2 rfl)
    have := mul_le_mul_left ht (pow_one_sub hu hu1 d).2
    have := lower_of_op_pow h hw hu hu1 hη ht (Std.IsPreorder.le_refl 0) (d := d) (by grind)
    show t * pow (1 - u) (d + 1) ≤ v + η' * pow (1 + u) (d + 1)
    grind
  | @node u' η' a b v l r _ _ h ihl ihr =>
    intro ⟨_, hη, hl, hr⟩ ⟨hw, _, hwl, hwr⟩ h0 d hd
    obtain ⟨d, rfl⟩ : ∃ k, d = k + 1 :=
      ⟨d - 1, (Nat.sub_add_cancel (Nat.le_trans (Nat.succ_pos _) hd)).symm⟩
    have hd : Nat.max l.depth r.depth ≤ d := Nat.le_of_succ_le_succ hd
    have h0l := fun x hx => h0 x (List.mem_append.2 (.inl hx))
    have h0r := fun x hx => h0 x (List.mem_append.2 (.inr hx))
    have := ihl hl hwl h0l (Nat.le_trans (Nat.le_max_left _ _) hd)
    have := ihr hr hwr h0r (Nat.le_trans (Nat.le_max_right _ _) hd)
    have hX : 0 ≤ l.exact + r.exact := by
      have := exact_nonneg l h0l; have := exact_nonneg r h0r; grind
    have hH : 0 ≤ l.underflow + r.underflow := by
      have := underflow_nonneg l hl; have := underflow_nonneg r hr; grind
    exact lower_of_op_pow h hw hu hu1 hη hX hH (by grind)
  | @cast u' η' a v t _ h ih =>
    intro ⟨_, hη, ht⟩ ⟨hw, _, hwt⟩ h0 d hd
    obtain ⟨d, rfl⟩ : ∃ k, d = k + 1 :=
      ⟨d - 1, (Nat.sub_add_cancel (Nat.le_trans (Nat.succ_pos _) hd)).symm⟩
    exact lower_of_op_pow h hw hu hu1 hη (exact_nonneg t h0) (underflow_nonneg t ht)
      (ih ht hwt h0 (Nat.le_of_succ_le_succ hd))

end SumTree

namespace Errors

variable {e : Errors K} {n : Nat}

/-- (1 + γₙ)·(1 − n·u) = 1 -/
theorem one_add_gamma_mul (h : e.terms * e.roundoff < 1) :
    (1 + e.gamma) * (1 - e.terms * e.roundoff) = 1 := by
  have : 1 - e.terms * e.roundoff ≠ 0 := by grind
  unfold gamma
  grind

/-- (1 + u)ⁿ ≤ 1 + γₙ where n·u < 1. -/
theorem pow_le_one_add_gamma (hn : e.terms = count n) (hu : 0 ≤ e.roundoff)
    (h : e.terms * e.roundoff < 1) : pow (1 + e.roundoff) n ≤ 1 + e.gamma :=
  le_of_mul_le_mul_right (show 0 < 1 - e.terms * e.roundoff by grind) (by
    have := pow_mul_one_sub_le hu n
    rw [one_add_gamma_mul h, hn]
    exact this)

/-- **Inflation**: for a sum of nonnegative terms that is computed in any order, where every
operation errs by at most u·|its exact result| + η, at most n of them on a path and 2n in all, and
n·u < 1: exact ≤ (computed + (1 + γₙ)·2n·η) / (1 − n·u). -/
theorem exact_le {t : SumTree K} {v : K} (hv : t.Computes v) (ht : t.Nonneg)
    (hw : t.Within e.roundoff e.underflow) (h0 : ∀ x ∈ t.leaves, 0 ≤ x) (hn : e.terms = count n)
    (hd : t.depth ≤ n) (ho : t.operations ≤ 2 * n) (hu : 0 ≤ e.roundoff) (hη : 0 ≤ e.underflow)
    (h : e.terms * e.roundoff < 1) : t.exact ≤ (v + e.residue) * e.inflation := by
  have hn1 := mul_le_mul_left hu (count_mono (K := K) (Nat.le_trans t.one_le_depth hd))
  rw [show (count 1 : K) = 0 + 1 from rfl, ← hn] at hn1
  have hu1 : e.roundoff ≤ 1 := by grind
  have h1 := SumTree.exact_mul_le hu hu1 hv ht hw h0 hd
  have h2 := mul_le_mul_left (t.exact_nonneg h0) (one_sub_le_pow hu hu1 n)
  obtain ⟨hf, hH⟩ := SumTree.uniform_of_depth ht hu hη hw hd ho
  rw [count_two_mul, ← hn] at hH
  rw [← hn] at h2
  have h3 := mul_le_mul hH (pow_le_one_add_gamma hn hu h)
    (by have := one_le_pow (show 1 ≤ 1 + e.roundoff by grind) n; grind)
    (Std.IsPreorder.le_trans _ _ _ (t.underflow_nonneg ht) hH)
  have h4 : e.inflation * (1 - e.terms * e.roundoff) = 1 := by
    have : 1 - e.terms * e.roundoff ≠ 0 := by grind
    unfold inflation
    grind
  refine le_of_mul_le_mul_right (show 0 < 1 - e.terms * e.roundoff by grind) ?_
  rw [show (v + e.residue) * e.inflation * (1 - e.terms * e.roundoff) = v + e.residue by grind]
  unfold residue
  grind

end Errors

/-- A coefficient of a bound, what it multiplies, and what stands for both in the computation. -/
structure Measured (K : Type u) where
  /-- The coefficient: C. -/
  coefficient : K
  /-- What it multiplies: M. -/
  magnitude : K
  /-- The computed magnitude: M̂. -/
  computed : K
  /-- The inflation of the computed magnitude: I. -/
  inflation : K
  /-- The residue of the computed magnitude: μ. -/
  residue : K
  /-- The coefficient in the computation: C′. -/
  inflated : K

namespace Measured

/-- The computed magnitude, inflated, is at least the exact one, and the coefficient in the
computation is at least the exact one, inflated for both computations. -/
structure Holds (J : K) (m : Measured K) : Prop where
  /-- 0 ≤ C -/
  coefficient_nonneg : 0 ≤ m.coefficient
  /-- 0 ≤ M̂ -/
  computed_nonneg : 0 ≤ m.computed
  /-- M ≤ (M̂ + μ)·I -/
  magnitude_le : m.magnitude ≤ (m.computed + m.residue) * m.inflation
  /-- C·I·J ≤ C′ -/
  le_inflated : m.coefficient * m.inflation * J ≤ m.inflated

theorem Holds.le {J : K} {m : Measured K} (h : m.Holds J) (hJ : 0 ≤ J) :
    m.coefficient * m.magnitude * J ≤
      m.inflated * m.computed + m.coefficient * m.inflation * m.residue * J := by
  have := mul_le_mul_left (mul_nonneg h.coefficient_nonneg hJ) h.magnitude_le
  have := mul_le_mul_left h.computed_nonneg h.le_inflated
  grind

theorem sum_le {J : K} (hJ : 0 ≤ J) : (ms : List (Measured K)) → (∀ m ∈ ms, m.Holds J) →
    sumList (ms.map fun m => m.coefficient * m.magnitude) * J ≤
      sumList (ms.map fun m => m.inflated * m.computed) +
        sumList (ms.map fun m => m.coefficient * m.inflation * m.residue) * J
  | [], _ => by show (0 : K) * J ≤ 0 + 0 * J; grind
  | m :: ms, h => by
    have := (h m (List.mem_cons_self ..)).le hJ
    have := sum_le hJ ms fun m' hm => h m' (List.mem_cons_of_mem m hm)
    show (m.coefficient * m.magnitude + sumList (ms.map fun m => m.coefficient * m.magnitude)) * J ≤
      m.inflated * m.computed + sumList (ms.map fun m => m.inflated * m.computed) +
      (m.coefficient * m.inflation * m.residue +
        sumList (ms.map fun m => m.coefficient * m.inflation * m.residue)) * J
    grind

/-- **A computed bound is a bound**: let v be computed for Σ C′·M̂ + c′, a sum of nonnegative terms,
so that Σ C′·M̂ + c′ ≤ (v + ρ)·J (`Errors.exact_le`). Where M ≤ (M̂ + μ)·I for each of the
magnitudes, C·I·J ≤ C′ for each of the coefficients, and (c + Σ C·I·μ + ρ)·J ≤ c′ for the constant,
Σ C·M + c ≤ v. -/
theorem le_computed {J ρ c c' v : K} (hJ : 0 < J) {ms : List (Measured K)}
    (h : ∀ m ∈ ms, m.Holds J)
    (hc : (c + sumList (ms.map fun m => m.coefficient * m.inflation * m.residue) + ρ) * J ≤ c')
    (hv : sumList (ms.map fun m => m.inflated * m.computed) + c' ≤ (v + ρ) * J) :
    sumList (ms.map fun m => m.coefficient * m.magnitude) + c ≤ v := by
  have := sum_le (show 0 ≤ J by grind) ms h
  exact le_of_mul_le_mul_right hJ (by grind)

end Measured

end RuntimeApprox
