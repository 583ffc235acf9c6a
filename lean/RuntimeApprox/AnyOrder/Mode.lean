module

public import RuntimeApprox.AnyOrder.Truncate
public import RuntimeApprox.Format.Arithmetic

/-!
# The laws of rounding modes

To nearest or toward zero, with or without flushing to zero: what an operation gives is a number of
the format, and it errs by at most u·|exact| + η.

## Main definitions
* `Format.Mode.rounding`: a mode as a rounding model, in which every subnormal result is flushed if
  some may be.

## Main results
* `Format.Mode.Gives.abs_sub_le`: |v − x| ≤ u·|x| + η, for every mode.
* `Format.Mode.Gives.abs_add_sub_le`: a sum of two numbers of the format errs by at most u·|a + b|.
* `Format.Mode.Gives.representable`: results are numbers of the format.
* `Format.Mode.Gives.zero`: the result is 0 where the exact one is.
* `Format.Mode.Gives.trans`: a result that is rounded once more, as by adding zero, is still a
  result of the first operation.
* `Format.Mode.rounding_lawful`: |fl(x) − x| ≤ halfUlp x;
  `Format.Mode.Gives.abs_sub_le_halfUlp`, also for a subnormal result that is not flushed.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox.Format.Mode

variable {m : Mode}

/-- round x is a number of the format. -/
theorem representable_round (m : Mode) (x : Rat) : m.format.Representable (m.round x) := by
  unfold round; split
  · exact m.format.representable_truncate x
  · exact m.format.representable_round x

/-- round v = v for a number v of the format. -/
theorem round_eq_self {v : Rat} (hv : m.format.Representable v) : m.round v = v := by
  unfold round; split
  · exact truncate_eq_self hv
  · exact Format.round_eq_self hv

/-- round 0 = 0 -/
@[simp] theorem round_zero (m : Mode) : m.round 0 = 0 := round_eq_self representable_zero

/-- Rounding is monotone: round x ≤ round y for x ≤ y. -/
theorem round_mono (m : Mode) {x y : Rat} (h : x ≤ y) : m.round x ≤ m.round y := by
  unfold round; split
  · exact m.format.truncate_mono h
  · exact m.format.round_mono h

/-- round |x| = |round x| -/
theorem round_abs (m : Mode) (x : Rat) : m.round (abs x) = abs (m.round x) := by
  unfold round; split
  · exact m.format.truncate_abs x
  · exact m.format.round_abs x

/-- 0 < u -/
theorem roundoff_pos (m : Mode) : 0 < m.roundoff := pow2_pos _

/-- 0 < η -/
theorem underflow_pos (m : Mode) : 0 < m.underflow := pow2_pos _

/-- To nearest, u = 2⁻ᵖ. -/
theorem roundoff_of_nearest (h : m.towardZero = false) : m.roundoff = m.format.unitRoundoff := by
  rw [roundoff, roundoffExponent, h]; rfl

/-- Toward zero, u = 2^(1 − p). -/
theorem roundoff_of_towardZero (h : m.towardZero = true) :
    m.roundoff = 2 * m.format.unitRoundoff := by
  rw [roundoff, roundoffExponent, h, unitRoundoff, ← pow2_add_one]
  show pow2 (1 - m.format.precision) = _
  congr 1; omega

/-- To nearest and without flushing, η = 2^(eₘᵢₙ − p). -/
theorem underflow_of_nearest (h : m.towardZero = false) (hf : m.flushed = false) :
    m.underflow = pow2 (m.format.minExponent - m.format.precision) := by
  rw [underflow, underflowExponent, h, hf]; rfl

/-- With flushing, η = 2^eₘᵢₙ. -/
theorem underflow_of_flushed (h : m.flushed = true) : m.underflow = pow2 m.format.minExponent := by
  rw [underflow, underflowExponent, h]; rfl

/-- To nearest, 2·u ≤ 1. -/
theorem two_mul_roundoff_le_one (h : m.towardZero = false) : 2 * m.roundoff ≤ 1 := by
  have hp := m.format.precision_pos
  rw [← pow2_zero, roundoff, roundoffExponent, h, ← pow2_add_one]
  exact pow2_mono (by simp; omega)

/-- |round x − x| ≤ ulp x toward zero, halfUlp x to nearest. -/
theorem abs_round_sub_le_unit (m : Mode) (x : Rat) :
    abs (m.round x - x) ≤ if m.towardZero then m.format.ulp x else m.format.halfUlp x := by
  unfold round; split
  · exact Rat.le_of_lt (m.format.abs_truncate_sub_lt x)
  · exact m.format.abs_round_sub_le x

/-- |round x − x| ≤ u·|x| + η -/
theorem abs_round_sub_le (m : Mode) (x : Rat) :
    abs (m.round x - x) ≤ m.roundoff * abs x + m.underflow := by
  have hp := m.format.precision_pos
  unfold round
  cases h : m.towardZero with
  | true =>
    have h1 := m.format.abs_truncate_sub_le x
    have : pow2 (m.format.minExponent - m.format.precision + 1) ≤ m.underflow := by
      rw [underflow, underflowExponent, h]
      exact pow2_mono (by grind)
    rw [roundoff_of_towardZero h, if_pos rfl]; grind
  | false =>
    have h1 := m.format.abs_round_sub_le_mul_add x
    have : pow2 (m.format.minExponent - m.format.precision) ≤ m.underflow := by
      rw [underflow, underflowExponent, h]
      exact pow2_mono (by grind)
    rw [roundoff_of_nearest h, if_neg (by simp)]; grind

