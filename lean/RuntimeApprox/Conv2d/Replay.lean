module

public import RuntimeApprox.Conv2d.Theorems
public import RuntimeApprox.Estimate
public import RuntimeApprox.Replay

/-!
# The replay of conv2d from binades

For contractions of one and of two factors, with one eps for each operand, the bound of an entry
follows from the binades of the sums and products that the machine computes; of the operands it needs
only sums of absolute values, which are exact values of the same contraction.

## Main definitions
* `pairs`: the entries of two operands that an entry multiplies.
* `Format.replayErrors`: u, the underflow threshold, and by what the operands err.
* `Contraction.sumBinades`, `Contraction.productBinades`: Σ β over what an entry rounds.

## Main results
* `Contraction.eps_evalAt_two`: the bound of an entry of two factors, split exactly.
* `Contraction.replay_le_one_binades`, `Contraction.replay_le_binades`,
  `Contraction.replay_le_addend`: from binades of all sums and products, exact or rounded ones,
  floored or not.
* `Contraction.replay_le_binades_estimate`, `Contraction.replay_le_one_binades_estimate`,
  `Contraction.replay_le_addend_estimate`: with the replay's coefficients of `Errors`.
* `conv2dPointBound_le_replay`, `conv2dBiasPointBound_le_replay`,
  `conv2dKernelPointBound_le_replay`, `conv2dInputPointBound_le_replay`: the bounds of conv2d.
* `Contraction.replay_le_one`, `Contraction.replay_le_two`, `Contraction.replay_le_estimate`: from
  the partial sums alone.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

/-! ### Terms of one and of two factors -/

section
variable {α : Type u}

/-- The entries of the two operands that the terms of the entry at `o` multiply, where none is
skipped, the last ones first. -/
def pairs (p q : List (Axis Int)) (red : List Nat) (x : Tensor α (extents p))
    (y : Tensor α (extents q)) (o : List Nat) : List (α × α) :=
  loops red (fun r l =>
    match read p x o r, read q y o r with
    | some a, some b => (a, b) :: l
    | _, _ => l) []

/-- The entries of the operand that the entry at `o` adds up, the last one first. -/
def entries (p : List (Axis Int)) (red : List Nat) (x : Tensor α (extents p)) (o : List Nat) :
    List α :=
  loops red (fun r l =>
    match read p x o r with
    | some a => a :: l
    | none => l) []

theorem entries_map {β : Type u} (φ : β → α) (p : List (Axis Int)) (red : List Nat)
    (x : Tensor β (extents p)) (o : List Nat) :
    entries p red (x.map φ) o = (entries p red x o).map φ := by
  refine loops_rel (R := fun k (l : List β) => k = l.map φ) _ rfl fun r k l hkl => ?_
  subst hkl
  simp only [read_map]
  rcases read p x o r with _ | a <;> rfl

theorem pairs_map {β : Type u} (φ ψ : β → α) (p q : List (Axis Int)) (red : List Nat)
    (x : Tensor β (extents p)) (y : Tensor β (extents q)) (o : List Nat) :
    pairs p q red (x.map φ) (y.map ψ) o =
      (pairs p q red x y o).map fun t => (φ t.1, ψ t.2) := by
  refine loops_rel (R := fun k (l : List (β × β)) => k = l.map fun t => (φ t.1, ψ t.2)) _ rfl
    fun r k l hkl => ?_
  subst hkl
  simp only [read_map]
  rcases read p x o r with _ | a <;> rcases read q y o r with _ | b <;> rfl

namespace Contraction

variable {out : List (List Int)} {red : List Int} {p q b : Operand Int}

/-- The added of a contraction of two factors are the products of its pairs. -/
theorem added_two (A : Arithmetic α) (x : Tensor α (extents p.axes))
    (y : Tensor α (extents q.axes)) (o : List Nat) :
    added A ⟨out, red, p, [q], []⟩ (x, y, ⟨⟩) ⟨⟩ o =
      (pairs p.axes q.axes (toNats red) x y o).map fun t => A.mul t.1 t.2 := by
  refine loops_rel (R := fun k (l : List (α × α)) => k = l.map fun t => A.mul t.1 t.2) _ rfl
    fun r k l hkl => ?_
  subst hkl
  unfold term product product
  rcases read p.axes x o r with _ | a <;> rcases read q.axes y o r with _ | b <;> rfl

/-- The added of a contraction of one factor. -/
theorem added_one (A : Arithmetic α) (x : Tensor α (extents p.axes)) (o : List Nat) :
    added A ⟨out, red, p, [], []⟩ (x, ⟨⟩) ⟨⟩ o = entries p.axes (toNats red) x o := by
  refine loops_rel (R := fun k l => k = l) _ rfl fun r k l hkl => ?_
  subst hkl
  unfold term product
  rcases read p.axes x o r with _ | a <;> rfl

/-- The added of a contraction with one addend: the addend's entry, if there is one, is added
last. -/
theorem added_addend (A : Arithmetic α) {qs : List (Operand Int)}
    (fs : Tensors α (shapes (p :: qs))) (t : Tensor α (extents b.axes)) (o : List Nat) :
    added A ⟨out, red, p, qs, [b]⟩ fs (t, ⟨⟩) o =
      (read b.axes t o []).toList ++ added A ⟨out, red, p, qs, []⟩ fs ⟨⟩ o := by
  show addendList o [b] (t, ⟨⟩) _ = _
  unfold addendList addendList
  rcases read b.axes t o [] with _ | a <;> rfl

end Contraction
end

