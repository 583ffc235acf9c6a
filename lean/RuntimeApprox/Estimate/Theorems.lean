module

public import RuntimeApprox.Contraction.Exact.Theorems
public import RuntimeApprox.Estimate
public import RuntimeApprox.Summands.Theorems

/-!
# The estimates of contractions hold

A contraction is a polynomial with coefficients that are not
negative, so that at x̂ and x′ it differs by no more than it grows from |x| to |x| + D, where
|x̂ − x| + |x′ − x| ≤ D.

## Main results
* `Contraction.between`: what holds of the entries of the operands holds of the results.
* `Contraction.estimate`: any number of factors and addends: a value v that is near the sum of the
  summands of x̂ has |v − c(x′)| ≤ ρ·c(X) + (1 + ρ)·A + η where c(X + D) ≤ c(X) + A.
* `Contraction.estimate_two`: of two factors A is c(Dx, Q) + c(X, Dy) for every Q ≥ Y + Dy, and what
  addends deviate by; `Contraction.get_estimate_one`: of one factor it is c(D).
* `Contraction.tolerance_le`: from bounds of all entries, for one or two factors.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

/-- The estimate grows with what it is of. -/
theorem ErrorBound.estimate_mono {e : ErrorBound K} (he : 0 ≤ e.relative) {M A M' A' : K}
    (hM : M ≤ M') (hA : A ≤ A') : e.estimate M A ≤ e.estimate M' A' := by
  have := mul_le_mul_left he hM
  have := mul_le_mul_left (show 0 ≤ 1 + e.relative by grind) hA
  unfold estimate magnitudeCoefficient deviationCoefficient
  grind

/-! ### What sums and products keep -/

namespace Between

theorem zero : Between (0 : K) 0 0 0 := ⟨by unfold abs; grind, by unfold abs; grind⟩

theorem one : Between (1 : K) 1 1 1 := ⟨by unfold abs; grind, by unfold abs; grind⟩

theorem add {x' xr p q y' yr p' q' : K} (hx : Between x' xr p q) (hy : Between y' yr p' q') :
    Between (x' + y') (xr + yr) (p + p') (q + q') := by
  obtain ⟨hx, hx'⟩ := hx
  obtain ⟨hy, hy'⟩ := hy
  have h := abs_add_le (xr - x') (yr - y')
  have h' := abs_add_le (xr + x') (yr + y')
  rw [show xr - x' + (yr - y') = xr + yr - (x' + y') by grind] at h
  rw [show xr + x' + (yr + y') = xr + yr + (x' + y') by grind] at h'
  constructor <;> grind

/-- |a·b + c·d| ≤ A·B + C·D -/
theorem abs_mul_add_mul_le {a b c d A B C D : K} (ha : abs a ≤ A) (hb : abs b ≤ B) (hc : abs c ≤ C)
    (hd : abs d ≤ D) : abs (a * b + c * d) ≤ A * B + C * D := by
  have := abs_add_le (a * b) (c * d)
  have := mul_le_mul ha hb (abs_nonneg b) (Std.IsPreorder.le_trans _ _ _ (abs_nonneg a) ha)
  have := mul_le_mul hc hd (abs_nonneg d) (Std.IsPreorder.le_trans _ _ _ (abs_nonneg c) hc)
  rw [abs_mul, abs_mul] at *
  grind

theorem abs_two_mul (x : K) : abs (2 * x) = 2 * abs x := by
  rw [abs_mul, abs_of_nonneg (show (0 : K) ≤ 2 by grind)]

theorem mul {x' xr p q y' yr p' q' : K} (hx : Between x' xr p q) (hy : Between y' yr p' q') :
    Between (x' * y') (xr * yr) (p * p') (q * q') := by
  obtain ⟨hx, hx'⟩ := hx
  obtain ⟨hy, hy'⟩ := hy
  have h := abs_mul_add_mul_le hx hy' hx' hy
  have h' := abs_mul_add_mul_le hx' hy' hx hy
  rw [show (xr - x') * (yr + y') + (xr + x') * (yr - y') = 2 * (xr * yr - x' * y') by grind,
    abs_two_mul] at h
  rw [show (xr + x') * (yr + y') + (xr - x') * (yr - y') = 2 * (xr * yr + x' * y') by grind,
    abs_two_mul] at h'
  constructor <;> grind

