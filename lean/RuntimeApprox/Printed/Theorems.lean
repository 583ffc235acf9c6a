module

public import RuntimeApprox.Accumulation.Theorems
public import RuntimeApprox.Estimate.Theorems
public import RuntimeApprox.Printed

/-!
# Printed numbers are bounds

## Main results
* `Printed.le`: B ≤ V.
* `enclosure_printed`: a reference near the exact value bounds the error of any value whatever.
* `last_rounding_printed`: the error after one more rounding, from the error before.
* `passes_printed`, `exceeds_printed`: what a comparison with an allowance proves.
* `passes_below`, `passes_by_parts`: a comparison with l, which is not much above M, and with l the sum
  of the magnitudes of partial sums.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

variable {K : Type u} [OrderedField K]

namespace Part

/-- 0 ≤ C / (1 − ρ) -/
theorem div_nonneg {a b : K} (ha : 0 ≤ a) (hb : b < 1) : 0 ≤ a / (1 - b) := by
  rw [Lean.Grind.Field.div_eq_mul_inv]
  exact mul_nonneg ha (Lean.Grind.Field.IsOrdered.inv_nonneg_iff.2 (by grind))

/-- C·M ≤ (1 − ρₑ)·C′·M̂ + C / (1 − ρ)·η, and C′·M̂ is not negative. -/
theorem Holds.le {ev : ErrorBound K} (hev : ev.relative < 1) {p : Part K} (h : p.Holds ev) :
    p.exact ≤ (1 - ev.relative) * (p.factor * p.computed) + p.lost ∧
      0 ≤ p.factor * p.computed := by
  obtain ⟨hC, ht, hM, hn, hρ, hw⟩ := h
  unfold Near at hn
  rw [sumAbs_eq_listSum ht] at hn
  have h1 := (abs_le.1 hn).1
  have hq := div_nonneg hC hρ
  have h2 := mul_le_mul_left hq (show (1 - p.error.relative) * p.terms.sum ≤
    p.computed + p.error.absolute by grind)
  have h3 := mul_le_mul_left (show 0 ≤ 1 - ev.relative by grind) (mul_le_mul_left hM hw)
  have e1 : p.coefficient / (1 - p.error.relative) * ((1 - p.error.relative) * p.terms.sum) =
    p.coefficient * p.terms.sum := by grind
  have e2 : (1 - ev.relative) * (p.computed *
      (p.coefficient / (1 - p.error.relative) / (1 - ev.relative))) =
    p.coefficient / (1 - p.error.relative) * p.computed := by grind
  unfold RuntimeApprox.weight at h3 hw
  rw [e1] at h2
  rw [e2] at h3
  refine ⟨?_, mul_nonneg (Std.IsPreorder.le_trans _ _ _ (div_nonneg hq hev) hw) hM⟩
  unfold exact lost residue
  grind

theorem sum_le {ev : ErrorBound K} (hev : ev.relative < 1) : (ps : List (Part K)) →
    (∀ p ∈ ps, p.Holds ev) → (ps.map exact).sum ≤
      (1 - ev.relative) * (ps.map fun p => p.factor * p.computed).sum +
        (ps.map lost).sum ∧ ∀ t ∈ ps.map fun p => p.factor * p.computed, 0 ≤ t
  | [], _ => ⟨by show (0 : K) ≤ _ * 0 + 0; grind, by simp⟩
  | p :: ps, h => by
    obtain ⟨h1, h2⟩ := (h p List.mem_cons_self).le hev
    obtain ⟨h3, h4⟩ := sum_le hev ps fun q hq => h q (List.mem_cons_of_mem p hq)
    refine ⟨?_, by simpa using ⟨h2, by simpa using h4⟩⟩
    show p.exact + (ps.map exact).sum ≤ _ * (p.factor * p.computed +
      (ps.map fun p => p.factor * p.computed).sum) + (p.lost + (ps.map lost).sum)
    grind

end Part