/-- The errors of a loop in a format over n terms, with operands that err by ε_x and ε_y, where κ is
the underflow threshold of its operations, or 0 for floored binades (`Format.BoundsHalfUlp`). -/
def Format.replayErrors (f : Format) (κ n εx εy : Rat) : Errors Rat where
  terms := n
  roundoff := f.unitRoundoff
  underflow := κ
  outputRoundoff := 0
  outputUnderflow := 0
  firstRelative := 0
  firstAbsolute := εx
  secondRelative := 0
  secondAbsolute := εy

/-- The replay's coefficients, given the sums: B is Σ β, X is Σ|x|, Y is Σ|y|. -/
theorem Format.replayErrors_le (f : Format) (κ n εx εy B X Y : Rat) :
    f.unitRoundoff * B + (εy * X + εx * Y + (εx * εy + 2 * κ) * n) ≤
      (f.replayErrors κ n εx εy).replayPartial * B + (f.replayErrors κ n εx εy).replayFirst * X +
        (f.replayErrors κ n εx εy).replaySecond * Y + (f.replayErrors κ n εx εy).replayConstant := by
  unfold Errors.replayPartial Errors.replayFirst Errors.replaySecond Errors.replayConstant replayErrors
  grind

/-- Σ over n numbers of ε + η is n·(ε + η). -/
theorem sumList_eps (ε η : Rat) : (l : List Rat) →
    sumList ((l.map fun v => (⟨v, ε⟩ : Approx Rat)).map Approx.eps) + l.length * η =
      (ε + η) * sumList (l.map fun _ => 1)
  | [] => by show (0 : Rat) + ((0 : Nat) : Rat) * η = (ε + η) * 0; grind
  | _ :: l => by
    have := sumList_eps ε η l
    show ε + sumList (List.map _ _) + ((l.length + 1 : Nat) : Rat) * η = _ * (1 + sumList (List.map _ _))
    grind

/-- Σ over n pairs of the eps of their products, and n underflow thresholds, is at most
u·Σ |x|·|y| + ε_y·Σ |x| + ε_x·Σ |y| + n·(ε_x·ε_y + 2·2^(eₘᵢₙ − p)). -/
theorem sumList_eps_mul_le (f : Format) (εx εy : Rat) : (l : List (Rat × Rat)) →
    sumList ((l.map fun t => Approx.mul f.rounding ⟨t.1, εx⟩ ⟨t.2, εy⟩).map Approx.eps) +
        l.length * pow2 (f.minExponent - f.precision) ≤
      f.unitRoundoff * sumList (l.map fun t => abs t.1 * abs t.2) +
        εy * sumList (l.map fun t => abs t.1 * 1) + εx * sumList (l.map fun t => 1 * abs t.2) +
        (εx * εy + 2 * pow2 (f.minExponent - f.precision)) * sumList (l.map fun _ => 1 * 1)
  | [] => by
    show (0 : Rat) + ((0 : Nat) : Rat) * _ ≤ _ * 0 + _ * 0 + _ * 0 + _ * 0
    grind
  | t :: l => by
    have := sumList_eps_mul_le f εx εy l
    have h := f.halfUlp_le_mul_add (t.1 * t.2)
    rw [abs_mul] at h
    show (abs t.1 + εx) * εy + abs t.2 * εx + f.halfUlp (t.1 * t.2) + sumList (List.map _ _) +
        ((l.length + 1 : Nat) : Rat) * _ ≤ _ * (abs t.1 * abs t.2 + sumList (List.map _ _)) +
        _ * (abs t.1 * 1 + sumList (List.map _ _)) + _ * (1 * abs t.2 + sumList (List.map _ _)) +
        _ * (1 * 1 + sumList (List.map _ _))
    grind

/-- Σ over n pairs of (|x| + ε_x)·ε_y + |y|·ε_x + halfUlp(x·y) is at most
u·Σ β(x·y) + ε_y·Σ |x| + ε_x·Σ |y| + n·(ε_x·ε_y + κ). -/
theorem sumList_mulEps_le_of {f : Format} {β : Rat → Rat} {κ : Rat} (h : f.BoundsHalfUlp β κ)
    (εx εy : Rat) : (l : List (Rat × Rat)) →
    sumList (l.map fun t => (abs t.1 + εx) * εy + abs t.2 * εx + f.halfUlp (t.1 * t.2)) ≤
      f.unitRoundoff * sumList (l.map fun t => β (t.1 * t.2)) +
        εy * sumList (l.map fun t => abs t.1 * 1) + εx * sumList (l.map fun t => 1 * abs t.2) +
        (εx * εy + κ) * sumList (l.map fun _ => 1 * 1)
  | [] => by
    show (0 : Rat) ≤ _ * 0 + _ * 0 + _ * 0 + _ * 0
    grind
  | t :: l => by
    have := sumList_mulEps_le_of h εx εy l
    have := h (t.1 * t.2)
    show (abs t.1 + εx) * εy + abs t.2 * εx + f.halfUlp (t.1 * t.2) + sumList (List.map _ _) ≤
      _ * (β (t.1 * t.2) + sumList (List.map _ _)) + _ * (abs t.1 * 1 + sumList (List.map _ _)) +
        _ * (1 * abs t.2 + sumList (List.map _ _)) + _ * (1 * 1 + sumList (List.map _ _))
    grind

theorem sumList_ones {α : Type} : (l : List α) →
    (l.length : Rat) = sumList (l.map fun _ => (1 : Rat) * 1)
  | [] => rfl
  | _ :: l => by
    have := sumList_ones l
    show ((l.length + 1 : Nat) : Rat) = 1 * 1 + sumList (List.map _ _)
    grind

namespace Contraction

variable {out : List (List Int)} {red : List Int} {p q b : Operand Int} (f : Format)

