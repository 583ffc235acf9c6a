module

public import RuntimeApprox.AnyOrder

/-!
# What a kernel promises

A kernel sums in one format and mode, perhaps in partial sums that it adds in another, and perhaps
rounds the finished sum once more. What it may give, and its error bound.

## Main definitions
* `nonzeros`: how many of the numbers are not zero; only these count as terms.
* `PartialSums`: the terms are dealt out to partial sums; `NearAll`: how near these are, all together.
* `Accumulation`: the formats and modes of a kernel; `Accumulation.Gives`: what it may give;
  `Accumulation.bound`: its error bound.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

open Format

universe u

/-- How many of the numbers are not zero. -/
def nonzeros (ts : List Rat) : Nat := ts.countP (fun t => decide (t ≠ 0))

/-- `PartialSums P ts ps`: the numbers `ts` are split into groups, in any order, one for each number
of `ps`, and `P` holds of each group and its number. -/
inductive PartialSums (P : List Rat → Rat → Prop) : List Rat → List Rat → Prop where
  /-- No group. -/
  | nil : PartialSums P [] []
  /-- One more group. -/
  | cons {ts us ps : List Rat} {p : Rat} (part : P ts p) (rest : PartialSums P us ps) :
      PartialSums P (ts ++ us) (p :: ps)
  /-- The order of the numbers does not matter. -/
  | perm {ts us ps : List Rat} (h : ts.Perm us) (parts : PartialSums P ts ps) : PartialSums P us ps

variable {K : Type u} [OrderedField K]

/-- Partial sums `ps` of the numbers `ts` are, all together, as near as `e` says: their sum is, and
Σ|pᵢ| ≤ (1 + ρ)·Σ|tᵢ| + η. -/
structure NearAll (e : ErrorBound K) (ts ps : List K) : Prop where
  /-- |Σpᵢ − Σtᵢ| ≤ ρ·Σ|tᵢ| + η -/
  sum : Near e ts ps.sum
  /-- Σ|pᵢ| ≤ (1 + ρ)·Σ|tᵢ| + η -/
  magnitude : sumAbs ps ≤ (1 + e.relative) * sumAbs ts + e.absolute

/-! ### Kernels -/

/-- What a kernel promises. -/
structure Accumulation where
  /-- The format and mode of the sums. -/
  sums : Format.Mode
  /-- At most so many partial sums, where they are added in another format or mode. -/
  splits : Nat := 1
  /-- The format and mode in which the partial sums are rounded and added, if it is another one. -/
  across : Option Format.Mode := none
  /-- To what the finished sum is rounded once more, if it is. -/
  output : Option Format.Mode := none

namespace Accumulation

variable (k : Accumulation)

/-- v may be the kernel's finished sum of the numbers `ts`, where `P` holds of each sum, or partial
sum, and `Q` of the sum across. -/
def SumsBy (P : List Rat → Rat → Prop) (Q : Mode → List Rat → Rat → Prop) (ts : List Rat)
    (v : Rat) : Prop :=
  match k.across with
  | none => P ts v
  | some m => ∃ ps, PartialSums P ts ps ∧ ps.length ≤ k.splits ∧ Q m ps v

/-- v may be what the kernel returns for the sum of the numbers `ts`, where `P` holds of each sum, or
partial sum, and `Q` of the sum across. -/
def GivesBy (P : List Rat → Rat → Prop) (Q : Mode → List Rat → Rat → Prop) (ts : List Rat)
    (v : Rat) : Prop :=
  match k.output with
  | none => k.SumsBy P Q ts v
  | some m => ∃ s, k.SumsBy P Q ts s ∧ m.Gives s v

/-- v may be what the kernel returns for the sum of the numbers `ts`, in any order. -/
def Gives : List Rat → Rat → Prop := k.GivesBy (Computes k.sums) Computes

/-- The error bound of the finished sum, from that of the sums and that of the sum across. -/
def sumBound (e₁ e₂ : ErrorBound Rat) : ErrorBound Rat :=
  match k.across with
  | none => e₁
  | some _ => e₁.followedBy e₂

/-- The error bound of the last rounding. -/
def lastRounding : ErrorBound Rat :=
  match k.output with
  | none => ⟨0, 0⟩
  | some m => ⟨m.roundoff, m.underflow⟩

/-- The error bound of what the kernel returns. -/
def bound (e₁ e₂ : ErrorBound Rat) : ErrorBound Rat := (k.sumBound e₁ e₂).followedBy k.lastRounding

end Accumulation

end RuntimeApprox