/-- |x| < 2^eₘᵢₙ where |round x| is: results are subnormal only where the exact ones are. -/
theorem abs_lt_of_abs_round_lt {x : Rat} (h : abs (m.round x) < pow2 m.format.minExponent) :
    abs x < pow2 m.format.minExponent := by
  have hp := m.format.precision_pos
  refine Rat.not_le.1 fun hle => ?_
  have := m.round_mono hle
  rw [round_abs, round_eq_self (representable_pow2 (by omega))] at this
  grind

/-- To nearest and without flushing, a result is the rounded exact one. -/
theorem Gives.eq_round {x v : Rat} (h : m.Gives x v) (hz : m.towardZero = false)
    (hf : m.flushed = false) : v = m.format.round x := by
  rcases h with rfl | ⟨h, _⟩
  · rw [round, hz]; rfl
  · rw [hf] at h; contradiction

/-- A number of the format may be given unchanged. -/
theorem gives_self {v : Rat} (h : m.format.Representable v) : m.Gives v v :=
  .inl (round_eq_self h).symm

namespace Gives

variable {x v w : Rat}

/-- **Error of an operation**: |v − x| ≤ u·|x| + η, for every mode. -/
theorem abs_sub_le (h : m.Gives x v) : abs (v - x) ≤ m.roundoff * abs x + m.underflow := by
  rcases h with rfl | ⟨hf, h, rfl⟩
  · exact m.abs_round_sub_le x
  · have := abs_lt_of_abs_round_lt h
    have := mul_nonneg (Rat.le_of_lt m.roundoff_pos) (abs_nonneg x)
    have := abs_sub_comm 0 x
    rw [show x - 0 = x by grind] at this
    rw [underflow_of_flushed hf]; grind

/-- A result is a number of the format. -/
theorem representable (h : m.Gives x v) : m.format.Representable v := by
  rcases h with rfl | ⟨_, _, rfl⟩
  · exact m.representable_round x
  · exact representable_zero

/-- Zero is given for zero. -/
theorem zero (h : m.Gives 0 v) : v = 0 := by
  rcases h with rfl | ⟨_, _, rfl⟩
  · exact m.round_zero
  · rfl

/-- A result that is rounded once more, as by adding zero, is a result of the first operation. -/
theorem trans (hw : m.Gives x w) (hv : m.Gives w v) : m.Gives x v := by
  rcases hv with rfl | ⟨hf, h, rfl⟩
  · rwa [round_eq_self hw.representable]
  · rcases hw with rfl | ⟨_, h', rfl⟩
    · rw [round_eq_self (m.representable_round x)] at h
      exact .inr ⟨hf, h, rfl⟩
    · exact .inr ⟨hf, h', rfl⟩

/-- The sum of two numbers of the format errs by at most u·|a + b| where nothing is flushed: no
underflow term. -/
theorem abs_add_sub_le {a b : Rat} (h : m.Gives (a + b) v) (hf : m.flushed = false)
    (ha : m.format.Representable a) (hb : m.format.Representable b) :
    abs (v - (a + b)) ≤ m.roundoff * abs (a + b) := by
  obtain rfl : v = m.round (a + b) := h.resolve_right fun h => by
    rw [hf] at h; exact Bool.false_ne_true h.1
  by_cases hn : pow2 m.format.minExponent ≤ abs (a + b)
  · have h0 := halfUlp_le_mul hn
    have h1 := m.abs_round_sub_le_unit (a + b)
    cases hz : m.towardZero with
    | true =>
      rw [hz, if_pos rfl, ulp_eq] at h1
      rw [roundoff_of_towardZero hz]; grind
    | false =>
      rw [hz, if_neg Bool.false_ne_true] at h1
      rw [roundoff_of_nearest hz]; grind
  · have := @pow2_mono m.format.minExponent (m.format.minExponent + 1) (by omega)
    rw [round_eq_self (ha.add hb (by grind)), abs_sub_self]
    exact mul_nonneg (Rat.le_of_lt m.roundoff_pos) (abs_nonneg _)

end Gives

/-! ### Modes as rounding models -/

/-- A mode as a rounding model. Where subnormal results may be zero, they are, and the error is the
number itself; to nearest it is half a unit in the last place, toward zero a whole one. -/
def rounding (m : Mode) : Rounding Rat where
  rnd x :=
    if m.flushed = true ∧ abs (m.round x) < pow2 m.format.minExponent then 0 else m.round x
  halfUlp x :=
    let unit := if m.towardZero then m.format.ulp x else m.format.halfUlp x
    if m.flushed = true ∧ abs (m.round x) < pow2 m.format.minExponent then max (abs x) unit
    else unit

/-- What the rounding model gives may be given. -/
theorem gives_rnd (m : Mode) (x : Rat) : m.Gives x (m.rounding.rnd x) := by
  show m.Gives x (if _ then _ else _)
  split
  · next h => exact .inr ⟨h.1, h.2, rfl⟩
  · exact .inl rfl

/-- |v − x| ≤ halfUlp x, whether or not a subnormal result is flushed. -/
theorem Gives.abs_sub_le_halfUlp {x v : Rat} (h : m.Gives x v) :
    abs (v - x) ≤ m.rounding.halfUlp x := by
  have h0 := m.abs_round_sub_le_unit x
  show _ ≤ if _ then max (abs x) _ else _
  rcases h with rfl | ⟨hf, h, rfl⟩
  · split
    · exact Rat.le_trans h0 (le_max_right _ _)
    · exact h0
  · rw [if_pos ⟨hf, h⟩, show abs (0 - x) = abs x by rw [abs_sub_comm]; congr 1; grind]
    exact le_max_left _ _

/-- Every mode is a lawful rounding model: |fl(x) − x| ≤ halfUlp x. -/
theorem rounding_lawful (m : Mode) : m.rounding.Lawful :=
  ⟨fun x => (m.gives_rnd x).abs_sub_le_halfUlp⟩

end RuntimeApprox.Format.Mode