/-- The exact value of a contraction of two factors is a sum over its pairs. -/
theorem evalAt_exact_two {K : Type u} [OrderedField K] (φ ψ : K → K)
    (x : Tensor K (extents p.axes)) (y : Tensor K (extents q.axes)) (o : List Nat) :
    evalAt exact ⟨out, red, p, [q], []⟩ (x.map φ, y.map ψ, ⟨⟩) ⟨⟩ o =
      sumList ((pairs p.axes q.axes (toNats red) x y o).map fun t => φ t.1 * ψ t.2) := by
  rw [evalAt_eq_total, total_exact, added_two, pairs_map, List.map_map]
  rfl

/-- The bound of an entry of two factors, split exactly:
Σ [(|x| + ε_x)·ε_y + |y|·ε_x + halfUlp(x·y)] over its terms + Σ halfUlp(acc + fl(x·y)) over its
additions. -/
theorem eps_evalAt_two {K : Type u} [OrderedField K] (R : Rounding K)
    (x : Tensor K (extents p.axes)) (εx : K) (y : Tensor K (extents q.axes)) (εy : K)
    (o : List Nat) :
    (evalAt (bound R) ⟨out, red, p, [q], []⟩ (x.withEps εx, y.withEps εy, ⟨⟩) ⟨⟩ o).eps =
      sumList ((pairs p.axes q.axes (toNats red) x y o).map fun t =>
        (abs t.1 + εx) * εy + abs t.2 * εx + R.halfUlp (t.1 * t.2)) +
      sumList ((unrounded R ((pairs p.axes q.axes (toNats red) x y o).map fun t =>
        R.rnd (t.1 * t.2))).map R.halfUlp) := by
  rw [eps_evalAt R _ (.cons (x.hasValue_withEps εx) (.cons (y.hasValue_withEps εy) .nil)) .nil,
    added_two, added_two, Tensor.withEps, Tensor.withEps, pairs_map, List.map_map,
    List.map_map]
  rfl

theorem eps_added_le (x : Tensor Rat (extents p.axes)) (εx : Rat)
    (y : Tensor Rat (extents q.axes)) (εy : Rat) (o : List Nat) :
    sumList ((added (bound f.rounding) ⟨out, red, p, [q], []⟩
        (x.withEps εx, y.withEps εy, ⟨⟩) ⟨⟩ o).map Approx.eps) +
      (added (bound f.rounding) ⟨out, red, p, [q], []⟩
        (x.withEps εx, y.withEps εy, ⟨⟩) ⟨⟩ o).length * pow2 (f.minExponent - f.precision) ≤
      f.unitRoundoff * evalAt exact ⟨out, red, p, [q], []⟩ (x.map abs, y.map abs, ⟨⟩) ⟨⟩ o +
      εy * evalAt exact ⟨out, red, p, [q], []⟩ (x.map abs, y.map fun _ => 1, ⟨⟩) ⟨⟩ o +
      εx * evalAt exact ⟨out, red, p, [q], []⟩ (x.map fun _ => 1, y.map abs, ⟨⟩) ⟨⟩ o +
      (εx * εy + 2 * pow2 (f.minExponent - f.precision)) *
        evalAt exact ⟨out, red, p, [q], []⟩ (x.map fun _ => 1, y.map fun _ => 1, ⟨⟩) ⟨⟩ o := by
  have hl := sumList_eps_mul_le f εx εy (pairs p.axes q.axes (toNats red) x y o)
  have hs : added (bound f.rounding) ⟨out, red, p, [q], []⟩
      (x.withEps εx, y.withEps εy, ⟨⟩) ⟨⟩ o = (pairs p.axes q.axes (toNats red) x y o).map
        fun t => Approx.mul f.rounding ⟨t.1, εx⟩ ⟨t.2, εy⟩ := by
    rw [added_two, Tensor.withEps, Tensor.withEps, pairs_map, List.map_map]; rfl
  rw [hs, List.length_map, evalAt_exact_two abs abs x y, evalAt_exact_two abs (fun _ => 1) x y,
    evalAt_exact_two (fun _ => 1) abs x y, evalAt_exact_two (fun _ => 1) (fun _ => 1) x y]
  exact hl

/-- **Replay from partial sums**, two factors: the bound of an entry of n terms is at most
u·Σ binade of the partial sums + u·Σ |x|·|y| + ε_y·Σ |x| + ε_x·Σ |y| +
n·(ε_x·ε_y + 2·2^(eₘᵢₙ − p)). The partial sums are those of the rounded evaluation; the other four
sums, that of n ones being n, are exact values of the same contraction over absolute values and
ones. -/
theorem replay_le_two (x : Tensor Rat (extents p.axes)) (εx : Rat)
    (y : Tensor Rat (extents q.axes)) (εy : Rat) (o : List Nat) :
    (evalAt (bound f.rounding) ⟨out, red, p, [q], []⟩ (x.withEps εx, y.withEps εy, ⟨⟩) ⟨⟩ o).eps ≤
      f.unitRoundoff * sumList ((partialSums (rounded f.rounding) ⟨out, red, p, [q], []⟩
        (x, y, ⟨⟩) ⟨⟩ o).map f.binade) +
      (f.unitRoundoff * evalAt exact ⟨out, red, p, [q], []⟩ (x.map abs, y.map abs, ⟨⟩) ⟨⟩ o +
      εy * evalAt exact ⟨out, red, p, [q], []⟩ (x.map abs, y.map fun _ => 1, ⟨⟩) ⟨⟩ o +
      εx * evalAt exact ⟨out, red, p, [q], []⟩ (x.map fun _ => 1, y.map abs, ⟨⟩) ⟨⟩ o +
      (εx * εy + 2 * pow2 (f.minExponent - f.precision)) *
        evalAt exact ⟨out, red, p, [q], []⟩ (x.map fun _ => 1, y.map fun _ => 1, ⟨⟩) ⟨⟩ o) := by
  have h := replay_le f ⟨out, red, p, [q], []⟩
    (.cons (x.hasValue_withEps εx) (.cons (y.hasValue_withEps εy) .nil)) .nil o
  have := eps_added_le (out := out) (red := red) f x εx y εy o
  exact Rat.le_trans h (by grind)

