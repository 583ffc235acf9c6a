module

public import RuntimeApprox.Contraction.Theorems
public import RuntimeApprox.Export.Operations
public import RuntimeApprox.Operations.Gradients
public import RuntimeApprox.Examples.Correlation

/-!
# Theorems of correlation

## Main results
* `abs_rounded_sub_correlation_le`: an entry of the rounded result is within its bound.
* `correlation_textbook`: an entry of the exact result is the textbook's sum.
* `correlation_first_adjoint`, `correlation_second_adjoint`: each gradient is the adjoint of the
  correlation in its operand.
* `correlation_at`: what is exported means the contractions.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K] (s : Correlation Nat)

/-- An entry of the rounded result is within its bound of the exact one. -/
theorem abs_rounded_sub_correlation_le {R : Rounding K} (hR : R.Lawful)
    {x' y' x y : Tensor K s.shape} {xs ys : Tensor (Approx K) s.shape}
    (hx : x'.Rel Approx.Encloses xs) (hy : y'.Rel Approx.Encloses ys)
    (hx' : x.Rel Approx.HasValue xs) (hy' : y.Rel Approx.HasValue ys) (i : Index s.outputShape) :
    abs ((correlation (rounded R) s x y).get i - (correlation exact s x' y').get i) ≤
      ((correlationForward s.ints).evalAt (bound R) (xs, ys, ⟨⟩) ⟨⟩
        (outIndices (correlationForward s.ints).out i)).eps :=
  Contraction.abs_rounded_sub_exact_le hR (correlationForward s.ints)
    (.cons hx (.cons hy .nil)) (.cons hx' (.cons hy' .nil)) .nil .nil i

/-- y[n, d, t] = Σ_c x[n, c, t]·y[n, c, t + d − reach], with zeros outside of y. -/
theorem correlation_textbook (x y : Tensor K s.shape) (n : Fin s.batch) (d : Fin s.displacements)
    (t : Fin s.length) : (correlation exact s x y).get (n, d, t, ()) =
      sum s.channels fun c => x.entry [n.1, c, t.1] * y.entry [n.1, c, t.1 + d.1 - s.reach] := by
  refine (Contraction.get_eval_exact (correlationForward s.ints) (x, y, ⟨⟩) ⟨⟩
    (n, d, t, ())).trans ?_
  rw [show outIndices (correlationForward s.ints).out (n, d, t, ()) = [n.1, d.1, t.1] from rfl]
  refine (Lean.Grind.Semiring.add_zero _).trans (sum_congr fun c _ =>
    congr (congrArg HMul.hMul (valueAt_of_indices ?_)) (valuesAt_one.trans (valueAt_of_indices ?_)))
  · show indices [⟨s.batch, ⟨[1, 0, 0], [0], 0, 1⟩⟩, ⟨s.channels, ⟨[0, 0, 0], [1], 0, 1⟩⟩,
      ⟨s.length, ⟨[0, 0, 1], [0], 0, 1⟩⟩] _ _ = _
    simp [indices, Affine.eval_one, dot]
  · show indices [⟨s.batch, ⟨[1, 0, 0], [0], 0, 1⟩⟩, ⟨s.channels, ⟨[0, 0, 0], [1], 0, 1⟩⟩,
      ⟨s.length, ⟨[0, 1, 1], [0], -s.reach, 1⟩⟩] _ _ = _
    simp [indices, Affine.eval_one, dot]
    omega

/-! ### The gradients read what the correlation reads -/

section
variable (s : Correlation Int)

attribute [local simp] Contraction.reads places position toNats prod indices Affine.eval_one dot
  block axis mapList blocks Contraction.timesEach Contraction.times Operand.times timesAll named
  Axis.before Axis.after fitted zeros appended flat correlationForward correlationFirstGrad
  correlationSecondGrad

/-- What the correlation reads: the place of δ, and those of x and y. -/
theorem correlationForward_reads (n d t c : Nat) : (correlationForward s).reads [n, d, t] [c] =
    ([some [n, d, t], some [n, c, t], some [n, c, (t + d - s.reach : Int)]] :
      List (Option (List Int))) := by
  simp
  omega

theorem correlationFirstGrad_reads (n c t d : Nat) : (correlationFirstGrad s).reads [n, c, t] [d] =
    ([some [n, c, t], some [n, c, (t + d - s.reach : Int)], some [n, d, t]] :
      List (Option (List Int))) := by
  simp
  omega