/-- |x̂| ≤ q -/
theorem size {x' xr p q : K} (h : Between x' xr p q) : abs xr ≤ q := by
  have := abs_add_le (xr - x') (xr + x')
  rw [show xr - x' + (xr + x') = 2 * xr by grind, abs_two_mul] at this
  obtain ⟨_, _⟩ := h
  grind

/-- |x| ≤ q in two of the four places. -/
theorem of_abs_le {x q : K} (h : abs x ≤ q) : Between x x q q := by
  refine ⟨?_, ?_⟩
  · rw [abs_sub_self]; grind
  · rw [show x + x = 2 * x by grind, abs_two_mul]; grind

theorem of_deviates {x' xr x X D : K} (h : abs x ≤ X) (hD : abs (xr - x) + abs (x' - x) ≤ D) :
    Between x' xr X (X + D) := by
  have h1 := abs_sub_le xr x x'
  have h2 := abs_add_le (xr - x) (x' - x)
  have h3 := abs_add_le (xr - x + (x' - x)) (2 * x)
  rw [abs_sub_comm x] at h1
  rw [abs_two_mul, show xr - x + (x' - x) + 2 * x = xr + x' by grind] at h3
  constructor <;> grind

end Between

section
variable {o r : List Nat}

theorem Tensors.Between.size : {ss : List (List Nat)} → {xs' xsr ps qs : Tensors K ss} →
    Tensors.Between xs' xsr ps qs → Tensors.Between (xsr.map abs) (xsr.map abs) qs qs
  | [], _, _, _, _, _ => trivial
  | _ :: _, (_, _), (_, _), (_, _), (_, _), ⟨h, hs⟩ => ⟨fun i => by
      refine .of_abs_le ?_
      rw [Tensor.get_map, abs_of_nonneg (abs_nonneg _)]
      exact (h i).size, hs.size⟩

theorem between_valueAt {axes : List (Axis Int)} {t' tr p q : Tensor K (extents axes)}
    (h : ∀ i, Between (t'.get i) (tr.get i) (p.get i) (q.get i)) :
    Between (valueAt axes t' o r) (valueAt axes tr o r) (valueAt axes p o r)
      (valueAt axes q o r) := by
  unfold valueAt
  rcases indices axes o r with _ | is
  · exact .zero
  · rcases Tensor.entry_eq_get_or_zero (K := K) (extents axes) is with ⟨i, hi⟩ | hi <;>
      simp only [hi]
    · exact h i
    · exact .zero

theorem between_valuesAt : (ps : List (Operand Int)) → {ts' tsr us qs : Tensors K (shapes ps)} →
    Tensors.Between ts' tsr us qs → Between (valuesAt o r ps ts') (valuesAt o r ps tsr)
      (valuesAt o r ps us) (valuesAt o r ps qs)
  | [], _, _, _, _, _ => .one
  | _ :: ps, (_, _), (_, _), (_, _), (_, _), ⟨h, hs⟩ =>
    (between_valueAt h).mul (between_valuesAt ps hs)

theorem between_addendsAt : (ps : List (Operand Int)) → {ts' tsr us qs : Tensors K (shapes ps)} →
    Tensors.Between ts' tsr us qs → Between (addendsAt o ps ts') (addendsAt o ps tsr)
      (addendsAt o ps us) (addendsAt o ps qs)
  | [], _, _, _, _, _ => .zero
  | _ :: ps, (_, _), (_, _), (_, _), (_, _), ⟨h, hs⟩ =>
    (between_valueAt h).add (between_addendsAt ps hs)

theorem between_sums : (ns : List Nat) → {f' fr p q : List Nat → K} →
    (∀ is, Between (f' is) (fr is) (p is) (q is)) →
    Between (sums ns f') (sums ns fr) (sums ns p) (sums ns q)
  | [], _, _, _, _, h => h []
  | n :: ns, f', fr, p, q, h => by
    show Between (RuntimeApprox.sum n fun i => sums ns fun is => f' (i :: is))
      (RuntimeApprox.sum n fun i => sums ns fun is => fr (i :: is))
      (RuntimeApprox.sum n fun i => sums ns fun is => p (i :: is))
      (RuntimeApprox.sum n fun i => sums ns fun is => q (i :: is))
    induction n with
    | zero => exact .zero
    | succ n ih => exact ih.add (between_sums ns fun is => h (n :: is))

end

namespace Contraction

section
variable (c : Contraction Int) {fs' fsr ps qs : c.Factors K} {as' asr bs ds : c.Addends K}
  (hf : Tensors.Between fs' fsr ps qs) (ha : Tensors.Between as' asr bs ds) (o : List Nat)
include hf ha

/-- What is `Between` at the entries of the operands is so at those of the results. -/
theorem between : Between (evalAt exact c fs' as' o) (evalAt exact c fsr asr o)
    (evalAt exact c ps bs o) (evalAt exact c qs ds o) := by
  rw [evalAt_exact_eq_sums, evalAt_exact_eq_sums, evalAt_exact_eq_sums, evalAt_exact_eq_sums]
  obtain ⟨f', fs'⟩ := fs'
  obtain ⟨fr, fsr⟩ := fsr
  obtain ⟨p, ps⟩ := ps
  obtain ⟨q, qs⟩ := qs
  exact (between_sums _ fun r => (between_valueAt hf.1).mul (between_valuesAt c.factors hf.2)).add
    (between_addendsAt c.addends ha)

/-- **Any order**: a value v that is near the sum of the summands of x̂ is near the exact value at
x′: |v − c(x′)| ≤ ρ·c(p) + (1 + ρ)·A + η, where |x̂ − x′| ≤ q − p and |x̂ + x′| ≤ q + p at every entry,
and c(q) ≤ c(p) + A. -/
theorem estimate {e : ErrorBound K} (he : 0 ≤ e.relative) {v A : K}
    (hv : Near e (c.summands fsr asr o) v)
    (hA : evalAt exact c qs ds o ≤ evalAt exact c ps bs o + A) :
    abs (v - evalAt exact c fs' as' o) ≤ e.estimate (evalAt exact c ps bs o) A := by
  have h1 := (between c hf ha o).difference
  have h2 := (between c hf.size ha.size o).size
  have h3 := abs_sub_le v (evalAt exact c fsr asr o) (evalAt exact c fs' as' o)
  have h4 := le_abs_self (evalAt exact c (fsr.map abs) (asr.map abs) o)
  unfold Near at hv
  rw [listSum_summands, sumAbs_summands] at hv
  have h5 := mul_le_mul_left he (show evalAt exact c (fsr.map abs) (asr.map abs) o ≤
    evalAt exact c ps bs o + A by grind)
  unfold ErrorBound.estimate ErrorBound.magnitudeCoefficient ErrorBound.deviationCoefficient
    ErrorBound.constantCoefficient
  grind

end

/-- |c(x)| ≤ c(q) where |x| ≤ q at every entry. -/
theorem abs_evalAt_le (c : Contraction Int) {fs qs : c.Factors K} {as ds : c.Addends K}
    (hf : Tensors.Between fs fs qs qs) (ha : Tensors.Between as as ds ds) (o : List Nat) :
    abs (evalAt exact c fs as o) ≤ evalAt exact c qs ds o :=
  (between c hf ha o).size

/-! ### One and two factors -/

section
variable {out : List (List Int)} {red : List Int} {p₁ p₂ : Operand Int} {ps : List (Operand Int)}
  {x' xr x X Dx : Tensor K (extents p₁.axes)} {y' yr y Y Dy Q : Tensor K (extents p₂.axes)}
  {o : List Nat} {e : ErrorBound K}

/-- The exact value of a contraction of two factors: Σᵣ x(o, r)·y(o, r), and the addends. -/
theorem evalAt_two (x : Tensor K (extents p₁.axes)) (y : Tensor K (extents p₂.axes))
    (bs : Tensors K (shapes ps)) : evalAt exact ⟨out, red, p₁, [p₂], ps⟩ (x, y, ⟨⟩) bs o =
      sums (toNats red) (fun r => valueAt p₁.axes x o r * valueAt p₂.axes y o r) +
        addendsAt o ps bs := by
  rw [evalAt_exact_eq_sums]
  exact congrArg (· + _) (sums_congr _ fun r => congrArg (_ * ·) valuesAt_one)

/-- The exact value of a contraction of one factor: Σᵣ x(o, r). -/
theorem evalAt_one (x : Tensor K (extents p₁.axes)) :
    evalAt exact ⟨out, red, p₁, [], []⟩ (x, ⟨⟩) ⟨⟩ o =
      sums (toNats red) fun r => valueAt p₁.axes x o r := by
  rw [evalAt_exact_eq_sums]
  exact (Lean.Grind.Semiring.add_zero _).trans
    (sums_congr _ fun _ => Lean.Grind.Semiring.mul_one _)

theorem deviates_between {s : List Nat} {x' xr x X D : Tensor K s}
    (h : Tensor.Deviates x' xr x X D) (i : Index s) :
    Between (x'.get i) (xr.get i) (X.get i) ((X + D).get i) := by
  rw [Tensor.get_add]
  exact .of_deviates (h i).1 (h i).2

/-- **Two factors**, and addends that deviate by β in all:
|v − c(x′, y′)| ≤ ρ·c(X, Y, b) + (1 + ρ)·(c(Dx, Q) + c(X, Dy) + β) + η for every Q ≥ Y + Dy. -/
theorem estimate_two (he : 0 ≤ e.relative) {b' br b bq : Tensors K (shapes ps)} {β v : K}
    (hx : Tensor.Deviates x' xr x X Dx) (hy : Tensor.Deviates y' yr y Y Dy)
    (hQ : ∀ i, Y.get i + Dy.get i ≤ Q.get i) (hb : Tensors.Between b' br b bq)
    (hβ : addendsAt o ps bq ≤ addendsAt o ps b + β)
    (hv : Near e (summands ⟨out, red, p₁, [p₂], ps⟩ (xr, yr, ⟨⟩) br o) v) :
    abs (v - evalAt exact ⟨out, red, p₁, [p₂], ps⟩ (x', y', ⟨⟩) b' o) ≤
      e.estimate (evalAt exact ⟨out, red, p₁, [p₂], ps⟩ (X, Y, ⟨⟩) b o)
        (evalAt exact ⟨out, red, p₁, [p₂], []⟩ (Dx, Q, ⟨⟩) ⟨⟩ o +
          evalAt exact ⟨out, red, p₁, [p₂], []⟩ (X, Dy, ⟨⟩) ⟨⟩ o + β) := by
  refine estimate ⟨out, red, p₁, [p₂], ps⟩ (fs' := (x', y', ⟨⟩)) (fsr := (xr, yr, ⟨⟩))
    (ps := (X, Y, ⟨⟩)) (qs := (X + Dx, Y + Dy, ⟨⟩))
    ⟨deviates_between hx, deviates_between hy, trivial⟩ hb o he hv ?_
  have hD : ∀ i, abs (Dx.get i) ≤ Dx.get i := fun i => by
    have := (hx i).2
    have := abs_nonneg (xr.get i - x.get i)
    have := abs_nonneg (x'.get i - x.get i)
    rw [abs_of_nonneg (by grind)]
    exact Std.IsPreorder.le_refl _
  have hY : ∀ i, abs ((Y + Dy).get i) ≤ Q.get i := fun i => by
    have := abs_nonneg (y.get i)
    have := abs_nonneg (yr.get i - y.get i)
    have := abs_nonneg (y'.get i - y.get i)
    have := (hy i).1
    have := (hy i).2
    have := hQ i
    rw [Tensor.get_add, abs_of_nonneg (by grind)]
    exact hQ i
  have h := Std.IsPreorder.le_trans _ _ _ (le_abs_self _)
    (abs_evalAt_le ⟨out, red, p₁, [p₂], []⟩ (fs := (Dx, Y + Dy, ⟨⟩)) (qs := (Dx, Q, ⟨⟩))
    (as := ⟨⟩) (ds := ⟨⟩) ⟨fun i => .of_abs_le (hD i), fun i => .of_abs_le (hY i), trivial⟩ trivial o)
  have split : ∀ a b c d : K, (a + b) * (c + d) = a * c + (b * (c + d) + a * d) :=
    fun _ _ _ _ => by grind
  rw [evalAt_two, evalAt_two] at h
  rw [evalAt_two, evalAt_two, evalAt_two, evalAt_two]
  simp only [valueAt_add] at h
  simp only [valueAt_add, split, sums_add] at *
  show _ ≤ sums (toNats red) _ + _ + (sums (toNats red) _ + (0 : K) + (sums (toNats red) _ + 0) + β)
  change sums (toNats red) _ + (0 : K) ≤ sums (toNats red) _ + 0 at h
  grind

/-- `estimate_two` without addends, for an entry of the result:
|v − c(x′, y′)| ≤ ρ·c(X, Y) + (1 + ρ)·(c(Dx, Q) + c(X, Dy)) + η. -/
theorem get_estimate_two (he : 0 ≤ e.relative) {v : K}
    {i : Index (shape ⟨out, red, p₁, [p₂], []⟩)} (hx : Tensor.Deviates x' xr x X Dx)
    (hy : Tensor.Deviates y' yr y Y Dy) (hQ : ∀ i, Y.get i + Dy.get i ≤ Q.get i)
    (hv : Near e (summands ⟨out, red, p₁, [p₂], []⟩ (xr, yr, ⟨⟩) ⟨⟩ (outIndices out i)) v) :
    abs (v - (eval exact ⟨out, red, p₁, [p₂], []⟩ (x', y', ⟨⟩) ⟨⟩).get i) ≤
      e.estimate ((eval exact ⟨out, red, p₁, [p₂], []⟩ (X, Y, ⟨⟩) ⟨⟩).get i)
        ((eval exact ⟨out, red, p₁, [p₂], []⟩ (Dx, Q, ⟨⟩) ⟨⟩).get i +
          (eval exact ⟨out, red, p₁, [p₂], []⟩ (X, Dy, ⟨⟩) ⟨⟩).get i) := by
  have h := estimate_two (ps := []) (b' := ⟨⟩) (b := ⟨⟩) (bq := ⟨⟩) (β := 0) he hx hy hQ trivial
    (by show (0 : K) ≤ 0 + 0; grind) hv
  rw [Lean.Grind.Semiring.add_zero] at h
  unfold eval
  rw [Tensor.get_ofFn, Tensor.get_ofFn, Tensor.get_ofFn, Tensor.get_ofFn]
  exact h

/-- `estimate_two` with one addend, for an entry of the result:
|v − c(x′, y′, b′)| ≤ ρ·c(X, Y, B) + (1 + ρ)·(c(Dx, Q, 0) + c(X, Dy, Db)) + η. -/
theorem get_estimate_addend (he : 0 ≤ e.relative) {p₃ : Operand Int} {v : K}
    {b' br b B Db : Tensor K (extents p₃.axes)} {i : Index (shape ⟨out, red, p₁, [p₂], [p₃]⟩)}
    (hx : Tensor.Deviates x' xr x X Dx) (hy : Tensor.Deviates y' yr y Y Dy)
    (hQ : ∀ i, Y.get i + Dy.get i ≤ Q.get i) (hb : Tensor.Deviates b' br b B Db)
    (hv : Near e (summands ⟨out, red, p₁, [p₂], [p₃]⟩ (xr, yr, ⟨⟩) (br, ⟨⟩)
      (outIndices out i)) v) :
    abs (v - (eval exact ⟨out, red, p₁, [p₂], [p₃]⟩ (x', y', ⟨⟩) (b', ⟨⟩)).get i) ≤
      e.estimate ((eval exact ⟨out, red, p₁, [p₂], [p₃]⟩ (X, Y, ⟨⟩) (B, ⟨⟩)).get i)
        ((eval exact ⟨out, red, p₁, [p₂], [p₃]⟩ (Dx, Q, ⟨⟩) (0, ⟨⟩)).get i +
          (eval exact ⟨out, red, p₁, [p₂], [p₃]⟩ (X, Dy, ⟨⟩) (Db, ⟨⟩)).get i) := by
  have h := estimate_two (ps := [p₃]) (b' := (b', ⟨⟩)) (b := (B, ⟨⟩)) (bq := (B + Db, ⟨⟩))
    (β := valueAt p₃.axes Db (outIndices out i) []) he hx hy hQ ⟨deviates_between hb, trivial⟩
    (by rw [addendsAt_one, addendsAt_one, valueAt_add]; exact Std.IsPreorder.le_refl _) hv
  unfold eval
  rw [Tensor.get_ofFn, Tensor.get_ofFn, Tensor.get_ofFn, Tensor.get_ofFn]
  rw [show ∀ x y, evalAt exact ⟨out, red, p₁, [p₂], []⟩ (x, y, ⟨⟩) ⟨⟩ (outIndices out i) =
    sums (toNats red) _ from fun x y => (evalAt_two x y _).trans (Lean.Grind.Semiring.add_zero _),
    show ∀ x y, evalAt exact ⟨out, red, p₁, [p₂], []⟩ (x, y, ⟨⟩) ⟨⟩ (outIndices out i) =
    sums (toNats red) _ from fun x y => (evalAt_two x y _).trans (Lean.Grind.Semiring.add_zero _),
    Lean.Grind.Semiring.add_assoc] at h
  rw [evalAt_two Dx, evalAt_two X Dy, addendsAt_one, addendsAt_one, valueAt_zero,
    Lean.Grind.Semiring.add_zero]
  exact h

/-- **One factor**, for an entry of the result: |v − c(x′)| ≤ ρ·c(X) + (1 + ρ)·c(D) + η. -/
theorem get_estimate_one (he : 0 ≤ e.relative) {v : K} {i : Index (shape ⟨out, red, p₁, [], []⟩)}
    (hx : Tensor.Deviates x' xr x X Dx)
    (hv : Near e (summands ⟨out, red, p₁, [], []⟩ (xr, ⟨⟩) ⟨⟩ (outIndices out i)) v) :
    abs (v - (eval exact ⟨out, red, p₁, [], []⟩ (x', ⟨⟩) ⟨⟩).get i) ≤
      e.estimate ((eval exact ⟨out, red, p₁, [], []⟩ (X, ⟨⟩) ⟨⟩).get i)
        ((eval exact ⟨out, red, p₁, [], []⟩ (Dx, ⟨⟩) ⟨⟩).get i) := by
  unfold eval
  rw [Tensor.get_ofFn, Tensor.get_ofFn, Tensor.get_ofFn]
  refine estimate ⟨out, red, p₁, [], []⟩ (fs' := (x', ⟨⟩)) (fsr := (xr, ⟨⟩)) (ps := (X, ⟨⟩))
    (qs := (X + Dx, ⟨⟩)) (as' := ⟨⟩) (asr := ⟨⟩) (bs := ⟨⟩) (ds := ⟨⟩)
    ⟨deviates_between hx, trivial⟩ trivial _ he hv ?_
  rw [evalAt_one, evalAt_one, evalAt_one]
  simp only [valueAt_add, sums_add]
  exact Std.IsPreorder.le_refl _

end

end Contraction

end RuntimeApprox