/-- **Replay from binades**: where halfUlp s ≤ u·β(s) + κ for every s, the bound of an entry of n
terms is at most u·(Σ β(acc + fl(x·y)) + Σ β(x·y)) + ε_y·Σ |x| + ε_x·Σ |y| + n·(ε_x·ε_y + 2·κ). -/
theorem replay_le_binades {β : Rat → Rat} {κ : Rat} (hβ : f.BoundsHalfUlp β κ)
    (x : Tensor Rat (extents p.axes)) (εx : Rat) (y : Tensor Rat (extents q.axes)) (εy : Rat)
    (o : List Nat) :
    (evalAt (bound f.rounding) ⟨out, red, p, [q], []⟩ (x.withEps εx, y.withEps εy, ⟨⟩) ⟨⟩ o).eps ≤
      f.unitRoundoff * (sumList ((unrounded f.rounding (added (rounded f.rounding)
          ⟨out, red, p, [q], []⟩ (x, y, ⟨⟩) ⟨⟩ o)).map β) +
        sumList ((pairs p.axes q.axes (toNats red) x y o).map fun t => β (t.1 * t.2))) +
      (εy * evalAt exact ⟨out, red, p, [q], []⟩ (x.map abs, y.map fun _ => 1, ⟨⟩) ⟨⟩ o +
      εx * evalAt exact ⟨out, red, p, [q], []⟩ (x.map fun _ => 1, y.map abs, ⟨⟩) ⟨⟩ o +
      (εx * εy + 2 * κ) *
        evalAt exact ⟨out, red, p, [q], []⟩ (x.map fun _ => 1, y.map fun _ => 1, ⟨⟩) ⟨⟩ o) := by
  have hadd : added (rounded f.rounding) ⟨out, red, p, [q], []⟩ (x, y, ⟨⟩) ⟨⟩ o =
      (pairs p.axes q.axes (toNats red) x y o).map fun t => f.rounding.rnd (t.1 * t.2) :=
    added_two _ x y o
  rw [eps_evalAt_two, evalAt_exact_two abs (fun _ => 1) x y, evalAt_exact_two (fun _ => 1) abs x y,
    evalAt_exact_two (fun _ => 1) (fun _ => 1) x y, hadd]
  generalize pairs p.axes q.axes (toNats red) x y o = l
  have h1 : sumList (List.map f.rounding.halfUlp _) ≤ _ := sumList_halfUlp_le_of hβ
    (unrounded f.rounding (l.map fun t => f.rounding.rnd (t.1 * t.2)))
  have h2 : sumList (l.map fun t => (abs t.1 + εx) * εy + abs t.2 * εx +
    f.rounding.halfUlp (t.1 * t.2)) ≤ _ := sumList_mulEps_le_of hβ εx εy l
  rw [length_unrounded, List.length_map, sumList_ones l] at h1
  clear hβ
  generalize sumList (List.map f.rounding.halfUlp _) = A at *
  generalize sumList (List.map (fun t => (abs t.1 + εx) * εy + abs t.2 * εx +
    f.rounding.halfUlp (t.1 * t.2)) l) = B at *
  grind

/-- An addend with error ε adds at most ε + u·β(acc + addend) + κ. -/
theorem replay_le_addend {β : Rat → Rat} {κ : Rat} (hβ : f.BoundsHalfUlp β κ)
    {qs : List (Operand Int)} {fs : Tensors Rat (shapes (p :: qs))}
    {bfs : Tensors (Approx Rat) (shapes (p :: qs))} (hf : Tensors.Rel Approx.HasValue fs bfs)
    (t : Tensor Rat (extents b.axes)) (ε : Rat) (o : List Nat) {a : Rat}
    (ha : read b.axes t o [] = some a) :
    (evalAt (bound f.rounding) ⟨out, red, p, qs, [b]⟩ bfs (t.withEps ε, ⟨⟩) o).eps ≤
      (evalAt (bound f.rounding) ⟨out, red, p, qs, []⟩ bfs ⟨⟩ o).eps + ε + (f.unitRoundoff *
        β (evalAt (rounded f.rounding) ⟨out, red, p, qs, []⟩ fs ⟨⟩ o + a) + κ) := by
  have hv : evalAt (rounded f.rounding) ⟨out, red, p, qs, []⟩ fs ⟨⟩ o = _ :=
    evalAt_rel (rounded_respects_bound f.rounding) ⟨out, red, p, qs, []⟩ hf
      (as := ⟨⟩) (bs := ⟨⟩) .nil o
  have h := hβ (evalAt (rounded f.rounding) ⟨out, red, p, qs, []⟩ fs ⟨⟩ o + a)
  rw [evalAt_eq_total (bound f.rounding) ⟨out, red, p, qs, [b]⟩, added_addend, Tensor.withEps,
    read_map, ha]
  show (total (bound f.rounding) (added (bound f.rounding) ⟨out, red, p, qs, []⟩ bfs ⟨⟩ o)).eps +
    ε + f.halfUlp ((total (bound f.rounding)
      (added (bound f.rounding) ⟨out, red, p, qs, []⟩ bfs ⟨⟩ o)).value + a) ≤ _
  rw [← evalAt_eq_total, ← hv]
  grind

