module

public import RuntimeApprox.TensorCore.Operands
public import RuntimeApprox.TensorCore.Theorems

/-!
# Operands of matrix instructions, and steps that add only zeros

The examples are numbers that MMA-Sim computes (arXiv 2511.10909, `mmasim` 2.1.1).

## Main results
* `alignedSum_idle`: products that are zero do not change an accumulator that has no bit below the
  last that is kept.
* `TensorCore.Unit.aligned_idle`, `TensorCore.Unit.grouped_idle`: then the step gives the accumulator,
  so that `TensorCore.Sums` need not count it.
* `Format.within_addend`, `Addend.Within.scaled`, `Addend.within_inGroup`: of numbers of a format,
  and of numbers in blocks with scales.
* `TensorCore.exponents_le`: **σ from the operands**: the hypothesis of `TensorCore.Sums.step` on
  exponents, from the largest magnitudes and whether any operand is subnormal.
* `mxfp8Step_gives`, `nvfp4Step_gives`: they are steps of the units that the error bounds are about.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

open Format

/-! ### Steps that add only zeros -/

/-- Zeros are cut to zeros. -/
theorem cutSum_eq_zero (down : Bool) (u : Int) {xs : List Addend}
    (h : nonzeros (addendValues xs) = 0) : cutSum down u xs = 0 := by
  replace h : ∀ x ∈ xs, x.value = 0 := fun x hx => nonzeros_eq_zero.1 h _ (List.mem_map_of_mem hx)
  induction xs <;> grind [cutSum, cutShift_zero, Addend.significand_eq_zero]

/-- If no product has a larger exponent, the accumulator has the largest. -/
theorem largestExponent_eq {c : Addend} {xs : List Addend}
    (h : ∀ x ∈ xs, x.exponent ≤ c.exponent) : largestExponent c xs = c.exponent := by
  induction xs <;> grind [largestExponent]

/-- **Zeros change nothing**: if all products are zero and none has a larger exponent than the
accumulator, whose last bit is at 2^(exponent − F) or above, the aligned sum is the accumulator. -/
theorem alignedSum_idle {bits : Nat} {down : Bool} {c : Addend} {xs : List Addend}
    (hz : nonzeros (addendValues xs) = 0) (he : ∀ x ∈ xs, x.exponent ≤ c.exponent)
    (hu : c.exponent - bits ≤ c.unit) : (alignedSum bits down c xs).value = c.value := by
  show ((cutShift down c.significand (c.unit - (largestExponent c xs - bits)) +
    cutSum down (largestExponent c xs - bits) xs : Int) : Rat) *
      pow2 (largestExponent c xs - bits) = c.significand * pow2 c.unit
  rw [largestExponent_eq he, cutSum_eq_zero down _ hz, Int.add_zero, cutShift, if_pos (by omega),
    Rat.intCast_mul, Rat.intCast_natCast, ← pow2_natCast,
    show ((c.unit - (c.exponent - bits)).toNat : Int) = c.unit - (c.exponent - bits) by omega,
    Rat.mul_assoc, ← pow2_add,
    show c.unit - (c.exponent - bits) + (c.exponent - (bits : Int)) = c.unit by omega]

/-- Groups of zeros have sums that are zero. -/
theorem nonzeros_groupSums : {gs : List (Addend × List Addend)} →
    (∀ x ∈ groupMembers gs, x.value = 0) → nonzeros (addendValues (groupSums gs)) = 0
  | [], _ => rfl
  | (x, xs) :: gs, h => by
    have h1 : (groupSum x xs).value = 0 := by
      rw [value_groupSum]
      refine listSum_eq_zero (nonzeros_eq_zero.2 fun t ht => ?_)
      obtain ⟨y, hy, rfl⟩ := List.mem_map.1 ht
      exact h y (show y ∈ (x :: xs) ++ groupMembers gs from List.mem_append_left _ hy)
    show nonzeros ((groupSum x xs).value :: addendValues (groupSums gs)) = 0
    rw [h1, nonzeros_zero_cons]
    exact nonzeros_groupSums fun y hy => h y (List.mem_cons_of_mem _ (List.mem_append_right _ hy))

