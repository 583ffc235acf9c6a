module

public import RuntimeApprox.Graph

/-!
# A step of stochastic gradient descent

With momentum and weight decay, as `torch.optim.SGD` has it.

## Main definitions
* `Sgd`: the numbers of a step. `Sgd.step`: the updated parameter and momentum, in any arithmetic.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u v
variable {K : Type u} [OrderedField K]

/-- The numbers of a step. -/
structure Sgd (K : Type u) where
  /-- What the update is multiplied by. -/
  learningRate : K
  /-- What the momentum is multiplied by. -/
  momentum : K
  /-- What is left out of the gradient where it is added to the momentum. -/
  dampening : K
  /-- What the parameter is multiplied by where it is added to the gradient. -/
  weightDecay : K
  /-- The update is the gradient and the momentum, not the momentum alone. -/
  nesterov : Bool

namespace Sgd

variable {α : Type v} (s : Sgd K) (A : NetArithmetic K α)

/-- The gradient with weight decay: g + λ·p. -/
def decayed (p g : α) : α := A.add g (A.mul (A.const s.weightDecay) p)

/-- The momentum: μ·b + (1 − τ)·d, or at the first step d. -/
def moved (d : α) : Option α → α
  | none => d
  | some b => A.add (A.mul (A.const s.momentum) b) (A.mul (A.const (1 - s.dampening)) d)

/-- The updated parameter, p − η·u where u is the momentum b′ or d + μ·b′, and b′ itself. -/
def step (p g : α) (b : Option α) : α × α :=
  let d := s.decayed A p g
  let b' := s.moved A d b
  let u := if s.nesterov then A.add d (A.mul (A.const s.momentum) b') else b'
  (A.add p (A.mul (A.const (-s.learningRate)) u), b')

end Sgd

end RuntimeApprox
