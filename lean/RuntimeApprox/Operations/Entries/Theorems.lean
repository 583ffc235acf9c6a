module

public import RuntimeApprox.Operations.Entries
public import RuntimeApprox.Operations.Gradients

/-!
# Entries of the operations

What the iterations of a product of blocks read and write, and what an entry of the exact result is the
sum of, at any number of loops.

## Main results
* `Contraction.Terms.times`, `Contraction.Terms.each`, `Contraction.Terms.eachAxis`: the iterations of
  products.
* `Contraction.Shapes.entry_apply`, `Contraction.Shapes.entry_axes`, `Contraction.Shapes.entry_sum`: an
  entry of the exact result.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

/-! ### Entries -/

theorem Tensor.get_eq_entry : {s : List Nat} → (t : Tensor K s) → (i : Index s) →
    t.get i = t.entry i.ints
  | [], _, _ => rfl
  | _ :: _, t, (i, is) => (get_eq_entry _ is).trans ((Tensor.entry_cons t i.1 is.ints).trans
      (dif_pos ⟨Int.natCast_nonneg _, i.2⟩)).symm

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

theorem steps_swap : (axes : List (Spatial Nat)) → (os ks : List Nat) →
    steps axes ks os = (steps axes os ks).map fun t => (t.1, t.2.2, t.2.1)
  | [], _, _ => rfl
  | _ :: _, [], [] | _ :: _, [], _ :: _ | _ :: _, _ :: _, [] => rfl
  | a :: axes, o :: os, k :: ks => congrArg ((a, k, o) :: ·) (steps_swap axes os ks)

theorem zipWith_places_none {β : Type} (l : List β) : (n : Nat) → (G : List (Option (List Int))) →
    G.length ≤ n → List.zipWith (fun x q => joinPlaces x (placesOf l q)) G
      (List.replicate n fun _ => some []) = G
  | _, [], _ => List.zipWith_nil_left
  | n + 1, x :: G, h => by
    rw [List.replicate_succ, List.zipWith_cons_cons, placesOf_none, joinPlaces_nil,
      zipWith_places_none l n G (Nat.le_of_succ_le_succ h)]

