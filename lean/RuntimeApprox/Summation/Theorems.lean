module

public import RuntimeApprox.Summation
public import RuntimeApprox.OrderedField.Theorems

/-!
# The error of summation in any order

## Main results
* `SumTree.abs_sub_exact_le`: |computed − exact| ≤ `bound`, for every tree.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

namespace SumTree

theorem magnitude_nonneg : (t : SumTree K) → 0 ≤ t.magnitude
  | leaf t _ _ => abs_nonneg t
  | node _ _ l r => by
    have := magnitude_nonneg l
    have := magnitude_nonneg r
    unfold magnitude
    grind

/-- |Σᵢ tᵢ| ≤ Σᵢ |tᵢ| -/
theorem abs_exact_le_magnitude : (t : SumTree K) → abs t.exact ≤ t.magnitude
  | leaf t _ _ => Std.IsPreorder.le_refl (abs t)
  | node _ _ l r => by
    have := abs_exact_le_magnitude l
    have := abs_exact_le_magnitude r
    have := abs_add_le l.exact r.exact
    unfold exact magnitude
    grind

/-- One operation: the error of a rounded sum, scaled by the operations above it. -/
theorem node_le {f u η a b x y v : K} (hf : 1 ≤ f) (hu : 0 ≤ u)
    (h : abs (v - (a + b)) ≤ u * abs (a + b) + η) :
    f * abs (v - (x + y)) + (f - 1) * abs (x + y) ≤
      (f * (1 + u) * abs (a - x) + (f * (1 + u) - 1) * abs x) +
      (f * (1 + u) * abs (b - y) + (f * (1 + u) - 1) * abs y) + η * f := by
  have hv : abs (v - (x + y)) ≤ abs (v - (a + b)) + (abs (a - x) + abs (b - y)) := by
    have := abs_sub_le v (a + b) (x + y)
    have := abs_add_le (a - x) (b - y)
    have : a + b - (x + y) = (a - x) + (b - y) := by grind
    grind
  have hab : abs (a + b) ≤ abs x + abs y + (abs (a - x) + abs (b - y)) := by
    have := abs_add_le a b
    have := abs_add_le x (a - x)
    have := abs_add_le y (b - y)
    have : x + (a - x) = a := by grind
    have : y + (b - y) = b := by grind
    grind
  have h1 := mul_le_mul_left hu hab
  have h2 := mul_le_mul_left (show 0 ≤ f by grind)
    (show abs (v - (x + y)) ≤ u * (abs x + abs y + (abs (a - x) + abs (b - y))) + η +
      (abs (a - x) + abs (b - y)) by grind)
  have h3 := mul_le_mul_left (show 0 ≤ f - 1 by grind) (abs_add_le x y)
  grind

/-- The induction of `abs_sub_exact_le`: what `f`, the product over the operations above, makes of
the error below. -/
theorem boundBelow_sound {t : SumTree K} {v : K} (h : t.Computes v) (ht : t.Nonneg) :
    ∀ {f : K}, 1 ≤ f →
      f * abs (v - t.exact) + (f - 1) * abs t.exact ≤ boundBelow f t := by
  induction h with
  | leaf h =>
    intro f hf
    have := mul_le_mul_left (show 0 ≤ f by grind) h
    unfold exact boundBelow
    grind
  | @node u η a b v l r _ _ h ihl ihr =>
    intro f hf
    obtain ⟨hu, _, hl, hr⟩ := ht
    have hf' : 1 ≤ f * (1 + u) := by
      have := mul_nonneg (show 0 ≤ f by grind) hu
      grind
    have := ihl hl hf'
    have := ihr hr hf'
    have := node_le (x := l.exact) (y := r.exact) hf hu h
    unfold exact boundBelow
    grind

/-- **Summation in any order**: for every tree of additions,
|computed − Σᵢ tᵢ| ≤ Σᵢ |tᵢ|·(∏(1 + u) − 1) + underflow. -/
theorem abs_sub_exact_le {t : SumTree K} {v : K} (h : t.Computes v) (ht : t.Nonneg) :
    abs (v - t.exact) ≤ t.bound := by
  have := boundBelow_sound h ht (Std.IsPreorder.le_refl 1)
  unfold bound
  grind

end SumTree

end RuntimeApprox
