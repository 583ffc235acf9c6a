module

public import RuntimeApprox.Operations.Gradients

/-!
# The operations, as in the textbook

The exact results at any number of axes. In the formulas `sum n fun i => f i` is Σ_{i < n} f i,
`sums ns fun is => f is` the nested sum over i₁ < n₁, i₂ < n₂, …, and `t.entry [i, j, …]` is
t[i, j, …] with zeros outside t (the padding).

## Main definitions
* `Contraction.Terms`: what an iteration reads and where it writes.
* `taps`, `readers`: the input positions that a window reads, and the windows that read one.

## Main results
* `Contraction.Terms.times`, `Contraction.Terms.each`: the same of products.
* `Contraction.Shapes.entry_apply`: an entry of the exact result.
* `conv_textbook`, `convTranspose_textbook`, `sumPool_textbook`, `product_textbook`: the operations.

## References
* V. Dumoulin, F. Visin, *A guide to convolution arithmetic for deep learning* (2016).
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

/-! ### Entries -/

theorem digits_position (rest : List Nat) : (ds : List Nat) → {is : List Nat} → InLoops ds is →
    digits ds (position ds is) rest = is ++ rest
  | [], [], _ => rfl
  | [_], [i], _ => by
    show (i * 1 + 0) :: rest = i :: rest
    simp
  | _ :: m :: ms, i :: is, h => by
    obtain ⟨hd, hm⟩ := merge_div_mod i (position_lt (ns := m :: ms) h.2)
    show (i * prod (m :: ms) + position (m :: ms) is) / prod (m :: ms) :: digits (m :: ms)
      ((i * prod (m :: ms) + position (m :: ms) is) % prod (m :: ms)) rest = _
    rw [hd, hm, digits_position rest (m :: ms) h.2]
    rfl

/-- The entry that is computed in an iteration. -/
theorem entry_places : (out : List (List Int)) → (t : Tensor K (mergedShape out)) →
    {F : List Nat → K} → (∀ i, t.get i = F (outIndices out i)) → {o : List Nat} →
    InLoops (outDims out) o → t.entry (places out o) = F o
  | [], _, _, h, [], _ => h ()
  | d :: ds, t, F, h, _, ho => by
    obtain ⟨js, ks, rfl, hj, hk⟩ := ho.split
    have hlt := position_lt hj
    have hp : (0 : Int) ≤ (position (toNats d) js : Int) ∧
      ((position (toNats d) js : Int)).toNat < prod (toNats d) := ⟨Int.natCast_nonneg _, hlt⟩
    show t.entry ((position (toNats d) (js ++ ks) : Int) :: places ds ((js ++ ks).drop d.length)) = _
    rw [← length_toNats, (hj.append ks).1, (hj.append ks).2]
    refine ((Tensor.entry_cons t _ _).trans (dif_pos hp)).trans ?_
    exact (entry_places ds _ (F := fun o => F (digits (toNats d) (position (toNats d) js) o))
      (fun i => h (⟨_, hlt⟩, i)) hk).trans (congrArg F (digits_position ks _ hj))

/-- The sum of the entries of tensors, each at its own place. -/
def pairedSum : List (List Int → K) → List (Option (List Int)) → K
  | e :: es, p :: ps => entryAt e p + pairedSum es ps
  | _, _ => 0

theorem addendsAt_eq_total (o : List Nat) : (ps : List (Operand Int)) → (ts : Tensors K (shapes ps)) →
    addendsAt o ps ts = pairedSum ts.entries (ps.map fun p => indices p.axes o [])
  | [], _ => rfl
  | p :: ps, (t, ts) =>
    congr (congrArg HAdd.hAdd (valueAt_eq_entryAt p.axes t o [])) (addendsAt_eq_total o ps ts)

/-! ### What an iteration reads and writes -/

theorem joinPlaces_nil (x : Option (List Int)) : joinPlaces x (some []) = x := by
  cases x with
  | none => rfl
  | some _ => exact congrArg some (List.append_nil _)

theorem joinPlaces_assoc (x y z : Option (List Int)) :
    joinPlaces (joinPlaces x y) z = joinPlaces x (joinPlaces y z) := by
  cases x <;> cases y <;> cases z <;> first | rfl | exact congrArg some (List.append_assoc ..)

/-- The places that the elements of a list have, one after the other. -/
def placesOf {β : Type} (l : List β) (p : β → Option (List Int)) : Option (List Int) :=
  l.foldr (fun b x => joinPlaces (p b) x) (some [])

theorem placesOf_some {β : Type} (l : List β) (e : β → Int) :
    placesOf l (fun b => some [e b]) = some (l.map e) := by
  induction l with
  | nil => rfl
  | cons b l ih =>
    show joinPlaces (some [e b]) (placesOf l fun b => some [e b]) = _
    rw [ih]; rfl

