module

public import RuntimeApprox.AnyOrder
public import RuntimeApprox.Format.Binade
public import RuntimeApprox.Format.Nearest

/-!
# Half a unit in the last place, from the rounded value

What rounding x is charged with depends on the binade of x. Here it is bounded by what the exponent
bits of the rounded value say.

## Main results
* `Format.halfUlp_le_halfUlp_round_of`, `Format.halfUlp_round_eq`: rounding, to whatever precision,
  never lowers halfUlp, and keeps it except where it reaches the next power of two.
* `Format.halfUlp_eq_max_binade`: halfUlp a = max(u·binade a, 2^(eₘᵢₙ − p)).
* `Format.halfUlp_le_binade_round`: halfUlp s ≤ u·binade (round s) + 2^(eₘᵢₙ − p).
* `Format.boundsHalfUlp_binade_round_of`, `Format.boundsHalfUlp_flooredBinade_round_of`: choices of
  β and κ, from rounded numbers.
* `Format.Charges.sum_le`: Σ halfUlp s ≤ u·Σ b + n·κ, where each number has its own b.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

namespace Format

variable (f : Format)

/-- halfUlp s ≤ halfUlp (round s), where s is rounded to any format with the exponents of this one:
the rounded result is at least in the binade of the exact one. -/
theorem halfUlp_le_halfUlp_round_of {g : Format} (hg : g.minExponent ≤ f.minExponent) (s : Rat) :
    f.halfUlp s ≤ f.halfUlp (g.round s) := by
  refine pow2_mono ?_
  have := f.minExponent_le_exponent (g.round s)
  by_cases h : f.minExponent < f.exponent s
  · have hp := g.precision_pos
    have := g.round_mono (f.pow2_exponent_le h)
    rw [round_abs, round_eq_self (representable_pow2 (by omega))] at this
    have := f.le_exponent this
    omega
  · omega

/-- halfUlp s ≤ halfUlp (round s): the rounded result is at least in the binade of the exact one. -/
theorem halfUlp_le_halfUlp_round (s : Rat) : f.halfUlp s ≤ f.halfUlp (f.round s) :=
  f.halfUlp_le_halfUlp_round_of (Int.le_refl _) s

/-- halfUlp (round s) = halfUlp s unless rounding reached the power of two above s,
|round s| = 2^(exponent s + 1). -/
theorem halfUlp_round_eq {s : Rat} (h : abs (f.round s) ≠ pow2 (f.exponent s + 1)) :
    f.halfUlp (f.round s) = f.halfUlp s := by
  rw [halfUlp, halfUlp, (f.exponent_round s).resolve_right h]

variable {f}

/-- 0 ≤ binade a -/
theorem binade_nonneg (a : Rat) : 0 ≤ f.binade a := by
  unfold binade
  split
  · exact pow2_nonneg _
  · exact Rat.le_refl

/-- The binade in a format with the exponents of this one is no smaller: there may be numbers that
are normal there and subnormal here. -/
theorem binade_le_binade {g : Format} (hg : g.minExponent ≤ f.minExponent) (a : Rat) :
    f.binade a ≤ g.binade a := by
  have := pow2_mono hg
  have := pow2_nonneg (floorLog2 a)
  unfold binade
  grind

/-- halfUlp a = u·binade a for a normal number, 2^eₘᵢₙ ≤ |a|. -/
theorem halfUlp_eq_binade {a : Rat} (h : pow2 f.minExponent ≤ abs a) :
    f.halfUlp a = f.unitRoundoff * f.binade a := by
  have ha : a ≠ 0 := by
    rintro rfl
    have := pow2_pos f.minExponent
    rw [abs_zero] at h; grind
  have hn : a.num ≠ 0 := by simpa using ha
  have := (le_floorLog2 ha).2 h
  rw [halfUlp_eq, binade, if_pos h, show f.exponent a = floorLog2 a by grind [exponent]]

/-- **Exponent bits**: halfUlp a = max(u·binade a, 2^(eₘᵢₙ − p)). -/
theorem halfUlp_eq_max_binade (a : Rat) :
    f.halfUlp a = max (f.unitRoundoff * f.binade a) (pow2 (f.minExponent - f.precision)) := by
  have hp := pow2_pos (f.minExponent - f.precision)
  by_cases h : pow2 f.minExponent ≤ abs a
  · have hle : pow2 (f.minExponent - f.precision) ≤ f.halfUlp a :=
      pow2_mono (by have := f.minExponent_le_exponent a; omega)
    rw [← halfUlp_eq_binade h]
    unfold max; grind
  · have := @pow2_mono f.minExponent (f.minExponent + 1) (by omega)
    rw [halfUlp_eq_pow2 (by grind), binade, if_neg h, Rat.mul_zero, max, if_pos (Rat.le_of_lt hp)]

