module

public import RuntimeApprox.Aligned

/-!
# Numbers that are aligned by smaller exponents

## Main definitions
* `Addend.lower`, `lowered`: the same numbers, with exponents that are smaller by k.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-- The same number, aligned by an exponent that is smaller by k. -/
def Addend.lower (k : Int) (x : Addend) : Addend := ⟨x.significand, x.unit, x.exponent - k⟩

/-- All exponents are smaller by k. -/
def lowered (k : Int) (xs : List Addend) : List Addend := xs.map (Addend.lower k)

end RuntimeApprox
