module

public import RuntimeApprox.AnyOrder
public import RuntimeApprox.Format.RelativeError

/-!
# Rounding toward zero

## Main results
* `Format.representable_truncate`: truncate x is a number of the format.
* `Format.truncate_eq_self`: a number of the format is left as it is.
* `Format.le_truncate`: no number of the format between 0 and x is nearer to x.
* `Format.abs_truncate_sub_lt`: |truncate x − x| < ulp x.
* `Format.abs_truncate_sub_le`: |truncate x − x| ≤ 2·u·|x| + 2^(eₘᵢₙ − p + 1) for every x.
* `Format.truncate_eq_mul_ulp`: truncate x = k·ulp x if k·ulp x ≤ x < (k + 1)·ulp x.
* `Format.truncate_mono`: rounding toward zero is monotone.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox.Format

variable {f : Format}

/-- truncate (−x) = −truncate x -/
@[simp] theorem truncate_neg (f : Format) (x : Rat) : f.truncate (-x) = -f.truncate x := by
  rw [truncate, ulp_neg, Rat.div_def, Rat.neg_mul, ← Rat.div_def, Rat.neg_num, Rat.neg_den,
    Int.neg_tdiv, Rat.intCast_neg, Rat.neg_mul, truncate]

/-- 0 ≤ x / ulp x for x ≥ 0. -/
theorem div_ulp_nonneg (f : Format) {x : Rat} (h : 0 ≤ x) : 0 ≤ x / f.ulp x := by
  have hu := f.ulp_pos x
  refine Rat.le_of_mul_le_mul_right ?_ hu
  rw [Rat.div_mul_cancel (Rat.ne_of_gt hu), Rat.zero_mul]
  exact h

/-- truncate x = ⌊x / ulp x⌋·ulp x for x ≥ 0. -/
theorem truncate_of_nonneg (f : Format) {x : Rat} (h : 0 ≤ x) :
    f.truncate x = (x / f.ulp x).floor * f.ulp x := by
  rw [truncate, Int.tdiv_eq_ediv_of_nonneg (Rat.num_nonneg.2 (f.div_ulp_nonneg h)), Rat.floor_def]

/-- 0 ≤ truncate x ≤ x < truncate x + ulp x for x ≥ 0. -/
theorem truncate_spec (f : Format) {x : Rat} (h : 0 ≤ x) :
    0 ≤ f.truncate x ∧ f.truncate x ≤ x ∧ x < f.truncate x + f.ulp x := by
  have hu := f.ulp_pos x
  have hd := Rat.div_mul_cancel (a := x) (Rat.ne_of_gt hu)
  have h0 := Rat.intCast_le_intCast.2 (Rat.le_floor_iff.2 (f.div_ulp_nonneg h))
  have h1 := mul_le_mul_left (Rat.le_of_lt hu) (Rat.floor_le (x / f.ulp x))
  have h2 := Rat.mul_lt_mul_of_pos_right (Rat.lt_floor_add_one (x / f.ulp x)) hu
  have h3 := mul_nonneg h0 (Rat.le_of_lt hu)
  rw [Rat.intCast_add, Rat.intCast_one] at h2
  rw [f.truncate_of_nonneg h]
  exact ⟨h3, by grind, by grind⟩

/-- |truncate x − x| < ulp x -/
theorem abs_truncate_sub_lt (f : Format) (x : Rat) : abs (f.truncate x - x) < f.ulp x := by
  by_cases h : 0 ≤ x
  · have := f.truncate_spec h; unfold abs; grind
  · have := f.truncate_spec (x := -x) (by grind)
    rw [truncate_neg, ulp_neg] at this; unfold abs; grind

/-- 0 ≤ truncate x for x ≥ 0. -/
theorem truncate_nonneg (f : Format) {x : Rat} (h : 0 ≤ x) : 0 ≤ f.truncate x :=
  (f.truncate_spec h).1

/-- |truncate x − x| ≤ 2·u·|x| + 2^(eₘᵢₙ − p + 1) for every x. -/
theorem abs_truncate_sub_le (f : Format) (x : Rat) :
    abs (f.truncate x - x) ≤
      2 * f.unitRoundoff * abs x + pow2 (f.minExponent - f.precision + 1) := by
  have h1 := f.abs_truncate_sub_lt x
  have h2 := f.halfUlp_le_mul_add x
  rw [ulp_eq] at h1
  rw [pow2_add_one]
  grind

/-- truncate x is a number of the format, for x ≥ 0. -/
theorem representable_truncate_of_nonneg (f : Format) {x : Rat} (h : 0 ≤ x) :
    f.Representable (f.truncate x) := by
  refine ⟨(x / f.ulp x).floor, _, natAbs_lt_two_pow.2 ?_,
    by have := f.minExponent_le_exponent x; omega, f.truncate_of_nonneg h⟩
  have h0 := Rat.intCast_le_intCast.2 (Rat.le_floor_iff.2 (f.div_ulp_nonneg h))
  have h1 := Rat.floor_le (x / f.ulp x)
  have h2 := f.abs_div_ulp_lt x
  rw [abs_of_nonneg (f.div_ulp_nonneg h)] at h2
  rw [abs_of_nonneg h0]; grind

