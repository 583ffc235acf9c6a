module

public import RuntimeApprox.Format.Binade.Theorems

/-!
# Rounding upward, and exact binades, in arithmetic that rounds to nearest

How the package computes upper bounds and exact binades in float64: each decision is made on numbers
that are exact.

## Main results
* `Format.le_of_round_lt`, `Format.lt_of_lt_round`, `Format.lt_of_round_lt`: what a rounded result
  says of the exact one.
* `Format.representable_round_add_sub`: for |b| ≤ |a| and s = fl(a + b), s − a is a number of the
  format, so that fl(s − a) < b iff s < a + b (`Format.round_add_lt_iff`).
* `Format.bmod_product_error`: the error of a product of significands, modulo 2⁶⁴.
* `Format.floorLog2_eq_of_round`: the binade of the exact result.
* `Format.halfUlp_eq_max_mul`, `Format.pow2_le_max_round`: half a unit in the last place from the
  binade, and its floor.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

namespace Format

variable {f : Format}

private theorem sub_mul (a b c : Rat) : (a - b) * c = a * c - b * c := by grind

/-! ### Rounded and exact results -/

/-- Every number of the format above round x is at least x: one of the two, round x or the next
larger number, is x rounded upward. -/
theorem le_of_round_lt {x y : Rat} (hy : f.Representable y) (h : f.round x < y) : x ≤ y := by
  have := abs_round_sub_le_abs_sub hy x
  unfold abs at this
  grind

/-- y < x where y < round x, for a number y of the format. -/
theorem lt_of_lt_round {x y : Rat} (hy : f.Representable y) (h : y < f.round x) : y < x := by
  have := @round_mono f x y
  rw [round_eq_self hy] at this
  grind

/-- x < y where round x < y, for a number y of the format. -/
theorem lt_of_round_lt {x y : Rat} (hy : f.Representable y) (h : f.round x < y) : x < y := by
  have := @round_mono f y x
  rw [round_eq_self hy] at this
  grind

/-- A multiple of 2ᵉ of at most 2^(p + e) in magnitude is a number of the format. -/
theorem representable_of_abs_le {k e : Int} (he : f.minExponent - f.precision + 1 ≤ e)
    (h : abs ((k : Rat) * pow2 e) ≤ pow2 (f.precision + e)) : f.Representable (k * pow2 e) := by
  refine representable_of_le (natAbs_le_two_pow.2 ?_) he
  rw [abs_mul_pow2, pow2_add] at h
  exact Rat.le_of_mul_le_mul_right h (pow2_pos e)

/-! ### Sums -/

/-- v = k·ulp v with |k| ≤ 2ᵖ − 1, for a number v of the format. -/
theorem Representable.abs_le {v : Rat} (hv : f.Representable v) :
    abs v ≤ (pow2 f.precision - 1) * f.ulp v := by
  have hk := hv.eq_significand_mul_ulp
  have hu := f.ulp_pos v
  have hlt := f.abs_lt_pow2_exponent v
  have hp := f.pow2_precision_mul_ulp v
  have habs : abs v = (f.significand v).natAbs * f.ulp v := by
    rw [← abs_intCast]
    have := abs_mul_pow2 (f.significand v) (f.exponent v - f.precision + 1)
    rw [← ulp, ← hk] at this
    exact this
  have h1 : ((f.significand v).natAbs : Rat) < ((2 ^ f.precision : Nat) : Rat) := by
    refine Rat.lt_of_mul_lt_mul_right ?_ (Rat.le_of_lt hu)
    rw [← habs, ← pow2_natCast, hp]
    exact hlt
  have h2 : ((f.significand v).natAbs : Rat) + 1 ≤ pow2 f.precision := by
    have := Rat.natCast_le_natCast.2 (Nat.succ_le_of_lt (Rat.natCast_lt_natCast.1 h1))
    rw [pow2_natCast]
    rwa [Nat.succ_eq_add_one, Rat.natCast_add] at this
  have := mul_le_mul_left (Rat.le_of_lt hu) h2
  rw [habs]
  grind

