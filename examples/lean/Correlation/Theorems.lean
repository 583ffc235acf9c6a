module

public import RuntimeApprox.Contraction.Exact
public import RuntimeApprox.Contraction.Theorems
public import RuntimeApprox.Export.Operations
public import RuntimeApprox.Examples.Correlation

/-!
# Theorems of correlation

## Main results
* `abs_rounded_sub_correlation_le`: an entry of the rounded result is within its bound.
* `correlation_textbook`: an entry of the exact result is the textbook's sum.
* `correlation_at`: what is exported means the contraction.
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
      (s.forward.evalAt (bound R) (xs, ys, ⟨⟩) ⟨⟩ (outIndices s.forward.out i)).eps :=
  Contraction.abs_rounded_sub_exact_le hR s.forward
    (.cons hx (.cons hy .nil)) (.cons hx' (.cons hy' .nil)) .nil .nil i

/-- y[n, d, t] = Σ_c x[n, c, t]·y[n, c, t + d − reach], with zeros outside of y. -/
theorem correlation_textbook (x y : Tensor K s.shape) (n : Fin s.batch) (d : Fin s.displacements)
    (t : Fin s.length) : (correlation exact s x y).get (n, d, t, ()) =
      sum s.channels fun c => x.entry [n.1, c, t.1] * y.entry [n.1, c, t.1 + d.1 - s.reach] := by
  refine (Contraction.get_eval_exact s.forward (x, y, ⟨⟩) ⟨⟩ (n, d, t, ())).trans ?_
  rw [show outIndices s.forward.out (n, d, t, ()) = [n.1, d.1, t.1] from rfl]
  refine (Lean.Grind.Semiring.add_zero _).trans (sum_congr fun c _ =>
    congr (congrArg HMul.hMul (valueAt_of_indices ?_)) (valuesAt_one.trans (valueAt_of_indices ?_)))
  · show indices [⟨s.batch, ⟨[1, 0, 0], [0], 0, 1⟩⟩, ⟨s.channels, ⟨[0, 0, 0], [1], 0, 1⟩⟩,
      ⟨s.length, ⟨[0, 0, 1], [0], 0, 1⟩⟩] _ _ = _
    simp [indices, Affine.eval_one, dot]
  · show indices [⟨s.batch, ⟨[1, 0, 0], [0], 0, 1⟩⟩, ⟨s.channels, ⟨[0, 0, 0], [1], 0, 1⟩⟩,
      ⟨s.length, ⟨[0, 1, 1], [0], -s.reach, 1⟩⟩] _ _ = _
    simp [indices, Affine.eval_one, dot]
    omega

/-- The exported contraction means the contraction, at whatever numbers the names mean. -/
theorem correlation_at (e : String → Int) (batch channels length displacements reach : String) :
    mapList (Result.at e) (correlationResults ⟨batch, channels, length, displacements, reach⟩) =
      [("output", correlationForward
        ⟨e batch, e channels, e length, e displacements, e reach⟩)] := rfl

end RuntimeApprox
