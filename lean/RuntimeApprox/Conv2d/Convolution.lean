module

public import RuntimeApprox.Conv2d
public import RuntimeApprox.Operations

/-!
# Conv2d as a convolution of two axes

## Main definitions
* `Conv2d.convolution`, `Sizes.convolution`: the numbers of a conv2d as those of a convolution.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-- The numbers of a conv2d as those of a convolution of two axes. -/
def Conv2d.convolution (g : Conv2d) : Convolution Nat :=
  ⟨g.batch, g.groups, g.inChannels, g.outChannels,
    [⟨g.height.size, g.height.kernel, g.height.stride, g.height.padBegin, g.height.padEnd,
      g.height.dilation, g.height.output⟩,
    ⟨g.width.size, g.width.kernel, g.width.stride, g.width.padBegin, g.width.padEnd,
      g.width.dilation, g.width.output⟩]⟩

/-- The numbers of a geometry as those of a convolution of two axes. -/
def Sizes.convolution {ι : Type} (s : Sizes ι) : Convolution ι :=
  ⟨s.batch, s.groups, s.inChannels, s.outChannels,
    [⟨s.inputH, s.kernelH, s.strideH, s.padTop, s.padBottom, s.dilationH, s.outputH⟩,
      ⟨s.inputW, s.kernelW, s.strideW, s.padLeft, s.padRight, s.dilationW, s.outputW⟩]⟩

end RuntimeApprox
