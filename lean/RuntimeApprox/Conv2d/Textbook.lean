module

public import RuntimeApprox.Conv2d
public import RuntimeApprox.Contraction.Exact

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K] (g : Conv2d)

theorem outIndices_forward (n : Fin g.batch) (c : Fin (g.groups * g.outChannels))
    (oh : Fin g.height.output) (ow : Fin g.width.output) :
   outIndices (conv2dForward g.sizes).out (n, c, oh, ow, ()) = [n.1, c.1 / g.outChannels, c.1 % g.outChannels, oh.1, ow.1] := rfl

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
  have h := Contraction.get_eval_exact (conv2dForward g.sizes) (x, weight, ⟨⟩) (bias, ⟨⟩) (n, c, oh, ow, ())
  rw [outIndices_forward] at h
  refine Eq.trans h ?_
  refine congr (congrArg HAdd.hAdd ?_) (addendsAt_one.trans ?_)
  · refine sum_congr fun i _ => sum_congr fun kh _ => sum_congr fun kw _ => ?_
    refine congr (congrArg HMul.hMul (valueAt_of_indices ?_)) (valuesAt_one.trans (valueAt_of_indices ?_))
    · simp [indices, conv2dForward, Affine.eval_one, dot, Conv2d.sizes, Int.mul_comm]
      trace_state
      omega
    · simp [indices, conv2dForward, Affine.eval_one, dot, Conv2d.sizes, Int.mul_comm]
      trace_state
      sorry
  · refine valueAt_of_indices ?_
    simp [indices, conv2dForward, Affine.eval_one, dot, Conv2d.sizes, Int.mul_comm]
    trace_state
    sorry

end RuntimeApprox
