module

public import RuntimeApprox.Format.Binade
public import RuntimeApprox.Machine.Theorems
public import RuntimeApprox.Summation.Contraction

/-!
# The replay from the partial sums alone

The bound of an entry, the eps of its evaluation in pairs, is a sum over its terms and additions.
Each addition is charged half a unit in the last place of its exact result, which is at most u times
the binade of its rounded result, plus the underflow threshold: the partial sums that the machine
computes suffice for a bound, and of them the exponent bits.

## Main definitions
* `total`, `partials`: the sum of a list from zero, and its partial sums.
* `Contraction.added`, `Contraction.partialSums`: all that an entry adds up, and what its
  accumulator holds after each addition.

## Main results
* `Contraction.evalAt_eq_headD_partialSums`: an entry is the last of its partial sums.
* `Contraction.eps_evalAt`: an entry's bound is Σ eps of its terms + Σ halfUlp of its additions.
* `Contraction.replay_le_of`: it is bounded by any bound of halfUlp.
* `Contraction.replay_le`: it is at most
  Σ eps of its terms + u·Σ binade of the partial sums + n·2^(eₘᵢₙ − p) for n additions.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

/-! ### Sums of lists -/

section
variable {α : Type u} (A : Arithmetic α)

/-- The sum of a list from zero; the last of the list is added first. -/
def total : List α → α
  | [] => A.zero
  | t :: ts => A.add (total ts) t

/-- The partial sums of a list, that after the last addition first. -/
def partials : List α → List α
  | [] => []
  | t :: ts => total A (t :: ts) :: partials ts

end

section
variable {K : Type u} [OrderedField K] (R : Rounding K)

/-- What the additions of a list round, acc + t, that of the last addition first. -/
def unrounded : List K → List K
  | [] => []
  | t :: ts => (total (rounded R) ts + t) :: unrounded ts

/-- The partial sums are the rounded values of acc + t. -/
theorem partials_rounded : (ts : List K) →
    partials (rounded R) ts = (unrounded R ts).map R.rnd
  | [] => rfl
  | t :: ts => congrArg (R.rnd (total (rounded R) ts + t) :: ·) (partials_rounded ts)

/-- The value of a sum of pairs is the rounded sum of their values. -/
theorem total_value : (ts : List (Approx K)) →
    (total (bound R) ts).value = total (rounded R) (ts.map Approx.value)
  | [] => rfl
  | t :: ts => congrArg (fun a => R.rnd (a + t.value)) (total_value ts)

/-- The eps of a sum of pairs: Σ eps + Σ halfUlp(acc + t). -/
theorem total_eps : (ts : List (Approx K)) →
    (total (bound R) ts).eps = sumList (ts.map Approx.eps) +
      sumList ((unrounded R (ts.map Approx.value)).map R.halfUlp)
  | [] => by show (0 : K) = 0 + 0; grind
  | t :: ts => by
    have h := total_eps ts
    show (total (bound R) ts).eps + t.eps + R.halfUlp ((total (bound R) ts).value + t.value) =
      t.eps + sumList (ts.map Approx.eps) + (R.halfUlp (total (rounded R) (ts.map Approx.value) +
        t.value) + sumList ((unrounded R (ts.map Approx.value)).map R.halfUlp))
    rw [total_value, h]
    grind

theorem length_unrounded : (ts : List K) → (unrounded R ts).length = ts.length
  | [] => rfl
  | _ :: ts => congrArg (· + 1) (length_unrounded ts)

theorem total_exact : (ts : List K) → total exact ts = sumList ts
  | [] => rfl
  | t :: ts => by
    have := total_exact ts
    show total exact ts + t = t + sumList ts
    grind

end

/-- Σ halfUlp(s) ≤ u·Σ binade(round s) + n·2^(eₘᵢₙ − p) over a list of n numbers. -/
theorem Format.sumList_halfUlp_le (f : Format) : (ss : List Rat) →
    sumList (ss.map f.halfUlp) ≤ f.unitRoundoff * sumList ((ss.map f.round).map f.binade) +
      count ss.length * pow2 (f.minExponent - f.precision)
  | [] => by show (0 : Rat) ≤ f.unitRoundoff * 0 + 0 * _; grind
  | s :: ss => by
    have := f.sumList_halfUlp_le ss
    have := f.halfUlp_le_binade_round s
    show f.halfUlp s + sumList (ss.map f.halfUlp) ≤
      f.unitRoundoff * (f.binade (f.round s) + sumList ((ss.map f.round).map f.binade)) +
        (count ss.length + 1) * pow2 (f.minExponent - f.precision)
    grind

/-- Σ halfUlp(s) ≤ u·Σ β(s) + n·κ over n numbers. -/
theorem sumList_halfUlp_le_of {f : Format} {β : Rat → Rat} {κ : Rat} (h : f.BoundsHalfUlp β κ) :
    (ss : List Rat) → sumList (ss.map f.halfUlp) ≤
      f.unitRoundoff * sumList (ss.map β) + count ss.length * κ
  | [] => by show (0 : Rat) ≤ _ * 0 + 0 * κ; grind
  | s :: ss => by
    have := sumList_halfUlp_le_of h ss
    have := h s
    show f.halfUlp s + sumList (List.map _ _) ≤ _ * (β s + sumList (List.map _ _)) +
      (count ss.length + 1) * κ
    grind

