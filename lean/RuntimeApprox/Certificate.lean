module

public import RuntimeApprox.Contraction.Numerals
public import RuntimeApprox.Contraction
public import RuntimeApprox.Dyad

/-!
# Certificates that the kernel checks

A certificate is a list of claims about entries of a result: at this place the rounded value is that
number, no operation overflowed, and the error bound is at most that number. It is decided by
evaluating the error laws on dyadic numbers, which the kernel does fast.

## Main definitions
* `Ball`, `balls f`: pairs of dyadic numbers, and the error laws in a format on them.
* `Claim`, `Claim.Holds`, `Certified`: what a certificate says of a result in checked arithmetic.
* `Claim.Within`, `Claim.Computed`: what follows of the exact result, and of what IEEE 754 computes.
* `Contraction.certify`: whether the claims hold, evaluated on dyadic numbers.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-- A dyadic value with a dyadic eps, and whether it was computed without overflow. -/
structure Ball where
  /-- The value. -/
  value : Dyad
  /-- The bound of its error. -/
  eps : Dyad
  /-- No operation gave a value beyond the largest finite number. -/
  finite : Bool

/-- The checked pair that a ball stands for. -/
def Ball.checked (b : Ball) : Checked := ⟨⟨b.value.toRat, b.eps.toRat⟩, b.finite⟩

/-- The exact number is within eps of the value: |value − x| ≤ eps. -/
def Ball.Encloses (x : Rat) (b : Ball) : Prop := abs (b.value.toRat - x) ≤ b.eps.toRat

/-- The value as one of the format, NaN where it is not a finite one. -/
def Ball.ieee (b : Ball) : Format.Value := if b.finite then .finite b.value.toRat else .nan

/-- The result of an operation on `x` and `y`: `s` rounded, with the error `e` and that of
rounding. -/
def Ball.rounded (f : Format) (x y : Ball) (s e : Dyad) : Ball :=
  let v := s.round f
  ⟨v, e.add (s.halfUlp f), x.finite && y.finite && !v.overflows f⟩

/-- The error laws in a format, on balls. -/
def balls (f : Format) : Arithmetic Ball where
  zero := ⟨⟨0, 0⟩, ⟨0, 0⟩, true⟩
  add x y := Ball.rounded f x y (x.value.add y.value) (x.eps.add y.eps)
  mul x y := Ball.rounded f x y (x.value.mul y.value)
    (((x.value.abs.add x.eps).mul y.eps).add (y.value.abs.mul x.eps))

/-- The index with the given components; none where one is out of range. -/
def Index.ofList : (s : List Nat) → List Nat → Option (Index s)
  | [], [] => some ()
  | n :: s, i :: is =>
    if h : i < n then
      match ofList s is with
      | some j => some (⟨i, h⟩, j)
      | none => none
    else none
  | _, _ => none

/-- What is claimed of one entry of a result. -/
structure Claim where
  /-- The place of the entry. -/
  place : List Nat
  /-- Its rounded value. -/
  value : Dyad
  /-- A bound of its error. -/
  bound : Dyad

namespace Claim

variable {s : List Nat}

/-- The entry was computed without overflow, has the value, and an error bound of at most `bound`. -/
def Holds (t : Tensor Checked s) (c : Claim) : Prop :=
  ∃ i, Index.ofList s c.place = some i ∧ (t.get i).finite = true ∧
    (t.get i).approx.value = c.value.toRat ∧ (t.get i).approx.eps ≤ c.bound.toRat

/-- The value is within the bound of the exact entry: |value − t[place]| ≤ bound. -/
def Within (t : Tensor Rat s) (c : Claim) : Prop :=
  ∃ i, Index.ofList s c.place = some i ∧ abs (c.value.toRat - t.get i) ≤ c.bound.toRat

/-- The entry of what IEEE 754 computes is finite, and it is the value. -/
def Computed (t : Tensor Format.Value s) (c : Claim) : Prop :=
  ∃ i, Index.ofList s c.place = some i ∧ t.get i = .finite c.value.toRat

end Claim

/-- All claims hold of a result in checked arithmetic. -/
def Certified {s : List Nat} (t : Tensor Checked s) (cs : List Claim) : Prop :=
  ∀ c ∈ cs, c.Holds t

/-- Whether a claim holds of a ball. -/
def Ball.meets (b : Ball) (c : Claim) : Bool :=
  b.finite && (b.value.eq c.value && b.eps.le c.bound)

/-- Whether all claims hold of a contraction's result, evaluated on balls. -/
def Contraction.certify (f : Format) (c : Contraction Int) (fs : c.Factors Ball)
    (as : c.Addends Ball) : List Claim → Bool
  | [] => true
  | k :: ks =>
    (match Index.ofList c.shape k.place with
      | some i => (entryAt (balls f) c fs as (outIndices c.out i)).meets k
      | none => false) && certify f c fs as ks

end RuntimeApprox
