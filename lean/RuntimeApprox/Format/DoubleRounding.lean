module

public import RuntimeApprox.Format.Nearest
public import RuntimeApprox.Format.Upward

/-!
# Double rounding that is innocuous

Sums and products of binary16 and of bfloat16 are computed in binary32 and rounded once more. The
second rounding does no harm: the result is the exact one, rounded once. (Figueroa 1995.)

## Main results
* `Format.round_round_of_tie`: rounding to `g` and then to `f` is rounding to `f`, unless the first
  result is a tie of `f` and not the exact number.
* `Format.round_round_add`: of sums of two numbers of `f`, for p′ ≥ 2·p + 2.
* `Format.round_round_mul`: of products, for p′ ≥ 2·p and exponents that are wide enough.
* `Format.binary16_through_binary32`, `Format.bfloat16_through_binary32`: the two formats.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox.Format

variable {f g : Format}

/-- A number of a format is one of every format that is at least as precise and has its
exponents. -/
theorem Representable.wider (he : g.minExponent ≤ f.minExponent) (hp : f.precision ≤ g.precision)
    {v : Rat} : f.Representable v → g.Representable v
  | ⟨m, e, hm, h, hv⟩ =>
    ⟨m, e, Nat.lt_of_lt_of_le hm (Nat.pow_le_pow_right (by omega) hp), by omega, hv⟩

/-- The exponent in a format with the exponents of this one is not larger. -/
theorem exponent_le_exponent (he : g.minExponent ≤ f.minExponent) (x : Rat) :
    g.exponent x ≤ f.exponent x :=
  g.exponent_le (Int.le_trans he (f.minExponent_le_exponent x)) (f.abs_lt_pow2_exponent x)

/-- |round x − x| ≤ 2^(exponent x − p′), with the exponent of the narrower format. -/
theorem abs_round_sub_le_exponent (he : g.minExponent ≤ f.minExponent) (x : Rat) :
    abs (g.round x - x) ≤ pow2 (f.exponent x - g.precision) :=
  Rat.le_trans (g.abs_round_sub_le x)
    (pow2_mono (by have := exponent_le_exponent he x; omega))

/-- The first rounding reaches the next power of two of the narrower format only where rounding to
it does. -/
theorem round_round_of_pow2 (he : g.minExponent ≤ f.minExponent)
    (hp : f.precision ≤ g.precision) {x : Rat}
    (h : abs (g.round x) = pow2 (f.exponent x + 1)) : f.round (g.round x) = f.round x := by
  have hx := f.minExponent_le_exponent x
  have hpos := f.precision_pos
  have herr := abs_round_sub_le_exponent he x
  have hle := @pow2_mono (f.exponent x - g.precision) (f.exponent x - f.precision) (by omega)
  have h1 : pow2 (f.exponent x + 1) ≤ f.round (abs x) := by
    rw [pow2_le_round_iff hx]
    have : abs (g.round x) ≤ abs x + abs (g.round x - x) := by unfold abs; grind
    grind
  rw [round_abs] at h1
  have h2 := f.abs_round_le x
  have h3 : f.round (g.round x) = g.round x := by
    have hr : f.Representable (pow2 (f.exponent x + 1)) := representable_pow2 (by omega)
    have hn := hr.neg
    refine round_eq_self ?_
    by_cases h0 : 0 ≤ g.round x
    · rwa [← h, abs_of_nonneg h0] at hr
    · have e : g.round x = -pow2 (f.exponent x + 1) := by rw [← h, abs_of_nonpos (by grind)]; grind
      rwa [e]
  rw [h3]
  have hg := @g.round_mono 0 x
  have hg' := @g.round_mono x 0
  have hf := @f.round_mono 0 x
  have hf' := @f.round_mono x 0
  rw [round_zero] at hg hg' hf hf'
  unfold abs at *
  grind

