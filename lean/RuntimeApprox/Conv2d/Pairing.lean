module

public import RuntimeApprox.Conv2d.Linear

/-!
# The pairing of outputs and taps

The inner products of the forward pass with a cotangent, and of the kernel and input gradients with
a tangent, are one and the same sum over all pairs of an output and a tap of the kernel.

## Main definitions
* `conv2dPairing g x weight δ`: Σ x[…]·(weight[c, i, kh, kw]·δ[n, c, oh, ow]) over all outputs and
  taps.

## Main results
* `dot_conv2d`, `dot_conv2dKernelDeriv`, `dot_conv2dInputDeriv`: ⟨δ, conv(x, w, 0)⟩,
  ⟨w, kernel gradient⟩ and ⟨x, input gradient⟩ are the pairing.
* `dot_conv2dBiasDeriv`: ⟨b, bias gradient⟩ = ⟨δ, broadcast of b⟩.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K] (g : Conv2d)

/-- The sum, over all outputs (n, c, oh, ow) and taps (i, kh, kw), of
x[n, ⌊c/O⌋·I + i, oh·sh + kh·dh − pt, ow·sw + kw·dw − pl]·(weight[c, i, kh, kw]·δ[n, c, oh, ow]). -/
def conv2dPairing (x : Tensor K g.inputShape) (weight : Tensor K g.kernelShape)
    (δ : Tensor K g.outputShape) : K :=
  sum g.batch fun n => sum (g.groups * g.outChannels) fun c =>
    sum g.height.output fun oh => sum g.width.output fun ow =>
      sum g.inChannels fun i => sum g.height.kernel fun kh => sum g.width.kernel fun kw =>
        x.entry [n, c / g.outChannels * g.inChannels + i,
            oh * g.height.stride + kh * g.height.dilation - g.height.padBegin,
            ow * g.width.stride + kw * g.width.dilation - g.width.padBegin] *
          (weight.entry [c, i, kh, kw] * δ.entry [n, c, oh, ow])

section
variable (x : Tensor K g.inputShape) (weight : Tensor K g.kernelShape) (bias : Tensor K g.biasShape)
  (δ : Tensor K g.outputShape)

/-- ⟨δ, conv(x, w, 0)⟩ is the pairing. -/
theorem dot_conv2d : δ.dot (conv2d exact g x weight 0) = conv2dPairing g x weight δ := by
  rw [Tensor.dot_four]
  refine sum_congr fun n hn => sum_congr fun c hc => sum_congr fun oh hoh =>
    sum_congr fun ow how => ?_
  rw [Tensor.entry_four (conv2d exact g x weight 0) hn hc hoh how, conv2d_textbook]
  simp only [Tensor.entry_zero, Lean.Grind.Semiring.add_zero, mul_sum]
  exact sum_congr fun i _ => sum_congr fun kh _ => sum_congr fun kw _ => by grind

/-- ⟨w, kernel gradient⟩ is the pairing. -/
theorem dot_conv2dKernelDeriv :
    weight.dot (conv2dKernelDeriv exact g x δ) = conv2dPairing g x weight δ := by
  unfold conv2dPairing
  simp only [sum_comm g.batch (g.groups * g.outChannels),
    sum_comm g.batch g.inChannels, sum_comm g.batch g.height.kernel,
    sum_comm g.batch g.width.kernel, sum_comm g.height.output g.inChannels,
    sum_comm g.height.output g.height.kernel, sum_comm g.height.output g.width.kernel,
    sum_comm g.width.output g.inChannels, sum_comm g.width.output g.height.kernel,
    sum_comm g.width.output g.width.kernel]
  rw [Tensor.dot_four]
  refine sum_congr fun c hc => sum_congr fun i hi => sum_congr fun kh hkh =>
    sum_congr fun kw hkw => ?_
  rw [Tensor.entry_four (conv2dKernelDeriv exact g x δ) hc hi hkh hkw, conv2d_kernel_textbook]
  simp only [mul_sum]
  exact sum_congr fun n _ => sum_congr fun oh _ => sum_congr fun ow _ => by grind

/-- The pairing with the channels of each group apart. -/
theorem conv2dPairing_eq : conv2dPairing g x weight δ =
    sum g.batch fun n => sum g.groups fun k => sum g.outChannels fun o =>
      sum g.height.output fun oh => sum g.width.output fun ow =>
      sum g.inChannels fun i => sum g.height.kernel fun kh => sum g.width.kernel fun kw =>
        x.entry [n, k * g.inChannels + i,
            oh * g.height.stride + kh * g.height.dilation - g.height.padBegin,
            ow * g.width.stride + kw * g.width.dilation - g.width.padBegin] *
          (weight.entry [k * g.outChannels + o, i, kh, kw] *
            δ.entry [n, k * g.outChannels + o, oh, ow]) := by
  refine sum_congr fun n _ => (sum_merge ..).symm.trans ?_
  refine sum_congr fun k _ => sum_congr fun o ho => ?_
  simp only [Int.natCast_add, Int.natCast_mul, merge_ediv k ho]

