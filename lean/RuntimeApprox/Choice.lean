module

public import RuntimeApprox.Graph
public import RuntimeApprox.OrderedField.Theorems

/-!
# Operations that choose, and division by a constant

Rectifiers and pooling by the largest entry compare numbers and choose among them. The machine compares
exactly, but the numbers that it compares have errors: where they may come out the other way in exact
arithmetic, the error law covers both choices. A comparison gives 1 or 0, with eps 0 where it is certain
and eps 1 where it is not; `chooseOp` chooses by the sign of such a number.

## Main definitions
* `maxOp`: the larger of two numbers, with the least error law.
* `greaterOp`, `atLeastOp`: 1 if x > y or x ≥ y, otherwise 0.
* `chooseOp`: y if x ≤ 0, otherwise z.
* `divOp c`: x / c.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

/-! ### The larger of two numbers -/

/-- The error law of max(x, y): the eps of the larger value, or by how much the other number can be
above it. -/
def maxEps (a b : Approx K) : K :=
  if a.value ≤ b.value then max b.eps (a.eps + (a.value - b.value))
  else max a.eps (b.eps + (b.value - a.value))

/-- Soundness of `maxEps`: |max(v, w) − max(x, y)| ≤ `maxEps` where |v − x| ≤ e and |w − y| ≤ f. -/
theorem abs_max_sub_le {x y : K} {a b : Approx K} (ha : a.Encloses x) (hb : b.Encloses y) :
    abs (max a.value b.value - max x y) ≤ maxEps a b := by
  have := abs_le.1 ha
  have := abs_le.1 hb
  rw [abs_le]
  unfold maxEps max
  grind

/-- The larger of two numbers, which rounding leaves as it is. -/
def maxOp : BinaryOp K where
  exact x y := max x y
  deriv₁ x y := if x ≤ y then 0 else 1
  deriv₂ x y := if x ≤ y then 1 else 0
  rounded _ v w := max v w
  eps _ a b := maxEps a b
  sound _ ha hb := abs_max_sub_le ha hb

/-! ### Comparisons -/

/-- 1 if x > y, otherwise 0. -/
def greater (x y : K) : K := if x ≤ y then 0 else 1

/-- The error law of x > y: 0 where no error can change the answer, otherwise 1. -/
def greaterEps (a b : Approx K) : K :=
  if a.value + a.eps ≤ b.value - b.eps then 0
  else if a.value - a.eps ≤ b.value + b.eps then 1
  else 0

/-- Soundness of `greaterEps`. -/
theorem abs_greater_sub_le {x y : K} {a b : Approx K} (ha : a.Encloses x) (hb : b.Encloses y) :
    abs (greater a.value b.value - greater x y) ≤ greaterEps a b := by
  have := abs_le.1 ha
  have := abs_le.1 hb
  rw [abs_le]
  unfold greaterEps greater
  grind

/-- 1 if x > y, otherwise 0. -/
def greaterOp : BinaryOp K where
  exact x y := greater x y
  deriv₁ _ _ := 0
  deriv₂ _ _ := 0
  rounded _ v w := greater v w
  eps _ a b := greaterEps a b
  sound _ ha hb := abs_greater_sub_le ha hb

/-- 1 if x ≥ y, otherwise 0. -/
def atLeast (x y : K) : K := if y ≤ x then 1 else 0

/-- The error law of x ≥ y: 0 where no error can change the answer, otherwise 1. -/
def atLeastEps (a b : Approx K) : K :=
  if b.value + b.eps ≤ a.value - a.eps then 0
  else if b.value - b.eps ≤ a.value + a.eps then 1
  else 0

/-- Soundness of `atLeastEps`. -/
theorem abs_atLeast_sub_le {x y : K} {a b : Approx K} (ha : a.Encloses x) (hb : b.Encloses y) :
    abs (atLeast a.value b.value - atLeast x y) ≤ atLeastEps a b := by
  have := abs_le.1 ha
  have := abs_le.1 hb
  rw [abs_le]
  unfold atLeastEps atLeast
  grind