/-- Odd multiples of half a unit in the last place are numbers of the wider format. -/
theorem representable_tie (he : g.minExponent ≤ f.minExponent)
    (hp : f.precision + 2 ≤ g.precision) {x : Rat} {m : Int}
    (hm : m.natAbs ≤ 2 ^ (f.precision + 1) + 1) :
    g.Representable (m * pow2 (f.exponent x - f.precision)) := by
  have hx := f.minExponent_le_exponent x
  refine representable_of_le (Nat.le_trans hm ?_) (by omega)
  have := Nat.pow_le_pow_right (n := 2) (by omega) hp
  have := Nat.two_pow_pos (f.precision + 1)
  have : 2 ^ (f.precision + 2) = 2 ^ (f.precision + 1) * 2 := Nat.pow_succ ..
  omega

/-- The nearest integer to x/(2·P) is that to y/(2·P), where y is no tie, and x on the same side of
the ties next to it. -/
theorem roundEven_div_eq {x y P : Rat} (hP : 0 < P) {k : Int} (hk : NearestEven (y / (2 * P)) k)
    (tl : ¬y = (2 * k - 1) * P) (tr : ¬y = (2 * k + 1) * P)
    (hl : (2 * k - 1) * P < y → (2 * k - 1) * P < x)
    (hr : y < (2 * k + 1) * P → x < (2 * k + 1) * P) : roundEven (x / (2 * P)) = k := by
  have hP2 : 2 * P ≠ 0 := by grind
  have hx := Rat.div_mul_cancel (a := x) hP2
  have hy := Rat.div_mul_cancel (a := y) hP2
  obtain ⟨h1, h2, -⟩ := hk
  generalize x / (2 * P) = w at *
  generalize y / (2 * P) = z at *
  have h1 := mul_le_mul_left (Rat.le_of_lt hP) h1
  have h2 := mul_le_mul_left (Rat.le_of_lt hP) h2
  have hl := hl (by grind)
  have hr := hr (by grind)
  have hl : 2 * (k : Rat) - 1 < 2 * w :=
    Rat.lt_of_mul_lt_mul_right (c := P) (by grind) (Rat.le_of_lt hP)
  have hr : 2 * w < 2 * (k : Rat) + 1 :=
    Rat.lt_of_mul_lt_mul_right (c := P) (by grind) (Rat.le_of_lt hP)
  exact roundEven_eq_iff.2 ⟨by grind, by grind, by grind⟩

/-- **Double rounding**: rounding to `g` and then to `f` is rounding to `f`, unless the first result
is halfway between two numbers of `f`, an odd multiple of half its unit in the last place, and not
the exact number. -/
theorem round_round_of_tie (he : g.minExponent ≤ f.minExponent)
    (hp : f.precision + 2 ≤ g.precision) {x : Rat}
    (h : ∀ m : Int, m % 2 = 1 → f.exponent (g.round x) = f.exponent x →
      g.round x = m * pow2 (f.exponent x - f.precision) → g.round x = x) :
    f.round (g.round x) = f.round x := by
  have hbound : abs (g.round x) ≤ pow2 (f.exponent x + 1) := by
    have := g.round_mono (Rat.le_of_lt (f.abs_lt_pow2_exponent x))
    rwa [round_abs, round_eq_self (representable_pow2 (by
      have := f.minExponent_le_exponent x; have := g.precision_pos; omega))] at this
  by_cases hpow : abs (g.round x) = pow2 (f.exponent x + 1)
  · exact round_round_of_pow2 he (by omega) hpow
  by_cases hexp : f.exponent (g.round x) = f.exponent x
  · by_cases hxy : g.round x = x
    · rw [hxy]
    have hulp : f.ulp (g.round x) = f.ulp x := by rw [ulp, ulp, hexp]
    have hu : f.ulp x = 2 * pow2 (f.exponent x - f.precision) := pow2_add_one _
    have hpos := pow2_pos (f.exponent x - f.precision)
    have hk := f.natAbs_significand_le (g.round x)
    have hspec := roundEven_spec (g.round x / f.ulp x)
    rw [significand, hulp] at hk
    show (f.significand (g.round x) : Rat) * f.ulp (g.round x) = f.significand x * f.ulp x
    rw [significand, significand, hulp]
    generalize roundEven (g.round x / f.ulp x) = k at *
    have e1 : ((2 * k - 1 : Int) : Rat) = 2 * k - 1 := by
      rw [Rat.intCast_sub, Rat.intCast_mul]; rfl
    have e2 : ((2 * k + 1 : Int) : Rat) = 2 * k + 1 := by
      rw [Rat.intCast_add, Rat.intCast_mul]; rfl
    have hl := representable_tie he hp (x := x) (m := 2 * k - 1) (by rw [Nat.pow_succ]; omega)
    have hr := representable_tie he hp (x := x) (m := 2 * k + 1) (by rw [Nat.pow_succ]; omega)
    have tl := fun e => hxy (h (2 * k - 1) (by omega) hexp e)
    have tr := fun e => hxy (h (2 * k + 1) (by omega) hexp e)
    rw [e1] at hl tl
    rw [e2] at hr tr
    rw [hu] at hspec ⊢
    rw [roundEven_div_eq (pow2_pos _) hspec tl tr (lt_of_lt_round hl) (lt_of_round_lt hr)]
  · exfalso
    have hx := f.minExponent_le_exponent x
    have hle : f.exponent (g.round x) ≤ f.exponent x := f.exponent_le hx (by grind)
    have hy := f.minExponent_le_exponent (g.round x)
    have := g.round_mono (f.pow2_exponent_le (x := x) (by omega))
    rw [round_abs, round_eq_self (representable_pow2 (by have := g.precision_pos; omega))] at this
    have := f.le_exponent this
    omega

