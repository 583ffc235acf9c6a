module

public import Init.Grind
public import Init.Data.Rat.Lemmas

/-!
# Ordered fields

The number systems that the library reasons over: a field with a linear order that its operations
respect, and decidable equality and order, so that everything also runs. ℚ is the instance that
the programs use; whoever imports Mathlib gets ℝ.

## Main definitions
* `OrderedField`: core's `Lean.Grind.Field` with `Lean.Grind.OrderedRing` and a linear order.
* `abs`, `max`: absolute value and maximum, by `if`; `sumAbs`: Σ|tᵢ|.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

/-- A linearly ordered field with decidable equality and order. -/
class OrderedField (K : Type u) extends Lean.Grind.Field K, LE K, LT K, Std.IsLinearOrder K,
    Std.LawfulOrderLT K, Lean.Grind.OrderedRing K where
  /-- The order is decidable. -/
  decidableLE : (x y : K) → Decidable (x ≤ y)

instance {K : Type u} [OrderedField K] (x y : K) : Decidable (x ≤ y) :=
  OrderedField.decidableLE x y

/-- Whether x ≤ y, decided on numerators over the common denominator. -/
@[noinline, nospecialize] def ratLE (x y : Rat) : Bool :=
  decide (x.num * Int.ofNat y.den ≤ y.num * Int.ofNat x.den)

/-- ℚ. -/
instance : OrderedField Rat where
  decidableLE x y :=
    match h : ratLE x y with
    | true => isTrue ((Rat.le_iff x y).2 (of_decide_eq_true h))
    | false => isFalse fun hle => of_decide_eq_false h ((Rat.le_iff x y).1 hle)

variable {K : Type u} [OrderedField K]

/-- |x| -/
def abs (x : K) : K := if 0 ≤ x then x else -x

/-- The larger of x and y. -/
def max (x y : K) : K := if x ≤ y then y else x

/-- The sum of the absolute values of a list. -/
def sumAbs (ts : List K) : K := (ts.map abs).sum

end RuntimeApprox
