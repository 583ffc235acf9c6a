module

public import RuntimeApprox.Format.Arithmetic.Theorems

/-!
# The arithmetic of a binary format

Moved to `RuntimeApprox.Format.Arithmetic.Theorems`.

## Main definitions
* see there
-/
