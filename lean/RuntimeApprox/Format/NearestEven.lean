module

public import RuntimeApprox.Format

/-!
# What it means to be nearest, and even on ties

## Main definitions
* `NearestEven x k`: k is an integer nearest to x, and even if there are two.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-- k is an integer nearest to x, and even if there are two:
2k − 1 ≤ 2x ≤ 2k + 1, and k is even if one of the two is an equality. -/
def NearestEven (x : Rat) (k : Int) : Prop :=
  2 * (k : Rat) - 1 ≤ 2 * x ∧ 2 * x ≤ 2 * k + 1 ∧
    (2 * x = 2 * (k : Rat) - 1 ∨ 2 * x = 2 * k + 1 → k % 2 = 0)

end RuntimeApprox
