module

public import RuntimeApprox.PowTwo
public import RuntimeApprox.OrderedField.Theorems

/-!
# Powers of two: sums of exponents, order, binades

## Main results
* `pow2_add`: 2^(a+b) = 2ᵃ·2ᵇ.
* `pow2_lt_pow2`: the order of powers is that of their exponents.
* `floorLog2_spec`: 2^⌊log₂ |x|⌋ ≤ |x| < 2^(⌊log₂ |x|⌋ + 1) for x ≠ 0.
* `le_floorLog2`: e ≤ ⌊log₂ |x|⌋ iff 2ᵉ ≤ |x|.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-- `pow2` is core's power with an integer exponent. -/
theorem pow2_eq_zpow (e : Int) : pow2 e = (2 : Rat) ^ e := by
  cases e with
  | ofNat n => simp [pow2, Rat.zpow_natCast]
  | negSucc n =>
    rw [pow2, Int.negSucc_eq, ← Int.natCast_add_one, Rat.zpow_neg, Rat.zpow_natCast,
      Rat.mkRat_eq_div, Rat.div_def]
    simp

/-- 2ⁿ for a natural number n is the natural number 2ⁿ. -/
theorem pow2_natCast (n : Nat) : pow2 n = ((2 ^ n : Nat) : Rat) := rfl

/-- 2⁰ = 1 -/
@[simp] theorem pow2_zero : pow2 0 = 1 := rfl

/-- 2¹ = 2 -/
theorem pow2_one : pow2 1 = 2 := rfl

/-- 0 < 2ᵉ -/
theorem pow2_pos (e : Int) : 0 < pow2 e := by
  rw [pow2_eq_zpow]; exact Rat.zpow_pos (by decide)

/-- 0 ≤ 2ᵉ -/
theorem pow2_nonneg (e : Int) : 0 ≤ pow2 e := Rat.le_of_lt (pow2_pos e)

/-- 2ᵉ ≠ 0 -/
theorem pow2_ne_zero (e : Int) : pow2 e ≠ 0 := Rat.ne_of_gt (pow2_pos e)

/-- 2^(a+b) = 2ᵃ·2ᵇ -/
theorem pow2_add (a b : Int) : pow2 (a + b) = pow2 a * pow2 b := by
  simp only [pow2_eq_zpow]; exact Rat.zpow_add (by decide) a b

/-- 2^(e+1) = 2·2ᵉ -/
theorem pow2_add_one (e : Int) : pow2 (e + 1) = 2 * pow2 e := by
  rw [pow2_add, pow2_one, Rat.mul_comm]

/-- 2ᵃ = 2^(a−b)·2ᵇ -/
theorem pow2_eq_sub_mul (a b : Int) : pow2 a = pow2 (a - b) * pow2 b := by
  rw [← pow2_add]; congr 1; omega

/-- 2ᵃ = n·2ᵇ with n = 2^(a−b), for b ≤ a. -/
theorem pow2_eq_natCast_mul {a b : Int} (h : b ≤ a) :
    pow2 a = ((2 ^ (a - b).toNat : Nat) : Rat) * pow2 b := by
  rw [pow2_eq_sub_mul a b, ← pow2_natCast]; congr 2; omega

/-- x·2ᵉ = y·2ᵉ iff x = y. -/
theorem mul_pow2_inj {x y : Rat} {e : Int} : x * pow2 e = y * pow2 e ↔ x = y :=
  ⟨fun h => by have := pow2_ne_zero e; grind, congrArg (· * _)⟩

/-- 1 ≤ 2ᵉ for e ≥ 0. -/
theorem one_le_pow2 {e : Int} (h : 0 ≤ e) : 1 ≤ pow2 e := by
  rw [pow2_eq_natCast_mul h, pow2_zero, Rat.mul_one]
  exact Rat.natCast_le_natCast.2 Nat.one_le_two_pow

/-- 2ᵃ ≤ 2ᵇ for a ≤ b. -/
theorem pow2_mono {a b : Int} (h : a ≤ b) : pow2 a ≤ pow2 b := by
  have := mul_le_mul_left (pow2_nonneg a) (one_le_pow2 (show 0 ≤ b - a by omega))
  rwa [Rat.mul_one, ← pow2_add, show a + (b - a) = b by omega] at this

/-- 2ᵃ < 2ᵇ for a < b. -/
theorem pow2_strictMono {a b : Int} (h : a < b) : pow2 a < pow2 b := by
  have := pow2_mono (show a + 1 ≤ b by omega)
  have := pow2_pos a
  rw [pow2_add_one] at *; grind

/-- 2ᵃ < 2ᵇ iff a < b. -/
theorem pow2_lt_pow2 {a b : Int} : pow2 a < pow2 b ↔ a < b :=
  ⟨fun h => by have := @pow2_mono b a; grind, pow2_strictMono⟩

/-- m·2ᵃ is an integer multiple of 2ᵇ for b ≤ a. -/
theorem exists_eq_mul_pow2 (m : Int) {a b : Int} (h : b ≤ a) :
    ∃ k : Int, m * pow2 a = k * pow2 b :=
  ⟨m * (2 ^ (a - b).toNat : Nat), by
    rw [pow2_eq_natCast_mul h, Rat.intCast_mul, Rat.intCast_natCast, Rat.mul_assoc]⟩

/-- |m·2ᵉ| = |m|·2ᵉ -/
theorem abs_mul_pow2 (x : Rat) (e : Int) : abs (x * pow2 e) = abs x * pow2 e := by
  rw [abs_mul, abs_of_nonneg (pow2_nonneg e)]

