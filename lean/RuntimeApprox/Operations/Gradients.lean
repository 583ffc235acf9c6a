module

public import RuntimeApprox.Operations.Shapes

/-!
# The gradients of the operations read what their forward passes read

For each block one rearrangement of its loops, and by multiplication the gradients of operations of any
number of axes or loops. Then `Contraction.Reordered.adjoint` says that each gradient is the adjoint of
the forward pass in its operand.

## Main definitions
* `convKernelReorderedOf`, `convInputReorderedOf`, `convBiasReorderedOf`: convolutions. The transposed
  ones have the same gradients, with roles exchanged, and `convTransposeBiasReorderedOf`.
* `einsumFirstReordered`, `einsumSecondReordered`, `einsumAddendReordered`: sums of products.
* `poolReordered`: sums over windows.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

open Contraction

attribute [local simp] Contraction.reads places position toNats prod indices Affine.eval_one dot block
  axis mapList

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

/-! ### Addends -/

theorem Contraction.addition_times {c d : Contraction Int} (hc : c.addends ≠ [])
    (hd : d.addends ≠ []) : (c.times d).addition = c.addition.times d.addition := by
  obtain ⟨out, red, p, ps, as⟩ := c
  obtain ⟨out', red', q, qs, bs⟩ := d
  cases as with
  | nil => exact absurd rfl hc
  | cons a as => cases bs with
    | nil => exact absurd rfl hd
    | cons b bs => rfl

/-- What a product adds is the product of what the contractions add. -/
theorem Contraction.addition_timesEach {β : Type} {f : β → Contraction Int} : (l : List β) →
    (∀ b ∈ l, (f b).addends ≠ []) → {c : Contraction Int} → c.addends ≠ [] →
    (c.timesEach (mapList f l)).addition =
      c.addition.timesEach (mapList (fun b => (f b).addition) l)
  | [], _, _, _ => rfl
  | b :: bs, h, c, hc => by
    have hb := h b (List.mem_cons_self ..)
    have hcb : (c.times (f b)).addends ≠ [] := by
      show timesAll _ _ _ _ c.addends (f b).addends ≠ []
      revert hc hb
      cases c.addends <;> cases (f b).addends <;> simp [timesAll]
    refine (addition_timesEach bs (fun b' hb' => h b' (List.mem_cons_of_mem _ hb')) hcb).trans ?_
    rw [addition_times hc hb]
    rfl

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

/-- The images in the bias gradient. -/
def imagesBiasReordered : s.imagesForward.addition.Reordered s.imagesBiasGrad [1, 0] where
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

/-- The bias gradient: the addend (δ, bias) in the other order. -/
def convBiasReorderedOf (x w b : String) :
    (convForwardOf s x w [b]).addition.Reordered (convBiasGrad s) [1, 0] :=
  cast (congrArg (Reordered · _ _) (addition_timesEach s.axes (fun _ _ => List.cons_ne_nil _ _)
      (List.cons_ne_nil _ _)).symm)
    (.timesEach s.axes (fun a _ => a.biasReordered) (((emptyReordered b "gradOutput" (ys := [])
      (ys' := []) (zs := []) (zs' := []) rfl rfl (by decide) rfl).times
      s.imagesBiasReordered).times s.channelsBiasReordered))

/-- The bias gradient of the transposed convolution, block by block that of the convolution: the addend
(δ, bias) in the other order. -/
def convTransposeBiasReorderedOf (w x b : String) :
    (convInputGradOf s.transposed w x [b]).addition.Reordered (convBiasGrad s) [1, 0] :=
  cast (congrArg (Reordered · _ _) ((congrArg (fun l => (timesEach _ l).addition)
      (mapList_mapList Spatial.inputGrad Spatial.transposed s.axes)).trans
      (addition_timesEach s.axes (fun _ _ => List.cons_ne_nil _ _)
      (List.cons_ne_nil _ _))).symm)
    (.timesEach s.axes (fun a _ => a.biasReordered) (((emptyReordered b "gradOutput" (ys := [])
      (ys' := []) (zs := []) (zs' := []) rfl rfl (by decide) rfl).times
      s.imagesBiasReordered).times s.channelsBiasReordered))

end

/-! ### Sums of products -/

namespace Loop

variable (l : Loop Int)

theorem indices_axes (has : Bool) (i : Nat) :
    indices (l.axes has) (bif l.result then [i] else []) (bif l.result then [] else [i]) =
      some (bif has then [(i : Int)] else []) := by
  rcases l with ⟨n, _ | _, _, _, _⟩ <;> cases has <;> simp [axes]

/-- The iteration i reads those operands at i that have the axis. -/
theorem block_reads (i : Nat) :
    l.block.reads (bif l.result then [i] else []) (bif l.result then [] else [i]) =
      [some (bif l.result then [(i : Int)] else []), some (bif l.first then [(i : Int)] else []),
        some (bif l.second then [(i : Int)] else [])] := by
  have first := l.indices_axes l.first i
  have second := l.indices_axes l.second i
  rcases l with ⟨n, _ | _, _, _, _⟩ <;> simp_all [block]