/-- **Replay from partial sums**, one factor: the bound of an entry of n terms is at most
u·Σ binade of the partial sums + n·(ε + 2^(eₘᵢₙ − p)), where n is the exact value of the same
contraction over ones. -/
theorem replay_le_one (x : Tensor Rat (extents p.axes)) (ε : Rat) (o : List Nat) :
    (evalAt (bound f.rounding) ⟨out, red, p, [], []⟩ (x.withEps ε, ⟨⟩) ⟨⟩ o).eps ≤
      f.unitRoundoff * sumList ((partialSums (rounded f.rounding) ⟨out, red, p, [], []⟩
        (x, ⟨⟩) ⟨⟩ o).map f.binade) +
      (ε + pow2 (f.minExponent - f.precision)) *
        evalAt exact ⟨out, red, p, [], []⟩ (x.map fun _ => 1, ⟨⟩) ⟨⟩ o := by
  have h := replay_le f ⟨out, red, p, [], []⟩ (.cons (x.hasValue_withEps ε) .nil) .nil o
  have hl := sumList_eps ε (pow2 (f.minExponent - f.precision))
    (entries p.axes (toNats red) x o)
  rw [added_one, Tensor.withEps, entries_map, List.length_map] at h
  rw [evalAt_eq_total exact, total_exact, added_one, entries_map]
  exact Rat.le_trans h (by grind)

/-- Replay from binades, one factor: u·Σ β(acc + y) + n·(ε + κ). -/
theorem replay_le_one_binades {β : Rat → Rat} {κ : Rat} (hβ : f.BoundsHalfUlp β κ)
    (x : Tensor Rat (extents p.axes)) (ε : Rat) (o : List Nat) :
    (evalAt (bound f.rounding) ⟨out, red, p, [], []⟩ (x.withEps ε, ⟨⟩) ⟨⟩ o).eps ≤
      f.unitRoundoff * sumList ((unrounded f.rounding (added (rounded f.rounding)
        ⟨out, red, p, [], []⟩ (x, ⟨⟩) ⟨⟩ o)).map β) +
      (ε + κ) * evalAt exact ⟨out, red, p, [], []⟩ (x.map fun _ => 1, ⟨⟩) ⟨⟩ o := by
  have h := replay_le_of hβ ⟨out, red, p, [], []⟩ (.cons (x.hasValue_withEps ε) .nil) .nil o
  have hl := sumList_eps ε κ (entries p.axes (toNats red) x o)
  rw [added_one, Tensor.withEps, entries_map, List.length_map] at h
  rw [evalAt_eq_total exact, total_exact, added_one exact, entries_map]
  exact Rat.le_trans h (by grind)

/-- From partial sums alone, two factors: the bound of an entry is at most
replayPartial·Σ binade + replayProduct·Σ |x|·|y| + replayFirst·Σ |x| + replaySecond·Σ |y| +
replayConstant. -/
theorem replay_le_estimate (x : Tensor Rat (extents p.axes)) (εx : Rat)
    (y : Tensor Rat (extents q.axes)) (εy : Rat) (o : List Nat) (e : Errors Rat)
    (he : e = f.replayErrors (pow2 (f.minExponent - f.precision)) (evalAt exact
      ⟨out, red, p, [q], []⟩ (x.map fun _ => 1, y.map fun _ => 1, ⟨⟩) ⟨⟩ o) εx εy) :
    (evalAt (bound f.rounding) ⟨out, red, p, [q], []⟩ (x.withEps εx, y.withEps εy, ⟨⟩) ⟨⟩ o).eps ≤
      e.replayPartial * sumList ((partialSums (rounded f.rounding) ⟨out, red, p, [q], []⟩
        (x, y, ⟨⟩) ⟨⟩ o).map f.binade) +
      e.replayProduct * evalAt exact ⟨out, red, p, [q], []⟩ (x.map abs, y.map abs, ⟨⟩) ⟨⟩ o +
      e.replayFirst * evalAt exact ⟨out, red, p, [q], []⟩ (x.map abs, y.map fun _ => 1, ⟨⟩) ⟨⟩ o +
      e.replaySecond * evalAt exact ⟨out, red, p, [q], []⟩ (x.map fun _ => 1, y.map abs, ⟨⟩) ⟨⟩ o +
      e.replayConstant := by
  have h := replay_le_two (out := out) (red := red) f x εx y εy o
  subst he
  refine Rat.le_trans h ?_
  unfold Errors.replayPartial Errors.replayProduct Errors.replayFirst Errors.replaySecond
    Errors.replayConstant Format.replayErrors
  grind

/-- Σ β over what the additions of an entry round. -/
def sumBinades (f : Format) (β : Rat → Rat) (c : Contraction Int) (fs : c.Factors Rat)
    (as : c.Addends Rat) (o : List Nat) : Rat :=
  sumList ((unrounded f.rounding (added (rounded f.rounding) c fs as o)).map β)

/-- Σ β over the exact products of an entry. -/
def productBinades (β : Rat → Rat) (c : Contraction Int) (fs : c.Factors Rat) (o : List Nat) : Rat :=
  sumList ((added exact { c with addends := [] } fs ⟨⟩ o).map β)

