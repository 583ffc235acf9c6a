module

public import RuntimeApprox.Accumulation.Theorems
public import RuntimeApprox.Summands.Theorems
public import RuntimeApprox.Tensor.Algebra

/-!
# Results that are scaled, divided, or added to an addend

A kernel may multiply its sum by a number α, as `addmm` does, or divide it by the size of a window, as
average pooling does, and then add a multiple of an addend. The value is near the sum of the scaled
summands, which are the summands of the same contraction with a scaled operand. So the theorems about
sums in any order apply to it, with x and the addend scaled exactly.

## Main results
* `Near.append_zero`: an addend that is missing is no term.
* `Near.scaled`, `Near.divided`, `Near.plus`: one more product, division or sum, rounded.
* `Contraction.near_scaled`, `Contraction.near_divided`, `Contraction.near_addend`: of entries
  of contractions.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K] {e e₁ e₂ e₃ : ErrorBound K} {ts bs : List K} {p b v a : K}

theorem listSum_scaled (a : K) (ts : List K) : (ts.map (a * ·)).sum = a * ts.sum := by
  induction ts <;> grind

theorem sumAbs_scaled (a : K) (ts : List K) : sumAbs (ts.map (a * ·)) = abs a * sumAbs ts := by
  unfold sumAbs
  induction ts <;> grind [abs_mul]

/-- An exact multiple: |a·p − Σa·tᵢ| ≤ ρ·Σ|a·tᵢ| + |a|·η. -/
theorem Near.multiple (h : Near e ts p) (a : K) :
    Near ⟨e.relative, abs a * e.absolute⟩ (ts.map (a * ·)) (a * p) := by
  have h1 := mul_le_mul_left (abs_nonneg a) h
  have h2 : a * p - a * ts.sum = a * (p - ts.sum) := by grind
  show abs (a * p - (ts.map (a * ·)).sum) ≤ e.relative * sumAbs (ts.map (a * ·)) +
    abs a * e.absolute
  rw [listSum_scaled, sumAbs_scaled, h2, abs_mul]
  grind

/-- A larger absolute error. -/
theorem Near.mono_absolute {η : K} (h : Near e ts p) (hη : e.absolute ≤ η) :
    Near ⟨e.relative, η⟩ ts p := by
  unfold Near at *
  show _ ≤ e.relative * sumAbs ts + η
  grind

/-- **An addend that is missing** is zero, and no term: what is near the sum of the products is as
near the sum with it. -/
theorem Near.append_zero (h : Near e ts p) : Near e (ts ++ [0]) p := by
  unfold Near at *
  rw [listSum_append, sumAbs_append, show sumAbs [(0 : K)] = abs 0 + 0 from rfl, abs_zero,
    show [(0 : K)].sum = 0 + 0 from rfl]
  grind

/-- **Scaled**: v = a·p, rounded. -/
theorem Near.scaled (h : Near e₁ ts p) (he : 0 ≤ e₂.relative)
    (hv : abs (v - a * p) ≤ e₂.relative * abs (a * p) + e₂.absolute) :
    Near ((ErrorBound.mk e₁.relative (abs a * e₁.absolute)).followedBy e₂) (ts.map (a * ·)) v :=
  (h.multiple a).followedBy he hv

/-- **Divided** by a number of at least 1, as a window's size is: v = p/d, rounded. -/
theorem Near.divided {d : K} (hd : 1 ≤ d) (h : Near e₁ ts p) (h₁ : 0 ≤ e₁.absolute)
    (he : 0 ≤ e₂.relative)
    (hv : abs (v - p / d) ≤ e₂.relative * abs (p / d) + e₂.absolute) :
    Near (e₁.followedBy e₂) (ts.map (d⁻¹ * ·)) v := by
  have hdiv : p / d = d⁻¹ * p := by rw [Lean.Grind.Field.div_eq_mul_inv]; grind
  have h0 : d * d⁻¹ = 1 := Lean.Grind.Field.mul_inv_cancel (by grind)
  have hi : abs d⁻¹ ≤ 1 := by
    have hpos : 0 ≤ d⁻¹ := Lean.Grind.Field.IsOrdered.inv_nonneg_iff.2 (by grind)
    have := mul_nonneg (show 0 ≤ d - 1 by grind) hpos
    rw [abs_of_nonneg hpos]
    grind
  have := mul_le_mul_left h₁ hi
  refine Near.followedBy (p := d⁻¹ * p) (((h.multiple d⁻¹).mono_absolute (η := e₁.absolute) ?_)) he
    (hdiv ▸ hv)
  show abs d⁻¹ * e₁.absolute ≤ e₁.absolute
  grind

