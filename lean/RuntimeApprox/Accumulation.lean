module

public import RuntimeApprox.AnyOrder

/-!
# What a kernel promises

A kernel sums in one format and mode, perhaps in partial sums that it adds in another, and perhaps
rounds the finished sum once more. What it may give, and which error bounds are proved of it.

## Main definitions
* `nonzeros`: how many of the numbers are not zero; only these count as terms.
* `Adds`: sums of numbers of the format, with at most d additions one after another.
* `PartialSums`: the terms are dealt out to partial sums; `NearAll`: how near these are, all together.
* `Format.Mode.SumBound`: the error bounds that are proved of sums of n terms in a mode.
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

/-- `Adds m d ts v`: v is a sum of the numbers `ts`, which are numbers of the format, by additions
of which at most d are one after another. -/
inductive Adds (m : Mode) : Nat → List Rat → Rat → Prop where
  /-- The empty sum. -/
  | zero {d : Nat} : Adds m d [] 0
  /-- A number of the format. -/
  | number {d : Nat} {t : Rat} (h : m.format.Representable t) : Adds m d [t] t
  /-- The rounded sum of two results. -/
  | add {d : Nat} {ts us : List Rat} {a b v : Rat} (left : Adds m d ts a) (right : Adds m d us b)
      (h : m.Gives (a + b) v) : Adds m (d + 1) (ts ++ us) v
  /-- The order of the numbers does not matter. -/
  | perm {d : Nat} {ts us : List Rat} {v : Rat} (h : ts.Perm us) (sum : Adds m d ts v) :
      Adds m d us v

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
  sum : Near e ts (sumList ps)
  /-- Σ|pᵢ| ≤ (1 + ρ)·Σ|tᵢ| + η -/
  magnitude : sumAbs ps ≤ (1 + e.relative) * sumAbs ts + e.absolute

/-- `m.SumBound n plain e`: of sums of at most n terms that are not zero, in the mode m, the error
bound e is proved. If `plain`, the terms are numbers of the format. -/
inductive Format.Mode.SumBound (m : Mode) (n : Nat) : Bool → ErrorBound Rat → Prop where
  /-- Products to nearest. -/
  | nearest {plain : Bool} (hz : m.towardZero = false) (hf : m.flushed = false) :
      SumBound m n plain (ErrorBound.nearest (n : Rat) m.roundoff m.underflow)
  /-- Numbers of the format to nearest. -/
  | numbers (hz : m.towardZero = false) (hf : m.flushed = false) (hn : 1 ≤ n) :
      SumBound m n true (ErrorBound.numbers 0 (n : Rat) m.roundoff)
  /-- In any mode. -/
  | tree {plain : Bool} {growth : Rat} (hg : (1 + m.roundoff) ^ n ≤ growth) :
      SumBound m n plain (ErrorBound.tree (n : Rat) m.underflow growth)

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

/-- v may be the kernel's finished sum of the numbers `ts`. -/
def Sums (ts : List Rat) (v : Rat) : Prop :=
  match k.across with
  | none => Computes k.sums ts v
  | some m => ∃ ps, PartialSums (Computes k.sums) ts ps ∧ ps.length ≤ k.splits ∧ Computes m ps v

/-- v may be what the kernel returns for the sum of the numbers `ts`. -/
def Gives (ts : List Rat) (v : Rat) : Prop :=
  match k.output with
  | none => k.Sums ts v
  | some m => ∃ s, k.Sums ts s ∧ m.Gives s v

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