/-- truncate x is a number of the format. -/
theorem representable_truncate (f : Format) (x : Rat) : f.Representable (f.truncate x) := by
  by_cases h : 0 ≤ x
  · exact f.representable_truncate_of_nonneg h
  · have := (f.representable_truncate_of_nonneg (x := -x) (by grind)).neg
    rwa [truncate_neg, show - -f.truncate x = f.truncate x by grind] at this

/-- Of the multiples of ulp x, truncate x is the largest that is at most x. -/
theorem mul_ulp_le_truncate (f : Format) {x : Rat} (h : 0 ≤ x) {k : Int} (hk : k * f.ulp x ≤ x) :
    k * f.ulp x ≤ f.truncate x := by
  have hu := f.ulp_pos x
  have hd := Rat.div_mul_cancel (a := x) (Rat.ne_of_gt hu)
  have hk : (k : Rat) ≤ x / f.ulp x := Rat.le_of_mul_le_mul_right (by rwa [hd]) hu
  have hk := Rat.intCast_le_intCast.2 (Rat.le_floor_iff.2 hk)
  rw [f.truncate_of_nonneg h]
  exact Rat.mul_le_mul_of_nonneg_right hk (Rat.le_of_lt hu)

/-- truncate x = k·ulp x for the multiple of ulp x with k·ulp x ≤ x < (k + 1)·ulp x, for x ≥ 0. -/
theorem truncate_eq_mul_ulp (f : Format) {x : Rat} (h : 0 ≤ x) {k : Int} (hk : k * f.ulp x ≤ x)
    (hlt : x < (k + 1) * f.ulp x) : f.truncate x = k * f.ulp x := by
  have hu := Rat.le_of_lt (f.ulp_pos x)
  refine Rat.le_antisymm ?_ (f.mul_ulp_le_truncate h hk)
  have hspec := (f.truncate_spec h).2.1
  rw [f.truncate_of_nonneg h] at hspec ⊢
  refine Rat.mul_le_mul_of_nonneg_right (Rat.intCast_le_intCast.2 (Int.le_of_lt_add_one ?_)) hu
  rw [← Rat.intCast_lt_intCast, Rat.intCast_add, Rat.intCast_one]
  exact Rat.lt_of_mul_lt_mul_right (show _ < (k + 1) * f.ulp x by grind) hu

/-- truncate x is the largest number of the format that is at most x, for x ≥ 0. -/
theorem le_truncate {x y : Rat} (hy : f.Representable y) (h : 0 ≤ x) (hyx : y ≤ x) :
    y ≤ f.truncate x := by
  rcases hy.eq_mul_ulp_or x with ⟨k, rfl⟩ | ⟨he, hlt⟩
  · exact f.mul_ulp_le_truncate h hyx
  · have hle := f.pow2_exponent_le he
    have ⟨k, hk⟩ := exists_eq_mul_pow2 1 (show f.exponent x - f.precision + 1 ≤ f.exponent x by
      have := f.precision_pos; omega)
    rw [Rat.intCast_one, Rat.one_mul, ← ulp] at hk
    rw [abs_of_nonneg h] at hle
    have := f.mul_ulp_le_truncate h (k := k) (by rwa [← hk])
    have := le_abs_self y
    grind

/-- truncate v = v for a number v of the format. -/
theorem truncate_eq_self {v : Rat} (hv : f.Representable v) : f.truncate v = v := by
  by_cases h : 0 ≤ v
  · have := le_truncate hv h Rat.le_refl
    have := f.truncate_spec h
    grind
  · have := le_truncate hv.neg (show 0 ≤ -v by grind) Rat.le_refl
    have := f.truncate_spec (show 0 ≤ -v by grind)
    rw [truncate_neg] at *
    grind

/-- truncate 0 = 0 -/
@[simp] theorem truncate_zero (f : Format) : f.truncate 0 = 0 := truncate_eq_self representable_zero

/-- truncate (truncate x) = truncate x -/
@[simp] theorem truncate_truncate (f : Format) (x : Rat) :
    f.truncate (f.truncate x) = f.truncate x :=
  truncate_eq_self (f.representable_truncate x)