/-- **A printed number is a bound**: B ≤ V. -/
theorem Printed.le {ev : ErrorBound K} {ps : List (Part K)} {c B V : K}
    (h : Printed ev ps c B V) : B ≤ V := by
  obtain ⟨hB, hps, hev, c', hc0, hc, hV⟩ := h
  obtain ⟨h1, h2⟩ := Part.sum_le hev ps hps
  unfold Near at hV
  rw [sumAbs_eq_listSum (by
    intro t ht
    rcases List.mem_append.1 ht with ht | ht
    · exact h2 t ht
    · rw [List.mem_singleton.1 ht]; exact hc0), listSum_append] at hV
  have h3 := (abs_le.1 hV).1
  have h4 := mul_le_mul_left (show 0 ≤ 1 - ev.relative by grind) hc
  have e : (1 - ev.relative) * constantWeight c (ps.map Part.lost).sum ev =
      c + (ps.map Part.lost).sum + ev.absolute := by unfold constantWeight; grind
  rw [e] at h4
  rw [show [c'].sum = c' + 0 from rfl] at h3
  grind

section
variable {ev : ErrorBound K} {ps : List (Part K)} {c V : K}

/-- **Enclosure**: a reference g that is within B of the exact value bounds the error of any value w
whatever, by what is printed for |w − g| + B. -/
theorem enclosure_printed {w g exact B : K} (h : abs (g - exact) ≤ B)
    (hV : Printed ev ps c (abs (w - g) + B) V) : abs (w - exact) ≤ V := by
  have := abs_sub_le w g exact
  have := hV.le
  grind

/-- **The last rounding**: a value p that is within B of the exact one, rounded to v with relative
error w and absolute error ω, is within what is printed for
(1 + w)·B + w·|ref| + w·slack + ω of it, where `ref` is within `slack` of the exact value. -/
theorem last_rounding_printed {v p exact ref B slack w ω : K} (hw : 0 ≤ w)
    (hv : abs (v - p) ≤ w * abs p + ω) (hp : abs (p - exact) ≤ B)
    (hr : abs (ref - exact) ≤ slack)
    (hV : Printed ev ps c ((1 + w) * B + w * abs ref + w * slack + ω) V) :
    abs (v - exact) ≤ V := by
  have h1 := abs_add_le (p - exact) (exact - ref)
  have h2 := abs_add_le (p - exact + (exact - ref)) ref
  rw [show p - exact + (exact - ref) + ref = p by grind] at h2
  rw [abs_sub_comm] at hr
  have h3 := mul_le_mul_left hw (show abs p ≤ B + slack + abs ref by grind)
  have := abs_sub_le v p exact
  have := hV.le
  grind

/-- **A comparison that passes**: what is printed for the distance from a reference and for the
reference's own slack is at most the allowance; then the value is within the allowance. -/
theorem passes_printed {w ref exact slack allowance : K} (h : abs (ref - exact) ≤ slack)
    (hV : Printed ev ps c (abs (w - ref) + slack) V) (hle : V ≤ allowance) :
    abs (w - exact) ≤ allowance :=
  Std.IsPreorder.le_trans _ _ _ (enclosure_printed h hV) hle

/-- **A comparison that fails**: the computed distance d ≤ (1 + u)·|w − ref| from a reference is
larger than what is printed for (1 + u)·(allowance + slack); then the value is farther from the exact
one than is allowed, so that rounding cannot explain it. -/
theorem exceeds_printed {w ref exact slack allowance d u : K} (hu : 0 ≤ u)
    (hd : d ≤ (1 + u) * abs (w - ref)) (h : abs (ref - exact) ≤ slack)
    (hV : Printed ev ps c ((1 + u) * (allowance + slack)) V) (hlt : V < d) :
    allowance < abs (w - exact) := by
  have h1 := hV.le
  have h2 := abs_sub_le w exact ref
  rw [abs_sub_comm exact ref] at h2
  by_cases hle : abs (w - exact) ≤ allowance
  · have := mul_le_mul_left (show 0 ≤ 1 + u by grind)
      (show abs (w - ref) ≤ allowance + slack by grind)
    grind
  · grind

end

/-! ### A comparison by partial sums

Whether an error is within an allowance a·M + b·|exact| + c, where M is a sum of magnitudes, can be
seen without M if a is larger than what the reference is off for each unit of M: the reference is
the sum of partial sums, and the sum of their magnitudes is not much above M. -/

/-- **A comparison that passes by less than the magnitudes**: the reference is within s·M + r of the
exact value, and l ≤ (1 + ρ)·M + η. If the distance |w − ref| is at most κα·l + β·|ref| + γ, where κα
and β have what the comparison rounds, then the value is within the allowance a·M + b·|exact| + c,
because κα·(1 + ρ) ≤ a − (1 + b)·s, β ≤ b and κα·η + γ + (1 + b)·r ≤ c. -/
theorem passes_below {w ref exact M l s r a b c ρ η κα β γ : K} (hb : 0 ≤ b) (hα : 0 ≤ κα)
    (hM : 0 ≤ M) (hs : abs (ref - exact) ≤ s * M + r) (hl : l ≤ (1 + ρ) * M + η)
    (hd : abs (w - ref) ≤ κα * l + β * abs ref + γ) (h1 : κα * (1 + ρ) ≤ a - (1 + b) * s)
    (h2 : β ≤ b) (h3 : κα * η + γ + (1 + b) * r ≤ c) :
    abs (w - exact) ≤ a * M + b * abs exact + c := by
  have hw := abs_sub_le w ref exact
  have hr := abs_add_le (ref - exact) exact
  rw [show ref - exact + exact = ref by grind] at hr
  have e1 := mul_le_mul_left hα hl
  have e2 := mul_le_mul_left (abs_nonneg ref) h2
  have e3 := mul_le_mul_left hb (show abs ref ≤ s * M + r + abs exact by grind)
  have e4 := mul_le_mul_left hM h1
  generalize abs (w - exact) = x at *
  generalize abs (w - ref) = y at *
  generalize abs (ref - exact) = z at *
  generalize abs ref = p at *
  generalize abs exact = q at *
  have f1 : κα * l ≤ M * (κα * (1 + ρ)) + κα * η := by grind
  have f2 : y ≤ M * (a - (1 + b) * s) + κα * η + γ + p * b := by grind
  grind

/-- **A comparison that passes by partial sums**: the reference is the sum of partial sums, and l is
at most the sum of their magnitudes. -/
theorem passes_by_parts {e₁ e₂ : ErrorBound K} {ts ps : List K} {w ref l a b c κα β γ : K}
    (hb : 0 ≤ b) (hα : 0 ≤ κα) (he : 0 ≤ e₂.relative) (hp : NearAll e₁ ts ps) (hv : Near e₂ ps ref)
    (hl : l ≤ sumAbs ps) (hd : abs (w - ref) ≤ κα * l + β * abs ref + γ)
    (h1 : κα * (1 + e₁.relative) ≤ a - (1 + b) * (e₁.followedBy e₂).relative) (h2 : β ≤ b)
    (h3 : κα * e₁.absolute + γ + (1 + b) * (e₁.followedBy e₂).absolute ≤ c) :
    abs (w - ts.sum) ≤ a * sumAbs ts + b * abs ts.sum + c :=
  passes_below hb hα (sumAbs_nonneg ts) (hp.followedBy he hv)
    (Std.IsPreorder.le_trans _ _ _ hl hp.2) hd h1 h2 h3

end RuntimeApprox
