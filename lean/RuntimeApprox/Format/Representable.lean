module

public import RuntimeApprox.Format.Rounding

/-!
# The numbers of a format

## Main results
* `Format.representable_round`: round x is a number of the format.
* `Format.representableFinite_iff`: a number of the format that does not overflow is a finite one.
* `Format.Representable.neg`, `Format.Representable.eq_mul_pow2`: the numbers of a format are closed
  under negation, and are multiples of the least one, 2^(eₘᵢₙ − p + 1).
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox.Format

variable {f : Format}

/-- m·2ᵉ is a number of the format also where |m| = 2ᵖ. -/
theorem representable_of_le {m e : Int} (hm : m.natAbs ≤ 2 ^ f.precision)
    (he : f.minExponent - f.precision + 1 ≤ e) : f.Representable (m * pow2 e) := by
  by_cases h : m.natAbs < 2 ^ f.precision
  · exact ⟨m, e, h, he, rfl⟩
  · obtain ⟨n, hn⟩ := Nat.exists_eq_succ_of_ne_zero (Nat.ne_of_gt f.precision_pos)
    rw [hn, Nat.pow_succ] at hm h
    refine ⟨m / 2, e + 1, by rw [hn, Nat.pow_succ]; have := Nat.two_pow_pos n; omega, by omega, ?_⟩
    have : m = m / 2 * 2 := by omega
    rw [pow2_add_one, ← Rat.mul_assoc, ← Rat.intCast_ofNat, ← Rat.intCast_mul, ← this]

/-- 0 is a number of every format. -/
theorem representable_zero : f.Representable 0 :=
  ⟨0, _, Nat.two_pow_pos _, Int.le_refl _, (Rat.zero_mul _).symm⟩

/-- 2ᵉ is a number of the format for e ≥ eₘᵢₙ − p + 1. -/
theorem representable_pow2 {e : Int} (he : f.minExponent - f.precision + 1 ≤ e) :
    f.Representable (pow2 e) := by
  have := representable_of_le (f := f) (m := 1) Nat.one_le_two_pow he
  rwa [Rat.intCast_one, Rat.one_mul] at this

/-- 2^(exponent x) is a number of the format. -/
theorem representable_pow2_exponent (f : Format) (x : Rat) :
    f.Representable (pow2 (f.exponent x)) :=
  representable_pow2 (by have := f.minExponent_le_exponent x; have := f.precision_pos; omega)

/-- −v is a number of the format where v is. -/
theorem Representable.neg {v : Rat} : f.Representable v → f.Representable (-v)
  | ⟨m, e, hm, he, hv⟩ =>
    ⟨-m, e, by rwa [Int.natAbs_neg], he, by rw [hv, Rat.intCast_neg, Rat.neg_mul]⟩

/-- Every number of the format is a multiple of the least positive one, 2^(eₘᵢₙ − p + 1). -/
theorem Representable.eq_mul_pow2 {v : Rat} :
    f.Representable v → ∃ k : Int, v = k * pow2 (f.minExponent - f.precision + 1)
  | ⟨m, _, _, he, hv⟩ => hv ▸ exists_eq_mul_pow2 m he

/-- 2ᵖ·ulp x = 2^(exponent x + 1) -/
theorem pow2_precision_mul_ulp (f : Format) (x : Rat) :
    pow2 f.precision * f.ulp x = pow2 (f.exponent x + 1) := by
  rw [ulp, ← pow2_add]; congr 1; omega

/-- |x / ulp x| < 2ᵖ -/
theorem abs_div_ulp_lt (f : Format) (x : Rat) : abs (x / f.ulp x) < pow2 f.precision := by
  refine Rat.lt_of_mul_lt_mul_right ?_ (pow2_nonneg (f.exponent x - f.precision + 1))
  rw [← abs_mul_pow2, ← ulp, pow2_precision_mul_ulp,
    Rat.div_mul_cancel (Rat.ne_of_gt (f.ulp_pos x))]
  exact f.abs_lt_pow2_exponent x

/-- |significand x| ≤ 2ᵖ -/
theorem natAbs_significand_le (f : Format) (x : Rat) :
    (f.significand x).natAbs ≤ 2 ^ f.precision := by
  have ⟨h1, h2⟩ := abs_le.1 (Rat.le_of_lt (f.abs_div_ulp_lt x))
  rw [pow2_natCast, ← Rat.intCast_natCast] at h1 h2
  have h1 := roundEven_mono h1
  have h2 := roundEven_mono h2
  rw [roundEven_neg, roundEven_intCast] at h1
  rw [roundEven_intCast] at h2
  rw [significand]; omega

/-- |round x| ≤ 2^(exponent x + 1) -/
theorem abs_round_le (f : Format) (x : Rat) : abs (f.round x) ≤ pow2 (f.exponent x + 1) := by
  rw [round, ← pow2_precision_mul_ulp, ulp, abs_mul_pow2]
  exact Rat.mul_le_mul_of_nonneg_right (natAbs_le_two_pow.1 (f.natAbs_significand_le x))
    (pow2_nonneg _)

/-- round x is a number of the format. -/
theorem representable_round (f : Format) (x : Rat) : f.Representable (f.round x) :=
  representable_of_le (f.natAbs_significand_le x) (by have := f.minExponent_le_exponent x; omega)

/-- A finite number of the format is less than 2^(eₘₐₓ + 1). -/
theorem RepresentableFinite.abs_lt {v : Rat} :
    f.RepresentableFinite v → abs v < pow2 (f.maxExponent + 1)
  | ⟨m, e, hm, _, he, hv⟩ => by
    have h1 := Rat.mul_lt_mul_of_pos_right (natAbs_lt_two_pow.1 hm) (pow2_pos e)
    have h2 := @pow2_mono (f.precision + e) (f.maxExponent + 1) (by omega)
    rw [pow2_add] at h2
    rw [hv, abs_mul_pow2]; grind

/-- A number of the format is a finite one iff it is less than 2^(eₘₐₓ + 1), that is, does not
overflow. -/
theorem representableFinite_iff (hf : f.minExponent ≤ f.maxExponent) {v : Rat} :
    f.RepresentableFinite v ↔ f.Representable v ∧ f.overflows v = false := by
  rw [← Bool.not_eq_true, overflows_iff]
  constructor
  · intro h
    have := h.abs_lt
    obtain ⟨m, e, hm, he, _, hv⟩ := h
    exact ⟨⟨m, e, hm, he, hv⟩, by grind⟩
  · rintro ⟨⟨m, e, hm, he, hv⟩, h⟩
    by_cases he' : e ≤ f.maxExponent - f.precision + 1
    · exact ⟨m, e, hm, he, he', hv⟩
    · obtain ⟨k, hk⟩ := exists_eq_mul_pow2 m (show f.maxExponent - f.precision + 1 ≤ e by omega)
      refine ⟨k, _, natAbs_lt_two_pow.2 ?_, by omega, Int.le_refl _, hv.trans hk⟩
      rw [hv, hk, abs_mul_pow2, Rat.not_le,
        show f.maxExponent + 1 = f.precision + (f.maxExponent - f.precision + 1) by omega,
        pow2_add f.precision] at h
      exact Rat.lt_of_mul_lt_mul_right h (pow2_nonneg _)

end RuntimeApprox.Format
