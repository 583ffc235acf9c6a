module

public import RuntimeApprox.Contraction.Shapes
public import RuntimeApprox.Operations.Reordered

/-!
# The operations, of tensors

The shapes of a product of blocks are those of the blocks, one after the other, at any number of
loops: the operations of tensors of these shapes.

## Main definitions
* `conv`, `convBiasDeriv`, `convKernelDeriv`, `convInputDeriv`: convolutions and their gradients.
* `convTranspose`, `convTransposeBiasDeriv`, `convTransposeKernelDeriv`, `convTransposeInputDeriv`.
* `multiply`, `multiplyFirstDeriv`, `multiplySecondDeriv`, `multiplyAddendDeriv`: sums of products.
* `sumPool`, `sumPoolDeriv`: sums over windows.

## Main results
* `Contraction.Shapes.times`, `Contraction.Shapes.each`: the shapes of products.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-! ### Products -/

section
variable {β γ : Type} {op : γ → γ → γ}

theorem zipWith_unit {e : γ} (unit : ∀ x, op x e = x) : (xs : List γ) → (P : List (β → γ)) →
    xs.length ≤ P.length → List.zipWith (fun x _ => op x e) xs P = xs
  | [], _, _ => List.zipWith_nil_left
  | x :: xs, _ :: P, h => congr (congrArg List.cons (unit x)) (zipWith_unit unit xs P (Nat.le_of_succ_le_succ h))

theorem zipWith_step (assoc : ∀ x y z, op (op x y) z = op x (op y z)) (b : β) (F : (β → γ) → γ) :
    (xs : List γ) → (P : List (β → γ)) →
    List.zipWith (fun x p => op x (F p)) (List.zipWith op xs (P.map (· b))) P =
      List.zipWith (fun x p => op x (op (p b) (F p))) xs P
  | [], P => by simp
  | _ :: _, [] => rfl
  | _ :: xs, _ :: P => by
    rw [List.map_cons, List.zipWith_cons_cons, List.zipWith_cons_cons, List.zipWith_cons_cons, assoc,
      zipWith_step assoc b F xs P]

end

theorem flatMap_none {α β : Type} (l : List α) : (l.flatMap fun _ => ([] : List β)) = [] := by
  induction l with
  | nil => rfl
  | cons _ _ ih => exact ih

theorem mapList_mapList {α β γ : Type} (f : β → γ) (g : α → β) (l : List α) :
    mapList f (mapList g l) = mapList (fun a => f (g a)) l := by
  simp only [mapList_eq, List.map_map]; rfl

namespace Contraction

theorem shapes_timesAll (o r o' r' : List Int) : (ps qs : List (Operand Int)) →
    shapes (timesAll o r o' r' ps qs) = List.zipWith (· ++ ·) (shapes ps) (shapes qs)
  | [], qs => by cases qs <;> rfl
  | _ :: _, [] => rfl
  | p :: ps, q :: qs =>
    congr (congrArg List.cons (extents_times ..)) (shapes_timesAll o r o' r' ps qs)

