module

public import RuntimeApprox.Contraction.Adjoint
public import RuntimeApprox.Operations

/-!
# Gradients of products of contractions, block by block

An iteration of a product is an iteration of each block, and it reads what they read, one place after
the other. If one product reads block by block what another one reads in another order of result and
operands, then it does so as a whole: a gradient is proved for each kind of loop, at any number of
loops.

## Main definitions
* `Contraction.Reordered.times`, `Contraction.Reordered.timesEach`: of products.

## Main results
* `Contraction.reads_times`: what the iterations of a product read.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-! ### Lists -/

theorem appended_eq {α : Type} : (as bs : List α) → appended as bs = as ++ bs
  | [], _ => rfl
  | a :: as, bs => congrArg (a :: ·) (appended_eq as bs)

theorem mapList_eq {α β : Type} (f : α → β) : (as : List α) → mapList f as = as.map f
  | [] => rfl
  | a :: as => congrArg (f a :: ·) (mapList_eq f as)

theorem toNats_append : (as bs : List Int) → toNats (as ++ bs) = toNats as ++ toNats bs
  | [], _ => rfl
  | a :: as, bs => congrArg (a.toNat :: ·) (toNats_append as bs)

theorem outDims_append : (cs ds : List (List Int)) → outDims (cs ++ ds) = outDims cs ++ outDims ds
  | [], _ => rfl
  | c :: cs, ds => (congrArg (toNats c ++ ·) (outDims_append cs ds)).trans
      (List.append_assoc ..).symm

theorem mergedShape_append : (cs ds : List (List Int)) →
    mergedShape (cs ++ ds) = mergedShape cs ++ mergedShape ds
  | [], _ => rfl
  | c :: cs, ds => congrArg (prod (toNats c) :: ·) (mergedShape_append cs ds)

theorem length_flat : (cs : List (List Int)) → (flat cs).length = (outDims cs).length
  | [] => rfl
  | c :: cs => by
    show (appended c (flat cs)).length = (toNats c ++ outDims cs).length
    rw [appended_eq, List.length_append, List.length_append, length_flat cs, length_toNats]

theorem InLoops.length : {ns is : List Nat} → InLoops ns is → is.length = ns.length
  | [], [], _ => rfl
  | _ :: _, _ :: _, h => congrArg (· + 1) (InLoops.length h.2)

theorem InLoops.join : {ns ms is js : List Nat} → InLoops ns is → InLoops ms js →
    InLoops (ns ++ ms) (is ++ js)
  | [], _, [], _, _, h => h
  | _ :: _, _, _ :: _, _, h, h' => ⟨h.1, h.2.join h'⟩

theorem AllLoops.intro : {ns : List Nat} → {P : List Nat → Prop} → (∀ is, InLoops ns is → P is) →
    AllLoops ns P
  | [], _, h => h [] trivial
  | _ :: _, _, h => fun i hi => AllLoops.intro fun is his => h (i :: is) ⟨hi, his⟩

