module

public import RuntimeApprox.Accumulation.Theorems
public import RuntimeApprox.Aligned.Lower

/-!
# What sums that are aligned and cut err by

## Main results
* `abs_alignedSum_sub_le`: |v − Σxᵢ| ≤ n·2^(−F)·M, where M is at least 2^exponent of each number.
* `alignedSum_near`: |v − Σxᵢ| ≤ n·2^(−F)·Σ|xᵢ| + n·2^(−F)·σ, with n numbers that are not zero.
* `alignedSum_near_of_groups`: where the numbers are exact sums of groups of products.
* `aligned_step_near`: one step, its output in any mode: that, followed by a rounding.
* `Addend.pow2_product_le`: by how much a product's exponent is too large where operands are
  subnormal.
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

/-- The values of addends that are appended. -/
theorem addendValues_append (xs ys : List Addend) :
    addendValues (xs ++ ys) = addendValues xs ++ addendValues ys := List.map_append

/-! ### Cutting -/

/-- s·2ᵏ and ⌊s·2ᵏ⌋ differ by at least 0 and at most 1. -/
theorem floor_shift (s : Int) {k : Int} (hk : k < 0) :
    0 ≤ s * pow2 k - ((s / (2 ^ (-k).toNat : Nat) : Int) : Rat) ∧
      s * pow2 k - ((s / (2 ^ (-k).toNat : Nat) : Int) : Rat) ≤ 1 := by
  have hD : ((2 ^ (-k).toNat : Nat) : Rat) * pow2 k = 1 := by
    rw [← pow2_natCast, ← pow2_add, show ((-k).toNat : Int) + k = 0 by omega, pow2_zero]
  have hpos : 0 < (2 ^ (-k).toNat : Nat) := Nat.two_pow_pos _
  generalize (2 ^ (-k).toNat : Nat) = D at *
  have h0_1 := Int.emod_nonneg s (show (D : Int) ≠ 0 by omega)
  have h1_1 := Int.le_of_lt (Int.emod_lt_of_pos s (show (0 : Int) < D by omega))
  have h2_1 := Int.mul_ediv_add_emod s D
  generalize s / (D : Int) = q at *
  generalize s % (D : Int) = r at *
  have h0 : (0 : Rat) ≤ r := Rat.intCast_le_intCast.2 h0_1
  have h1 : (r : Rat) ≤ D := by
    have := Rat.intCast_le_intCast.2 h1_1
    rwa [Rat.intCast_natCast] at this
  have h2 : (D : Rat) * q + r = s := by
    rw [← h2_1, Rat.intCast_add, Rat.intCast_mul, Rat.intCast_natCast]
  have h3 := mul_le_mul_left (pow2_nonneg k) h1
  have h4 := mul_nonneg (pow2_nonneg k) h0
  rw [Rat.mul_comm _ (D : Rat), hD] at h3
  clear h0_1 h1_1 h2_1
  generalize (q : Rat) = q' at *
  generalize (r : Rat) = r' at *
  have h5 : (D * q' + r') * pow2 k - q' = (D * pow2 k) * q' + pow2 k * r' - q' := by grind
  rw [← h2, h5, hD]
  grind

/-- A number that is cut to an integer loses at most 1. -/
theorem abs_cutShift_sub_le (down : Bool) (s k : Int) :
    abs ((cutShift down s k : Rat) - s * pow2 k) ≤ 1 := by
  unfold cutShift
  split
  · next hk =>
    rw [Rat.intCast_mul, Rat.intCast_natCast, ← pow2_natCast, show (k.toNat : Int) = k by omega,
      abs_sub_self]
    decide
  · next hk =>
    split
    · have := floor_shift s (k := k) (by omega)
      rw [abs_le]; grind
    · have := floor_shift (-s) (k := k) (by omega)
      rw [Rat.intCast_neg] at *
      rw [abs_le]; grind

/-- Zero is cut to zero. -/
theorem cutShift_zero (down : Bool) (k : Int) : cutShift down 0 k = 0 := by
  unfold cutShift
  split
  · exact Int.zero_mul _
  · simp

/-- Zero has the significand zero. -/
theorem Addend.significand_eq_zero {x : Addend} (h : x.value = 0) : x.significand = 0 :=
  Rat.intCast_eq_zero_iff.1 ((Rat.mul_eq_zero.1
    (show (x.significand : Rat) * pow2 x.unit = 0 from h)).resolve_right (pow2_ne_zero x.unit))