/-- Of two numbers of the format of which the second is small, the sum is no tie of the format but
the first, which is none. -/
theorem not_tie_of_small (he : g.minExponent ≤ f.minExponent)
    (hp : 2 * f.precision + 2 ≤ g.precision) {a b : Rat} (ha : f.Representable a)
    (hx : f.minExponent < f.exponent (a + b))
    (hb : abs b ≤ pow2 (f.exponent (a + b) - f.precision - 2)) {m : Int} (hm : m % 2 = 1)
    (hexp : f.exponent (g.round (a + b)) = f.exponent (a + b))
    (hy : g.round (a + b) = m * pow2 (f.exponent (a + b) - f.precision)) : False := by
  have hp0 := f.precision_pos
  have herr := abs_round_sub_le_exponent he (a + b)
  have h1 := @pow2_mono (f.exponent (a + b) - g.precision) (f.exponent (a + b) - f.precision - 2)
    (by omega)
  have h2 : pow2 (f.exponent (a + b) - f.precision) =
      2 * (2 * pow2 (f.exponent (a + b) - f.precision - 2)) := by
    rw [← pow2_add_one, ← pow2_add_one]; congr 1; omega
  have h3 := f.pow2_exponent_le hx
  have h4 : pow2 (f.exponent (a + b)) = 2 * pow2 (f.exponent (a + b) - 1) := by
    rw [← pow2_add_one]; congr 1; omega
  have h5 := @pow2_mono (f.exponent (a + b) - f.precision - 2) (f.exponent (a + b) - 1) (by omega)
  have h6 := abs_add_le a b
  have h7 := f.le_exponent (x := a) (e := f.exponent (a + b) - 1) (by grind)
  obtain ⟨l, hl⟩ := exists_eq_mul_pow2 (f.significand a)
    (show f.exponent (a + b) - f.precision ≤ f.exponent a - f.precision + 1 by omega)
  have hal := ha.eq_significand_mul_ulp.trans hl
  have hpos := pow2_pos (f.exponent (a + b) - f.precision)
  have hpos2 := pow2_pos (f.exponent (a + b) - f.precision - 2)
  have hd : abs ((l - m : Int) : Rat) * pow2 (f.exponent (a + b) - f.precision) <
      1 * pow2 (f.exponent (a + b) - f.precision) := by
    rw [← abs_mul_pow2, Rat.intCast_sub, show ((l : Rat) - m) *
      pow2 (f.exponent (a + b) - f.precision) = a - g.round (a + b) by grind]
    have : abs (a - g.round (a + b)) ≤ abs (g.round (a + b) - (a + b)) + abs b := by
      unfold abs; grind
    grind
  have hd := Rat.lt_of_mul_lt_mul_right hd (Rat.le_of_lt hpos)
  rw [abs_intCast] at hd
  have hd := Rat.natCast_lt_natCast.1 (show _ < ((1 : Nat) : Rat) from hd)
  have hlm : l = m := by omega
  have hya : f.Representable (g.round (a + b)) := by rw [hy, ← hlm, ← hal]; exact ha
  have hs := hya.eq_significand_mul_ulp
  rw [ulp, hexp, pow2_add_one, hy] at hs
  generalize f.significand (m * pow2 (f.exponent (a + b) - f.precision)) = s at hs
  have : ((m : Int) : Rat) = ((2 * s : Int) : Rat) := by
    refine mul_pow2_inj.1 (hs.trans ?_)
    rw [Rat.intCast_mul, show ((2 : Int) : Rat) = 2 from rfl]; grind
  rw [Rat.intCast_inj] at this
  omega