theorem Inside.split : {s s' : List Nat} → {is js : List Int} → is.length = s.length →
    Inside (s ++ s') (is ++ js) → Inside s is ∧ Inside s' js
  | [], _, [], _, _, h => ⟨trivial, h⟩
  | _ :: _, _, _ :: _, _, hl, h =>
    have h' := Inside.split (Nat.succ.inj hl) h.2
    ⟨⟨h.1, h'.1⟩, h'.2⟩

/-! ### What a product reads -/

theorem dot_nil_right : (cs : List Int) → dot cs [] = 0
  | [] => rfl
  | _ :: _ => rfl

theorem dot_zeros : (ls : List Int) → (is : List Nat) → dot (zeros ls) is = 0
  | [], _ => rfl
  | _ :: _, [] => rfl
  | _ :: ls, i :: is => by
    show (0 : Int) * i + dot (zeros ls) is = 0
    rw [dot_zeros ls is]; omega

/-- A coefficient for each loop, and zeros for the loops that follow. -/
theorem dot_fitted : {ls cs : List Int} → {is : List Nat} → is.length = ls.length → (ls' : List Int) →
    (js : List Nat) → dot (fitted ls cs ++ zeros ls') (is ++ js) = dot cs is
  | [], cs, [], _, ls', js => (dot_zeros ls' js).trans (dot_nil_right cs).symm
  | _ :: ls, [], i :: is, h, ls', js => by
    show (0 : Int) * i + dot (fitted ls [] ++ zeros ls') (is ++ js) = 0
    rw [dot_fitted (Nat.succ.inj h)]
    show (0 : Int) * i + 0 = 0
    omega
  | _ :: ls, c :: cs, i :: is, h, ls', js =>
    congrArg (c * (i : Int) + ·) (dot_fitted (Nat.succ.inj h) ls' js)

/-- Zeros for the loops before. -/
theorem dot_zeros_append : {ls : List Int} → {is : List Nat} → is.length = ls.length →
    (cs : List Int) → (js : List Nat) → dot (zeros ls ++ cs) (is ++ js) = dot cs js
  | [], [], _, _, _ => rfl
  | _ :: ls, i :: is, h, cs, js => by
    show (0 : Int) * i + dot (zeros ls ++ cs) (is ++ js) = _
    rw [dot_zeros_append (Nat.succ.inj h)]; omega

theorem dot_fitted_self {ls cs : List Int} {is : List Nat} (h : is.length = ls.length) :
    dot (fitted ls cs) is = dot cs is := by
  have := dot_fitted (cs := cs) h [] []
  rwa [List.append_nil, show zeros ([] : List Int) = [] from rfl, List.append_nil] at this

/-- Two places one after the other, if there are both. -/
def joinPlaces : Option (List Int) → Option (List Int) → Option (List Int)
  | some is, some js => some (is ++ js)
  | _, _ => none

section
variable {o r o' r' : List Int} {i k i' k' : List Nat} (hi : i.length = o.length)
  (hk : k.length = r.length) (hi' : i'.length = o'.length) (hk' : k'.length = r'.length)
include hi hk

theorem indices_before : (as : List (Axis Int)) →
    indices (as.map (Axis.before o r o' r')) (i ++ i') (k ++ k') = indices as i k
  | [] => rfl
  | a :: as => by
    have h : (a.before o r o' r').index.eval (i ++ i') (k ++ k') = a.index.eval i k := by
      unfold Affine.eval Axis.before
      simp only [appended_eq, dot_fitted hi, dot_fitted hk]
    show (match (a.before o r o' r').index.eval (i ++ i') (k ++ k'),
      indices (as.map (Axis.before o r o' r')) (i ++ i') (k ++ k') with
      | some i, some is => some (i :: is) | _, _ => none) = indices (a :: as) i k
    rw [h, indices_before as]
    rfl

include hi' hk'

theorem indices_after : (as : List (Axis Int)) →
    indices (as.map (Axis.after o r o' r')) (i ++ i') (k ++ k') = indices as i' k'
  | [] => rfl
  | a :: as => by
    have h : (a.after o r o' r').index.eval (i ++ i') (k ++ k') = a.index.eval i' k' := by
      unfold Affine.eval Axis.after
      simp only [appended_eq, dot_zeros_append hi, dot_zeros_append hk, dot_fitted_self hi',
        dot_fitted_self hk']
    show (match (a.after o r o' r').index.eval (i ++ i') (k ++ k'),
      indices (as.map (Axis.after o r o' r')) (i ++ i') (k ++ k') with
      | some i, some is => some (i :: is) | _, _ => none) = indices (a :: as) i' k'
    rw [h, indices_after as]
    rfl

omit hi hk hi' hk' in
theorem indices_append (o r : List Nat) (bs : List (Axis Int)) : (as : List (Axis Int)) →
    indices (as ++ bs) o r = joinPlaces (indices as o r) (indices bs o r)
  | [] => by
    show indices bs o r = joinPlaces (some []) (indices bs o r)
    cases indices bs o r <;> rfl
  | a :: as => by
    show (match a.index.eval o r, indices (as ++ bs) o r with
      | some i, some is => some (i :: is) | _, _ => none) = joinPlaces (match a.index.eval o r,
        indices as o r with | some i, some is => some (i :: is) | _, _ => none) (indices bs o r)
    rw [indices_append o r bs as]
    cases a.index.eval o r <;> cases indices as o r <;> cases indices bs o r <;> rfl

/-- A term of a product reads what the terms of both contractions read. -/
theorem indices_times (p q : Operand Int) : indices (p.times o r o' r' q).axes (i ++ i') (k ++ k') =
    joinPlaces (indices p.axes i k) (indices q.axes i' k') := by
  show indices (appended _ _) _ _ = _
  rw [appended_eq, mapList_eq, mapList_eq, indices_append, indices_before hi hk,
    indices_after hi hk hi' hk']

theorem indices_timesAll : (ps qs : List (Operand Int)) →
    (timesAll o r o' r' ps qs).map (fun p => indices p.axes (i ++ i') (k ++ k')) =
      List.zipWith joinPlaces (ps.map fun p => indices p.axes i k) (qs.map fun q => indices q.axes i' k')
  | [], _ => by cases ‹List (Operand Int)› <;> rfl
  | _ :: _, [] => rfl
  | p :: ps, q :: qs => congr (congrArg List.cons (indices_times hi hk hi' hk' p q))
      (indices_timesAll ps qs)

end

theorem places_append : {cs : List (List Int)} → {o : List Nat} → InLoops (outDims cs) o →
    (ds : List (List Int)) → (o' : List Nat) →
    places (cs ++ ds) (o ++ o') = places cs o ++ places ds o'
  | [], [], _, _, _ => rfl
  | c :: cs, o, h, ds, o' => by
    obtain ⟨js, ks, rfl, hj, hk⟩ := h.split
    show (position (toNats c) (js ++ ks ++ o') : Int) :: places (cs ++ ds)
      ((js ++ ks ++ o').drop c.length) = (position (toNats c) (js ++ ks) : Int) ::
        (places cs ((js ++ ks).drop c.length) ++ places ds o')
    rw [List.append_assoc, ← length_toNats, (hj.append (ks ++ o')).1, (hj.append (ks ++ o')).2,
      (hj.append ks).1, (hj.append ks).2, places_append hk]

namespace Contraction

variable {c d c' d' : Contraction Int}

theorem shape_times (c d : Contraction Int) : (c.times d).shape = c.shape ++ d.shape := by
  show mergedShape (appended c.out d.out) = _
  rw [appended_eq, mergedShape_append]; rfl

theorem outDims_times (c d : Contraction Int) :
    outDims (c.times d).out = outDims c.out ++ outDims d.out := by
  show outDims (appended c.out d.out) = _
  rw [appended_eq, outDims_append]

theorem red_times (c d : Contraction Int) :
    toNats (c.times d).red = toNats c.red ++ toNats d.red := by
  show toNats (appended c.red d.red) = _
  rw [appended_eq, toNats_append]

/-- An iteration of a product reads, for each operand and for the result, the places that the
iterations of both contractions read, one after the other. -/
theorem reads_times {o r o' r' : List Nat} (ho : InLoops (outDims c.out) o)
    (hr : InLoops (toNats c.red) r) (ho' : InLoops (outDims d.out) o')
    (hr' : InLoops (toNats d.red) r') : (c.times d).reads (o ++ o') (r ++ r') =
      List.zipWith joinPlaces (c.reads o r) (d.reads o' r') := by
  have h₁ := ho.length.trans (length_flat c.out).symm
  have h₂ := hr.length.trans (length_toNats c.red)
  have h₃ := ho'.length.trans (length_flat d.out).symm
  have h₄ := hr'.length.trans (length_toNats d.red)
  have e₁ := indices_times h₁ h₂ h₃ h₄ c.factor d.factor
  have e₂ := indices_timesAll h₁ h₂ h₃ h₄ c.factors d.factors
  show some (places (appended c.out d.out) (o ++ o')) ::
    indices (c.factor.times (flat c.out) c.red (flat d.out) d.red d.factor).axes (o ++ o') (r ++ r') ::
    (timesAll (flat c.out) c.red (flat d.out) d.red c.factors d.factors).map
      (fun p => indices p.axes (o ++ o') (r ++ r')) = _
  rw [appended_eq, places_append ho, e₁, e₂]
  rfl

theorem length_reads (c : Contraction Int) (o r : List Nat) :
    (c.reads o r).length = c.factors.length + 2 := by simp [reads]

/-! ### Reordered block by block -/

theorem getD_zipWith (k : Nat) : {as bs : List (Option (List Int))} → as.length = bs.length →
    (List.zipWith joinPlaces as bs).getD k none = joinPlaces (as.getD k none) (bs.getD k none) := by
  induction k with
  | zero =>
    intro as bs h
    cases as <;> cases bs <;> first | rfl | cases h
  | succ k ih =>
    intro as bs h
    cases as with
    | nil => cases bs with | nil => rfl | cons _ _ => cases h
    | cons _ as => cases bs with | nil => cases h | cons _ bs => exact ih (Nat.succ.inj h)

theorem map_getD_zipWith {as bs : List (Option (List Int))} (h : as.length = bs.length) :
    (order : List Nat) → order.map ((List.zipWith joinPlaces as bs).getD · none) =
      List.zipWith joinPlaces (order.map (as.getD · none)) (order.map (bs.getD · none))
  | [] => rfl
  | k :: ks => congr (congrArg List.cons (getD_zipWith k h)) (map_getD_zipWith h ks)

theorem Inside.join_iff {s s' : List Nat} {p q : Option (List Int)}
    (hp : ∀ is, p = some is → is.length = s.length) (h : InsideAt (s ++ s') (joinPlaces p q)) :
    InsideAt s p ∧ InsideAt s' q :=
  match p, q, h with
  | some _, some _, h => Inside.split (hp _ rfl) h

theorem length_indices {o r : List Nat} : {as : List (Axis Int)} → {is : List Int} →
    indices as o r = some is → is.length = (extents as).length
  | [], _, h => by cases h; rfl
  | a :: as, is, h => by
    unfold indices at h
    split at h
    · next hj => cases h; exact congrArg (· + 1) (length_indices hj)
    · cases h

theorem length_places : (cs : List (List Int)) → (o : List Nat) →
    (places cs o).length = (mergedShape cs).length
  | [], _ => rfl
  | _ :: cs, _ => congrArg (· + 1) (length_places cs _)

theorem extents_append : (as bs : List (Axis Int)) → extents (as ++ bs) = extents as ++ extents bs
  | [], _ => rfl
  | a :: as, bs => congrArg (a.extent.toNat :: ·) (extents_append as bs)

theorem extents_map {f : Axis Int → Axis Int} (hf : ∀ a, (f a).extent = a.extent) :
    (as : List (Axis Int)) → extents (as.map f) = extents as
  | [] => rfl
  | a :: as => by
    show (f a).extent.toNat :: extents (as.map f) = a.extent.toNat :: extents as
    rw [hf, extents_map hf as]

theorem extents_times (o r o' r' : List Int) (p q : Operand Int) :
    extents (p.times o r o' r' q).axes = extents p.axes ++ extents q.axes := by
  show extents (appended _ _) = _
  rw [appended_eq, mapList_eq, mapList_eq, extents_append,
    extents_map (f := Axis.before o r o' r') fun _ => rfl,
    extents_map (f := Axis.after o r o' r') fun _ => rfl]

/-- What is inside all operands of a product is inside those of both contractions. -/
theorem insideAll_timesAll (o r o' r' : List Int) (i k i' k' : List Nat) :
    (ps qs : List (Operand Int)) → ps.length = qs.length →
    InsideAll (shapes (timesAll o r o' r' ps qs)) (List.zipWith joinPlaces
      (ps.map fun p => indices p.axes i k) (qs.map fun q => indices q.axes i' k')) →
    InsideAll (shapes ps) (ps.map fun p => indices p.axes i k) ∧
      InsideAll (shapes qs) (qs.map fun q => indices q.axes i' k')
  | [], [], _, _ => ⟨trivial, trivial⟩
  | p :: ps, q :: qs, hl, h => by
    have h₁ : InsideAt (extents (p.times o r o' r' q).axes) _ := h.1
    rw [extents_times] at h₁
    have h₁ := Inside.join_iff (fun _ e => length_indices e) h₁
    have h₂ := insideAll_timesAll o r o' r' i k i' k' ps qs (Nat.succ.inj hl) h.2
    exact ⟨⟨h₁.1, h₂.1⟩, ⟨h₁.2, h₂.2⟩⟩

/-- An iteration of a product reads inside all tensors only if those of both contractions do. -/
theorem live_times (hf : c.factors.length = d.factors.length) {o r o' r' : List Nat}
    (ho : InLoops (outDims c.out) o) (hr : InLoops (toNats c.red) r)
    (ho' : InLoops (outDims d.out) o') (hr' : InLoops (toNats d.red) r')
    (h : (c.times d).Live (o ++ o') (r ++ r')) : c.Live o r ∧ d.Live o' r' := by
  unfold Live at h
  rw [reads_times ho hr ho' hr', shape_times] at h
  have h₁ := Inside.join_iff (p := some (places c.out o)) (fun _ e => by
    cases e; exact length_places ..) h.1
  have h₂ := insideAll_timesAll _ _ _ _ _ _ _ _ (c.factor :: c.factors) (d.factor :: d.factors)
    (congrArg (· + 1) hf) h.2
  exact ⟨⟨h₁.1, h₂.1⟩, ⟨h₁.2, h₂.2⟩⟩

theorem length_timesAll (o r o' r' : List Int) : (ps qs : List (Operand Int)) →
    ps.length = qs.length → (timesAll o r o' r' ps qs).length = ps.length
  | [], _, _ => rfl
  | _ :: _, [], h => by cases h
  | _ :: ps, _ :: qs, h => congrArg (· + 1) (length_timesAll o r o' r' ps qs (Nat.succ.inj h))

/-- Indices of the loops of the first, and of the second contraction. -/
theorem split_times {o : List Nat} (h : InLoops (outDims (c.times d).out) o) :
    InLoops (outDims c.out) (o.take (outDims c.out).length) ∧
      InLoops (outDims d.out) (o.drop (outDims c.out).length) := by
  rw [outDims_times] at h
  obtain ⟨js, ks, rfl, hj, hk⟩ := h.split
  rw [← hj.length, List.take_left, List.drop_left]
  exact ⟨hj, hk⟩

theorem split_red_times {r : List Nat} (h : InLoops (toNats (c.times d).red) r) :
    InLoops (toNats c.red) (r.take (toNats c.red).length) ∧
      InLoops (toNats d.red) (r.drop (toNats c.red).length) := by
  rw [red_times] at h
  obtain ⟨js, ks, rfl, hj, hk⟩ := h.split
  rw [← hj.length, List.take_left, List.drop_left]
  exact ⟨hj, hk⟩

/-- A map of iterations of two contractions as one of iterations of their product. -/
def splitMap (c : Contraction Int) (f g : List Nat → List Nat → List Nat × List Nat)
    (o r : List Nat) : List Nat × List Nat :=
  let p := f (o.take (outDims c.out).length) (r.take (toNats c.red).length)
  let q := g (o.drop (outDims c.out).length) (r.drop (toNats c.red).length)
  (p.1 ++ q.1, p.2 ++ q.2)

theorem splitMap_append {o r : List Nat} (ho : InLoops (outDims c.out) o)
    (hr : InLoops (toNats c.red) r) (f g : List Nat → List Nat → List Nat × List Nat)
    (o' r' : List Nat) : splitMap c f g (o ++ o') (r ++ r') =
      ((f o r).1 ++ (g o' r').1, (f o r).2 ++ (g o' r').2) := by
  unfold splitMap
  rw [← ho.length, ← hr.length, List.take_left, List.take_left, List.drop_left, List.drop_left]

/-- What `splitMap` does to the parts of indices. -/
theorem splitMap_eq (f g : List Nat → List Nat → List Nat × List Nat) (o r : List Nat) :
    splitMap c f g o r =
      ((f (o.take (outDims c.out).length) (r.take (toNats c.red).length)).1 ++
        (g (o.drop (outDims c.out).length) (r.drop (toNats c.red).length)).1,
      (f (o.take (outDims c.out).length) (r.take (toNats c.red).length)).2 ++
        (g (o.drop (outDims c.out).length) (r.drop (toNats c.red).length)).2) := rfl

theorem Reordered.lengths {order : List Nat} (h : c.Reordered c' order) (k : d.Reordered d' order) :
    c.factors.length = d.factors.length ∧ c'.factors.length = d'.factors.length :=
  ⟨Nat.add_right_cancel (h.length.symm.trans k.length),
    Nat.add_right_cancel (h.length_back.symm.trans k.length_back)⟩

/-- What both pairs of contractions read in the same other order, their products do. -/
def Reordered.times {order : List Nat} (h : c.Reordered c' order) (k : d.Reordered d' order) :
    (c.times d).Reordered (c'.times d') order where
  there := splitMap c h.there k.there
  back := splitMap c' h.back k.back
  length := h.length.trans (congrArg (· + 2) (length_timesAll _ _ _ _ _ _ (h.lengths k).1).symm)
  length_back :=
    h.length_back.trans (congrArg (· + 2) (length_timesAll _ _ _ _ _ _ (h.lengths k).2).symm)
  perm := h.perm
  reads_there := .intro fun o ho => .intro fun r hr hin => by
    have ⟨ho₁, ho₂⟩ := split_times ho
    have ⟨hr₁, hr₂⟩ := split_red_times hr
    have reads := reads_times ho₁ hr₁ ho₂ hr₂
    have live := live_times (h.lengths k).1 ho₁ hr₁ ho₂ hr₂
    rw [List.take_append_drop, List.take_append_drop] at reads live
    have ⟨h₁, h₂⟩ := live hin
    obtain ⟨i₁, j₁, b₁, e₁⟩ := (h.reads_there.apply ho₁).apply hr₁ h₁
    obtain ⟨i₂, j₂, b₂, e₂⟩ := (k.reads_there.apply ho₂).apply hr₂ h₂
    rw [splitMap_eq, outDims_times, red_times]
    refine ⟨i₁.join i₂, j₁.join j₂, ?_, ?_⟩
    · rw [splitMap_append i₁ j₁, b₁, b₂, List.take_append_drop, List.take_append_drop]
    · rw [reads_times i₁ j₁ i₂ j₂, e₁, e₂, reads, map_getD_zipWith (by
        rw [length_reads, length_reads, (h.lengths k).1])]
  reads_back := .intro fun o ho => .intro fun r hr hin => by
    have ⟨ho₁, ho₂⟩ := split_times ho
    have ⟨hr₁, hr₂⟩ := split_red_times hr
    have reads := reads_times ho₁ hr₁ ho₂ hr₂
    have live := live_times (h.lengths k).2 ho₁ hr₁ ho₂ hr₂
    rw [List.take_append_drop, List.take_append_drop] at reads live
    have ⟨h₁, h₂⟩ := live hin
    obtain ⟨i₁, j₁, b₁, e₁⟩ := (h.reads_back.apply ho₁).apply hr₁ h₁
    obtain ⟨i₂, j₂, b₂, e₂⟩ := (k.reads_back.apply ho₂).apply hr₂ h₂
    rw [splitMap_eq, outDims_times, red_times]
    refine ⟨i₁.join i₂, j₁.join j₂, ?_, ?_⟩
    · rw [splitMap_append i₁ j₁, b₁, b₂, List.take_append_drop, List.take_append_drop]
    · rw [reads_times i₁ j₁ i₂ j₂, map_getD_zipWith (by
        rw [length_reads, length_reads, (h.lengths k).1]), ← e₁, ← e₂, reads]

/-- The same of products with lists of contractions. -/
def Reordered.timesEach {β : Type} {f g : β → Contraction Int} {order : List Nat} :
    {c c' : Contraction Int} → (l : List β) → ((b : β) → b ∈ l → (f b).Reordered (g b) order) →
    c.Reordered c' order → (c.timesEach (mapList f l)).Reordered (c'.timesEach (mapList g l)) order
  | _, _, [], _, h => h
  | _, _, b :: bs, k, h => timesEach bs (fun b' hb => k b' (List.mem_cons_of_mem _ hb))
      (h.times (k b (List.mem_cons_self ..)))

end Contraction

end RuntimeApprox