/-- A number that is cut to a multiple of 2ᵘ loses at most 2ᵘ. -/
theorem Addend.abs_cut_sub_le (down : Bool) (u : Int) (x : Addend) :
    abs ((x.cut down u).value - x.value) ≤ pow2 u := by
  have hu := pow2_nonneg u
  have h1 := mul_le_mul_left hu (abs_cutShift_sub_le down x.significand (x.unit - u))
  rw [← abs_of_nonneg hu, ← abs_mul, abs_of_nonneg hu] at h1
  have h2 : x.value = x.significand * pow2 (x.unit - u) * pow2 u := by
    rw [Rat.mul_assoc, ← pow2_add, show x.unit - u + u = x.unit by omega]; rfl
  have h3 : (x.cut down u).value - x.value = pow2 u *
      ((cutShift down x.significand (x.unit - u) : Rat) - x.significand * pow2 (x.unit - u)) := by
    rw [h2]
    show (cutShift down x.significand (x.unit - u) : Rat) * pow2 u - _ = _
    grind
  rw [h3]
  grind

/-- Numbers that are cut to multiples of 2ᵘ lose at most 2ᵘ each, and zeros nothing. -/
theorem abs_cutSum_sub_le (down : Bool) (u : Int) : (xs : List Addend) →
    abs ((cutSum down u xs : Rat) * pow2 u - (addendValues xs).sum) ≤
      nonzeros (addendValues xs) * pow2 u
  | [] => by
    show abs (((0 : Int) : Rat) * pow2 u - 0) ≤ ((0 : Nat) : Rat) * pow2 u
    rw [show ((0 : Int) : Rat) = 0 from rfl, show ((0 : Nat) : Rat) = 0 from rfl, Rat.zero_mul,
      abs_sub_self]
    exact Rat.le_refl
  | x :: xs => by
    have ih := abs_cutSum_sub_le down u xs
    show abs (((cutShift down x.significand (x.unit - u) + cutSum down u xs : Int) : Rat) * pow2 u -
      (x.value + (addendValues xs).sum)) ≤ nonzeros (x.value :: addendValues xs) * pow2 u
    rw [Rat.intCast_add]
    by_cases hx : x.value = 0
    · rw [hx, x.significand_eq_zero hx, cutShift_zero, nonzeros_zero_cons,
        show ((0 : Int) : Rat) = 0 from rfl]
      rwa [Rat.zero_add, Rat.zero_add]
    · rw [nonzeros_cons hx, Rat.natCast_add, show ((1 : Nat) : Rat) = 1 from rfl]
      have h1 := x.abs_cut_sub_le down u
      have h2 : (x.cut down u).value = cutShift down x.significand (x.unit - u) * pow2 u := rfl
      have h3 := abs_add_le ((x.cut down u).value - x.value)
        ((cutSum down u xs : Rat) * pow2 u - (addendValues xs).sum)
      rw [h2] at h1 h3
      rw [show (cutShift down x.significand (x.unit - u) : Rat) * pow2 u - x.value +
          ((cutSum down u xs : Rat) * pow2 u - (addendValues xs).sum) =
        ((cutShift down x.significand (x.unit - u) : Rat) + cutSum down u xs) * pow2 u -
          (x.value + (addendValues xs).sum) by grind] at h3
      grind

/-! ### Alignment -/

/-- If M is at least 2^exponent of each number, it is at least 2^(the largest exponent). -/
theorem pow2_largestExponent_le {c : Addend} {M : Rat} {xs : List Addend}
    (h : ∀ x ∈ c :: xs, pow2 x.exponent ≤ M) : pow2 (largestExponent c xs) ≤ M := by
  induction xs <;> grind [largestExponent]

/-- |x| ≤ Σ|xᵢ| for each of the numbers. -/
theorem abs_value_le_sumAbs {x : Addend} {xs : List Addend} (h : x ∈ xs) :
    abs x.value ≤ sumAbs (addendValues xs) :=
  abs_le_sumAbs (List.mem_map_of_mem h)

section
variable {bits : Nat} {down : Bool} {c : Addend} {xs : List Addend} {n : Nat} {M σ v : Rat}
  {m : Mode}

/-- **Aligned and cut**, by the largest exponent: the sum of at most n numbers that are not zero
errs by at most n·2^(−F)·M, where M is at least 2^exponent of each. -/
theorem abs_alignedSum_sub_le (hn : nonzeros (addendValues (c :: xs)) ≤ n)
    (hM : ∀ x ∈ c :: xs, pow2 x.exponent ≤ M) :
    abs ((alignedSum bits down c xs).value - (addendValues (c :: xs)).sum) ≤
      n * pow2 (-bits) * M := by
  have h1 := abs_cutSum_sub_le down (largestExponent c xs - bits) (c :: xs)
  have h2 := pow2_largestExponent_le hM
  have h3 := mul_le_mul_left (pow2_nonneg (largestExponent c xs - bits))
    (Rat.natCast_le_natCast.2 hn)
  have h4 : pow2 (largestExponent c xs - bits) = pow2 (-bits) * pow2 (largestExponent c xs) := by
    rw [← pow2_add]; congr 1; omega
  have h5 := mul_le_mul_left (mul_nonneg (Rat.natCast_nonneg (a := n)) (pow2_nonneg (-bits))) h2
  show abs ((cutSum down (largestExponent c xs - bits) (c :: xs) : Rat) *
    pow2 (largestExponent c xs - bits) - _) ≤ n * pow2 (-bits) * M
  rw [h4] at h1 h3 ⊢
  grind

