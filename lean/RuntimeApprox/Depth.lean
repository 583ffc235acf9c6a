module

public import RuntimeApprox.Accumulation

/-!
# Sums of bounded depth

Real kernels add in partial sums, tiles and lanes, so that no term passes as many roundings as there
are terms. What a sum errs by grows with its depth, not with the number of its terms.

## Main definitions
* `ComputesWithin m d ts v`: v is a sum of `ts` in which no term passes more than d roundings.
* `Pairwise m b ts v`: pairwise summation with blocks of at most b terms.
* `Format.Mode.DepthBound`: the error bounds that are proved of sums of n terms and depth d;
  `Format.Mode.SumBound`: of sums of n terms in any order.
* `Accumulation.GivesWithin`: what a kernel may return whose sums have at most a given depth.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

open Format

/-- `ComputesWithin m d ts v`: v may be what a kernel gives for the sum of the numbers `ts`, in any
order, where no number passes more than d roundings: that of its product, and one for each addition
or fused multiply-add above it. -/
inductive ComputesWithin (m : Mode) : Nat → List Rat → Rat → Prop where
  /-- The empty sum. -/
  | zero {d : Nat} : ComputesWithin m d [] 0
  /-- A number of the format. -/
  | number {d : Nat} {t : Rat} (h : m.format.Representable t) : ComputesWithin m d [t] t
  /-- A rounded product, or a number rounded to the format. -/
  | rounded {d : Nat} {t v : Rat} (h : m.Gives t v) : ComputesWithin m (d + 1) [t] v
  /-- The rounded sum of two results. -/
  | add {d : Nat} {ts us : List Rat} {a b v : Rat} (left : ComputesWithin m d ts a)
      (right : ComputesWithin m d us b) (h : m.Gives (a + b) v) :
      ComputesWithin m (d + 1) (ts ++ us) v
  /-- A result plus one that is zero. This is not counted, since a number of the format is rounded
  to itself or flushed. -/
  | addZero {d : Nat} {ts us : List Rat} {a v : Rat} (left : ComputesWithin m d ts a)
      (right : ComputesWithin m d us 0) (h : m.Gives a v) : ComputesWithin m d (ts ++ us) v
  /-- A fused multiply-add: the rounded sum of an exact product and a result. -/
  | fused {d : Nat} {ts : List Rat} {t a v : Rat} (sum : ComputesWithin m d ts a)
      (h : m.Gives (t + a) v) : ComputesWithin m (d + 1) (t :: ts) v
  /-- The order of the numbers does not matter. -/
  | perm {d : Nat} {ts us : List Rat} {v : Rat} (h : ts.Perm us) (sum : ComputesWithin m d ts v) :
      ComputesWithin m d us v

/-- `Pairwise m b ts v`: pairwise summation. Lists are cut into halves that are summed in the same
way and added; blocks of at most b numbers are summed in any order. -/
inductive Pairwise (m : Mode) (b : Nat) : List Rat → Rat → Prop where
  /-- A block of at most b numbers. -/
  | block {ts : List Rat} {v : Rat} (h : Computes m ts v) (length : ts.length ≤ b) :
      Pairwise m b ts v
  /-- The rounded sum of two halves, neither of them longer than half the list, rounded up. -/
  | halves {ts us : List Rat} {x y v : Rat} (left : Pairwise m b ts x) (right : Pairwise m b us y)
      (leftLength : ts.length ≤ us.length + 1) (rightLength : us.length ≤ ts.length + 1)
      (h : m.Gives (x + y) v) : Pairwise m b (ts ++ us) v

/-- `m.DepthBound n d plain e`: of sums of at most n terms that are not zero and of depth at most d,
in the mode m, the error bound e is proved. If `plain`, the terms are numbers of the format. -/
inductive Format.Mode.DepthBound (m : Mode) (n d : Nat) : Bool → ErrorBound Rat → Prop where
  /-- Products to nearest, of any depth. -/
  | nearest {plain : Bool} (hz : m.towardZero = false) (hf : m.flushed = false) :
      DepthBound m n d plain (ErrorBound.nearest (n : Rat) m.roundoff m.underflow)
  /-- Numbers of the format to nearest, of any depth. -/
  | numbers (hz : m.towardZero = false) (hf : m.flushed = false) (hn : 1 ≤ n) :
      DepthBound m n d true (ErrorBound.numbers 0 (n : Rat) m.roundoff)
  /-- In any mode: the growth is that of d roundings. -/
  | tree {plain : Bool} {growth : Rat} (hg : (1 + m.roundoff) ^ d ≤ growth) :
      DepthBound m n d plain (ErrorBound.tree (n : Rat) m.underflow growth)
  /-- Numbers of the format, nothing flushed: without underflow. -/
  | plainTree {growth : Rat} (hf : m.flushed = false) (hg : (1 + m.roundoff) ^ d ≤ growth) :
      DepthBound m n d true ⟨growth - 1, 0⟩

/-- The error bounds of sums of at most n terms that are not zero in any order: these have at most
the depth n. -/
abbrev Format.Mode.SumBound (m : Mode) (n : Nat) : Bool → ErrorBound Rat → Prop := m.DepthBound n n

/-- v may be what the kernel returns for the sum of the numbers `ts`, where sums, or each partial sum
that is added in another mode, have at most the depth `depth`, and the sum across has at most
`acrossDepth`. -/
def Accumulation.GivesWithin (k : Accumulation) (depth acrossDepth : Nat) :
    List Rat → Rat → Prop :=
  k.GivesBy (ComputesWithin k.sums depth) fun m => ComputesWithin m acrossDepth

end RuntimeApprox
