module

public import RuntimeApprox.Contraction.Perturbation
public import RuntimeApprox.Estimate.Inflation

/-!
# The estimates hold

In all of them x are the given operands, x′ the exact ones and x̂ those that are multiplied, such as
x rounded to another format; x̂ and x′ are both near x.

## Main definitions
* `Errors.Computes e ts v`: v may be the sum of the numbers `ts`, computed in any order with the
  errors `e`, and rounded once more; `Errors.computes_of_within`: from any tree over them.
* `Errors.Near e ts v`: v is as near the sum of the numbers `ts` as the estimate of `e` says.

## Main results
* `Contraction.any_order_reach`: any tree, any number of factors:
  |computed − c(x′)| ≤ G·c(q) − c(|x|) + E where |x| + |x̂ − x| + |x′ − x| ≤ q.
* `Errors.Computes.near`: what is computed in any order is near the sum.
* `Contraction.any_order_estimate`: two factors, one format:
  ≤ product·Σ|x||y| + first·Σ|x| + second·Σ|y| + constant; `Contraction.any_order_estimate_two`,
  without addends.
* `Contraction.any_order_estimate_one`: one factor.
* `enclosure`: |g − exact| ≤ |g − g′| + B where |g′ − exact| ≤ B.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

/-- **Enclosure**: another computed value, near which the exact one is known to be, bounds the error
of any value whatever: |g − exact| ≤ |g − g′| + B where |g′ − exact| ≤ B. -/
theorem enclosure {g g' exact B : K} (h : abs (g' - exact) ≤ B) :
    abs (g - exact) ≤ abs (g - g') + B := by
  have := abs_sub_le g g' exact
  grind

/-- A last rounding, of relative error w and absolute error ω:
Σ|tᵢ|·((1 + w)·F − 1) + (1 + w)·F·H + ω. -/
theorem SumTree.bound_cast_le {t : SumTree K} {w ω : K} (ht : (t.cast w ω).Nonneg) {F H : K}
    (hF : t.factor ≤ F) (hH : t.underflow ≤ H) :
    (t.cast w ω).bound ≤ t.magnitude * (F * (1 + w) - 1) + (F * (1 + w) * H + ω) := by
  obtain ⟨hw, _, ht⟩ := ht
  have h1 := t.boundBelow_le ht (SumTree.one_le_mul (Std.IsPreorder.le_refl (1 : K)) hw)
  have h2 := mul_le_mul_left (show 0 ≤ 1 + w by grind) hF
  have h3 := excess_mono t.magnitude_nonneg (t.underflow_nonneg ht) h2
  have h4 := one_le_factor t ht
  have := mul_le_mul_left (show 0 ≤ F by grind) hw
  have := mul_le_mul_left (show 0 ≤ F * (1 + w) by grind) hH
  show boundBelow (1 * (1 + w)) t + ω * 1 ≤ _
  grind

/-- No error is negative, and n·u < 1. -/
structure Errors.Valid (e : Errors K) : Prop where
  /-- 0 ≤ u -/
  roundoff : 0 ≤ e.roundoff
  /-- 0 ≤ η -/
  underflow : 0 ≤ e.underflow
  /-- 0 ≤ w -/
  outputRoundoff : 0 ≤ e.outputRoundoff
  /-- 0 ≤ ω -/
  outputUnderflow : 0 ≤ e.outputUnderflow
  /-- 0 ≤ a -/
  firstRelative : 0 ≤ e.firstRelative
  /-- 0 ≤ α -/
  firstAbsolute : 0 ≤ e.firstAbsolute
  /-- 0 ≤ b -/
  secondRelative : 0 ≤ e.secondRelative
  /-- 0 ≤ β -/
  secondAbsolute : 0 ≤ e.secondAbsolute
  /-- n·u < 1 -/
  small : e.terms * e.roundoff < 1

/-- `v` may be what is computed for the sum of at most n numbers `ts`: they are added in whatever
order, up to zeros, where each operation errs by at most u·|its exact result| + η, and the
sum is rounded once more, with w and ω. -/
inductive Errors.Computes (e : Errors K) (ts : List K) (v : K) : Prop where
  | intro (n : Nat) (t : SumTree K) (terms : e.terms = count n) (length : ts.length ≤ n)
      (nonneg : t.Nonneg) (uniform : t.Uniform e.roundoff e.underflow n) (sums : t.Sums ts)
      (computes : (t.cast e.outputRoundoff e.outputUnderflow).Computes v)

/-- A result that is not rounded again is covered by any last rounding. -/
theorem SumTree.computes_cast {t : SumTree K} {v w ω : K} (hw : 0 ≤ w) (hω : 0 ≤ ω)
    (h : t.Computes v) : (t.cast w ω).Computes v := by
  refine .cast h ?_
  have := mul_nonneg hw (abs_nonneg v)
  rw [abs_sub_self]
  grind

namespace Errors

variable {e : Errors K}

/-- Whatever tree of at most n leaves adds the at most n numbers `ts`, in whatever order, each
operation with relative error at most u and absolute error at most η. -/
theorem computes_of_within {ts : List K} {t : SumTree K} {v : K} {n : Nat} (hn : e.terms = count n)
    (hlen : ts.length ≤ n) (he : e.Valid) (ht : t.Nonneg) (hw : t.Within e.roundoff e.underflow)
    (hc : t.casts = 0) (hs : t.Sums ts) (hl : t.leaves.length ≤ n)
    (hv : (t.cast e.outputRoundoff e.outputUnderflow).Computes v) : e.Computes ts v :=
  .intro n t hn hlen ht (SumTree.uniform_of_within ht he.roundoff he.underflow hw hc hl) hs hv

theorem one_le_growth {n : Nat} (he : e.Valid) (hn : e.terms = count n) : 1 ≤ e.growth := by
  have h := one_le_pow (show 1 ≤ 1 + e.roundoff by have := he.roundoff; grind) n
  exact SumTree.one_le_mul (Std.IsPreorder.le_trans _ _ _ h
    (pow_le_one_add_gamma hn he.roundoff he.small)) he.outputRoundoff

/-- |v − Σtᵢ| ≤ Σ|tᵢ|·(growth − 1) + growth·2·n·η + ω -/
theorem bound_le {n : Nat} {t : SumTree K} (he : e.Valid) (hn : e.terms = count n)
    (ht : t.Nonneg) (hu : t.Uniform e.roundoff e.underflow n) :
    (t.cast e.outputRoundoff e.outputUnderflow).bound ≤ t.magnitude * (e.growth - 1) +
      (e.growth * (e.terms * (2 * e.underflow)) + e.outputUnderflow) := by
  have := SumTree.bound_cast_le (t := t) ⟨he.outputRoundoff, he.outputUnderflow, ht⟩
    (Std.IsPreorder.le_trans _ _ _ hu.1 (pow_le_one_add_gamma hn he.roundoff he.small)) hu.2
  rw [count_two_mul, ← hn] at this
  unfold growth
  grind

/-- `v` is as near the sum of at most n numbers `ts` as the estimate in any order says:
|v − Σtᵢ| ≤ (growth − 1)·Σ|tᵢ| + growth·2·n·η + ω. How it was computed does not matter. -/
structure Near (e : Errors K) (ts : List K) (v : K) : Prop where
  /-- The number n of terms is one, and there are no more of them. -/
  length : ∃ n, e.terms = count n ∧ ts.length ≤ n
  /-- The estimate. -/
  error : abs (v - sumList ts) ≤ (e.growth - 1) * sumAbs ts +
    (e.growth * (e.terms * (2 * e.underflow)) + e.outputUnderflow)

/-- What is computed in any order is near. -/
theorem Computes.near {e : Errors K} (he : e.Valid) {ts : List K} {v : K} (h : e.Computes ts v) :
    e.Near ts v := by
  obtain ⟨n, t, hn, hlen, ht, hu, hs, hv⟩ := h
  have h1 := SumTree.abs_sub_exact_le hv ⟨he.outputRoundoff, he.outputUnderflow, ht⟩
  have h2 := bound_le he hn ht hu
  rw [show (t.cast e.outputRoundoff e.outputUnderflow).exact = t.exact from rfl, hs.exact_eq] at h1
  rw [hs.magnitude_eq] at h2
  exact ⟨⟨n, hn, hlen⟩, by grind⟩

end Errors

namespace Contraction

section
variable (c : Contraction Int) {fs' fsr fs qs : c.Factors K} {as' asr as bs : c.Addends K}
  (hf : Tensors.Reach fs' fsr fs qs) (ha : Tensors.Reach as' asr as bs) {o : List Nat}
include hf ha

/-- **Any order, perturbed operands**: a tree over the summands of the operands x̂, in any order,
computes the entry of the exact operands x′ within G·c(q) − c(|x|) + E, where at every entry
|x| + |x̂ − x| + |x′ − x| ≤ q, and the tree's bound is at most (G − 1)·Σ|tᵢ| + E. -/
theorem any_order_reach {t : SumTree K} {v G E : K} (ht : t.Nonneg) (hv : t.Computes v)
    (hs : t.Sums (c.summands fsr asr o)) (hG : 1 ≤ G) (hb : t.bound ≤ t.magnitude * (G - 1) + E) :
    abs (v - evalAt exact c fs' as' o) ≤
      G * evalAt exact c qs bs o - evalAt exact c (fs.map abs) (as.map abs) o + E := by
  have h1 := c.any_order_summands fsr asr o ht hv hs
  have h2 := abs_sub_le_sub c hf ha o
  have h3 := abs_sub_le v (evalAt exact c fsr asr o) (evalAt exact c fs' as' o)
  have h4 := mul_le_mul_left (show 0 ≤ G - 1 by grind) (reach c hf ha o).2
  rw [hs.magnitude_eq, sumAbs_summands] at hb
  grind

/-- With F at least the largest product of (1 + u) along a path and H at least Σ η:
|computed − c(x′)| ≤ F·c(q) − c(|x|) + H·F. -/
theorem any_order_operands {t : SumTree K} {v F H : K} (ht : t.Nonneg) (hv : t.Computes v)
    (hs : t.Sums (c.summands fsr asr o)) (hF : t.factor ≤ F) (hH : t.underflow ≤ H) :
    abs (v - evalAt exact c fs' as' o) ≤
      F * evalAt exact c qs bs o - evalAt exact c (fs.map abs) (as.map abs) o + H * F :=
  any_order_reach c hf ha ht hv hs (Std.IsPreorder.le_trans _ _ _ (SumTree.one_le_factor t ht) hF)
    (SumTree.bound_le_factor ht hF hH)

/-- A value near the sum of the summands of x̂, where |x| + |x̂ − x| + |x′ − x| ≤ q at every entry:
|v − c(x′)| ≤ growth·c(q) − c(|x|) + growth·2·n·η + ω. -/
theorem any_order_growth {e : Errors K} {v : K} (he : e.Valid)
    (hv : e.Near (c.summands fsr asr o) v) :
    abs (v - evalAt exact c fs' as' o) ≤
      e.growth * evalAt exact c qs bs o - evalAt exact c (fs.map abs) (as.map abs) o +
        (e.growth * (e.terms * (2 * e.underflow)) + e.outputUnderflow) := by
  obtain ⟨⟨n, hn, _⟩, h1⟩ := hv
  have hG := Errors.one_le_growth he hn
  rw [← evalAt_exact_eq_sumList, sumAbs_summands] at h1
  have h2 := abs_sub_le_sub c hf ha o
  have h3 := abs_sub_le v (evalAt exact c fsr asr o) (evalAt exact c fs' as' o)
  have h4 := mul_le_mul_left (show 0 ≤ e.growth - 1 by grind) (reach c hf ha o).2
  grind

end

/-! ### Errors of the form a·|x| + α -/

theorem valueAt_affine {axes : List (Axis Int)} (a α : K) (t : Tensor K (extents axes))
    (o r : List Nat) : valueAt axes (t.map fun v => (1 + a) * abs v + α) o r =
      (1 + a) * valueAt axes (t.map abs) o r + α * valueAt axes (t.map fun _ => 1) o r := by
  unfold valueAt
  rcases indices axes o r with _ | is
  · grind
  · rcases Tensor.entry_eq_get_or_zero (K := K) (extents axes) is with ⟨i, h⟩ | h
    · simp only [h, Tensor.get_map]; grind
    · simp only [h]; grind

theorem valueAt_map_nonneg {axes : List (Axis Int)} {f : K → K} (hf : ∀ v, 0 ≤ f v)
    (t : Tensor K (extents axes)) (o r : List Nat) : 0 ≤ valueAt axes (t.map f) o r := by
  unfold valueAt
  rcases indices axes o r with _ | is
  · exact Std.IsPreorder.le_refl _
  · rcases Tensor.entry_eq_get_or_zero (K := K) (extents axes) is with ⟨i, h⟩ | h
    · simp only [h, Tensor.get_map]; exact hf _
    · simp only [h]; exact Std.IsPreorder.le_refl _

theorem sums_nonneg : (ns : List Nat) → {f : List Nat → K} → (∀ is, 0 ≤ f is) → 0 ≤ sums ns f
  | [], _, h => h []
  | _ :: ns, _, h => sum_nonneg fun _ _ => sums_nonneg ns fun _ => h _

theorem addendsAt_map_nonneg {f : K → K} (hf : ∀ v, 0 ≤ f v) (o : List Nat) :
    (ps : List (Operand Int)) → (ts : Tensors K (shapes ps)) → 0 ≤ addendsAt o ps (ts.map f)
  | [], _ => Std.IsPreorder.le_refl _
  | p :: ps, (t, ts) => by
    have := valueAt_map_nonneg hf t o []
    have := addendsAt_map_nonneg hf o ps ts
    show 0 ≤ valueAt p.axes (t.map f) o [] + addendsAt o ps (ts.map f)
    grind

/-- Σᵣ x(o, r)·y(o, r): what a contraction of two factors is, without its addends. -/
def pairSum (red : List Int) (p₁ p₂ : Operand Int) (x : Tensor K (extents p₁.axes))
    (y : Tensor K (extents p₂.axes)) (o : List Nat) : K :=
  sums (toNats red) fun r => valueAt p₁.axes x o r * valueAt p₂.axes y o r

/-- Σᵣ y(o, r): what a contraction of one factor is, without its addends. -/
def singleSum (red : List Int) (p : Operand Int) (y : Tensor K (extents p.axes))
    (o : List Nat) : K :=
  sums (toNats red) fun r => valueAt p.axes y o r

section
variable {out : List (List Int)} {red : List Int} {p₁ p₂ : Operand Int} {ps : List (Operand Int)}
  {x' xr x : Tensor K (extents p₁.axes)} {y' yr y : Tensor K (extents p₂.axes)} {o : List Nat}

theorem evalAt_pair (out : List (List Int)) (x : Tensor K (extents p₁.axes))
    (y : Tensor K (extents p₂.axes)) (bs : Tensors K (shapes ps)) :
    evalAt exact ⟨out, red, p₁, [p₂], ps⟩ (x, y, ⟨⟩) bs o =
      pairSum red p₁ p₂ x y o + addendsAt o ps bs := by
  refine (evalAt_exact_eq_sums ..).trans (congrArg (· + _) (sums_congr _ fun r => ?_))
  exact congrArg (_ * ·) valuesAt_one

theorem evalAt_single (out : List (List Int)) (y : Tensor K (extents p₂.axes)) :
    evalAt exact ⟨out, red, p₂, [], []⟩ (y, ⟨⟩) ⟨⟩ o = singleSum red p₂ y o :=
  (evalAt_exact_eq_sums ..).trans ((Lean.Grind.Semiring.add_zero _).trans
    (sums_congr _ fun _ => Lean.Grind.Semiring.mul_one _))

theorem get_eval_pair (x : Tensor K (extents p₁.axes)) (y : Tensor K (extents p₂.axes))
    (i : Index (shape ⟨out, red, p₁, [p₂], []⟩)) :
    (eval exact ⟨out, red, p₁, [p₂], []⟩ (x, y, ⟨⟩) ⟨⟩).get i =
      pairSum red p₁ p₂ x y (outIndices out i) :=
  (Tensor.get_ofFn _ _ _).trans ((evalAt_pair ..).trans (Lean.Grind.Semiring.add_zero _))

theorem get_eval_single (y : Tensor K (extents p₂.axes))
    (i : Index (shape ⟨out, red, p₂, [], []⟩)) :
    (eval exact ⟨out, red, p₂, [], []⟩ (y, ⟨⟩) ⟨⟩).get i =
      singleSum red p₂ y (outIndices out i) :=
  (Tensor.get_ofFn _ _ _).trans (evalAt_single ..)

/-- Σ ((1 + a)·|x| + α)·((1 + b)·|y| + β), expanded. -/
theorem pairSum_affine (a α b β : K) : pairSum red p₁ p₂ (x.map fun v => (1 + a) * abs v + α)
      (y.map fun v => (1 + b) * abs v + β) o =
    (1 + a) * (1 + b) * pairSum red p₁ p₂ (x.map abs) (y.map abs) o +
      (1 + a) * β * pairSum red p₁ p₂ (x.map abs) (y.map fun _ => 1) o +
      (1 + b) * α * pairSum red p₁ p₂ (x.map fun _ => 1) (y.map abs) o +
      α * β * pairSum red p₁ p₂ (x.map fun _ => 1) (y.map fun _ => 1) o := by
  unfold pairSum
  simp only [valueAt_affine, mul_sums, ← sums_add]
  exact sums_congr _ fun r => by grind

/-- |x| + |x̂ − x| + |x′ − x| ≤ (1 + a)·|x| + α -/
theorem reach_affine {s : List Nat} {x' xr x : Tensor K s} {a α : K}
    (h : ∀ i, abs (xr.get i - x.get i) + abs (x'.get i - x.get i) ≤ a * abs (x.get i) + α)
    (i : Index s) : abs (x.get i) + abs (xr.get i - x.get i) + abs (x'.get i - x.get i) ≤
      (x.map fun v => (1 + a) * abs v + α).get i := by
  have := h i
  rw [Tensor.get_map]
  grind

/-- The coefficients, given the sums: S is Σ|x||y|, X is Σ|x|, Y is Σ|y|, A the sum of the absolute
values of the addends, N the number of terms. -/
theorem _root_.RuntimeApprox.Errors.estimate_le {e : Errors K} (he : e.Valid) (hG : 1 ≤ e.growth)
    {S X Y N A κ : K} (hA : 0 ≤ A) (hN : N ≤ e.terms) :
    e.growth * ((1 + e.firstRelative) * (1 + e.secondRelative) * S +
          (1 + e.firstRelative) * e.secondAbsolute * X +
          (1 + e.secondRelative) * e.firstAbsolute * Y +
          e.firstAbsolute * e.secondAbsolute * N + (A + κ)) - (S + A) +
        (e.growth * (e.terms * (2 * e.underflow)) + e.outputUnderflow) ≤
      e.productCoefficient * (S + A) + e.firstCoefficient * X + e.secondCoefficient * Y +
        e.constantCoefficient + e.growth * κ := by
  have hG0 : 0 ≤ e.growth := by grind
  have h1 := mul_nonneg (mul_nonneg hG0 hA) he.firstRelative
  have h2 := mul_nonneg (mul_nonneg hG0 hA) he.secondRelative
  have h3 := mul_nonneg (mul_nonneg (mul_nonneg hG0 hA) he.firstRelative) he.secondRelative
  have h4 := mul_le_mul_left (mul_nonneg hG0 (mul_nonneg he.firstAbsolute he.secondAbsolute)) hN
  unfold Errors.productCoefficient Errors.firstCoefficient Errors.secondCoefficient
    Errors.constantCoefficient
  grind

/-- The coefficients of one factor, given the sums: S is Σ|y|, N the number of terms. -/
theorem _root_.RuntimeApprox.Errors.estimate_one_le {e : Errors K} (he : e.Valid)
    (hG : 1 ≤ e.growth) {S N : K} (hS : 0 ≤ S) (hN : 0 ≤ N) (hn : 0 ≤ e.terms) :
    e.growth * ((1 + e.secondRelative) * S + e.secondAbsolute * N) - S +
        (e.growth * (e.terms * (2 * e.underflow)) + e.outputUnderflow) ≤
      e.productCoefficient * S + e.firstCoefficient * N + e.constantCoefficient := by
  have hG0 : 0 ≤ e.growth := by grind
  have h1 := mul_nonneg (mul_nonneg hG0 he.firstRelative) (mul_nonneg
    (show 0 ≤ 1 + e.secondRelative by have := he.secondRelative; grind) hS)
  have h2 := mul_nonneg (mul_nonneg hG0 he.firstRelative) (mul_nonneg he.secondAbsolute hN)
  have h3 := mul_nonneg (mul_nonneg hG0 hn) (mul_nonneg he.firstAbsolute he.secondAbsolute)
  unfold Errors.productCoefficient Errors.firstCoefficient Errors.constantCoefficient
  grind

/-- The number of terms of a pair of operands is at most that of all summands. -/
theorem pairSum_one_le {e : Errors K} {b : Tensors K (shapes ps)} {v : K}
    (hv : e.Near (summands ⟨out, red, p₁, [p₂], ps⟩ (xr, yr, ⟨⟩) b o) v) :
    pairSum red p₁ p₂ (x.map fun _ => 1) (y.map fun _ => 1) o ≤ e.terms := by
  obtain ⟨⟨n, hn, hlen⟩, -⟩ := hv
  have h1 := (count_summands ⟨out, red, p₁, [p₂], ps⟩ (xr, yr, ⟨⟩) b o).trans
    (evalAt_pair out (x.map fun _ => 1) (y.map fun _ => 1) (b.map fun _ => 1))
  have h2 := count_mono (K := K) hlen
  have h3 := addendsAt_map_nonneg (f := fun _ => (1 : K)) (fun _ => by grind) o ps b
  rw [h1, ← hn] at h2
  have cut : ∀ {a b c : K}, a + b ≤ c → 0 ≤ b → a ≤ c := by intro a b c; grind
  exact cut h2 h3

/-- **Any order, two factors**: where x̂ and x′ are within a·|x| + α of x, together, and ŷ and y′
within b·|y| + β of y, and v is near the sum of the products of x̂ and ŷ, as what is computed in any
order is (`Errors.Computes.near`), |v − exact(x′, y′)| ≤
product·Σ|x||y| + first·Σ|x| + second·Σ|y| + constant. The absolute values of addends count with
Σ|x||y|; what they may be off, κ in all, counts with `growth`. -/
theorem any_order_estimate {e : Errors K} (he : e.Valid)
    {b' br b bq : Tensors K (shapes ps)} {κ v : K}
    (hv : e.Near (summands ⟨out, red, p₁, [p₂], ps⟩ (xr, yr, ⟨⟩) br o) v)
    (hx : ∀ i, abs (xr.get i - x.get i) + abs (x'.get i - x.get i) ≤
      e.firstRelative * abs (x.get i) + e.firstAbsolute)
    (hy : ∀ i, abs (yr.get i - y.get i) + abs (y'.get i - y.get i) ≤
      e.secondRelative * abs (y.get i) + e.secondAbsolute)
    (hb : Tensors.Reach b' br b bq)
    (hκ : addendsAt o ps bq ≤ addendsAt o ps (b.map abs) + κ) :
    abs (v - evalAt exact ⟨out, red, p₁, [p₂], ps⟩ (x', y', ⟨⟩) b' o) ≤
      e.productCoefficient *
        (pairSum red p₁ p₂ (x.map abs) (y.map abs) o + addendsAt o ps (b.map abs)) +
      e.firstCoefficient * pairSum red p₁ p₂ (x.map abs) (y.map fun _ => 1) o +
      e.secondCoefficient * pairSum red p₁ p₂ (x.map fun _ => 1) (y.map abs) o +
      e.constantCoefficient + e.growth * κ := by
  have h := any_order_growth ⟨out, red, p₁, [p₂], ps⟩ (fs' := (x', y', ⟨⟩))
    (fsr := (xr, yr, ⟨⟩)) (fs := (x, y, ⟨⟩))
    (qs := (x.map fun v => (1 + e.firstRelative) * abs v + e.firstAbsolute,
      y.map fun v => (1 + e.secondRelative) * abs v + e.secondAbsolute, ⟨⟩))
    ⟨reach_affine hx, reach_affine hy, trivial⟩ hb he hv
  have hG : 1 ≤ e.growth := let ⟨⟨_, hn, _⟩, _⟩ := hv; Errors.one_le_growth he hn
  have hle := mul_le_mul_left (show 0 ≤ e.growth by grind) hκ
  have hest := Errors.estimate_le he hG (κ := κ)
    (X := pairSum red p₁ p₂ (x.map abs) (y.map fun _ => 1) o)
    (S := pairSum red p₁ p₂ (x.map abs) (y.map abs) o)
    (Y := pairSum red p₁ p₂ (x.map fun _ => 1) (y.map abs) o)
    (addendsAt_map_nonneg abs_nonneg o ps b) (pairSum_one_le (x := x) (y := y) hv)
  rw [evalAt_pair out (x.map _) (y.map _) bq, pairSum_affine,
    (evalAt_pair out (x.map abs) (y.map abs) (b.map abs) :
      evalAt exact _ (Tensors.map abs _) _ o = _)] at h
  refine Std.IsPreorder.le_trans _ _ _ (Std.IsPreorder.le_trans _ _ _ h ?_) hest
  rw [Lean.Grind.Semiring.left_distrib] at hle ⊢
  rw [Lean.Grind.Semiring.left_distrib e.growth _ (_ + κ),
    Lean.Grind.Semiring.left_distrib e.growth _ κ]
  grind

/-- Without addends: `any_order_estimate` with the sums as contractions,
product·c(|x|, |y|) + first·c(|x|, 1) + second·c(1, |y|) + constant. -/
theorem any_order_estimate_two {e : Errors K} (he : e.Valid)
    {i : Index (shape ⟨out, red, p₁, [p₂], []⟩)} {v : K}
    (hv : e.Near (terms ⟨out, red, p₁, [p₂], []⟩ (xr, yr, ⟨⟩) (outIndices out i)) v)
    (hx : ∀ i, abs (xr.get i - x.get i) + abs (x'.get i - x.get i) ≤
      e.firstRelative * abs (x.get i) + e.firstAbsolute)
    (hy : ∀ i, abs (yr.get i - y.get i) + abs (y'.get i - y.get i) ≤
      e.secondRelative * abs (y.get i) + e.secondAbsolute) :
    abs (v - (eval exact ⟨out, red, p₁, [p₂], []⟩ (x', y', ⟨⟩) ⟨⟩).get i) ≤
      e.productCoefficient *
        (eval exact ⟨out, red, p₁, [p₂], []⟩ (x.map abs, y.map abs, ⟨⟩) ⟨⟩).get i +
      e.firstCoefficient *
        (eval exact ⟨out, red, p₁, [p₂], []⟩ (x.map abs, y.map fun _ => 1, ⟨⟩) ⟨⟩).get i +
      e.secondCoefficient *
        (eval exact ⟨out, red, p₁, [p₂], []⟩ (x.map fun _ => 1, y.map abs, ⟨⟩) ⟨⟩).get i +
      e.constantCoefficient := by
  have h := any_order_estimate (ps := []) (b' := ⟨⟩) (br := ⟨⟩) (b := ⟨⟩) (bq := ⟨⟩) (κ := 0) he hv
    hx hy trivial (by show (0 : K) ≤ 0 + 0; grind)
  rw [evalAt_pair, show ∀ t, addendsAt (K := K) (outIndices out i) [] t = 0 from fun _ => rfl] at h
  rw [show addendsAt (outIndices out i) [] (Tensors.map abs _) = (0 : K) from rfl] at h
  simp only [Lean.Grind.Semiring.add_zero, Lean.Grind.Semiring.mul_zero] at h
  rw [get_eval_pair, get_eval_pair, get_eval_pair, get_eval_pair]
  exact h

theorem valueAt_zero {axes : List (Axis Int)} (o r : List Nat) :
    valueAt axes (0 : Tensor K (extents axes)) o r = 0 := by
  unfold valueAt
  rcases indices axes o r with _ | is
  · rfl
  · exact Tensor.entry_zero is

theorem valueAt_map_add_le {axes : List (Axis Int)} {κ : K} (hκ : 0 ≤ κ)
    (t : Tensor K (extents axes)) (o r : List Nat) :
    valueAt axes (t.map fun v => abs v + κ) o r ≤ valueAt axes (t.map abs) o r + κ := by
  unfold valueAt
  rcases indices axes o r with _ | is
  · grind
  · rcases Tensor.entry_eq_get_or_zero (K := K) (extents axes) is with ⟨i, h⟩ | h
    · simp only [h, Tensor.get_map]; exact Std.IsPreorder.le_refl _
    · simp only [h]; grind

theorem addendsAt_map_one {p : Operand Int} (f : K → K) (t : Tensor K (extents p.axes))
    (o : List Nat) : addendsAt o [p] (Tensors.map f (Γ := shapes [p]) (t, ⟨⟩)) =
      valueAt p.axes (t.map f) o [] :=
  addendsAt_one

/-- One entry of two factors and an addend, as `pairSum` and the addend. -/
theorem get_eval_bias {p₃ : Operand Int} (x : Tensor K (extents p₁.axes))
    (y : Tensor K (extents p₂.axes)) (b : Tensor K (extents p₃.axes))
    (i : Index (shape ⟨out, red, p₁, [p₂], [p₃]⟩)) :
    (eval exact ⟨out, red, p₁, [p₂], [p₃]⟩ (x, y, ⟨⟩) (b, ⟨⟩)).get i =
      pairSum red p₁ p₂ x y (outIndices out i) + valueAt p₃.axes b (outIndices out i) [] :=
  (Tensor.get_ofFn _ _ _).trans ((evalAt_pair ..).trans (congrArg (_ + ·) addendsAt_one))

/-- With one addend, of which the exact and the added one are together within κ of the given one:
product·c(|x|, |y|, |b|) + first·c(|x|, 1, 0) + second·c(1, |y|, 0) + constant + growth·κ. -/
theorem any_order_estimate_bias {p₃ : Operand Int} {b' br b : Tensor K (extents p₃.axes)}
    {e : Errors K} (he : e.Valid) {i : Index (shape ⟨out, red, p₁, [p₂], [p₃]⟩)} {v κ : K}
    (hv : e.Near
      (summands ⟨out, red, p₁, [p₂], [p₃]⟩ (xr, yr, ⟨⟩) (br, ⟨⟩) (outIndices out i)) v)
    (hx : ∀ i, abs (xr.get i - x.get i) + abs (x'.get i - x.get i) ≤
      e.firstRelative * abs (x.get i) + e.firstAbsolute)
    (hy : ∀ i, abs (yr.get i - y.get i) + abs (y'.get i - y.get i) ≤
      e.secondRelative * abs (y.get i) + e.secondAbsolute)
    (hb : ∀ i, abs (br.get i - b.get i) + abs (b'.get i - b.get i) ≤ κ) (hκ : 0 ≤ κ) :
    abs (v - (eval exact ⟨out, red, p₁, [p₂], [p₃]⟩ (x', y', ⟨⟩) (b', ⟨⟩)).get i) ≤
      e.productCoefficient * (eval exact ⟨out, red, p₁, [p₂], [p₃]⟩
        (x.map abs, y.map abs, ⟨⟩) (b.map abs, ⟨⟩)).get i +
      e.firstCoefficient * (eval exact ⟨out, red, p₁, [p₂], [p₃]⟩
        (x.map abs, y.map fun _ => 1, ⟨⟩) (0, ⟨⟩)).get i +
      e.secondCoefficient * (eval exact ⟨out, red, p₁, [p₂], [p₃]⟩
        (x.map fun _ => 1, y.map abs, ⟨⟩) (0, ⟨⟩)).get i +
      e.constantCoefficient + e.growth * κ := by
  have h := any_order_estimate (ps := [p₃]) (b' := (b', ⟨⟩)) (br := (br, ⟨⟩)) (b := (b, ⟨⟩))
    (bq := (b.map fun v => abs v + κ, ⟨⟩)) (κ := κ) he hv hx hy
    ⟨fun i => by have := hb i; rw [Tensor.get_map]; grind, trivial⟩
    (by
      rw [addendsAt_one, addendsAt_map_one]
      exact valueAt_map_add_le hκ b _ _)
  rw [evalAt_pair, addendsAt_one, addendsAt_map_one] at h
  rw [get_eval_bias, get_eval_bias, get_eval_bias, get_eval_bias, valueAt_zero]
  simp only [Lean.Grind.Semiring.add_zero]
  exact h

/-- **Any order, one factor** (as the bias gradient): with 1 in the place of x,
|computed − exact(y′)| ≤ product·Σ|y| + first·(number of terms) + constant. -/
theorem any_order_estimate_one {e : Errors K} (he : e.Valid)
    {i : Index (shape ⟨out, red, p₂, [], []⟩)} {v : K}
    (hv : e.Near (terms ⟨out, red, p₂, [], []⟩ (yr, ⟨⟩) (outIndices out i)) v)
    (hy : ∀ i, abs (yr.get i - y.get i) + abs (y'.get i - y.get i) ≤
      e.secondRelative * abs (y.get i) + e.secondAbsolute) :
    abs (v - (eval exact ⟨out, red, p₂, [], []⟩ (y', ⟨⟩) ⟨⟩).get i) ≤
      e.productCoefficient * (eval exact ⟨out, red, p₂, [], []⟩ (y.map abs, ⟨⟩) ⟨⟩).get i +
      e.firstCoefficient * (eval exact ⟨out, red, p₂, [], []⟩ (y.map fun _ => 1, ⟨⟩) ⟨⟩).get i +
      e.constantCoefficient := by
  have h := any_order_growth ⟨out, red, p₂, [], []⟩ (fs' := (y', ⟨⟩)) (fsr := (yr, ⟨⟩))
    (fs := (y, ⟨⟩)) (qs := (y.map fun v => (1 + e.secondRelative) * abs v + e.secondAbsolute, ⟨⟩))
    (as' := ⟨⟩) (asr := ⟨⟩) (as := ⟨⟩) (bs := ⟨⟩) ⟨reach_affine hy, trivial⟩ trivial he hv
  obtain ⟨⟨n, hn, -⟩, -⟩ := hv
  have hS : 0 ≤ singleSum red p₂ (y.map abs) (outIndices out i) :=
    sums_nonneg _ fun r => valueAt_map_nonneg abs_nonneg y _ r
  have hN : 0 ≤ singleSum red p₂ (y.map fun _ => (1 : K)) (outIndices out i) :=
    sums_nonneg _ fun r => valueAt_map_nonneg (f := fun _ => (1 : K)) (fun _ => by grind) y _ r
  have hn0 : 0 ≤ e.terms := by rw [hn]; exact count_nonneg n
  have hest := Errors.estimate_one_le he (Errors.one_le_growth he hn) hS hN hn0
  have h1 : singleSum red p₂ (y.map fun v => (1 + e.secondRelative) * abs v + e.secondAbsolute)
      (outIndices out i) = (1 + e.secondRelative) * singleSum red p₂ (y.map abs) (outIndices out i) +
      e.secondAbsolute * singleSum red p₂ (y.map fun _ => 1) (outIndices out i) := by
    unfold singleSum
    simp only [valueAt_affine, sums_add, mul_sums]
  rw [evalAt_single, evalAt_single, h1, (evalAt_single out (y.map abs) :
    evalAt exact _ (Tensors.map abs _) (Tensors.map abs _) (outIndices out i) = _)] at h
  rw [get_eval_single, get_eval_single, get_eval_single]
  exact Std.IsPreorder.le_trans _ _ _ h hest

end

end Contraction

end RuntimeApprox
