module

public import RuntimeApprox.Depth.Shapes

/-!
# What a kernel promises whose sums have a bounded depth

## Main results
* `ComputesWithin.near_depth`: sums of at most n terms and depth d have each `DepthBound`.
* `PartialSums.nearAll`: all partial sums together are as near as one sum of all terms.
* `Accumulation.GivesWithin.gives`: a kernel of bounded depth keeps the promise of any order.
* `Accumulation.near_within`: **what a kernel of bounded depth gives is as near the exact sum as its
  bound says**.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

open Format

namespace Format.Mode.DepthBound

variable {m : Mode} {n d : Nat} {plain : Bool} {e : ErrorBound Rat}

/-- 0 ≤ ρ -/
theorem relative_nonneg (h : m.DepthBound n d plain e) : 0 ≤ e.relative := by
  cases h with
  | anyOrder h => exact h.relative_nonneg
  | tree hg | numbers _ hg =>
    have := ComputesWithin.one_le_growth m d
    show 0 ≤ _ - 1
    grind

/-- A sum of k ≤ n terms that are not zero is charged k of n equal parts of η. -/
theorem exists_part (h : m.DepthBound n d plain e) : ∃ c, 0 ≤ c ∧ n * c = e.absolute ∧
    ∀ {ts v}, ComputesWithin m d ts v → (∀ t ∈ ts, plain = true → m.format.Representable t) →
      nonzeros ts ≤ n → Near ⟨e.relative, nonzeros ts * c⟩ ts v := by
  have hη := Rat.le_of_lt m.underflow_pos
  have h1 := ComputesWithin.one_le_growth m d
  cases h with
  | anyOrder h =>
    obtain ⟨c, hc, hnc, hall⟩ := h.exists_part
    exact ⟨c, hc, hnc, fun hv hts => hall hv.computes fun hp t ht => hts t ht hp⟩
  | @tree _ g hg =>
    refine ⟨2 * m.underflow * g, mul_nonneg (by grind) (by grind), ?_, fun {ts v} hv _ _ => ?_⟩
    · show _ = 2 * n * m.underflow * g
      grind
    · refine (hv.near (Nat.le_refl _) hg).mono Rat.le_refl ?_
      show 2 * nonzeros ts * m.underflow * g ≤ nonzeros ts * (2 * m.underflow * g)
      grind
  | numbers hf hg =>
    refine ⟨0, Rat.le_refl, Rat.mul_zero _, fun {ts v} hv hts _ => ?_⟩
    refine (hv.near_numbers hf fun t ht => hts t ht rfl).mono ?_ ?_
    · show _ - 1 ≤ _ - 1
      grind
    · show (0 : Rat) ≤ _ * 0
      rw [Rat.mul_zero]; exact Rat.le_refl

end Format.Mode.DepthBound

/-- **One sum of depth d** of at most n terms that are not zero. -/
theorem ComputesWithin.near_depth {m : Mode} {n d : Nat} {plain : Bool} {e : ErrorBound Rat}
    {ts : List Rat} {v : Rat} (h : ComputesWithin m d ts v) (he : m.DepthBound n d plain e)
    (hts : ∀ t ∈ ts, plain = true → m.format.Representable t) (hn : nonzeros ts ≤ n) :
    Near e ts v := by
  obtain ⟨c, hc, hnc, hall⟩ := he.exists_part
  refine (hall h hts hn).mono Rat.le_refl ?_
  have := mul_le_mul_left hc (Rat.natCast_le_natCast.2 hn)
  show nonzeros ts * c ≤ e.absolute
  grind

/-! ### Partial sums -/

namespace PartialSums

variable {P : List Rat → Rat → Prop} {R : Rat → Prop} {m : Mode} {n d : Nat} {ts ps : List Rat}

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

