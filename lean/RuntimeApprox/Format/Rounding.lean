module

public import RuntimeApprox.Format.NearestEven
public import RuntimeApprox.PowTwo.Theorems

/-!
# The nearest integer, ties to even, and the rounding error

`NearestEven x k` characterises `k = roundEven x`; every other fact follows from it.

## Main results
* `roundEven_eq_iff`: roundEven x = k iff k is a nearest integer, and even if there are two.
* `abs_roundEven_sub_le`: |roundEven x − x| ≤ 1/2, and by `roundEven_nearest` no integer is nearer.
* `roundEven_intCast`, `roundEven_neg`, `roundEven_mono`: integers are kept; odd; monotone.
* `Format.abs_round_sub_le`: |round x − x| ≤ halfUlp x for every rational x.
* `Format.halfUlp_neg`, `Format.halfUlp_mono`: halfUlp depends only on |x|, and is monotone in |x|.
* `Format.round_neg`: round (−x) = −round x.
* `Format.overflows_iff`: `overflows v` iff 2^(eₘₐₓ + 1) ≤ |v|.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-- x = n/d is compared with q + 1/2 by comparing 2·(n − q·d) with d, where q = ⌊n/d⌋. -/
theorem floor_half (x : Rat) :
    (2 * (x.num % x.den) < x.den ↔ 2 * x < 2 * ((x.num / x.den : Int) : Rat) + 1) ∧
    (2 * (x.num % x.den) = x.den ↔ 2 * x = 2 * ((x.num / x.den : Int) : Rat) + 1) := by
  have hd : 0 < (x.den : Rat) := Rat.natCast_pos.2 x.den_pos
  have hx : x * x.den = x.den * (x.num / x.den : Int) + (x.num % x.den : Int) := by
    rw [← Rat.intCast_natCast, ← Rat.intCast_mul, ← Rat.intCast_add, Int.mul_ediv_add_emod]
    exact mul_den x
  rw [← Rat.intCast_lt_intCast, ← Rat.intCast_inj, Rat.intCast_mul, Rat.intCast_natCast,
    Rat.intCast_ofNat]
  generalize ((x.num / x.den : Int) : Rat) = q at *
  generalize ((x.num % x.den : Int) : Rat) = m at *
  have h1 : (2 * m - x.den) = (2 * x - (2 * q + 1)) * x.den := by grind
  have h2 : 2 * m < x.den ↔ 2 * m - x.den < 0 := by grind
  have h3 : 2 * m = x.den ↔ 2 * m - x.den = 0 := by grind
  rw [h2, h3, h1, Rat.mul_neg_iff_of_pos_right hd, Rat.mul_eq_zero]
  grind

/-- roundEven x is a nearest integer, and even if there are two. -/
theorem roundEven_spec (x : Rat) : NearestEven x (roundEven x) := by
  have ⟨hlt, heq⟩ := floor_half x
  have h1 := Rat.floor_le x
  have h2 := Rat.lt_floor_add_one x
  rw [Rat.intCast_add, Rat.intCast_one] at h2
  rw [Rat.floor_def] at h1 h2
  simp only [roundEven, hlt, heq, NearestEven]
  generalize x.num / x.den = q at *
  split
  · refine ⟨by grind, by grind, by grind⟩
  · rw [Rat.intCast_add, Rat.intCast_one]
    refine ⟨by grind, by grind, fun h => ?_⟩
    have : ¬ q % 2 = 0 := by grind
    omega

/-- Nearest integers, even on ties, are ordered as the numbers are. -/
theorem NearestEven.le_of_le {x y : Rat} {k l : Int} (hk : NearestEven x k) (hl : NearestEven y l)
    (h : x ≤ y) : k ≤ l := by
  refine Int.not_lt.1 fun hlk => ?_
  have hlk' : (l : Rat) + 1 ≤ k := by
    rw [← Rat.intCast_one, ← Rat.intCast_add]; exact Rat.intCast_le_intCast.2 hlk
  obtain ⟨hk1, hk2, hk⟩ := hk
  obtain ⟨hl1, hl2, hl⟩ := hl
  have hkl : (k : Rat) = (l + 1 : Int) := by rw [Rat.intCast_add, Rat.intCast_one]; grind
  have := hk (by grind)
  have := hl (by grind)
  rw [Rat.intCast_inj] at hkl
  omega

