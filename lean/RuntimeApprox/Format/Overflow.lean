module

public import RuntimeApprox.Format.Nearest

/-!
# When rounding overflows

## Main results
* `Format.overflows_round_iff`: round x is beyond the largest finite number iff
  |x| ≥ (2 − u)·2^eₘₐₓ, the threshold from which IEEE 754 rounds to infinity.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox.Format

variable {f : Format}

/-- 2^(e+1) − 2^(e−p+1) = (2ᵖ − 1)·2^(e−p+1), the largest number of the format below 2^(e+1), is
one of the format for e ≥ eₘᵢₙ. -/
theorem representable_pow2_sub (f : Format) {e : Int} (he : f.minExponent ≤ e) :
    f.Representable (pow2 (e + 1) - pow2 (e - f.precision + 1)) := by
  have := Nat.two_pow_pos f.precision
  refine ⟨(2 ^ f.precision : Nat) - 1, e - f.precision + 1, by omega, by omega, ?_⟩
  rw [Rat.intCast_sub, Rat.intCast_natCast, ← pow2_natCast, Rat.intCast_one,
    show e + 1 = f.precision + (e - f.precision + 1) by omega, pow2_add f.precision]
  grind

/-- 2^(e+1) − 2^(e−p), halfway between 2^(e+1) and the number of the format before, rounds to
2^(e+1), whose significand is even. -/
theorem round_pow2_sub {e : Int} (he : f.minExponent ≤ e) :
    f.round (pow2 (e + 1) - pow2 (e - f.precision)) = pow2 (e + 1) := by
  obtain ⟨n, hn⟩ := Nat.exists_eq_succ_of_ne_zero (Nat.ne_of_gt f.precision_pos)
  have hpos := pow2_pos (e - f.precision)
  have hle := @pow2_mono (e - f.precision) e (by omega)
  have h1 := pow2_add_one e
  have hy : pow2 (e + 1) - pow2 (e - f.precision) =
      (pow2 f.precision - 1 / 2) * pow2 (e - f.precision + 1) := by
    rw [show e + 1 = f.precision + (e - f.precision + 1) by omega, pow2_add f.precision,
      pow2_add_one (e - f.precision)]
    grind
  have hexp : f.exponent (pow2 (e + 1) - pow2 (e - f.precision)) = e := by
    have habs := abs_of_nonneg (show 0 ≤ pow2 (e + 1) - pow2 (e - f.precision) by grind)
    exact Int.le_antisymm (f.exponent_le he (by grind)) (f.le_exponent (by grind))
  have hsig : f.significand (pow2 (e + 1) - pow2 (e - f.precision)) = (2 ^ f.precision : Nat) := by
    rw [significand, ulp, hexp, hy, Rat.mul_div_cancel (pow2_ne_zero _), roundEven_eq_iff,
      NearestEven, Rat.intCast_natCast, ← pow2_natCast, hn, Nat.pow_succ]
    exact ⟨by grind, by grind, by omega⟩
  rw [round, hsig, Rat.intCast_natCast, ← pow2_natCast, pow2_precision_mul_ulp, hexp]

/-- 2^(e+1) ≤ round x iff 2^(e+1) − 2^(e−p) ≤ x, for e ≥ eₘᵢₙ. -/
theorem pow2_le_round_iff {x : Rat} {e : Int} (he : f.minExponent ≤ e) :
    pow2 (e + 1) ≤ f.round x ↔ pow2 (e + 1) - pow2 (e - f.precision) ≤ x := by
  have hM := f.representable_pow2_sub he
  constructor <;> intro h
  · have h1 := abs_round_sub_le_abs_sub hM x
    have h2 := @round_mono f x (pow2 (e + 1) - pow2 (e - f.precision + 1))
    rw [round_eq_self hM] at h2
    have := pow2_add_one (e - f.precision)
    have := pow2_pos (e - f.precision)
    unfold abs at h1; grind
  · exact round_pow2_sub he ▸ f.round_mono h

/-- round x is beyond the largest finite number iff |x| ≥ (2 − u)·2^eₘₐₓ, where IEEE 754 rounds to
infinity. -/
theorem overflows_round_iff (hf : f.minExponent ≤ f.maxExponent) {x : Rat} :
    f.overflows (f.round x) = true ↔ (2 - f.unitRoundoff) * pow2 f.maxExponent ≤ abs x := by
  have : (2 - f.unitRoundoff) * pow2 f.maxExponent =
      pow2 (f.maxExponent + 1) - pow2 (f.maxExponent - f.precision) := by
    have h1 := pow2_add_one f.maxExponent
    have h2 := pow2_add f.maxExponent (-f.precision)
    rw [← Int.sub_eq_add_neg] at h2
    rw [h1, h2, unitRoundoff]; grind
  rw [overflows_iff, ← round_abs, pow2_le_round_iff hf, this]

/-! ### Examples

Ties, carries into the next binade, subnormal numbers and overflow, evaluated by the kernel from the
definitions. -/

example : binary32.round (1 / 3) = 11184811 / 33554432 := by decide +kernel

example : binary64.round (1 / 10) = 3602879701896397 / 36028797018963968 := by decide +kernel

/-! Ties: 2049 and 2051 lie halfway between numbers of binary16. -/

example : binary16.round 2049 = 2048 ∧ binary16.round 2051 = 2052 := by decide +kernel

example : binary16.round (-2049) = -2048 ∧ binary16.round (-2051) = -2052 := by decide +kernel

/-! Into the next binade, from a tie and from above it. -/

example : binary16.round 4095 = 4096 ∧ bfloat16.round (511 + 1 / 3) = 512 := by decide +kernel

/-! Subnormal numbers: half the least one ties with 0; the largest carries to a normal number. -/

example : binary32.round (pow2 (-150)) = 0 := by decide +kernel

example : binary32.round (3 * pow2 (-150)) = pow2 (-148) := by decide +kernel

example : binary32.round (pow2 (-126) - pow2 (-150)) = pow2 (-126) := by decide +kernel

example : binary64.round (pow2 (-1073) / 3) = pow2 (-1074) := by decide +kernel

/-! The error bound at a number and at 0. -/

example : binary32.halfUlp 1 = pow2 (-24) ∧ binary32.halfUlp 0 = pow2 (-150) := by decide +kernel

/-! Overflow of binary16: 65519 rounds to the largest finite number, 65520 beyond. -/

example : binary16.round 65519 = 65504 ∧ binary16.overflows 65504 = false := by decide +kernel

example : binary16.round 65520 = 65536 ∧ binary16.overflows 65536 = true := by decide +kernel

end RuntimeApprox.Format
