module

public import RuntimeApprox.AnyOrder

/-!
# Printed numbers

A bound is evaluated in floating point: its magnitudes are sums that were computed, and the bound is
a computed sum of weights times computed magnitudes. The weights make good what rounding takes, so
that the printed number itself is an upper bound.

## Main definitions
* `Part`: a coefficient, the sum it multiplies, what was computed for the sum, and the weight.
* `Printed ev B V`: V is the value of such an evaluation for B.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

/-- A part of a bound: coefficient·Σ terms, and what stands for it in the evaluation,
weight·computed. A magnitude that is scaled has the inverse scale in its coefficient. -/
structure Part (K : Type u) where
  /-- The coefficient: C. -/
  coefficient : K
  /-- The numbers of which it multiplies the sum: M = Σtᵢ. -/
  terms : List K
  /-- The computed sum: M̂. -/
  computed : K
  /-- By how much the computed sum may be off. -/
  error : ErrorBound K
  /-- The coefficient in the evaluation: C′. -/
  factor : K

namespace Part

/-- C·Σtᵢ -/
def exact (p : Part K) : K := p.coefficient * p.terms.sum

/-- What the computed sum may have lost absolutely: C / (1 − ρ)·η. -/
def lost (p : Part K) : K := residue p.coefficient p.error

/-- What is assumed of a part, where the evaluation errs by `ev`: the terms, the coefficient and the
computed sum are not negative, the computed sum is near the sum, and C / (1 − ρ) / (1 − ρₑ) ≤ C′. -/
structure Holds (ev : ErrorBound K) (p : Part K) : Prop where
  /-- 0 ≤ C -/
  coefficient : 0 ≤ p.coefficient
  /-- 0 ≤ tᵢ -/
  terms : ∀ t ∈ p.terms, 0 ≤ t
  /-- 0 ≤ M̂ -/
  computed : 0 ≤ p.computed
  /-- |M̂ − M| ≤ ρ·M + η -/
  near : Near p.error p.terms p.computed
  /-- ρ < 1 -/
  relative : p.error.relative < 1
  /-- C / (1 − ρ) / (1 − ρₑ) ≤ C′ -/
  weight : weight p.coefficient p.error ev ≤ p.factor

end Part

/-- **V is printed for B**, with the parts and the constant c: B ≤ Σ C·M + c, and V is computed, with
the error `ev`, for Σ C′·M̂ + c′, where (c + Σ C / (1 − ρ)·η + ηₑ) / (1 − ρₑ) ≤ c′. -/
structure Printed (ev : ErrorBound K) (ps : List (Part K)) (c B V : K) : Prop where
  /-- B ≤ Σ C·M + c -/
  bound : B ≤ (ps.map Part.exact).sum + c
  /-- What is assumed of the parts. -/
  parts : ∀ p ∈ ps, p.Holds ev
  /-- ρₑ < 1 -/
  relative : ev.relative < 1
  /-- The evaluation. -/
  value : ∃ c', 0 ≤ c' ∧ constantWeight c (ps.map Part.lost).sum ev ≤ c' ∧
    Near ev (ps.map (fun p => p.factor * p.computed) ++ [c']) V

end RuntimeApprox
