module

public import RuntimeApprox.Conv2d
public import RuntimeApprox.Contraction.Exact

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K] (g : Conv2d)

theorem conv2d_textbook (x : Tensor K g.inputShape) (weight : Tensor K g.kernelShape)
    (bias : Tensor K g.biasShape) (n : Fin g.batch) (c : Fin (g.groups * g.outChannels))
    (oh : Fin g.height.output) (ow : Fin g.width.output) :
    (conv2d exact g x weight bias).get (n, c, oh, ow, ()) =
      (sum g.inChannels fun i => sum g.height.kernel fun kh => sum g.width.kernel fun kw =>
        x.entry [n.1, c.1 / g.outChannels * g.inChannels + i,
            oh.1 * g.height.stride + kh * g.height.dilation - g.height.padBegin,
            ow.1 * g.width.stride + kw * g.width.dilation - g.width.padBegin] *
          weight.entry [c.1, i, kh, kw]) +
      bias.entry [c.1] := by
  refine (Tensor.get_ofFn _ _ _).trans ((Contraction.evalAt_exact ..).trans ?_)
  show (sum g.inChannels fun i => sum g.height.kernel fun kh => sum g.width.kernel fun kw =>
        valueAt (conv2dForward g.sizes).factor.axes x
          [n.1, c.1 / g.outChannels, c.1 % g.outChannels, oh.1, ow.1] [i, kh, kw] * 
        (valueAt [
    ⟨g.sizes.groups * g.sizes.outChannels, ⟨[0, g.sizes.outChannels, 1, 0, 0], [0, 0, 0],           0,          1⟩⟩,
    ⟨g.sizes.inChannels,             ⟨[0, 0, 0, 0, 0],             [1, 0, 0],           0,          1⟩⟩,
    ⟨g.sizes.kernelH,                ⟨[0, 0, 0, 0, 0],             [0, 1, 0],           0,          1⟩⟩,
    ⟨g.sizes.kernelW,                ⟨[0, 0, 0, 0, 0],             [0, 0, 1],           0,          1⟩⟩] weight
          [n.1, c.1 / g.outChannels, c.1 % g.outChannels, oh.1, ow.1] [i, kh, kw] * 1)) +
      (valueAt _ bias 
          [n.1, c.1 / g.outChannels, c.1 % g.outChannels, oh.1, ow.1] [] + 0) = _
  sorry

end RuntimeApprox
