module

public import RuntimeApprox.Format.Arithmetic

/-!
# The arithmetic of a binary format

Moved to `RuntimeApprox.Format.Arithmetic`.

## Main definitions
* see there
-/