/-- A loop m over the same iterations as l, which reads what l does in another order. -/
def reordered (m : Loop Int) {order : List Nat} (length : order.length = 3)
    (perm : order.Perm (List.range order.length)) (extent : m.extent = l.extent)
    (reads : ∀ i : Nat,
      m.block.reads (bif m.result then [i] else []) (bif m.result then [] else [i]) =
        order.map ((l.block.reads (bif l.result then [i] else [])
          (bif l.result then [] else [i])).getD · none)) : l.block.Reordered m.block order where
  there o r := bif l.result == m.result then (o, r) else (r, o)
  back o r := bif l.result == m.result then (o, r) else (r, o)
  length := length
  length_back := length
  perm := perm
  reads_there := by
    rcases l with ⟨n, _ | _, _, _, _⟩ <;> rcases m with ⟨_, _ | _, _, _, _⟩ <;> cases extent <;> first
      | exact fun i hi _ => ⟨trivial, ⟨hi, trivial⟩, rfl, reads i⟩
      | exact fun i hi _ => ⟨⟨hi, trivial⟩, trivial, rfl, reads i⟩
  reads_back := by
    rcases l with ⟨n, _ | _, _, _, _⟩ <;> rcases m with ⟨_, _ | _, _, _, _⟩ <;> cases extent <;> first
      | exact fun i hi _ => ⟨trivial, ⟨hi, trivial⟩, rfl, reads i⟩
      | exact fun i hi _ => ⟨⟨hi, trivial⟩, trivial, rfl, reads i⟩

/-- The loop in the gradient of the first factor: of (δ, x, y) the first comes last. -/
def firstReordered : l.block.Reordered l.firstGrad.block [1, 2, 0] :=
  l.reordered l.firstGrad rfl (by decide) rfl fun i => by
    rw [l.block_reads]; exact l.firstGrad.block_reads i

/-- The loop in the gradient of the second factor: of (δ, x, y) the last comes first. -/
def secondReordered : l.block.Reordered l.secondGrad.block [2, 1, 0] :=
  l.reordered l.secondGrad rfl (by decide) rfl fun i => by
    rw [l.block_reads]; exact l.secondGrad.block_reads i

attribute [local simp] axes InLoops outDims addition

/-- The loop in the gradient of the addend: (δ, addend) in the other order. -/
def addendReordered : l.block.addition.Reordered l.addendGrad [1, 0] where
  there o _ := bif l.addend then (o, []) else ([], o)
  back o r := bif l.addend then (o, []) else (r, [])
  length := rfl
  length_back := by rcases l with ⟨n, _ | _, _ | _, _ | _, _ | _⟩ <;> rfl
  perm := by decide
  reads_there := by
    rcases l with ⟨n, _ | _, f, g, _ | _⟩ <;> first
      | exact fun i hi _ => by simp_all [block, addendGrad]
      | exact fun _ => by simp [block, addendGrad]
  reads_back := by
    rcases l with ⟨n, _ | _, f, g, _ | _⟩ <;> first
      | exact fun i hi _ => by simp_all [block, addendGrad]
      | exact fun _ => by simp [block, addendGrad]

end Loop

section
variable (loops : List (Loop Int))

/-- The gradient of the first factor: of (δ, x, y) the first comes last. -/
def einsumFirstReordered : (einsum loops).Reordered (einsumFirstGrad loops) [1, 2, 0] :=
  cast (congrArg (fun l => (einsum loops).Reordered (timesEach _ l) _)
      (mapList_mapList Loop.block Loop.firstGrad loops).symm)
    (.timesEach loops (fun l _ => l.firstReordered) (emptyReordered "x" "y" (ys := ["y"])
      (ys' := ["gradOutput"]) (zs := ["addend"]) (zs' := []) rfl rfl (by decide) rfl))

/-- The gradient of the second factor: of (δ, x, y) the last comes first. -/
def einsumSecondReordered : (einsum loops).Reordered (einsumSecondGrad loops) [2, 1, 0] :=
  cast (congrArg (fun l => (einsum loops).Reordered (timesEach _ l) _)
      (mapList_mapList Loop.block Loop.secondGrad loops).symm)
    (.timesEach loops (fun l _ => l.secondReordered) (emptyReordered "x" "x" (ys := ["y"])
      (ys' := ["gradOutput"]) (zs := ["addend"]) (zs' := []) rfl rfl (by decide) rfl))

/-- The gradient of the addend: (δ, addend) in the other order. -/
def einsumAddendReordered : (einsum loops).addition.Reordered (einsumAddendGrad loops) [1, 0] :=
  cast (congrArg (Reordered · _ _) (addition_timesEach loops (fun _ _ => List.cons_ne_nil _ _)
      (List.cons_ne_nil _ _)).symm)
    (.timesEach loops (fun l _ => l.addendReordered) (emptyReordered "addend" "gradOutput" (ys := [])
      (ys' := []) (zs := []) (zs' := []) rfl rfl (by decide) rfl))

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
