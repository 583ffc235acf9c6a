module

public import RuntimeApprox.Machine
public import RuntimeApprox.Format.Rounding
public import RuntimeApprox.Contraction.Theorems

/-!
# The formats are rounding models

## Main results
* `Format.rounding_lawful`: rounding to a binary format errs by at most `halfUlp`, so that every
  theorem of the library holds of binary16, bfloat16, binary32 and binary64 themselves.
* `bound_respects_checked`: the record of overflow leaves values and bounds as they are.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-- Rounding to nearest even in a binary format satisfies |fl(x) − x| ≤ halfUlp(x). -/
theorem Format.rounding_lawful (f : Format) : f.rounding.Lawful where
  abs_rnd_sub_le := f.abs_round_sub_le

/-- The record of overflow leaves values and bounds as they are. -/
theorem bound_respects_checked (f : Format) :
    (bound f.rounding).Respects (checked f) Checked.Is where
  zero := rfl
  add _ _ _ _ hx hy := by unfold Checked.Is at *; subst hx hy; rfl
  mul _ _ _ _ hx hy := by unfold Checked.Is at *; subst hx hy; rfl

end RuntimeApprox
