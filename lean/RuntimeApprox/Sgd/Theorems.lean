module

public import RuntimeApprox.Graph.Theorems
public import RuntimeApprox.Sgd

/-!
# Errors of a step of stochastic gradient descent

Whatever the gradient's error is, the error of the updated parameter follows.

## Main results
* `Sgd.step_rel`: a step keeps every relation that arithmetics keep.
* `Sgd.step_encloses`: the errors of the updated parameter and momentum are within their bounds.
* `abs_sub_le_of_sq`: an approximation of 1/√w, from its square.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u v
variable {K : Type u} [OrderedField K]

namespace Sgd

variable (s : Sgd K)

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