/-- Two factors, as the replay evaluates it: the bound of an entry is at most
replayPartial·Σ β of all sums and products + replayFirst·Σ |x| + replaySecond·Σ |y| +
replayConstant. -/
theorem replay_le_binades_estimate {β : Rat → Rat} {κ : Rat} (hβ : f.BoundsHalfUlp β κ)
    (x : Tensor Rat (extents p.axes)) (εx : Rat) (y : Tensor Rat (extents q.axes)) (εy : Rat)
    (o : List Nat) (e : Errors Rat) (he : e = f.replayErrors κ (evalAt exact
      ⟨out, red, p, [q], []⟩ (x.map fun _ => 1, y.map fun _ => 1, ⟨⟩) ⟨⟩ o) εx εy) :
    (evalAt (bound f.rounding) ⟨out, red, p, [q], []⟩ (x.withEps εx, y.withEps εy, ⟨⟩) ⟨⟩ o).eps ≤
      e.replayPartial * (sumBinades f β ⟨out, red, p, [q], []⟩ (x, y, ⟨⟩) ⟨⟩ o +
        productBinades β ⟨out, red, p, [q], []⟩ (x, y, ⟨⟩) o) +
      e.replayFirst * evalAt exact ⟨out, red, p, [q], []⟩ (x.map abs, y.map fun _ => 1, ⟨⟩) ⟨⟩ o +
      e.replaySecond * evalAt exact ⟨out, red, p, [q], []⟩ (x.map fun _ => 1, y.map abs, ⟨⟩) ⟨⟩ o +
      e.replayConstant := by
  have hp : productBinades β ⟨out, red, p, [q], []⟩ (x, y, ⟨⟩) o =
      sumList ((pairs p.axes q.axes (toNats red) x y o).map fun t => β (t.1 * t.2)) := by
    have ht : added exact ⟨out, red, p, [q], []⟩ (x, y, ⟨⟩) ⟨⟩ o = _ := added_two exact x y o
    unfold productBinades
    rw [ht, List.map_map]; rfl
  subst he
  rw [hp]
  exact Rat.le_trans (replay_le_binades (out := out) (red := red) f hβ x εx y εy o)
    (f.replayErrors_le κ _ εx εy _ _ _)

/-- One factor, with 1 in the place of x: replayPartial·Σ β of all sums + replayFirst·n +
replayConstant. -/
theorem replay_le_one_binades_estimate {β : Rat → Rat} {κ : Rat} (hβ : f.BoundsHalfUlp β κ)
    (hκ : 0 ≤ κ) (y : Tensor Rat (extents p.axes)) (ε : Rat) (o : List Nat) (e : Errors Rat)
    (he : e = f.replayErrors κ (evalAt exact ⟨out, red, p, [], []⟩ (y.map fun _ => 1, ⟨⟩) ⟨⟩ o)
      0 ε) :
    (evalAt (bound f.rounding) ⟨out, red, p, [], []⟩ (y.withEps ε, ⟨⟩) ⟨⟩ o).eps ≤
      e.replayPartial * sumBinades f β ⟨out, red, p, [], []⟩ (y, ⟨⟩) ⟨⟩ o +
      e.replayFirst * evalAt exact ⟨out, red, p, [], []⟩ (y.map fun _ => 1, ⟨⟩) ⟨⟩ o +
      e.replayConstant := by
  have h := replay_le_one_binades (out := out) (red := red) f hβ y ε o
  have hn : 0 ≤ evalAt exact ⟨out, red, p, [], []⟩ (y.map fun _ => (1 : Rat), ⟨⟩) ⟨⟩ o := by
    rw [evalAt_eq_total, total_exact, added_one, entries_map, sumList_map_one_eq_length]
    exact Rat.natCast_nonneg
  have := mul_nonneg hn hκ
  subst he
  refine Rat.le_trans h ?_
  unfold sumBinades Errors.replayPartial Errors.replayFirst Errors.replayConstant
    Format.replayErrors
  clear hβ h
  grind

/-- Two factors and an addend with error ε, which is one more term: as
`replay_le_binades_estimate`, and ε. -/
theorem replay_le_addend_estimate {β : Rat → Rat} {κ : Rat} (hβ : f.BoundsHalfUlp β κ)
    (hκ : 0 ≤ κ) (x : Tensor Rat (extents p.axes)) {εx : Rat} (hx : 0 ≤ εx)
    (y : Tensor Rat (extents q.axes)) {εy : Rat} (hy : 0 ≤ εy) (t : Tensor Rat (extents b.axes))
    {ε : Rat} (hε : 0 ≤ ε) (o : List Nat) (e : Errors Rat)
    (he : e = f.replayErrors κ (evalAt exact ⟨out, red, p, [q], []⟩
      (x.map fun _ => 1, y.map fun _ => 1, ⟨⟩) ⟨⟩ o + 1) εx εy) :
    (evalAt (bound f.rounding) ⟨out, red, p, [q], [b]⟩ (x.withEps εx, y.withEps εy, ⟨⟩)
        (t.withEps ε, ⟨⟩) o).eps ≤
      e.replayPartial * (sumBinades f β ⟨out, red, p, [q], [b]⟩ (x, y, ⟨⟩) (t, ⟨⟩) o +
        productBinades β ⟨out, red, p, [q], []⟩ (x, y, ⟨⟩) o) +
      e.replayFirst * evalAt exact ⟨out, red, p, [q], []⟩ (x.map abs, y.map fun _ => 1, ⟨⟩) ⟨⟩ o +
      e.replaySecond * evalAt exact ⟨out, red, p, [q], []⟩ (x.map fun _ => 1, y.map abs, ⟨⟩) ⟨⟩ o +
      e.replayConstant + ε := by
  have h := replay_le_binades_estimate (out := out) (red := red) f hβ x εx y εy o _ rfl
  have := mul_nonneg hx hy
  subst he
  unfold sumBinades Errors.replayPartial Errors.replayFirst Errors.replaySecond
    Errors.replayConstant Format.replayErrors at *
  rw [added_addend]
  rcases hr : read b.axes t o [] with _ | a
  · have hb : evalAt (bound f.rounding) ⟨out, red, p, [q], [b]⟩ (x.withEps εx, y.withEps εy, ⟨⟩)
        (t.withEps ε, ⟨⟩) o = evalAt (bound f.rounding) ⟨out, red, p, [q], []⟩
          (x.withEps εx, y.withEps εy, ⟨⟩) ⟨⟩ o := by
      rw [evalAt_eq_total, evalAt_eq_total, added_addend, Tensor.withEps, read_map, hr]; rfl
    rw [hb]
    refine Rat.le_trans h ?_
    generalize added (rounded f.rounding) ⟨out, red, p, [q], []⟩ (x, y, ⟨⟩) ⟨⟩ o = l at *
    show _ ≤ f.unitRoundoff * (sumList (List.map β (unrounded f.rounding l)) + _) + _ + _ + _ + _
    clear hβ h hb
    grind
  · have ha := replay_le_addend (out := out) (red := red) (qs := [q]) f hβ (fs := (x, y, ⟨⟩))
      (bfs := (x.withEps εx, y.withEps εy, ⟨⟩)) (.cons (x.hasValue_withEps εx)
        (.cons (y.hasValue_withEps εy) .nil)) t ε o hr
    rw [evalAt_eq_total (rounded f.rounding)] at ha
    refine Rat.le_trans ha ?_
    generalize added (rounded f.rounding) ⟨out, red, p, [q], []⟩ (x, y, ⟨⟩) ⟨⟩ o = l at *
    show _ ≤ f.unitRoundoff * (β (total (rounded f.rounding) l + a) +
      sumList (List.map β (unrounded f.rounding l)) + _) + _ + _ + _ + _
    clear hβ ha
    grind

