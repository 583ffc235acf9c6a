module

public import RuntimeApprox.Accumulation.Theorems
public import RuntimeApprox.Wide

/-!
# What trees of nodes that add many numbers err by

## Main results
* `Format.Mode.Gives.near`: an exact sum that is rounded once is such a node.
* `Wide.nearAll`, `Wide.near`: depth d and N nodes: ((1 + ρ)ᵈ − 1)·Σ|tᵢ| + N·η·(1 + ρ)ᵈ.
* `Steps.near`: s steps one after another are such a tree, with d = N = s.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-- An exact sum that is rounded once is a wide node: |v − Σtᵢ| ≤ u·Σ|tᵢ| + η. -/
theorem Format.Mode.Gives.near {m : Format.Mode} {ts : List Rat} {v : Rat}
    (h : m.Gives (sumList ts) v) : Near ⟨m.roundoff, m.underflow⟩ ts v := by
  have h1 := h.abs_sub_le
  have h2 := mul_le_mul_left (Rat.le_of_lt m.roundoff_pos) (abs_sumList_le ts)
  show _ ≤ m.roundoff * sumAbs ts + m.underflow
  grind

namespace Wide

variable {e e' : ErrorBound Rat} {d d' N : Nat} {ts us vs : List Rat} {a v : Rat}

/-- A tree has every larger depth. -/
theorem mono (h : Wide e d N ts vs) (hd : d ≤ d') : Wide e d' N ts vs := by
  induction h generalizing d' with
  | nil => exact .nil
  | term => exact .term
  | append _ _ ihl ihr => exact .append (ihl hd) (ihr hd)
  | node _ h ih =>
    obtain ⟨d', rfl⟩ := Nat.exists_eq_add_of_le' (show 1 ≤ d' by omega)
    exact .node (ih (by omega)) h
  | perm hp _ ih => exact .perm hp (ih hd)

/-- Terms need no node. -/
theorem terms : (ts : List Rat) → Wide e d 0 ts ts
  | [] => .nil
  | _ :: ts => .append (M := 0) (N := 0) .term (terms ts)

/-- A term is near itself, whatever the relative error. -/
theorem near_term {ρ t : Rat} (hρ : 0 ≤ ρ) : Near ⟨ρ, 0⟩ [t] t := by
  have := mul_nonneg hρ (abs_nonneg t)
  show abs (t - (t + 0)) ≤ ρ * (abs t + 0) + 0
  rw [Rat.add_zero, abs_sub_self]
  grind

/-- **The terms of a tree of wide nodes**: the results of N nodes, of which no term passes more than
d, are together as near the terms as ((1 + ρ)ᵈ − 1)·Σ|tᵢ| + N·η·(1 + ρ)ᵈ. -/
theorem nearAll (h : Wide e d N ts vs) (hρ : 0 ≤ e.relative) (hη : 0 ≤ e.absolute) :
    NearAll ⟨(1 + e.relative) ^ d - 1, N * (e.absolute * (1 + e.relative) ^ d)⟩ ts vs := by
  have hA : ∀ d, 1 ≤ (1 + e.relative) ^ d := OrderedField.one_le_pow (by grind)
  have h0 (x : Rat) : ((0 : Nat) : Rat) * x = 0 := Rat.zero_mul x
  induction h with
  | nil => rw [h0]; exact .nil
  | @term d t => rw [h0]; exact (near_term (by have := hA d; grind)).nearAll
  | append _ _ ihl ihr => rw [Rat.natCast_add, Rat.add_mul]; exact ihl.append ihr
  | @node d N ts vs v _ h ih =>
    have h1 := ih.followedBy hρ h
    have h2 := mul_le_mul_left hη (show 1 ≤ (1 + e.relative) ^ d * (1 + e.relative) by
      have := mul_le_mul_left (show 0 ≤ (1 + e.relative) ^ d by have := hA d; grind)
        (show 1 ≤ 1 + e.relative by grind)
      have := hA d
      grind)
    refine (h1.mono ?_ ?_).nearAll
    · show (1 + ((1 + e.relative) ^ d - 1)) * (1 + e.relative) - 1 ≤
        (1 + e.relative) ^ (d + 1) - 1
      rw [Rat.pow_succ]; grind
    · show (1 + e.relative) * (N * (e.absolute * (1 + e.relative) ^ d)) + e.absolute ≤
        ((N + 1 : Nat) : Rat) * (e.absolute * (1 + e.relative) ^ (d + 1))
      rw [Rat.pow_succ, Rat.natCast_add, show ((1 : Nat) : Rat) = 1 from rfl]; grind
  | perm hp _ ih => exact ih.perm hp

/-- **Trees of wide nodes**: at most n nodes, of which no term passes more than d:
|v − Σtᵢ| ≤ (g − 1)·Σ|tᵢ| + n·η·g for every g ≥ (1 + ρ)ᵈ. -/
theorem near (h : Wide e d N ts [v]) (hρ : 0 ≤ e.relative) (hη : 0 ≤ e.absolute) {n : Nat}
    (hn : N ≤ n) {growth : Rat} (hg : (1 + e.relative) ^ d ≤ growth) :
    Near (ErrorBound.wide (n : Rat) e.absolute growth) ts v := by
  have h1 : Near _ ts (v + 0) := (h.nearAll hρ hη).sum
  rw [Rat.add_zero] at h1
  have hA := OrderedField.one_le_pow (show 1 ≤ 1 + e.relative by grind) d
  have hn := Rat.natCast_le_natCast.2 hn
  have h2 := mul_le_mul_left (Rat.natCast_nonneg (a := N)) (mul_le_mul_left hη hg)
  have h3 := mul_le_mul_left (mul_nonneg hη (show 0 ≤ growth by grind)) hn
  refine h1.mono ?_ ?_
  · show _ - 1 ≤ growth - 1
    grind
  · show N * (e.absolute * (1 + e.relative) ^ d) ≤ n * e.absolute * growth
    grind

/-- One step: a block of terms is added to a result. -/
theorem step (h : Wide e d N ts [a]) (hv : Near e (a :: us) v) :
    Wide e (d + 1) (N + 1) (ts ++ us) [v] :=
  .node (.append (N := 0) h (terms us)) hv

end Wide

namespace Steps

variable {e : ErrorBound Rat} {s : Nat} {ts : List Rat} {v : Rat}

/-- Steps one after another are a tree of as many nodes and that depth. -/
theorem wide (h : Steps e s ts v) : Wide e s s ts [v] := by
  induction h with
  | start => exact .term
  | next _ h ih => exact ih.step h

/-- **Steps one after another**: |v − Σtᵢ| ≤ (g − 1)·Σ|tᵢ| + n·η·g for at most n steps and every
g ≥ (1 + ρ)ⁿ, the accumulator's first value being one of the terms. -/
theorem near (h : Steps e s ts v) (hρ : 0 ≤ e.relative) (hη : 0 ≤ e.absolute) {n : Nat}
    (hn : s ≤ n) {growth : Rat} (hg : (1 + e.relative) ^ n ≤ growth) :
    Near (ErrorBound.wide (n : Rat) e.absolute growth) ts v :=
  (h.wide.mono hn).near hρ hη hn hg

end Steps

end RuntimeApprox
