module

public import RuntimeApprox.Export

/-!
# The exported trees mean the definitions

## Main results
* `conv2dForward_symbols`, `conv2dBiasGrad_symbols`, `conv2dKernelGrad_symbols`,
  `conv2dInputGrad_symbols`: the exported contractions, evaluated at a geometry's numbers, are the
  contractions of the soundness theorems.
* `outputHeight_eval`, `outputWidth_eval`: the exported output size is `Window.output`.
* `namedEstimates_eval`: the exported formulas are the coefficients of `Errors`.
* `zeroLaw_eval`, `addLaw_eval`, `mulLaw_eval`: the exported laws are those of `bound`.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

section
variable (s : Sizes Int)

theorem conv2dForward_symbols : (conv2dForward symbols).map (Size.eval s) = conv2dForward s := rfl

theorem conv2dBiasGrad_symbols : (conv2dBiasGrad symbols).map (Size.eval s) = conv2dBiasGrad s := rfl

theorem conv2dKernelGrad_symbols :
    (conv2dKernelGrad symbols).map (Size.eval s) = conv2dKernelGrad s := rfl

theorem conv2dInputGrad_symbols :
    (conv2dInputGrad symbols).map (Size.eval s) = conv2dInputGrad s := rfl

end

/-- The exported output size, on integers, is `Window.output`, on natural numbers. -/
theorem Window.output_eq (w : Window) :
    ((w.size : Int) + w.padBegin + w.padEnd - (w.dilation * (w.kernel - 1) + 1)) / w.stride + 1 =
      w.output := by
  have := w.fits
  have := w.kernel_pos
  unfold Window.output
  rw [Int.natCast_add, Int.natCast_ediv, Int.ofNat_sub w.fits]
  simp only [Int.natCast_add, Int.natCast_mul, Int.ofNat_sub w.kernel_pos]
  rfl

theorem outputHeight_eval (g : Conv2d) : outputHeight.eval g.sizes = g.height.output :=
  g.height.output_eq

theorem outputWidth_eval (g : Conv2d) : outputWidth.eval g.sizes = g.width.output :=
  g.width.output_eq

section
universe u
variable {K : Type u} [OrderedField K] (R : Rounding K) (x y : Approx K)

theorem zeroLaw_eval :
    (⟨zeroLaw.value.eval R x y, zeroLaw.eps.eval R x y⟩ : Approx K) = (bound R).zero := rfl

theorem addLaw_eval :
    (⟨addLaw.value.eval R x y, addLaw.eps.eval R x y⟩ : Approx K) = (bound R).add x y := rfl

theorem mulLaw_eval :
    (⟨mulLaw.value.eval R x y, mulLaw.eps.eval R x y⟩ : Approx K) = (bound R).mul x y := rfl

/-- The exported formulas, by name, are the coefficients of the estimates. -/
theorem namedEstimates_eval (e : Errors K) :
    namedEstimates.map (fun (name, f) => (name, f.eval e)) =
      [("product", e.productCoefficient), ("first", e.firstCoefficient),
        ("second", e.secondCoefficient), ("constant", e.constantCoefficient),
        ("inflation", e.inflation), ("residue", e.residue), ("replayPartial", e.replayPartial),
        ("replayFirst", e.replayFirst),
        ("replaySecond", e.replaySecond), ("replayConstant", e.replayConstant)] := rfl

end

end RuntimeApprox
