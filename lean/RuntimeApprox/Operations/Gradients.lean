module

public import RuntimeApprox.Operations.Reordered

/-!
# The gradients of the operations read what their forward passes read

For each block one rearrangement of its loops, and by multiplication the gradients of convolutions and
transposed convolutions of any number of axes, and of sums over windows. Then `Contraction.Reordered.adjoint` says that each gradient is the adjoint of the
forward pass in its operand.

## Main definitions
* `convKernelReorderedOf`, `convInputReorderedOf`, `convInputKernelReorderedOf`: convolutions.
* `convTransposeKernelReordered`, `convTransposeInputReordered`: transposed convolutions.
* `poolReordered`: sums over windows.
* `Contraction.addition`: what an addend adds, as a contraction.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

open Contraction

attribute [local simp] Contraction.reads places position toNats prod indices Affine.eval_one dot block
  axis mapList

/-- Operands without axes. -/
def Contraction.empty (factor : String) (factors addends : List String) : Contraction Int :=
  ⟨[], [], ⟨factor, []⟩, named factors, named addends⟩

/-- Contractions without loops. -/
def emptyReordered (x x' : String) {ys ys' zs zs' : List String} {order : List Nat}
    (length : order.length = (named (ι := Int) ys).length + 2)
    (length_back : order.length = (named (ι := Int) ys').length + 2)
    (perm : order.Perm (List.range order.length))
    (reads : (empty x' ys' zs').reads [] [] =
      order.map (((empty x ys zs).reads [] []).getD · none)) : (empty x ys zs).Reordered (empty x' ys' zs') order where
  there _ _ := ([], [])
  back _ _ := ([], [])
  length := length
  length_back := length_back
  perm := perm
  reads_there _ := ⟨trivial, trivial, rfl, reads⟩
  reads_back _ := ⟨trivial, trivial, rfl, reads⟩

/-- The addition of the first addend, as a contraction. -/
def Contraction.addition (c : Contraction Int) : Contraction Int :=
  ⟨c.out, [], c.addends.headD ⟨"", []⟩, [], []⟩

/-! ### Along a spatial axis -/

namespace Spatial

variable (a : Spatial Int)

theorem forward_reads (o k : Nat) : a.forward.reads [o] [k] =
    ([some [o], some [o * a.stride + k * a.dilation - a.padBegin], some [k]] :
      List (Option (List Int))) := by
  simp [forward, taps, Int.mul_comm, Int.sub_eq_add_neg]

theorem kernelGrad_reads (k o : Nat) : a.kernelGrad.reads [k] [o] =
    ([some [k], some [o * a.stride + k * a.dilation - a.padBegin], some [o]] :
      List (Option (List Int))) := by
  simp [kernelGrad, Int.mul_comm, Int.add_comm, Int.sub_eq_add_neg]

theorem windows_reads (o k : Nat) : a.windows.reads [o] [k] =
    ([some [o], some [o * a.stride + k * a.dilation - a.padBegin]] : List (Option (List Int))) := by
  simp [windows, taps, Int.mul_comm, Int.sub_eq_add_neg]

variable (hs : 0 < a.stride)
include hs

theorem indices_readers (h k : Nat) : indices [a.readers] [h] [k] =
    if a.stride ∣ h + a.padBegin - k * a.dilation then
      some [(h + a.padBegin - k * a.dilation) / a.stride] else none := by
  have form : ∀ a b c d : Int, a + b * -c + d = a + d - b * c := fun _ _ _ _ => by
    rw [Int.mul_neg]; omega
  have hs := Affine.eval_of_pos hs
  by_cases hd : a.stride ∣ h + a.padBegin - a.dilation * k <;>
    simp [readers, Int.mul_comm, hs, form, hd]

theorem inputGrad_reads (h k : Nat) : a.inputGrad.reads [h] [k] =
    ([some [(h : Int)], some [(k : Int)], if a.stride ∣ h + a.padBegin - k * a.dilation then
      some [(h + a.padBegin - k * a.dilation) / a.stride] else none] :
      List (Option (List Int))) := by
  rw [← a.indices_readers hs]
  simp [inputGrad]

theorem windowsGrad_reads (h k : Nat) : a.windowsGrad.reads [h] [k] =
    ([some [(h : Int)], if a.stride ∣ h + a.padBegin - k * a.dilation then
      some [(h + a.padBegin - k * a.dilation) / a.stride] else none] :
      List (Option (List Int))) := by
  rw [← a.indices_readers hs]
  simp [windowsGrad]

omit hs in
/-- The kernel gradient: of (δ, x, weight) the last comes first. -/
def kernelReordered : a.forward.Reordered a.kernelGrad [2, 1, 0] where
  length := rfl
  length_back := rfl
  perm := by decide
  there o r := (r, o)
  back o r := (r, o)
  reads_there o ho k hk _ := ⟨⟨hk, trivial⟩, ⟨ho, trivial⟩, rfl, by
    rw [forward_reads, kernelGrad_reads]; rfl⟩
  reads_back k hk o ho _ := ⟨⟨ho, trivial⟩, ⟨hk, trivial⟩, rfl, by
    rw [forward_reads, kernelGrad_reads]; rfl⟩

/-- The input gradient: of (δ, x, weight) the first comes last. The tap k reads the input position h
for the output position o if and only if the stride divides h + p − k·d and o is the quotient. -/
def inputReordered : a.forward.Reordered a.inputGrad [1, 2, 0] where
  length := rfl
  length_back := rfl
  perm := by decide
  there
    | [o], [k] => ([(o * a.stride + k * a.dilation - a.padBegin : Int).toNat], [k])
    | _, _ => ([], [])
  back
    | [h], [k] => ([((h + a.padBegin - k * a.dilation) / a.stride : Int).toNat], [k])
    | _, _ => ([], [])
  reads_there o ho k hk h := by
    unfold Live at h
    rw [forward_reads] at h ⊢
    have h : Inside [a.size.toNat] [_] := h.2.1
    obtain ⟨e, d, q⟩ := place_input hs h.1.1
    refine ⟨⟨(Int.toNat_lt h.1.1).2 h.1.2, trivial⟩, ⟨hk, trivial⟩, ?_, ?_⟩
    · simp only [q, Int.toNat_natCast]
    · rw [inputGrad_reads a hs, if_pos d, q, e]; rfl
  reads_back h hh k hk hin := by
    unfold Live at hin
    rw [inputGrad_reads a hs] at hin ⊢
    by_cases hd : a.stride ∣ h + a.padBegin - k * a.dilation
    · rw [if_pos hd] at hin ⊢
      have hin : Inside [a.output.toNat] [_] := hin.2.2.1
      obtain ⟨e, p⟩ := place_output hs hd hin.1.1
      refine ⟨⟨(Int.toNat_lt hin.1.1).2 hin.1.2, trivial⟩, ⟨hk, trivial⟩, ?_, ?_⟩
      · simp only [p, Int.toNat_natCast]
      · rw [forward_reads, p, e]; rfl
    · rw [if_neg hd] at hin
      exact hin.2.2.1.elim

/-- From the input gradient to the kernel gradient: of (h, weight, δ) the second comes first. -/
def inputKernelReordered : a.inputGrad.Reordered a.kernelGrad [1, 0, 2] where
  length := rfl
  length_back := rfl
  perm := by decide
  there
    | [h], [k] => ([k], [((h + a.padBegin - k * a.dilation) / a.stride : Int).toNat])
    | _, _ => ([], [])
  back
    | [k], [o] => ([(o * a.stride + k * a.dilation - a.padBegin : Int).toNat], [k])
    | _, _ => ([], [])
  reads_there h hh k hk hin := by
    unfold Live at hin
    rw [inputGrad_reads a hs] at hin ⊢
    by_cases hd : a.stride ∣ h + a.padBegin - k * a.dilation
    · rw [if_pos hd] at hin ⊢
      have hin : Inside [a.output.toNat] [_] := hin.2.2.1
      obtain ⟨e, p⟩ := place_output hs hd hin.1.1
      refine ⟨⟨hk, trivial⟩, ⟨(Int.toNat_lt hin.1.1).2 hin.1.2, trivial⟩, ?_, ?_⟩
      · simp only [p, Int.toNat_natCast]
      · rw [kernelGrad_reads, p, e]; rfl
    · rw [if_neg hd] at hin
      exact hin.2.2.1.elim
  reads_back k hk o ho h := by
    unfold Live at h
    rw [kernelGrad_reads] at h ⊢
    have h : Inside [a.size.toNat] [_] := h.2.1
    obtain ⟨e, d, q⟩ := place_input hs h.1.1
    refine ⟨⟨(Int.toNat_lt h.1.1).2 h.1.2, trivial⟩, ⟨hk, trivial⟩, ?_, ?_⟩
    · simp only [q, Int.toNat_natCast]
    · rw [inputGrad_reads a hs, if_pos d, q, e]; rfl

/-- The gradient of sums over windows: of (δ, x) the second comes first. -/
def windowsReordered : a.windows.Reordered a.windowsGrad [1, 0] where
  length := rfl
  length_back := rfl
  perm := by decide
  there
    | [o], [k] => ([(o * a.stride + k * a.dilation - a.padBegin : Int).toNat], [k])
    | _, _ => ([], [])
  back
    | [h], [k] => ([((h + a.padBegin - k * a.dilation) / a.stride : Int).toNat], [k])
    | _, _ => ([], [])
  reads_there o ho k hk h := by
    unfold Live at h
    rw [windows_reads] at h ⊢
    have h : Inside [a.size.toNat] [_] := h.2.1
    obtain ⟨e, d, q⟩ := place_input hs h.1.1
    refine ⟨⟨(Int.toNat_lt h.1.1).2 h.1.2, trivial⟩, ⟨hk, trivial⟩, ?_, ?_⟩
    · simp only [q, Int.toNat_natCast]
    · rw [windowsGrad_reads a hs, if_pos d, q, e]; rfl
  reads_back h hh k hk hin := by
    unfold Live at hin
    rw [windowsGrad_reads a hs] at hin ⊢
    by_cases hd : a.stride ∣ h + a.padBegin - k * a.dilation
    · rw [if_pos hd] at hin ⊢
      have hin : Inside [a.output.toNat] [_] := hin.2.1
      obtain ⟨e, p⟩ := place_output hs hd hin.1.1
      refine ⟨⟨(Int.toNat_lt hin.1.1).2 hin.1.2, trivial⟩, ⟨hk, trivial⟩, ?_, ?_⟩
      · simp only [p, Int.toNat_natCast]
      · rw [windows_reads, p, e]; rfl
    · rw [if_neg hd] at hin
      exact hin.2.1.elim

omit hs in
/-- The bias gradient: the addend (δ, bias) in the other order. -/
def biasReordered : a.forward.addition.Reordered a.biasGrad [1, 0] where
  length := rfl
  length_back := rfl
  perm := by decide
  there o _ := ([], o)
  back _ o := (o, [])
  reads_there o ho _ := ⟨trivial, ⟨ho, trivial⟩, rfl, by simp [addition, forward, biasGrad]⟩
  reads_back o ho _ := ⟨⟨ho, trivial⟩, trivial, rfl, by simp [addition, forward, biasGrad]⟩

omit hs in
/-- The bias gradient of the transposed convolution: the addend (δ, bias) in the other order. -/
def transposedBiasReordered : a.inputGrad.addition.Reordered a.transposed.biasGrad [1, 0] where
  length := rfl
  length_back := rfl
  perm := by decide
  there o _ := ([], o)
  back _ o := (o, [])
  reads_there o ho _ :=
    ⟨trivial, ⟨ho, trivial⟩, rfl, by simp [addition, inputGrad, transposed, biasGrad]⟩
  reads_back o ho _ :=
    ⟨⟨ho, trivial⟩, trivial, rfl, by simp [addition, inputGrad, transposed, biasGrad]⟩

end Spatial

/-! ### Images and channels -/

theorem natCast_toNat {n : Int} {k : Nat} (h : k < n.toNat) : (n.toNat : Int) = n := by omega

namespace Convolution

variable (s : Convolution Int)

attribute [local simp] imagesForward imagesKernelGrad imagesInputGrad imagesBiasGrad
  channelsForward channelsKernelGrad channelsInputGrad channelsBiasGrad addition

/-- The images in the kernel gradient. -/
def imagesKernelReordered : s.imagesForward.Reordered s.imagesKernelGrad [2, 1, 0] where
  length := rfl
  length_back := rfl
  perm := by decide
  there o _ := ([], o)
  back _ r := (r, [])
  reads_there n hn _ := ⟨trivial, ⟨hn, trivial⟩, rfl, by simp⟩
  reads_back n hn _ := ⟨⟨hn, trivial⟩, trivial, rfl, by simp⟩

/-- The images in the input gradient. -/
def imagesInputReordered : s.imagesForward.Reordered s.imagesInputGrad [1, 2, 0] where
  length := rfl
  length_back := rfl
  perm := by decide
  there o _ := (o, [])
  back o _ := (o, [])
  reads_there n hn _ := ⟨⟨hn, trivial⟩, trivial, rfl, by simp⟩
  reads_back n hn _ := ⟨⟨hn, trivial⟩, trivial, rfl, by simp⟩

/-- The images, from the input gradient to the kernel gradient. -/
def imagesInputKernelReordered : s.imagesInputGrad.Reordered s.imagesKernelGrad [1, 0, 2] where
  length := rfl
  length_back := rfl
  perm := by decide
  there o _ := ([], o)
  back _ r := (r, [])
  reads_there n hn _ := ⟨trivial, ⟨hn, trivial⟩, rfl, by simp⟩
  reads_back n hn _ := ⟨⟨hn, trivial⟩, trivial, rfl, by simp⟩

/-- The images in the bias gradient. -/
def imagesBiasReordered : s.imagesForward.addition.Reordered s.imagesBiasGrad [1, 0] where
  length := rfl
  length_back := rfl
  perm := by decide
  there o _ := ([], o)
  back _ r := (r, [])
  reads_there n hn _ := ⟨trivial, ⟨hn, trivial⟩, rfl, by simp⟩
  reads_back n hn _ := ⟨⟨hn, trivial⟩, trivial, rfl, by simp⟩

/-- The images in the bias gradient of the transposed convolution. -/
def imagesTransposedBiasReordered : s.imagesInputGrad.addition.Reordered s.imagesBiasGrad [1, 0] where
  length := rfl
  length_back := rfl
  perm := by decide
  there o _ := ([], o)
  back _ r := (r, [])
  reads_there n hn _ := ⟨trivial, ⟨hn, trivial⟩, rfl, by simp⟩
  reads_back n hn _ := ⟨⟨hn, trivial⟩, trivial, rfl, by simp⟩

/-- The channels in the kernel gradient. -/
def channelsKernelReordered : s.channelsForward.Reordered s.channelsKernelGrad [2, 1, 0] where
  length := rfl
  length_back := rfl
  perm := by decide
  there
    | [g, o], [i] => ([g, o, i], [])
    | _, _ => ([], [])
  back
    | [g, o, i], _ => ([g, o], [i])
    | _, _ => ([], [])
  reads_there _ hg _ ho _ hi _ := ⟨⟨hg, ho, hi, trivial⟩, trivial, rfl, by
    simp [natCast_toNat ho, Int.mul_comm]⟩
  reads_back _ hg _ ho _ hi _ := ⟨⟨hg, ho, trivial⟩, ⟨hi, trivial⟩, rfl, by
    simp [natCast_toNat ho, Int.mul_comm]⟩

/-- The channels in the input gradient. -/
def channelsInputReordered : s.channelsForward.Reordered s.channelsInputGrad [1, 2, 0] where
  length := rfl
  length_back := rfl
  perm := by decide
  there
    | [g, o], [i] => ([g, i], [o])
    | _, _ => ([], [])
  back
    | [g, i], [o] => ([g, o], [i])
    | _, _ => ([], [])
  reads_there _ hg _ ho _ hi _ := ⟨⟨hg, hi, trivial⟩, ⟨ho, trivial⟩, rfl, by
    simp [natCast_toNat ho, natCast_toNat hi, Int.mul_comm]⟩
  reads_back _ hg _ hi _ ho _ := ⟨⟨hg, ho, trivial⟩, ⟨hi, trivial⟩, rfl, by
    simp [natCast_toNat ho, natCast_toNat hi, Int.mul_comm]⟩

/-- The channels, from the input gradient to the kernel gradient. -/
def channelsInputKernelReordered :
    s.channelsInputGrad.Reordered s.channelsKernelGrad [1, 0, 2] where
  length := rfl
  length_back := rfl
  perm := by decide
  there
    | [g, i], [o] => ([g, o, i], [])
    | _, _ => ([], [])
  back
    | [g, o, i], _ => ([g, i], [o])
    | _, _ => ([], [])
  reads_there _ hg _ hi _ ho _ := ⟨⟨hg, ho, hi, trivial⟩, trivial, rfl, by
    simp [natCast_toNat ho, natCast_toNat hi, Int.mul_comm]⟩
  reads_back _ hg _ ho _ hi _ := ⟨⟨hg, hi, trivial⟩, ⟨ho, trivial⟩, rfl, by
    simp [natCast_toNat ho, natCast_toNat hi, Int.mul_comm]⟩

/-- The channels in the bias gradient. -/
def channelsBiasReordered : s.channelsForward.addition.Reordered s.channelsBiasGrad [1, 0] where
  length := rfl
  length_back := rfl
  perm := by decide
  there o _ := (o, [])
  back o _ := (o, [])
  reads_there _ hg _ ho _ := ⟨⟨hg, ho, trivial⟩, trivial, rfl, by
    simp [natCast_toNat ho, Int.mul_comm]⟩
  reads_back _ hg _ ho _ := ⟨⟨hg, ho, trivial⟩, trivial, rfl, by
    simp [natCast_toNat ho, Int.mul_comm]⟩

/-- The channels in the bias gradient of the transposed convolution. -/
def channelsTransposedBiasReordered :
    s.channelsInputGrad.addition.Reordered s.transposed.channelsBiasGrad [1, 0] where
  length := rfl
  length_back := rfl
  perm := by decide
  there o _ := (o, [])
  back o _ := (o, [])
  reads_there _ hg _ hi _ := ⟨⟨hg, hi, trivial⟩, trivial, rfl, by
    simp [transposed, natCast_toNat hi, Int.mul_comm]⟩
  reads_back _ hg _ hi _ := ⟨⟨hg, hi, trivial⟩, trivial, rfl, by
    have hi : _ < s.inChannels.toNat := hi
    simp [transposed, natCast_toNat hi, Int.mul_comm]⟩

end Convolution

/-! ### Convolutions of any number of axes -/

section
variable (s : Convolution Int)

/-- The kernel gradient: of (δ, x, weight) the last comes first. -/
def convKernelReorderedOf (x w y z : String) (bs : List String) :
    (convForwardOf s x w bs).Reordered (convKernelGradOf s y z) [2, 1, 0] :=
  .timesEach s.axes (fun a _ => a.kernelReordered)
    (((emptyReordered x y rfl rfl (by decide) rfl).times s.imagesKernelReordered).times s.channelsKernelReordered)

variable (hs : ∀ a ∈ s.axes, 0 < a.stride)

/-- The input gradient: of (δ, x, weight) the first comes last. -/
def convInputReorderedOf (x w y z : String) (bs cs : List String) :
    (convForwardOf s x w bs).Reordered (convInputGradOf s y z cs) [1, 2, 0] :=
  .timesEach s.axes (fun a ha => a.inputReordered (hs a ha))
    (((emptyReordered x y rfl rfl (by decide) rfl).times s.imagesInputReordered).times s.channelsInputReordered)

/-- From the input gradient to the kernel gradient: of (∂x, weight, δ) the second comes first. -/
def convInputKernelReorderedOf (x w y z : String) (bs : List String) :
    (convInputGradOf s x w bs).Reordered (convKernelGradOf s y z) [1, 0, 2] :=
  .timesEach s.axes (fun a ha => a.inputKernelReordered (hs a ha))
    (((emptyReordered x y rfl rfl (by decide) rfl).times s.imagesInputKernelReordered).times s.channelsInputKernelReordered)

/-! ### Transposed convolutions

Whose forward pass is the convolution's input gradient. -/

/-- The kernel gradient of a transposed convolution: of (δ, weight, x) the second comes first. -/
def convTransposeKernelReordered (ht : ∀ a ∈ s.transposed.axes, 0 < a.stride) :
    (convTransposeForward s).Reordered (convTransposeKernelGrad s) [1, 0, 2] :=
  convInputKernelReorderedOf s.transposed ht ..

/-- The input gradient of a transposed convolution: of (δ, weight, x) the last comes first. -/
def convTransposeInputReordered (ht : ∀ a ∈ s.transposed.axes, 0 < a.stride) :
    (convTransposeForward s).Reordered (convTransposeInputGrad s) [2, 0, 1] :=
  (convInputReorderedOf s.transposed ht "gradOutput" "weight" "weight" "x" [] ["bias"]).symm
    (by decide) fun xs h => match xs, h with | [_, _, _], _ => rfl

end

/-! ### Sums over windows -/

/-- The gradient of sums over windows: of (δ, x) the second comes first. -/
def poolReordered (batch channels : Int) (windows : List (Spatial Int))
    (hs : ∀ a ∈ windows, 0 < a.stride) :
    (poolForward batch channels windows).Reordered (poolGrad batch channels windows) [1, 0] :=
  have free (n : Int) : (block [[n]] [] [axis n [1] []] [] []).Reordered
      (block [[n]] [] [axis n [1] []] [] []) [1, 0] :=
    { there := fun o _ => (o, [])
      back := fun o _ => (o, [])
      length := rfl
      length_back := rfl
      perm := by decide
      reads_there := fun _ hi _ => ⟨⟨hi, trivial⟩, trivial, rfl, by simp⟩
      reads_back := fun _ hi _ => ⟨⟨hi, trivial⟩, trivial, rfl, by simp⟩ }
  .timesEach windows (fun a ha => a.windowsReordered (hs a ha))
    (((emptyReordered "x" "gradOutput" (ys := []) (ys' := []) rfl rfl (by decide) rfl).times
      (free batch)).times (free channels))

end RuntimeApprox
