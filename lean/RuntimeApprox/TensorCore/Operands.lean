module

public import RuntimeApprox.TensorCore.Idle

/-!
# What is assumed of exponents, from the operands

## Main definitions
* `operandProducts`: the products of pairs of operands, as a matrix unit sees them.
* `Addend.Within`: what is known of an operand's size and exponent.

## Main results
* `Format.within_addend`, `Addend.Within.scaled`, `Addend.within_inGroup`: of numbers of a format,
  and of numbers in blocks with scales.
* `TensorCore.exponents_le`: **σ from the operands**: the hypothesis of `TensorCore.Sums.step` on
  exponents, from the largest magnitudes and whether any operand is subnormal.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

open Format

/-- The products of pairs of operands, as the adder sees them, exact and not normalised. -/
def operandProducts (zero : Int) : List (Addend × Addend) → List Addend
  | [] => []
  | (x, y) :: pairs => .product zero x y :: operandProducts zero pairs

/-- What is known of an operand x: it is at most X in magnitude, and if it is not zero, 2^exponent is
at most |x| or α. -/
structure Addend.Within (X α : Rat) (x : Addend) : Prop where
  /-- |x| ≤ X -/
  size : abs x.value ≤ X
  /-- 2^exponent ≤ |x|, or 2^exponent ≤ α. -/
  exponent : x.value ≠ 0 → pow2 x.exponent ≤ abs x.value ∨ pow2 x.exponent ≤ α

/-! ### Operands of a format, and scales -/

/-- **A number of a format**, of at most X in magnitude: α is at least 2^eₘᵢₙ if it is subnormal. -/
theorem Format.within_addend {f : Format} {X α x : Rat} (zero : Int) (h : f.Representable x)
    (size : abs x ≤ X)
    (subnormal : x ≠ 0 → abs x < pow2 f.minExponent → pow2 f.minExponent ≤ α) :
    (f.addend zero x).Within X α where
  size := by rwa [value_addend h]
  exponent hx := by
    rw [value_addend h] at hx ⊢
    rcases f.pow2_addend_le zero hx with h1 | h1
    · exact .inl h1
    · rw [h1]
      by_cases h2 : abs x < pow2 f.minExponent
      · exact .inr (subnormal hx h2)
      · exact .inl (Rat.not_lt.1 h2)

/-- **A block's scale 2ᵉ**, as of MXFP8: X and α are scaled, too, so that α is at least
2^(eₘᵢₙ + e) if the operand is subnormal in its block. -/
theorem Addend.Within.scaled {x : Addend} {X α : Rat} (h : x.Within X α) (e : Int) :
    (x.scaled e).Within (X * pow2 e) (α * pow2 e) where
  size := by
    have := mul_le_mul_left (pow2_nonneg e) h.size
    rw [value_scaled, abs_mul, abs_of_nonneg (pow2_nonneg e)]
    grind
  exponent hx := by
    have hp := pow2_nonneg e
    rw [value_scaled] at hx ⊢
    rw [abs_mul, abs_of_nonneg hp]
    show pow2 (x.exponent + e) ≤ _ ∨ pow2 (x.exponent + e) ≤ _
    rw [pow2_add]
    rcases h.exponent fun h0 => hx (by rw [h0, Rat.zero_mul]) with h1 | h1
    · have := mul_le_mul_left hp h1
      exact .inl (by grind)
    · have := mul_le_mul_left hp h1
      exact .inr (by grind)

/-- **The scale s of a group of four-bit numbers**, as of MXFP4 and NVFP4, of which none but zero is
below a half: α is at least half of 2^exponent of s where s is subnormal. Subnormal operands do not
matter. -/
theorem Addend.within_inGroup {x s : Addend} {X α : Rat} (size : abs x.value * abs s.value ≤ X)
    (half : x.value ≠ 0 → pow2 (-1) ≤ abs x.value)
    (scale : pow2 s.exponent ≤ abs s.value ∨ pow2 (s.exponent - 1) ≤ α) :
    (x.inGroup s).Within X α where
  size := by rwa [value_inGroup, abs_mul]
  exponent hx := by
    show pow2 (s.exponent - 1) ≤ _ ∨ pow2 (s.exponent - 1) ≤ α
    rcases scale with h1 | h1
    · left
      have hx0 : x.value ≠ 0 := fun h0 => hx (by rw [value_inGroup, h0, Rat.zero_mul])
      rw [value_inGroup, abs_mul, show s.exponent - 1 = -1 + s.exponent by omega, pow2_add]
      exact mul_le_mul (half hx0) h1 (pow2_nonneg _) (abs_nonneg _)
    · exact .inr h1

