module

public import RuntimeApprox.Contraction.Exact
public import RuntimeApprox.Conv2d.Theorems
public import RuntimeApprox.Examples.ConvTranspose1d

/-!
# Theorems of transposed 1-D convolution

## Main results
* `approx_convTranspose1d_point`: an entry of the rounded result is within its bound.
* `convTranspose1d_textbook`: an entry of the exact result is the textbook's sum.
* `convTranspose1dExported_symbols`: what is exported means the contraction.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K] (g : ConvTranspose1d)

/-- An entry of the rounded result is within its bound of the exact one. -/
theorem approx_convTranspose1d_point {R : Rounding K} (hR : R.Lawful)
    {x' x : Tensor K g.inputShape} {weight' weight : Tensor K g.kernelShape}
    {bias' bias : Tensor K g.biasShape} {epsX epsW epsB : K} (hx : approxT x' x epsX)
    (hw : approxT weight' weight epsW) (hb : approxT bias' bias epsB) (i : Index g.outputShape) :
    abs ((convTranspose1d (rounded R) g x weight bias).get i -
        (convTranspose1d exact g x' weight' bias').get i) ≤
      convTranspose1dPointBound R g x epsX weight epsW bias epsB i :=
  Contraction.abs_rounded_sub_exact_le hR g.forward
    (.cons (Tensor.encloses_withEps hx) (.cons (Tensor.encloses_withEps hw) .nil))
    (.cons (Tensor.hasValue_withEps x _) (.cons (Tensor.hasValue_withEps weight _) .nil))
    (.cons (Tensor.encloses_withEps hb) .nil) (.cons (Tensor.hasValue_withEps bias _) .nil) i

/-- With I input and O output channels in each group,
y[n, c, t] = Σ_i Σ_k x[n, ⌊c/O⌋·I + i, (t + p − k·d)/s]·weight[⌊c/O⌋·I + i, c mod O, k] + bias[c],
over the taps k where s divides t + p − k·d. -/
theorem convTranspose1d_textbook (x : Tensor K g.inputShape) (weight : Tensor K g.kernelShape)
    (bias : Tensor K g.biasShape) (n : Fin g.batch) (c : Fin (g.groups * g.outChannels))
    (t : Fin g.output) :
    (convTranspose1d exact g x weight bias).get (n, c, t, ()) =
      (sum g.inChannels fun i => sum g.kernel fun k =>
        (if (g.stride : Int) ∣ t.1 + g.padding - k * g.dilation then
          x.entry [n.1, c.1 / g.outChannels * g.inChannels + i,
            (t.1 + g.padding - k * g.dilation) / g.stride]
        else 0) *
          weight.entry [c.1 / g.outChannels * g.inChannels + i, c.1 % g.outChannels, k]) +
      bias.entry [c.1] := by
  refine (Contraction.get_eval_exact g.forward (x, weight, ⟨⟩) (bias, ⟨⟩) (n, c, t, ())).trans ?_
  rw [show outIndices g.forward.out (n, c, t, ()) =
    [n.1, c.1 / g.outChannels, c.1 % g.outChannels, t.1] from rfl]
  have hs := Affine.eval_of_pos (Int.natCast_pos.2 g.stride_pos)
  have form : ∀ a b k d : Int, a + k * -d + b = a + b - k * d := fun _ _ _ _ => by
    rw [Int.mul_neg]; omega
  refine congr (congrArg HAdd.hAdd (sum_congr fun i _ => sum_congr fun k _ =>
    congr (congrArg HMul.hMul ?_) (valuesAt_one.trans (valueAt_of_indices ?_))))
    (addendsAt_one.trans (valueAt_of_indices ?_))
  · split
    · next h =>
      refine valueAt_of_indices ?_
      simp [indices, ConvTranspose1d.forward, convTranspose1dForward, Affine.eval_one, hs, dot,
        Int.mul_comm, form, h]
    · next h =>
      refine valueAt_of_none ?_
      simp [indices, ConvTranspose1d.forward, convTranspose1dForward, Affine.eval_one, hs, dot,
        Int.mul_comm, form, h]
  all_goals simp [indices, Affine.eval_one, dot, Int.mul_comm, Int.mul_ediv_add_emod]

/-- The exported contraction, at a geometry's numbers, is the contraction of the theorems. -/
theorem convTranspose1dExported_symbols (s : Sizes Int) :
    convTranspose1dExported.map (Size.eval s) =
      convTranspose1dForward s.batch s.groups s.inChannels s.outChannels s.inputW s.kernelW
        s.strideW s.padLeft s.dilationW s.outputW := rfl

end RuntimeApprox
