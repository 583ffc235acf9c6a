module

public import RuntimeApprox.TensorCore.Idle

/-!
# What is assumed of exponents, from the operands

## Main definitions
* `operandProducts`: the products of pairs of operands, as a matrix unit sees them.

## Main results
* `TensorCore.exponents_le`: **σ from the operands**: the hypothesis of `TensorCore.Sums.step` on
  exponents, from the largest magnitudes and whether any operand is subnormal.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

open Format

/-- The products of operands of two formats, exact and not normalised. -/
def operandProducts (zero : Int) (f g : Format) : List (Rat × Rat) → List Addend
  | [] => []
  | (x, y) :: pairs =>
    .product zero (f.addend zero x) (g.addend zero y) :: operandProducts zero f g pairs

/-- What is known of an operand x: it is a number of the format, of at most X in magnitude, and if
it is subnormal, 2^eₘᵢₙ is at most α. -/
structure OperandWithin (f : Format) (X α x : Rat) : Prop where
  /-- x is a number of the format. -/
  representable : f.Representable x
  /-- |x| ≤ X -/
  size : abs x ≤ X
  /-- 2^eₘᵢₙ ≤ α where x is subnormal. -/
  subnormal : x ≠ 0 → abs x < pow2 f.minExponent → pow2 f.minExponent ≤ α

/-- Of an operand that is not zero, 2^exponent is at most |x| or α. -/
theorem OperandWithin.pow2_le {f : Format} {X α x : Rat} (h : OperandWithin f X α x) (zero : Int)
    (hx : x ≠ 0) : pow2 (f.addend zero x).exponent ≤ abs (f.addend zero x).value ∨
      pow2 (f.addend zero x).exponent ≤ α := by
  rw [value_addend h.representable]
  rcases f.pow2_addend_le zero hx with h1 | h1
  · exact .inl h1
  · rw [h1]
    by_cases h2 : abs x < pow2 f.minExponent
    · exact .inr (h.subnormal hx h2)
    · exact .inl (Rat.not_lt.1 h2)

section
variable {f g : Format} {zero : Int} {X Y α β least : Rat}

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
theorem pow2_operand_product_le {x y : Rat} (hx : OperandWithin f X α x)
    (hy : OperandWithin g Y β y) (hα : 0 ≤ α) (hβ : 0 ≤ β) (hz : pow2 zero ≤ least) :
    pow2 (Addend.product zero (f.addend zero x) (g.addend zero y)).exponent ≤
      abs (Addend.product zero (f.addend zero x) (g.addend zero y)).value +
        shortfall X Y α β least := by
  have vx : (f.addend zero x).value = x := value_addend hx.representable
  have vy : (g.addend zero y).value = y := value_addend hy.representable
  have hX := Rat.le_trans (abs_nonneg x) hx.size
  have hY := Rat.le_trans (abs_nonneg y) hy.size
  have h1 := mul_nonneg hα (show 0 ≤ Y + β by grind)
  have h2 := mul_nonneg (show 0 ≤ X + α by grind) hβ
  by_cases h0 : x = 0 ∨ y = 0
  · refine pow2_zero_product_le (by rwa [vx, vy]) ?_
    unfold shortfall
    grind
  · exact Addend.pow2_product_le_shortfall (hx.pow2_le zero fun h => h0 (.inl h))
      (hy.pow2_le zero fun h => h0 (.inr h)) (by rw [vx]; exact hx.size)
      (by rw [vy]; exact hy.size) hα hβ hz

/-- **σ from the operands**: of an accumulator c, which is a number of a format, and products of
operands of which largest magnitudes are known, and whether any is subnormal (α or β is zero if
none is), no exponent is too large by more than α·(Y + β) + (X + α)·β + least, if `least` is at
least 2^eₘᵢₙ of the accumulator's format and 2^zero. -/
theorem TensorCore.exponents_le {a : Format} {c : Rat} (hc : a.Representable c)
    {pairs : List (Rat × Rat)}
    (hx : ∀ p ∈ pairs, OperandWithin f X α p.1) (hy : ∀ p ∈ pairs, OperandWithin g Y β p.2)
    (hX : 0 ≤ X) (hY : 0 ≤ Y) (hα : 0 ≤ α) (hβ : 0 ≤ β) (hl : pow2 a.minExponent ≤ least)
    (hz : pow2 zero ≤ least) : ∀ z ∈ a.addend zero c :: operandProducts zero f g pairs,
      pow2 z.exponent ≤ abs z.value + RuntimeApprox.shortfall X Y α β least := by
  have h1 := mul_nonneg hα (show 0 ≤ Y + β by grind)
  have h2 := mul_nonneg (show 0 ≤ X + α by grind) hβ
  intro z h
  rcases List.mem_cons.1 h with rfl | h
  · have := pow2_addend_le_add hc hl hz
    unfold RuntimeApprox.shortfall
    grind
  · clear hc hl
    induction pairs with
    | nil => exact absurd h List.not_mem_nil
    | cons p pairs ih =>
      rcases List.mem_cons.1 h with rfl | h
      · exact pow2_operand_product_le (hx p List.mem_cons_self) (hy p List.mem_cons_self) hα hβ hz
      · exact ih (fun q hq => hx q (List.mem_cons_of_mem _ hq))
          (fun q hq => hy q (List.mem_cons_of_mem _ hq)) (List.mem_cons_of_mem _ h) h

end

end RuntimeApprox
