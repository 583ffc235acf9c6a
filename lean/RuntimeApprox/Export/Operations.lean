module

public import RuntimeApprox.Export.Evaluated

/-!
# The exported operations mean the definitions

Whatever a contraction is the product of, its sizes can be evaluated before or after multiplying.

## Main results
* `Contraction.map_times`, `map_blocks`: the product at symbolic sizes, evaluated, is the product of
  the evaluated blocks.
* `convolution_at`, `transposed_at`, `product_at`, `pool_at`: the exported contractions, evaluated at
  numbers, are the contractions of the theorems at these numbers, whatever the numbers' names.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

section
variable {α β γ : Type}

theorem mapList_appended (f : α → β) : (as bs : List α) →
    mapList f (appended as bs) = appended (mapList f as) (mapList f bs)
  | [], _ => rfl
  | a :: as, bs => congrArg (f a :: ·) (mapList_appended f as bs)

theorem mapList_flat (f : α → β) : (ds : List (List α)) →
    mapList f (flat ds) = flat (mapList (mapList f) ds)
  | [] => rfl
  | d :: ds => (mapList_appended f d (flat ds)).trans (congrArg (appended _) (mapList_flat f ds))

theorem mapList_comp {f : β → γ} {g : α → β} {h : α → γ} (e : ∀ a, f (g a) = h a) : (as : List α) →
    mapList f (mapList g as) = mapList h as
  | [] => rfl
  | a :: as => congr (congrArg List.cons (e a)) (mapList_comp e as)

/-- Two ways from α to γ by lists of different things are one. -/
theorem mapList_square {δ : Type} {f : β → γ} {g : α → β} {f' : δ → γ} {g' : α → δ}
    (e : ∀ a, f (g a) = f' (g' a)) (as : List α) :
    mapList f (mapList g as) = mapList f' (mapList g' as) :=
  (mapList_comp e as).trans (mapList_comp (fun _ => rfl) as).symm

end

variable (e : String → Int)

theorem map_zeros : (ls : List Size) →
    mapList (Size.eval e) (zeros ls) = zeros (mapList (Size.eval e) ls)
  | [] => rfl
  | _ :: ls => congrArg ((0 : Int) :: ·) (map_zeros ls)

theorem map_fitted : (ls cs : List Size) →
    mapList (Size.eval e) (fitted ls cs) = fitted (mapList (Size.eval e) ls) (mapList (Size.eval e) cs)
  | [], _ => rfl
  | _ :: ls, [] => congrArg ((0 : Int) :: ·) (map_fitted ls [])
  | _ :: ls, c :: cs => congrArg (c.eval e :: ·) (map_fitted ls cs)

theorem Axis.map_before (o r o' r' : List Size) (a : Axis Size) :
    (a.before o r o' r').map (Size.eval e) = (a.map (Size.eval e)).before (mapList (Size.eval e) o)
      (mapList (Size.eval e) r) (mapList (Size.eval e) o') (mapList (Size.eval e) r') := by
  simp only [Axis.map, Axis.before, Affine.map, mapList_appended, map_fitted, map_zeros]

theorem Axis.map_after (o r o' r' : List Size) (a : Axis Size) :
    (a.after o r o' r').map (Size.eval e) = (a.map (Size.eval e)).after (mapList (Size.eval e) o)
      (mapList (Size.eval e) r) (mapList (Size.eval e) o') (mapList (Size.eval e) r') := by
  simp only [Axis.map, Axis.after, Affine.map, mapList_appended, map_fitted, map_zeros]

theorem Operand.map_times (o r o' r' : List Size) (p q : Operand Size) :
    (p.times o r o' r' q).map (Size.eval e) = (p.map (Size.eval e)).times (mapList (Size.eval e) o)
      (mapList (Size.eval e) r) (mapList (Size.eval e) o') (mapList (Size.eval e) r')
      (q.map (Size.eval e)) := by
  simp only [Operand.map, Operand.times, mapList_appended,
    mapList_square (Axis.map_before e o r o' r'), mapList_square (Axis.map_after e o r o' r')]

