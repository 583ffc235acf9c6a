module

public import RuntimeApprox.AnyOrder.Computes

/-!
# Two steps: partial sums that are added, a result that is rounded

## Main results
* `Near.followedBy`: a value that is rounded once more; `NearAll.followedBy`: partial sums that are
  added.
* `NearAll.append`: partial sums of one list and of another, taken together.
* `PartialSums.nearAll_of`: all partial sums together are as near as one sum of all terms.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

open Format

universe u

/-! ### Two steps -/

section
variable {K : Type u} [OrderedField K] {e₁ e₂ : ErrorBound K} {ts ps : List K} {p v : K}

/-- One partial sum. -/
theorem Near.nearAll (h : Near e₁ ts p) : NearAll e₁ ts [p] := by
  have h0 := abs_listSum_le ts
  have h1 := abs_add_le ts.sum (p - ts.sum)
  rw [show ts.sum + (p - ts.sum) = p by grind] at h1
  constructor
  · show Near e₁ ts (p + 0)
    rwa [show p + 0 = p by grind]
  · show abs p + 0 ≤ _
    unfold Near at h; grind

/-- A term is near itself, whatever the relative error. -/
theorem Near.term {ρ t : Rat} (hρ : 0 ≤ ρ) : Near ⟨ρ, 0⟩ [t] t := by
  have := mul_nonneg hρ (abs_nonneg t)
  show abs (t - (t + 0)) ≤ ρ * (abs t + 0) + 0
  rw [Rat.add_zero, abs_sub_self]
  grind

/-- Without terms and partial sums there is no error. -/
theorem NearAll.nil {ρ : K} : NearAll ⟨ρ, 0⟩ [] [] := by
  constructor
  · show abs (0 - 0) ≤ ρ * 0 + 0
    unfold abs; grind
  · show (0 : K) ≤ (1 + ρ) * 0 + 0
    grind

/-- Partial sums of `ts` and of `us` are together partial sums of both: the absolute errors add up,
the relative one stays. -/
theorem NearAll.append {ρ η₁ η₂ : K} {us qs : List K} (h₁ : NearAll ⟨ρ, η₁⟩ ts ps)
    (h₂ : NearAll ⟨ρ, η₂⟩ us qs) : NearAll ⟨ρ, η₁ + η₂⟩ (ts ++ us) (ps ++ qs) := by
  obtain ⟨s₁, m₁⟩ := h₁
  obtain ⟨s₂, m₂⟩ := h₂
  have := abs_add_le (ps.sum - ts.sum) (qs.sum - us.sum)
  rw [show ps.sum - ts.sum + (qs.sum - us.sum) =
    ps.sum + qs.sum - (ts.sum + us.sum) by grind] at this
  constructor
  · unfold Near at *
    rw [listSum_append, listSum_append, sumAbs_append]
    grind
  · rw [sumAbs_append, sumAbs_append]
    grind

/-- The order of the terms does not matter. -/
theorem NearAll.perm {us : List K} (hp : ts.Perm us) (h : NearAll e₁ ts ps) : NearAll e₁ us ps := by
  obtain ⟨h1, h2⟩ := h
  unfold Near at h1
  rw [listSum_perm hp, sumAbs_perm hp] at h1
  rw [sumAbs_perm hp] at h2
  exact ⟨h1, h2⟩

/-- A larger error bound holds as well. -/
theorem NearAll.mono (h : NearAll e₁ ts ps) (hr : e₁.relative ≤ e₂.relative)
    (ha : e₁.absolute ≤ e₂.absolute) : NearAll e₂ ts ps := by
  obtain ⟨h1, h2⟩ := h
  have := mul_le_mul_left (sumAbs_nonneg ts) hr
  constructor
  · unfold Near at *; grind
  · grind

/-- **Two steps**: partial sums, and the sum of them. -/
theorem NearAll.followedBy (h : NearAll e₁ ts ps) (he : 0 ≤ e₂.relative) (hv : Near e₂ ps v) :
    Near (e₁.followedBy e₂) ts v := by
  obtain ⟨h1, h2⟩ := h
  have h3 := mul_le_mul_left he h2
  have h4 := abs_sub_le v ps.sum ts.sum
  show _ ≤ ((1 + e₁.relative) * (1 + e₂.relative) - 1) * sumAbs ts +
    ((1 + e₂.relative) * e₁.absolute + e₂.absolute)
  unfold Near at h1 hv
  grind

/-- **One more rounding** of a result: |v − p| ≤ ρ·|p| + η. -/
theorem Near.followedBy (h : Near e₁ ts p) (he : 0 ≤ e₂.relative)
    (hv : abs (v - p) ≤ e₂.relative * abs p + e₂.absolute) : Near (e₁.followedBy e₂) ts v := by
  refine h.nearAll.followedBy he ?_
  show abs (v - (p + 0)) ≤ _ * (abs p + 0) + _
  rwa [show p + 0 = p by grind, show abs p + 0 = abs p by grind]

