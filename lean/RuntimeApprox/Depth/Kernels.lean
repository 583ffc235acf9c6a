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

variable {m : Mode} {n d : Nat} {ts ps : List Rat}

/-- **Partial sums of depth d**, of at most n terms that are not zero in all, are together as near
as one sum of n terms. -/
theorem nearAll {plain : Bool} {e : ErrorBound Rat} (hp : PartialSums (ComputesWithin m d) ts ps)
    (he : m.DepthBound n d plain e) (hts : ∀ t ∈ ts, plain = true → m.format.Representable t)
    (hn : nonzeros ts ≤ n) : NearAll e ts ps :=
  let ⟨_, hc, hnc, hall⟩ := he.exists_part
  hp.nearAll_of (R := fun t => plain = true → m.format.Representable t) hc hnc hall hts hn

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
    exact ⟨ps, hps.mono ComputesWithin.computes, hlen, hv.computes⟩

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