/-- **Aligned and cut**: the sum of at most n numbers that are not zero, cut at F bits after the
point of the largest exponent: |v − Σxᵢ| ≤ n·2^(−F)·Σ|xᵢ| + n·2^(−F)·σ, if no exponent is too large
by more than σ. -/
theorem alignedSum_near (hn : nonzeros (addendValues (c :: xs)) ≤ n)
    (hσ : ∀ x ∈ c :: xs, pow2 x.exponent ≤ abs x.value + σ) :
    Near (ErrorBound.aligned (n : Rat) (pow2 (-bits)) σ) (addendValues (c :: xs))
      (alignedSum bits down c xs).value := by
  have := abs_alignedSum_sub_le (bits := bits) (down := down) hn
    (M := sumAbs (addendValues (c :: xs)) + σ) fun x hx => by
      have := hσ x hx
      have := abs_value_le_sumAbs hx
      grind
  show _ ≤ n * pow2 (-bits) * sumAbs (addendValues (c :: xs)) + n * pow2 (-bits) * σ
  grind

/-- **Groups of products that are summed exactly** before they are aligned, as with block scales:
of the terms `ts` themselves, n·2^(−F)·κ relatively, if no exponent is too large by more than the
factor κ and σ, taken together: 2^exponent ≤ κ·Σ|tᵢ| + σ. -/
theorem alignedSum_near_of_groups {ts : List Rat} {κ : Rat}
    (hn : nonzeros (addendValues (c :: xs)) ≤ n)
    (hsum : (addendValues (c :: xs)).sum = ts.sum)
    (hM : ∀ x ∈ c :: xs, pow2 x.exponent ≤ κ * sumAbs ts + σ) :
    Near ⟨n * pow2 (-bits) * κ, n * pow2 (-bits) * σ⟩ ts (alignedSum bits down c xs).value := by
  have := abs_alignedSum_sub_le (bits := bits) (down := down) hn hM
  rw [hsum] at this
  show _ ≤ n * pow2 (-bits) * κ * sumAbs ts + n * pow2 (-bits) * σ
  grind

/-- **One step**: the aligned and cut sum, given in any mode, cut or rounded: relatively
(1 + n·2^(−F))·(1 + u) − 1, where u = 2^(1 − p) if the output is cut, 2^(−p) to nearest. -/
theorem aligned_step_near (hn : nonzeros (addendValues (c :: xs)) ≤ n)
    (hσ : ∀ x ∈ c :: xs, pow2 x.exponent ≤ abs x.value + σ)
    (h : m.Gives (alignedSum bits down c xs).value v) :
    Near ((ErrorBound.aligned (n : Rat) (pow2 (-bits)) σ).followedBy ⟨m.roundoff, m.underflow⟩)
      (addendValues (c :: xs)) v :=
  (alignedSum_near hn hσ).followedBy (Rat.le_of_lt m.roundoff_pos) h.abs_sub_le

end

/-! ### Exponents that are too large -/

/-- A number of the format is what the adder sees. -/
theorem Format.value_addend {f : Format} {zero : Int} {x : Rat} (h : f.Representable x) :
    (f.addend zero x).value = x := round_eq_self h

/-- A normal number's exponent is not too large; a subnormal number's is eₘᵢₙ. -/
theorem Format.pow2_addend_le (f : Format) (zero : Int) {x : Rat} (hx : x ≠ 0) :
    pow2 (f.addend zero x).exponent ≤ abs x ∨ (f.addend zero x).exponent = f.minExponent := by
  have hn : x.num ≠ 0 := by simpa using hx
  show pow2 (if x.num = 0 then zero else f.exponent x) ≤ _ ∨
    (if x.num = 0 then zero else f.exponent x) = _
  rw [if_neg hn]
  unfold Format.exponent
  by_cases h : floorLog2 x < f.minExponent
  · exact .inr (if_pos (.inr h))
  · left
    show pow2 (if x.num = 0 ∨ floorLog2 x < f.minExponent then f.minExponent else floorLog2 x) ≤ _
    rw [if_neg (by simp [hn, h])]
    exact (floorLog2_spec hx).1

