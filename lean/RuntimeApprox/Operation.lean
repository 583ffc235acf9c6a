module

public import RuntimeApprox.Machine
public import RuntimeApprox.Rounding.Theorems

/-!
# Arithmetics for networks

A network is evaluated in an arithmetic that also has constants and scalar operations other than
sums and products. The operations are open: whoever has a function, its rounded form and an error
law with its proof has an operation, and every arithmetic here evaluates it.

## Main definitions
* `UnaryOp`, `BinaryOp`: a function, its rounded form, and its error law.
* `NetArithmetic K α`: an arithmetic on `α` with constants and operations over `K`.
* `exactNet`, `roundedNet R`, `boundNet R`: the three arithmetics of the soundness theorems.
* `checkedNet f`: the error laws in the format `f`, with a record of overflow.
* `NetArithmetic.Respects`: a relation that two arithmetics keep.

## Main results
* `exactNet_respects_boundNet`: pairs that enclose the exact values keep doing so.
* `roundedNet_respects_boundNet`: the pairs' values are those of the rounded arithmetic.
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

/-- Pairs that enclose the exact values keep doing so under constants and operations. -/
theorem exactNet_respects_boundNet {R : Rounding K} (hR : R.Lawful) :
    exactNet.Respects (boundNet R) Approx.Encloses where
  toRespects := exact_respects_bound hR
  const c := Std.IsPreorder.le_refl (abs (R.rnd c - c))
  apply₁ f _ _ h := f.sound hR h
  apply₂ f _ _ _ _ h h' := f.sound hR h h'

/-- The values of the pairs are those of the rounded arithmetic. -/
theorem roundedNet_respects_boundNet (R : Rounding K) :
    (roundedNet R).Respects (boundNet R) Approx.HasValue where
  toRespects := rounded_respects_bound R
  const _ := rfl
  apply₁ _ _ _ h := by unfold Approx.HasValue at *; subst h; rfl
  apply₂ _ _ _ _ _ h h' := by unfold Approx.HasValue at *; subst h h'; rfl

/-- A pair, of which it is recorded whether its value is finite in the format. -/
def Checked.ofApprox (f : Format) (finite : Bool) (a : Approx Rat) : Checked :=
  ⟨a, finite && !f.overflows a.value⟩

/-- The error laws in a format, with constants, operations, and a record of overflow. -/
def checkedNet (f : Format) : NetArithmetic Rat Checked where
  toArithmetic := checked f
  const c := Checked.ofApprox f true (Approx.const f.rounding c)
  apply₁ o x := Checked.ofApprox f x.finite (o.approx f.rounding x.approx)
  apply₂ o x y := Checked.ofApprox f (x.finite && y.finite) (o.approx f.rounding x.approx y.approx)

end RuntimeApprox