theorem placesOf_none {β : Type} (l : List β) : placesOf l (fun _ => some []) = some [] := by
  induction l with
  | nil => rfl
  | cons b l ih =>
    show joinPlaces (some []) (placesOf l fun _ => some []) = _
    rw [ih]; rfl

namespace Contraction

/-- The iteration (o, r) of a contraction writes at `p`, and reads the factors at `fs` and the addends
at `as`. -/
structure Terms (c : Contraction Int) (o r : List Nat) (p : List Int)
    (fs as : List (Option (List Int))) : Prop where
  out : InLoops (outDims c.out) o
  red : r.length = c.red.length
  place : places c.out o = p
  factors : (c.factor :: c.factors).map (fun q => indices q.axes o r) = fs
  addends : c.addends.map (fun q => indices q.axes o []) = as

/-- The iterations of a product. -/
theorem Terms.times {c d : Contraction Int} {o r o' r' : List Nat} {p p' : List Int}
    {fs as fs' as' : List (Option (List Int))} (h : c.Terms o r p fs as) (k : d.Terms o' r' p' fs' as') :
    (c.times d).Terms (o ++ o') (r ++ r') (p ++ p') (List.zipWith joinPlaces fs fs')
      (List.zipWith joinPlaces as as') where
  out := by rw [outDims_times]; exact h.out.join k.out
  red := by
    show (r ++ r').length = (appended c.red d.red).length
    rw [appended_eq, List.length_append, List.length_append, h.red, k.red]
  place := by
    show places (appended c.out d.out) _ = _
    rw [appended_eq, places_append h.out, h.place, k.place]
  factors := by
    rw [← h.factors, ← k.factors]
    exact indices_timesAll (h.out.length.trans (length_flat _).symm) h.red
      (k.out.length.trans (length_flat _).symm) k.red (c.factor :: c.factors) (d.factor :: d.factors)
  addends := by
    rw [← h.addends, ← k.addends]
    exact indices_timesAll (k := []) (k' := []) (h.out.length.trans (length_flat _).symm) rfl
      (k.out.length.trans (length_flat _).symm) rfl c.addends d.addends

/-- The iterations of a product with a list of contractions. -/
theorem Terms.each {β : Type} {f : β → Contraction Int} {o' r' : β → List Nat} {p' : β → List Int}
    {P Q : List (β → Option (List Int))} : (l : List β) →
    (∀ b ∈ l, (f b).Terms (o' b) (r' b) (p' b) (P.map (· b)) (Q.map (· b))) →
    {c : Contraction Int} → {o r : List Nat} → {p : List Int} → {fs as : List (Option (List Int))} →
    c.Terms o r p fs as → fs.length ≤ P.length → as.length ≤ Q.length →
    (c.timesEach (mapList f l)).Terms (o ++ l.flatMap o') (r ++ l.flatMap r') (p ++ l.flatMap p')
      (List.zipWith (fun x q => joinPlaces x (placesOf l q)) fs P)
      (List.zipWith (fun x q => joinPlaces x (placesOf l q)) as Q)
  | [], _, _, o, r, p, fs, as, h, hf, ha => by
    show Terms _ (o ++ []) (r ++ []) (p ++ [])
      (List.zipWith (fun x _ => joinPlaces x (some [])) fs P)
      (List.zipWith (fun x _ => joinPlaces x (some [])) as Q)
    rw [zipWith_unit joinPlaces_nil _ _ hf, zipWith_unit joinPlaces_nil _ _ ha, List.append_nil,
      List.append_nil, List.append_nil]
    exact h
  | b :: bs, k, _, _, _, _, _, _, h, hf, ha => by
    have := Terms.each bs (fun b' hb => k b' (List.mem_cons_of_mem _ hb))
      (h.times (k b (List.mem_cons_self ..))) (by simp; omega) (by simp; omega)
    rw [zipWith_step joinPlaces_assoc b (placesOf bs), zipWith_step joinPlaces_assoc b (placesOf bs),
      List.append_assoc, List.append_assoc, List.append_assoc] at this
    exact this

theorem red_each {β : Type} {f : β → Contraction Int} : (l : List β) → (c : Contraction Int) →
    toNats (c.timesEach (mapList f l)).red = toNats c.red ++ l.flatMap fun b => toNats (f b).red
  | [], _ => (List.append_nil _).symm
  | b :: bs, c => by
    refine (red_each bs (c.times (f b))).trans ?_
    rw [red_times, List.append_assoc]; rfl

/-- An entry of the exact result, from what its iterations read. -/
theorem Shapes.entry_apply {c : Contraction Int} {fs as : List (List Nat)} {s : List Nat}
    (h : c.Shapes fs as s) (x : Tensors K fs) (b : Tensors K as) {o : List Nat} {p : List Int}
    {F : List Nat → List (Option (List Int))} {G : List (Option (List Int))}
    (T : ∀ r, r.length = c.red.length → c.Terms o r p (F r) G) :
    (c.apply exact h x b).entry p =
      sums (toNats c.red) (fun r => pairing x.entries (F r)) + pairedSum b.entries G := by
  obtain ⟨rfl, rfl, rfl⟩ := h
  have T₀ := T (List.replicate c.red.length 0) (by simp)
  rw [← T₀.place]
  refine (entry_places c.out (eval exact c x b) (F := fun o => sums (toNats c.red) (fun r =>
    valueAt c.factor.axes x.1 o r * valuesAt o r c.factors x.2) + addendsAt o c.addends b)
    (get_eval_exact c x b) T₀.out).trans ?_
  refine congr (congrArg HAdd.hAdd (sums_congr_in _ fun r hr => ?_)) ?_
  · exact (valuesAt_eq_pairing o r (c.factor :: c.factors) x).trans
      (congrArg _ (T r (hr.length.trans (length_toNats _))).factors)
  · exact (addendsAt_eq_total o c.addends b).trans (congrArg _ T₀.addends)

end Contraction

/-! ### Along the axes -/

/-- Each axis with an index of its output and one of its kernel. -/
abbrev steps (axes : List (Spatial Nat)) (os ks : List Nat) : List (Spatial Nat × Nat × Nat) :=
  axes.zip (os.zip ks)

/-- The input positions o·stride + k·dilation − pad that the output positions `os` read by the taps
`ks`. -/
def taps (axes : List (Spatial Nat)) (os ks : List Nat) : List Int :=
  (steps axes os ks).map fun (a, o, k) => o * a.stride + k * a.dilation - a.padBegin

section
variable {axes : List (Spatial Nat)} {os ks : List Nat}

theorem steps_axes (ho : os.length = axes.length) (hk : ks.length = axes.length) :
    (steps axes os ks).map (·.1) = axes :=
  List.map_fst_zip (by simp; omega)

theorem steps_outputs (ho : os.length = axes.length) (hk : ks.length = axes.length) :
    (steps axes os ks).map (·.2.1) = os := by
  have h := congrArg (List.map Prod.fst) (List.map_snd_zip (l₁ := axes) (l₂ := os.zip ks) (by simp; omega))
  rw [List.map_fst_zip (by omega), List.map_map] at h
  exact h

theorem steps_kernels (ho : os.length = axes.length) (hk : ks.length = axes.length) :
    (steps axes os ks).map (·.2.2) = ks := by
  have h := congrArg (List.map Prod.snd) (List.map_snd_zip (l₁ := axes) (l₂ := os.zip ks) (by simp; omega))
  rw [List.map_map] at h
  exact h.trans (List.map_snd_zip (by omega))

theorem toInts_eq : (l : List Nat) → toInts l = l.map fun n : Nat => (n : Int)
  | [] => rfl
  | n :: l => congrArg ((n : Int) :: ·) (toInts_eq l)

theorem steps_blocks (f : Spatial Int → Contraction Int) (ho : os.length = axes.length)
    (hk : ks.length = axes.length) : mapList (fun t => Convolution.along f t.1) (steps axes os ks) =
      mapList f (mapList (Spatial.map fun n : Nat => (n : Int)) axes) := by
  rw [mapList_mapList]
  refine (mapList_mapList (Convolution.along f) (·.1) (steps axes os ks)).symm.trans ?_
  rw [mapList_eq Prod.fst, steps_axes ho hk]

theorem steps_outputs_int (ho : os.length = axes.length) (hk : ks.length = axes.length) :
    (steps axes os ks).map (fun t => (t.2.1 : Int)) = toInts os := by
  rw [toInts_eq, ← congrArg (List.map _) (steps_outputs ho hk), List.map_map]; rfl

theorem steps_kernels_int (ho : os.length = axes.length) (hk : ks.length = axes.length) :
    (steps axes os ks).map (fun t => (t.2.2 : Int)) = toInts ks := by
  rw [toInts_eq, ← congrArg (List.map _) (steps_kernels ho hk), List.map_map]; rfl

theorem steps_lt {extent : Spatial Nat → Nat} : {axes : List (Spatial Nat)} → {os : List Nat} →
    InLoops (axes.map extent) os → (ks : List Nat) → ∀ t ∈ steps axes os ks, t.2.1 < extent t.1
  | [], [], _, _, _, h => by simp [steps] at h
  | _ :: _, _ :: _, _, [], _, h => by simp [steps] at h
  | _ :: _, _ :: _, ho, _ :: ks, t, h => by
    simp only [steps, List.zip_cons_cons, List.mem_cons] at h
    rcases h with rfl | h
    · exact ho.1
    · exact steps_lt ho.2 ks t h

/-- The iterations of a product with a block for each axis. -/
theorem Contraction.Terms.eachAxis {c : Contraction Int} {o r : List Nat} {p : List Int}
    {fs as : List (Option (List Int))} (h : c.Terms o r p fs as) {f : Spatial Int → Contraction Int}
    {P Q : List (Spatial Nat × Nat × Nat → Option (List Int))} {extent : Spatial Nat → Nat}
    (ho : InLoops (axes.map extent) os) (hk : ks.length = axes.length)
    (k : ∀ t ∈ steps axes os ks, t.2.1 < extent t.1 → (Convolution.along f t.1).Terms [t.2.1] [t.2.2]
      [(t.2.1 : Int)] (P.map (· t)) (Q.map (· t)))
    (hf : fs.length ≤ P.length) (ha : as.length ≤ Q.length) :
    (c.timesEach (mapList f (mapList (Spatial.map fun n : Nat => (n : Int)) axes))).Terms (o ++ os)
      (r ++ ks) (p ++ toInts os)
      (List.zipWith (fun x q => joinPlaces x (placesOf (steps axes os ks) q)) fs P)
      (List.zipWith (fun x q => joinPlaces x (placesOf (steps axes os ks) q)) as Q) := by
  have hl : os.length = axes.length := ho.length.trans (List.length_map _)
  have := Terms.each (f := fun t => Convolution.along f t.1) (o' := fun t => [t.2.1])
    (r' := fun t => [t.2.2]) (p' := fun t => [(t.2.1 : Int)]) (steps axes os ks)
    (fun t ht => k t ht (steps_lt ho ks t ht)) h hf ha
  rw [steps_blocks _ hl hk, ← List.map_eq_flatMap, ← List.map_eq_flatMap, ← List.map_eq_flatMap,
    steps_outputs hl hk, steps_kernels hl hk, steps_outputs_int hl hk] at this
  exact this

end

attribute [local simp] places position toNats prod indices Affine.eval_one dot block axis mapList

open Contraction Convolution

/-! ### Convolutions -/

/-- The iterations of a convolution. -/
theorem conv_terms (s : Convolution Nat) (x w z : String) {n g c i : Nat} {os ks : List Nat}
    (hn : n < s.batch) (hg : g < s.groups) (hc : c < s.outChannels) (ho : InLoops s.outputs os)
    (hk : ks.length = s.axes.length) : (convForwardOf s.ints x w [z]).Terms (n :: g :: c :: os)
      (i :: ks) (n :: (g * s.outChannels + c : Int) :: toInts os)
      [some (n :: (g * s.inChannels + i : Int) :: taps s.axes os ks),
        some ((g * s.outChannels + c : Int) :: i :: toInts ks)]
      [some [(g * s.outChannels + c : Int)]] := by
  have hl : os.length = s.axes.length := ho.length.trans (List.length_map _)
  have base : (empty x [w] [z]).Terms [] [] [] [some [], some []] [some []] :=
    ⟨trivial, rfl, rfl, rfl, rfl⟩
  have images : s.ints.imagesForward.Terms [n] [] [n] [some [n], some []] [some []] :=
    ⟨⟨hn, trivial⟩, rfl, by simp [imagesForward], by simp [imagesForward], by simp [imagesForward]⟩
  have channels : s.ints.channelsForward.Terms [g, c] [i] [(g * s.outChannels + c : Int)]
      [some [(g * s.inChannels + i : Int)], some [(g * s.outChannels + c : Int), i]]
      [some [(g * s.outChannels + c : Int)]] :=
    ⟨⟨hg, hc, trivial⟩, rfl, by simp [channelsForward, ints, Convolution.map],
      by simp [channelsForward, ints, Convolution.map, Int.mul_comm],
      by simp [channelsForward, ints, Convolution.map, Int.mul_comm]⟩
  have := ((base.times images).times channels).eachAxis (f := Spatial.forward) ho hk
    (P := [fun t => some [t.2.1 * t.1.stride + t.2.2 * t.1.dilation - t.1.padBegin],
      fun t => some [(t.2.2 : Int)]]) (Q := [fun _ => some []])
    (fun t _ ht => ⟨⟨ht, trivial⟩, rfl, by simp [Spatial.forward],
      by simp [Spatial.forward, Spatial.taps, Spatial.map, Int.mul_comm, Int.sub_eq_add_neg],
      by simp [Spatial.forward]⟩) (Nat.le_refl _) (Nat.le_refl _)
  simp only [List.zipWith_cons_cons, List.zipWith_nil_right, placesOf_some, placesOf_none, joinPlaces,
    steps_kernels_int hl hk, List.nil_append, List.cons_append, List.append_nil] at this
  exact this

/-- A channel is one of a group. -/
theorem channel_split {c G O : Nat} (hc : c < G * O) : c / O < G ∧ c % O < O ∧
    ((c / O : Nat) * (O : Int) + (c % O : Nat)) = c := by
  have hO : 0 < O := Nat.pos_of_ne_zero fun h => by rw [h] at hc; omega
  refine ⟨(Nat.div_lt_iff_lt_mul hO).2 hc, Nat.mod_lt c hO, ?_⟩
  have := Nat.div_add_mod c O
  rw [Nat.mul_comm] at this
  omega

/-- A convolution of any number of axes: with I input and O output channels in each group,
y[n, c, o₁, …] = Σ_i Σ_k₁ … x[n, ⌊c/O⌋·I + i, o₁·s₁ + k₁·d₁ − p₁, …]·weight[c, i, k₁, …] + bias[c]. -/
theorem conv_textbook (s : Convolution Nat) (x : Tensor K s.inputShape)
    (weight : Tensor K s.kernelShape) (bias : Tensor K s.biasShape) {n c : Nat} {os : List Nat}
    (hn : n < s.batch) (hc : c < s.groups * s.outChannels) (ho : InLoops s.outputs os) :
    (conv exact s x weight bias).entry (n :: c :: toInts os) =
      (sum s.inChannels fun i => sums s.kernels fun ks =>
        x.entry (n :: (c / s.outChannels * s.inChannels + i : Int) :: taps s.axes os ks) *
          weight.entry (c :: i :: toInts ks)) + bias.entry [(c : Int)] := by
  obtain ⟨hg, hm, hp⟩ := channel_split hc
  have hr : toNats (convForwardOf s.ints "x" "weight" ["bias"]).red = s.inChannels :: s.kernels := by
    refine (red_each (f := Spatial.forward) s.ints.axes _).trans ?_
    rw [ints, Convolution.map, mapList_eq, List.flatMap_map]
    exact congrArg (s.inChannels :: ·) (List.map_eq_flatMap (f := Spatial.kernel) (l := s.axes)).symm
  have T : ∀ r : List Nat, r.length = (convForwardOf s.ints "x" "weight" ["bias"]).red.length →
      (convForwardOf s.ints "x" "weight" ["bias"]).Terms
        (n :: c / s.outChannels :: c % s.outChannels :: os) r (n :: c :: toInts os)
        [some (n :: ((c / s.outChannels : Nat) * s.inChannels + (r.headD 0 : Nat) : Int) ::
          taps s.axes os r.tail), some (c :: (r.headD 0 : Nat) :: toInts r.tail)] [some [(c : Int)]] := by
    intro r hr'
    rw [← length_toNats, hr, List.length_cons, List.length_map] at hr'
    match r, hr' with
    | i :: ks, hr' =>
      have := conv_terms s "x" "weight" "bias" (i := i) hn hg hm ho (Nat.succ.inj hr')
      rw [hp] at this
      exact this
  refine ((s.forward_shapes "x" "weight" ["bias"] (Nat.le_refl _)).entry_apply (x, weight, ⟨⟩)
    (as := [s.biasShape]) (bias, ⟨⟩) T).trans ?_
  rw [hr]
  refine congr (congrArg HAdd.hAdd (sum_congr fun i _ => sums_congr _ fun ks => ?_)) ?_
  · show x.entry _ * (weight.entry _ * 1) = _
    rw [Lean.Grind.Semiring.mul_one]; rfl
  · show bias.entry _ + 0 = _
    rw [Lean.Grind.Semiring.add_zero]

/-- The output positions (h + pad − k·dilation) / stride that read the input positions `hs` by the
taps `ks`; none where a division is not exact. -/
def readers (axes : List (Spatial Nat)) (hs ks : List Nat) : Option (List Int) :=
  placesOf (steps axes hs ks) fun (a, h, k) =>
    if (a.stride : Int) ∣ h + a.padBegin - k * a.dilation then
      some [(h + a.padBegin - k * a.dilation) / a.stride] else none

/-- The iterations of a transposed convolution. -/
theorem convTranspose_terms (s : Convolution Nat) (w x z : String) {n g c o : Nat} {hs ks : List Nat}
    (hn : n < s.batch) (hg : g < s.groups) (hc : c < s.inChannels) (hh : InLoops s.sizes hs)
    (hk : ks.length = s.axes.length) (hst : ∀ a ∈ s.axes, 0 < a.stride) :
    (convInputGradOf s.ints w x [z]).Terms (n :: g :: c :: hs) (o :: ks)
      (n :: (g * s.inChannels + c : Int) :: toInts hs)
      [some ((g * s.outChannels + o : Int) :: c :: toInts ks),
        joinPlaces (some [(n : Int), (g * s.outChannels + o : Int)]) (readers s.axes hs ks)]
      [some [(g * s.inChannels + c : Int)]] := by
  have hl : hs.length = s.axes.length := hh.length.trans (List.length_map _)
  have base : (empty w [x] [z]).Terms [] [] [] [some [], some []] [some []] :=
    ⟨trivial, rfl, rfl, rfl, rfl⟩
  have images : s.ints.imagesInputGrad.Terms [n] [] [n] [some [], some [n]] [some []] :=
    ⟨⟨hn, trivial⟩, rfl, by simp [imagesInputGrad], by simp [imagesInputGrad], by simp [imagesInputGrad]⟩
  have channels : s.ints.channelsInputGrad.Terms [g, c] [o] [(g * s.inChannels + c : Int)]
      [some [(g * s.outChannels + o : Int), c], some [(g * s.outChannels + o : Int)]]
      [some [(g * s.inChannels + c : Int)]] :=
    ⟨⟨hg, hc, trivial⟩, rfl, by simp [channelsInputGrad, ints, Convolution.map],
      by simp [channelsInputGrad, ints, Convolution.map, Int.mul_comm],
      by simp [channelsInputGrad, ints, Convolution.map, Int.mul_comm]⟩
  have := ((base.times images).times channels).eachAxis (f := Spatial.inputGrad) hh hk
    (P := [fun t => some [(t.2.2 : Int)], fun t =>
      if (t.1.stride : Int) ∣ t.2.1 + t.1.padBegin - t.2.2 * t.1.dilation then
        some [(t.2.1 + t.1.padBegin - t.2.2 * t.1.dilation) / t.1.stride] else none])
    (Q := [fun _ => some []]) (fun t ht ht' => by
      have hmem : t.1 ∈ s.axes := by
        have := List.mem_map_of_mem (f := (·.1)) ht
        rwa [steps_axes hl hk] at this
      have hr := (t.1.map fun n : Nat => (n : Int)).indices_readers
        (Int.natCast_pos.2 (hst _ hmem)) t.2.1 t.2.2
      exact ⟨⟨ht', trivial⟩, rfl, by simp [Spatial.inputGrad], congr (congrArg List.cons
        (by simp [Spatial.inputGrad])) (congrArg (fun p => [p]) hr), by simp [Spatial.inputGrad]⟩)
    (Nat.le_refl _) (Nat.le_refl _)
  simp only [List.zipWith_cons_cons, List.zipWith_nil_right, placesOf_some, placesOf_none, joinPlaces,
    steps_kernels_int hl hk, List.nil_append, List.cons_append, List.append_nil] at this
  exact this

theorem inputGrad_red (s : Convolution Nat) (w x : String) (zs : List String) :
    toNats (convInputGradOf s.ints w x zs).red = s.outChannels :: s.kernels := by
  refine (red_each (f := Spatial.inputGrad) s.ints.axes _).trans ?_
  rw [ints, Convolution.map, mapList_eq, List.flatMap_map]
  exact congrArg (s.outChannels :: ·) (List.map_eq_flatMap (f := Spatial.kernel) (l := s.axes)).symm

/-- A transposed convolution of any number of axes; numbers are those of the convolution of which it is
the transpose, with I and O channels in each group:
y[n, c, h₁, …] = Σ_o Σ_k₁ … weight[⌊c/I⌋·O + o, c mod I, k₁, …]·
  x[n, ⌊c/I⌋·O + o, (h₁ + p₁ − k₁·d₁) / s₁, …] + bias[c],
where all divisions are exact. The output's padding is in the extents of y. -/
theorem convTranspose_textbook (s : Convolution Nat) (hst : ∀ a ∈ s.transposed.axes, 0 < a.stride)
    (weight : Tensor K s.transposed.kernelShape) (x : Tensor K s.transposed.outputShape)
    (bias : Tensor K s.transposed.transposedBiasShape) {n c : Nat} {hs : List Nat}
    (hn : n < s.transposed.batch) (hc : c < s.transposed.groups * s.transposed.inChannels)
    (hh : InLoops s.transposed.sizes hs) : let t := s.transposed
    (convTranspose exact s weight x bias).entry (n :: c :: toInts hs) =
      (sum t.outChannels fun o => sums t.kernels fun ks =>
        weight.entry ((c / t.inChannels * t.outChannels + o : Int) ::
            (c % t.inChannels : Int) :: toInts ks) *
          entryAt x.entry (joinPlaces (some [(n : Int), (c / t.inChannels * t.outChannels + o : Int)])
            (readers t.axes hs ks))) + bias.entry [(c : Int)] := by
  intro t
  obtain ⟨hg, hm, hp⟩ := channel_split hc
  have e : convTransposeForward s.ints = convInputGradOf t.ints "weight" "x" ["bias"] := by
    rw [convTransposeForward, ← ints_transposed]
  have hr : toNats (convTransposeForward s.ints).red = t.outChannels :: t.kernels := by
    rw [e, inputGrad_red]
  have T : ∀ r : List Nat, r.length = (convTransposeForward s.ints).red.length →
      (convTransposeForward s.ints).Terms (n :: c / t.inChannels :: c % t.inChannels :: hs) r
        (n :: c :: toInts hs)
        [some (((c / t.inChannels : Nat) * t.outChannels + (r.headD 0 : Nat) : Int) ::
          (c % t.inChannels : Nat) :: toInts r.tail), joinPlaces
            (some [(n : Int), ((c / t.inChannels : Nat) * t.outChannels + (r.headD 0 : Nat) : Int)])
            (readers t.axes hs r.tail)] [some [(c : Int)]] := by
    intro r hr'
    rw [← length_toNats, hr, List.length_cons, List.length_map] at hr'
    match r, hr' with
    | o :: ks, hr' =>
      have := convTranspose_terms t "weight" "x" "bias" (o := o) hn hg hm hh (Nat.succ.inj hr') hst
      rw [hp, ← e] at this
      exact this
  refine (s.transposeForward_shapes.entry_apply (weight, x, ⟨⟩) (bias, ⟨⟩) T).trans ?_
  rw [hr]
  refine congr (congrArg HAdd.hAdd (sum_congr fun o _ => sums_congr _ fun ks => ?_)) ?_
  · show weight.entry _ * (entryAt x.entry _ * 1) = _
    rw [Lean.Grind.Semiring.mul_one]; rfl
  · show bias.entry _ + 0 = _
    rw [Lean.Grind.Semiring.add_zero]

/-! ### Sums over windows -/

/-- The iterations of sums over windows. -/
theorem pool_terms {batch channels : Nat} {windows : List (Spatial Nat)} {n c : Nat} {os ks : List Nat}
    (hn : n < batch) (hc : c < channels) (ho : InLoops (windows.map Spatial.output) os)
    (hk : ks.length = windows.length) :
    (poolForward (batch : Int) channels (intWindows windows)).Terms (n :: c :: os) ks
      (n :: c :: toInts os) [some (n :: c :: taps windows os ks)] [] := by
  have free (m i : Nat) (hi : i < m) : (block [[(m : Int)]] [] [axis (m : Int) [1] []] [] []).Terms
      [i] [] [i] [some [i]] [] := ⟨⟨hi, trivial⟩, rfl, by simp, by simp, by simp⟩
  have base : (empty "x" [] []).Terms [] [] [] [some []] [] := ⟨trivial, rfl, rfl, rfl, rfl⟩
  have := ((base.times (free batch n hn)).times (free channels c hc)).eachAxis (f := Spatial.windows) ho hk
    (P := [fun t => some [t.2.1 * t.1.stride + t.2.2 * t.1.dilation - t.1.padBegin]]) (Q := [])
    (fun t _ ht => ⟨⟨ht, trivial⟩, rfl, by simp [Spatial.windows],
      by simp [Spatial.windows, Spatial.taps, Spatial.map, Int.mul_comm, Int.sub_eq_add_neg],
      by simp [Spatial.windows]⟩) (Nat.le_refl _) (Nat.le_refl _)
  simp only [List.zipWith_cons_cons, List.zipWith_nil_right, placesOf_some, joinPlaces,
    List.nil_append, List.cons_append] at this
  exact this

/-- Sums over windows of any number of axes:
y[n, c, o₁, …] = Σ_k₁ … x[n, c, o₁·s₁ + k₁·d₁ − p₁, …]. -/
theorem sumPool_textbook {batch channels : Nat} {windows : List (Spatial Nat)}
    (x : Tensor K (poolInputShape batch channels windows)) {n c : Nat} {os : List Nat} (hn : n < batch)
    (hc : c < channels) (ho : InLoops (windows.map Spatial.output) os) :
    (sumPool exact x).entry (n :: c :: toInts os) = sums (windows.map Spatial.kernel) fun ks =>
      x.entry (n :: c :: taps windows os ks) := by
  have hr : toNats (poolForward (batch : Int) channels (intWindows windows)).red =
      windows.map Spatial.kernel := by
    refine (red_each (f := Spatial.windows) (intWindows windows) _).trans ?_
    rw [intWindows, mapList_eq, List.flatMap_map]
    exact (List.map_eq_flatMap (f := Spatial.kernel) (l := windows)).symm
  refine ((poolForward_shapes batch channels windows).entry_apply (x, ⟨⟩) ⟨⟩ fun r hr' =>
    pool_terms hn hc ho (hr'.trans ((length_toNats _).symm.trans (by rw [hr, List.length_map])))).trans ?_
  rw [hr]
  refine (Lean.Grind.Semiring.add_zero _).trans (sums_congr _ fun ks => ?_)
  show x.entry _ * 1 = _
  rw [Lean.Grind.Semiring.mul_one]

/-! ### Products -/

/-- The canonical product: for P = Q = 1 the batched matrix product, with B = 1 the matrix product and
the linear layer: result[b, m, n] = Σ_k Σ_p Σ_q x[b, m, k, p]·y[b, n, k, q] + addend[b, m, n]. -/
theorem product_textbook {B M N L P Q : Nat} (x : Tensor K [B, M, L, P]) (y : Tensor K [B, N, L, Q])
    (addend : Tensor K [B, M, N]) {b m n : Nat} (hb : b < B) (hm : m < M) (hn : n < N) :
    Tensor.entry (s := [B, M, N]) (multiply exact (productLoops B M N L P Q) x y addend) [b, m, n] =
      (sum L fun k => sum P fun p => sum Q fun q =>
        x.entry [(b : Int), m, k, p] * y.entry [(b : Int), n, k, q]) + addend.entry [(b : Int), m, n] := by
  have base : (empty "x" ["y"] ["addend"]).Terms [] [] [] [some [], some []] [some []] :=
    ⟨trivial, rfl, rfl, rfl, rfl⟩
  have all : (Loop.block ⟨(B : Int), true, true, true, true⟩).Terms [b] [] [b] [some [b], some [b]]
      [some [b]] := ⟨⟨hb, trivial⟩, rfl, by simp [Loop.block], by simp [Loop.block, Loop.axes],
    by simp [Loop.block, Loop.axes]⟩
  have left : (Loop.block ⟨(M : Int), true, true, false, true⟩).Terms [m] [] [m] [some [m], some []]
      [some [m]] := ⟨⟨hm, trivial⟩, rfl, by simp [Loop.block], by simp [Loop.block, Loop.axes],
    by simp [Loop.block, Loop.axes]⟩
  have right : (Loop.block ⟨(N : Int), true, false, true, true⟩).Terms [n] [] [n] [some [], some [n]]
      [some [n]] := ⟨⟨hn, trivial⟩, rfl, by simp [Loop.block], by simp [Loop.block, Loop.axes],
    by simp [Loop.block, Loop.axes]⟩
  have both (k : Nat) : (Loop.block ⟨(L : Int), false, true, true, false⟩).Terms [] [k] []
      [some [k], some [k]] [some []] := ⟨trivial, rfl, by simp [Loop.block],
    by simp [Loop.block, Loop.axes], by simp [Loop.block, Loop.axes]⟩
  have first (p : Nat) : (Loop.block ⟨(P : Int), false, true, false, false⟩).Terms [] [p] []
      [some [p], some []] [some []] := ⟨trivial, rfl, by simp [Loop.block],
    by simp [Loop.block, Loop.axes], by simp [Loop.block, Loop.axes]⟩
  have second (q : Nat) : (Loop.block ⟨(Q : Int), false, false, true, false⟩).Terms [] [q] []
      [some [], some [q]] [some []] := ⟨trivial, rfl, by simp [Loop.block],
    by simp [Loop.block, Loop.axes], by simp [Loop.block, Loop.axes]⟩
  refine ((Loop.einsum_shapes (productLoops B M N L P Q)).entry_apply (x, y, ⟨⟩) (addend, ⟨⟩)
    (F := fun r => match r with
      | [k, p, q] => [some [b, m, k, p], some [b, n, k, q]]
      | _ => []) fun r h => match r, (show r.length = 3 from h) with
      | [k, p, q], _ => ((((((base.times all).times left).times right).times
        (both k)).times (first p)).times (second q))).trans ?_
  refine congr (congrArg HAdd.hAdd (sum_congr fun k _ => sum_congr fun p _ => sum_congr fun q _ => ?_)) ?_
  · show x.entry _ * (y.entry _ * 1) = _
    rw [Lean.Grind.Semiring.mul_one]
  · show addend.entry _ + 0 = _
    rw [Lean.Grind.Semiring.add_zero]; rfl

end RuntimeApprox
