module

public import RuntimeApprox.Summation
public import RuntimeApprox.OrderedField.Theorems

/-!
# The error of summation in any order

## Main results
* `SumTree.abs_sub_exact_le`: |computed − exact| ≤ `bound`, for every tree.
* `SumTree.abs_sub_exact_le_depth`: ≤ ((1 + u)ᵈ − 1)·Σ|tᵢ| + underflow, where no path is longer
  than d.
* `pow_sub_one_le_gamma`: (1 + u)ⁿ − 1 ≤ γₙ = n·u / (1 − n·u).

## References
* N. J. Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed. (2002), chapters 3, 4.
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

theorem boundBelow_mono {f g : K} (hf : 0 ≤ f) (h : f ≤ g) : (t : SumTree K) → t.Nonneg →
    boundBelow f t ≤ boundBelow g t
  | leaf t u η, ⟨hu, hη⟩ => by
    have h1 := mul_le_mul_left (show 0 ≤ 1 + u by grind) h
    have := mul_le_mul_left (abs_nonneg t) (show f * (1 + u) - 1 ≤ g * (1 + u) - 1 by grind)
    have := mul_le_mul_left hη h
    unfold boundBelow
    grind
  | node u η l r, ⟨hu, hη, hl, hr⟩ => by
    have h1 := mul_le_mul_left (show 0 ≤ 1 + u by grind) h
    have h0 := mul_nonneg hf (show 0 ≤ 1 + u by grind)
    have := boundBelow_mono h0 (show f * (1 + u) ≤ g * (1 + u) by grind) l hl
    have := boundBelow_mono h0 (show f * (1 + u) ≤ g * (1 + u) by grind) r hr
    have := mul_le_mul_left hη h
    unfold boundBelow
    grind

end SumTree

theorem count_nonneg : (n : Nat) → (0 : K) ≤ count n
  | 0 => Std.IsPreorder.le_refl 0
  | n + 1 => by
    have : (0 : K) ≤ count n := count_nonneg n
    show (0 : K) ≤ count n + 1
    grind

theorem count_add (m : Nat) : (n : Nat) → (count (m + n) : K) = count m + count n
  | 0 => by show (count m : K) = count m + 0; grind
  | n + 1 => by
    have : (count (m + n) : K) = count m + count n := count_add m n
    show (count (m + n) + 1 : K) = count m + (count n + 1)
    grind

theorem one_le_pow {x : K} (hx : 1 ≤ x) : (n : Nat) → 1 ≤ pow x n
  | 0 => Std.IsPreorder.le_refl 1
  | n + 1 => by
    have := one_le_pow hx n
    have := mul_le_mul this hx (by grind) (by grind)
    unfold pow
    grind

theorem pow_le_pow {x : K} (hx : 1 ≤ x) {m n : Nat} (h : m ≤ n) : pow x m ≤ pow x n := by
  induction h with
  | refl => exact Std.IsPreorder.le_refl _
  | @step k _ ih =>
    have := mul_le_mul_left (show 0 ≤ pow x k by have := one_le_pow hx k; grind) hx
    show pow x m ≤ pow x k * x
    grind

/-- (1 + u)ⁿ·(1 − n·u) ≤ 1, so that (1 + u)ⁿ − 1 ≤ n·u / (1 − n·u) = γₙ where n·u < 1. -/
theorem pow_mul_one_sub_le {u : K} (hu : 0 ≤ u) : (n : Nat) →
    pow (1 + u) n * (1 - count n * u) ≤ 1
  | 0 => by unfold pow count; grind
  | n + 1 => by
    have ih := pow_mul_one_sub_le hu n
    have hp := one_le_pow (show 1 ≤ 1 + u by grind) n
    have h1 := mul_nonneg (show 0 ≤ pow (1 + u) n by grind) (mul_nonneg hu hu)
    have h3 := mul_nonneg h1 (count_nonneg (K := K) (n + 1))
    rw [show count (n + 1) = (count n + 1 : K) from rfl] at h3 ⊢
    show pow (1 + u) n * (1 + u) * (1 - (count n + 1) * u) ≤ 1
    grind

namespace SumTree

