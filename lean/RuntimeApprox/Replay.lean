module

public import RuntimeApprox.Contraction.Summands
public import RuntimeApprox.Format.Binade
public import RuntimeApprox.Machine.Theorems

/-!
# The replay from the partial sums alone

The bound of an entry, the eps of its evaluation in pairs, is a sum over its terms and additions.
Each addition is charged half a unit in the last place of its exact result, which is at most u times
the binade of its rounded result, plus the underflow threshold: the partial sums that the machine
computes suffice for a bound, and of them the exponent bits.

## Main definitions
* `partials`: the partial sums of a list.
* `Contraction.partialSums`: what an entry's accumulator holds after each addition.

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

end

/-- Σ halfUlp(s) ≤ u·Σ binade(round s) + n·2^(eₘᵢₙ − p) over a list of n numbers. -/
theorem Format.sumList_halfUlp_le (f : Format) : (ss : List Rat) →
    sumList (ss.map f.halfUlp) ≤ f.unitRoundoff * sumList ((ss.map f.round).map f.binade) +
      ss.length * pow2 (f.minExponent - f.precision)
  | [] => by show (0 : Rat) ≤ f.unitRoundoff * 0 + 0 * _; grind
  | s :: ss => by
    have := f.sumList_halfUlp_le ss
    have := f.halfUlp_le_binade_round s
    show f.halfUlp s + sumList (ss.map f.halfUlp) ≤
      f.unitRoundoff * (f.binade (f.round s) + sumList ((ss.map f.round).map f.binade)) +
        ((ss.length + 1 : Nat) : Rat) * pow2 (f.minExponent - f.precision)
    grind

/-- Σ halfUlp(s) ≤ u·Σ β(s) + n·κ over n numbers. -/
theorem sumList_halfUlp_le_of {f : Format} {β : Rat → Rat} {κ : Rat} (h : f.BoundsHalfUlp β κ) :
    (ss : List Rat) → sumList (ss.map f.halfUlp) ≤
      f.unitRoundoff * sumList (ss.map β) + ss.length * κ
  | [] => by show (0 : Rat) ≤ _ * 0 + 0 * κ; grind
  | s :: ss => by
    have := sumList_halfUlp_le_of h ss
    have := h s
    show f.halfUlp s + sumList (List.map _ _) ≤ _ * (β s + sumList (List.map _ _)) +
      ((ss.length + 1 : Nat) : Rat) * κ
    grind

/-! ### What an entry of a contraction adds up -/

section
variable {α : Type u} (A : Arithmetic α)

namespace Contraction

/-- What the accumulator holds after each addition of the entry at `o`, after the last one
first. -/
def partialSums (c : Contraction Int) (fs : c.Factors α) (as : c.Addends α) (o : List Nat) :
    List α :=
  partials A (added A c fs as o)

/-- The entry is what the accumulator holds at last, zero if nothing was added. -/
theorem evalAt_eq_headD_partialSums (c : Contraction Int) (fs : c.Factors α) (as : c.Addends α)
    (o : List Nat) : evalAt A c fs as o = (partialSums A c fs as o).headD A.zero := by
  rw [evalAt_eq_total, partialSums]
  cases added A c fs as o <;> rfl

end Contraction
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
  rw [evalAt_eq_total, total_eps, added_map (rounded_respects_bound R).mul c hf ha]

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
        (added (bound f.rounding) c bfs bas o).length * κ := by
  have h := sumList_halfUlp_le_of hβ (unrounded f.rounding (added (rounded f.rounding) c fs as o))
  have hl : (added (rounded f.rounding) c fs as o).length =
      (added (bound f.rounding) c bfs bas o).length := by
    rw [added_map (rounded_respects_bound f.rounding).mul c hf ha, List.length_map]
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
        (added (bound f.rounding) c bfs bas o).length *
          pow2 (f.minExponent - f.precision) := by
  have h := f.sumList_halfUlp_le (unrounded f.rounding (added (rounded f.rounding) c fs as o))
  rw [length_unrounded, added_map (rounded_respects_bound f.rounding).mul c hf ha,
    List.length_map] at h
  rw [eps_evalAt f.rounding c hf ha, partialSums_rounded,
    added_map (rounded_respects_bound f.rounding).mul c hf ha]
  show _ + sumList (List.map f.halfUlp _) ≤ _ + f.unitRoundoff * sumList (List.map f.binade
    (List.map f.round _)) + _
  grind

end Contraction

end RuntimeApprox
