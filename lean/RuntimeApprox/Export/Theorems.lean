module

public import RuntimeApprox.Choice
public import RuntimeApprox.Conv2d.Convolution
public import RuntimeApprox.Export

/-!
# The exported trees mean the definitions

## Main results
* `conv2d_convolution`: conv2d is the convolution of two axes.
* `outputSize_eval`: the exported output size is `Window.output`.
* `namedFormulas_eval`: the exported formulas are the definitions of `RuntimeApprox.AnyOrder`.
* `tensorCoreFormulas_eval`: those of matrix instructions are the definitions of
  `RuntimeApprox.TensorCore`.
* `zeroLaw_eval`, `addLaw_eval`, `mulLaw_eval`: the exported laws are those of `bound`.
* `maxLaw_eval`, `greaterLaw_eval`, `atLeastLaw_eval`, `chooseLaw_eval`, `divLaw_eval`: those of nodes
  are the laws of their operations.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-- conv2d is the convolution of two axes. -/
theorem conv2d_convolution (s : Sizes Int) : convForward s.convolution = conv2dForward s ∧
    convBiasGrad s.convolution = conv2dBiasGrad s ∧
    convKernelGrad s.convolution = conv2dKernelGrad s ∧
    convInputGrad s.convolution = conv2dInputGrad s := ⟨rfl, rfl, rfl, rfl⟩

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

theorem outputSize_eval (a : Spatial Size) (w : Window) (e : String → Int)
    (size : a.size.eval e = w.size) (kernel : a.kernel.eval e = w.kernel)
    (stride : a.stride.eval e = w.stride) (padBegin : a.padBegin.eval e = w.padBegin)
    (padEnd : a.padEnd.eval e = w.padEnd) (dilation : a.dilation.eval e = w.dilation) :
    (outputSize a).eval e = w.output := by
  rw [← w.output_eq, ← size, ← kernel, ← stride, ← padBegin, ← padEnd, ← dilation]
  rfl

section
universe u
variable {K : Type u} [OrderedField K] (R : Rounding K) (x y z : Approx K)

theorem zeroLaw_eval :
    (⟨zeroLaw.value.eval R x y z, zeroLaw.eps.eval R x y z⟩ : Approx K) = (bound R).zero := rfl

theorem addLaw_eval :
    (⟨addLaw.value.eval R x y z, addLaw.eps.eval R x y z⟩ : Approx K) = (bound R).add x y := rfl

theorem mulLaw_eval :
    (⟨mulLaw.value.eval R x y z, mulLaw.eps.eval R x y z⟩ : Approx K) = (bound R).mul x y := rfl

/-- The exported law is that of `maxOp`. -/
theorem maxLaw_eval : (⟨maxLaw.value.eval R x y z, maxLaw.eps.eval R x y z⟩ : Approx K) =
    maxOp.approx R x y := rfl

/-- The exported law is that of `greaterOp`. -/
theorem greaterLaw_eval : (⟨greaterLaw.value.eval R x y z, greaterLaw.eps.eval R x y z⟩ : Approx K) =
    greaterOp.approx R x y := rfl

/-- The exported law is that of `atLeastOp`. -/
theorem atLeastLaw_eval : (⟨atLeastLaw.value.eval R x y z, atLeastLaw.eps.eval R x y z⟩ : Approx K) =
    atLeastOp.approx R x y := rfl

/-- The exported law is that of `chooseOp`. -/
theorem chooseLaw_eval : (⟨chooseLaw.value.eval R x y z, chooseLaw.eps.eval R x y z⟩ : Approx K) =
    chooseOp.approx R x y z := rfl

/-- The exported law is that of `divOp`. -/
theorem divLaw_eval (h : 0 < y.value) :
    (⟨divLaw.value.eval R x y z, divLaw.eps.eval R x y z⟩ : Approx K) =
      (divOp y.value h).approx R x := rfl