/-- 1 if x ≥ y, otherwise 0. -/
def atLeastOp : BinaryOp K where
  exact x y := atLeast x y
  deriv₁ _ _ := 0
  deriv₂ _ _ := 0
  rounded _ v w := atLeast v w
  eps _ a b := atLeastEps a b
  sound _ ha hb := abs_atLeast_sub_le ha hb

/-! ### Choices -/

/-- y if x ≤ 0, otherwise z. -/
def choose (x y z : K) : K := if x ≤ 0 then y else z

/-- The error law of `choose`: that of the chosen number where the sign of x is certain. Where it is
not, the exact choice may be the other number, which is |v − w| away and has its own eps. -/
def chooseEps (a b c : Approx K) : K :=
  if a.value + a.eps ≤ 0 then b.eps
  else if a.value ≤ a.eps then
    if a.value ≤ 0 then max b.eps (abs (b.value - c.value) + c.eps)
    else max c.eps (abs (b.value - c.value) + b.eps)
  else c.eps

/-- Soundness of `chooseEps`, whichever number is chosen in exact arithmetic. -/
theorem abs_choose_sub_le {x y z : K} {a b c : Approx K} (ha : a.Encloses x) (hb : b.Encloses y)
    (hc : c.Encloses z) :
    abs (choose a.value b.value c.value - choose x y z) ≤ chooseEps a b c := by
  have := abs_le.1 ha
  have := abs_le.1 hb
  have := abs_le.1 hc
  have := le_abs_self (b.value - c.value)
  have := neg_abs_le (b.value - c.value)
  have := le_max_left b.eps (abs (b.value - c.value) + c.eps)
  have := le_max_right b.eps (abs (b.value - c.value) + c.eps)
  have := le_max_left c.eps (abs (b.value - c.value) + b.eps)
  have := le_max_right c.eps (abs (b.value - c.value) + b.eps)
  rw [abs_le]
  unfold chooseEps choose
  grind

/-- y if x ≤ 0, otherwise z; rounding leaves the choice as it is. -/
def chooseOp : TernaryOp K where
  exact x y z := choose x y z
  deriv₁ _ _ _ := 0
  deriv₂ x _ _ := choose x 1 0
  deriv₃ x _ _ := choose x 0 1
  rounded _ u v w := choose u v w
  eps _ a b c := chooseEps a b c
  sound _ ha hb hc := abs_choose_sub_le ha hb hc

/-! ### Division by a constant -/

/-- Soundness of the error law of x / c: eps / c + halfUlp(v / c). -/
theorem abs_div_sub_le {R : Rounding K} (hR : R.Lawful) {c : K} (hc : 0 < c) {x : K} {a : Approx K}
    (h : a.Encloses x) :
    abs (R.rnd (a.value / c) - x / c) ≤ a.eps / c + R.halfUlp (a.value / c) := by
  have h1 := abs_sub_le (R.rnd (a.value / c)) (a.value / c) (x / c)
  have h2 := hR.abs_rnd_sub_le (a.value / c)
  have hi : 0 ≤ c⁻¹ := Lean.Grind.Field.IsOrdered.inv_nonneg_iff.2 (by grind)
  have h3 : abs (a.value / c - x / c) ≤ a.eps / c := by
    have e : a.value / c - x / c = c⁻¹ * (a.value - x) := by
      rw [Lean.Grind.Field.div_eq_mul_inv, Lean.Grind.Field.div_eq_mul_inv]; grind
    rw [e, abs_mul, abs_of_nonneg hi, Lean.Grind.Field.div_eq_mul_inv a.eps]
    have := mul_le_mul_left hi h
    grind
  grind

/-- x / c for a positive constant c that is a number of the format. -/
def divOp (c : K) (hc : 0 < c) : UnaryOp K where
  exact x := x / c
  deriv _ := 1 / c
  rounded R v := R.rnd (v / c)
  eps R a := a.eps / c + R.halfUlp (a.value / c)
  sound hR h := abs_div_sub_le hR hc h

end RuntimeApprox
