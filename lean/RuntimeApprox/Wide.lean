module

public import RuntimeApprox.Accumulation

/-!
# Trees of nodes that add many numbers at once

A tensor core adds a block of products and the accumulator in one step, which errs relatively to the
sum of their absolute values. Trees of such nodes, whatever the nodes do inside.

## Main definitions
* `Wide e d N ts vs`: from the terms `ts`, N nodes that each err by at most e give the results `vs`,
  and no term passes more than d nodes.
* `Steps e s ts v`: s steps one after another, each of which adds a block to the accumulator.
* `ErrorBound.wide`: the error bound of such a tree.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

/-- `Wide e d N ts vs`: from the terms `ts`, N nodes give the results `vs`. Each node adds any
number of results and terms, with |v − Σvᵢ| ≤ ρ·Σ|vᵢ| + η. No term passes more than d nodes. -/
inductive Wide (e : ErrorBound Rat) : Nat → Nat → List Rat → List Rat → Prop where
  /-- Nothing. -/
  | nil {d : Nat} : Wide e d 0 [] []
  /-- A term: a number, or a product that is not rounded. -/
  | term {d : Nat} {t : Rat} : Wide e d 0 [t] [t]
  /-- Trees beside one another. -/
  | append {d M N : Nat} {ts us vs ws : List Rat} (left : Wide e d M ts vs)
      (right : Wide e d N us ws) : Wide e d (M + N) (ts ++ us) (vs ++ ws)
  /-- A node: all results are added at once. -/
  | node {d N : Nat} {ts vs : List Rat} {v : Rat} (children : Wide e d N ts vs)
      (h : Near e vs v) : Wide e (d + 1) (N + 1) ts [v]
  /-- The order of the terms does not matter. -/
  | perm {d N : Nat} {ts us vs : List Rat} (h : ts.Perm us) (trees : Wide e d N ts vs) :
      Wide e d N us vs

/-- `Steps e s ts v`: s steps one after another from the accumulator's first value, each of which
adds a block of terms to the accumulator and errs by at most e. -/
inductive Steps (e : ErrorBound Rat) : Nat → List Rat → Rat → Prop where
  /-- The accumulator's first value. -/
  | start {c : Rat} : Steps e 0 [c] c
  /-- One more step. -/
  | next {s : Nat} {ts us : List Rat} {c v : Rat} (before : Steps e s ts c)
      (h : Near e (c :: us) v) : Steps e (s + 1) (ts ++ us) v

/-- N nodes that err by ρ·Σ|vᵢ| + η, where `growth` is at least (1 + ρ)ᵈ: growth − 1 and
N·η·growth. -/
@[inline] def ErrorBound.wide {ι : Type u} [OfNat ι 1] [Sub ι] [Mul ι]
    (nodes absolute growth : ι) : ErrorBound ι := ⟨growth - 1, nodes * absolute * growth⟩

end RuntimeApprox