/-- The absolute value of an integer, taken in ℚ, is that taken in ℤ. -/
theorem abs_intCast (m : Int) : abs (m : Rat) = m.natAbs := by
  rcases Int.natAbs_eq m with h | h <;> generalize m.natAbs = n at h <;> rw [h]
  · exact abs_of_nonneg Rat.natCast_nonneg
  · rw [Rat.intCast_neg, abs_neg]; exact abs_of_nonneg Rat.natCast_nonneg

/-- |m| < 2ⁿ in ℤ iff in ℚ. -/
theorem natAbs_lt_two_pow {m : Int} {n : Nat} : m.natAbs < 2 ^ n ↔ abs (m : Rat) < pow2 n := by
  rw [abs_intCast, pow2_natCast, Rat.natCast_lt_natCast]

/-- |m| ≤ 2ⁿ in ℤ iff in ℚ. -/
theorem natAbs_le_two_pow {m : Int} {n : Nat} : m.natAbs ≤ 2 ^ n ↔ abs (m : Rat) ≤ pow2 n := by
  rw [abs_intCast, pow2_natCast, Rat.natCast_le_natCast]

/-- (n/d)·d = n -/
theorem mul_den (x : Rat) : x * x.den = x.num := by
  conv => lhs; lhs; rw [← Rat.mkRat_self x, Rat.mkRat_eq_div]
  exact Rat.div_mul_cancel (by simp [x.den_nz])

/-- |n/d|·d = |n| -/
theorem abs_mul_den (x : Rat) : abs x * x.den = x.num.natAbs := by
  have hd : abs (x.den : Rat) = x.den := abs_of_nonneg Rat.natCast_nonneg
  rw [← abs_intCast, ← mul_den, abs_mul, hd]

/-- d·(c·b) ≤ y·d·b iff c ≤ y, for positive d and b. -/
theorem mul_mul_le_mul_mul {b c d y : Rat} (hd : 0 < d) (hb : 0 < b) :
    d * (c * b) ≤ y * d * b ↔ c ≤ y := by
  have h1 : d * (c * b) = d * b * c := by grind
  have h2 : y * d * b = d * b * y := by grind
  rw [h1, h2]
  exact ⟨(Rat.le_of_mul_le_mul_left · (Rat.mul_pos hd hb)),
    (mul_le_mul_left (Rat.le_of_lt (Rat.mul_pos hd hb)) ·)⟩

/-- For n ≠ 0, 2^⌊log₂ n⌋ ≤ n < 2·2^⌊log₂ n⌋. -/
theorem pow2_log2 {n : Nat} (h : n ≠ 0) : pow2 n.log2 ≤ n ∧ (n : Rat) < 2 * pow2 n.log2 := by
  rw [← pow2_add_one]
  exact ⟨Rat.natCast_le_natCast.2 (Nat.log2_self_le h), Rat.natCast_lt_natCast.2 Nat.lt_log2_self⟩

/-- 2^⌊log₂ |x|⌋ ≤ |x| < 2^(⌊log₂ |x|⌋ + 1) for x ≠ 0. -/
theorem floorLog2_spec {x : Rat} (hx : x ≠ 0) :
    pow2 (floorLog2 x) ≤ abs x ∧ abs x < pow2 (floorLog2 x + 1) := by
  have hn : x.num.natAbs ≠ 0 := by simpa using hx
  have ⟨hn1, hn2⟩ := pow2_log2 hn
  have ⟨hd1, hd2⟩ := pow2_log2 x.den_nz
  have hd : 0 < (x.den : Rat) := Rat.natCast_pos.2 x.den_pos
  have hB := pow2_pos x.den.log2
  have hy := abs_nonneg x
  have hA := pow2_eq_sub_mul x.num.natAbs.log2 x.den.log2
  have cond : x.den * 2 ^ x.num.natAbs.log2 ≤ x.num.natAbs * 2 ^ x.den.log2 ↔
      pow2 (x.num.natAbs.log2 - x.den.log2) ≤ abs x := by
    rw [← Rat.natCast_le_natCast, Rat.natCast_mul, Rat.natCast_mul, ← pow2_natCast, ← pow2_natCast,
      ← abs_mul_den, hA, mul_mul_le_mul_mul hd hB]
  rw [← abs_mul_den] at hn1 hn2
  simp only [floorLog2, hn, if_false, cond]
  generalize (x.num.natAbs.log2 : Int) - x.den.log2 = e at *
  split
  · refine ⟨by assumption, Rat.lt_of_mul_lt_mul_right ?_ (Rat.le_of_lt hB)⟩
    have := mul_le_mul_left hy hd1
    rw [pow2_add_one]; grind
  · rw [Int.sub_add_cancel]
    refine ⟨Rat.le_of_mul_le_mul_right ?_ hB, by grind⟩
    have := mul_le_mul_left hy (Rat.le_of_lt hd2)
    have := pow2_add_one (e - 1)
    rw [Int.sub_add_cancel] at this
    rw [hA, this] at hn1; grind

/-- e ≤ ⌊log₂ |x|⌋ iff 2ᵉ ≤ |x|, for x ≠ 0. -/
theorem le_floorLog2 {x : Rat} (hx : x ≠ 0) {e : Int} : e ≤ floorLog2 x ↔ pow2 e ≤ abs x := by
  have ⟨h1, h2⟩ := floorLog2_spec hx
  constructor <;> intro h
  · have := pow2_mono h; grind
  · have : pow2 e < pow2 (floorLog2 x + 1) := by grind
    rw [pow2_lt_pow2] at this; omega

/-- ⌊log₂ |−x|⌋ = ⌊log₂ |x|⌋ -/
@[simp] theorem floorLog2_neg (x : Rat) : floorLog2 (-x) = floorLog2 x := by
  simp [floorLog2]

end RuntimeApprox