/-- halfUlp a ≤ u·binade a + 2^(eₘᵢₙ − p) -/
theorem halfUlp_le_binade (a : Rat) :
    f.halfUlp a ≤ f.unitRoundoff * f.binade a + pow2 (f.minExponent - f.precision) := by
  have := pow2_pos (f.minExponent - f.precision)
  have := mul_nonneg (Rat.le_of_lt f.unitRoundoff_pos) (f.binade_nonneg a)
  rw [halfUlp_eq_max_binade]
  unfold max; grind

/-- halfUlp s ≤ u·binade (round s) + 2^(eₘᵢₙ − p): the rounded result suffices. -/
theorem halfUlp_le_binade_round (s : Rat) :
    f.halfUlp s ≤ f.unitRoundoff * f.binade (f.round s) + pow2 (f.minExponent - f.precision) :=
  Rat.le_trans (f.halfUlp_le_halfUlp_round s) (halfUlp_le_binade _)

/-- flooredBinade a = max(binade a, 2^eₘᵢₙ) -/
theorem flooredBinade_eq_max (a : Rat) :
    f.flooredBinade a = max (f.binade a) (pow2 f.minExponent) := by
  have hu := f.unitRoundoff_pos
  have h := halfUlp_eq_max_binade (f := f) a
  have hη : pow2 (f.minExponent - f.precision) = f.unitRoundoff * pow2 f.minExponent := by
    rw [unitRoundoff, ← pow2_add]; congr 1; omega
  rw [halfUlp_eq, hη] at h
  refine Rat.le_antisymm ?_ ?_ <;>
    refine Rat.le_of_mul_le_mul_left (c := f.unitRoundoff) ?_ hu
  · have := mul_le_mul_left (Rat.le_of_lt hu) (le_max_left (f.binade a) (pow2 f.minExponent))
    have := mul_le_mul_left (Rat.le_of_lt hu) (le_max_right (f.binade a) (pow2 f.minExponent))
    unfold flooredBinade
    rw [h]
    exact max_le (by grind) (by grind)
  · unfold flooredBinade
    rw [h]
    unfold max; grind

/-- By the binade of s rounded to any format with the exponents of this one, with the underflow
threshold: sums of 16-bit numbers that are computed in binary32, before they are rounded once
more. -/
theorem boundsHalfUlp_binade_round_of (f : Format) {g : Format}
    (hg : g.minExponent ≤ f.minExponent) :
    f.BoundsHalfUlp (fun s => g.binade (g.round s)) (pow2 (f.minExponent - f.precision)) :=
  fun s => by
    have := mul_le_mul_left (Rat.le_of_lt f.unitRoundoff_pos) (binade_le_binade hg (g.round s))
    have := f.halfUlp_le_halfUlp_round_of hg s
    have := halfUlp_le_binade (f := f) (g.round s)
    grind

/-- By the binade of s rounded to any format with the exponents of this one, floored here, without
underflow threshold. -/
theorem boundsHalfUlp_flooredBinade_round_of (f : Format) {g : Format}
    (hg : g.minExponent ≤ f.minExponent) :
    f.BoundsHalfUlp (fun s => max (g.binade (g.round s)) (pow2 f.minExponent)) 0 := fun s => by
  have := f.halfUlp_le_halfUlp_round_of hg s
  rw [f.halfUlp_eq (g.round s), ← flooredBinade, flooredBinade_eq_max] at this
  have := mul_le_mul_left (Rat.le_of_lt f.unitRoundoff_pos)
    (max_le (Rat.le_trans (binade_le_binade hg (g.round s)) (le_max_left _ (pow2 f.minExponent)))
      (le_max_right (g.binade (g.round s)) _))
  grind

/-! ### Numbers that are charged one by one -/

/-- One β for all numbers. -/
theorem BoundsHalfUlp.charges {β : Rat → Rat} {κ : Rat} (h : f.BoundsHalfUlp β κ) :
    (ss : List Rat) → f.Charges κ ss (ss.map β)
  | [] => trivial
  | s :: ss => ⟨h s, h.charges ss⟩

/-- Σ halfUlp(s) ≤ u·Σ b + n·κ over n numbers. -/
theorem Charges.sum_le {κ : Rat} : {ss bs : List Rat} → f.Charges κ ss bs →
    (ss.map f.halfUlp).sum ≤ f.unitRoundoff * bs.sum + (ss.length : Rat) * κ
  | [], [], _ => by show (0 : Rat) ≤ _ * 0 + ((0 : Nat) : Rat) * κ; grind
  | s :: ss, b :: bs, h => by
    have := h.2.sum_le
    have := h.1
    show f.halfUlp s + List.sum _ ≤ _ * (b + bs.sum) + ((ss.length + 1 : Nat) : Rat) * κ
    rw [Rat.natCast_add]
    grind
  | [], _ :: _, h => h.elim
  | _ :: _, [], h => h.elim

end Format

end RuntimeApprox
