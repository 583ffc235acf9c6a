module

public import RuntimeApprox.Summation
public import RuntimeApprox.OrderedField.Theorems

/-!
# The error of summation in any order

## Main results
* `SumTree.abs_sub_exact_le`: |computed − exact| ≤ `bound`, for every tree.
* `SumTree.abs_sub_exact_le_factor`: ≤ (F − 1)·Σ|tᵢ| + (Σ η)·F with F the largest product of (1 + u)
  along a path.
* `SumTree.abs_sub_exact_le_depth`: ≤ ((1 + u)ᵈ − 1)·Σ|tᵢ| + underflow, where no path is longer
  than d.
* `pow_mul_one_sub_le`: (1 + u)ⁿ·(1 − n·u) ≤ 1.

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
  | cast _ _ t => magnitude_nonneg t

/-- |Σᵢ tᵢ| ≤ Σᵢ |tᵢ| -/
theorem abs_exact_le_magnitude : (t : SumTree K) → abs t.exact ≤ t.magnitude
  | leaf t _ _ => Std.IsPreorder.le_refl (abs t)
  | node _ _ l r => by
    have := abs_exact_le_magnitude l
    have := abs_exact_le_magnitude r
    have := abs_add_le l.exact r.exact
    unfold exact magnitude
    grind
  | cast _ _ t => abs_exact_le_magnitude t

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

/-- 1 ≤ f·(1 + u) -/
theorem one_le_mul {f u : K} (hf : 1 ≤ f) (hu : 0 ≤ u) : 1 ≤ f * (1 + u) := by
  have := mul_nonneg (show 0 ≤ f by grind) hu
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
    have := ihl hl (one_le_mul hf hu)
    have := ihr hr (one_le_mul hf hu)
    have := node_le (x := l.exact) (y := r.exact) hf hu h
    unfold exact boundBelow
    grind
  | @cast u η a v t _ h ih =>
    intro f hf
    obtain ⟨hu, _, ht⟩ := ht
    have := ih ht (one_le_mul hf hu)
    have h0 := node_le (b := 0) (x := t.exact) (y := 0) hf hu
      (by rwa [show a + 0 = a by grind])
    rw [show t.exact + 0 = t.exact by grind, show (0 : K) - 0 = 0 by grind, abs_zero] at h0
    unfold exact boundBelow
    grind

/-- **Summation in any order**: for every tree of additions,
|computed − Σᵢ tᵢ| ≤ Σᵢ |tᵢ|·(∏(1 + u) − 1) + underflow. -/
theorem abs_sub_exact_le {t : SumTree K} {v : K} (h : t.Computes v) (ht : t.Nonneg) :
    abs (v - t.exact) ≤ t.bound := by
  have := boundBelow_sound h ht (Std.IsPreorder.le_refl 1)
  unfold bound
  grind

omit [OrderedField K] in
theorem one_le_depth : (t : SumTree K) → 1 ≤ t.depth
  | leaf _ _ _ => Nat.le_refl 1
  | node _ _ _ _ => Nat.succ_pos _
  | cast _ _ _ => Nat.succ_pos _

theorem one_le_factor : (t : SumTree K) → t.Nonneg → 1 ≤ t.factor
  | leaf _ u _, ⟨hu, _⟩ => by unfold factor; grind
  | node u _ l r, ⟨hu, _, hl, _⟩ => by
    have := Std.IsPreorder.le_trans _ _ _ (one_le_factor l hl) (le_max_left l.factor r.factor)
    have := one_le_mul this hu
    unfold factor
    grind
  | cast u _ t, ⟨hu, _, ht⟩ => by
    have := one_le_mul (one_le_factor t ht) hu
    unfold factor
    grind

theorem underflow_nonneg : (t : SumTree K) → t.Nonneg → 0 ≤ t.underflow
  | leaf _ _ _, ⟨_, hη⟩ => hη
  | node _ _ l r, ⟨_, _, hl, hr⟩ => by
    have := underflow_nonneg l hl
    have := underflow_nonneg r hr
    unfold underflow
    grind
  | cast _ _ t, ⟨_, _, ht⟩ => by
    have := underflow_nonneg t ht
    unfold underflow
    grind

/-- m·(x − 1) + h·x grows with x. -/
theorem excess_mono {m h x y : K} (hm : 0 ≤ m) (hh : 0 ≤ h) (hxy : x ≤ y) :
    m * (x - 1) + h * x ≤ m * (y - 1) + h * y := by
  have := mul_le_mul_left hm hxy
  have := mul_le_mul_left hh hxy
  grind

