module

public import RuntimeApprox.Aligned.Theorems

/-!
# Groups of products that are summed exactly before they are aligned

## Main results
* `groupSums_sum`: the sums of groups are exact: together they are the sum of the products.
* `groupSums_exponent`: each is aligned as one of its products is.
* `grouped_near`: aligned and cut, they err by (groups + 1)·2^(−F)·(Σ|xᵢ| + σ), the accumulator
  included, however the products of a group cancel.
* `Addend.value_scaled`, `Addend.value_inGroup`: operands times the scales of their blocks.
* `alignedSum_lower`: only exponents relative to the number of bits matter.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

open Format

/-! ### Exact sums -/

/-- Numbers that are cut at or below their last bits lose nothing. -/
theorem cutSum_exact (down : Bool) {u : Int} : {xs : List Addend} → (∀ x ∈ xs, u ≤ x.unit) →
    (cutSum down u xs : Rat) * pow2 u = (addendValues xs).sum
  | [], _ => Rat.zero_mul _
  | x :: xs, h => by
    have ih := cutSum_exact down fun y hy => h y (List.mem_cons_of_mem _ hy)
    have hx := h x List.mem_cons_self
    show ((cutShift down x.significand (x.unit - u) + cutSum down u xs : Int) : Rat) * pow2 u =
      x.significand * pow2 x.unit + (addendValues xs).sum
    rw [← ih, Rat.intCast_add, cutShift, if_pos (by omega), Rat.intCast_mul, Rat.intCast_natCast,
      ← pow2_natCast, show ((x.unit - u).toNat : Int) = x.unit - u by omega,
      show pow2 x.unit = pow2 (x.unit - u) * pow2 u by rw [← pow2_add]; congr 1; omega]
    grind

/-- The least unit is at most each. -/
theorem leastUnit_le (x : Addend) : (xs : List Addend) → ∀ y ∈ x :: xs, leastUnit x xs ≤ y.unit
  | [], y, h => by rw [List.mem_singleton.1 h]; exact Int.le_refl _
  | z :: zs, y, h => by
    have ih := leastUnit_le z zs
    show (if leastUnit z zs ≤ x.unit then leastUnit z zs else x.unit) ≤ y.unit
    rcases List.mem_cons.1 h with rfl | h
    · split <;> omega
    · have := ih y h
      split <;> omega

/-- The sum of a group is exact. -/
theorem value_groupSum (x : Addend) (xs : List Addend) :
    (groupSum x xs).value = (addendValues (x :: xs)).sum :=
  cutSum_exact true (leastUnit_le x xs)

/-- A group is aligned as one of its products is. -/
theorem groupExponent_mem (x : Addend) : (xs : List Addend) →
    ∃ y ∈ x :: xs, groupExponent x xs = y.exponent
  | [] => ⟨x, List.mem_cons_self, rfl⟩
  | z :: zs => by
    obtain ⟨y, hy, h⟩ := groupExponent_mem z zs
    show ∃ y ∈ x :: z :: zs, (if x.significand = 0 then groupExponent z zs else x.exponent) = _
    split
    · exact ⟨y, List.mem_cons_of_mem _ hy, h⟩
    · exact ⟨x, List.mem_cons_self, rfl⟩

/-- The values of the products of groups. -/
theorem listSum_groupMembers (x : Addend) (xs zs : List Addend) :
    (addendValues (x :: (xs ++ zs))).sum =
      (addendValues (x :: xs)).sum + (addendValues zs).sum := by
  induction xs generalizing x with
  | nil => show x.value + _ = x.value + 0 + _; rw [Rat.add_zero]; rfl
  | cons y ys ih =>
    show x.value + (addendValues (y :: (ys ++ zs))).sum =
      x.value + (addendValues (y :: ys)).sum + _
    rw [ih, Rat.add_assoc]

/-- **Exact**: the sums of groups are together the sum of their products. -/
theorem groupSums_sum : (gs : List (Addend × List Addend)) →
    (addendValues (groupSums gs)).sum = (addendValues (groupMembers gs)).sum
  | [] => rfl
  | (x, xs) :: gs => by
    show (groupSum x xs).value + (addendValues (groupSums gs)).sum =
      (addendValues (x :: (xs ++ groupMembers gs))).sum
    rw [listSum_groupMembers, value_groupSum, groupSums_sum gs]

/-- Each sum of a group is aligned as one of the products is. -/
theorem groupSums_exponent : (gs : List (Addend × List Addend)) → ∀ g ∈ groupSums gs,
    ∃ y ∈ groupMembers gs, g.exponent = y.exponent
  | [], _, h => absurd h List.not_mem_nil
  | (x, xs) :: gs, g, h => by
    rcases List.mem_cons.1 h with rfl | h
    · obtain ⟨y, hy, h⟩ := groupExponent_mem x xs
      refine ⟨y, ?_, h⟩
      show y ∈ (x :: xs) ++ groupMembers gs
      exact List.mem_append_left _ hy
    · obtain ⟨y, hy, h⟩ := groupSums_exponent gs g h
      exact ⟨y, List.mem_cons_of_mem _ (List.mem_append_right _ hy), h⟩

/-- There are as many sums as groups. -/
theorem length_groupSums : (gs : List (Addend × List Addend)) →
    (addendValues (groupSums gs)).length = gs.length
  | [] => rfl
  | (_, _) :: gs => congrArg (· + 1) (length_groupSums gs)

/-! ### Aligned and cut -/