/-- **Added**: v = p + b, rounded, of two results of which the second has no larger relative error. -/
theorem Near.plus (h : Near e₁ ts p) (hb : Near e₂ bs b) (he : e₂.relative ≤ e₁.relative)
    (h₃ : 0 ≤ e₃.relative) (hv : abs (v - (p + b)) ≤ e₃.relative * abs (p + b) + e₃.absolute) :
    Near ((ErrorBound.mk e₁.relative (e₁.absolute + e₂.absolute)).followedBy e₃) (ts ++ bs) v := by
  have hb' : NearAll ⟨e₁.relative, e₂.absolute⟩ bs [b] :=
    hb.nearAll.mono he (Std.IsPreorder.le_refl _)
  refine ((NearAll.append (ρ := e₁.relative) (η₁ := e₁.absolute) h.nearAll hb')).followedBy h₃ ?_
  have h1 := abs_add_le p b
  show abs (v - (p + (b + 0))) ≤ e₃.relative * (abs p + (abs b + 0)) + e₃.absolute
  have := mul_le_mul_left h₃ h1
  rw [show p + (b + 0) = p + b by grind]
  grind

namespace Contraction

variable {out : List (List Int)} {red : List Int} {q : Operand Int} {qs : List (Operand Int)}

theorem product_scaled (a : K) (o r : List Nat) : (ps : List (Operand Int)) →
    (us : Tensors K (shapes ps)) → (t : K) →
    RuntimeApprox.product exact o r ps us (a * t) =
      (RuntimeApprox.product exact o r ps us t).map (a * ·)
  | [], _, _ => rfl
  | p :: ps, (u, us), t => by
    unfold RuntimeApprox.product
    rcases read p.axes u o r with _ | b
    · rfl
    · show RuntimeApprox.product exact o r ps us (a * t * b) = _
      rw [show a * t * b = a * (t * b) by grind]
      exact product_scaled a o r ps us (t * b)

/-- The summands of a scaled operand are scaled. -/
theorem summands_smul (a : K) (x : Tensor K (extents q.axes)) (us : Tensors K (shapes qs))
    (o : List Nat) : summands ⟨out, red, q, qs, []⟩ (a • x, us) ⟨⟩ o =
      (summands ⟨out, red, q, qs, []⟩ (x, us) ⟨⟩ o).map (a * ·) := by
  refine loops_rel (R := fun k (l : List K) => k = l.map (a * ·)) _ rfl fun r k l hkl => ?_
  have h : term exact ⟨out, red, q, qs, []⟩ (a • x, us) o r =
      (term exact ⟨out, red, q, qs, []⟩ (x, us) o r).map (a * ·) := by
    unfold term
    rw [show read q.axes (a • x) o r = (read q.axes x o r).map (a * ·) from
      read_map (a * ·) q.axes x o r]
    rcases read q.axes x o r with _ | t
    · rfl
    · exact product_scaled a o r qs us t
  subst hkl
  rw [h]
  rcases term exact ⟨out, red, q, qs, []⟩ (x, us) o r with _ | t <;> rfl

variable {x : Tensor K (extents q.axes)} {us : Tensors K (shapes qs)} {o : List Nat}

/-- The entry of a contraction, scaled and rounded, is near that of the scaled operand. -/
theorem near_scaled (h : Near e₁ (summands ⟨out, red, q, qs, []⟩ (x, us) ⟨⟩ o) p)
    (he : 0 ≤ e₂.relative) (hv : abs (v - a * p) ≤ e₂.relative * abs (a * p) + e₂.absolute) :
    Near ((ErrorBound.mk e₁.relative (abs a * e₁.absolute)).followedBy e₂)
      (summands ⟨out, red, q, qs, []⟩ (a • x, us) ⟨⟩ o) v := by
  rw [summands_smul]
  exact h.scaled he hv

/-- The entry of a contraction, divided by a number of at least 1 and rounded, is near that of the
divided operand. -/
theorem near_divided {d : K} (hd : 1 ≤ d)
    (h : Near e₁ (summands ⟨out, red, q, qs, []⟩ (x, us) ⟨⟩ o) p) (h₁ : 0 ≤ e₁.absolute)
    (he : 0 ≤ e₂.relative) (hv : abs (v - p / d) ≤ e₂.relative * abs (p / d) + e₂.absolute) :
    Near (e₁.followedBy e₂) (summands ⟨out, red, q, qs, []⟩ (d⁻¹ • x, us) ⟨⟩ o) v := by
  rw [summands_smul]
  exact h.divided hd h₁ he hv

/-- The entry of a contraction, and a number that is near an entry of the addend, added and rounded,
is near the entry of the contraction with that addend. -/
theorem near_addend {s : Operand Int} {c : Tensor K (extents s.axes)} {t : K}
    (hc : read s.axes c o [] = some t) (h : Near e₁ (summands ⟨out, red, q, qs, []⟩ (x, us) ⟨⟩ o) p)
    (hb : Near e₂ [t] b) (he : e₂.relative ≤ e₁.relative) (h₃ : 0 ≤ e₃.relative)
    (hv : abs (v - (p + b)) ≤ e₃.relative * abs (p + b) + e₃.absolute) :
    Near ((ErrorBound.mk e₁.relative (e₁.absolute + e₂.absolute)).followedBy e₃)
      (summands ⟨out, red, q, qs, [s]⟩ (x, us) (c, ⟨⟩) o) v := by
  have hs : summands ⟨out, red, q, qs, [s]⟩ (x, us) (c, ⟨⟩) o =
      t :: summands ⟨out, red, q, qs, []⟩ (x, us) ⟨⟩ o := by
    show addendList o [s] (c, ⟨⟩) _ = _
    unfold addendList
    rw [hc]
    rfl
  have hp := (List.perm_append_comm (l₁ := [t])
    (l₂ := summands ⟨out, red, q, qs, []⟩ (x, us) ⟨⟩ o))
  rw [hs]
  have := h.plus hb he h₃ hv
  unfold Near at *
  rw [listSum_perm hp.symm, sumAbs_perm hp.symm] at this
  exact this

end Contraction

end RuntimeApprox