/-- An addend of zeros changes nothing. -/
theorem evalAt_exact_addend_zero {K : Type u} [OrderedField K] {qs : List (Operand Int)}
    (fs : Tensors K (shapes (p :: qs))) (t : Tensor K (extents b.axes)) (o : List Nat) :
    evalAt exact ⟨out, red, p, qs, [b]⟩ fs (t.map fun _ => (0 : K), ⟨⟩) o =
      evalAt exact ⟨out, red, p, qs, []⟩ fs ⟨⟩ o := by
  rw [evalAt_eq_total, evalAt_eq_total, added_addend, read_map]
  rcases read b.axes t o [] with _ | a
  · rfl
  · show total exact (added exact ⟨out, red, p, qs, []⟩ fs ⟨⟩ o) + (0 : K) = _; grind

theorem get_eval {α : Type u} (A : Arithmetic α) (c : Contraction Int) (fs : c.Factors α)
    (as : c.Addends α) (i : Index c.shape) :
    (eval A c fs as).get i = evalAt A c fs as (outIndices c.out i) :=
  Tensor.get_ofFn _ _ _

end Contraction

/-! ### The bounds of conv2d -/

section
variable (f : Format) (g : Conv2d) {β : Rat → Rat} {κ : Rat} (hβ : f.BoundsHalfUlp β κ)
include hβ

/-- The bias gradient, where n is the gradient of ones. -/
theorem conv2dBiasPointBound_le_replay (hκ : 0 ≤ κ) (δ : Tensor Rat g.outputShape) (epsδ : Rat)
    (i : Index g.biasShape) (e : Errors Rat)
    (he : e = f.replayErrors κ ((conv2dBiasDeriv exact g (δ.map fun _ => 1)).get i) 0 epsδ) :
    conv2dBiasPointBound f.rounding g δ epsδ i ≤
      e.replayPartial * Contraction.sumBinades f β (conv2dBiasGrad g.sizes) (δ, ⟨⟩) ⟨⟩
        (outIndices (conv2dBiasGrad g.sizes).out i) +
      e.replayFirst * (conv2dBiasDeriv exact g (δ.map fun _ => 1)).get i +
      e.replayConstant := by
  rw [show (conv2dBiasDeriv exact g (δ.map fun _ => (1 : Rat))).get i = _ from
    Contraction.get_eval exact (conv2dBiasGrad g.sizes) (δ.map fun _ => 1, ⟨⟩) ⟨⟩ i] at he ⊢
  exact Contraction.replay_le_one_binades_estimate (out := (conv2dBiasGrad g.sizes).out)
    (red := (conv2dBiasGrad g.sizes).red) (p := (conv2dBiasGrad g.sizes).factor)
    f hβ hκ δ epsδ _ e he

/-- The kernel gradient, with the sums as kernel gradients of absolute values and ones. -/
theorem conv2dKernelPointBound_le_replay (x : Tensor Rat g.inputShape) (epsX : Rat)
    (δ : Tensor Rat g.outputShape) (epsδ : Rat) (i : Index g.kernelShape) (e : Errors Rat)
    (he : e = f.replayErrors κ
      ((conv2dKernelDeriv exact g (x.map fun _ => 1) (δ.map fun _ => 1)).get i) epsX epsδ) :
    conv2dKernelPointBound f.rounding g x epsX δ epsδ i ≤
      e.replayPartial * (Contraction.sumBinades f β (conv2dKernelGrad g.sizes) (x, δ, ⟨⟩) ⟨⟩
          (outIndices (conv2dKernelGrad g.sizes).out i) +
        Contraction.productBinades β (conv2dKernelGrad g.sizes) (x, δ, ⟨⟩)
          (outIndices (conv2dKernelGrad g.sizes).out i)) +
      e.replayFirst * (conv2dKernelDeriv exact g (x.map abs) (δ.map fun _ => 1)).get i +
      e.replaySecond * (conv2dKernelDeriv exact g (x.map fun _ => 1) (δ.map abs)).get i +
      e.replayConstant := by
  have h : ∀ x δ, (conv2dKernelDeriv (α := Rat) exact g x δ).get i = _ := fun x δ =>
    Contraction.get_eval exact (conv2dKernelGrad g.sizes) (x, δ, ⟨⟩) ⟨⟩ i
  rw [h] at he
  rw [h, h]
  exact Contraction.replay_le_binades_estimate (out := (conv2dKernelGrad g.sizes).out)
    (red := (conv2dKernelGrad g.sizes).red) (p := (conv2dKernelGrad g.sizes).factor)
    (q := (conv2dKernelGrad g.sizes).factors.headD (conv2dKernelGrad g.sizes).factor)
    f hβ x epsX δ epsδ _ e he