/-! ### What an entry of a contraction adds up -/

section
variable {α : Type u} (A : Arithmetic α)

/-- The entries of the addends at `o`, that which is added last first, then the list `l`. -/
def addendList (o : List Nat) : (ps : List (Operand Int)) → Tensors α (shapes ps) → List α →
    List α
  | [], _, l => l
  | p :: ps, (t, ts), l =>
    match read p.axes t o [] with
    | none => addendList o ps ts l
    | some b => addendList o ps ts (b :: l)

theorem addAll_eq_total (o : List Nat) : (ps : List (Operand Int)) → (ts : Tensors α (shapes ps)) →
    (l : List α) → addAll A o ps ts (total A l) = total A (addendList o ps ts l)
  | [], _, _ => rfl
  | p :: ps, (t, ts), l => by
    unfold addAll addendList
    rcases read p.axes t o [] with _ | b
    · exact addAll_eq_total o ps ts l
    · exact addAll_eq_total o ps ts (b :: l)

namespace Contraction

/-- All that the entry at `o` adds up, that which is added last first: the terms that are not
skipped, and the addends. -/
def added (c : Contraction Int) (fs : c.Factors α) (as : c.Addends α) (o : List Nat) : List α :=
  addendList o c.addends as (loops (toNats c.red) (fun r l =>
    match term A c fs o r with
    | none => l
    | some t => t :: l) [])

/-- What the accumulator holds after each addition of the entry at `o`, after the last one
first. -/
def partialSums (c : Contraction Int) (fs : c.Factors α) (as : c.Addends α) (o : List Nat) :
    List α :=
  partials A (added A c fs as o)

/-- An entry is the sum of its added, in every arithmetic. -/
theorem evalAt_eq_total (c : Contraction Int) (fs : c.Factors α) (as : c.Addends α)
    (o : List Nat) : evalAt A c fs as o = total A (added A c fs as o) := by
  unfold evalAt added
  rw [← addAll_eq_total]
  congr 1
  refine loops_rel (R := fun a (l : List α) => a = total A l) _ rfl fun r a l hal => ?_
  dsimp only at hal
  subst hal
  unfold step
  cases term A c fs o r <;> rfl

/-- The entry is what the accumulator holds at last, zero if nothing was added. -/
theorem evalAt_eq_headD_partialSums (c : Contraction Int) (fs : c.Factors α) (as : c.Addends α)
    (o : List Nat) : evalAt A c fs as o = (partialSums A c fs as o).headD A.zero := by
  rw [evalAt_eq_total, partialSums]
  cases added A c fs as o <;> rfl

end Contraction
end

section
variable {α β : Type u} {φ : β → α}

theorem addendList_map (o : List Nat) : (ps : List (Operand Int)) → {ts : Tensors α (shapes ps)} →
    {us : Tensors β (shapes ps)} → ts.Rel (fun a b => a = φ b) us → {k : List α} → {l : List β} →
    k = l.map φ → addendList o ps ts k = (addendList o ps us l).map φ
  | [], _, _, _, _, _, hkl => hkl
  | p :: ps, (t, ts), (u, us), ⟨ht, hts⟩, k, l, hkl => by
    have h := read_rel p.axes ht o []
    unfold addendList
    revert h
    rcases read p.axes t o [] with _ | x <;> rcases read p.axes u o [] with _ | y <;> intro h
    · exact addendList_map o ps hts hkl
    · exact h.elim
    · exact h.elim
    · exact addendList_map o ps hts (by rw [hkl, show x = φ y from h]; rfl)

/-- Where an arithmetic is the image of another one, so are the added. -/
theorem Contraction.added_map {A : Arithmetic α} {B : Arithmetic β}
    (h : A.Respects B fun a b => a = φ b) (c : Contraction Int) {fs : c.Factors α}
    {gs : c.Factors β} (hf : Tensors.Rel (fun a b => a = φ b) fs gs) {as : c.Addends α}
    {bs : c.Addends β} (ha : Tensors.Rel (fun a b => a = φ b) as bs) (o : List Nat) :
    added A c fs as o = (added B c gs bs o).map φ := by
  refine addendList_map o _ ha (loops_rel (R := fun k (l : List β) => k = l.map φ) _ rfl
    fun r k l hkl => ?_)
  have ht := term_rel h c hf o r
  revert ht
  rcases term A c fs o r with _ | x <;> rcases term B c gs o r with _ | y <;> intro ht
  · exact hkl
  · exact ht.elim
  · exact ht.elim
  · show x :: k = φ y :: l.map φ
    rw [hkl, show x = φ y from ht]

theorem read_tensor_map (φ : β → α) (axes : List (Axis Int)) (t : Tensor β (extents axes))
    (o r : List Nat) : read axes (t.map φ) o r = (read axes t o r).map φ := by
  have h := read_rel (R := fun a b => a = φ b) axes (Tensor.get_map φ t) o r
  revert h
  rcases read axes (t.map φ) o r with _ | x <;> rcases read axes t o r with _ | y <;> intro h
  · rfl
  · exact h.elim
  · exact h.elim
  · exact congrArg some h

