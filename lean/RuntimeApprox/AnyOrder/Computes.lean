module

public import RuntimeApprox.Accumulation
public import RuntimeApprox.OrderedField.Theorems
public import RuntimeApprox.AnyOrder.Mode

/-!
# What sums in any order give

## Main results
* `Near.mono`: a bound may be weakened.
* `Computes.representable`: what is computed is a number of the format.
* `Computes.eq_zero`: a sum of zeros is zero.
* `Computes.gives`: a result that is rounded once more is a result.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

open Format

/-! ### Terms that are not zero -/

/-- Of lists that are appended. -/
theorem nonzeros_append (ts us : List Rat) : nonzeros (ts ++ us) = nonzeros ts + nonzeros us :=
  List.countP_append

/-- Zero is not counted. -/
theorem nonzeros_zero_cons (ts : List Rat) : nonzeros (0 :: ts) = nonzeros ts := by
  rw [nonzeros, nonzeros, List.countP_cons_of_neg]; simp

/-- A number that is not zero is counted. -/
theorem nonzeros_cons {t : Rat} (h : t ≠ 0) (ts : List Rat) :
    nonzeros (t :: ts) = nonzeros ts + 1 := by
  rw [nonzeros, nonzeros, List.countP_cons_of_pos]; simpa using h

/-- The order of the numbers does not matter. -/
theorem nonzeros_perm {ts us : List Rat} (h : ts.Perm us) : nonzeros ts = nonzeros us :=
  h.countP_eq _

/-- At most all are not zero. -/
theorem nonzeros_le_length (ts : List Rat) : nonzeros ts ≤ ts.length := List.countP_le_length

/-- If no number is counted, all are zero. -/
theorem nonzeros_eq_zero {ts : List Rat} : nonzeros ts = 0 ↔ ∀ t ∈ ts, t = 0 := by
  simp [nonzeros, List.countP_eq_zero]

/-- A number that is not counted is zero. -/
theorem eq_zero_of_nonzeros {t : Rat} (h : nonzeros [t] = 0) : t = 0 :=
  nonzeros_eq_zero.1 h t List.mem_cons_self

/-- Without numbers that are not zero, Σ|tᵢ| = 0. -/
theorem sumAbs_eq_zero {ts : List Rat} (h : nonzeros ts = 0) : sumAbs ts = 0 := by
  replace h := nonzeros_eq_zero.1 h
  unfold sumAbs
  induction ts <;> grind [abs_zero, List.mem_cons_self, List.mem_cons_of_mem]

/-- Without numbers that are not zero, Σtᵢ = 0. -/
theorem listSum_eq_zero {ts : List Rat} (h : nonzeros ts = 0) : ts.sum = 0 := by
  have := abs_listSum_le ts
  rw [sumAbs_eq_zero h] at this
  unfold abs at this; grind

/-- Zeros that come first add nothing. -/
theorem zeros_append {ts : List Rat} (h : nonzeros ts = 0) (us : List Rat) :
    nonzeros (ts ++ us) = nonzeros us ∧ (ts ++ us).sum = us.sum ∧
      sumAbs (ts ++ us) = sumAbs us := by
  rw [nonzeros_append, listSum_append, sumAbs_append, h, listSum_eq_zero h, sumAbs_eq_zero h]
  exact ⟨Nat.zero_add _, Rat.zero_add _, Rat.zero_add _⟩

/-- Zeros that come last add nothing. -/
theorem append_zeros (ts : List Rat) {us : List Rat} (h : nonzeros us = 0) :
    nonzeros (ts ++ us) = nonzeros ts ∧ (ts ++ us).sum = ts.sum ∧
      sumAbs (ts ++ us) = sumAbs ts := by
  rw [nonzeros_append, listSum_append, sumAbs_append, h, listSum_eq_zero h, sumAbs_eq_zero h]
  exact ⟨Nat.add_zero _, Rat.add_zero _, Rat.add_zero _⟩

/-- If one number is not zero, it is one. -/
theorem nonzeros_single {t : Rat} (h : nonzeros [t] ≠ 0) : nonzeros [t] = 1 := by
  have : nonzeros [t] ≤ 1 := nonzeros_le_length [t]
  omega

/-- n ≥ 1 for n ≠ 0, as a rational number. -/
theorem one_le_natCast {n : Nat} (h : n ≠ 0) : (1 : Rat) ≤ n :=
  Rat.natCast_le_natCast.2 (Nat.one_le_iff_ne_zero.2 h)

/-- A bound holds for every larger one: the bound that is proved may be weakened. -/
theorem Near.mono {e e' : ErrorBound Rat} {ts : List Rat} {v : Rat} (h : Near e ts v)
    (hr : e.relative ≤ e'.relative) (ha : e.absolute ≤ e'.absolute) : Near e' ts v := by
  have := mul_le_mul_left (sumAbs_nonneg ts) hr
  unfold Near at *; grind

namespace Computes

variable {m : Mode} {ts : List Rat} {v : Rat}

/-- What is computed is a number of the format. -/
theorem representable (h : Computes m ts v) : m.format.Representable v := by
  induction h with
  | zero => exact representable_zero
  | number h => exact h
  | rounded h | add _ _ h | fused _ h => exact h.representable
  | perm _ _ ih => exact ih

/-- A sum of zeros is zero. -/
theorem eq_zero (h : Computes m ts v) (hts : nonzeros ts = 0) : v = 0 := by
  induction h with
  | zero => rfl
  | number _ => exact eq_zero_of_nonzeros hts
  | rounded h =>
    rw [eq_zero_of_nonzeros hts] at h
    exact h.zero
  | add _ _ h ihl ihr =>
    rw [nonzeros_append] at hts
    rw [ihl (by omega), ihr (by omega), Rat.add_zero] at h
    exact h.zero
  | @fused ts t a v _ h ih =>
    by_cases ht : t = 0
    · subst ht
      rw [nonzeros_zero_cons] at hts
      rw [ih hts, Rat.add_zero] at h
      exact h.zero
    · rw [nonzeros_cons ht] at hts; omega
  | perm hp _ ih => exact ih (by rwa [nonzeros_perm hp])

/-- A result that is rounded once more is a result. -/
theorem gives {w : Rat} (h : Computes m ts v) (hw : m.Gives v w) : Computes m ts w := by
  induction h with
  | zero => rw [hw.zero]; exact .zero
  | number _ => exact .rounded hw
  | rounded h => exact .rounded (h.trans hw)
  | add hl hr h _ _ => exact .add hl hr (h.trans hw)
  | fused hs h _ => exact .fused hs (h.trans hw)
  | perm hp _ ih => exact .perm hp (ih hw)

end Computes

end RuntimeApprox