theorem correlationSecondGrad_reads (n c u d : Nat) :
    (correlationSecondGrad s).reads [n, c, u] [d] = ([some [n, c, u],
      some [n, c, (u - d + s.reach : Int)], some [n, d, (u - d + s.reach : Int)]] :
      List (Option (List Int))) := by
  simp
  omega

/-- The gradient of x: of (δ, x, y) the first comes last. -/
def correlationFirstReordered :
    (correlationForward s).Reordered (correlationFirstGrad s) [1, 2, 0] where
  there
    | [n, d, t], [c] => ([n, c, t], [d])
    | _, _ => ([], [])
  back
    | [n, c, t], [d] => ([n, d, t], [c])
    | _, _ => ([], [])
  length := rfl
  length_back := rfl
  perm := by decide
  reads_there n hn d hd t ht c hc _ := ⟨⟨hn, hc, ht, trivial⟩, ⟨hd, trivial⟩, rfl, by
    rw [correlationForward_reads, correlationFirstGrad_reads]; rfl⟩
  reads_back n hn c hc t ht d hd _ := ⟨⟨hn, hd, ht, trivial⟩, ⟨hc, trivial⟩, rfl, by
    rw [correlationForward_reads, correlationFirstGrad_reads]; rfl⟩

/-- The gradient of y: of (δ, x, y) the last comes first. Where y is read at u, x and δ are read at
t = u − d + reach. -/
def correlationSecondReordered :
    (correlationForward s).Reordered (correlationSecondGrad s) [2, 1, 0] where
  there
    | [n, d, t], [c] => ([n, c, (t + d - s.reach : Int).toNat], [d])
    | _, _ => ([], [])
  back
    | [n, c, u], [d] => ([n, d, (u - d + s.reach : Int).toNat], [c])
    | _, _ => ([], [])
  length := rfl
  length_back := rfl
  perm := by decide
  reads_there n hn d hd t ht c hc h := by
    unfold Contraction.Live at h
    rw [correlationForward_reads] at h ⊢
    have h : Inside [s.batch.toNat, s.channels.toNat, s.length.toNat] _ := h.2.2.1
    have e := Int.toNat_of_nonneg h.2.2.1.1
    refine ⟨⟨hn, hc, (Int.toNat_lt h.2.2.1.1).2 h.2.2.1.2, trivial⟩, ⟨hd, trivial⟩, ?_, ?_⟩
    · have : ((t + d - s.reach : Int) - d + s.reach).toNat = t := by omega
      simp only [e, this]
    · have : (t + d - s.reach : Int) - d + s.reach = t := by omega
      rw [correlationSecondGrad_reads, e, this]; rfl
  reads_back n hn c hc u hu d hd h := by
    unfold Contraction.Live at h
    rw [correlationSecondGrad_reads] at h ⊢
    have h : Inside [s.batch.toNat, s.channels.toNat, s.length.toNat] _ := h.2.1
    have e := Int.toNat_of_nonneg h.2.2.1.1
    refine ⟨⟨hn, hd, (Int.toNat_lt h.2.2.1.1).2 h.2.2.1.2, trivial⟩, ⟨hc, trivial⟩, ?_, ?_⟩
    · have : ((u - d + s.reach : Int) + d - s.reach).toNat = u := by omega
      simp only [e, this]
    · have : (u - d + s.reach : Int) + d - s.reach = u := by omega
      rw [correlationForward_reads, e, this]; rfl

end

variable (x y : Tensor K s.shape) (δ : Tensor K s.outputShape)

/-- The gradient of x is the adjoint: ⟨δ, correlation(x, y)⟩ = ⟨x, ∂x⟩. -/
theorem correlation_first_adjoint :
    δ.dot (correlation exact s x y) = x.dot (correlationFirstDeriv exact s y δ) :=
  (correlationFirstReordered s.ints).adjoint rfl (fun _ => rfl) fun _ => rfl

/-- The gradient of y is the adjoint: ⟨δ, correlation(x, y)⟩ = ⟨y, ∂y⟩. -/
theorem correlation_second_adjoint :
    δ.dot (correlation exact s x y) = y.dot (correlationSecondDeriv exact s x δ) :=
  (correlationSecondReordered s.ints).adjoint rfl (fun _ => rfl) fun _ => rfl

/-- The exported contractions mean the contractions, at whatever numbers the names mean. -/
theorem correlation_at (e : String → Int) (names : Correlation String) :
    mapList (Result.at e) (correlationResults names) =
      let s : Correlation Int :=
        ⟨e names.batch, e names.channels, e names.length, e names.displacements, e names.reach⟩
      [("output", correlationForward s), ("x", correlationFirstGrad s),
        ("y", correlationSecondGrad s)] := rfl

end RuntimeApprox