end

namespace Contraction

section
variable {K : Type u} [OrderedField K] (R : Rounding K) (c : Contraction Int)
  {fs : c.Factors K} {bfs : c.Factors (Approx K)} {as : c.Addends K} {bas : c.Addends (Approx K)}

/-- **The bound of an entry, split exactly**: Σ eps of what is added + Σ halfUlp(acc + term) over
the additions, with the accumulators of the rounded evaluation. -/
theorem eps_evalAt (hf : Tensors.Rel Approx.HasValue fs bfs)
    (ha : Tensors.Rel Approx.HasValue as bas) (o : List Nat) :
    (evalAt (bound R) c bfs bas o).eps =
      sumList ((added (bound R) c bfs bas o).map Approx.eps) +
        sumList ((unrounded R (added (rounded R) c fs as o)).map R.halfUlp) := by
  rw [evalAt_eq_total, total_eps, added_map (rounded_respects_bound R) c hf ha]

/-- The partial sums of an entry are the rounded values of acc + term. -/
theorem partialSums_rounded (fs : c.Factors K) (as : c.Addends K) (o : List Nat) :
    partialSums (rounded R) c fs as o =
      (unrounded R (added (rounded R) c fs as o)).map R.rnd :=
  partials_rounded R _

end

variable (f : Format)

/-- What is summed over partial sums, in terms of what was rounded to them. -/
theorem map_partialSums {K : Type u} [OrderedField K] (R : Rounding K) (c : Contraction Int)
    (fs : c.Factors K) (as : c.Addends K) (o : List Nat) (β : K → K) :
    (partialSums (rounded R) c fs as o).map β =
      (unrounded R (added (rounded R) c fs as o)).map fun s => β (R.rnd s) := by
  rw [partialSums_rounded, List.map_map]; rfl

/-- **Replay from binades**, for any contraction: where halfUlp s ≤ u·β(s) + κ for every s, an
entry's bound is at most Σ eps of what is added + u·Σ β(acc + term) + n·κ for n additions. -/
theorem replay_le_of {f : Format} {β : Rat → Rat} {κ : Rat} (hβ : f.BoundsHalfUlp β κ)
    (c : Contraction Int) {fs : c.Factors Rat} {bfs : c.Factors (Approx Rat)}
    {as : c.Addends Rat} {bas : c.Addends (Approx Rat)} (hf : Tensors.Rel Approx.HasValue fs bfs)
    (ha : Tensors.Rel Approx.HasValue as bas) (o : List Nat) :
    (evalAt (bound f.rounding) c bfs bas o).eps ≤
      sumList ((added (bound f.rounding) c bfs bas o).map Approx.eps) +
        f.unitRoundoff * sumList ((unrounded f.rounding
          (added (rounded f.rounding) c fs as o)).map β) +
        count (added (bound f.rounding) c bfs bas o).length * κ := by
  have h := sumList_halfUlp_le_of hβ (unrounded f.rounding (added (rounded f.rounding) c fs as o))
  have hl : (added (rounded f.rounding) c fs as o).length =
      (added (bound f.rounding) c bfs bas o).length := by
    rw [added_map (rounded_respects_bound f.rounding) c hf ha, List.length_map]
  rw [length_unrounded, hl] at h
  rw [eps_evalAt f.rounding c hf ha]
  show _ + sumList (List.map f.halfUlp _) ≤ _
  grind

/-- **Replay from partial sums**, for any contraction: an entry's bound is at most
Σ eps of what is added + u·Σ binade of the partial sums + n·2^(eₘᵢₙ − p) for n additions. -/
theorem replay_le (c : Contraction Int) {fs : c.Factors Rat} {bfs : c.Factors (Approx Rat)}
    {as : c.Addends Rat} {bas : c.Addends (Approx Rat)} (hf : Tensors.Rel Approx.HasValue fs bfs)
    (ha : Tensors.Rel Approx.HasValue as bas) (o : List Nat) :
    (evalAt (bound f.rounding) c bfs bas o).eps ≤
      sumList ((added (bound f.rounding) c bfs bas o).map Approx.eps) +
        f.unitRoundoff * sumList ((partialSums (rounded f.rounding) c fs as o).map f.binade) +
        count (added (bound f.rounding) c bfs bas o).length *
          pow2 (f.minExponent - f.precision) := by
  have h := f.sumList_halfUlp_le (unrounded f.rounding (added (rounded f.rounding) c fs as o))
  rw [length_unrounded, added_map (rounded_respects_bound f.rounding) c hf ha,
    List.length_map] at h
  rw [eps_evalAt f.rounding c hf ha, partialSums_rounded,
    added_map (rounded_respects_bound f.rounding) c hf ha]
  show _ + sumList (List.map f.halfUlp _) ≤ _ + f.unitRoundoff * sumList (List.map f.binade
    (List.map f.round _)) + _
  grind

end Contraction

end RuntimeApprox