/-- With one u and η for all operations, below the factor f and where no path is longer than d:
Σ|tᵢ|·(f·(1 + u)ᵈ − 1) + (number of operations)·η·f·(1 + u)ᵈ. -/
theorem boundBelow_le {u η : K} (hu : 0 ≤ u) (hη : 0 ≤ η) : (t : SumTree K) → t.Nonneg →
    t.Within u η → {d : Nat} → t.depth ≤ d → {f : K} → 1 ≤ f →
    boundBelow f t ≤ t.magnitude * (f * pow (1 + u) d - 1) +
      count t.operations * (η * (f * pow (1 + u) d))
  | leaf t u' η', ⟨_, _⟩, ⟨hu', hη'⟩, d, hd, f, hf => by
    have hp : 1 + u ≤ pow (1 + u) d := by
      have := pow_le_pow (show 1 ≤ 1 + u by grind) (show 1 ≤ d from hd)
      have : pow (1 + u) 1 = 1 * (1 + u) := rfl
      grind
    have h1 := mul_le_mul_left (show 0 ≤ f by grind) (show 1 + u' ≤ pow (1 + u) d by grind)
    have := mul_le_mul_left (abs_nonneg t) (show f * (1 + u') - 1 ≤ f * pow (1 + u) d - 1 by grind)
    have h2 := mul_le_mul_left (show 0 ≤ f by grind) (show 1 ≤ pow (1 + u) d by grind)
    have := mul_le_mul hη' (show f ≤ f * pow (1 + u) d by grind) (by grind) hη
    show abs t * (f * (1 + u') - 1) + η' * f ≤ abs t * (f * pow (1 + u) d - 1) +
      (0 + 1) * (η * (f * pow (1 + u) d))
    grind
  | node _ _ _ _, _, _, 0, hd, _, _ => absurd hd (Nat.not_succ_le_zero _)
  | node u' η' l r, ⟨hu0, _, hl, hr⟩, ⟨hu', hη', hl', hr'⟩, d + 1, hd, f, hf => by
    have hd' : Nat.max l.depth r.depth ≤ d := Nat.le_of_succ_le_succ hd
    have hfu' : 0 ≤ f * u' := mul_nonneg (by grind) hu0
    have hfu := mul_le_mul_left (show 0 ≤ f by grind) hu'
    have hle : f * (1 + u') ≤ f * (1 + u) := by grind
    have hml := boundBelow_mono (by grind) hle l hl
    have hmr := boundBelow_mono (by grind) hle r hr
    have hbl := boundBelow_le hu hη l hl hl' (Nat.le_trans (Nat.le_max_left _ _) hd')
      (f := f * (1 + u)) (by grind)
    have hbr := boundBelow_le hu hη r hr hr' (Nat.le_trans (Nat.le_max_right _ _) hd')
      (f := f * (1 + u)) (by grind)
    have hpow : f * (1 + u) * pow (1 + u) d = f * pow (1 + u) (d + 1) := by
      rw [show pow (1 + u) (d + 1) = pow (1 + u) d * (1 + u) from rfl]; grind
    have h2 := mul_le_mul_left (show 0 ≤ f by grind) (one_le_pow (show 1 ≤ 1 + u by grind) (d + 1))
    have h3 := mul_le_mul hη' (show f ≤ f * pow (1 + u) (d + 1) by grind) (by grind) hη
    rw [hpow] at hbl hbr
    show boundBelow (f * (1 + u')) l + boundBelow (f * (1 + u')) r + η' * f ≤
      (l.magnitude + r.magnitude) * (f * pow (1 + u) (d + 1) - 1) +
      (count (l.operations + r.operations) + 1) * (η * (f * pow (1 + u) (d + 1)))
    rw [count_add]
    grind

/-- **Depth form**: where every operation errs relatively by at most u and absolutely by at most η,
and no path from the root to a term has more than d operations,
|computed − Σtᵢ| ≤ ((1 + u)ᵈ − 1)·Σ|tᵢ| + (number of operations)·η·(1 + u)ᵈ. -/
theorem abs_sub_exact_le_depth {t : SumTree K} {v u η : K} (h : t.Computes v) (ht : t.Nonneg)
    (hw : t.Within u η) (hu : 0 ≤ u) (hη : 0 ≤ η) {d : Nat} (hd : t.depth ≤ d) :
    abs (v - t.exact) ≤ t.magnitude * (pow (1 + u) d - 1) +
      count t.operations * (η * pow (1 + u) d) := by
  have := abs_sub_exact_le h ht
  have := boundBelow_le hu hη t ht hw hd (Std.IsPreorder.le_refl (1 : K))
  unfold bound at *
  grind

end SumTree

end RuntimeApprox