/-- A number of the format is a multiple of the unit in the last place of any number of a binade
that is not larger. -/
theorem Representable.eq_mul_ulp {v : Rat} (hv : f.Representable v) {x : Rat}
    (h : f.exponent x ≤ f.exponent v) : ∃ k : Int, v = k * f.ulp x := by
  rw [hv.eq_significand_mul_ulp]
  exact exists_eq_mul_pow2 _ (by omega)

/-- |s − a| ≤ |b| + halfUlp (a + b) for s = round (a + b). -/
theorem abs_round_add_sub_le_add (f : Format) (a b : Rat) :
    abs (f.round (a + b) - a) ≤ abs b + f.halfUlp (a + b) := by
  have h1 := f.abs_round_sub_le (a + b)
  have h2 := abs_add_le (f.round (a + b) - (a + b)) b
  rw [show f.round (a + b) - (a + b) + b = f.round (a + b) - a by grind] at h2
  grind

/-- A difference of multiples of 2^(e − p + 1) of at most 2^(e + 1) in magnitude is a number of the
format. -/
theorem representable_sub {v w : Rat} {k l e : Int} (he : f.minExponent ≤ e)
    (hv : v = k * pow2 (e - f.precision + 1)) (hw : w = l * pow2 (e - f.precision + 1))
    (h : abs (v - w) ≤ pow2 (e + 1)) : f.Representable (v - w) := by
  have e : v - w = ((k - l : Int) : Rat) * pow2 (e - f.precision + 1) := by
    rw [Rat.intCast_sub, hv, hw]; grind
  rw [e] at h ⊢
  refine representable_of_abs_le (by omega) (Rat.le_trans h (pow2_mono (by omega)))

/-- **Fast2Sum**: for numbers |b| ≤ |a| of the format and s = round (a + b), the difference s − a is
a number of the format. -/
theorem representable_round_add_sub {a b : Rat} (ha : f.Representable a) (hb : f.Representable b)
    (hab : abs b ≤ abs a) : f.Representable (f.round (a + b) - a) := by
  have hbound := f.abs_round_add_sub_le_add a b
  have hx := f.minExponent_le_exponent (a + b)
  have hma := f.minExponent_le_exponent a
  have hexp := f.exponent_mono hab
  have hp := f.precision_pos
  by_cases h1 : f.exponent (a + b) ≤ f.exponent b
  · -- The sum is exact: it is a multiple of ulp (a + b).
    obtain ⟨k, hk⟩ := ha.eq_mul_ulp (x := a + b) (by omega)
    obtain ⟨l, hl⟩ := hb.neg.eq_mul_ulp (x := a + b) (by rwa [exponent_neg])
    have := representable_sub hx hk hl (by
      rw [show a - -b = a + b by grind]
      exact Rat.le_of_lt (f.abs_lt_pow2_exponent _))
    rwa [round_eq_self (by rwa [show a - -b = a + b by grind] at this),
      show a + b - a = b by grind]
  · obtain ⟨k, hk⟩ : ∃ k : Int, f.round (a + b) = k * f.ulp (a + b) := ⟨_, rfl⟩
    by_cases h2 : f.exponent (a + b) ≤ f.exponent a
    · -- Both are multiples of ulp (a + b), and |b| is below its binade.
      obtain ⟨l, hl⟩ := ha.eq_mul_ulp h2
      have := f.abs_lt_pow2_exponent b
      have := @pow2_mono (f.exponent b + 1) (f.exponent (a + b)) (by omega)
      have : f.halfUlp (a + b) ≤ pow2 (f.exponent (a + b)) := pow2_mono (by omega)
      have := pow2_add_one (f.exponent (a + b))
      exact representable_sub hx hk hl (by grind)
    · -- The sum is in the next binade: both are multiples of ulp a.
      have hnext : f.exponent (a + b) ≤ f.exponent a + 1 := f.exponent_le (by omega) (by
        have := abs_add_le a b
        have := f.abs_lt_pow2_exponent a
        rw [pow2_add_one]; grind)
      obtain ⟨l, hl⟩ := ha.eq_mul_ulp (Int.le_refl _)
      obtain ⟨j, hj⟩ := exists_eq_mul_pow2 k (show f.exponent a - f.precision + 1 ≤
        f.exponent (a + b) - f.precision + 1 by omega)
      have := ha.abs_le
      have := f.pow2_precision_mul_ulp a
      have : f.halfUlp (a + b) = f.ulp a := by rw [halfUlp, ulp]; congr 1; omega
      exact representable_sub hma (hk.trans hj) hl (by grind)

