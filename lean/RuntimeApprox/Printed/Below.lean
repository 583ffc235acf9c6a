module

public import RuntimeApprox.AnyOrder.Lists

/-!
# A comparison by sums of few terms

Whether an error is within an allowance a·M + b·|exact| + c, where M is a sum of magnitudes, can be
seen from a sum L over some of its terms, which is at most M, if a is larger than what the reference
is off for each unit of M.

## Main results
* `sumAbs_sublist`: L ≤ M.
* `passes_below`: what passes such a comparison, computed with rounding, is within the allowance.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

/-- **Some of the terms**: the sum of their magnitudes is at most that of all, Σ|sᵢ| ≤ Σ|tᵢ|. -/
theorem sumAbs_sublist {ss ts : List K} (h : ss.Sublist ts) : sumAbs ss ≤ sumAbs ts := by
  induction h with
  | slnil => exact Std.IsPreorder.le_refl _
  | cons t _ ih =>
    have := abs_nonneg t
    show _ ≤ abs t + sumAbs _
    grind
  | cons₂ t _ ih =>
    show abs t + sumAbs _ ≤ abs t + sumAbs _
    grind

/-- **A comparison that passes by few terms**: the reference is within s·M + r of the exact value,
L ≤ M, and L is within ρ·L + η of what was computed, l. If the distance |w − ref| is at most
κ·α·(l + β·|ref|), where κ has what the comparison rounds, then the value is within the allowance
a·M + b·|exact| + c, because κ·α·(1 + ρ) ≤ a − (1 + b)·s, κ·α·β ≤ b and κ·α·η + (1 + b)·r ≤ c. -/
theorem passes_below {w ref exact M L l s r a b c ρ η κα β : K} (hb : 0 ≤ b) (hα : 0 ≤ κα)
    (hρ : 0 ≤ ρ) (hs : abs (ref - exact) ≤ s * M + r) (hL : L ≤ M) (hL0 : 0 ≤ L)
    (hl : abs (l - L) ≤ ρ * L + η) (hd : abs (w - ref) ≤ κα * (l + β * abs ref))
    (h1 : κα * (1 + ρ) ≤ a - (1 + b) * s) (h2 : κα * β ≤ b)
    (h3 : κα * η + (1 + b) * r ≤ c) : abs (w - exact) ≤ a * M + b * abs exact + c := by
  have hw := abs_sub_le w ref exact
  have hr := abs_add_le (ref - exact) exact
  rw [show ref - exact + exact = ref by grind] at hr
  have e1 := mul_le_mul_left hα (show l ≤ (1 + ρ) * L + η by have := (abs_le.1 hl).2; grind)
  have e2 := mul_le_mul_left (abs_nonneg ref) h2
  have e3 := mul_le_mul_left hb (show abs ref ≤ s * M + r + abs exact by grind)
  have e4 := mul_le_mul_left (mul_nonneg hα (show 0 ≤ 1 + ρ by grind)) hL
  have e5 := mul_le_mul_left (show 0 ≤ M by grind) h1
  generalize abs (w - exact) = x at *
  generalize abs (w - ref) = y at *
  generalize abs (ref - exact) = z at *
  generalize abs ref = p at *
  generalize abs exact = q at *
  have f1 : κα * l ≤ M * (κα * (1 + ρ)) + κα * η := by grind
  have f2 : y ≤ M * (a - (1 + b) * s) + κα * η + p * b := by grind
  grind

end RuntimeApprox