theorem map_timesAll (o r o' r' : List Size) : (ps qs : List (Operand Size)) →
    mapList (Operand.map (Size.eval e)) (timesAll o r o' r' ps qs) =
      timesAll (mapList (Size.eval e) o) (mapList (Size.eval e) r) (mapList (Size.eval e) o')
        (mapList (Size.eval e) r') (mapList (Operand.map (Size.eval e)) ps)
        (mapList (Operand.map (Size.eval e)) qs)
  | [], _ => rfl
  | _ :: _, [] => rfl
  | p :: ps, q :: qs =>
    congr (congrArg List.cons (p.map_times e o r o' r' q)) (map_timesAll o r o' r' ps qs)

theorem Contraction.map_times (c d : Contraction Size) : (c.times d).map (Size.eval e) =
    (c.map (Size.eval e)).times (d.map (Size.eval e)) := by
  simp only [Contraction.map, Contraction.times, mapList_appended, Operand.map_times, map_timesAll,
    mapList_flat]
  rfl

theorem Contraction.map_timesEach : (c : Contraction Size) → (ds : List (Contraction Size)) →
    (c.timesEach ds).map (Size.eval e) =
      (c.map (Size.eval e)).timesEach (mapList (Contraction.map (Size.eval e)) ds)
  | _, [] => rfl
  | c, d :: ds => (Contraction.map_timesEach (c.times d) ds).trans
    (congrArg (Contraction.timesEach · _) (c.map_times e d))

theorem map_named (names : List String) :
    mapList (Operand.map (Size.eval e)) (named names) = named names := mapList_comp (fun _ => rfl) names

theorem map_blocks (x : String) (ys zs : List String) (bs : List (Contraction Size)) :
    (blocks x ys zs bs).map (Size.eval e) =
      blocks x ys zs (mapList (Contraction.map (Size.eval e)) bs) :=
  (Contraction.map_timesEach e _ bs).trans (congrArg (Contraction.timesEach · _) (congr
    (congrArg (Contraction.mk [] [] ⟨x, []⟩) (map_named e ys)) (map_named e zs)))

/-! ### Convolutions -/

/-- A block for each spatial axis. -/
theorem map_each {f : Spatial Size → Contraction Size} {g : Spatial Int → Contraction Int}
    (h : ∀ a, (f a).map (Size.eval e) = g (a.map (Size.eval e))) (axes : List (Spatial Size)) :
    mapList (Contraction.map (Size.eval e)) (mapList f axes) =
      mapList g (mapList (Spatial.map (Size.eval e)) axes) := mapList_square h axes

section
variable (s : Convolution Size)

theorem map_convForwardOf (x weight : String) (addends : List String) :
    (convForwardOf s x weight addends).map (Size.eval e) =
      convForwardOf (s.map (Size.eval e)) x weight addends :=
  (map_blocks ..).trans (congrArg (fun bs => blocks x [weight] addends (_ :: _ :: bs))
    (map_each e (g := Spatial.forward) (fun _ => rfl) s.axes))

theorem map_convKernelGradOf (x δ : String) : (convKernelGradOf s x δ).map (Size.eval e) =
    convKernelGradOf (s.map (Size.eval e)) x δ :=
  (map_blocks ..).trans (congrArg (fun bs => blocks x [δ] [] (_ :: _ :: bs))
    (map_each e (g := Spatial.kernelGrad) (fun _ => rfl) s.axes))

theorem map_convInputGradOf (weight δ : String) (addends : List String) :
    (convInputGradOf s weight δ addends).map (Size.eval e) =
      convInputGradOf (s.map (Size.eval e)) weight δ addends :=
  (map_blocks ..).trans (congrArg (fun bs => blocks weight [δ] addends (_ :: _ :: bs))
    (map_each e (g := Spatial.inputGrad) (fun _ => rfl) s.axes))

theorem map_convBiasGrad : (convBiasGrad s).map (Size.eval e) = convBiasGrad (s.map (Size.eval e)) :=
  (map_blocks ..).trans (congrArg (fun bs => blocks "gradOutput" [] [] (_ :: _ :: bs))
    (map_each e (g := Spatial.biasGrad) (fun _ => rfl) s.axes))

theorem map_transposed : s.transposed.map (Size.eval e) = (s.map (Size.eval e)).transposed :=
  congrArg (Convolution.mk _ _ _ _) (mapList_square (f := Spatial.map (Size.eval e))
    (g := Spatial.transposed) (f' := Spatial.transposed) (fun _ => rfl) s.axes)

theorem map_symbols (s : Convolution String) :
    (s.map Size.param).map (Size.eval e) = s.map e :=
  congrArg (Convolution.mk _ _ _ _) (mapList_comp (f := Spatial.map (Size.eval e))
    (g := Spatial.map Size.param) (h := Spatial.map e) (fun _ => rfl) s.axes)

end

/-- The results of a convolution, of any number of axes. -/
theorem convolution_at (declaration : String) (names : Convolution String) :
    mapList (Result.at e) (convolutionResults declaration names) =
      let s := names.map e
      [("output", convForward s), ("bias", convBiasGrad s), ("weight", convKernelGrad s),
        ("input", convInputGrad s)] := by
  simp only [convolutionResults, mapList, Result.at, convForward, convKernelGrad, convInputGrad,
    map_convForwardOf, map_convKernelGradOf, map_convInputGradOf, map_convBiasGrad, map_symbols]

/-- The results of a transposed convolution, of any number of axes. -/
theorem transposed_at (names : Convolution String) :
    mapList (Result.at e) (transposedResults names) =
      let s := names.map e
      [("output", convTransposeForward s), ("bias", convTransposeBiasGrad s),
        ("weight", convTransposeKernelGrad s), ("input", convTransposeInputGrad s)] := by
  simp only [transposedResults, mapList, Result.at, convTransposeForward, convTransposeBiasGrad,
    convTransposeKernelGrad, convTransposeInputGrad, map_convForwardOf, map_convKernelGradOf,
    map_convInputGradOf, map_convBiasGrad, map_transposed, map_symbols]

/-! ### Products and pooling -/

theorem map_loopBlock : (l : Loop Size) →
    l.block.map (Size.eval e) = (l.map (Size.eval e)).block
  | ⟨_, result, first, second, addend⟩ => by
    cases result <;> cases first <;> cases second <;> cases addend <;> rfl

theorem map_einsumOf (x : String) (ys zs : List String) (loops : List (Loop Size)) :
    (einsumOf x ys zs loops).map (Size.eval e) =
      einsumOf x ys zs (mapList (Loop.map (Size.eval e)) loops) :=
  (map_blocks ..).trans (congrArg (blocks x ys zs) (mapList_square (map_loopBlock e) loops))

theorem map_loopAddendGrad : (l : Loop Size) →
    l.addendGrad.map (Size.eval e) = (l.map (Size.eval e)).addendGrad
  | ⟨_, result, _, _, addend⟩ => by cases result <;> cases addend <;> rfl

theorem map_einsumAddendGrad (loops : List (Loop Size)) :
    (einsumAddendGrad loops).map (Size.eval e) =
      einsumAddendGrad (mapList (Loop.map (Size.eval e)) loops) :=
  (map_blocks ..).trans (congrArg (blocks "gradOutput" [] [])
    (mapList_square (map_loopAddendGrad e) loops))

/-- The results of the canonical product. -/
theorem product_at (B M N K P Q : String) :
    let loops := productLoops (e B) (e M) (e N) (e K) (e P) (e Q)
    mapList (Result.at e) (productResults B M N K P Q) =
      [("output", einsum loops), ("x", einsumFirstGrad loops), ("y", einsumSecondGrad loops),
        ("addend", einsumAddendGrad loops)] := by
  simp only [productResults, mapList, Result.at, einsum, einsumFirstGrad, einsumSecondGrad,
    map_einsumOf, map_einsumAddendGrad]
  rfl

/-- The results of sums over windows of any number of axes. -/
theorem pool_at (batch channels : String) (windows : List (Spatial String)) :
    mapList (Result.at e) (poolResults batch channels windows) =
      [("output", poolForward (e batch) (e channels) (mapList (Spatial.map e) windows)),
        ("input", poolGrad (e batch) (e channels) (mapList (Spatial.map e) windows))] := by
  have axes : mapList (Spatial.map (Size.eval e)) (mapList (Spatial.map Size.param) windows) =
      mapList (Spatial.map e) windows := mapList_comp (fun _ => rfl) windows
  simp only [poolResults, mapList, Result.at, poolForward, poolGrad, map_blocks]
  rw [map_each e (g := Spatial.windows) fun _ => rfl,
    map_each e (g := Spatial.windowsGrad) fun _ => rfl, axes]
  rfl

end RuntimeApprox
