module

public import RuntimeApprox.Graph.Theorems

/-!
# A step of stochastic gradient descent

With momentum and weight decay, as `torch.optim.SGD` has it. Whatever the gradient's error is, the
error of the updated parameter follows.

## Main definitions
* `Sgd`: the numbers of a step. `Sgd.step`: the updated parameter and momentum, in any arithmetic.

## Main results
* `Sgd.step_rel`: a step keeps every relation that arithmetics keep.
* `Sgd.step_encloses`: the errors of the updated parameter and momentum are within their bounds.
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

/-- Where two arithmetics respect a relation and parameter, gradient and momentum are related, so are
the updated ones. -/
theorem step_rel {α β : Type v} {A : NetArithmetic K α} {B : NetArithmetic K β} {R : α → β → Prop}
    (h : A.Respects B R) {p g : α} {p' g' : β} (hp : R p p') (hg : R g g') {b : Option α}
    {b' : Option β} (hb : Option.Rel R b b') :
    R (s.step A p g b).1 (s.step B p' g' b').1 ∧ R (s.step A p g b).2 (s.step B p' g' b').2 := by
  have hd : R (s.decayed A p g) (s.decayed B p' g') :=
    h.add _ _ _ _ hg (h.mul _ _ _ _ (h.const _) hp)
  have hm : R (s.moved A (s.decayed A p g) b) (s.moved B (s.decayed B p' g') b') := by
    rcases hb with hb | _
    · exact h.add _ _ _ _ (h.mul _ _ _ _ (h.const _) hb) (h.mul _ _ _ _ (h.const _) hd)
    · exact hd
  refine ⟨h.add _ _ _ _ hp (h.mul _ _ _ _ (h.const _) ?_), hm⟩
  split
  · exact h.add _ _ _ _ hd (h.mul _ _ _ _ (h.const _) hm)
  · exact hm

/-- The updated parameter and momentum are within their bounds, whatever exact parameter, gradient and
momentum are within theirs. -/
theorem step_encloses {R : Rounding K} (hR : R.Lawful) {p g : K} {p' g' : Approx K}
    (hp : p'.Encloses p) (hg : g'.Encloses g) {b : Option K} {b' : Option (Approx K)}
    (hb : Option.Rel Approx.Encloses b b') :
    (s.step (boundNet R) p' g' b').1.Encloses (s.step exactNet p g b).1 ∧
      (s.step (boundNet R) p' g' b').2.Encloses (s.step exactNet p g b).2 :=
  s.step_rel (exactNet_respects_boundNet hR) hp hg hb

end Sgd

/-- An approximation r of 1/√w is within e of it if (r − e)²·w ≤ 1 ≤ (r + e)²·w. -/
theorem abs_sub_le_of_sq {r e w x : K} (hw : 0 < w) (hx : 0 ≤ x) (h : x * x * w = 1)
    (he : 0 ≤ r + e) (hl : (r - e) * (r - e) * w ≤ 1) (hu : 1 ≤ (r + e) * (r + e) * w) :
    abs (r - x) ≤ e := by
  have lt_sq : ∀ {a b : K}, 0 ≤ a → a < b → a * a * w < b * b * w := fun {a b} ha hab => by
    have h1 := mul_le_mul_left ha (show a ≤ b by grind)
    have h2 := Lean.Grind.OrderedRing.mul_lt_mul_of_pos_right hab (show 0 < b by grind)
    have h3 : a * a < b * b := by grind
    exact Lean.Grind.OrderedRing.mul_lt_mul_of_pos_right h3 hw
  have h1 : r - e ≤ x := by
    rcases Std.IsLinearOrder.le_total (r - e) x with h' | h'
    · exact h'
    · by_cases heq : r - e = x
      · grind
      · have := lt_sq hx (show x < r - e by grind); grind
  have h2 : x ≤ r + e := by
    rcases Std.IsLinearOrder.le_total x (r + e) with h' | h'
    · exact h'
    · by_cases heq : r + e = x
      · grind
      · have := lt_sq he (show r + e < x by grind); grind
  rw [abs_le]
  grind

end RuntimeApprox
