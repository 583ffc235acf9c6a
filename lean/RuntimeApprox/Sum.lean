module

public import RuntimeApprox.OrderedField

/-!
# Finite sums

## Main definitions
* `sum n f`: Σ_{i < n} f i.
* `sums ns f`: the nested sum Σ_{i₁ < n₁} Σ_{i₂ < n₂} … f [i₁, i₂, …].
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

/-- Σ_{i < n} f i -/
def sum : Nat → (Nat → K) → K
  | 0, _ => 0
  | n + 1, f => sum n f + f n

/-- Σ_{i₁ < n₁} Σ_{i₂ < n₂} … f [i₁, i₂, …] -/
def sums : List Nat → (List Nat → K) → K
  | [], f => f []
  | n :: ns, f => sum n fun i => sums ns fun is => f (i :: is)

end RuntimeApprox
