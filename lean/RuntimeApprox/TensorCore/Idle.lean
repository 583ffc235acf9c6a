module

public import RuntimeApprox.TensorCore.Theorems

/-!
# Steps that add only zeros

## Main results
* `alignedSum_idle`: products that are zero do not change an accumulator that has no bit below the
  last that is kept.
* `TensorCore.Unit.aligned_idle`, `TensorCore.Unit.grouped_idle`: then the step gives the accumulator, so that `TensorCore.Sums`
  need not count it.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

open Format

/-- Zero has the significand zero. -/
theorem Addend.significand_eq_zero {x : Addend} (h : x.value = 0) : x.significand = 0 :=
  Rat.intCast_eq_zero_iff.1 ((Rat.mul_eq_zero.1
    (show (x.significand : Rat) * pow2 x.unit = 0 from h)).resolve_right (pow2_ne_zero x.unit))

/-- Zeros are cut to zeros. -/
theorem cutSum_eq_zero (down : Bool) (u : Int) : {xs : List Addend} →
    nonzeros (addendValues xs) = 0 → cutSum down u xs = 0
  | [], _ => rfl
  | x :: xs, h => by
    have h : nonzeros (x.value :: addendValues xs) = 0 := h
    by_cases hx : x.value = 0
    · rw [hx, nonzeros_zero_cons] at h
      show cutShift down x.significand (x.unit - u) + cutSum down u xs = 0
      rw [x.significand_eq_zero hx, cutShift_zero, cutSum_eq_zero down u h]
      rfl
    · rw [nonzeros_cons hx] at h
      omega

/-- If no product has a larger exponent, the accumulator has the largest. -/
theorem largestExponent_eq {c : Addend} : {xs : List Addend} →
    (∀ x ∈ xs, x.exponent ≤ c.exponent) → largestExponent c xs = c.exponent
  | [], _ => rfl
  | x :: xs, h => by
    have h1 := h x List.mem_cons_self
    have h2 := largestExponent_eq fun y hy => h y (List.mem_cons_of_mem _ hy)
    show (if largestExponent c xs ≤ x.exponent then x.exponent else largestExponent c xs) = _
    rw [h2]
    split <;> omega

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

/-- Zeros add up to zero. -/
theorem listSum_addendValues_eq_zero : {xs : List Addend} → (∀ x ∈ xs, x.value = 0) →
    (addendValues xs).sum = 0
  | [], _ => rfl
  | x :: xs, h => by
    show x.value + (addendValues xs).sum = 0
    rw [h x List.mem_cons_self,
      listSum_addendValues_eq_zero fun y hy => h y (List.mem_cons_of_mem _ hy), Rat.add_zero]

/-- Groups of zeros have sums that are zero. -/
theorem nonzeros_groupSums : {gs : List (Addend × List Addend)} →
    (∀ x ∈ groupMembers gs, x.value = 0) → nonzeros (addendValues (groupSums gs)) = 0
  | [], _ => rfl
  | (x, xs) :: gs, h => by
    have h1 : (groupSum x xs).value = 0 := by
      rw [value_groupSum]
      exact listSum_addendValues_eq_zero fun y hy =>
        h y (show y ∈ (x :: xs) ++ groupMembers gs from List.mem_append_left _ hy)
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

end RuntimeApprox