/-- If each partial sum errs by at most ρ·Σ|tᵢ| and c for each of its terms that is not zero, so do
all together. -/
theorem nearAll_of {ρ c : Rat} (hp : PartialSums P ts ps)
    (hall : ∀ {us p}, P us p → (∀ t ∈ us, R t) → nonzeros us ≤ n → Near ⟨ρ, nonzeros us * c⟩ us p)
    (hts : ∀ t ∈ ts, R t) (hn : nonzeros ts ≤ n) : NearAll ⟨ρ, nonzeros ts * c⟩ ts ps := by
  induction hp with
  | nil =>
    have h0 : ((nonzeros [] : Nat) : Rat) * c = 0 := Rat.zero_mul c
    constructor
    · show abs (0 - 0) ≤ ρ * 0 + _
      rw [h0, abs_sub_self, Rat.mul_zero, Rat.add_zero]; exact Rat.le_refl
    · show (0 : Rat) ≤ (1 + ρ) * 0 + _
      rw [h0, Rat.mul_zero, Rat.add_zero]; exact Rat.le_refl
  | @cons ts us ps p part rest ih =>
    rw [nonzeros_append] at hn
    obtain ⟨p1, p2⟩ := (hall part (fun t ht => hts t (List.mem_append_left _ ht))
      (by omega)).nearAll
    obtain ⟨r1, r2⟩ := ih (fun t ht => hts t (List.mem_append_right _ ht)) (by omega)
    have hab := abs_add_le (p - sumList ts) (sumList ps - sumList us)
    rw [show p - sumList ts + (sumList ps - sumList us) =
      p + sumList ps - (sumList ts + sumList us) by grind] at hab
    have p1 : abs (p + 0 - sumList ts) ≤ ρ * sumAbs ts + nonzeros ts * c := p1
    have p2 : abs p + 0 ≤ (1 + ρ) * sumAbs ts + nonzeros ts * c := p2
    have r1 : abs (sumList ps - sumList us) ≤ ρ * sumAbs us + nonzeros us * c := r1
    have r2 : sumAbs ps ≤ (1 + ρ) * sumAbs us + nonzeros us * c := r2
    rw [Rat.add_zero] at p1 p2
    constructor
    · show abs (p + sumList ps - sumList (ts ++ us)) ≤
        ρ * sumAbs (ts ++ us) + nonzeros (ts ++ us) * c
      rw [nonzeros_append, Rat.natCast_add, sumList_append, sumAbs_append]
      grind
    · show abs p + sumAbs ps ≤ (1 + ρ) * sumAbs (ts ++ us) + nonzeros (ts ++ us) * c
      rw [nonzeros_append, Rat.natCast_add, sumAbs_append]
      grind
  | perm hp _ ih =>
    have := ih (fun t ht => hts t (hp.mem_iff.1 ht)) (by rwa [nonzeros_perm hp])
    rw [nonzeros_perm hp] at this
    obtain ⟨h1, h2⟩ := this
    unfold Near at h1
    rw [sumList_perm hp, sumAbs_perm hp] at h1
    rw [sumAbs_perm hp] at h2
    exact ⟨h1, h2⟩

/-- **Partial sums of depth d**, of at most n terms that are not zero in all, are together as near
as one sum of n terms. -/
theorem nearAll {plain : Bool} {e : ErrorBound Rat} (hp : PartialSums (ComputesWithin m d) ts ps)
    (he : m.DepthBound n d plain e) (hts : ∀ t ∈ ts, plain = true → m.format.Representable t)
    (hn : nonzeros ts ≤ n) : NearAll e ts ps := by
  obtain ⟨c, hc, hnc, hall⟩ := he.exists_part
  obtain ⟨h1, h2⟩ := hp.nearAll_of hall hts hn
  have h3 := mul_le_mul_left hc (Rat.natCast_le_natCast.2 hn)
  refine ⟨h1.mono Rat.le_refl ?_, ?_⟩
  · show nonzeros ts * c ≤ e.absolute
    grind
  · have h2 : sumAbs ps ≤ (1 + e.relative) * sumAbs ts + nonzeros ts * c := h2
    grind

end PartialSums

/-! ### Kernels -/

namespace Accumulation

variable {k : Accumulation} {n depth acrossDepth : Nat} {plain : Bool} {e₁ e₂ : ErrorBound Rat}
  {ts : List Rat} {v : Rat}

