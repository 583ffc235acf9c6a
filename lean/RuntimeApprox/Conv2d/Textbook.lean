module

public import RuntimeApprox.Conv2d.VJP
public import RuntimeApprox.Operations.Textbook

/-!
# Conv2d and its gradients, as in the textbook

Conv2d is the convolution of two axes, so its exact values are those of `RuntimeApprox.Operations.Textbook`
at two axes. In the formulas `sum n fun i => f i` is Σ_{i < n} f i, `t.entry [i, j, …]` is t[i, j, …] with zeros
outside t (the padding), and all indices are integers.

## Main results
* `conv2d_textbook`, `conv2d_bias_textbook`, `conv2d_kernel_textbook`, `conv2d_input_textbook`:
  an entry of the exact forward pass and of each exact gradient.

## References
* V. Dumoulin, F. Visin, *A guide to convolution arithmetic for deep learning* (2016).
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K] (g : Conv2d)

/-- The forward pass: with I input and O output channels in each group, strides (sh, sw), dilations
(dh, dw) and padding (pt, pl) before the input,
y[n, c, oh, ow] = Σ_i Σ_kh Σ_kw
  x[n, ⌊c/O⌋·I + i, oh·sh + kh·dh − pt, ow·sw + kw·dw − pl]·weight[c, i, kh, kw] + bias[c]. -/
theorem conv2d_textbook (x : Tensor K g.inputShape) (weight : Tensor K g.kernelShape)
    (bias : Tensor K g.biasShape) (n : Fin g.batch) (c : Fin (g.groups * g.outChannels))
    (oh : Fin g.height.output) (ow : Fin g.width.output) :
    (conv2d exact g x weight bias).get (n, c, oh, ow, ()) =
      (sum g.inChannels fun i => sum g.height.kernel fun kh => sum g.width.kernel fun kw =>
        x.entry [n.1, c.1 / g.outChannels * g.inChannels + i,
            oh.1 * g.height.stride + kh * g.height.dilation - g.height.padBegin,
            ow.1 * g.width.stride + kw * g.width.dilation - g.width.padBegin] *
          weight.entry [c.1, i, kh, kw]) +
      bias.entry [c.1] :=
  (Tensor.get_eq_entry _ _).trans (conv_textbook g.convolution x weight bias
    (os := [oh.1, ow.1]) n.2 c.2 ⟨oh.2, ow.2, trivial⟩)

/-- The bias gradient: ∂bias[c] = Σ_n Σ_oh Σ_ow δ[n, c, oh, ow]. -/
theorem conv2d_bias_textbook (δ : Tensor K g.outputShape) (c : Fin (g.groups * g.outChannels)) :
    (conv2dBiasDeriv exact g δ).get (c, ()) =
      sum g.batch fun n => sum g.height.output fun oh => sum g.width.output fun ow =>
        δ.entry [n, c.1, oh, ow] :=
  (Tensor.get_eq_entry _ _).trans (convBias_textbook g.convolution δ c.2)

/-- The kernel gradient:
∂weight[c, i, kh, kw] = Σ_n Σ_oh Σ_ow
  x[n, ⌊c/O⌋·I + i, oh·sh + kh·dh − pt, ow·sw + kw·dw − pl]·δ[n, c, oh, ow]. -/
theorem conv2d_kernel_textbook (x : Tensor K g.inputShape) (δ : Tensor K g.outputShape)
    (c : Fin (g.groups * g.outChannels)) (i : Fin g.inChannels) (kh : Fin g.height.kernel)
    (kw : Fin g.width.kernel) :
    (conv2dKernelDeriv exact g x δ).get (c, i, kh, kw, ()) =
      sum g.batch fun n => sum g.height.output fun oh => sum g.width.output fun ow =>
        x.entry [n, c.1 / g.outChannels * g.inChannels + i.1,
            oh * g.height.stride + kh.1 * g.height.dilation - g.height.padBegin,
            ow * g.width.stride + kw.1 * g.width.dilation - g.width.padBegin] *
          δ.entry [n, c.1, oh, ow] :=
  (Tensor.get_eq_entry _ _).trans (convKernel_textbook g.convolution x δ
    (ks := [kh.1, kw.1]) c.2 i.2 ⟨kh.2, kw.2, trivial⟩)

/-- The input gradient: over the taps (kh, kw) whose output position is not skipped by the strides,
∂x[n, c, h, w] = Σ_o Σ_kh Σ_kw weight[⌊c/I⌋·O + o, c mod I, kh, kw]·
  δ[n, ⌊c/I⌋·O + o, (h + pt − kh·dh)/sh, (w + pl − kw·dw)/sw]
where sh divides h + pt − kh·dh and sw divides w + pl − kw·dw, and nothing elsewhere. -/
theorem conv2d_input_textbook (weight : Tensor K g.kernelShape) (δ : Tensor K g.outputShape)
    (n : Fin g.batch) (c : Fin (g.groups * g.inChannels)) (h : Fin g.height.size)
    (w : Fin g.width.size) :
    (conv2dInputDeriv exact g weight δ).get (n, c, h, w, ()) =
      sum g.outChannels fun o => sum g.height.kernel fun kh => sum g.width.kernel fun kw =>
        weight.entry [c.1 / g.inChannels * g.outChannels + o, c.1 % g.inChannels, kh, kw] *
          if (g.height.stride : Int) ∣ h.1 + g.height.padBegin - kh * g.height.dilation ∧
              (g.width.stride : Int) ∣ w.1 + g.width.padBegin - kw * g.width.dilation then
            δ.entry [n.1, c.1 / g.inChannels * g.outChannels + o,
              (h.1 + g.height.padBegin - kh * g.height.dilation) / g.height.stride,
              (w.1 + g.width.padBegin - kw * g.width.dilation) / g.width.stride]
          else 0 := by
  refine (Tensor.get_eq_entry _ _).trans ((convInput_textbook g.convolution
    (fun a ha => ?_) weight δ (hs := [h.1, w.1]) n.2 c.2 ⟨h.2, w.2, trivial⟩).trans
    (sum_congr fun o _ => sum_congr fun kh _ => sum_congr fun kw _ => congrArg (_ * ·) ?_))
  · simp only [Conv2d.convolution, List.mem_cons, List.not_mem_nil, or_false] at ha
    rcases ha with rfl | rfl
    · exact g.height.stride_pos
    · exact g.width.stride_pos
  · by_cases hh : (g.height.stride : Int) ∣ h.1 + g.height.padBegin - kh * g.height.dilation <;>
      by_cases hw : (g.width.stride : Int) ∣ w.1 + g.width.padBegin - kw * g.width.dilation <;>
      simp [readers, steps, placesOf, joinPlaces, entryAt, Conv2d.convolution, hh, hw]

end RuntimeApprox