/-- The test of an upward sum: with s = fl(a + b), fl(s − a) < b iff s < a + b. -/
theorem round_add_lt_iff {a b : Rat} (ha : f.Representable a) (hb : f.Representable b)
    (hab : abs b ≤ abs a) :
    f.round (f.round (a + b) - a) < b ↔ f.round (a + b) < a + b := by
  rw [round_eq_self (representable_round_add_sub ha hb hab)]
  grind

/-! ### Products -/

/-- Arithmetic modulo 2⁶⁴ gives a difference of integers exactly where it is below 2⁶³. -/
theorem _root_.RuntimeApprox.bmod_sub {x y : Int} (h : (x - y).natAbs < 2 ^ 63) :
    Int.bmod (Int.bmod x (2 ^ 64) - Int.bmod y (2 ^ 64)) (2 ^ 64) = x - y := by
  simp only [Int.bmod_def]
  omega

/-- **The error of a product** of significands A and B of p bits, where R is the rounded product of
A/2ᵖ and B/2ᵖ in units of 2^(−p − 1): A·B − R·2^(p − 1), which arithmetic modulo 2⁶⁴ gives
exactly. -/
theorem bmod_product_error (he : f.minExponent ≤ -1) (hp : f.precision ≤ 63) {A B R : Int}
    (hA : A.natAbs < 2 ^ f.precision) (hB : B.natAbs < 2 ^ f.precision)
    (hR : f.round ((A * B : Int) * pow2 (-2 * f.precision)) = R * pow2 (-f.precision - 1)) :
    Int.bmod (Int.bmod (A * B) (2 ^ 64) - Int.bmod (R * 2 ^ (f.precision - 1)) (2 ^ 64)) (2 ^ 64) =
      A * B - R * 2 ^ (f.precision - 1) := by
  have hpos := f.precision_pos
  have hAB : (A * B).natAbs < 2 ^ (2 * f.precision) := by
    rw [Int.natAbs_mul, Nat.two_mul, Nat.pow_add]
    exact Nat.mul_lt_mul'' hA hB
  have hx : abs (((A * B : Int) : Rat) * pow2 (-2 * f.precision)) < pow2 (-1 + 1) := by
    have h := natAbs_lt_two_pow.1 hAB
    have := Rat.mul_lt_mul_of_pos_right h (pow2_pos (-2 * f.precision))
    rwa [← abs_mul_pow2, ← pow2_add, show ((2 * f.precision : Nat) : Int) + -2 * f.precision =
      -1 + 1 by omega] at this
  have herr := f.abs_round_sub_le (((A * B : Int) : Rat) * pow2 (-2 * f.precision))
  have hulp : f.halfUlp (((A * B : Int) : Rat) * pow2 (-2 * f.precision)) ≤
      pow2 (-1 - f.precision) :=
    pow2_mono (by have := f.exponent_le he hx; omega)
  have hlt : 2 ^ (f.precision - 1) < 2 ^ 63 := Nat.pow_lt_pow_right (by omega) (by omega)
  suffices hle : (A * B - R * 2 ^ (f.precision - 1)).natAbs ≤ 2 ^ (f.precision - 1) by
    exact bmod_sub (Nat.lt_of_le_of_lt hle hlt)
  rw [natAbs_le_two_pow]
  refine Rat.le_of_mul_le_mul_right (c := pow2 (-2 * f.precision)) ?_ (pow2_pos _)
  have e : ((A * B - R * 2 ^ (f.precision - 1) : Int) : Rat) * pow2 (-2 * f.precision) =
      ((A * B : Int) : Rat) * pow2 (-2 * f.precision) - R * pow2 (-f.precision - 1) := by
    have h2 : ((2 ^ (f.precision - 1) : Int) : Rat) = pow2 (f.precision - 1 : Nat) := by
      rw [pow2_natCast, ← Rat.intCast_natCast]; congr 1
    rw [Rat.intCast_sub, Rat.intCast_mul R, h2, sub_mul, Rat.mul_assoc, ← pow2_add]
    congr 3; omega
  rw [← abs_mul_pow2, e, ← hR, abs_sub_comm, ← pow2_add,
    show ((f.precision - 1 : Nat) : Int) + -2 * f.precision = -1 - f.precision by omega]
  exact Rat.le_trans herr hulp