section
variable {bits groups : Nat} {down : Bool} {c : Addend} {gs : List (Addend × List Addend)}
  {σ v : Rat} {m : Mode}

/-- **Groups, aligned and cut**: an accumulator and sums of so many groups at most, given in any mode.
No product's exponent is too large by more than σ; how products cancel does not matter. -/
theorem grouped_near (hgs : gs.length ≤ groups)
    (hσ : ∀ x ∈ c :: groupMembers gs, pow2 x.exponent ≤ abs x.value + σ)
    (h : m.Gives (alignedSum bits down c (groupSums gs)).value v) :
    Near ((ErrorBound.aligned ((groups + 1 : Nat) : Rat) (pow2 (-bits)) σ).followedBy
      ⟨m.roundoff, m.underflow⟩) (addendValues (c :: groupMembers gs)) v := by
  have hM : ∀ x ∈ c :: groupMembers gs,
      pow2 x.exponent ≤ 1 * sumAbs (addendValues (c :: groupMembers gs)) + σ := fun x hx => by
    have := hσ x hx
    have := abs_value_le_sumAbs hx
    grind
  have hn : nonzeros (addendValues (c :: groupSums gs)) ≤ groups + 1 := by
    have h1 := nonzeros_le_length (addendValues (c :: groupSums gs))
    have h2 : (addendValues (c :: groupSums gs)).length = gs.length + 1 :=
      congrArg (· + 1) (length_groupSums gs)
    omega
  have hsum : (addendValues (c :: groupSums gs)).sum =
      (addendValues (c :: groupMembers gs)).sum := by
    show c.value + _ = c.value + _
    rw [groupSums_sum]
  have hexp : ∀ x ∈ c :: groupSums gs,
      pow2 x.exponent ≤ 1 * sumAbs (addendValues (c :: groupMembers gs)) + σ := fun x hx => by
    rcases List.mem_cons.1 hx with rfl | hx
    · exact hM _ List.mem_cons_self
    · obtain ⟨y, hy, hxy⟩ := groupSums_exponent gs x hx
      rw [hxy]
      exact hM y (List.mem_cons_of_mem _ hy)
  have h1 := alignedSum_near_of_groups (bits := bits) (down := down) hn hsum hexp
  rw [Rat.mul_one] at h1
  exact Near.followedBy h1 (Rat.le_of_lt m.roundoff_pos) h.abs_sub_le

end

/-! ### Operands with scales -/

namespace Addend

/-- An operand times the scale 2ᵉ of its block. -/
theorem value_scaled (x : Addend) (e : Int) : (x.scaled e).value = x.value * pow2 e := by
  show (x.significand : Rat) * pow2 (x.unit + e) = x.significand * pow2 x.unit * pow2 e
  rw [pow2_add, Rat.mul_assoc]

/-- An operand times the scale s of its block. -/
theorem value_inGroup (x s : Addend) : (x.inGroup s).value = x.value * s.value := by
  show ((x.significand * s.significand : Int) : Rat) * pow2 (x.unit + s.unit) =
    x.significand * pow2 x.unit * (s.significand * pow2 s.unit)
  rw [Rat.intCast_mul, pow2_add]; grind

/-- The same number, aligned by an exponent that is smaller by k. -/
def lower (k : Int) (x : Addend) : Addend := ⟨x.significand, x.unit, x.exponent - k⟩

end Addend

/-- All exponents are smaller by k. -/
def lowered (k : Int) : List Addend → List Addend
  | [] => []
  | x :: xs => x.lower k :: lowered k xs

/-- The largest exponent of numbers whose exponents are smaller by k. -/
theorem largestExponent_lower (k : Int) (c : Addend) : (xs : List Addend) →
    largestExponent (c.lower k) (lowered k xs) = largestExponent c xs - k
  | [] => rfl
  | x :: xs => by
    show (if largestExponent (c.lower k) (lowered k xs) ≤ x.exponent - k then x.exponent - k
      else largestExponent (c.lower k) (lowered k xs)) =
      (if largestExponent c xs ≤ x.exponent then x.exponent else largestExponent c xs) - k
    rw [largestExponent_lower k c xs]
    split <;> split <;> omega

/-- Exponents do not change what numbers are cut to. -/
theorem cutSum_lower (k : Int) (down : Bool) (u : Int) : (xs : List Addend) →
    cutSum down u (lowered k xs) = cutSum down u xs
  | [] => rfl
  | x :: xs => congrArg (cutShift down x.significand (x.unit - u) + ·) (cutSum_lower k down u xs)

/-- **F bits after a point that is k bits higher**: if all exponents are smaller by k and so is the
number of bits, the sum is the same. -/
theorem alignedSum_lower (bits k : Nat) (down : Bool) (c : Addend) (xs : List Addend) :
    (alignedSum bits down (c.lower k) (lowered k xs)).value =
      (alignedSum (bits + k) down c xs).value := by
  show (cutSum down (largestExponent (c.lower k) (lowered k xs) - bits) (lowered k (c :: xs)) : Rat) *
    pow2 (largestExponent (c.lower k) (lowered k xs) - bits) =
    (cutSum down (largestExponent c xs - (bits + k : Nat)) (c :: xs) : Rat) *
      pow2 (largestExponent c xs - (bits + k : Nat))
  rw [largestExponent_lower, cutSum_lower, show largestExponent c xs - k - (bits : Int) =
    largestExponent c xs - (bits + k : Nat) by omega]

end RuntimeApprox
