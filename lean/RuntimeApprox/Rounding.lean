module

public import RuntimeApprox.OrderedField

/-!
# Rounding models, arithmetics, and the error laws

## Main definitions
* `Rounding K`: `rnd` and its error function `halfUlp`; `Rounding.Lawful`: |rnd x − x| ≤ halfUlp x.
* `Arithmetic α`: `zero`, `add`, `mul`; evaluation of contractions is written over it once.
* `exact`, `rounded R`, `bound R`: the three arithmetics of the soundness theorem.
* `Approx K`: a rounded value with a bound of its error, and the laws of addition and
  multiplication for such pairs.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

/-- A rounding model: the rounded value, and a bound of the error made by rounding. -/
structure Rounding (K : Type u) where
  /-- x ↦ fl(x) -/
  rnd : K → K
  /-- x ↦ a bound of |fl(x) − x| -/
  halfUlp : K → K

/-- Rounding errs by at most `halfUlp`. -/
structure Rounding.Lawful {K : Type u} [OrderedField K] (R : Rounding K) : Prop where
  /-- |fl(x) − x| ≤ halfUlp(x) -/
  abs_rnd_sub_le : ∀ x, abs (R.rnd x - x) ≤ R.halfUlp x

/-- What a contraction is evaluated in: a zero to start from, addition, and multiplication. -/
structure Arithmetic (α : Type u) where
  /-- The empty sum. -/
  zero : α
  /-- Addition. -/
  add : α → α → α
  /-- Multiplication. -/
  mul : α → α → α

/-- A rounded value together with a bound of its distance from the exact value. -/
structure Approx (K : Type u) where
  /-- The rounded value. -/
  value : K
  /-- A bound of |value − exact value|. -/
  eps : K

variable {K : Type u} [OrderedField K]

/-- Exact arithmetic. -/
@[nospecialize] def exact : Arithmetic K where
  zero := 0
  add x y := x + y
  mul x y := x * y

/-- Every operation followed by rounding. -/
def rounded (R : Rounding K) : Arithmetic K where
  zero := 0
  add x y := R.rnd (x + y)
  mul x y := R.rnd (x * y)

/-- The error law of a sum: epsₓ + epsᵧ + halfUlp(x + y). -/
def Approx.add (R : Rounding K) (x y : Approx K) : Approx K where
  value := R.rnd (x.value + y.value)
  eps := x.eps + y.eps + R.halfUlp (x.value + y.value)

/-- The error law of a product: (|x| + epsₓ)·epsᵧ + |y|·epsₓ + halfUlp(x·y). -/
def Approx.mul (R : Rounding K) (x y : Approx K) : Approx K where
  value := R.rnd (x.value * y.value)
  eps := (abs x.value + x.eps) * y.eps + abs y.value * x.eps + R.halfUlp (x.value * y.value)

/-- Rounded values with error bounds, each operation by its error law. -/
def bound (R : Rounding K) : Arithmetic (Approx K) where
  zero := ⟨0, 0⟩
  add := Approx.add R
  mul := Approx.mul R

/-- The pair encloses the exact value: |value − x| ≤ eps. -/
def Approx.Encloses (x : K) (a : Approx K) : Prop := abs (a.value - x) ≤ a.eps

/-- The pair has the rounded value. -/
def Approx.HasValue (v : K) (a : Approx K) : Prop := v = a.value

/-- A relation between two arithmetics: it holds of the zeros, and sums and products keep it. -/
structure Arithmetic.Respects {α β : Type _} (A : Arithmetic α) (B : Arithmetic β)
    (R : α → β → Prop) : Prop where
  zero : R A.zero B.zero
  add : ∀ a b c d, R a b → R c d → R (A.add a c) (B.add b d)
  mul : ∀ a b c d, R a b → R c d → R (A.mul a c) (B.mul b d)

end RuntimeApprox