/-- The iterations of a product with a block for each axis, which adds no index of an addend. `w` are
the indices of its result. -/
theorem Contraction.Terms.eachAxis {c : Contraction Int} {o r : List Nat} {p : List Int}
    {fs as : List (Option (List Int))} (h : c.Terms o r p fs as) {f : Spatial Int → Contraction Int}
    {P : List (Spatial Nat × Nat × Nat → Option (List Int))} {extent : Spatial Nat → Nat} {n : Nat}
    {w : Nat → List Nat} (ho : InLoops (axes.map extent) os) (hk : ks.length = axes.length)
    (T : ∀ t, t.1 ∈ axes → t.2.1 < extent t.1 → (Convolution.along f t.1).Terms (w t.2.1) [t.2.2]
      (toInts (w t.2.1)) (P.map (· t)) (List.replicate n (some [])))
    (hf : fs.length ≤ P.length) (ha : as.length ≤ n) :
    (c.timesEach (mapList f (mapList (Spatial.map fun n : Nat => (n : Int)) axes))).Terms
      (o ++ os.flatMap w) (r ++ ks) (p ++ toInts (os.flatMap w))
      (List.zipWith (fun x q => joinPlaces x (placesOf (steps axes os ks) q)) fs P) as := by
  have hl : os.length = axes.length := ho.length.trans (List.length_map _)
  have := Terms.each (f := fun t => Convolution.along f t.1) (o' := fun t => w t.2.1)
    (r' := fun t => [t.2.2]) (p' := fun t => toInts (w t.2.1))
    (Q := List.replicate n fun _ => some []) (steps axes os ks) (fun t ht => by
      rw [List.map_replicate]
      refine T t ?_ (steps_lt ho ks t ht)
      have := List.mem_map_of_mem (f := (·.1)) ht
      rwa [steps_axes hl hk] at this) h hf (by rwa [List.length_replicate])
  have e : (steps axes os ks).flatMap (fun t => w t.2.1) = os.flatMap w := by
    rw [← congrArg (List.flatMap w) (steps_outputs hl hk), List.flatMap_map]
  rw [steps_blocks _ hl hk, ← List.map_eq_flatMap, steps_kernels hl hk, e,
    zipWith_places_none _ n as ha] at this
  rw [← e, toInts_eq, List.map_flatMap]
  simp only [← toInts_eq]
  rw [e]
  exact this

/-- An entry of a product with a block for each axis. -/
theorem Contraction.Shapes.entry_axes {c : Contraction Int} {f : Spatial Int → Contraction Int}
    {extent red : Spatial Nat → Nat} {fs as : List (List Nat)} {s os' : List Nat}
    (h : (c.timesEach (mapList f (mapList (Spatial.map fun n : Nat => (n : Int)) axes))).Shapes fs as s)
    (x : Tensors K fs) (b : Tensors K as) {o : List Nat} {p : List Int}
    {F : List Nat → List (Option (List Int))} {G : List (Option (List Int))}
    (P : List (Spatial Nat × Nat × Nat → Option (List Int))) (n : Nat) (w : Nat → List Nat)
    (hw : os.flatMap w = os')
    (T₀ : ∀ r, r.length = c.red.length → c.Terms o r p (F r) G) (ho : InLoops (axes.map extent) os)
    (hr : ∀ a, toNats (Convolution.along f a).red = [red a])
    (T : ∀ t, t.1 ∈ axes → t.2.1 < extent t.1 → (Convolution.along f t.1).Terms (w t.2.1) [t.2.2]
      (toInts (w t.2.1)) (P.map (· t)) (List.replicate n (some [])))
    (hf : ∀ r, (F r).length ≤ P.length) (hg : G.length ≤ n) :
    (Contraction.apply exact _ h x b).entry (p ++ toInts os') =
      sums (toNats c.red) (fun r => sums (axes.map red) fun ks => pairing x.entries
        (List.zipWith (fun e q => joinPlaces e (placesOf (steps axes os ks) q)) (F r) P)) +
      pairedSum b.entries G := by
  subst hw
  have hred : toNats (c.timesEach (mapList f (mapList (Spatial.map fun n : Nat => (n : Int)) axes))).red =
      toNats c.red ++ axes.map red := by
    rw [red_each, mapList_eq, List.flatMap_map, List.map_eq_flatMap]
    exact congrArg (fun g => _ ++ axes.flatMap g) (funext hr)
  have := h.entry_apply x b (o := o ++ os.flatMap w) (p := p ++ toInts (os.flatMap w)) (G := G)
    (F := fun r => List.zipWith (fun e q => joinPlaces e (placesOf (steps axes os (r.drop c.red.length)) q))
      (F (r.take c.red.length)) P) fun r hr' => by
    have hr' : r.length = c.red.length + axes.length := by
      rw [hr', ← length_toNats, hred, List.length_append, List.length_map, length_toNats]
    have := (T₀ (r.take c.red.length) (by rw [List.length_take]; omega)).eachAxis (f := f)
      (ks := r.drop c.red.length) ho (by rw [List.length_drop]; omega) T (hf _) hg
    rwa [List.take_append_drop] at this
  rw [hred, sums_append] at this
  refine this.trans (congrArg (· + _) (sums_congr_in _ fun r hr => sums_congr_in _ fun ks _ => ?_))
  have : r.length = c.red.length := hr.length.trans (length_toNats _)
  simp only [← this, List.take_left, List.drop_left]

/-- An entry of a product with a block for each axis, and one other loop that is summed over. -/
theorem Contraction.Shapes.entry_sum {c : Contraction Int} {f : Spatial Int → Contraction Int}
    {extent red : Spatial Nat → Nat} {fs as : List (List Nat)} {s os' : List Nat} {m : Nat}
    (h : (c.timesEach (mapList f (mapList (Spatial.map fun n : Nat => (n : Int)) axes))).Shapes fs as s)
    (x : Tensors K fs) (b : Tensors K as) {o : List Nat} {p : List Int}
    {F : Nat → List (Option (List Int))} {G : List (Option (List Int))}
    (P : List (Spatial Nat × Nat × Nat → Option (List Int))) (n : Nat) (w : Nat → List Nat)
    (hw : os.flatMap w = os') (hm : toNats c.red = [m])
    (T₀ : ∀ i, c.Terms o [i] p (F i) G) (ho : InLoops (axes.map extent) os)
    (hr : ∀ a, toNats (Convolution.along f a).red = [red a])
    (T : ∀ t, t.1 ∈ axes → t.2.1 < extent t.1 → (Convolution.along f t.1).Terms (w t.2.1) [t.2.2]
      (toInts (w t.2.1)) (P.map (· t)) (List.replicate n (some [])))
    (hf : ∀ i, (F i).length ≤ P.length) (hg : G.length ≤ n) :
    (Contraction.apply exact _ h x b).entry (p ++ toInts os') =
      (sum m fun i => sums (axes.map red) fun ks => pairing x.entries
        (List.zipWith (fun e q => joinPlaces e (placesOf (steps axes os ks) q)) (F i) P)) +
      pairedSum b.entries G := by
  have := h.entry_axes x b (o := o) (p := p) (F := fun r => F (r.headD 0)) P n w hw (fun r hr' => by
    rw [← length_toNats, hm] at hr'
    match r, hr' with
    | [i], _ => exact T₀ i) ho hr T (fun r => hf _) hg
  rw [hm] at this
  exact this

end

end RuntimeApprox
