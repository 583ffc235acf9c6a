module

public import RuntimeApprox.Conv2d.Theorems
public import RuntimeApprox.Format.Arithmetic.Theorems
public import RuntimeApprox.Examples.Float8

/-!
# Conv2d in eight bits

Nothing is proved anew: `Format.rounding_lawful` holds of every format.

## Main results
* `approx_conv2d_kernel_e5m2`, `approx_conv2d_kernel_e4m3`: the kernel gradient that is computed in
  eight bits is within its bound.
* `float8_examples`: what rounding gives, decided by the kernel.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

section
variable (g : Conv2d) {x' x : Tensor Rat g.inputShape} {δ' δ : Tensor Rat g.outputShape}
  {epsX epsδ : Rat} (hx : approxT x' x epsX) (hδ : approxT δ' δ epsδ) (i : Index g.kernelShape)
include hx hδ

/-- An entry of the kernel gradient in E5M2 is within its bound of the exact one. -/
theorem approx_conv2d_kernel_e5m2 :
    abs ((conv2dKernelDeriv (rounded Format.e5m2.rounding) g x δ).get i -
        (conv2dKernelDeriv exact g x' δ').get i) ≤
      conv2dKernelPointBound Format.e5m2.rounding g x epsX δ epsδ i :=
  approx_conv2d_kernel_point Format.e5m2.rounding_lawful g hx hδ i

/-- An entry of the kernel gradient in E4M3 is within its bound of the exact one. -/
theorem approx_conv2d_kernel_e4m3 :
    abs ((conv2dKernelDeriv (rounded Format.e4m3.rounding) g x δ).get i -
        (conv2dKernelDeriv exact g x' δ').get i) ≤
      conv2dKernelPointBound Format.e4m3.rounding g x epsX δ epsδ i :=
  approx_conv2d_kernel_point Format.e4m3.rounding_lawful g hx hδ i

end

/-- A tie goes to the even neighbour, down and up; the least subnormal numbers, and ties below them;
the largest number, what still rounds to it, and overflow. -/
theorem float8_examples :
    Format.e5m2.round (9 / 8) = 1 ∧ Format.e5m2.round (11 / 8) = 3 / 2 ∧
    Format.e5m2.round (1 / 2 ^ 16) = 1 / 2 ^ 16 ∧ Format.e5m2.round (1 / 2 ^ 17) = 0 ∧
    Format.e5m2.round 61439 = 57344 ∧ Format.e5m2.overflows (Format.e5m2.round 61440) = true ∧
    Format.e4m3.round (17 / 16) = 1 ∧ Format.e4m3.round (19 / 16) = 5 / 4 ∧
    Format.e4m3.round (3 / 2 ^ 10) = 1 / 2 ^ 8 ∧ Format.e4m3.round (1 / 2 ^ 10) = 0 ∧
    Format.e4m3.round 247 = 240 ∧ Format.e4m3.overflows (Format.e4m3.round 248) = true := by
  decide +kernel

end RuntimeApprox