/-- **Sums**: of two numbers of `f`, for p′ ≥ 2·p + 2. -/
theorem round_round_add (he : g.minExponent ≤ f.minExponent)
    (hp : 2 * f.precision + 2 ≤ g.precision) {a b : Rat} (ha : f.Representable a)
    (hb : f.Representable b) : f.round (g.round (a + b)) = f.round (a + b) := by
  suffices key : ∀ {a b : Rat}, f.Representable a → f.Representable b → abs b ≤ abs a →
      f.round (g.round (a + b)) = f.round (a + b) by
    by_cases hab : abs b ≤ abs a
    · exact key ha hb hab
    · rw [Rat.add_comm]; exact key hb ha (by grind)
  intro a b ha hb hab
  refine round_round_of_tie he (by omega) fun m hm hexp hy => ?_
  have hx := f.minExponent_le_exponent (a + b)
  by_cases h0 : f.minExponent < f.exponent (a + b)
  · by_cases h1 : f.exponent (a + b) - g.precision < f.exponent b - f.precision + 1
    · have hba := f.exponent_mono hab
      obtain ⟨k, hk⟩ := exists_eq_mul_pow2 (f.significand a) (show f.exponent (a + b) -
        g.precision + 1 ≤ f.exponent a - f.precision + 1 by omega)
      obtain ⟨l, hl⟩ := exists_eq_mul_pow2 (f.significand b) (show f.exponent (a + b) -
        g.precision + 1 ≤ f.exponent b - f.precision + 1 by omega)
      have e : a + b = ((k + l : Int) : Rat) * pow2 (f.exponent (a + b) - g.precision + 1) := by
        rw [Rat.intCast_add, Rat.add_mul, ← hk, ← hl]
        exact congr (congrArg _ ha.eq_significand_mul_ulp) hb.eq_significand_mul_ulp
      refine round_eq_self ?_
      rw [e]
      refine representable_of_abs_le (by omega) ?_
      rw [← e]
      refine Rat.le_trans (Rat.le_of_lt (f.abs_lt_pow2_exponent (a + b))) (pow2_mono (by omega))
    · refine (not_tie_of_small he hp ha h0 (Rat.le_trans (Rat.le_of_lt
        (f.abs_lt_pow2_exponent b)) (pow2_mono (by omega))) hm hexp hy).elim
  · refine round_eq_self (Representable.wider he (by omega) (ha.add hb ?_))
    have := f.abs_lt_pow2_exponent (a + b)
    rw [show f.exponent (a + b) = f.minExponent by omega] at this
    exact Rat.le_of_lt this