/-- Rounding toward zero is monotone: truncate x ≤ truncate y for x ≤ y. -/
theorem truncate_mono (f : Format) {x y : Rat} (h : x ≤ y) : f.truncate x ≤ f.truncate y := by
  by_cases hx : 0 ≤ x
  · have := f.truncate_spec hx
    exact le_truncate (f.representable_truncate x) (by grind) (by grind)
  · have hx := f.truncate_spec (x := -x) (by grind)
    rw [truncate_neg] at hx
    by_cases hy : 0 ≤ y
    · have := f.truncate_spec hy; grind
    · have hy := f.truncate_spec (x := -y) (by grind)
      have := le_truncate (f.representable_truncate (-y)) (x := -x) (by grind) (by grind)
      rw [truncate_neg, truncate_neg] at this; grind

/-- truncate |x| = |truncate x| -/
theorem truncate_abs (f : Format) (x : Rat) : f.truncate (abs x) = abs (f.truncate x) := by
  by_cases h : 0 ≤ x
  · rw [abs_of_nonneg h, abs_of_nonneg (f.truncate_nonneg h)]
  · have := f.truncate_nonneg (show 0 ≤ -x by grind)
    rw [truncate_neg] at this
    rw [abs_of_nonpos (by grind), abs_of_nonpos (by grind), truncate_neg]

/-! ### Examples -/

/-- The number of binary16 nearest to 1 + 2⁻¹⁰ + 2⁻¹¹ + 2⁻²³ is above it, the truncated one below.
A negative number is truncated to one above it, and 2⁻²⁴·(1 + 1/2) to the least subnormal number. -/
example : binary16.truncate (1 + 1 / 1024 + 1 / 2048 + 1 / 8388608) = 1 + 1 / 1024 ∧
    binary16.round (1 + 1 / 1024 + 1 / 2048 + 1 / 8388608) = 1 + 2 / 1024 ∧
    binary16.truncate (-(1 + 1 / 1024 + 1 / 2048)) = -(1 + 1 / 1024) ∧
    binary16.truncate (3 / 2 / 16777216) = 1 / 16777216 := by decide +kernel

/-- A number of binary32 that is rounded to TF32 toward zero loses the low 13 of its 24 bits:
truncate (m·2ᵉ) = (m − m mod 2¹³)·2ᵉ. -/
theorem tf32_truncate {m : Nat} {e : Int} (hm : m < 2 ^ 24) (he : -149 ≤ e)
    (h : 2 ^ 23 ≤ m ∨ e = -149) :
    tf32.truncate (m * pow2 e) = (m - m % 2 ^ 13 : Nat) * pow2 e := by
  have h0 : (0 : Rat) ≤ m := Rat.natCast_nonneg
  have hx : abs (m * pow2 e) = m * pow2 e := abs_of_nonneg (mul_nonneg h0 (pow2_nonneg e))
  have hexp : tf32.exponent (m * pow2 e) = e + 23 := by
    refine Int.le_antisymm (tf32.exponent_le ?_ ?_) ?_
    · show (-126 : Int) ≤ e + 23; omega
    · rw [hx, show e + 23 + 1 = 24 + e by omega, pow2_add]
      exact Rat.mul_lt_mul_of_pos_right (Rat.natCast_lt_natCast.2 hm) (pow2_pos e)
    · rcases h with h | rfl
      · refine tf32.le_exponent ?_
        rw [hx, show e + 23 = 23 + e by omega, pow2_add]
        exact Rat.mul_le_mul_of_nonneg_right (Rat.natCast_le_natCast.2 h) (pow2_nonneg e)
      · exact tf32.minExponent_le_exponent _
  have hulp : tf32.ulp (m * pow2 e) = pow2 13 * pow2 e := by
    rw [ulp, hexp, ← pow2_add]
    congr 1
    show e + 23 - 11 + 1 = 13 + e; omega
  have hk : ((m - m % 2 ^ 13 : Nat) : Rat) = ((m / 2 ^ 13 : Nat) : Rat) * pow2 13 := by
    rw [show (pow2 13) = ((2 ^ 13 : Nat) : Rat) from rfl, ← Rat.natCast_mul]
    congr 1; omega
  have hlt : (m : Rat) < (m - m % 2 ^ 13 : Nat) + pow2 13 := by
    rw [show (pow2 13) = ((2 ^ 13 : Nat) : Rat) from rfl, ← Rat.natCast_add]
    exact Rat.natCast_lt_natCast.2 (by omega)
  have hle : ((m - m % 2 ^ 13 : Nat) : Rat) ≤ m := Rat.natCast_le_natCast.2 (by omega)
  have hu := pow2_pos e
  have hle := Rat.mul_le_mul_of_nonneg_right hle (Rat.le_of_lt hu)
  have hlt := Rat.mul_lt_mul_of_pos_right hlt hu
  rw [hk] at hle hlt ⊢
  rw [Rat.mul_assoc, ← hulp, ← Rat.intCast_natCast (m / 2 ^ 13)]
  refine tf32.truncate_eq_mul_ulp (mul_nonneg h0 (pow2_nonneg e)) ?_ ?_ <;>
    rw [hulp, Rat.intCast_natCast (m / 2 ^ 13)] <;> grind

end RuntimeApprox.Format