/-- 0 ≤ ρ, of two steps. -/
theorem ErrorBound.followedBy_relative_nonneg (h₁ : 0 ≤ e₁.relative) (h₂ : 0 ≤ e₂.relative) :
    0 ≤ (e₁.followedBy e₂).relative := by
  have := mul_nonneg h₁ h₂
  show 0 ≤ (1 + e₁.relative) * (1 + e₂.relative) - 1
  grind

end

/-! ### Partial sums -/

namespace PartialSums

variable {P Q : List Rat → Rat → Prop} {m : Mode} {n : Nat} {ts ps qs : List Rat} {p : Rat}

/-- What holds of the groups may be weakened. -/
theorem mono (hp : PartialSums P ts ps) (hPQ : ∀ {us p}, P us p → Q us p) :
    PartialSums Q ts ps := by
  induction hp with
  | nil => exact .nil
  | cons part _ ih => exact .cons (hPQ part) ih
  | perm hp _ ih => exact .perm hp ih

/-- What follows for the sum of each group holds of all partial sums. -/
theorem forall_mem (hp : PartialSums P ts ps) {R : Rat → Prop} (hPR : ∀ {us p}, P us p → R p) :
    ∀ p ∈ ps, R p := by
  induction hp with
  | nil => exact fun _ h => absurd h List.not_mem_nil
  | cons part _ ih =>
    intro p hp
    rcases List.mem_cons.1 hp with rfl | hp
    · exact hPR part
    · exact ih p hp
  | perm _ _ ih => exact ih

/-- No group, no terms. -/
theorem of_nil (hp : PartialSums P ts []) : ts = [] := by
  generalize hr : ([] : List Rat) = ps at hp
  induction hp with
  | nil => rfl
  | cons => exact absurd hr.symm (List.cons_ne_nil _ _)
  | perm hp _ ih =>
    subst hr
    have := ih rfl
    subst this
    exact List.nil_perm.1 hp

/-- Numbers that are appended have separate groups. -/
theorem of_append (hp : PartialSums P ts (ps ++ qs)) :
    ∃ us vs, PartialSums P us ps ∧ PartialSums P vs qs ∧ (us ++ vs).Perm ts := by
  generalize hr : ps ++ qs = rs at hp
  induction hp generalizing ps with
  | nil =>
    obtain ⟨rfl, rfl⟩ := List.append_eq_nil_iff.1 hr
    exact ⟨[], [], .nil, .nil, .refl _⟩
  | @cons ts us rs p part rest ih =>
    rcases ps with _ | ⟨p', ps⟩
    · refine ⟨[], ts ++ us, .nil, ?_, .refl _⟩
      rw [show qs = p :: rs from hr]
      exact .cons part rest
    · obtain ⟨rfl, hr'⟩ := List.cons.inj hr
      obtain ⟨ws, vs, h1, h2, h3⟩ := ih hr'
      refine ⟨ts ++ ws, vs, .cons part h1, h2, ?_⟩
      rw [List.append_assoc]
      exact h3.append_left ts
  | perm hp _ ih =>
    obtain ⟨us, vs, h1, h2, h3⟩ := ih hr
    exact ⟨us, vs, h1, h2, h3.trans hp⟩

/-- One group consists of all terms. -/
theorem of_single (hP : ∀ {us vs p}, us.Perm vs → P us p → P vs p)
    (hp : PartialSums P ts [p]) : P ts p := by
  generalize hr : [p] = ps at hp
  induction hp with
  | nil => exact absurd hr (List.cons_ne_nil _ _)
  | @cons ts us rs q part rest _ =>
    obtain ⟨rfl, rfl⟩ := List.cons.inj hr
    rw [rest.of_nil, List.append_nil]
    exact part
  | perm hp _ ih => exact hP hp (ih hr)

/-- Groups may be taken in any order. -/
theorem perm_right (hP : ∀ {us vs p}, us.Perm vs → P us p → P vs p) (hq : ps.Perm qs)
    (hp : PartialSums P ts ps) : PartialSums P ts qs := by
  induction hq generalizing ts with
  | nil => exact hp
  | @cons p ps qs hq ih =>
    obtain ⟨us, vs, h1, h2, h3⟩ := of_append (ps := [p]) hp
    exact .perm h3 (.cons (h1.of_single hP) (ih h2))
  | swap p q ps =>
    obtain ⟨us, vs, h1, h2, h3⟩ := of_append (ps := [q]) hp
    obtain ⟨vs, ws, h4, h5, h6⟩ := of_append (ps := [p]) h2
    refine .perm ?_ (.cons (h4.of_single hP) (.cons (h1.of_single hP) h5))
    refine List.Perm.trans ?_ ((h6.append_left us).trans h3)
    rw [← List.append_assoc, ← List.append_assoc]
    exact List.perm_append_comm.append_right ws
  | trans _ _ ih₁ ih₂ => exact ih₂ (ih₁ hp)

