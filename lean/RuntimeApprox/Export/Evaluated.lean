module

public import RuntimeApprox.Export

/-!
# Exported results, evaluated

## Main definitions
* `Result.at`: a result's contraction where the names of its sizes mean numbers.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-- A result's contraction where the names of its sizes mean numbers. -/
def Result.at (e : String → Int) (r : Result) : String × Contraction Int :=
  (r.name, r.contraction.map (Size.eval e))

end RuntimeApprox