/-- The input gradient, with the sums as input gradients of absolute values and ones. -/
theorem conv2dInputPointBound_le_replay (weight : Tensor Rat g.kernelShape) (epsW : Rat)
    (δ : Tensor Rat g.outputShape) (epsδ : Rat) (i : Index g.inputShape) (e : Errors Rat)
    (he : e = f.replayErrors κ
      ((conv2dInputDeriv exact g (weight.map fun _ => 1) (δ.map fun _ => 1)).get i) epsW epsδ) :
    conv2dInputPointBound f.rounding g weight epsW δ epsδ i ≤
      e.replayPartial * (Contraction.sumBinades f β (conv2dInputGrad g.sizes) (weight, δ, ⟨⟩) ⟨⟩
          (outIndices (conv2dInputGrad g.sizes).out i) +
        Contraction.productBinades β (conv2dInputGrad g.sizes) (weight, δ, ⟨⟩)
          (outIndices (conv2dInputGrad g.sizes).out i)) +
      e.replayFirst * (conv2dInputDeriv exact g (weight.map abs) (δ.map fun _ => 1)).get i +
      e.replaySecond * (conv2dInputDeriv exact g (weight.map fun _ => 1) (δ.map abs)).get i +
      e.replayConstant := by
  have h : ∀ x δ, (conv2dInputDeriv (α := Rat) exact g x δ).get i = _ := fun x δ =>
    Contraction.get_eval exact (conv2dInputGrad g.sizes) (x, δ, ⟨⟩) ⟨⟩ i
  rw [h] at he
  rw [h, h]
  exact Contraction.replay_le_binades_estimate (out := (conv2dInputGrad g.sizes).out)
    (red := (conv2dInputGrad g.sizes).red) (p := (conv2dInputGrad g.sizes).factor)
    (q := (conv2dInputGrad g.sizes).factors.headD (conv2dInputGrad g.sizes).factor)
    f hβ weight epsW δ epsδ _ e he

omit hβ in
theorem conv2d_get_zero (x : Tensor Rat g.inputShape) (weight : Tensor Rat g.kernelShape)
    (bias : Tensor Rat g.biasShape) (i : Index g.outputShape) :
    (conv2d exact g x weight (bias.map fun _ => (0 : Rat))).get i =
      Contraction.evalAt exact ⟨(conv2dForward g.sizes).out, (conv2dForward g.sizes).red,
        (conv2dForward g.sizes).factor, (conv2dForward g.sizes).factors, []⟩ (x, weight, ⟨⟩) ⟨⟩
          (outIndices (conv2dForward g.sizes).out i) :=
  (Contraction.get_eval exact (conv2dForward g.sizes) (x, weight, ⟨⟩)
    (bias.map fun _ => 0, ⟨⟩) i).trans
      (Contraction.evalAt_exact_addend_zero (out := (conv2dForward g.sizes).out)
        (red := (conv2dForward g.sizes).red) (p := (conv2dForward g.sizes).factor)
        (qs := (conv2dForward g.sizes).factors)
        (b := (conv2dForward g.sizes).addends.headD (conv2dForward g.sizes).factor)
        (x, weight, ⟨⟩) bias _)

/-- The forward pass, with the sums as forward passes of absolute values and ones with a bias of
zero; the bias is one more term. -/
theorem conv2dPointBound_le_replay (hκ : 0 ≤ κ) (x : Tensor Rat g.inputShape) {epsX : Rat}
    (hX : 0 ≤ epsX) (weight : Tensor Rat g.kernelShape) {epsW : Rat} (hW : 0 ≤ epsW)
    (bias : Tensor Rat g.biasShape) {epsB : Rat} (hB : 0 ≤ epsB) (i : Index g.outputShape)
    (e : Errors Rat) (he : e = f.replayErrors κ ((conv2d exact g (x.map fun _ => 1)
      (weight.map fun _ => 1) (bias.map fun _ => 0)).get i + 1) epsX epsW) :
    conv2dPointBound f.rounding g x epsX weight epsW bias epsB i ≤
      e.replayPartial * (Contraction.sumBinades f β (conv2dForward g.sizes) (x, weight, ⟨⟩)
          (bias, ⟨⟩) (outIndices (conv2dForward g.sizes).out i) +
        Contraction.productBinades β (conv2dForward g.sizes) (x, weight, ⟨⟩)
          (outIndices (conv2dForward g.sizes).out i)) +
      e.replayFirst *
        (conv2d exact g (x.map abs) (weight.map fun _ => 1) (bias.map fun _ => 0)).get i +
      e.replaySecond *
        (conv2d exact g (x.map fun _ => 1) (weight.map abs) (bias.map fun _ => 0)).get i +
      e.replayConstant + epsB := by
  rw [conv2d_get_zero] at he
  rw [conv2d_get_zero, conv2d_get_zero]
  exact Contraction.replay_le_addend_estimate (out := (conv2dForward g.sizes).out)
    (red := (conv2dForward g.sizes).red) (p := (conv2dForward g.sizes).factor)
    (q := (conv2dForward g.sizes).factors.headD (conv2dForward g.sizes).factor)
    (b := (conv2dForward g.sizes).addends.headD (conv2dForward g.sizes).factor)
    f hβ hκ x hX weight hW bias hB _ e he

end

end RuntimeApprox
