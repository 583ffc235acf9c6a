module

public import RuntimeApprox.AnyOrder
public import RuntimeApprox.Contraction

/-!
# Estimates of contractions

How far a value that is near the sum of an entry's summands may be from the exact entry. x are the
given operands, x′ the exact ones and x̂ those that the kernel multiplies, such as x rounded to
another format.

## Main definitions
* `ErrorBound.estimate`: ρ·M + (1 + ρ)·A + η.
* `Tensor.Deviates x' xr x X D`: |x| ≤ X and |x̂ − x| + |x′ − x| ≤ D at every entry.
* `Between`, `Tensors.Between`: |x̂ − x′| ≤ q − p and |x̂ + x′| ≤ q + p, which products and sums keep.
* `Tensors.fill a`: tensors of which every entry is a.
* `Tensors.DeviatesBy X D`: |x| ≤ X and |x̂ − x| + |x′ − x| ≤ D at every entry, with numbers X and D.
* `Contraction.termCount`: how many terms an entry has, without its addends.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

/-- What a value may be off that is near a sum of magnitude M, of numbers that deviate by A in all:
ρ·M + (1 + ρ)·A + η. -/
def ErrorBound.estimate (e : ErrorBound K) (M A : K) : K :=
  e.magnitudeCoefficient * M + e.deviationCoefficient * A + e.constantCoefficient

/-- At every entry |x| ≤ X, and what is multiplied, x̂, and what is exact, x′, are together within D
of x: |x̂ − x| + |x′ − x| ≤ D. -/
def Tensor.Deviates {s : List Nat} (x' xr x X D : Tensor K s) : Prop :=
  ∀ i, abs (x.get i) ≤ X.get i ∧
    abs (xr.get i - x.get i) + abs (x'.get i - x.get i) ≤ D.get i

/-- |x̂ − x′| ≤ q − p and |x̂ + x′| ≤ q + p. -/
structure Between (x' xr p q : K) : Prop where
  /-- |x̂ − x′| ≤ q − p -/
  difference : abs (xr - x') ≤ q - p
  /-- |x̂ + x′| ≤ q + p -/
  sum : abs (xr + x') ≤ q + p

/-- Every family of corresponding entries is `Between`. -/
def Tensors.Between : {ss : List (List Nat)} → (xs' xsr ps qs : Tensors K ss) → Prop
  | [], _, _, _, _ => True
  | _ :: _, (t', ts'), (tr, tsr), (p, ps), (q, qs) =>
    (∀ i, RuntimeApprox.Between (t'.get i) (tr.get i) (p.get i) (q.get i)) ∧
      Tensors.Between ts' tsr ps qs

/-- Tensors of which every entry is `a`. -/
def Tensors.fill (a : K) : (ss : List (List Nat)) → Tensors K ss
  | [] => ⟨⟩
  | s :: ss => (Tensor.fill s a, Tensors.fill a ss)

/-- At every entry |x| ≤ X and |x̂ − x| + |x′ − x| ≤ D. -/
def Tensors.DeviatesBy (X D : K) : {ss : List (List Nat)} → (xs' xsr xs : Tensors K ss) → Prop
  | [], _, _, _ => True
  | _ :: _, (t', ts'), (tr, tsr), (t, ts) =>
    (∀ i, abs (t.get i) ≤ X ∧ abs (tr.get i - t.get i) + abs (t'.get i - t.get i) ≤ D) ∧
      Tensors.DeviatesBy X D ts' tsr ts

/-- The number of terms of the entry at `o`, without its addends: the contraction of ones. -/
def Contraction.termCount (K : Type u) [OrderedField K] (c : Contraction Int) (o : List Nat) : K :=
  evalAt exact { c with addends := [] } (Tensors.fill 1 (shapes (c.factor :: c.factors))) ⟨⟩ o

end RuntimeApprox
