module

public import RuntimeApprox.Conv2d
public import RuntimeApprox.Format

/-!
# An example whose bound is nearly attained

The bias gradient of δ = (1, u, u, …, u), with n times the unit roundoff u = 2⁻ᵖ.

## Main definitions
* `tieConv2d`, `tieGradOutput`: the geometry and the gradient of this example, for every n.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-- A convolution of a row of n + 1 pixels with a kernel of one tap. -/
def tieConv2d (n : Nat) : Conv2d where
  batch := 1
  groups := 1
  inChannels := 1
  outChannels := 1
  height := ⟨1, 1, 1, 0, 0, 1, by decide, by decide, by decide, by decide⟩
  width := ⟨n + 1, 1, 1, 0, 0, 1, by decide, by decide, by decide, by omega⟩

/-- The gradient (1, u, u, …, u) of its output. -/
def tieGradOutput (f : Format) (n : Nat) : Tensor Rat (tieConv2d n).outputShape :=
  Tensor.ofFn _ fun i => if i.2.2.2.1.1 = 0 then 1 else f.unitRoundoff

end RuntimeApprox