/-- **A step of zeros** gives the accumulator, if that is a number of the format to which a step
rounds and nothing is flushed. -/
theorem TensorCore.Unit.aligned_idle {bits : Nat} {down : Bool} {m : Mode} {c : Addend}
    {products : List Addend} {v : Rat} (h : (Unit.aligned bits down).Gives m c products v)
    (hz : nonzeros (addendValues products) = 0) (he : ∀ x ∈ products, x.exponent ≤ c.exponent)
    (hu : c.exponent - bits ≤ c.unit) (hc : m.format.Representable c.value)
    (hf : m.flushed = false) : v = c.value := by
  have h : m.Gives (alignedSum bits down c products).value v := h
  rw [alignedSum_idle hz he hu] at h
  rcases h with h | ⟨h, _⟩
  · rw [h, Mode.round_eq_self hc]
  · rw [hf] at h
    exact absurd h Bool.false_ne_true

/-- **A step of zeros in groups**: the accumulator likewise, if no product has a larger exponent. -/
theorem TensorCore.Unit.grouped_idle {bits groups : Nat} {m : Mode} {c : Addend}
    {products : List Addend} {v : Rat} (h : (Unit.grouped bits groups).Gives m c products v)
    (hz : ∀ x ∈ products, x.value = 0) (he : ∀ x ∈ products, x.exponent ≤ c.exponent)
    (hu : c.exponent - bits ≤ c.unit) (hc : m.format.Representable c.value)
    (hf : m.flushed = false) : v = c.value := by
  obtain ⟨gs, hperm, _, h⟩ := h
  refine aligned_idle (down := false) (products := groupSums gs) h
    (nonzeros_groupSums fun x hx => hz x (hperm.mem_iff.2 hx)) (fun x hx => ?_) hu hc hf
  obtain ⟨y, hy, hxy⟩ := groupSums_exponent gs x hx
  rw [hxy]
  exact he y (hperm.mem_iff.2 hy)

/-! ### What is assumed of exponents, from the operands -/

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

/-! ### One step of Blackwell's instructions with block scales -/

section

open Format Format.Narrow

/-- A step of MXFP8 is one of aligned products. -/
theorem mxfp8Step_gives (c : Rat) (i j : Int) (pairs : List (Rat × Rat)) :
    (TensorCore.Unit.aligned 25 false).Gives cutToBinary32 (binary32.addend (-133) c)
      (operandProducts (-133) (scaledPairs i j pairs)) (mxfp8Step c i j pairs) := .inl rfl

/-- A step of NVFP4 is one of products in at most so many groups. -/
theorem nvfp4Step_gives (c : Rat) {gs : List (Rat × Rat × List (Rat × Rat))} {groups : Nat}
    (h : (groupsOf gs).length ≤ groups) :
    (TensorCore.Unit.grouped 33 groups).Gives cutToBinary32 ((binary32.addend (-139) c).lower 2)
      (groupMembers (groupsOf gs)) (nvfp4Step c gs) :=
  ⟨groupsOf gs, .refl _, h, .inl rfl⟩

/-! ### As MMA-Sim computes them -/

example : mxfp8Step (-1024) 8 (-14) simulatedPairs = 461 / 32768 := by decide +kernel

example : mxfp8Step 1 0 (-30) simulatedPairs = 16385 / 16384 := by decide +kernel

/-- Groups that cancel, groups of which all is cut, and scales that are subnormal. -/
example : nvfp4Step (-65536) [(256, 256, [(1, 1)]), (1 / 512, 1 / 512, [(1 / 2, 1 / 2)]),
    (1 / 512, 1 / 512, [(3 / 2, 1 / 2), (1 / 2, 0)]),
    (3 / 512, 1 / 512, [(-3, 1 / 2), (6, 1 / 2)])] = 5 / 262144 := by decide +kernel

example : nvfp4Step 1048576 [(9 / 8, 15 / 8, [(1, 1)]), (1 / 512, 1 / 512, [(1 / 2, 1 / 2)]),
    (448, 1 / 512, [(3 / 2, 1 / 2), (1 / 2, 0)]),
    (1 / 512, 1 / 512, [(-3, 1 / 2), (6, 1 / 2)])] = 4194315 / 4 := by decide +kernel

end

end RuntimeApprox
