module

public import RuntimeApprox.Replay.Theorems

/-!
# The replay of conv2d

The bounds of conv2d from the binades of what its sums and products round, and from sums of absolute
values of its operands, which are terms of the same contraction.

## Main results
* `conv2dPointBound_le_replay`, `conv2dBiasPointBound_le_replay`,
  `conv2dKernelPointBound_le_replay`, `conv2dInputPointBound_le_replay`: with n terms,
  bound ≤ u·Σ binades + ε_y·Σ|x| + ε_x·Σ|y| + n·(ε_x·ε_y + 2·κ), and the bias's ε + κ in the
  forward pass.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

open Contraction

variable {f : Format} (g : Conv2d) {κ : Rat} (hκ : 0 ≤ κ) {bs cs : List Rat}
include hκ

/-- The bias gradient. -/
theorem conv2dBiasPointBound_le_replay (δ : Tensor Rat g.outputShape) (epsδ : Rat)
    (i : Index g.biasShape)
    (hs : f.Charges κ (additions f.rounding (conv2dBiasGrad g.sizes) (δ, ⟨⟩) ⟨⟩
      (outIndices (conv2dBiasGrad g.sizes).out i)) bs) {n : Nat}
    (hn : (termsIn exact (conv2dBiasGrad g.sizes) (δ, ⟨⟩)
      (outIndices (conv2dBiasGrad g.sizes).out i)).length = n) :
    conv2dBiasPointBound f.rounding g δ epsδ i ≤
      f.unitRoundoff * bs.sum + (replayConstant (n : Rat) 0 epsδ κ + (n : Rat) * epsδ) := by
  have h := replay_le_one (out := (conv2dBiasGrad g.sizes).out)
    (red := (conv2dBiasGrad g.sizes).red) (p := (conv2dBiasGrad g.sizes).factor) (qs := []) hκ δ
    epsδ (as := ⟨⟩) (bas := ⟨⟩) .nil _ hs (E := 0) (m := 0) Rat.le_refl (Nat.le_refl _) hn
  refine Rat.le_trans h ?_
  clear hs h
  grind

/-- The kernel gradient. -/
theorem conv2dKernelPointBound_le_replay (x : Tensor Rat g.inputShape) (epsX : Rat)
    (δ : Tensor Rat g.outputShape) (epsδ : Rat) (i : Index g.kernelShape)
    (hs : f.Charges κ (additions f.rounding (conv2dKernelGrad g.sizes) (x, δ, ⟨⟩) ⟨⟩
      (outIndices (conv2dKernelGrad g.sizes).out i)) bs)
    (hp : f.Charges κ (termsIn exact (conv2dKernelGrad g.sizes) (x, δ, ⟨⟩)
      (outIndices (conv2dKernelGrad g.sizes).out i)) cs) {n : Nat}
    (hn : (termsIn exact (conv2dKernelGrad g.sizes) (x, δ, ⟨⟩)
      (outIndices (conv2dKernelGrad g.sizes).out i)).length = n) :
    conv2dKernelPointBound f.rounding g x epsX δ epsδ i ≤
      f.unitRoundoff * (bs ++ cs).sum +
        epsδ * (termsIn exact (conv2dKernelGrad g.sizes) (x.map abs, δ.map fun _ => 1, ⟨⟩)
          (outIndices (conv2dKernelGrad g.sizes).out i)).sum +
        epsX * (termsIn exact (conv2dKernelGrad g.sizes) (x.map fun _ => 1, δ.map abs, ⟨⟩)
          (outIndices (conv2dKernelGrad g.sizes).out i)).sum +
        replayConstant (n : Rat) epsX epsδ κ := by
  have h := replay_le (out := (conv2dKernelGrad g.sizes).out)
    (red := (conv2dKernelGrad g.sizes).red) (p := (conv2dKernelGrad g.sizes).factor)
    (q := (conv2dKernelGrad g.sizes).factors.headD (conv2dKernelGrad g.sizes).factor) (qs := [])
    hκ x epsX δ epsδ (as := ⟨⟩) (bas := ⟨⟩) .nil _ hs hp (E := 0) (m := 0) Rat.le_refl
    (Nat.le_refl _)
  rw [show (0 : Rat) + ((0 : Nat) : Rat) * κ = 0 by grind, Rat.add_zero] at h
  subst hn
  exact h

