module

public import RuntimeApprox.Conv2d
public import RuntimeApprox.Contraction.Exact

/-!
# Conv2d and its gradients, as in the textbook

In exact arithmetic the four contractions of `RuntimeApprox.Conv2d` have the conventional values.
In the formulas `sum n fun i => f i` is Σ_{i < n} f i, `t.entry [i, j, …]` is t[i, j, …] with zeros
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
      bias.entry [c.1] := by
  refine (Contraction.get_eval_exact (conv2dForward g.sizes) (x, weight, ⟨⟩) (bias, ⟨⟩)
    (n, c, oh, ow, ())).trans ?_
  rw [show outIndices (conv2dForward g.sizes).out (n, c, oh, ow, ()) =
    [n.1, c.1 / g.outChannels, c.1 % g.outChannels, oh.1, ow.1] from rfl]
  refine congr (congrArg HAdd.hAdd (sum_congr fun i _ => sum_congr fun kh _ => sum_congr fun kw _ =>
    congr (congrArg HMul.hMul (valueAt_of_indices ?_))
      (valuesAt_one.trans (valueAt_of_indices ?_))))
    (addendsAt_one.trans (valueAt_of_indices ?_)) <;>
  simp [indices, conv2dForward, Affine.eval_one, dot, Conv2d.sizes, Int.mul_comm,
    Int.sub_eq_add_neg, Int.mul_ediv_add_emod]

/-- The bias gradient: ∂bias[c] = Σ_n Σ_oh Σ_ow δ[n, c, oh, ow]. -/
theorem conv2d_bias_textbook (δ : Tensor K g.outputShape) (c : Fin (g.groups * g.outChannels)) :
    (conv2dBiasDeriv exact g δ).get (c, ()) =
      sum g.batch fun n => sum g.height.output fun oh => sum g.width.output fun ow =>
        δ.entry [n, c.1, oh, ow] := by
  refine (Contraction.get_eval_exact (conv2dBiasGrad g.sizes) (δ, ⟨⟩) ⟨⟩ (c, ())).trans ?_
  rw [show outIndices (conv2dBiasGrad g.sizes).out (c, ()) =
    [c.1 / g.outChannels, c.1 % g.outChannels] from rfl]
  refine (Lean.Grind.Semiring.add_zero _).trans
    (sum_congr fun n _ => sum_congr fun oh _ => sum_congr fun ow _ =>
      (Lean.Grind.Semiring.mul_one _).trans (valueAt_of_indices ?_))
  simp [indices, conv2dBiasGrad, Affine.eval_one, dot, Conv2d.sizes, Int.mul_comm,
    Int.mul_ediv_add_emod]

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
          δ.entry [n, c.1, oh, ow] := by
  refine (Contraction.get_eval_exact (conv2dKernelGrad g.sizes) (x, δ, ⟨⟩) ⟨⟩
    (c, i, kh, kw, ())).trans ?_
  rw [show outIndices (conv2dKernelGrad g.sizes).out (c, i, kh, kw, ()) =
    [c.1 / g.outChannels, c.1 % g.outChannels, i.1, kh.1, kw.1] from rfl]
  refine (Lean.Grind.Semiring.add_zero _).trans
    (sum_congr fun n _ => sum_congr fun oh _ => sum_congr fun ow _ =>
      congr (congrArg HMul.hMul (valueAt_of_indices ?_))
        (valuesAt_one.trans (valueAt_of_indices ?_)))
  · simp [indices, conv2dKernelGrad, Affine.eval_one, dot, Conv2d.sizes, Int.mul_comm,
      Int.sub_eq_add_neg, Int.add_comm]
  · simp [indices, Affine.eval_one, dot, Conv2d.sizes, Int.mul_comm, Int.mul_ediv_add_emod]

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
  refine (Contraction.get_eval_exact (conv2dInputGrad g.sizes) (weight, δ, ⟨⟩) ⟨⟩
    (n, c, h, w, ())).trans ?_
  rw [show outIndices (conv2dInputGrad g.sizes).out (n, c, h, w, ()) =
    [n.1, c.1 / g.inChannels, c.1 % g.inChannels, h.1, w.1] from rfl]
  refine (Lean.Grind.Semiring.add_zero _).trans
    (sum_congr fun o _ => sum_congr fun kh _ => sum_congr fun kw _ =>
      congr (congrArg HMul.hMul (valueAt_of_indices ?_)) (valuesAt_one.trans ?_))
  · simp [indices, conv2dInputGrad, Affine.eval_one, dot, Conv2d.sizes, Int.mul_comm]
  · have form : ∀ a b c d : Int, a + b * -c + d = a + d - b * c := fun _ _ _ _ => by
      rw [Int.mul_neg]; omega
    have hs := Affine.eval_of_pos (Int.natCast_pos.2 g.height.stride_pos)
    have hs' := Affine.eval_of_pos (Int.natCast_pos.2 g.width.stride_pos)
    split
    · next hd =>
      refine valueAt_of_indices ?_
      simp [indices, Affine.eval_one, hs, hs', dot, Conv2d.sizes, Int.mul_comm, form, hd.1, hd.2]
    · next hd =>
      refine valueAt_of_none ?_
      by_cases hh : (g.height.stride : Int) ∣ h.1 + g.height.padBegin - kh * g.height.dilation
      · have hw : ¬(g.width.stride : Int) ∣ w.1 + g.width.padBegin - kw * g.width.dilation :=
          fun hw => hd ⟨hh, hw⟩
        simp [indices, Affine.eval_one, hs, hs', dot, Conv2d.sizes, Int.mul_comm, form, hh, hw]
      · simp [indices, Affine.eval_one, hs, hs', dot, Conv2d.sizes, Int.mul_comm, form, hh]

end RuntimeApprox