/-! ### Binades -/

/-- The binade of an exact result from the rounded one: it is the same, or the one below where
rounding reached a power of two from below. -/
theorem floorLog2_eq_of_round {x : Rat} (hx : pow2 f.minExponent ≤ abs x) :
    floorLog2 x = if abs (f.round x) = pow2 (floorLog2 (f.round x)) ∧ abs x < abs (f.round x) then
      floorLog2 (f.round x) - 1 else floorLog2 (f.round x) := by
  have hx0 : x ≠ 0 := by
    rintro rfl
    have := pow2_pos f.minExponent
    rw [abs_zero] at hx; grind
  have hlog := (le_floorLog2 hx0).2 hx
  have hexp : f.exponent x = floorLog2 x := by
    have : x.num ≠ 0 := by simpa using hx0
    grind [exponent]
  have hpow : pow2 (floorLog2 x) ≤ abs (f.round x) :=
    hexp ▸ pow2_exponent_le_abs_round (hexp ▸ (floorLog2_spec hx0).1)
  have hr0 : f.round x ≠ 0 := by
    intro h
    have := pow2_pos (floorLog2 x)
    rw [h, abs_zero] at hpow; grind
  have ⟨hr1, hr2⟩ := floorLog2_spec hr0
  have ⟨_, hx2⟩ := floorLog2_spec hx0
  have h1 := (le_floorLog2 hr0).2 hpow
  have hle := f.abs_round_le x
  rw [hexp] at hle
  have h2 : floorLog2 (f.round x) ≤ floorLog2 x + 1 := by
    have : pow2 (floorLog2 (f.round x)) < pow2 (floorLog2 x + 1 + 1) := by
      have := @pow2_strictMono (floorLog2 x + 1) (floorLog2 x + 1 + 1) (by omega)
      grind
    rw [pow2_lt_pow2] at this; omega
  split
  · next h =>
    by_cases hc : floorLog2 (f.round x) = floorLog2 x + 1
    · omega
    · have he : floorLog2 (f.round x) = floorLog2 x := by omega
      have := (floorLog2_spec hx0).1
      rw [he] at h; grind
  · next h =>
    by_cases hc : floorLog2 (f.round x) = floorLog2 x + 1
    · rw [hc] at hr1 h; grind
    · omega

/-- halfUlp a = max(binade a, 2^eₘᵢₙ)·2⁻ᵖ -/
theorem halfUlp_eq_max_mul (a : Rat) :
    f.halfUlp a = max (f.binade a) (pow2 f.minExponent) * pow2 (-f.precision) := by
  rw [halfUlp_eq, ← flooredBinade, flooredBinade_eq_max, unitRoundoff, Rat.mul_comm]

/-- A power of two that is rounded to a format, and made at least the least positive number, is an
upper bound: nothing is lost where it underflows, and otherwise it is exact. -/
theorem pow2_le_max_round (g : Format) (e : Int) :
    pow2 e ≤ max (g.round (pow2 e)) (pow2 (g.minExponent - g.precision + 1)) := by
  by_cases h : g.minExponent - g.precision + 1 ≤ e
  · rw [round_eq_self (representable_pow2 h)]
    exact le_max_left _ _
  · exact Rat.le_trans (pow2_mono (by omega)) (le_max_right _ _)

end Format

end RuntimeApprox
