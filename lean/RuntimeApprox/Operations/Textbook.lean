module

public import RuntimeApprox.Operations.Entries.Theorems

/-!
# The operations, as in the textbook

The exact results at any number of axes. In the formulas `sum n fun i => f i` is Σ_{i < n} f i,
`sums ns fun is => f is` the nested sum over i₁ < n₁, i₂ < n₂, …, and `t.entry [i, j, …]` is
t[i, j, …] with zeros outside t (the padding).

## Main definitions
* `readers`: the windows that read an input position.
* `Loop.place`: the indices at which an operand is read.

## Main results
* `conv_textbook`, `convTranspose_textbook`, `sumPool_textbook`: the operations.
* `convBias_textbook`, `convKernel_textbook`, `convInput_textbook`, `convTransposeBias_textbook`,
  `convTransposeKernel_textbook`, `convTransposeInput_textbook`, `sumPoolGrad_textbook`: their gradients.
* `multiply_textbook`, `multiplyFirst_textbook`, `multiplySecond_textbook`: sums of products over any
  loops, and their gradients. `product_textbook`, `matmul_textbook`: the canonical product.

## References
* V. Dumoulin, F. Visin, *A guide to convolution arithmetic for deep learning* (2016).
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

attribute [local simp] places position toNats prod indices Affine.eval_one dot block axis mapList

open Contraction Convolution

/-! ### Convolutions -/

theorem pairing_two {p q : List Nat} (x : Tensor K p) (y : Tensor K q) (i j : Option (List Int)) :
    pairing (Tensors.entries (ss := [p, q]) (x, y, ⟨⟩)) [i, j] = entryAt x.entry i * entryAt y.entry j := by
  show _ * (_ * 1) = _
  rw [Lean.Grind.Semiring.mul_one]

theorem channel_lt {c G O : Nat} (hc : c < G * O) : c / O < G ∧ c % O < O := by
  have hO : 0 < O := Nat.pos_of_ne_zero fun h => by rw [h] at hc; omega
  exact ⟨(Nat.div_lt_iff_lt_mul hO).2 hc, Nat.mod_lt c hO⟩

theorem empty_terms (x y : String) (zs : List String) (hz : zs.length ≤ 1) :
    (empty x [y] zs).Terms [] [] [] [some [], some []] (zs.map fun _ => some []) :=
  match zs, hz with
  | [], _ => ⟨trivial, rfl, rfl, rfl, rfl⟩
  | [_], _ => ⟨trivial, rfl, rfl, rfl, rfl⟩

