module

public import RuntimeApprox.Format.Rounding

/-!
# Rounding gives the nearest number of the format, on a tie the even one

`round_nearest` speaks of the significand of round x in units of ulp x. That is its significand as
a number of the format, also where rounding carries into the next binade. u = 2⁻ᵖ is the unit roundoff.

## Main results
* `Format.representable_round`: round x is a number of the format.
* `Format.representableFinite_iff`: a number of the format that does not overflow is a finite one.
* `Format.Representable.neg`, `Format.Representable.eq_mul_pow2`: the numbers of a format are closed
  under negation, and are multiples of the least one, 2^(eₘᵢₙ − p + 1).
* `Format.round_nearest`: no number of the format is nearer to x than round x; if another one is as
  near, the significand of round x is even.
* `Format.abs_round_sub_le_abs_sub`: |round x − x| ≤ |y − x| for every number y of the format.
* `Format.round_eq_self`: a number of the format is left as it is.
* `Format.round_mono`: rounding is monotone.
* `Format.exponent_round`: rounding leaves the binade only to the power of two above it.
* `Format.round_tie_even`: if round x is not the only nearest number of the format, its significand
  is even.
* `Format.abs_round_sub_le_mul`: |round x − x| ≤ u·|x| for |x| ≥ 2^eₘᵢₙ, and the sharp
  `Format.one_add_mul_abs_round_sub_le`: |round x − x| ≤ u/(1+u)·|x|.
* `Format.abs_round_sub_le_pow2`: |round x − x| ≤ 2^(eₘᵢₙ − p) for |x| < 2^eₘᵢₙ.
* `Format.abs_round_sub_le_mul_add`: |round x − x| ≤ u·|x| + 2^(eₘᵢₙ − p) for every x.
* `Format.round_add_eq_self`, `Format.abs_round_add_sub_le`: a sum of two numbers of the format is
  exact where it is small, so that its error is at most u·|a + b| without an underflow term.
* `Format.overflows_round_iff`: round x is beyond the largest finite number iff
  |x| ≥ (2 − u)·2^eₘₐₓ, the threshold from which IEEE 754 rounds to infinity.
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

/-! ### Rounding errors relative to the number rounded -/

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

/-! ### When rounding overflows -/

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
