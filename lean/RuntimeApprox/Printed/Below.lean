module

public import RuntimeApprox.Accumulation.Theorems

/-!
# A comparison by partial sums

Whether an error is within an allowance a·M + b·|exact| + c, where M is a sum of magnitudes, can be
seen without M if a is larger than what the reference is off for each unit of M: the reference is
the sum of partial sums, and the sum of their magnitudes is not much above M.

## Main results
* `passes_below`: what passes a comparison with l instead of M, computed with rounding, is within the
  allowance, if l is not much above M.
* `passes_by_parts`: in particular if l is the sum of the magnitudes of partial sums.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

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
    abs (w - sumList ts) ≤ a * sumAbs ts + b * abs (sumList ts) + c :=
  passes_below hb hα (sumAbs_nonneg ts) (hp.followedBy he hv)
    (Std.IsPreorder.le_trans _ _ _ hl hp.2) hd h1 h2 h3

end RuntimeApprox