/-- The textbook's form of `convForwardOf`, with a bias or without one. -/
theorem conv_entry {s : Convolution Nat} {x w : String} {zs : List String} {c : Contraction Int}
    (e : c = convForwardOf s.ints x w zs) {p q t : List Nat} {as : List (List Nat)}
    (h : c.Shapes [p, q] as t) (hz : zs.length ≤ 1) (X : Tensor K p) (W : Tensor K q)
    (b : Tensors K as) {n m : Nat} {os : List Nat} (hn : n < s.batch)
    (hm : m < s.groups * s.outChannels) (ho : InLoops s.outputs os) :
    (c.apply exact h (X, W, ⟨⟩) b).entry (n :: m :: toInts os) =
      (sum s.inChannels fun i => sums s.kernels fun ks =>
        X.entry (n :: (m / s.outChannels * s.inChannels + i : Int) :: taps s.axes os ks) *
          W.entry (m :: i :: toInts ks)) + pairedSum b.entries (zs.map fun _ => some [(m : Int)]) := by
  subst e
  have channels (i : Nat) : s.ints.channelsForward.Terms [m / s.outChannels, m % s.outChannels] [i]
      [(m : Int)] [some [(m / s.outChannels * s.inChannels + i : Int)], some [(m : Int), i]]
      [some [(m : Int)]] :=
    ⟨⟨(channel_lt hm).1, (channel_lt hm).2, trivial⟩, rfl,
      by simp [channelsForward, ints, Convolution.map, Int.mul_comm, Int.mul_ediv_add_emod],
      by simp [channelsForward, ints, Convolution.map, Int.mul_comm, Int.mul_ediv_add_emod],
      by simp [channelsForward, ints, Convolution.map, Int.mul_comm, Int.mul_ediv_add_emod]⟩
  have images : s.ints.imagesForward.Terms [n] [] [n] [some [n], some []] [some []] :=
    ⟨⟨hn, trivial⟩, rfl, by simp [imagesForward], by simp [imagesForward], by simp [imagesForward]⟩
  have head (i : Nat) : (((empty x [w] zs).times s.ints.imagesForward).times
      s.ints.channelsForward).Terms [n, m / s.outChannels, m % s.outChannels] [i] [n, m]
      [some [n, (m / s.outChannels * s.inChannels + i : Int)], some [m, i]]
      (zs.map fun _ => some [(m : Int)]) :=
    have base := empty_terms x w zs hz
    match zs, hz with
    | [], _ => (base.times images).times (channels i)
    | [_], _ => (base.times images).times (channels i)
  refine (h.entry_sum (X, W, ⟨⟩) b (red := Spatial.kernel)
    [fun t => some [t.2.1 * t.1.stride + t.2.2 * t.1.dilation - t.1.padBegin],
      fun t => some [(t.2.2 : Int)]] 1 (fun o => [o]) (List.flatMap_singleton' os) rfl head ho
    (fun _ => rfl) (fun t _ ht => ⟨⟨ht, trivial⟩, rfl, by simp [Spatial.forward, toInts],
      by simp [Spatial.forward, Spatial.taps, Spatial.map, Int.mul_comm, Int.sub_eq_add_neg],
      by simp [Spatial.forward]⟩) (fun _ => Nat.le_refl _) (by simpa using hz)).trans
    (congrArg (· + _) (sum_congr fun i _ => sums_congr_in _ fun ks hks => ?_))
  simp only [List.zipWith_cons_cons, List.zipWith_nil_left, placesOf_some, joinPlaces,
    steps_kernels_int (ho.length.trans (List.length_map _)) (hks.length.trans (List.length_map _))]
  exact pairing_two ..

/-- The textbook's form of `convKernelGradOf`. -/
theorem convKernelGrad_entry {s : Convolution Nat} {x d : String} {c : Contraction Int}
    (e : c = convKernelGradOf s.ints x d) {p q t : List Nat} (h : c.Shapes [p, q] [] t)
    (X : Tensor K p) (D : Tensor K q) {m i : Nat} {ks : List Nat} (hm : m < s.groups * s.outChannels)
    (hi : i < s.inChannels) (hk : InLoops s.kernels ks) :
    (c.apply exact h (X, D, ⟨⟩) ⟨⟩).entry (m :: i :: toInts ks) =
      sum s.batch fun n => sums s.outputs fun os =>
        X.entry (n :: (m / s.outChannels * s.inChannels + i : Int) :: taps s.axes os ks) *
          D.entry (n :: m :: toInts os) := by
  subst e
  have channels : s.ints.channelsKernelGrad.Terms [m / s.outChannels, m % s.outChannels, i] []
      [(m : Int), i] [some [(m / s.outChannels * s.inChannels + i : Int)], some [(m : Int)]] [] :=
    ⟨⟨(channel_lt hm).1, (channel_lt hm).2, hi, trivial⟩, rfl,
      by simp [channelsKernelGrad, ints, Convolution.map, Int.mul_comm, Int.mul_ediv_add_emod],
      by simp [channelsKernelGrad, ints, Convolution.map, Int.mul_comm, Int.mul_ediv_add_emod], rfl⟩
  have images (n : Nat) : s.ints.imagesKernelGrad.Terms [] [n] [] [some [n], some [n]] [] :=
    ⟨trivial, rfl, rfl, by simp [imagesKernelGrad], rfl⟩
  refine (h.entry_sum (X, D, ⟨⟩) ⟨⟩ (red := Spatial.output)
    [fun t => some [t.2.2 * t.1.stride + t.2.1 * t.1.dilation - t.1.padBegin],
      fun t => some [(t.2.2 : Int)]] 0 (fun o => [o]) (List.flatMap_singleton' ks) rfl
    (fun n => ((empty_terms x d [] (Nat.zero_le _)).times (images n)).times channels) hk
    (fun _ => rfl) (fun t _ ht => ⟨⟨ht, trivial⟩, rfl, by simp [Spatial.kernelGrad, toInts],
      by simp [Spatial.kernelGrad, Spatial.map, Int.mul_comm, Int.add_comm, Int.sub_eq_add_neg],
      rfl⟩) (fun _ => Nat.le_refl _) (Nat.le_refl _)).trans
    ((Lean.Grind.Semiring.add_zero _).trans (sum_congr fun n _ => sums_congr_in _ fun os hos => ?_))
  simp only [List.zipWith_cons_cons, List.zipWith_nil_left, placesOf_some, joinPlaces,
    steps_kernels_int (hk.length.trans (List.length_map _)) (hos.length.trans (List.length_map _))]
  rw [steps_swap, List.map_map]
  exact pairing_two ..

/-- The textbook's form of `convInputGradOf`, with a bias or without one. -/
theorem convInputGrad_entry {s : Convolution Nat} {w d : String} {zs : List String}
    {c : Contraction Int} (e : c = convInputGradOf s.ints w d zs) {p q t : List Nat}
    {as : List (List Nat)} (h : c.Shapes [p, q] as t) (hz : zs.length ≤ 1)
    (hst : ∀ a ∈ s.axes, 0 < a.stride) (W : Tensor K p) (D : Tensor K q) (b : Tensors K as) {n m : Nat}
    {hs : List Nat} (hn : n < s.batch) (hm : m < s.groups * s.inChannels) (hh : InLoops s.sizes hs) :
    (c.apply exact h (W, D, ⟨⟩) b).entry (n :: m :: toInts hs) =
      (sum s.outChannels fun o => sums s.kernels fun ks =>
        W.entry ((m / s.inChannels * s.outChannels + o : Int) :: (m % s.inChannels : Int) :: toInts ks) *
          entryAt D.entry (joinPlaces (some [(n : Int), (m / s.inChannels * s.outChannels + o : Int)])
            (readers s.axes hs ks))) + pairedSum b.entries (zs.map fun _ => some [(m : Int)]) := by
  subst e
  have channels (o : Nat) : s.ints.channelsInputGrad.Terms [m / s.inChannels, m % s.inChannels] [o]
      [(m : Int)] [some [(m / s.inChannels * s.outChannels + o : Int), (m % s.inChannels : Int)],
        some [(m / s.inChannels * s.outChannels + o : Int)]] [some [(m : Int)]] :=
    ⟨⟨(channel_lt hm).1, (channel_lt hm).2, trivial⟩, rfl,
      by simp [channelsInputGrad, ints, Convolution.map, Int.mul_comm, Int.mul_ediv_add_emod],
      by simp [channelsInputGrad, ints, Convolution.map, Int.mul_comm],
      by simp [channelsInputGrad, ints, Convolution.map, Int.mul_comm, Int.mul_ediv_add_emod]⟩
  have images : s.ints.imagesInputGrad.Terms [n] [] [n] [some [], some [n]] [some []] :=
    ⟨⟨hn, trivial⟩, rfl, by simp [imagesInputGrad], by simp [imagesInputGrad], by simp [imagesInputGrad]⟩
  have head (o : Nat) : (((empty w [d] zs).times s.ints.imagesInputGrad).times
      s.ints.channelsInputGrad).Terms [n, m / s.inChannels, m % s.inChannels] [o] [n, m]
      [some [(m / s.inChannels * s.outChannels + o : Int), (m % s.inChannels : Int)],
        some [n, (m / s.inChannels * s.outChannels + o : Int)]] (zs.map fun _ => some [(m : Int)]) :=
    have base := empty_terms w d zs hz
    match zs, hz with
    | [], _ => (base.times images).times (channels o)
    | [_], _ => (base.times images).times (channels o)
  refine (h.entry_sum (W, D, ⟨⟩) b (red := Spatial.kernel)
    [fun t => some [(t.2.2 : Int)], fun t =>
      if (t.1.stride : Int) ∣ t.2.1 + t.1.padBegin - t.2.2 * t.1.dilation then
        some [(t.2.1 + t.1.padBegin - t.2.2 * t.1.dilation) / t.1.stride] else none] 1 (fun o => [o])
    (List.flatMap_singleton' hs) rfl head hh (fun _ => rfl)
    (fun t ht ht' => ⟨⟨ht', trivial⟩, rfl, by simp [Spatial.inputGrad, toInts],
      congr (congrArg List.cons (by simp [Spatial.inputGrad])) (congrArg (fun p => [p])
        ((t.1.map fun n : Nat => (n : Int)).indices_readers (Int.natCast_pos.2 (hst _ ht)) t.2.1 t.2.2)),
      by simp [Spatial.inputGrad]⟩) (fun _ => Nat.le_refl _) (by simpa using hz)).trans
    (congrArg (· + _) (sum_congr fun o _ => sums_congr_in _ fun ks hks => ?_))
  simp only [List.zipWith_cons_cons, List.zipWith_nil_left, placesOf_some, joinPlaces,
    steps_kernels_int (hh.length.trans (List.length_map _)) (hks.length.trans (List.length_map _))]
  exact pairing_two ..

theorem inLoops_zeros : (axes : List (Spatial Nat)) →
    InLoops (axes.map fun _ => 1) (axes.map fun _ => 0)
  | [] => trivial
  | _ :: axes => ⟨Nat.one_pos, inLoops_zeros axes⟩

/-- The textbook's form of `convBiasGrad`. -/
theorem convBiasGrad_entry {s : Convolution Nat} {p t : List Nat} (h : (convBiasGrad s.ints).Shapes [p] [] t)
    (D : Tensor K p) {m : Nat} (hm : m < s.groups * s.outChannels) :
    ((convBiasGrad s.ints).apply exact h (D, ⟨⟩) ⟨⟩).entry [(m : Int)] =
      sum s.batch fun n => sums s.outputs fun os => D.entry (n :: m :: toInts os) := by
  have channels : s.ints.channelsBiasGrad.Terms [m / s.outChannels, m % s.outChannels] [] [(m : Int)]
      [some [(m : Int)]] [] :=
    ⟨⟨(channel_lt hm).1, (channel_lt hm).2, trivial⟩, rfl,
      by simp [channelsBiasGrad, ints, Convolution.map, Int.mul_comm, Int.mul_ediv_add_emod],
      by simp [channelsBiasGrad, ints, Convolution.map, Int.mul_comm, Int.mul_ediv_add_emod], rfl⟩
  have images (n : Nat) : s.ints.imagesBiasGrad.Terms [] [n] [] [some [n]] [] :=
    ⟨trivial, rfl, rfl, by simp [imagesBiasGrad], rfl⟩
  have base : (empty "gradOutput" [] []).Terms [] [] [] [some []] [] := ⟨trivial, rfl, rfl, rfl, rfl⟩
  refine (h.entry_sum (D, ⟨⟩) ⟨⟩ (red := Spatial.output) (os' := []) [fun t => some [(t.2.2 : Int)]] 0
    (fun _ => []) (flatMap_none _) rfl (fun n => (base.times (images n)).times channels)
    (inLoops_zeros s.axes) (fun _ => rfl) (fun t _ _ => ⟨trivial, rfl, rfl, by simp [Spatial.biasGrad],
      rfl⟩) (fun _ => Nat.le_refl _) (Nat.le_refl _)).trans
    ((Lean.Grind.Semiring.add_zero _).trans (sum_congr fun n _ => sums_congr_in _ fun os hos => ?_))
  simp only [List.zipWith_cons_cons, List.zipWith_nil_left, placesOf_some, joinPlaces,
    steps_kernels_int (axes := s.axes) (os := s.axes.map fun _ => 0) (List.length_map _)
      (hos.length.trans (List.length_map _))]
  exact Lean.Grind.Semiring.mul_one _

section
variable (s : Convolution Nat)

/-- A convolution of any number of axes: with I input and O output channels in each group,
y[n, c, o₁, …] = Σ_i Σ_k₁ … x[n, ⌊c/O⌋·I + i, o₁·s₁ + k₁·d₁ − p₁, …]·weight[c, i, k₁, …] + bias[c]. -/
theorem conv_textbook (x : Tensor K s.inputShape) (weight : Tensor K s.kernelShape)
    (bias : Tensor K s.biasShape) {n c : Nat} {os : List Nat} (hn : n < s.batch)
    (hc : c < s.groups * s.outChannels) (ho : InLoops s.outputs os) :
    (conv exact s x weight bias).entry (n :: c :: toInts os) =
      (sum s.inChannels fun i => sums s.kernels fun ks =>
        x.entry (n :: (c / s.outChannels * s.inChannels + i : Int) :: taps s.axes os ks) *
          weight.entry (c :: i :: toInts ks)) + bias.entry [(c : Int)] :=
  (conv_entry (as := [s.biasShape]) rfl _ (Nat.le_refl _) x weight (bias, ⟨⟩) hn hc ho).trans
    (congrArg (_ + ·) (Lean.Grind.Semiring.add_zero _))

/-- The bias gradient: ∂bias[c] = Σ_n Σ_o₁ … δ[n, c, o₁, …]. -/
theorem convBias_textbook (δ : Tensor K s.outputShape) {c : Nat} (hc : c < s.groups * s.outChannels) :
    (convBiasDeriv exact s δ).entry [(c : Int)] =
      sum s.batch fun n => sums s.outputs fun os => δ.entry (n :: c :: toInts os) :=
  convBiasGrad_entry _ δ hc

/-- The kernel gradient: ∂weight[c, i, k₁, …] =
Σ_n Σ_o₁ … x[n, ⌊c/O⌋·I + i, o₁·s₁ + k₁·d₁ − p₁, …]·δ[n, c, o₁, …]. -/
theorem convKernel_textbook (x : Tensor K s.inputShape) (δ : Tensor K s.outputShape) {c i : Nat}
    {ks : List Nat} (hc : c < s.groups * s.outChannels) (hi : i < s.inChannels)
    (hk : InLoops s.kernels ks) : (convKernelDeriv exact s x δ).entry (c :: i :: toInts ks) =
      sum s.batch fun n => sums s.outputs fun os =>
        x.entry (n :: (c / s.outChannels * s.inChannels + i : Int) :: taps s.axes os ks) *
          δ.entry (n :: c :: toInts os) :=
  convKernelGrad_entry rfl _ x δ hc hi hk

/-- The input gradient: where all divisions are exact,
∂x[n, c, h₁, …] = Σ_o Σ_k₁ … weight[⌊c/I⌋·O + o, c mod I, k₁, …]·
  δ[n, ⌊c/I⌋·O + o, (h₁ + p₁ − k₁·d₁) / s₁, …]. -/
theorem convInput_textbook (hst : ∀ a ∈ s.axes, 0 < a.stride) (weight : Tensor K s.kernelShape)
    (δ : Tensor K s.outputShape) {n c : Nat} {hs : List Nat} (hn : n < s.batch)
    (hc : c < s.groups * s.inChannels) (hh : InLoops s.sizes hs) :
    (convInputDeriv exact s weight δ).entry (n :: c :: toInts hs) =
      sum s.outChannels fun o => sums s.kernels fun ks =>
        weight.entry ((c / s.inChannels * s.outChannels + o : Int) :: (c % s.inChannels : Int) ::
            toInts ks) *
          entryAt δ.entry (joinPlaces (some [(n : Int), (c / s.inChannels * s.outChannels + o : Int)])
            (readers s.axes hs ks)) :=
  (convInputGrad_entry (as := []) rfl _ (Nat.zero_le _) hst weight δ ⟨⟩ hn hc hh).trans
    (Lean.Grind.Semiring.add_zero _)

/-- A transposed convolution of any number of axes; numbers are those of the convolution of which it is
the transpose, with I and O channels in each group:
y[n, c, h₁, …] = Σ_o Σ_k₁ … weight[⌊c/I⌋·O + o, c mod I, k₁, …]·
  x[n, ⌊c/I⌋·O + o, (h₁ + p₁ − k₁·d₁) / s₁, …] + bias[c],
where all divisions are exact. The output's padding is in the extents of y. -/
theorem convTranspose_textbook (hst : ∀ a ∈ s.transposed.axes, 0 < a.stride)
    (weight : Tensor K s.transposed.kernelShape) (x : Tensor K s.transposed.outputShape)
    (bias : Tensor K s.transposed.transposedBiasShape) {n c : Nat} {hs : List Nat}
    (hn : n < s.transposed.batch) (hc : c < s.transposed.groups * s.transposed.inChannels)
    (hh : InLoops s.transposed.sizes hs) : let t := s.transposed
    (convTranspose exact s weight x bias).entry (n :: c :: toInts hs) =
      (sum t.outChannels fun o => sums t.kernels fun ks =>
        weight.entry ((c / t.inChannels * t.outChannels + o : Int) ::
            (c % t.inChannels : Int) :: toInts ks) *
          entryAt x.entry (joinPlaces (some [(n : Int), (c / t.inChannels * t.outChannels + o : Int)])
            (readers t.axes hs ks))) + bias.entry [(c : Int)] :=
  (convInputGrad_entry (congrArg (convInputGradOf · "weight" "x" ["bias"]) s.ints_transposed.symm)
    s.transposeForward_shapes (Nat.le_refl _) hst weight x (bias, ⟨⟩) hn hc hh).trans
    (congrArg (_ + ·) (Lean.Grind.Semiring.add_zero _))

/-- Its bias gradient: ∂bias[c] = Σ_n Σ_h₁ … δ[n, c, h₁, …]. -/
theorem convTransposeBias_textbook (δ : Tensor K s.transposed.inputShape) {c : Nat}
    (hc : c < s.transposed.groups * s.transposed.inChannels) :
    (convTransposeBiasDeriv exact s δ).entry [(c : Int)] =
      sum s.batch fun n => sums s.outputs fun hs => δ.entry (n :: c :: toInts hs) :=
  convBiasGrad_entry _ δ hc

/-- Its kernel gradient is that of the convolution, of which δ is the input and x the output's
gradient. -/
theorem convTransposeKernel_textbook (δ : Tensor K s.transposed.inputShape)
    (x : Tensor K s.transposed.outputShape) {c i : Nat} {ks : List Nat}
    (hc : c < s.transposed.groups * s.transposed.outChannels) (hi : i < s.transposed.inChannels)
    (hk : InLoops s.transposed.kernels ks) : let t := s.transposed
    (convTransposeKernelDeriv exact s δ x).entry (c :: i :: toInts ks) =
      sum t.batch fun n => sums t.outputs fun os =>
        δ.entry (n :: (c / t.outChannels * t.inChannels + i : Int) :: taps t.axes os ks) *
          x.entry (n :: c :: toInts os) :=
  convKernelGrad_entry (congrArg (convKernelGradOf · "gradOutput" "x") s.ints_transposed.symm)
    s.transposeKernelGrad_shapes δ x hc hi hk

/-- Its input gradient is the convolution of δ. -/
theorem convTransposeInput_textbook (δ : Tensor K s.transposed.inputShape)
    (weight : Tensor K s.transposed.kernelShape) {n c : Nat} {os : List Nat}
    (hn : n < s.transposed.batch) (hc : c < s.transposed.groups * s.transposed.outChannels)
    (ho : InLoops s.transposed.outputs os) : let t := s.transposed
    (convTransposeInputDeriv exact s δ weight).entry (n :: c :: toInts os) =
      sum t.inChannels fun i => sums t.kernels fun ks =>
        δ.entry (n :: (c / t.outChannels * t.inChannels + i : Int) :: taps t.axes os ks) *
          weight.entry (c :: i :: toInts ks) :=
  (conv_entry (congrArg (convForwardOf · "gradOutput" "weight" []) s.ints_transposed.symm)
    s.transposeInputGrad_shapes (Nat.zero_le _) δ weight ⟨⟩ hn hc ho).trans
    (Lean.Grind.Semiring.add_zero _)

end

/-! ### Sums over windows -/

section
variable {batch channels : Nat} {windows : List (Spatial Nat)} {n c : Nat} (hn : n < batch)
  (hc : c < channels)
include hn hc

theorem images_terms (x : String) :
    (((empty x [] []).times (block [[(batch : Int)]] [] [axis (batch : Int) [1] []] [] [])).times
      (block [[(channels : Int)]] [] [axis (channels : Int) [1] []] [] [])).Terms [n, c] [] [n, c]
      [some [n, c]] [] :=
  have free (m i : Nat) (hi : i < m) : (block [[(m : Int)]] [] [axis (m : Int) [1] []] [] []).Terms
      [i] [] [i] [some [i]] [] := ⟨⟨hi, trivial⟩, rfl, by simp, by simp, by simp⟩
  have base : (empty x [] []).Terms [] [] [] [some []] [] := ⟨trivial, rfl, rfl, rfl, rfl⟩
  (base.times (free batch n hn)).times (free channels c hc)

/-- Sums over windows of any number of axes:
y[n, c, o₁, …] = Σ_k₁ … x[n, c, o₁·s₁ + k₁·d₁ − p₁, …]. -/
theorem sumPool_textbook (x : Tensor K (poolInputShape batch channels windows)) {os : List Nat}
    (ho : InLoops (windows.map Spatial.output) os) :
    (sumPool exact x).entry (n :: c :: toInts os) = sums (windows.map Spatial.kernel) fun ks =>
      x.entry (n :: c :: taps windows os ks) := by
  refine ((poolForward_shapes batch channels windows).entry_axes (x, ⟨⟩) ⟨⟩ (red := Spatial.kernel)
    (F := fun _ => [some [(n : Int), c]])
    [fun t => some [t.2.1 * t.1.stride + t.2.2 * t.1.dilation - t.1.padBegin]] 0 (fun o => [o])
    (List.flatMap_singleton' os) (fun | [], _ => images_terms hn hc "x") ho (fun _ => rfl)
    (fun t _ ht => ⟨⟨ht, trivial⟩, rfl, by simp [Spatial.windows, toInts],
      by simp [Spatial.windows, Spatial.taps, Spatial.map, Int.mul_comm, Int.sub_eq_add_neg], rfl⟩)
    (fun _ => Nat.le_refl _) (Nat.le_refl _)).trans ((Lean.Grind.Semiring.add_zero _).trans ?_)
  refine sums_congr (windows.map Spatial.kernel) fun ks => ?_
  simp only [List.zipWith_cons_cons, List.zipWith_nil_left, placesOf_some, joinPlaces]
  exact Lean.Grind.Semiring.mul_one _

/-- Their gradient: ∂x[n, c, h₁, …] = Σ_k₁ … δ[n, c, (h₁ + p₁ − k₁·d₁) / s₁, …], where all divisions
are exact. -/
theorem sumPoolGrad_textbook (hst : ∀ a ∈ windows, 0 < a.stride)
    (δ : Tensor K (poolOutputShape batch channels windows)) {hs : List Nat}
    (hh : InLoops (windows.map Spatial.size) hs) :
    (sumPoolDeriv exact δ).entry (n :: c :: toInts hs) = sums (windows.map Spatial.kernel) fun ks =>
      entryAt δ.entry (joinPlaces (some [(n : Int), c]) (readers windows hs ks)) := by
  refine ((poolGrad_shapes batch channels windows).entry_axes (δ, ⟨⟩) ⟨⟩ (red := Spatial.kernel)
    (F := fun _ => [some [(n : Int), c]])
    [fun t => if (t.1.stride : Int) ∣ t.2.1 + t.1.padBegin - t.2.2 * t.1.dilation then
      some [(t.2.1 + t.1.padBegin - t.2.2 * t.1.dilation) / t.1.stride] else none] 0 (fun o => [o])
    (List.flatMap_singleton' hs) (fun | [], _ => images_terms hn hc "gradOutput") hh (fun _ => rfl)
    (fun t ht ht' => ⟨⟨ht', trivial⟩, rfl, by simp [Spatial.windowsGrad, toInts],
      congrArg (fun p => [p]) ((t.1.map fun n : Nat => (n : Int)).indices_readers
        (Int.natCast_pos.2 (hst _ ht)) t.2.1 t.2.2), rfl⟩)
    (fun _ => Nat.le_refl _) (Nat.le_refl _)).trans ((Lean.Grind.Semiring.add_zero _).trans ?_)
  exact sums_congr (windows.map Spatial.kernel) fun ks => Lean.Grind.Semiring.mul_one _

end

/-! ### Products -/

namespace Loop

theorem place_map (f : Loop Nat → Loop Nat) (out has : Loop Nat → Bool) : (loops : List (Loop Nat)) →
    (o r : List Nat) →
    place out has (mapList f loops) o r = place (fun l => out (f l)) (fun l => has (f l)) loops o r
  | [], _, _ => rfl
  | l :: ls, o, r => by
    show _ ++ _ = _ ++ _
    rw [place_map f out has ls, place_map f out has ls]

theorem loopShape_map (f : Loop Nat → Loop Nat) (has : Loop Nat → Bool) (loops : List (Loop Nat)) :
    loopShape (mapList f loops) (fun l => has l) =
      loops.flatMap fun l => bif has (f l) then [(f l).extent] else [] := by
  rw [mapList_eq, loopShape, List.flatMap_map]

/-- The iterations of one loop. -/
theorem block_terms (l : Loop Nat) {o r : List Nat} (ho : InLoops (axisShape result l) o)
    (hr : r.length = (axisShape (fun l => !l.result) l).length) :
    (l.map fun n : Nat => (n : Int)).block.Terms o r (toInts o)
      [some (place result first [l] o r), some (place result second [l] o r)]
      [some (place result (fun l => l.addend && l.result) [l] o [])] := by
  rcases l with ⟨n, _ | _, _ | _, _ | _, _ | _⟩ <;> first
    | (match o, r, ho, hr with
      | [], [r], _, _ => exact ⟨trivial, rfl, rfl, by simp [Loop.block, axes, map, place],
        by simp [Loop.block, axes, map, place]⟩)
    | (match o, r, ho, hr with
      | [o], [], ho, _ => exact ⟨ho, rfl, by simp [Loop.block, axes, map, toInts],
        by simp [Loop.block, axes, map, place], by simp [Loop.block, axes, map, place]⟩)

/-- The first loop, and the others. -/
theorem place_cons (has : Loop Nat → Bool) (l : Loop Nat) (ls : List (Loop Nat)) {o r : List Nat}
    (ho : o.length = (axisShape result l).length)
    (hr : r.length = (axisShape (fun l => !l.result) l).length) (o' r' : List Nat) :
    place result has (l :: ls) (o ++ o') (r ++ r') =
      place result has [l] o r ++ place result has ls o' r' := by
  rcases l with ⟨n, _ | _, x, y, z⟩
  · match o, r, ho, hr with
    | [], [r], _, _ => simp [place]
  · match o, r, ho, hr with
    | [o], [], _, _ => simp [place]

/-- The same of the addend, which no loop that is summed over is an axis of. -/
theorem place_addend (l : Loop Nat) (ls : List (Loop Nat)) {o : List Nat}
    (ho : o.length = (axisShape result l).length) (o' : List Nat) :
    place result (fun l => l.addend && l.result) (l :: ls) (o ++ o') [] =
      place result (fun l => l.addend && l.result) [l] o [] ++
        place result (fun l => l.addend && l.result) ls o' [] := by
  rcases l with ⟨n, _ | _, x, y, z⟩
  · match o, ho with
    | [], _ => simp [place]
  · match o, ho with
    | [o], _ => simp [place]

/-- The iterations of the loops, after those of a contraction. -/
theorem terms : (loops : List (Loop Nat)) → {o r : List Nat} → InLoops (resultShape loops) o →
    r.length = (loopShape loops fun l => !l.result).length → {c : Contraction Int} →
    {o' r' : List Nat} → {p : List Int} → {f g : Option (List Int)} → {as : List (Option (List Int))} →
    c.Terms o' r' p [f, g] as → as.length ≤ 1 →
    (c.timesEach (mapList Loop.block (intLoops loops))).Terms (o' ++ o) (r' ++ r) (p ++ toInts o)
      [joinPlaces f (some (place result first loops o r)),
        joinPlaces g (some (place result second loops o r))]
      (as.map (joinPlaces · (some (place result (fun l => l.addend && l.result) loops o []))))
  | [], [], [], _, _, c, _, _, _, f, g, as, h, _ => by
    simp only [place, joinPlaces_nil, List.append_nil, toInts, List.map_id']
    exact h
  | l :: ls, _, r, ho, hr, c, _, _, _, f, g, as, h, ha => by
    obtain ⟨i, o, rfl, hi, ho⟩ := InLoops.split (ns := axisShape result l) ho
    have hr : r.length = (axisShape (fun l => !l.result) l).length +
      (loopShape ls fun l => !l.result).length := hr.trans List.length_append
    obtain ⟨k, r, rfl, hk, hr⟩ : ∃ k r', r = k ++ r' ∧
        k.length = (axisShape (fun l => !l.result) l).length ∧
        r'.length = (loopShape ls fun l => !l.result).length :=
      ⟨r.take (axisShape (fun l => !l.result) l).length, r.drop (axisShape (fun l => !l.result) l).length,
        (List.take_append_drop ..).symm, by rw [List.length_take]; omega, by rw [List.length_drop]; omega⟩
    have := terms ls ho hr (h.times (block_terms l hi hk)) (by simp; omega)
    rw [place_cons _ _ _ hi.length hk, place_cons _ _ _ hi.length hk, place_addend _ _ hi.length]
    simp only [toInts_eq, List.map_append, List.append_assoc] at this ⊢
    match as, ha with
    | [], _ | [_], _ =>
      simp only [List.zipWith_cons_cons, List.zipWith_nil_left, List.map_cons, List.map_nil,
        joinPlaces_assoc] at this
      exact this

/-- A sum of products at any loops. -/
theorem entry_apply {loops : List (Loop Nat)} {x y : String} {zs : List String} {c : Contraction Int}
    (e : c = einsumOf x [y] zs (intLoops loops)) {p q s : List Nat} {as : List (List Nat)}
    (h : c.Shapes [p, q] as s) (hz : zs.length ≤ 1) (X : Tensor K p) (Y : Tensor K q)
    (b : Tensors K as) {o : List Nat} (ho : InLoops (resultShape loops) o) :
    (c.apply exact h (X, Y, ⟨⟩) b).entry (toInts o) =
      sums (loopShape loops fun l => !l.result) (fun r =>
        X.entry (place result first loops o r) * Y.entry (place result second loops o r)) +
      pairedSum b.entries
        (zs.map fun _ => some (place result (fun l => l.addend && l.result) loops o [])) := by
  subst e
  have base : (empty x [y] zs).Terms [] [] [] [some [], some []] (zs.map fun _ => some []) :=
    match zs, hz with
    | [], _ => ⟨trivial, rfl, rfl, rfl, rfl⟩
    | [_], _ => ⟨trivial, rfl, rfl, rfl, rfl⟩
  have hr : toNats (einsumOf x [y] zs (intLoops loops)).red = loopShape loops fun l => !l.result := by
    refine (red_each (f := Loop.block) (intLoops loops) _).trans ?_
    rw [intLoops, mapList_eq, List.flatMap_map]
    exact congrArg (fun f => loops.flatMap f) (funext fun l => by cases h : l.result <;> simp [Loop.block, map, h])
  have := h.entry_apply (X, Y, ⟨⟩) b (o := o) fun r hr' => terms loops ho
    ((hr'.trans (length_toNats _).symm).trans (congrArg _ hr)) base (by simpa using hz)
  rw [hr] at this
  refine this.trans ?_
  refine congr (congrArg HAdd.hAdd (sums_congr _ fun r => ?_)) ?_
  · show X.entry _ * (Y.entry _ * 1) = _
    rw [Lean.Grind.Semiring.mul_one]; rfl
  · rw [List.map_map]; rfl

end Loop

section
open Loop
variable {loops : List (Loop Nat)} {o : List Nat}

/-- A sum of products of two operands over any loops: with `o` the values of the loops that are axes of
the result, and r those of the others,
result[o] = Σ_r x[those that are axes of x]·y[those that are axes of y] + addend[…]. -/
theorem multiply_textbook (x : Tensor K (firstShape loops)) (y : Tensor K (secondShape loops))
    (addend : Tensor K (addendShape loops)) (ho : InLoops (resultShape loops) o) :
    (multiply exact loops x y addend).entry (toInts o) =
      sums (loopShape loops fun l => !l.result) (fun r =>
        x.entry (place result first loops o r) * y.entry (place result second loops o r)) +
      addend.entry (place result (fun l => l.addend && l.result) loops o []) :=
  (Loop.entry_apply rfl (einsum_shapes loops) (Nat.le_refl _) x y (addend, ⟨⟩) ho).trans
    (congrArg (_ + ·) (Lean.Grind.Semiring.add_zero _))

/-- The gradient of x: ∂x[o] = Σ_r y[…]·δ[…], where r are the values of the loops that are no axes of
x. -/
theorem multiplyFirst_textbook (y : Tensor K (secondShape loops)) (δ : Tensor K (resultShape loops))
    (ho : InLoops (firstShape loops) o) : (multiplyFirstDeriv exact loops y δ).entry (toInts o) =
      sums (loopShape loops fun l => !l.first) fun r =>
        y.entry (place first second loops o r) * δ.entry (place first result loops o r) := by
  have := Loop.entry_apply (loops := mapList firstGrad loops) (zs := []) (by
    rw [einsumFirstGrad, intLoops, intLoops, mapList_mapList, mapList_mapList]; rfl)
    (firstGrad_shapes loops) (Nat.zero_le _) y δ ⟨⟩ (o := o) (by rw [resultShape, loopShape_map]; exact ho)
  rw [loopShape_map (has := fun l => !l.result)] at this
  simp only [place_map] at this
  exact this.trans (Lean.Grind.Semiring.add_zero _)

/-- The gradient of y: ∂y[o] = Σ_r x[…]·δ[…], where r are the values of the loops that are no axes of
y. -/
theorem multiplySecond_textbook (x : Tensor K (firstShape loops)) (δ : Tensor K (resultShape loops))
    (ho : InLoops (secondShape loops) o) : (multiplySecondDeriv exact loops x δ).entry (toInts o) =
      sums (loopShape loops fun l => !l.second) fun r =>
        x.entry (place second first loops o r) * δ.entry (place second result loops o r) := by
  have := Loop.entry_apply (loops := mapList secondGrad loops) (zs := []) (by
    rw [einsumSecondGrad, intLoops, intLoops, mapList_mapList, mapList_mapList]; rfl)
    (secondGrad_shapes loops) (Nat.zero_le _) x δ ⟨⟩ (o := o) (by rw [resultShape, loopShape_map]; exact ho)
  rw [loopShape_map (has := fun l => !l.result)] at this
  simp only [place_map] at this
  exact this.trans (Lean.Grind.Semiring.add_zero _)

/-- The canonical product:
result[b, m, n] = Σ_k Σ_p Σ_q x[b, m, k, p]·y[b, n, k, q] + addend[b, m, n]. -/
theorem product_textbook {B M N L P Q : Nat} (x : Tensor K [B, M, L, P]) (y : Tensor K [B, N, L, Q])
    (addend : Tensor K [B, M, N]) {b m n : Nat} (hb : b < B) (hm : m < M) (hn : n < N) :
    Tensor.entry (s := [B, M, N]) (multiply exact (productLoops B M N L P Q) x y addend) [b, m, n] =
      (sum L fun k => sum P fun p => sum Q fun q =>
        x.entry [(b : Int), m, k, p] * y.entry [(b : Int), n, k, q]) + addend.entry [(b : Int), m, n] :=
  multiply_textbook (loops := productLoops B M N L P Q) (o := [b, m, n]) x y addend ⟨hb, hm, hn, trivial⟩

/-- Batched matrix products, as of attention; with B = 1 the matrix product and the linear layer:
result[b, m, n] = Σ_k x[b, m, k]·y[b, n, k] + addend[b, m, n]. -/
theorem matmul_textbook {B M N L : Nat} (x : Tensor K [B, M, L, 1]) (y : Tensor K [B, N, L, 1])
    (addend : Tensor K [B, M, N]) {b m n : Nat} (hb : b < B) (hm : m < M) (hn : n < N) :
    Tensor.entry (s := [B, M, N]) (multiply exact (productLoops B M N L 1 1) x y addend) [b, m, n] =
      (sum L fun k => x.entry [(b : Int), m, k, 0] * y.entry [(b : Int), n, k, 0]) +
        addend.entry [(b : Int), m, n] :=
  (product_textbook x y addend hb hm hn).trans
    (congrArg (· + _) (sum_congr fun _ _ => (sum_one _).trans (sum_one _)))

end

end RuntimeApprox