/-- There are not more partial sums that are not zero than terms that are not zero. -/
theorem nonzeros_le (hp : PartialSums P ts ps)
    (hP : ∀ {us p}, P us p → nonzeros us = 0 → p = 0) : nonzeros ps ≤ nonzeros ts := by
  induction hp with
  | nil => exact Nat.le_refl _
  | @cons ts us ps p part _ ih =>
    rw [nonzeros_append]
    by_cases hp : p = 0
    · rw [hp, nonzeros_zero_cons]; omega
    · rw [nonzeros_cons hp]
      have : nonzeros ts ≠ 0 := fun h => hp (hP part h)
      omega
  | perm hp _ ih => rwa [← nonzeros_perm hp]

/-- If each partial sum errs by at most ρ·Σ|tᵢ| and c for each of its terms that is not zero, then all
together err as one sum of n terms. -/
theorem nearAll_of {R : Rat → Prop} {e : ErrorBound Rat} {c : Rat} (hp : PartialSums P ts ps)
    (hc : 0 ≤ c) (hnc : n * c = e.absolute) (hall : ∀ {us p}, P us p → (∀ t ∈ us, R t) →
      nonzeros us ≤ n → Near ⟨e.relative, nonzeros us * c⟩ us p)
    (hts : ∀ t ∈ ts, R t) (hn : nonzeros ts ≤ n) : NearAll e ts ps := by
  have key : NearAll ⟨e.relative, nonzeros ts * c⟩ ts ps := by
    clear hnc
    induction hp with
    | nil =>
      rw [show nonzeros [] * c = 0 from Rat.zero_mul c]
      exact .nil
    | @cons ts us ps p part rest ih =>
      rw [nonzeros_append] at hn
      rw [nonzeros_append, Rat.natCast_add, Rat.add_mul]
      have := hall part (fun t ht => hts t (List.mem_append_left _ ht)) (by omega)
      exact this.nearAll.append (ih (fun t ht => hts t (List.mem_append_right _ ht)) (by omega))
    | perm hp _ ih =>
      have := ih (fun t ht => hts t (hp.mem_iff.1 ht)) (by rwa [nonzeros_perm hp])
      rw [nonzeros_perm hp] at this
      exact this.perm hp
  refine key.mono Rat.le_refl ?_
  have := mul_le_mul_left hc (Rat.natCast_le_natCast.2 hn)
  show nonzeros ts * c ≤ e.absolute
  grind

/-- No group has more terms that are not zero than there are. -/
theorem bounded (hp : PartialSums P ts ps) (hn : nonzeros ts ≤ n) :
    PartialSums (fun us p => P us p ∧ nonzeros us ≤ n) ts ps := by
  induction hp with
  | nil => exact .nil
  | cons part _ ih =>
    rw [nonzeros_append] at hn
    exact .cons ⟨part, by omega⟩ (ih (by omega))
  | perm hp _ ih => exact .perm hp (ih (by rwa [nonzeros_perm hp]))

end PartialSums

/-- 0 ≤ ρ, of the last rounding. -/
theorem Accumulation.lastRounding_relative_nonneg {k : Accumulation} :
    0 ≤ k.lastRounding.relative := by
  unfold lastRounding
  split
  · exact Rat.le_refl
  · exact Rat.le_of_lt (Format.Mode.roundoff_pos _)

/-- What holds of the sums, none of which has more terms that are not zero than there are, and of the
sum across of at most `splits` partial sums, may be weakened. -/
theorem Accumulation.GivesBy.mono {k : Accumulation} {P P' : List Rat → Rat → Prop}
    {Q Q' : Mode → List Rat → Rat → Prop} {ts : List Rat} {v : Rat}
    (hP : ∀ {us p}, P us p → nonzeros us ≤ nonzeros ts → P' us p)
    (hQ : ∀ {m ps u}, Q m ps u → PartialSums P ts ps ∧ ps.length ≤ k.splits → Q' m ps u)
    (h : k.GivesBy P Q ts v) : k.GivesBy P' Q' ts v := by
  have sums {s : Rat} (h : k.SumsBy P Q ts s) : k.SumsBy P' Q' ts s := by
    unfold SumsBy at *
    split at h
    · exact hP h (Nat.le_refl _)
    · obtain ⟨ps, hps, hlen, hv⟩ := h
      exact ⟨ps, (hps.bounded (Nat.le_refl _)).mono fun ⟨h, hus⟩ => hP h hus, hlen,
        hQ hv ⟨hps, hlen⟩⟩
  unfold GivesBy at *
  split at h
  · exact sums h
  · obtain ⟨s, hs, hv⟩ := h
    exact ⟨s, sums hs, hv⟩

end RuntimeApprox