/-- The exported formulas, by name, are the definitions that the theorems are about. -/
theorem namedFormulas_eval (e : String → K) (d : String → Nat) :
    namedFormulas.map (fun (name, f) => (name, f.eval e d)) =
      let nearest := ErrorBound.nearest (e "terms") (e "roundoff") (e "underflow")
      let numbers := ErrorBound.numbers 0 (e "terms") (e "roundoff")
      let tree := ErrorBound.tree (e "terms") (e "underflow") (e "growth")
      let bound := ErrorBound.mk (e "bound.relative") (e "bound.absolute")
      let next := ErrorBound.mk (e "next.relative") (e "next.absolute")
      let sum := ErrorBound.mk (e "sum.relative") (e "sum.absolute")
      let evaluation := ErrorBound.mk (e "evaluation.relative") (e "evaluation.absolute")
      [("nearestRelative", nearest.relative), ("nearestAbsolute", nearest.absolute),
        ("numbersRelative", numbers.relative), ("numbersAbsolute", numbers.absolute),
        ("growth", (1 + e "roundoff") ^ d "depth"),
        ("treeRelative", tree.relative), ("treeAbsolute", tree.absolute),
        ("followedRelative", (bound.followedBy next).relative),
        ("followedAbsolute", (bound.followedBy next).absolute),
        ("magnitude", bound.magnitudeCoefficient), ("deviation", bound.deviationCoefficient),
        ("constant", bound.constantCoefficient),
        ("tolerance", bound.tolerance (e "terms") (e "firstMagnitude") (e "secondMagnitude")
          (e "addendMagnitude") (e "firstDeviation") (e "secondDeviation") (e "addendDeviation")),
        ("operandDeviation", operandDeviation bound (e "magnitude")),
        ("weight", weight (e "coefficient") sum evaluation),
        ("residue", residue (e "coefficient") sum),
        ("constantWeight", constantWeight (e "constant") (e "residues") evaluation),
        ("replayConstant",
          replayConstant (e "terms") (e "firstEps") (e "secondEps") (e "underflow"))] := rfl

/-- The exported formula of products of slices is the definition that the theorems are about. -/
theorem slicedFormulas_eval (e : String → K) (d : String → Nat) :
    slicedFormulas.map (fun (name, f) => (name, f.eval e d)) =
      [("left", leftBound (e "terms") (e "tails") (e "rest") (e "secondMagnitude"))] := rfl

end

section
variable (e : String → Rat) (d : String → Nat)

/-- The exported formulas of matrix instructions are the definitions that the theorems are about. -/
theorem tensorCoreFormulas_eval :
    tensorCoreFormulas.map (fun (name, f) => (name, f.eval e d)) =
      let bound := ErrorBound.tensorCore (e "steps") (e "losses") (e "cut") (e "shortfall")
        (e "underflow") (e "growth")
      let times := (ErrorBound.mk (e "bound.relative") (e "bound.absolute")).times (e "terms")
      let losses (unit : TensorCore.Unit) := e "terms" + (unit.extra : Rat) * e "steps"
      [("alignedLosses", losses (.aligned 0 false)),
        ("stagedLosses", losses (.staged 0 0 false .binary32)),
        ("interleavedLosses", losses (.interleaved 0 0 false .binary32)),
        ("groupedLosses", losses (.grouped 0 4)),
        ("exactLosses", losses .exact),
        ("tensorCoreGrowth", (1 + e "cut") ^ d "losses" * (1 + e "roundoff") ^ d "steps"),
        ("tensorCoreRelative", bound.relative), ("tensorCoreAbsolute", bound.absolute),
        ("timesRelative", times.relative), ("timesAbsolute", times.absolute),
        ("shortfall", shortfall (e "firstMagnitude") (e "secondMagnitude") (e "firstLeast")
          (e "secondLeast") (e "least"))] := rfl

end

end RuntimeApprox