/-- Below the factor f: Σ|tᵢ|·(f·F − 1) + (Σ η)·f·F with F the tree's factor. -/
theorem boundBelow_le : (t : SumTree K) → t.Nonneg → {f : K} → 1 ≤ f →
    boundBelow f t ≤ t.magnitude * (f * t.factor - 1) + t.underflow * (f * t.factor)
  | leaf t u η, ⟨hu, hη⟩, f, hf => by
    have := mul_le_mul_left hη (show f ≤ f * (1 + u) by
      have := mul_nonneg (show 0 ≤ f by grind) hu; grind)
    unfold boundBelow magnitude factor underflow
    grind
  | node u η l r, ⟨hu, hη, hl, hr⟩, f, hf => by
    have hfu := one_le_mul hf hu
    have h1 := mul_le_mul_left (show 0 ≤ f * (1 + u) by grind) (le_max_left l.factor r.factor)
    have h2 := mul_le_mul_left (show 0 ≤ f * (1 + u) by grind) (le_max_right l.factor r.factor)
    have h3 := mul_le_mul_left (show 0 ≤ f * (1 + u) by grind) (one_le_factor l hl)
    have h4 := mul_nonneg (show 0 ≤ f by grind) hu
    have := boundBelow_le l hl hfu
    have := boundBelow_le r hr hfu
    have := excess_mono l.magnitude_nonneg (l.underflow_nonneg hl) h1
    have := excess_mono r.magnitude_nonneg (r.underflow_nonneg hr) h2
    have := mul_le_mul_left hη (show f ≤ f * (1 + u) * max l.factor r.factor by grind)
    unfold boundBelow magnitude factor underflow
    grind
  | cast u η t, ⟨hu, hη, ht⟩, f, hf => by
    have hfu := one_le_mul hf hu
    have h3 := mul_le_mul_left (show 0 ≤ f * (1 + u) by grind) (one_le_factor t ht)
    have h4 := mul_nonneg (show 0 ≤ f by grind) hu
    have := boundBelow_le t ht hfu
    have := mul_le_mul_left hη (show f ≤ f * (1 + u) * t.factor by grind)
    unfold boundBelow magnitude factor underflow
    grind

/-- Σ|tᵢ|·(∏(1 + u) − 1) + underflow ≤ Σ|tᵢ|·(F − 1) + H·F for every F that is at least the tree's
factor, the largest product of (1 + u) along a path, and every H that is at least its Σ η. -/
theorem bound_le_factor {t : SumTree K} (ht : t.Nonneg) {F H : K} (hF : t.factor ≤ F)
    (hH : t.underflow ≤ H) : t.bound ≤ t.magnitude * (F - 1) + H * F := by
  have := boundBelow_le t ht (Std.IsPreorder.le_refl (1 : K))
  have := excess_mono t.magnitude_nonneg (t.underflow_nonneg ht) hF
  have := mul_le_mul_left (show 0 ≤ F by have := one_le_factor t ht; grind) hH
  unfold bound
  grind

/-- **Factor form**: |computed − Σtᵢ| ≤ Σ|tᵢ|·(F − 1) + H·F for every F that is at least the largest
product of (1 + u) along a path, and every H that is at least Σ η. -/
theorem abs_sub_exact_le_factor {t : SumTree K} {v : K} (h : t.Computes v) (ht : t.Nonneg)
    {F H : K} (hF : t.factor ≤ F) (hH : t.underflow ≤ H) :
    abs (v - t.exact) ≤ t.magnitude * (F - 1) + H * F :=
  Std.IsPreorder.le_trans _ _ _ (abs_sub_exact_le h ht) (bound_le_factor ht hF hH)

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

theorem count_two_mul (n : Nat) : (count (2 * n) : K) = 2 * count n := by
  rw [Nat.two_mul, count_add]; grind

theorem count_mono {m n : Nat} (h : m ≤ n) : (count m : K) ≤ count n := by
  have : (count (m + (n - m)) : K) = count m + count (n - m) := count_add m (n - m)
  have : (0 : K) ≤ count (n - m) := count_nonneg _
  rw [show m + (n - m) = n by omega] at *
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

