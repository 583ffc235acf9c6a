module

public import RuntimeApprox.Format.Nearest

/-!
# Rounding errors relative to the number rounded

With u = 2⁻ᵖ the unit roundoff:

## Main results
* `Format.abs_round_sub_le_mul`: |round x − x| ≤ u·|x| for |x| ≥ 2^eₘᵢₙ, and the sharp
  `Format.one_add_mul_abs_round_sub_le`: |round x − x| ≤ u/(1+u)·|x|.
* `Format.abs_round_sub_le_pow2`: |round x − x| ≤ 2^(eₘᵢₙ − p) for |x| < 2^eₘᵢₙ.
* `Format.abs_round_sub_le_mul_add`: |round x − x| ≤ u·|x| + 2^(eₘᵢₙ − p) for every x.
* `Format.round_add_eq_self`, `Format.abs_round_add_sub_le`: a sum of two numbers of the format is
  exact where it is small, so that its error is at most u·|a + b| without an underflow term.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox.Format

variable {f : Format}

/-- 0 < u -/
theorem unitRoundoff_pos (f : Format) : 0 < f.unitRoundoff := pow2_pos _

/-- halfUlp x = u·2^(exponent x) -/
theorem halfUlp_eq (f : Format) (x : Rat) : f.halfUlp x = f.unitRoundoff * pow2 (f.exponent x) := by
  rw [halfUlp, unitRoundoff, ← pow2_add]; congr 1; omega

/-- 2^(exponent x) ≤ |x| for x in the normal range, 2^eₘᵢₙ ≤ |x|. -/
theorem pow2_exponent_le_of_normal {x : Rat} (h : pow2 f.minExponent ≤ abs x) :
    pow2 (f.exponent x) ≤ abs x := by
  by_cases he : f.minExponent < f.exponent x
  · exact f.pow2_exponent_le he
  · rwa [show f.exponent x = f.minExponent by have := f.minExponent_le_exponent x; omega]

/-- halfUlp x ≤ u·|x| for 2^eₘᵢₙ ≤ |x|. -/
theorem halfUlp_le_mul {x : Rat} (h : pow2 f.minExponent ≤ abs x) :
    f.halfUlp x ≤ f.unitRoundoff * abs x := by
  rw [halfUlp_eq]
  exact mul_le_mul_left (pow2_nonneg _) (pow2_exponent_le_of_normal h)

/-- halfUlp x = 2^(eₘᵢₙ − p) for |x| < 2^(eₘᵢₙ + 1). -/
theorem halfUlp_eq_pow2 {x : Rat} (h : abs x < pow2 (f.minExponent + 1)) :
    f.halfUlp x = pow2 (f.minExponent - f.precision) := by
  have h1 := f.exponent_le (Int.le_refl _) h
  have h2 := f.minExponent_le_exponent x
  rw [halfUlp, Int.le_antisymm h1 h2]

/-- halfUlp x ≤ u·|x| + 2^(eₘᵢₙ − p) for every x. -/
theorem halfUlp_le_mul_add (f : Format) (x : Rat) :
    f.halfUlp x ≤ f.unitRoundoff * abs x + pow2 (f.minExponent - f.precision) := by
  have := pow2_pos (f.minExponent - f.precision)
  by_cases h : pow2 f.minExponent ≤ abs x
  · have := halfUlp_le_mul h; grind
  · have := mul_nonneg (Rat.le_of_lt f.unitRoundoff_pos) (abs_nonneg x)
    have := @pow2_mono f.minExponent (f.minExponent + 1) (by omega)
    rw [halfUlp_eq_pow2 (by grind)]; grind

/-- |round x − x| ≤ u·|x| for x in the normal range, 2^eₘᵢₙ ≤ |x|. -/
theorem abs_round_sub_le_mul {x : Rat} (h : pow2 f.minExponent ≤ abs x) :
    abs (f.round x - x) ≤ f.unitRoundoff * abs x :=
  Rat.le_trans (f.abs_round_sub_le x) (halfUlp_le_mul h)

