module

public import RuntimeApprox.AnyOrder.Rounding
public import RuntimeApprox.Format.Arithmetic
public import RuntimeApprox.Format.Nearest

/-!
# The laws of rounding modes

To nearest or toward zero, with or without flushing to zero: what an operation gives is a number of
the format, and it errs by at most u·|exact| + η.

## Main definitions
* `Format.Mode.rounding`: a mode as a rounding model, in which every subnormal result is flushed if
  some may be.

## Main results
* `Format.representable_truncate`: truncate x is a number of the format.
* `Format.truncate_eq_self`: a number of the format is left as it is.
* `Format.le_truncate`: no number of the format between 0 and x is nearer to x.
* `Format.abs_truncate_sub_lt`: |truncate x − x| < ulp x.
* `Format.abs_truncate_sub_le`: |truncate x − x| ≤ 2·u·|x| + 2^(eₘᵢₙ − p + 1) for every x.
* `Format.truncate_eq_mul_ulp`: truncate x = k·ulp x if k·ulp x ≤ x < (k + 1)·ulp x.
* `Format.truncate_mono`: rounding toward zero is monotone.
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

namespace RuntimeApprox.Format

/-! ### Rounding toward zero -/

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

/-! ### Modes -/

namespace Mode

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

/-- What an operation gives whose exact result is a number of the format, nothing being flushed:
that number. -/
theorem eq_self (hf : m.flushed = false) (hx : m.format.Representable x) (h : m.Gives x v) :
    v = x := by
  rcases h with rfl | ⟨h, _⟩
  · exact round_eq_self hx
  · rw [hf] at h; contradiction

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

end Mode

end RuntimeApprox.Format