/-! ### Products -/

section
variable {zero : Int} {X Y α β least : Rat}

/-- A product that is zero is aligned by the exponent of zeros. -/
theorem pow2_zero_product_le {x y : Addend} (h : x.value = 0 ∨ y.value = 0) {σ : Rat}
    (hσ : pow2 zero ≤ σ) :
    pow2 (Addend.product zero x y).exponent ≤ abs (Addend.product zero x y).value + σ := by
  have h0 : x.significand * y.significand = 0 := by
    rcases h with h | h
    · rw [x.significand_eq_zero h, Int.zero_mul]
    · rw [y.significand_eq_zero h, Int.mul_zero]
  have h1 := abs_nonneg (Addend.product zero x y).value
  show pow2 (if x.significand * y.significand = 0 then zero else x.exponent + y.exponent) ≤ _
  rw [if_pos h0]
  grind

/-- One product. -/
theorem pow2_operand_product_le {x y : Addend} (hx : x.Within X α) (hy : y.Within Y β)
    (hα : 0 ≤ α) (hβ : 0 ≤ β) (hz : pow2 zero ≤ least) :
    pow2 (Addend.product zero x y).exponent ≤
      abs (Addend.product zero x y).value + shortfall X Y α β least := by
  have hX := Rat.le_trans (abs_nonneg x.value) hx.size
  have hY := Rat.le_trans (abs_nonneg y.value) hy.size
  have h1 := mul_nonneg hα (show 0 ≤ Y + β by grind)
  have h2 := mul_nonneg (show 0 ≤ X + α by grind) hβ
  by_cases h0 : x.value = 0 ∨ y.value = 0
  · refine pow2_zero_product_le h0 ?_
    unfold shortfall
    grind
  · exact Addend.pow2_product_le_shortfall (hx.exponent fun h => h0 (.inl h))
      (hy.exponent fun h => h0 (.inr h)) hx.size hy.size hα hβ hz

/-- **σ from the operands**: of an accumulator c, whose exponent is too large by at most `least`, and
products of operands of which largest magnitudes X and Y are known, and by what exponents of those
that are subnormal, in their format or in their block, are bounded (α or β is zero if none is), no
exponent is too large by more than α·(Y + β) + (X + α)·β + least, if `least` is also at least
2^zero. -/
theorem TensorCore.exponents_le {c : Addend} (hc : pow2 c.exponent ≤ abs c.value + least)
    {pairs : List (Addend × Addend)} (hx : ∀ p ∈ pairs, p.1.Within X α)
    (hy : ∀ p ∈ pairs, p.2.Within Y β) (hX : 0 ≤ X) (hY : 0 ≤ Y) (hα : 0 ≤ α) (hβ : 0 ≤ β)
    (hz : pow2 zero ≤ least) : ∀ z ∈ c :: operandProducts zero pairs,
      pow2 z.exponent ≤ abs z.value + RuntimeApprox.shortfall X Y α β least := by
  have h1 := mul_nonneg hα (show 0 ≤ Y + β by grind)
  have h2 := mul_nonneg (show 0 ≤ X + α by grind) hβ
  intro z h
  rcases List.mem_cons.1 h with rfl | h
  · unfold RuntimeApprox.shortfall
    grind
  · clear hc
    induction pairs with
    | nil => exact absurd h List.not_mem_nil
    | cons p pairs ih =>
      rcases List.mem_cons.1 h with rfl | h
      · exact pow2_operand_product_le (hx p List.mem_cons_self) (hy p List.mem_cons_self) hα hβ hz
      · exact ih (fun q hq => hx q (List.mem_cons_of_mem _ hq))
          (fun q hq => hy q (List.mem_cons_of_mem _ hq)) (List.mem_cons_of_mem _ h) h

/-- The accumulator, a number of a format, is such a c, also if its exponent is k smaller. -/
theorem TensorCore.accumulator_exponent_le {a : Format} {c : Rat} (hc : a.Representable c)
    (hl : pow2 a.minExponent ≤ least) (hz : pow2 zero ≤ least) (k : Nat) :
    pow2 ((a.addend zero c).lower k).exponent ≤ abs ((a.addend zero c).lower k).value + least := by
  have h1 := pow2_addend_le_add hc hl hz
  have h2 := pow2_mono (show ((a.addend zero c).lower k).exponent ≤ (a.addend zero c).exponent by
    show (a.addend zero c).exponent - (k : Int) ≤ _
    omega)
  exact Rat.le_trans h2 h1

end

end RuntimeApprox