/-- |round x − x| ≤ 2^(eₘᵢₙ − p) for x below the normal range, |x| < 2^eₘᵢₙ, and in its first
binade. -/
theorem abs_round_sub_le_pow2 {x : Rat} (h : abs x < pow2 (f.minExponent + 1)) :
    abs (f.round x - x) ≤ pow2 (f.minExponent - f.precision) :=
  halfUlp_eq_pow2 h ▸ f.abs_round_sub_le x

/-- |round x − x| ≤ u·|x| + 2^(eₘᵢₙ − p) for every x. -/
theorem abs_round_sub_le_mul_add (f : Format) (x : Rat) :
    abs (f.round x - x) ≤ f.unitRoundoff * abs x + pow2 (f.minExponent - f.precision) :=
  Rat.le_trans (f.abs_round_sub_le x) (f.halfUlp_le_mul_add x)

/-- (1 + u)·|round x − x| ≤ u·|x| for 2^eₘᵢₙ ≤ |x|: the sharp bound u/(1+u) of the relative error.
-/
theorem one_add_mul_abs_round_sub_le {x : Rat} (h : pow2 f.minExponent ≤ abs x) :
    (1 + f.unitRoundoff) * abs (f.round x - x) ≤ f.unitRoundoff * abs x := by
  have h1 := abs_round_sub_le_sub_pow2 (pow2_exponent_le_of_normal h)
  have h2 := mul_le_mul_left (Rat.le_of_lt f.unitRoundoff_pos) h1
  have h3 := f.abs_round_sub_le x
  rw [halfUlp_eq] at h3
  grind

/-- A sum of two numbers of the format is itself one where |a + b| ≤ 2^(eₘᵢₙ + 1). -/
theorem Representable.add {a b : Rat} (ha : f.Representable a) (hb : f.Representable b)
    (h : abs (a + b) ≤ pow2 (f.minExponent + 1)) : f.Representable (a + b) := by
  obtain ⟨k, rfl⟩ := ha.eq_mul_pow2
  obtain ⟨l, rfl⟩ := hb.eq_mul_pow2
  rw [← Rat.add_mul, ← Rat.intCast_add] at *
  refine representable_of_le (natAbs_le_two_pow.2 ?_) (Int.le_refl _)
  rw [abs_mul_pow2, show f.minExponent + 1 = f.precision + (f.minExponent - f.precision + 1) by
    omega, pow2_add f.precision] at h
  exact Rat.le_of_mul_le_mul_right h (pow2_pos _)

/-- round (a + b) = a + b for numbers of the format with |a + b| ≤ 2^(eₘᵢₙ + 1): an addition does
not underflow. -/
theorem round_add_eq_self {a b : Rat} (ha : f.Representable a) (hb : f.Representable b)
    (h : abs (a + b) ≤ pow2 (f.minExponent + 1)) : f.round (a + b) = a + b :=
  round_eq_self (ha.add hb h)

/-- (1 + u)·|round (a + b) − (a + b)| ≤ u·|a + b| for numbers a and b of the format. -/
theorem one_add_mul_abs_round_add_sub_le {a b : Rat} (ha : f.Representable a)
    (hb : f.Representable b) :
    (1 + f.unitRoundoff) * abs (f.round (a + b) - (a + b)) ≤ f.unitRoundoff * abs (a + b) := by
  by_cases h : pow2 f.minExponent ≤ abs (a + b)
  · exact one_add_mul_abs_round_sub_le h
  · have := @pow2_mono f.minExponent (f.minExponent + 1) (by omega)
    rw [round_add_eq_self ha hb (by grind), abs_sub_self, Rat.mul_zero]
    exact mul_nonneg (pow2_nonneg _) (abs_nonneg _)

/-- |round (a + b) − (a + b)| ≤ u·|a + b| for numbers a and b of the format: no underflow term. -/
theorem abs_round_add_sub_le {a b : Rat} (ha : f.Representable a) (hb : f.Representable b) :
    abs (f.round (a + b) - (a + b)) ≤ f.unitRoundoff * abs (a + b) := by
  have h1 := one_add_mul_abs_round_add_sub_le ha hb
  have h2 := mul_nonneg (Rat.le_of_lt f.unitRoundoff_pos) (abs_nonneg (f.round (a + b) - (a + b)))
  grind

end RuntimeApprox.Format