/-- roundEven x = k iff k is a nearest integer, and even if there are two. -/
theorem roundEven_eq_iff {x : Rat} {k : Int} : roundEven x = k ↔ NearestEven x k :=
  ⟨fun h => h ▸ roundEven_spec x, fun h => Int.le_antisymm
    ((roundEven_spec x).le_of_le h Rat.le_refl) (h.le_of_le (roundEven_spec x) Rat.le_refl)⟩

/-- roundEven is monotone. -/
theorem roundEven_mono {x y : Rat} (h : x ≤ y) : roundEven x ≤ roundEven y :=
  (roundEven_spec x).le_of_le (roundEven_spec y) h

/-- roundEven k = k for an integer k. -/
@[simp] theorem roundEven_intCast (k : Int) : roundEven k = k :=
  roundEven_eq_iff.2 ⟨by grind, by grind, by grind⟩

/-- roundEven (−x) = −roundEven x -/
@[simp] theorem roundEven_neg (x : Rat) : roundEven (-x) = -roundEven x := by
  obtain ⟨h1, h2, h3⟩ := roundEven_spec x
  rw [roundEven_eq_iff, NearestEven, Rat.intCast_neg]
  exact ⟨by grind, by grind, fun h => by have := h3 (by grind); omega⟩

/-- 2·|roundEven x − x| ≤ 1 -/
theorem abs_roundEven_sub_le (x : Rat) : 2 * abs (roundEven x - x) ≤ 1 := by
  obtain ⟨h1, h2, -⟩ := roundEven_spec x
  unfold abs; grind

/-- No integer is nearer to x than roundEven x; if another one is as near, roundEven x is even:
|roundEven x − x| < |k − x|, or |roundEven x − x| = |k − x| and roundEven x is even. -/
theorem roundEven_nearest (x : Rat) {k : Int} (hk : k ≠ roundEven x) :
    abs (roundEven x - x) < abs (k - x) ∨
      abs (roundEven x - x) = abs (k - x) ∧ roundEven x % 2 = 0 := by
  obtain ⟨h1, h2, h3⟩ := roundEven_spec x
  have : (k : Rat) + 1 ≤ roundEven x ∨ (roundEven x : Rat) + 1 ≤ k := by
    simp only [← Rat.intCast_one, ← Rat.intCast_add, Rat.intCast_le_intCast]; omega
  unfold abs; grind

end RuntimeApprox

namespace RuntimeApprox.Format

variable (f : Format)

/-- eₘᵢₙ ≤ exponent x -/
theorem minExponent_le_exponent (x : Rat) : f.minExponent ≤ f.exponent x := by
  grind [exponent]

/-- |x| < 2^(exponent x + 1) -/
theorem abs_lt_pow2_exponent (x : Rat) : abs x < pow2 (f.exponent x + 1) := by
  by_cases hx : x = 0
  · rw [hx, abs_zero]; exact pow2_pos _
  · have ⟨_, h⟩ := floorLog2_spec hx
    have hx' : x.num ≠ 0 := by simpa using hx
    have := @pow2_mono (floorLog2 x + 1) (f.exponent x + 1) (by grind [exponent])
    grind

/-- 2^(exponent x) ≤ |x| where the exponent is not the least one. -/
theorem pow2_exponent_le {x : Rat} (h : f.minExponent < f.exponent x) :
    pow2 (f.exponent x) ≤ abs x := by
  have hx : x ≠ 0 := by rintro rfl; simp [exponent] at h
  have : f.exponent x = floorLog2 x := by grind [exponent]
  exact this ▸ (floorLog2_spec hx).1

/-- exponent x ≤ e where |x| < 2^(e+1) and eₘᵢₙ ≤ e. -/
theorem exponent_le {x : Rat} {e : Int} (he : f.minExponent ≤ e) (h : abs x < pow2 (e + 1)) :
    f.exponent x ≤ e := by
  refine Int.not_lt.1 fun hlt => ?_
  have := f.pow2_exponent_le (Int.lt_of_le_of_lt he hlt)
  have := @pow2_mono (e + 1) (f.exponent x) (by omega)
  grind