/-- Where no path is longer than d and no operation has a relative error larger than u, no product
along a path is larger than (1 + u)ᵈ. -/
theorem factor_le_pow {u η : K} (hu : 0 ≤ u) : (t : SumTree K) → t.Nonneg → t.Within u η →
    {d : Nat} → t.depth ≤ d → t.factor ≤ pow (1 + u) d
  | leaf _ _ _, _, ⟨hw, _⟩, d, hd => by
    have := pow_le_pow (show 1 ≤ 1 + u by grind) (show 1 ≤ d from hd)
    have : pow (1 + u) 1 = 1 * (1 + u) := rfl
    unfold factor
    grind
  | node _ _ _ _, _, _, 0, hd => absurd hd (Nat.not_succ_le_zero _)
  | node _ _ l r, ⟨hu', _, hl, hr⟩, ⟨hw, _, hwl, hwr⟩, d + 1, hd => by
    have hd : Nat.max l.depth r.depth ≤ d := Nat.le_of_succ_le_succ hd
    have h := max_le (factor_le_pow hu l hl hwl (Nat.le_trans (Nat.le_max_left _ _) hd))
      (factor_le_pow hu r hr hwr (Nat.le_trans (Nat.le_max_right _ _) hd))
    have := one_le_pow (show 1 ≤ 1 + u by grind) d
    have := mul_le_mul_left (show 0 ≤ pow (1 + u) d by grind) hw
    have := mul_le_mul_left (show 0 ≤ 1 + u by grind) h
    have := mul_nonneg hu' (show 0 ≤ pow (1 + u) d - max l.factor r.factor by grind)
    unfold factor pow
    grind
  | cast _ _ _, _, _, 0, hd => absurd hd (Nat.not_succ_le_zero _)
  | cast _ _ t, ⟨hu', _, ht⟩, ⟨hw, _, hwt⟩, d + 1, hd => by
    have h := factor_le_pow hu t ht hwt (Nat.le_of_succ_le_succ hd)
    have := one_le_pow (show 1 ≤ 1 + u by grind) d
    have := mul_le_mul_left (show 0 ≤ pow (1 + u) d by grind) hw
    have := mul_nonneg hu' (show 0 ≤ pow (1 + u) d - t.factor by grind)
    unfold factor pow
    grind

/-- Where no operation has an absolute error larger than η, Σ η ≤ (number of operations)·η. -/
theorem underflow_le {u η : K} : (t : SumTree K) → t.Within u η →
    t.underflow ≤ count t.operations * η
  | leaf _ _ _, ⟨_, h⟩ => by unfold underflow operations count count; grind
  | node _ _ l r, ⟨_, h, hl, hr⟩ => by
    have := underflow_le l hl
    have := underflow_le r hr
    show l.underflow + r.underflow + _ ≤ (count (l.operations + r.operations) + 1) * η
    rw [count_add]
    grind
  | cast _ _ t, ⟨_, h, ht⟩ => by
    have := underflow_le t ht
    unfold underflow operations count
    grind

/-- With at most n operations on a path, and at most 2n in all. -/
theorem uniform_of_depth {t : SumTree K} (ht : t.Nonneg) {u η : K} (hu : 0 ≤ u) (hη : 0 ≤ η)
    (hw : t.Within u η) {n : Nat} (hd : t.depth ≤ n) (ho : t.operations ≤ 2 * n) :
    t.Uniform u η n := by
  refine ⟨t.factor_le_pow hu ht hw hd, ?_⟩
  have := mul_le_mul_left hη (count_mono (K := K) ho)
  have := t.underflow_le hw
  grind

/-- **Depth form**: where every operation errs relatively by at most u and absolutely by at most η,
and no path from the root to a term has more than d operations,
|computed − Σtᵢ| ≤ ((1 + u)ᵈ − 1)·Σ|tᵢ| + (number of operations)·η·(1 + u)ᵈ. -/
theorem abs_sub_exact_le_depth {t : SumTree K} {v u η : K} (h : t.Computes v) (ht : t.Nonneg)
    (hw : t.Within u η) (hu : 0 ≤ u) {d : Nat} (hd : t.depth ≤ d) :
    abs (v - t.exact) ≤ t.magnitude * (pow (1 + u) d - 1) +
      count t.operations * (η * pow (1 + u) d) := by
  have := abs_sub_exact_le_factor h ht (factor_le_pow hu t ht hw hd) (underflow_le t hw)
  grind

end SumTree

end RuntimeApprox
