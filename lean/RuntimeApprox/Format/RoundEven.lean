module

public import RuntimeApprox.Format
public import RuntimeApprox.PowTwo.Theorems

/-!
# The nearest integer, ties to even

`NearestEven x k` characterises `k = roundEven x`; every other fact follows from it.

## Main results
* `roundEven_eq_iff`: roundEven x = k iff k is a nearest integer, and even if there are two.
* `abs_roundEven_sub_le`: |roundEven x − x| ≤ 1/2, and by `roundEven_nearest` no integer is nearer.
* `roundEven_intCast`, `roundEven_neg`, `roundEven_mono`: integers are kept; odd; monotone.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-- k is an integer nearest to x, and even if there are two:
2k − 1 ≤ 2x ≤ 2k + 1, and k is even if one of the two is an equality. -/
def NearestEven (x : Rat) (k : Int) : Prop :=
  2 * (k : Rat) - 1 ≤ 2 * x ∧ 2 * x ≤ 2 * k + 1 ∧
    (2 * x = 2 * (k : Rat) - 1 ∨ 2 * x = 2 * k + 1 → k % 2 = 0)

/-- x = n/d is compared with q + 1/2 by comparing 2·(n − q·d) with d, where q = ⌊n/d⌋. -/
theorem floor_half (x : Rat) :
    (2 * (x.num % x.den) < x.den ↔ 2 * x < 2 * ((x.num / x.den : Int) : Rat) + 1) ∧
    (2 * (x.num % x.den) = x.den ↔ 2 * x = 2 * ((x.num / x.den : Int) : Rat) + 1) := by
  have hd : 0 < (x.den : Rat) := Rat.natCast_pos.2 x.den_pos
  have hx : x * x.den = x.den * (x.num / x.den : Int) + (x.num % x.den : Int) := by
    rw [← Rat.intCast_natCast, ← Rat.intCast_mul, ← Rat.intCast_add, Int.mul_ediv_add_emod]
    exact mul_den x
  rw [← Rat.intCast_lt_intCast, ← Rat.intCast_inj, Rat.intCast_mul, Rat.intCast_natCast,
    Rat.intCast_ofNat]
  generalize ((x.num / x.den : Int) : Rat) = q at *
  generalize ((x.num % x.den : Int) : Rat) = m at *
  have h1 : (2 * m - x.den) = (2 * x - (2 * q + 1)) * x.den := by grind
  have h2 : 2 * m < x.den ↔ 2 * m - x.den < 0 := by grind
  have h3 : 2 * m = x.den ↔ 2 * m - x.den = 0 := by grind
  rw [h2, h3, h1, Rat.mul_neg_iff_of_pos_right hd, Rat.mul_eq_zero]
  grind

/-- roundEven x is a nearest integer, and even if there are two. -/
theorem roundEven_spec (x : Rat) : NearestEven x (roundEven x) := by
  have ⟨hlt, heq⟩ := floor_half x
  have h1 := Rat.floor_le x
  have h2 := Rat.lt_floor_add_one x
  rw [Rat.intCast_add, Rat.intCast_one] at h2
  rw [Rat.floor_def] at h1 h2
  simp only [roundEven, hlt, heq, NearestEven]
  generalize x.num / x.den = q at *
  split
  · refine ⟨by grind, by grind, by grind⟩
  · rw [Rat.intCast_add, Rat.intCast_one]
    refine ⟨by grind, by grind, fun h => ?_⟩
    have : ¬ q % 2 = 0 := by grind
    omega

/-- Nearest integers, even on ties, are ordered as the numbers are. -/
theorem NearestEven.le_of_le {x y : Rat} {k l : Int} (hk : NearestEven x k) (hl : NearestEven y l)
    (h : x ≤ y) : k ≤ l := by
  refine Int.not_lt.1 fun hlk => ?_
  have hlk' : (l : Rat) + 1 ≤ k := by
    rw [← Rat.intCast_one, ← Rat.intCast_add]; exact Rat.intCast_le_intCast.2 hlk
  obtain ⟨hk1, hk2, hk⟩ := hk
  obtain ⟨hl1, hl2, hl⟩ := hl
  have hkl : (k : Rat) = (l + 1 : Int) := by rw [Rat.intCast_add, Rat.intCast_one]; grind
  have := hk (by grind)
  have := hl (by grind)
  rw [Rat.intCast_inj] at hkl
  omega

/-- roundEven x = k iff k is a nearest integer, and even if there are two. -/
theorem roundEven_eq_iff {x : Rat} {k : Int} : roundEven x = k ↔ NearestEven x k :=
  ⟨fun h => h ▸ roundEven_spec x, fun h => Int.le_antisymm
    ((roundEven_spec x).le_of_le h Rat.le_refl) (h.le_of_le (roundEven_spec x) Rat.le_refl)⟩

/-- roundEven is monotone. -/
theorem roundEven_mono {x y : Rat} (h : x ≤ y) : roundEven x ≤ roundEven y :=
  (roundEven_spec x).le_of_le (roundEven_spec y) h

/-- roundEven k = k for an integer k. -/
@[simp] theorem roundEven_intCast (k : Int) : roundEven k = k :=
  roundEven_eq_iff.2 ⟨by grind, by grind, by grind⟩

/-- roundEven (−x) = −roundEven x -/
@[simp] theorem roundEven_neg (x : Rat) : roundEven (-x) = -roundEven x := by
  obtain ⟨h1, h2, h3⟩ := roundEven_spec x
  rw [roundEven_eq_iff, NearestEven, Rat.intCast_neg]
  exact ⟨by grind, by grind, fun h => by have := h3 (by grind); omega⟩

/-- 2·|roundEven x − x| ≤ 1 -/
theorem abs_roundEven_sub_le (x : Rat) : 2 * abs (roundEven x - x) ≤ 1 := by
  obtain ⟨h1, h2, -⟩ := roundEven_spec x
  unfold abs; grind

/-- No integer is nearer to x than roundEven x; if another one is as near, roundEven x is even:
|roundEven x − x| < |k − x|, or |roundEven x − x| = |k − x| and roundEven x is even. -/
theorem roundEven_nearest (x : Rat) {k : Int} (hk : k ≠ roundEven x) :
    abs (roundEven x - x) < abs (k - x) ∨
      abs (roundEven x - x) = abs (k - x) ∧ roundEven x % 2 = 0 := by
  obtain ⟨h1, h2, h3⟩ := roundEven_spec x
  have : (k : Rat) + 1 ≤ roundEven x ∨ (roundEven x : Rat) + 1 ≤ k := by
    simp only [← Rat.intCast_one, ← Rat.intCast_add, Rat.intCast_le_intCast]; omega
  unfold abs; grind

end RuntimeApprox