/-- Numbers of at most half the least positive number are rounded to zero. -/
theorem round_eq_zero {x : Rat} (h : abs x ≤ pow2 (f.minExponent - f.precision)) :
    f.round x = 0 := by
  have hp := f.precision_pos
  have hlt := @pow2_strictMono (f.minExponent - f.precision) (f.minExponent + 1) (by omega)
  have he : f.exponent x = f.minExponent :=
    Int.le_antisymm (f.exponent_le (Int.le_refl _) (by grind)) (f.minExponent_le_exponent x)
  have hu : f.ulp x = 2 * pow2 (f.minExponent - f.precision) := by rw [ulp, he, pow2_add_one]
  have hx := Rat.div_mul_cancel (a := x) (Rat.ne_of_gt (f.ulp_pos x))
  have hpos := pow2_pos (f.minExponent - f.precision)
  have ⟨h1, h2⟩ := RuntimeApprox.abs_le.1 h
  rw [hu] at hx
  have h0 : f.significand x = 0 := by
    rw [significand, hu]
    generalize x / (2 * pow2 (f.minExponent - f.precision)) = z at *
    refine roundEven_eq_iff.2 ⟨?_, ?_, fun _ => rfl⟩ <;>
      refine Rat.le_of_mul_le_mul_right (c := pow2 (f.minExponent - f.precision)) ?_ hpos <;>
      rw [Rat.intCast_zero] <;> grind
  rw [round, h0, Rat.intCast_zero, Rat.zero_mul]

/-- **Products**: of two numbers of `f`, for p′ ≥ 2·p and eₘᵢₙ′ + 3·p ≤ eₘᵢₙ + p′: they are exact in
`g`, or so small that both roundings give zero. -/
theorem round_round_mul (hp : 2 * f.precision ≤ g.precision)
    (he : g.minExponent + 3 * f.precision ≤ f.minExponent + g.precision) {a b : Rat}
    (ha : f.Representable a) (hb : f.Representable b) :
    f.round (g.round (a * b)) = f.round (a * b) := by
  obtain ⟨m, s, hm, _, rfl⟩ := ha
  obtain ⟨n, t, hn, _, rfl⟩ := hb
  have hpos := f.precision_pos
  have hmn : (m * n).natAbs < 2 ^ (2 * f.precision) := by
    rw [Int.natAbs_mul, Nat.two_mul, Nat.pow_add]
    exact Nat.mul_lt_mul'' hm hn
  have e : (m : Rat) * pow2 s * (n * pow2 t) = ((m * n : Int) : Rat) * pow2 (s + t) := by
    rw [Rat.intCast_mul, pow2_add]; grind
  rw [e]
  by_cases h : g.minExponent - g.precision + 1 ≤ s + t
  · rw [round_eq_self (representable_of_le (Nat.le_trans (Nat.le_of_lt hmn)
      (Nat.pow_le_pow_right (by omega) hp)) h)]
  · have hx : abs (((m * n : Int) : Rat) * pow2 (s + t)) ≤ pow2 (f.minExponent - f.precision) := by
      have h1 := Rat.mul_lt_mul_of_pos_right (natAbs_lt_two_pow.1 hmn) (pow2_pos (s + t))
      rw [← abs_mul_pow2, ← pow2_add] at h1
      exact Rat.le_trans (Rat.le_of_lt h1) (pow2_mono (by omega))
    have hy := g.round_mono hx
    rw [round_abs, round_eq_self (representable_pow2 (by omega))] at hy
    rw [round_eq_zero hx, round_eq_zero hy]

/-- binary16 through binary32: sums and products are rounded as if once. -/
theorem binary16_through_binary32 {a b : Rat} (ha : binary16.Representable a)
    (hb : binary16.Representable b) :
    binary16.round (binary32.round (a + b)) = binary16.round (a + b) ∧
      binary16.round (binary32.round (a * b)) = binary16.round (a * b) :=
  ⟨round_round_add (by decide) (by decide) ha hb, round_round_mul (by decide) (by decide) ha hb⟩

/-- bfloat16 through binary32: sums and products are rounded as if once. -/
theorem bfloat16_through_binary32 {a b : Rat} (ha : bfloat16.Representable a)
    (hb : bfloat16.Representable b) :
    bfloat16.round (binary32.round (a + b)) = bfloat16.round (a + b) ∧
      bfloat16.round (binary32.round (a * b)) = bfloat16.round (a * b) :=
  ⟨round_round_add (by decide) (by decide) ha hb, round_round_mul (by decide) (by decide) ha hb⟩

end RuntimeApprox.Format
