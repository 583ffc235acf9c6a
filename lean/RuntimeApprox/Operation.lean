module

public import RuntimeApprox.Format.Arithmetic

/-!
# Arithmetics for networks

A network is evaluated in an arithmetic that also has constants and scalar operations other than
sums and products. The operations are open: whoever has a function, its derivative, its rounded form
and an error law with its proof has an operation, and every arithmetic here evaluates it.

## Main definitions
* `UnaryOp`, `BinaryOp`: a function, its derivative, its rounded form, and its error law.
* `NetArithmetic K α`: an arithmetic on `α` with constants and operations over `K`.
* `exactNet`, `roundedNet R`, `boundNet R`: the three arithmetics of the soundness theorems.
* `checkedNet f`: the error laws in the format `f`, with a record of overflow.
* `Dual`, `dualNet`: dual numbers x + dx·ε with ε² = 0, which compute derivatives.
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
  /-- f′(x); where f has a kink, the derivative that is taken there. -/
  deriv : K → K
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
  /-- ∂f/∂x; where f has a kink, the derivative that is taken there. -/
  deriv₁ : K → K → K
  /-- ∂f/∂y; where f has a kink, the derivative that is taken there. -/
  deriv₂ : K → K → K
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

/-- The dual number x + dx·ε, with ε² = 0. -/
structure Dual (K : Type u) where
  /-- x -/
  value : K
  /-- dx -/
  tangent : K

/-- Dual numbers: an algorithm on x + dx·ε computes f(x) + (f′(x)·dx)·ε. -/
def dualNet : NetArithmetic K (Dual K) where
  zero := ⟨0, 0⟩
  add x y := ⟨x.value + y.value, x.tangent + y.tangent⟩
  mul x y := ⟨x.value * y.value, x.tangent * y.value + x.value * y.tangent⟩
  const c := ⟨c, 0⟩
  apply₁ f x := ⟨f.exact x.value, f.deriv x.value * x.tangent⟩
  apply₂ f x y := ⟨f.exact x.value y.value,
    f.deriv₁ x.value y.value * x.tangent + f.deriv₂ x.value y.value * y.tangent⟩

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