/-- The input gradient. -/
theorem conv2dInputPointBound_le_replay (weight : Tensor Rat g.kernelShape) (epsW : Rat)
    (δ : Tensor Rat g.outputShape) (epsδ : Rat) (i : Index g.inputShape)
    (hs : f.Charges κ (additions f.rounding (conv2dInputGrad g.sizes) (weight, δ, ⟨⟩) ⟨⟩
      (outIndices (conv2dInputGrad g.sizes).out i)) bs)
    (hp : f.Charges κ (termsIn exact (conv2dInputGrad g.sizes) (weight, δ, ⟨⟩)
      (outIndices (conv2dInputGrad g.sizes).out i)) cs) {n : Nat}
    (hn : (termsIn exact (conv2dInputGrad g.sizes) (weight, δ, ⟨⟩)
      (outIndices (conv2dInputGrad g.sizes).out i)).length = n) :
    conv2dInputPointBound f.rounding g weight epsW δ epsδ i ≤
      f.unitRoundoff * (bs ++ cs).sum +
        epsδ * (termsIn exact (conv2dInputGrad g.sizes)
          (weight.map abs, δ.map fun _ => 1, ⟨⟩) (outIndices (conv2dInputGrad g.sizes).out i)).sum +
        epsW * (termsIn exact (conv2dInputGrad g.sizes)
          (weight.map fun _ => 1, δ.map abs, ⟨⟩) (outIndices (conv2dInputGrad g.sizes).out i)).sum +
        replayConstant (n : Rat) epsW epsδ κ := by
  have h := replay_le (out := (conv2dInputGrad g.sizes).out)
    (red := (conv2dInputGrad g.sizes).red) (p := (conv2dInputGrad g.sizes).factor)
    (q := (conv2dInputGrad g.sizes).factors.headD (conv2dInputGrad g.sizes).factor) (qs := [])
    hκ weight epsW δ epsδ (as := ⟨⟩) (bas := ⟨⟩) .nil _ hs hp (E := 0) (m := 0) Rat.le_refl
    (Nat.le_refl _)
  rw [show (0 : Rat) + ((0 : Nat) : Rat) * κ = 0 by grind, Rat.add_zero] at h
  subst hn
  exact h

/-- The forward pass. -/
theorem conv2dPointBound_le_replay (x : Tensor Rat g.inputShape) (epsX : Rat)
    (weight : Tensor Rat g.kernelShape) (epsW : Rat) (bias : Tensor Rat g.biasShape) {epsB : Rat}
    (hB : 0 ≤ epsB) (i : Index g.outputShape)
    (hs : f.Charges κ (additions f.rounding (conv2dForward g.sizes) (x, weight, ⟨⟩) (bias, ⟨⟩)
      (outIndices (conv2dForward g.sizes).out i)) bs)
    (hp : f.Charges κ (termsIn exact (conv2dForward g.sizes) (x, weight, ⟨⟩)
      (outIndices (conv2dForward g.sizes).out i)) cs) {n : Nat}
    (hn : (termsIn exact (conv2dForward g.sizes) (x, weight, ⟨⟩)
      (outIndices (conv2dForward g.sizes).out i)).length = n) :
    conv2dPointBound f.rounding g x epsX weight epsW bias epsB i ≤
      f.unitRoundoff * (bs ++ cs).sum +
        epsW * (termsIn exact (conv2dForward g.sizes)
          (x.map abs, weight.map fun _ => 1, ⟨⟩) (outIndices (conv2dForward g.sizes).out i)).sum +
        epsX * (termsIn exact (conv2dForward g.sizes)
          (x.map fun _ => 1, weight.map abs, ⟨⟩) (outIndices (conv2dForward g.sizes).out i)).sum +
        (replayConstant (n : Rat) epsX epsW κ + (epsB + κ)) := by
  have ⟨hE, hm⟩ := addendList_withEps (p := (conv2dForward g.sizes).addends.headD
    (conv2dForward g.sizes).factor) bias hB (outIndices (conv2dForward g.sizes).out i)
  have h := replay_le (out := (conv2dForward g.sizes).out)
    (red := (conv2dForward g.sizes).red) (p := (conv2dForward g.sizes).factor)
    (q := (conv2dForward g.sizes).factors.headD (conv2dForward g.sizes).factor)
    (qs := (conv2dForward g.sizes).addends) hκ x epsX weight epsW (as := (bias, ⟨⟩))
    (bas := (bias.withEps epsB, ⟨⟩)) (.cons (bias.hasValue_withEps epsB) .nil) _ hs hp hE hm
  rw [show ((1 : Nat) : Rat) * κ = κ by grind] at h
  subst hn
  exact h

end RuntimeApprox
