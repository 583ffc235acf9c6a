module

public import RuntimeApprox.Format.Nearest

/-!
# Ties go to the number whose significand is even

`round_nearest` speaks of the significand of round x in units of ulp x. That is its significand as
a number of the format, also where rounding carries into the next binade.

## Main results
* `Format.exponent_round`: rounding leaves the binade only to the power of two above it.
* `Format.round_tie_even`: if round x is not the only nearest number of the format, its significand
  is even.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox.Format

variable {f : Format}

/-- A number of the format is its significand times its unit in the last place. -/
theorem Representable.eq_significand_mul_ulp {v : Rat} (hv : f.Representable v) :
    v = f.significand v * f.ulp v := (round_eq_self hv).symm

/-- exponent (round x) = exponent x, or |round x| is the power of two above,
2^(exponent x + 1). -/
theorem exponent_round (f : Format) (x : Rat) :
    f.exponent (f.round x) = f.exponent x ∨ abs (f.round x) = pow2 (f.exponent x + 1) := by
  by_cases h : abs (f.round x) = pow2 (f.exponent x + 1)
  · exact .inr h
  · have hle := f.minExponent_le_exponent x
    have := f.abs_round_le x
    refine .inl (Int.le_antisymm (f.exponent_le hle (by grind)) ?_)
    by_cases he : f.minExponent < f.exponent x
    · exact f.le_exponent (pow2_exponent_le_abs_round (f.pow2_exponent_le he))
    · have := f.minExponent_le_exponent (f.round x); omega

/-- exponent v = e for |v| = 2ᵉ and e ≥ eₘᵢₙ. -/
theorem exponent_of_abs_eq_pow2 {v : Rat} {e : Int} (he : f.minExponent ≤ e)
    (h : abs v = pow2 e) : f.exponent v = e :=
  Int.le_antisymm (f.exponent_le he (h ▸ pow2_strictMono (by omega)))
    (f.le_exponent (by grind))

/-- The significand of a power of two ±2ᵉ with e ≥ eₘᵢₙ is ±2^(p − 1). -/
theorem natAbs_significand_of_abs_eq_pow2 {v : Rat} {e : Int} (hv : f.Representable v)
    (he : f.minExponent ≤ e) (h : abs v = pow2 e) :
    (f.significand v).natAbs = 2 ^ (f.precision - 1) := by
  have hp := f.precision_pos
  have hpow : pow2 e = pow2 (f.precision - 1 : Nat) * pow2 (e - f.precision + 1) := by
    rw [← pow2_add]; congr 1; omega
  have hexp := exponent_of_abs_eq_pow2 he h
  rwa [hv.eq_significand_mul_ulp, ulp, abs_mul_pow2, hexp, abs_intCast, hpow, mul_pow2_inj,
    pow2_natCast, Rat.natCast_inj] at h

/-- If round x is an even multiple of ulp x, its significand as a number of the format is even, for
p > 1. -/
theorem significand_round_even (hp : 1 < f.precision) {x : Rat} (h : f.significand x % 2 = 0) :
    f.significand (f.round x) % 2 = 0 := by
  have hr := f.representable_round x
  rcases f.exponent_round x with he | he
  · have hv := hr.eq_significand_mul_ulp
    rw [ulp, he] at hv
    rw [← Rat.intCast_inj.1 (mul_pow2_inj.1 hv)]; exact h
  · have hle := f.minExponent_le_exponent x
    have := natAbs_significand_of_abs_eq_pow2 hr (by omega) he
    obtain ⟨n, hn⟩ : ∃ n, f.precision - 1 = n + 1 := ⟨f.precision - 2, by omega⟩
    rw [hn, Nat.pow_succ] at this; omega

/-- Ties to even: where another number y of the format is as near to x as round x is, the
significand of round x is even, for p > 1. -/
theorem round_tie_even (hp : 1 < f.precision) {x y : Rat} (hy : f.Representable y)
    (hne : y ≠ f.round x) (htie : abs (y - x) = abs (f.round x - x)) :
    f.significand (f.round x) % 2 = 0 := by
  rcases round_nearest hy hne with h | ⟨_, h⟩
  · grind
  · exact significand_round_even hp h

end RuntimeApprox.Format