/-- For one image, output channel, input channel and tap: the sum over the outputs is a sum over the
inputs. -/
theorem sum_outputs_eq_sum_inputs (n c o : Int) (kh kw : Nat) (v : K) :
    (sum g.height.output fun oh => sum g.width.output fun ow =>
      x.entry [n, c,
          oh * g.height.stride + kh * g.height.dilation - g.height.padBegin,
          ow * g.width.stride + kw * g.width.dilation - g.width.padBegin] *
        (v * δ.entry [n, o, oh, ow])) =
    sum g.height.size fun h => sum g.width.size fun w =>
      if (g.height.stride : Int) ∣ h + g.height.padBegin - kh * g.height.dilation ∧
          (g.width.stride : Int) ∣ w + g.width.padBegin - kw * g.width.dilation then
        x.entry [n, c, h, w] * (v * δ.entry [n, o,
          (h + g.height.padBegin - kh * g.height.dilation) / g.height.stride,
          (w + g.width.padBegin - kw * g.width.dilation) / g.width.stride])
      else 0 := by
  refine sum_stride_two (Int.natCast_pos.2 g.height.stride_pos)
    (Int.natCast_pos.2 g.width.stride_pos) _ _ _ _
    (f := fun h w oh ow => x.entry [n, c, h, w] * (v * δ.entry [n, o, oh, ow])) ?_ ?_ ?_ ?_
  · intro h w oh ow hh
    have : x.entry [n, c, h, w] = 0 := Tensor.entry_cons_eq_zero _ _ fun _ =>
      Tensor.entry_cons_eq_zero _ _ fun _ => Tensor.entry_outside _ _ hh
    grind
  · intro h w oh ow hw
    have : x.entry [n, c, h, w] = 0 := Tensor.entry_cons_eq_zero _ _ fun _ =>
      Tensor.entry_cons_eq_zero _ _ fun _ => Tensor.entry_cons_eq_zero _ _ fun _ =>
      Tensor.entry_outside _ _ hw
    grind
  · intro h w oh ow hh
    have : δ.entry [n, o, oh, ow] = 0 := Tensor.entry_cons_eq_zero _ _ fun _ =>
      Tensor.entry_cons_eq_zero _ _ fun _ => Tensor.entry_outside _ _ hh
    grind
  · intro h w oh ow hw
    have : δ.entry [n, o, oh, ow] = 0 := Tensor.entry_cons_eq_zero _ _ fun _ =>
      Tensor.entry_cons_eq_zero _ _ fun _ => Tensor.entry_cons_eq_zero _ _ fun _ =>
      Tensor.entry_outside _ _ hw
    grind

/-- ⟨x, input gradient⟩ is the pairing. -/
theorem dot_conv2dInputDeriv :
    x.dot (conv2dInputDeriv exact g weight δ) = conv2dPairing g x weight δ := by
  rw [conv2dPairing_eq]
  simp only [sum_comm g.outChannels g.inChannels,
    sum_comm g.height.output g.inChannels, sum_comm g.width.output g.inChannels,
    sum_comm g.height.output g.height.kernel, sum_comm g.height.output g.width.kernel,
    sum_comm g.width.output g.height.kernel, sum_comm g.width.output g.width.kernel,
    sum_outputs_eq_sum_inputs]
  simp only [sum_comm g.outChannels g.height.size, sum_comm g.outChannels g.width.size,
    sum_comm g.height.kernel g.height.size, sum_comm g.height.kernel g.width.size,
    sum_comm g.width.kernel g.height.size, sum_comm g.width.kernel g.width.size]
  rw [Tensor.dot_four]
  refine sum_congr fun n hn => (sum_merge ..).symm.trans ?_
  refine sum_congr fun k hk => sum_congr fun i hi => sum_congr fun h hh => sum_congr fun w hw => ?_
  rw [Tensor.entry_four (conv2dInputDeriv exact g weight δ) hn (merge_lt hk hi) hh hw,
    conv2d_input_textbook]
  simp only [mul_sum, Int.natCast_add, Int.natCast_mul, merge_ediv k hi, merge_emod k hi]
  exact sum_congr fun o _ => sum_congr fun kh _ => sum_congr fun kw _ => by grind

/-- ⟨δ, broadcast of b⟩ = ⟨b, bias gradient⟩ -/
theorem dot_conv2dBiasDeriv :
    bias.dot (conv2dBiasDeriv exact g δ) = δ.dot (conv2d exact g 0 0 bias) := by
  rw [Tensor.dot_four, Tensor.dot_one, sum_comm g.batch]
  refine sum_congr fun c hc => ?_
  rw [Tensor.entry_one (conv2dBiasDeriv exact g δ) hc, conv2d_bias_textbook]
  simp only [mul_sum]
  refine sum_congr fun n hn => sum_congr fun oh hoh => sum_congr fun ow how => ?_
  rw [Tensor.entry_four (conv2d exact g 0 0 bias) hn hc hoh how, conv2d_bias_get,
    Tensor.entry_one bias hc]
  grind

end

end RuntimeApprox