/-- The exponent of any number of the format is too large by at most σ, if 2^eₘᵢₙ and 2^zero are at
most σ. -/
theorem Format.pow2_addend_le_add {f : Format} {zero : Int} {x σ : Rat} (h : f.Representable x)
    (hf : pow2 f.minExponent ≤ σ) (hz : pow2 zero ≤ σ) :
    pow2 (f.addend zero x).exponent ≤ abs (f.addend zero x).value + σ := by
  have h0 := abs_nonneg x
  rw [value_addend h]
  by_cases hx : x = 0
  · subst hx
    show pow2 zero ≤ _
    grind
  · rcases f.pow2_addend_le zero hx with h | h
    · have := pow2_pos zero
      grind
    · rw [h]; grind

namespace Addend

/-- The value of a product is the product of the values. -/
theorem value_product (zero : Int) (x y : Addend) :
    (product zero x y).value = x.value * y.value := by
  show ((x.significand * y.significand : Int) : Rat) * pow2 (x.unit + y.unit) =
    x.significand * pow2 x.unit * (y.significand * pow2 y.unit)
  rw [Rat.intCast_mul, pow2_add]; grind

/-- **Subnormal operands, which are not normalised**: if an operand's 2^exponent is at most the
operand's magnitude or, where it is subnormal, at most α or β, and if X and Y bound both, the
product's exponent is too large by at most σ = max(α·Y, X·β, 2^zero). -/
theorem pow2_product_le {zero : Int} {x y : Addend} {α β X Y σ : Rat}
    (hx : pow2 x.exponent ≤ abs x.value ∨ pow2 x.exponent ≤ α)
    (hy : pow2 y.exponent ≤ abs y.value ∨ pow2 y.exponent ≤ β)
    (hX : pow2 x.exponent ≤ X) (hY : pow2 y.exponent ≤ Y) (hα : α * Y ≤ σ) (hβ : X * β ≤ σ)
    (hz : pow2 zero ≤ σ) :
    pow2 (product zero x y).exponent ≤ abs (product zero x y).value + σ := by
  have h0 := pow2_pos zero
  have h1 := pow2_nonneg x.exponent
  have h2 := pow2_nonneg y.exponent
  have h3 := mul_nonneg (abs_nonneg x.value) (abs_nonneg y.value)
  rw [value_product, abs_mul]
  show pow2 (if _ then zero else x.exponent + y.exponent) ≤ _
  split
  · grind
  rw [pow2_add]
  rcases hx with hx | hx
  · rcases hy with hy | hy
    · have := mul_le_mul hx hy h2 (abs_nonneg x.value)
      grind
    · have := mul_le_mul hX hy h2 (Rat.le_trans h1 hX)
      grind
  · have := mul_le_mul hx hY h2 (Rat.le_trans h1 hx)
    grind

end Addend

/-! ### Groups of products that are summed exactly before they are aligned -/

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
theorem leastUnit_le (x : Addend) (xs : List Addend) : ∀ y ∈ x :: xs, leastUnit x xs ≤ y.unit := by
  induction xs generalizing x <;> grind [leastUnit]

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

/-- **Exact**: the sums of groups are together the sum of their products. -/
theorem groupSums_sum : (gs : List (Addend × List Addend)) →
    (addendValues (groupSums gs)).sum = (addendValues (groupMembers gs)).sum
  | [] => rfl
  | (x, xs) :: gs => by
    show (groupSum x xs).value + (addendValues (groupSums gs)).sum =
      (addendValues ((x :: xs) ++ groupMembers gs)).sum
    rw [addendValues_append, listSum_append, value_groupSum, groupSums_sum gs]

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
theorem length_groupSums (gs : List (Addend × List Addend)) :
    (addendValues (groupSums gs)).length = gs.length := by
  induction gs <;> grind [groupSums, addendValues]

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
      (addendValues (c :: groupMembers gs)).sum := congrArg (c.value + ·) (groupSums_sum gs)
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

end Addend

/-- The largest exponent of numbers whose exponents are smaller by k. -/
theorem largestExponent_lower (k : Int) (c : Addend) (xs : List Addend) :
    largestExponent (c.lower k) (lowered k xs) = largestExponent c xs - k := by
  unfold lowered
  induction xs <;> grind [largestExponent, Addend.lower]

/-- Exponents do not change what numbers are cut to. -/
theorem cutSum_lower (k : Int) (down : Bool) (u : Int) (xs : List Addend) :
    cutSum down u (lowered k xs) = cutSum down u xs := by
  unfold lowered
  induction xs <;> grind [cutSum, Addend.lower]

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
