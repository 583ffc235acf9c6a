module

public import RuntimeApprox.Format.Representable

/-!
# Rounding gives the nearest number of the format

## Main results
* `Format.round_nearest`: no number of the format is nearer to x than round x; if another one is as
  near, the significand of round x is even.
* `Format.abs_round_sub_le_abs_sub`: |round x − x| ≤ |y − x| for every number y of the format.
* `Format.round_eq_self`: a number of the format is left as it is.
* `Format.round_mono`: rounding is monotone.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox.Format

variable {f : Format}

/-- Of the multiples of ulp x, round x is the nearest to x, and its significand is even if another
one is as near. -/
theorem nearest_of_mul_ulp {x : Rat} {k : Int} (h : k * f.ulp x ≠ f.round x) :
    abs (f.round x - x) < abs (k * f.ulp x - x) ∨
      abs (f.round x - x) = abs (k * f.ulp x - x) ∧ f.significand x % 2 = 0 := by
  have hk : k ≠ roundEven (x / f.ulp x) := by rintro rfl; exact h rfl
  rw [round, abs_mul_ulp_sub, abs_mul_ulp_sub, Rat.mul_lt_mul_right (f.ulp_pos x)]
  exact (roundEven_nearest _ hk).imp id fun ⟨h, he⟩ => ⟨congrArg (· * _) h, he⟩

/-- |round x − x| ≤ |k·ulp x − x| for every integer k. -/
theorem abs_round_sub_le_of_mul_ulp (f : Format) (x : Rat) (k : Int) :
    abs (f.round x - x) ≤ abs (k * f.ulp x - x) := by
  by_cases h : k * f.ulp x = f.round x
  · rw [h]; exact Rat.le_refl
  · have := nearest_of_mul_ulp h; grind

/-- |round x − x| ≤ |x| − 2^(exponent x) for |x| in the normal range: the power of two below |x| is
a number of the format. -/
theorem abs_round_sub_le_sub_pow2 {x : Rat} (h : pow2 (f.exponent x) ≤ abs x) :
    abs (f.round x - x) ≤ abs x - pow2 (f.exponent x) := by
  have ⟨k, hk⟩ := exists_eq_mul_pow2 1 (show f.exponent x - f.precision + 1 ≤ f.exponent x by
    have := f.precision_pos; omega)
  rw [Rat.intCast_one, Rat.one_mul, ← ulp] at hk
  have h1 := f.abs_round_sub_le_of_mul_ulp x k
  have h2 := f.abs_round_sub_le_of_mul_ulp x (-k)
  rw [Rat.intCast_neg, Rat.neg_mul] at h2
  rw [← hk] at h1 h2
  have := pow2_pos (f.exponent x)
  generalize abs (f.round x - x) = d at *
  unfold abs at *; grind

/-- A number of the format is a multiple of ulp x or below the binade of x, which then is a normal
one. -/
theorem Representable.eq_mul_ulp_or {y : Rat} (hy : f.Representable y) (x : Rat) :
    (∃ k : Int, y = k * f.ulp x) ∨
      f.minExponent < f.exponent x ∧ abs y < pow2 (f.exponent x) := by
  obtain ⟨m, e, hm, he, rfl⟩ := hy
  by_cases h : f.exponent x - f.precision + 1 ≤ e
  · exact .inl (exists_eq_mul_pow2 m h)
  · have h1 := Rat.mul_lt_mul_of_pos_right (natAbs_lt_two_pow.1 hm) (pow2_pos e)
    have h2 := @pow2_mono (f.precision + e) (f.exponent x) (by omega)
    rw [pow2_add] at h2
    exact .inr ⟨by omega, by rw [abs_mul_pow2]; grind⟩

/-- No number of the format is nearer to x than round x; if another one is as near, the significand
of round x is even: for y ≠ round x, |round x − x| < |y − x|, or they are equal and round x is an
even multiple of ulp x. -/
theorem round_nearest {x y : Rat} (hy : f.Representable y) (h : y ≠ f.round x) :
    abs (f.round x - x) < abs (y - x) ∨
      abs (f.round x - x) = abs (y - x) ∧ f.significand x % 2 = 0 := by
  rcases hy.eq_mul_ulp_or x with ⟨k, rfl⟩ | ⟨he, hlt⟩
  · exact nearest_of_mul_ulp h
  · have := abs_round_sub_le_sub_pow2 (f.pow2_exponent_le he)
    have : abs x ≤ abs y + abs (y - x) := by unfold abs; grind
    exact .inl (by grind)

/-- |round x − x| ≤ |y − x| for every number y of the format. -/
theorem abs_round_sub_le_abs_sub {y : Rat} (hy : f.Representable y) (x : Rat) :
    abs (f.round x - x) ≤ abs (y - x) := by
  by_cases h : y = f.round x
  · rw [h]; exact Rat.le_refl
  · have := round_nearest hy h; grind

/-- round v = v for a number v of the format. -/
theorem round_eq_self {v : Rat} (hv : f.Representable v) : f.round v = v := by
  have := abs_round_sub_le_abs_sub hv v
  rw [abs_sub_self] at this
  unfold abs at this; grind

/-- A number is one of the format iff rounding leaves it as it is. -/
theorem representable_iff {v : Rat} : f.Representable v ↔ f.round v = v :=
  ⟨round_eq_self, fun h => h ▸ f.representable_round v⟩

/-- round (round x) = round x -/
@[simp] theorem round_round (f : Format) (x : Rat) : f.round (f.round x) = f.round x :=
  round_eq_self (f.representable_round x)

/-- round 0 = 0 -/
@[simp] theorem round_zero (f : Format) : f.round 0 = 0 := round_eq_self representable_zero

/-- Rounding is monotone: round x ≤ round y for x ≤ y. -/
theorem round_mono (f : Format) {x y : Rat} (h : x ≤ y) : f.round x ≤ f.round y := by
  have hx := abs_round_sub_le_abs_sub (f.representable_round y) x
  have hy := abs_round_sub_le_abs_sub (f.representable_round x) y
  by_cases hxy : x = y
  · rw [hxy]; exact Rat.le_refl
  · unfold abs at hx hy; grind

/-- round |x| = |round x| -/
theorem round_abs (f : Format) (x : Rat) : f.round (abs x) = abs (f.round x) := by
  have h0 := f.round_zero
  by_cases h : 0 ≤ x
  · have := f.round_mono h
    rw [abs_of_nonneg h, abs_of_nonneg (by grind)]
  · have := f.round_mono (show x ≤ 0 by grind)
    rw [abs_of_nonpos (by grind), abs_of_nonpos (by grind), round_neg]

/-- 2^(exponent x) ≤ |round x| where 2^(exponent x) ≤ |x|: rounding does not leave the binade
downwards. -/
theorem pow2_exponent_le_abs_round {x : Rat} (h : pow2 (f.exponent x) ≤ abs x) :
    pow2 (f.exponent x) ≤ abs (f.round x) := by
  have := f.round_mono h
  rwa [round_abs, round_eq_self (f.representable_pow2_exponent x)] at this

end RuntimeApprox.Format