/-- The shapes of a product are those of both contractions, one after the other. -/
theorem Shapes.times {c d : Contraction Int} {fs as fs' as' : List (List Nat)} {s s' : List Nat}
    (h : c.Shapes fs as s) (k : d.Shapes fs' as' s') : (c.times d).Shapes
      (List.zipWith (· ++ ·) fs fs') (List.zipWith (· ++ ·) as as') (s ++ s') := by
  obtain ⟨rfl, rfl, rfl⟩ := h
  obtain ⟨rfl, rfl, rfl⟩ := k
  exact ⟨shapes_timesAll _ _ _ _ (c.factor :: c.factors) (d.factor :: d.factors),
    shapes_timesAll .., shape_times c d⟩

/-- The same of products with lists of contractions. -/
theorem Shapes.each {β : Type} {f : β → Contraction Int} {P Q : List (β → List Nat)}
    {t : β → List Nat} : (l : List β) →
    (∀ b ∈ l, (f b).Shapes (P.map (· b)) (Q.map (· b)) (t b)) → {c : Contraction Int} →
    {fs as : List (List Nat)} → {s : List Nat} → c.Shapes fs as s →
    fs.length ≤ P.length → as.length ≤ Q.length → (c.timesEach (mapList f l)).Shapes
      (List.zipWith (fun x p => x ++ l.flatMap p) fs P)
      (List.zipWith (fun x p => x ++ l.flatMap p) as Q) (s ++ l.flatMap t)
  | [], _, _, _, _, _, h, hf, ha => by
    simp only [List.flatMap_nil]
    rw [zipWith_unit List.append_nil _ _ hf, zipWith_unit List.append_nil _ _ ha, List.append_nil]
    exact h
  | b :: bs, k, _, _, _, _, h, hf, ha => by
    have := Shapes.each bs (fun b' hb => k b' (List.mem_cons_of_mem _ hb))
      (h.times (k b (List.mem_cons_self ..))) (by simp; omega) (by simp; omega)
    rw [zipWith_step List.append_assoc, zipWith_step List.append_assoc, List.append_assoc] at this
    exact this

/-- Operands without axes. -/
def empty (factor : String) (factors addends : List String) : Contraction Int :=
  ⟨[], [], ⟨factor, []⟩, named factors, named addends⟩

end Contraction

/-! ### Convolutions -/

namespace Convolution

variable (s : Convolution Nat)

/-- The same numbers as integers. -/
def ints : Convolution Int := s.map fun n : Nat => (n : Int)

/-- The extents of the input's spatial axes. -/
abbrev sizes : List Nat := s.axes.map Spatial.size

/-- The extents of the kernel's spatial axes. -/
abbrev kernels : List Nat := s.axes.map Spatial.kernel

/-- The extents of the output's spatial axes. -/
abbrev outputs : List Nat := s.axes.map Spatial.output

/-- The input's shape: images, channels, spatial axes. -/
abbrev inputShape : List Nat := s.batch :: s.groups * s.inChannels :: s.sizes

/-- The kernel's shape: output channels, input channels of a group, spatial axes. -/
abbrev kernelShape : List Nat := s.groups * s.outChannels :: s.inChannels :: s.kernels

/-- The output's shape, and that of δ. -/
abbrev outputShape : List Nat := s.batch :: s.groups * s.outChannels :: s.outputs

/-- The bias's shape. -/
abbrev biasShape : List Nat := [s.groups * s.outChannels]

/-- The shape of the bias of the transposed convolution. -/
abbrev transposedBiasShape : List Nat := [s.groups * s.inChannels]

/-- A spatial axis as a block. -/
abbrev along (f : Spatial Int → Contraction Int) (a : Spatial Nat) : Contraction Int :=
  f (a.map fun n : Nat => (n : Int))

open Contraction

theorem forward_shapes (x w : String) (zs : List String) (hz : zs.length ≤ 1) :
    (convForwardOf s.ints x w zs).Shapes [s.inputShape, s.kernelShape]
      (zs.map fun _ => s.biasShape) s.outputShape := by
  have base : (empty x [w] zs).Shapes [[], []] (zs.map fun _ => []) [] :=
    match zs, hz with | [], _ => ⟨rfl, rfl, rfl⟩ | [_], _ => ⟨rfl, rfl, rfl⟩
  have images : s.ints.imagesForward.Shapes [[s.batch], []] [[]] [s.batch] := ⟨rfl, rfl, rfl⟩
  have channels : s.ints.channelsForward.Shapes [[s.groups * s.inChannels],
    [s.groups * s.outChannels, s.inChannels]] [s.biasShape] s.biasShape := ⟨rfl, rfl, rfl⟩
  have := Shapes.each (f := along Spatial.forward) (P := [fun a => [a.size], fun a => [a.kernel]])
    (Q := [fun _ => []]) (t := fun a => [a.output]) s.axes (fun _ _ => ⟨rfl, rfl, rfl⟩)
    ((base.times images).times channels) (Nat.le_refl _) (by simp <;> omega)
  rw [convForwardOf, ints, Convolution.map, mapList_mapList]
  match zs, hz with
  | [], _ | [_], _ =>
    simp only [List.zipWith_cons_cons, List.zipWith_nil_left, List.zipWith_nil_right, List.nil_append,
    List.cons_append, List.map_cons, List.map_nil, List.append_nil, ← List.map_eq_flatMap, flatMap_none] at this
    exact this

theorem kernelGrad_shapes (x δ : String) : (convKernelGradOf s.ints x δ).Shapes
    [s.inputShape, s.outputShape] [] s.kernelShape := by
  have base : (empty x [δ] []).Shapes [[], []] [] [] := ⟨rfl, rfl, rfl⟩
  have images : s.ints.imagesKernelGrad.Shapes [[s.batch], [s.batch]] [] [] := ⟨rfl, rfl, rfl⟩
  have channels : s.ints.channelsKernelGrad.Shapes [[s.groups * s.inChannels],
    [s.groups * s.outChannels]] [] [s.groups * s.outChannels, s.inChannels] := ⟨rfl, rfl, rfl⟩
  have := Shapes.each (f := along Spatial.kernelGrad)
    (P := [fun a => [a.size], fun a => [a.output]]) (Q := []) (t := fun a => [a.kernel]) s.axes
    (fun _ _ => ⟨rfl, rfl, rfl⟩) ((base.times images).times channels) (Nat.le_refl _) (Nat.le_refl _)
  rw [convKernelGradOf, ints, Convolution.map, mapList_mapList]
  simp only [List.zipWith_cons_cons, List.zipWith_nil_right, List.nil_append, List.cons_append,
    List.append_nil, ← List.map_eq_flatMap] at this
  exact this

theorem inputGrad_shapes (w δ : String) (zs : List String) (hz : zs.length ≤ 1) :
    (convInputGradOf s.ints w δ zs).Shapes [s.kernelShape, s.outputShape]
      (zs.map fun _ => s.transposedBiasShape) s.inputShape := by
  have base : (empty w [δ] zs).Shapes [[], []] (zs.map fun _ => []) [] :=
    match zs, hz with | [], _ => ⟨rfl, rfl, rfl⟩ | [_], _ => ⟨rfl, rfl, rfl⟩
  have images : s.ints.imagesInputGrad.Shapes [[], [s.batch]] [[]] [s.batch] := ⟨rfl, rfl, rfl⟩
  have channels : s.ints.channelsInputGrad.Shapes [[s.groups * s.outChannels, s.inChannels],
    s.biasShape] [s.transposedBiasShape] s.transposedBiasShape := ⟨rfl, rfl, rfl⟩
  have := Shapes.each (f := along Spatial.inputGrad)
    (P := [fun a => [a.kernel], fun a => [a.output]]) (Q := [fun _ => []]) (t := fun a => [a.size])
    s.axes (fun _ _ => ⟨rfl, rfl, rfl⟩) ((base.times images).times channels) (Nat.le_refl _)
    (by simp <;> omega)
  rw [convInputGradOf, ints, Convolution.map, mapList_mapList]
  match zs, hz with
  | [], _ | [_], _ =>
    simp only [List.zipWith_cons_cons, List.zipWith_nil_left, List.zipWith_nil_right, List.nil_append,
    List.cons_append, List.map_cons, List.map_nil, List.append_nil, ← List.map_eq_flatMap, flatMap_none] at this
    exact this

theorem biasGrad_shapes : (convBiasGrad s.ints).Shapes [s.outputShape] [] s.biasShape := by
  have base : (empty "gradOutput" [] []).Shapes [[]] [] [] := ⟨rfl, rfl, rfl⟩
  have images : s.ints.imagesBiasGrad.Shapes [[s.batch]] [] [] := ⟨rfl, rfl, rfl⟩
  have channels : s.ints.channelsBiasGrad.Shapes [s.biasShape] [] s.biasShape := ⟨rfl, rfl, rfl⟩
  have := Shapes.each (f := along Spatial.biasGrad) (P := [fun a => [a.output]]) (Q := [])
    (t := fun _ => []) s.axes (fun _ _ => ⟨rfl, rfl, rfl⟩) ((base.times images).times channels)
    (Nat.le_refl _) (Nat.le_refl _)
  rw [convBiasGrad, ints, Convolution.map, mapList_mapList]
  simp only [List.zipWith_cons_cons, List.zipWith_nil_right, List.nil_append, List.cons_append,
    List.append_nil, ← List.map_eq_flatMap, flatMap_none] at this
  exact this

theorem ints_transposed : s.transposed.ints = s.ints.transposed := by
  simp only [ints, Convolution.map, transposed, mapList_mapList]
  rfl

theorem transposeForward_shapes : (convTransposeForward s.ints).Shapes
    [s.transposed.kernelShape, s.transposed.outputShape] [s.transposed.transposedBiasShape]
    s.transposed.inputShape := by
  rw [convTransposeForward, ← ints_transposed]
  exact inputGrad_shapes _ _ _ ["bias"] (Nat.le_refl _)

theorem transposeBiasGrad_shapes : (convTransposeBiasGrad s.ints).Shapes [s.transposed.inputShape] []
    s.transposed.transposedBiasShape := by
  refine cast (congrArg (Contraction.Shapes _ · _ _) ?_) s.biasGrad_shapes
  show [s.batch :: s.groups * s.outChannels :: s.axes.map Spatial.output] =
    [s.batch :: s.groups * s.outChannels :: (mapList Spatial.transposed s.axes).map Spatial.size]
  rw [mapList_eq, List.map_map]
  rfl

theorem transposeKernelGrad_shapes : (convTransposeKernelGrad s.ints).Shapes
    [s.transposed.inputShape, s.transposed.outputShape] [] s.transposed.kernelShape := by
  rw [convTransposeKernelGrad, ← ints_transposed]
  exact kernelGrad_shapes ..

theorem transposeInputGrad_shapes : (convTransposeInputGrad s.ints).Shapes
    [s.transposed.inputShape, s.transposed.kernelShape] [] s.transposed.outputShape := by
  rw [convTransposeInputGrad, ← ints_transposed]
  exact forward_shapes _ _ _ [] (Nat.zero_le _)

end Convolution

section
universe u
variable {α : Type u} (A : Arithmetic α) (s : Convolution Nat)

/-- The convolution in an arithmetic. -/
def conv (x : Tensor α s.inputShape) (weight : Tensor α s.kernelShape) (bias : Tensor α s.biasShape) :
    Tensor α s.outputShape :=
  (convForward s.ints).apply A (as := [s.biasShape])
    (s.forward_shapes "x" "weight" ["bias"] (Nat.le_refl _)) (x, weight, ⟨⟩) (bias, ⟨⟩)

/-- The gradient with respect to the bias. -/
def convBiasDeriv (δ : Tensor α s.outputShape) : Tensor α s.biasShape :=
  (convBiasGrad s.ints).apply A s.biasGrad_shapes (δ, ⟨⟩) ⟨⟩

/-- The gradient with respect to the kernel. -/
def convKernelDeriv (x : Tensor α s.inputShape) (δ : Tensor α s.outputShape) :
    Tensor α s.kernelShape :=
  (convKernelGrad s.ints).apply A (s.kernelGrad_shapes ..) (x, δ, ⟨⟩) ⟨⟩

/-- The gradient with respect to the input. -/
def convInputDeriv (weight : Tensor α s.kernelShape) (δ : Tensor α s.outputShape) :
    Tensor α s.inputShape :=
  (convInputGrad s.ints).apply A (as := []) (s.inputGrad_shapes _ _ [] (Nat.zero_le _))
    (weight, δ, ⟨⟩) ⟨⟩

/-! The transposed convolution of the numbers `s` goes from the output to the input of the
convolution `s.transposed`. -/

/-- The transposed convolution in an arithmetic. -/
def convTranspose (weight : Tensor α s.transposed.kernelShape)
    (x : Tensor α s.transposed.outputShape) (bias : Tensor α s.transposed.transposedBiasShape) :
    Tensor α s.transposed.inputShape :=
  (convTransposeForward s.ints).apply A s.transposeForward_shapes
    (weight, x, ⟨⟩) (bias, ⟨⟩)

/-- The gradient with respect to the bias. -/
def convTransposeBiasDeriv (δ : Tensor α s.transposed.inputShape) :
    Tensor α s.transposed.transposedBiasShape :=
  (convTransposeBiasGrad s.ints).apply A s.transposeBiasGrad_shapes (δ, ⟨⟩) ⟨⟩

/-- The gradient with respect to the kernel. -/
def convTransposeKernelDeriv (δ : Tensor α s.transposed.inputShape)
    (x : Tensor α s.transposed.outputShape) : Tensor α s.transposed.kernelShape :=
  (convTransposeKernelGrad s.ints).apply A s.transposeKernelGrad_shapes (δ, x, ⟨⟩) ⟨⟩

/-- The gradient with respect to the input. -/
def convTransposeInputDeriv (δ : Tensor α s.transposed.inputShape)
    (weight : Tensor α s.transposed.kernelShape) : Tensor α s.transposed.outputShape :=
  (convTransposeInputGrad s.ints).apply A s.transposeInputGrad_shapes
    (δ, weight, ⟨⟩) ⟨⟩

end

/-! ### Sums of products, and over windows -/

/-- The loops with integers as extents. -/
def intLoops (loops : List (Loop Nat)) : List (Loop Int) := mapList (Loop.map fun n : Nat => (n : Int)) loops

/-- The shape of the operand whose axes are the loops that `has` says. -/
def loopShape (loops : List (Loop Nat)) (has : Loop Nat → Bool) : List Nat :=
  loops.flatMap fun l => bif has l then [l.extent] else []

namespace Loop

variable (loops : List (Loop Nat))

/-- The shape of the first factor. -/
abbrev firstShape : List Nat := loopShape loops first

/-- The shape of the second factor. -/
abbrev secondShape : List Nat := loopShape loops second

/-- The shape of the addend. -/
abbrev addendShape : List Nat := loopShape loops fun l => l.addend && l.result

/-- The shape of the result, and that of δ. -/
abbrev resultShape : List Nat := loopShape loops result

open Contraction

/-- An operand's axis along a loop. -/
abbrev axisShape (has : Loop Nat → Bool) (l : Loop Nat) : List Nat := bif has l then [l.extent] else []

theorem einsum_shapes : (einsum (intLoops loops)).Shapes [firstShape loops, secondShape loops]
    [addendShape loops] (resultShape loops) := by
  have base : (empty "x" ["y"] ["addend"]).Shapes [[], []] [[]] [] := ⟨rfl, rfl, rfl⟩
  have := Shapes.each (f := fun l : Loop Nat => (l.map fun n : Nat => (n : Int)).block)
    (P := [axisShape first, axisShape second]) (Q := [axisShape fun l => l.addend && l.result])
    (t := axisShape result) loops (fun ⟨_, r, f, s, a⟩ _ => by
      cases r <;> cases f <;> cases s <;> cases a <;> exact ⟨rfl, rfl, rfl⟩)
    base (Nat.le_refl _) (Nat.le_refl _)
  rw [einsum, einsumOf, intLoops, mapList_mapList]
  exact this

theorem firstGrad_shapes : (einsumFirstGrad (intLoops loops)).Shapes
    [secondShape loops, resultShape loops] [] (firstShape loops) := by
  have base : (empty "y" ["gradOutput"] []).Shapes [[], []] [] [] := ⟨rfl, rfl, rfl⟩
  have := Shapes.each (f := fun l : Loop Nat => (l.map fun n : Nat => (n : Int)).firstGrad.block)
    (P := [axisShape second, axisShape result]) (Q := [fun _ => []]) (t := axisShape first) loops
    (fun ⟨_, r, f, s, a⟩ _ => by cases r <;> cases f <;> cases s <;> exact ⟨rfl, rfl, rfl⟩)
    base (Nat.le_refl _) (Nat.zero_le _)
  rw [einsumFirstGrad, einsumOf, intLoops, mapList_mapList, mapList_mapList]
  exact this

theorem secondGrad_shapes : (einsumSecondGrad (intLoops loops)).Shapes
    [firstShape loops, resultShape loops] [] (secondShape loops) := by
  have base : (empty "x" ["gradOutput"] []).Shapes [[], []] [] [] := ⟨rfl, rfl, rfl⟩
  have := Shapes.each (f := fun l : Loop Nat => (l.map fun n : Nat => (n : Int)).secondGrad.block)
    (P := [axisShape first, axisShape result]) (Q := [fun _ => []]) (t := axisShape second) loops
    (fun ⟨_, r, f, s, a⟩ _ => by cases r <;> cases f <;> cases s <;> exact ⟨rfl, rfl, rfl⟩)
    base (Nat.le_refl _) (Nat.zero_le _)
  rw [einsumSecondGrad, einsumOf, intLoops, mapList_mapList, mapList_mapList]
  exact this

theorem addendGrad_shapes : (einsumAddendGrad (intLoops loops)).Shapes [resultShape loops] []
    (addendShape loops) := by
  have base : (empty "gradOutput" [] []).Shapes [[]] [] [] := ⟨rfl, rfl, rfl⟩
  have := Shapes.each (f := fun l : Loop Nat => (l.map fun n : Nat => (n : Int)).addendGrad)
    (P := [axisShape result]) (Q := []) (t := axisShape fun l => l.addend && l.result) loops
    (fun ⟨_, r, f, s, a⟩ _ => by cases r <;> cases a <;> exact ⟨rfl, rfl, rfl⟩)
    base (Nat.le_refl _) (Nat.le_refl _)
  rw [einsumAddendGrad, intLoops, mapList_mapList]
  exact this

end Loop

section
variable (batch channels : Nat) (windows : List (Spatial Nat))

/-- The shape of what is summed over windows. -/
abbrev poolInputShape : List Nat := batch :: channels :: windows.map Spatial.size

/-- The shape of the sums. -/
abbrev poolOutputShape : List Nat := batch :: channels :: windows.map Spatial.output

/-- The windows with integers for numbers. -/
def intWindows : List (Spatial Int) := mapList (Spatial.map fun n : Nat => (n : Int)) windows

open Contraction

theorem poolForward_shapes : (poolForward (batch : Int) channels (intWindows windows)).Shapes
    [poolInputShape batch channels windows] [] (poolOutputShape batch channels windows) := by
  have base : ((((empty "x" [] []).times (block [[(batch : Int)]] [] [axis (batch : Int) [1] []] [] [])).times
      (block [[(channels : Int)]] [] [axis (channels : Int) [1] []] [] []))).Shapes [[batch, channels]] []
      [batch, channels] := ⟨rfl, rfl, rfl⟩
  have := Shapes.each (f := Convolution.along Spatial.windows) (P := [fun a => [a.size]]) (Q := [])
    (t := fun a => [a.output]) windows (fun _ _ => ⟨rfl, rfl, rfl⟩) base (Nat.le_refl _) (Nat.le_refl _)
  rw [poolForward, intWindows, mapList_mapList]
  simp only [List.zipWith_cons_cons, List.zipWith_nil_right, List.nil_append, List.cons_append,
    ← List.map_eq_flatMap] at this
  exact this

theorem poolGrad_shapes : (poolGrad (batch : Int) channels (intWindows windows)).Shapes
    [poolOutputShape batch channels windows] [] (poolInputShape batch channels windows) := by
  have base : ((((empty "gradOutput" [] []).times (block [[(batch : Int)]] [] [axis (batch : Int) [1] []] [] [])).times
      (block [[(channels : Int)]] [] [axis (channels : Int) [1] []] [] []))).Shapes [[batch, channels]] []
      [batch, channels] := ⟨rfl, rfl, rfl⟩
  have := Shapes.each (f := Convolution.along Spatial.windowsGrad) (P := [fun a => [a.output]]) (Q := [])
    (t := fun a => [a.size]) windows (fun _ _ => ⟨rfl, rfl, rfl⟩) base (Nat.le_refl _) (Nat.le_refl _)
  rw [poolGrad, intWindows, mapList_mapList]
  simp only [List.zipWith_cons_cons, List.zipWith_nil_right, List.nil_append, List.cons_append,
    ← List.map_eq_flatMap] at this
  exact this

end

section
universe u
variable {α : Type u} (A : Arithmetic α)

section
variable (loops : List (Loop Nat))
open Loop

/-- Σ x·y + addend in an arithmetic. -/
def multiply (x : Tensor α (firstShape loops)) (y : Tensor α (secondShape loops))
    (addend : Tensor α (addendShape loops)) : Tensor α (resultShape loops) :=
  (einsum (intLoops loops)).apply A (einsum_shapes loops) (x, y, ⟨⟩) (addend, ⟨⟩)

/-- The gradient with respect to x. -/
def multiplyFirstDeriv (y : Tensor α (secondShape loops)) (δ : Tensor α (resultShape loops)) :
    Tensor α (firstShape loops) :=
  (einsumFirstGrad (intLoops loops)).apply A (firstGrad_shapes loops) (y, δ, ⟨⟩) ⟨⟩

/-- The gradient with respect to y. -/
def multiplySecondDeriv (x : Tensor α (firstShape loops)) (δ : Tensor α (resultShape loops)) :
    Tensor α (secondShape loops) :=
  (einsumSecondGrad (intLoops loops)).apply A (secondGrad_shapes loops) (x, δ, ⟨⟩) ⟨⟩

/-- The gradient with respect to the addend. -/
def multiplyAddendDeriv (δ : Tensor α (resultShape loops)) : Tensor α (addendShape loops) :=
  (einsumAddendGrad (intLoops loops)).apply A (addendGrad_shapes loops) (δ, ⟨⟩) ⟨⟩

end

variable {batch channels : Nat} {windows : List (Spatial Nat)}

/-- Sums over windows in an arithmetic. -/
def sumPool (x : Tensor α (poolInputShape batch channels windows)) :
    Tensor α (poolOutputShape batch channels windows) :=
  (poolForward (batch : Int) channels (intWindows windows)).apply A
    (poolForward_shapes batch channels windows) (x, ⟨⟩) ⟨⟩

/-- Their gradient. -/
def sumPoolDeriv (δ : Tensor α (poolOutputShape batch channels windows)) :
    Tensor α (poolInputShape batch channels windows) :=
  (poolGrad (batch : Int) channels (intWindows windows)).apply A
    (poolGrad_shapes batch channels windows) (δ, ⟨⟩) ⟨⟩

end

end RuntimeApprox