/-- e ≤ exponent x where 2ᵉ ≤ |x|. -/
theorem le_exponent {x : Rat} {e : Int} (h : pow2 e ≤ abs x) : e ≤ f.exponent x := by
  have : pow2 e < pow2 (f.exponent x + 1) := by have := f.abs_lt_pow2_exponent x; grind
  rw [pow2_lt_pow2] at this; omega

/-- The exponent is monotone in |x|. -/
theorem exponent_mono {x y : Rat} (h : abs x ≤ abs y) : f.exponent x ≤ f.exponent y :=
  f.exponent_le (f.minExponent_le_exponent y) (by have := f.abs_lt_pow2_exponent y; grind)

/-- exponent (−x) = exponent x -/
@[simp] theorem exponent_neg (x : Rat) : f.exponent (-x) = f.exponent x := by simp [exponent]

/-- 0 < ulp x -/
theorem ulp_pos (x : Rat) : 0 < f.ulp x := pow2_pos _

/-- ulp (−x) = ulp x -/
@[simp] theorem ulp_neg (x : Rat) : f.ulp (-x) = f.ulp x := by simp [ulp]

/-- ulp x = 2·halfUlp x -/
theorem ulp_eq (x : Rat) : f.ulp x = 2 * f.halfUlp x := pow2_add_one _

/-- halfUlp (−x) = halfUlp x -/
@[simp] theorem halfUlp_neg (x : Rat) : f.halfUlp (-x) = f.halfUlp x := by simp [halfUlp]

/-- halfUlp x ≤ halfUlp y where |x| ≤ |y|. -/
theorem halfUlp_mono {x y : Rat} (h : abs x ≤ abs y) : f.halfUlp x ≤ f.halfUlp y :=
  pow2_mono (by have := f.exponent_mono h; omega)

/-- halfUlp |x| = halfUlp x -/
@[simp] theorem halfUlp_abs (x : Rat) : f.halfUlp (abs x) = f.halfUlp x := by
  unfold abs; split <;> simp

/-- The distance of a multiple of ulp x from x: |k·ulp x − x| = |k − x / ulp x|·ulp x. -/
theorem abs_mul_ulp_sub (x k : Rat) :
    abs (k * f.ulp x - x) = abs (k - x / f.ulp x) * f.ulp x := by
  have hu := f.ulp_pos x
  have : k * f.ulp x - x = (k - x / f.ulp x) * f.ulp x := by
    have := Rat.div_mul_cancel (a := x) (Rat.ne_of_gt hu); grind
  rw [this, abs_mul, abs_of_nonneg (Rat.le_of_lt hu)]

/-- |round x − x| ≤ halfUlp x -/
theorem abs_round_sub_le (x : Rat) : abs (f.round x - x) ≤ f.halfUlp x := by
  rw [round, abs_mul_ulp_sub, significand]
  have := mul_le_mul_left (Rat.le_of_lt (f.ulp_pos x)) (abs_roundEven_sub_le (x / f.ulp x))
  have := f.ulp_eq x
  grind

/-- significand (−x) = −significand x -/
@[simp] theorem significand_neg (x : Rat) : f.significand (-x) = -f.significand x := by
  rw [significand, ulp_neg, Rat.div_def, Rat.neg_mul, ← Rat.div_def, roundEven_neg, significand]

/-- round (−x) = −round x -/
@[simp] theorem round_neg (x : Rat) : f.round (-x) = -f.round x := by
  rw [round, significand_neg, ulp_neg, Rat.intCast_neg, Rat.neg_mul, round]

/-- v is beyond the largest finite number iff 2^(eₘₐₓ + 1) ≤ |v|. -/
theorem overflows_iff {v : Rat} : f.overflows v = true ↔ pow2 (f.maxExponent + 1) ≤ abs v := by
  by_cases hv : v = 0
  · subst hv
    have := pow2_pos (f.maxExponent + 1)
    simp only [overflows, abs_zero]
    simp; grind
  · have : v.num ≠ 0 := by simpa using hv
    simp only [overflows, ← le_floorLog2 hv]
    simp [this]; omega

end RuntimeApprox.Format
