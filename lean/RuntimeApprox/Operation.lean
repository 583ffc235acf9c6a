module

public import RuntimeApprox.Rounding

/-!
# Arithmetics for networks

A network is evaluated in an arithmetic that also has constants and scalar operations other than
sums and products. The operations are open: whoever has a function, its rounded form and an error
law with its proof has an operation, and every arithmetic here evaluates it.

## Main definitions
* `UnaryOp`, `BinaryOp`: a function, its rounded form, and its error law.
* `NetArithmetic K α`: an arithmetic on `α` with constants and operations over `K`.
* `exactNet`, `roundedNet R`, `boundNet R`: the three arithmetics of the soundness theorems.
* `NetArithmetic.Respects`: a relation that two arithmetics keep.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u v

/-- A function of one number, with its error law. -/
structure UnaryOp (K : Type u) [OrderedField K] where
  /-- f(x) -/
  exact : K → K
  /-- What the machine computes for f(x). -/
  rounded : Rounding K → K → K
  /-- The error law: a bound of |rounded(v) − f(x)| for every x with |v − x| ≤ e. -/
  eps : Rounding K → Approx K → K
  /-- The error law holds. -/
  sound : ∀ {R : Rounding K} {x : K} {a : Approx K}, R.Lawful → a.Encloses x →
    abs (rounded R a.value - exact x) ≤ eps R a

/-- A function of two numbers, with its error law. -/
structure BinaryOp (K : Type u) [OrderedField K] where
  /-- f(x, y) -/
  exact : K → K → K
  /-- What the machine computes for f(x, y). -/
  rounded : Rounding K → K → K → K
  /-- The error law: a bound of |rounded(v, w) − f(x, y)| for every x and y with |v − x| ≤ e and
  |w − y| ≤ f. -/
  eps : Rounding K → Approx K → Approx K → K
  /-- The error law holds. -/
  sound : ∀ {R : Rounding K} {x y : K} {a b : Approx K}, R.Lawful → a.Encloses x →
    b.Encloses y → abs (rounded R a.value b.value - exact x y) ≤ eps R a b

/-- What a network over `K` is evaluated in. -/
structure NetArithmetic (K : Type u) [OrderedField K] (α : Type v) extends Arithmetic α where
  /-- A constant. -/
  const : K → α
  /-- An operation on one number. -/
  apply₁ : UnaryOp K → α → α
  /-- An operation on two numbers. -/
  apply₂ : BinaryOp K → α → α → α

variable {K : Type u} [OrderedField K]

/-- Exact arithmetic. -/
def exactNet : NetArithmetic K K where
  toArithmetic := exact
  const c := c
  apply₁ f x := f.exact x
  apply₂ f x y := f.exact x y

/-- Every operation rounded, constants as well. -/
def roundedNet (R : Rounding K) : NetArithmetic K K where
  toArithmetic := rounded R
  const c := R.rnd c
  apply₁ f x := f.rounded R x
  apply₂ f x y := f.rounded R x y

/-- A constant with the error of its rounding: (fl(c), |fl(c) − c|). -/
def Approx.const (R : Rounding K) (c : K) : Approx K where
  value := R.rnd c
  eps := abs (R.rnd c - c)

/-- The operation on a pair: the rounded value, and the eps of the error law. -/
def UnaryOp.approx (f : UnaryOp K) (R : Rounding K) (x : Approx K) : Approx K where
  value := f.rounded R x.value
  eps := f.eps R x

/-- The operation on two pairs: the rounded value, and the eps of the error law. -/
def BinaryOp.approx (f : BinaryOp K) (R : Rounding K) (x y : Approx K) : Approx K where
  value := f.rounded R x.value y.value
  eps := f.eps R x y

/-- Rounded values with error bounds, each operation by its error law. -/
def boundNet (R : Rounding K) : NetArithmetic K (Approx K) where
  toArithmetic := bound R
  const c := Approx.const R c
  apply₁ f x := f.approx R x
  apply₂ f x y := f.approx R x y

/-- A relation between two arithmetics of networks: it holds of zeros and of equal constants, and
sums, products and operations keep it. -/
structure NetArithmetic.Respects {α β : Type v} (A : NetArithmetic K α) (B : NetArithmetic K β)
    (R : α → β → Prop) : Prop extends A.toArithmetic.Respects B.toArithmetic R where
  const : ∀ c, R (A.const c) (B.const c)
  apply₁ : ∀ f a b, R a b → R (A.apply₁ f a) (B.apply₁ f b)
  apply₂ : ∀ f a b c d, R a b → R c d → R (A.apply₂ f a c) (B.apply₂ f b d)

end RuntimeApprox
