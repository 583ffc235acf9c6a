module

public import RuntimeApprox.Format

/-!
# Roundings that the kernel has computed

## Main results
Ties, carries into the next binade, subnormal numbers and overflow, evaluated by the kernel from the
definitions.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox.Format

example : binary32.round (1 / 3) = 11184811 / 33554432 := by decide +kernel

example : binary64.round (1 / 10) = 3602879701896397 / 36028797018963968 := by decide +kernel

/-! Ties: 2049 and 2051 lie halfway between numbers of binary16. -/

example : binary16.round 2049 = 2048 ∧ binary16.round 2051 = 2052 := by decide +kernel

example : binary16.round (-2049) = -2048 ∧ binary16.round (-2051) = -2052 := by decide +kernel

/-! Into the next binade, from a tie and from above it. -/

example : binary16.round 4095 = 4096 ∧ bfloat16.round (511 + 1 / 3) = 512 := by decide +kernel

/-! Subnormal numbers: half the least one ties with 0; the largest carries to a normal number. -/

example : binary32.round (pow2 (-150)) = 0 := by decide +kernel

example : binary32.round (3 * pow2 (-150)) = pow2 (-148) := by decide +kernel

example : binary32.round (pow2 (-126) - pow2 (-150)) = pow2 (-126) := by decide +kernel

example : binary64.round (pow2 (-1073) / 3) = pow2 (-1074) := by decide +kernel

/-! The error bound at a number and at 0. -/

example : binary32.halfUlp 1 = pow2 (-24) ∧ binary32.halfUlp 0 = pow2 (-150) := by decide +kernel

/-! Overflow of binary16: 65519 rounds to the largest finite number, 65520 beyond. -/

example : binary16.round 65519 = 65504 ∧ binary16.overflows 65504 = false := by decide +kernel

example : binary16.round 65520 = 65536 ∧ binary16.overflows 65536 = true := by decide +kernel

end RuntimeApprox.Format
