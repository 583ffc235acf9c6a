module

public import RuntimeApprox.Estimate.Theorems

/-!
# Tolerances

What a kernel may be off when only bounds of the operands are known, not the operands themselves.

## Main results
* `Contraction.tolerance_le`: |v − c(x′)| ≤ `ErrorBound.tolerance`, and each number that is larger,
  for contractions of one or two factors, with one addend or none.
* `operandDeviation_le`: what an operand deviates that is rounded.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

theorem Tensors.DeviatesBy.between {X D : K} : {ss : List (List Nat)} →
    {xs' xsr xs : Tensors K ss} → Tensors.DeviatesBy X D xs' xsr xs →
    Tensors.Between xs' xsr (Tensors.fill X ss) (Tensors.fill (X + D) ss)
  | [], _, _, _, _ => trivial
  | _ :: _, (_, _), (_, _), (_, _), ⟨h, hs⟩ => ⟨fun i => by
      rw [Tensor.get_fill, Tensor.get_fill]
      exact .of_deviates (h i).1 (h i).2, hs.between⟩

theorem Tensors.fill_one_between : (ss : List (List Nat)) → Tensors.Between
    (Tensors.fill (1 : K) ss) (Tensors.fill 1 ss) (Tensors.fill 1 ss) (Tensors.fill 1 ss)
  | [] => trivial
  | _ :: ss => ⟨fun i => by simp only [Tensor.get_fill]; exact .one, fill_one_between ss⟩

theorem valueAt_fill {axes : List (Axis Int)} (a : K) (o r : List Nat) :
    valueAt axes (Tensor.fill _ a) o r = a * valueAt axes (Tensor.fill _ 1) o r := by
  unfold valueAt
  rcases indices axes o r with _ | is
  · grind
  · rcases Tensor.entry_eq_get_or_zero (K := K) (extents axes) is with ⟨i, h⟩ | h <;>
      simp only [h, Tensor.get_fill] <;> grind

theorem valueAt_fill_one {axes : List (Axis Int)} (o r : List Nat) :
    valueAt (K := K) axes (Tensor.fill _ 1) o r = 0 ∨
      valueAt (K := K) axes (Tensor.fill _ 1) o r = 1 := by
  unfold valueAt
  rcases indices axes o r with _ | is
  · exact .inl rfl
  · rcases Tensor.entry_eq_get_or_zero (K := K) (extents axes) is with ⟨i, h⟩ | h <;>
      simp only [h, Tensor.get_fill]
    · exact .inr trivial
    · exact .inl trivial

/-- The product of at most one number a is a, where there is one. -/
theorem valuesAt_fill {a : K} {o r : List Nat} : {ps : List (Operand Int)} → ps.length ≤ 1 →
    (ps = [] → a = 1) → valuesAt o r ps (Tensors.fill a _) =
      a * valuesAt o r ps (Tensors.fill 1 _)
  | [], _, h => by rw [h rfl]; exact (Lean.Grind.Semiring.one_mul _).symm
  | [p], _, _ => by
    show valuesAt o r [p] (Tensor.fill _ a, ⟨⟩) = a * valuesAt o r [p] (Tensor.fill _ 1, ⟨⟩)
    rw [valuesAt_one, valuesAt_one, valueAt_fill]
  | _ :: _ :: _, h, _ => by simp at h

/-- At most one addend of at most b is at most b, where b is not negative. -/
theorem addendsAt_fill_add_le {b : K} (a : K) (hb : 0 ≤ b) {o : List Nat} :
    {ps : List (Operand Int)} → ps.length ≤ 1 →
    addendsAt o ps (Tensors.fill (a + b) _) ≤ addendsAt o ps (Tensors.fill a _) + b
  | [], _ => by show (0 : K) ≤ 0 + b; grind
  | [p], _ => by
    show addendsAt o [p] (Tensor.fill _ (a + b), ⟨⟩) ≤ addendsAt o [p] (Tensor.fill _ a, ⟨⟩) + b
    rw [addendsAt_one, addendsAt_one, valueAt_fill, valueAt_fill a]
    rcases valueAt_fill_one (K := K) (axes := p.axes) o [] with h | h <;> rw [h] <;> grind
  | _ :: _ :: _, h => by simp at h

theorem addendsAt_fill_zero (o : List Nat) : (ps : List (Operand Int)) →
    addendsAt o ps (Tensors.fill (0 : K) _) = 0
  | [] => rfl
  | p :: ps => by
    have := addendsAt_fill_zero o ps
    show valueAt p.axes (Tensor.fill _ 0) o [] + addendsAt o ps (Tensors.fill 0 _) = 0
    rw [valueAt_fill]
    grind

namespace Contraction

theorem termCount_nonneg (c : Contraction Int) (o : List Nat) : 0 ≤ c.termCount K o :=
  Std.IsPreorder.le_trans _ _ _ (abs_nonneg _) (abs_evalAt_le (as := ⟨⟩) { c with addends := [] }
    (Tensors.fill_one_between _) trivial o)

theorem termCount_eq_sums (c : Contraction Int) (o : List Nat) : c.termCount K o =
    sums (toNats c.red) fun r =>
      valueAt c.factor.axes (Tensor.fill _ 1) o r * valuesAt o r c.factors (Tensors.fill 1 _) := by
  unfold termCount
  rw [evalAt_exact_eq_sums]
  exact Lean.Grind.Semiring.add_zero _

theorem evalAt_fill (c : Contraction Int) (hq : c.factors.length ≤ 1) {X Y B : K}
    (hY : c.factors = [] → Y = 1) (o : List Nat) :
    evalAt exact c (Tensor.fill _ X, Tensors.fill Y _) (Tensors.fill B _) o =
      X * Y * c.termCount K o + addendsAt o c.addends (Tensors.fill B _) := by
  rw [evalAt_exact_eq_sums, termCount_eq_sums, mul_sums]
  refine congrArg (· + _) (sums_congr _ fun r => ?_)
  show valueAt _ (Tensor.fill _ X) o r * valuesAt o r _ (Tensors.fill Y _) = _
  rw [valueAt_fill, valuesAt_fill hq hY]
  grind

/-- **A tolerance** of a contraction of one or two factors, with one addend or none, at any entry of
at most n terms: |x| ≤ X, |y| ≤ Y and |b| ≤ B, and x̂ and x′ are together within Dx of x, and so on.
Then |v − c(x′)| ≤ ρ·(n·X·Y + B) + (1 + ρ)·(n·(Dx·(Y + Dy) + X·Dy) + Db) + η ≤ T. Without a second
factor Y = 1 and Dy = 0. -/
theorem tolerance_le (c : Contraction Int) (hq : c.factors.length ≤ 1)
    (hp : c.addends.length ≤ 1) {e : ErrorBound K} (he : 0 ≤ e.relative) {n X Y B Dx Dy Db T : K}
    {x' xr x : Tensor K (extents c.factor.axes)} {ys' ysr ys : Tensors K (shapes c.factors)}
    {bs' bsr bs : c.Addends K}
    (hx : ∀ i, abs (x.get i) ≤ X ∧ abs (xr.get i - x.get i) + abs (x'.get i - x.get i) ≤ Dx)
    (hy : Tensors.DeviatesBy Y Dy ys' ysr ys) (hb : Tensors.DeviatesBy B Db bs' bsr bs)
    (h1 : c.factors = [] → Y = 1 ∧ Dy = 0) (hX : 0 ≤ X) (hY : 0 ≤ Y) (hB : 0 ≤ B) (hDx : 0 ≤ Dx)
    (hDy : 0 ≤ Dy) (hDb : 0 ≤ Db) {o : List Nat} (hn : c.termCount K o ≤ n) {v : K}
    (hv : Near e (c.summands (xr, ysr) bsr o) v)
    (hT : e.tolerance n X Y B Dx Dy Db ≤ T) :
    abs (v - evalAt exact c (x', ys') bs' o) ≤ T := by
  have h0 := termCount_nonneg (K := K) c o
  have hc := addendsAt_fill_add_le (o := o) (0 : K) hB hp
  rw [addendsAt_fill_zero, show (0 : K) + B = B by grind] at hc
  have hA := addendsAt_fill_add_le (o := o) B hDb hp
  have h2 := mul_le_mul_left (mul_nonneg hX hY) hn
  have h3 := mul_le_mul_left (show 0 ≤ Dx * (Y + Dy) + X * Dy by
    have := mul_nonneg hDx (show 0 ≤ Y + Dy by grind)
    have := mul_nonneg hX hDy
    grind) hn
  have h := estimate c (fs' := (x', ys')) (fsr := (xr, ysr))
    (ps := (Tensor.fill _ X, Tensors.fill Y _))
    (qs := (Tensor.fill _ (X + Dx), Tensors.fill (Y + Dy) _))
    ⟨fun i => by rw [Tensor.get_fill, Tensor.get_fill]; exact .of_deviates (hx i).1 (hx i).2,
      hy.between⟩ hb.between o he hv (A := n * (Dx * (Y + Dy) + X * Dy) + Db) (by
        rw [evalAt_fill c hq fun h => by rw [(h1 h).1, (h1 h).2]; grind,
          evalAt_fill c hq fun h => (h1 h).1]
        grind)
  rw [evalAt_fill c hq fun h => (h1 h).1] at h
  refine Std.IsPreorder.le_trans _ _ _ h (Std.IsPreorder.le_trans _ _ _
    (ErrorBound.estimate_mono he ?_ (Std.IsPreorder.le_refl _)) hT)
  grind

end Contraction

/-- What an operand deviates that is rounded, with relative error ρ and absolute error α, and that is
within ε of the exact one: ρ·X + α + ε. -/
theorem operandDeviation_le {e : ErrorBound K} (he : 0 ≤ e.relative) {x' xr x X ε : K}
    (hX : abs x ≤ X) (hr : abs (xr - x) ≤ e.relative * abs x + e.absolute)
    (hε : abs (x' - x) ≤ ε) : abs (xr - x) + abs (x' - x) ≤ operandDeviation e X + ε := by
  have := mul_le_mul_left he hX
  unfold operandDeviation
  grind

end RuntimeApprox