/-- A finished sum of bounded depth is one in some order. -/
theorem SumsWithin.sums (h : k.SumsWithin depth acrossDepth ts v) : k.Sums ts v := by
  unfold SumsWithin at h
  unfold Sums
  split at h
  · next ha => rw [ha]; exact h.computes
  · next m ha =>
    rw [ha]
    obtain ⟨ps, hps, hlen, hv⟩ := h
    exact ⟨ps, (hps.mono ComputesWithin.computes).parts, hlen, hv.computes⟩

/-- A kernel of bounded depth keeps the promise of any order: each of the bounds of any order holds
of it, and the least may be taken. -/
theorem GivesWithin.gives (h : k.GivesWithin depth acrossDepth ts v) : k.Gives ts v := by
  unfold GivesWithin at h
  unfold Gives
  split at h
  · next ho => rw [ho]; exact SumsWithin.sums h
  · next m ho =>
    rw [ho]
    obtain ⟨s, hs, hv⟩ := h
    exact ⟨s, SumsWithin.sums hs, hv⟩

/-- 0 ≤ ρ, of the finished sum. -/
theorem sumBound_relative_nonneg_of_depth (h₁ : k.sums.DepthBound n depth plain e₁)
    (h₂ : ∀ m, k.across = some m → m.DepthBound (min k.splits n) acrossDepth false e₂) :
    0 ≤ (k.sumBound e₁ e₂).relative := by
  unfold sumBound
  split
  · exact h₁.relative_nonneg
  · next m h =>
    exact ErrorBound.followedBy_relative_nonneg h₁.relative_nonneg (h₂ m h).relative_nonneg

/-- **The finished sum, bounded depth**: at most n terms that are not zero. -/
theorem near_sumsWithin (h : k.SumsWithin depth acrossDepth ts v) (hn : nonzeros ts ≤ n)
    (hts : ∀ t ∈ ts, plain = true → k.sums.format.Representable t)
    (h₁ : k.sums.DepthBound n depth plain e₁)
    (h₂ : ∀ m, k.across = some m → m.DepthBound (min k.splits n) acrossDepth false e₂) :
    Near (k.sumBound e₁ e₂) ts v := by
  unfold SumsWithin at h
  unfold sumBound
  split at h
  · next ha => rw [ha]; exact h.near_depth h₁ hts hn
  · next m ha =>
    rw [ha]
    obtain ⟨ps, hps, hlen, hv⟩ := h
    refine (hps.nearAll h₁ hts hn).followedBy (h₂ m ha).relative_nonneg
      (hv.near_depth (h₂ m ha) (fun _ _ h => absurd h Bool.false_ne_true) ?_)
    have := nonzeros_le_length ps
    have := hps.nonzeros_le fun h h0 => h.computes.eq_zero h0
    omega

/-- **What a kernel of bounded depth promises**: what it returns for at most n terms that are not
zero is as near their sum as its error bound says, e₁ being proved of sums of depth `depth`, and e₂
of the sum across of depth `acrossDepth`. -/
theorem near_within (h : k.GivesWithin depth acrossDepth ts v) (hn : nonzeros ts ≤ n)
    (hts : ∀ t ∈ ts, plain = true → k.sums.format.Representable t)
    (h₁ : k.sums.DepthBound n depth plain e₁)
    (h₂ : ∀ m, k.across = some m → m.DepthBound (min k.splits n) acrossDepth false e₂) :
    Near (k.bound e₁ e₂) ts v := by
  obtain ⟨s, hs, hv⟩ : ∃ s, k.SumsWithin depth acrossDepth ts s ∧
      abs (v - s) ≤ k.lastRounding.relative * abs s + k.lastRounding.absolute := by
    unfold GivesWithin at h
    unfold lastRounding
    split at h
    · next ho =>
      rw [ho]
      refine ⟨v, h, ?_⟩
      rw [abs_sub_self]
      show (0 : Rat) ≤ 0 * abs v + 0
      rw [Rat.zero_mul, Rat.add_zero]; exact Rat.le_refl
    · next m ho =>
      rw [ho]
      obtain ⟨s, hs, hv⟩ := h
      exact ⟨s, hs, hv.abs_sub_le⟩
  exact (near_sumsWithin hs hn hts h₁ h₂).followedBy lastRounding_relative_nonneg hv

end Accumulation

end RuntimeApprox
