module

public import RuntimeApprox.OrderedField

/-!
# Summation in any order

A computed sum is a binary tree of additions over its terms: a loop, pairwise or blocked summation,
SIMD lanes and threads are trees. Each node has a unit roundoff and an underflow threshold of its
own, so that partial sums may be kept in different formats; a fused multiply-add is a node over a
leaf that errs by nothing.

## Main definitions
* `SumTree`: the tree, with the relative and absolute error of each operation.
* `SumTree.Computes`: the values that the tree's operations may give.
* `SumTree.exact`: the sum of the terms.
* `SumTree.bound`: Σ over the leaves of |tᵢ|·(∏ over the path (1 + u) − 1), plus underflow.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

/-- A tree of additions. The operation at a leaf or node errs by at most u·|exact result| + η. -/
inductive SumTree (K : Type u) where
  /-- A term, the exact product of its factors, that is computed with relative error `u` and
  absolute error `η`. -/
  | leaf (term u η : K)
  /-- The sum of two trees, computed with relative error `u` and absolute error `η`. -/
  | node (u η : K) (left right : SumTree K)

namespace SumTree

variable {K : Type u} [OrderedField K]

/-- Σᵢ tᵢ -/
def exact : SumTree K → K
  | leaf t _ _ => t
  | node _ _ l r => exact l + exact r

/-- Σᵢ |tᵢ| -/
def magnitude : SumTree K → K
  | leaf t _ _ => abs t
  | node _ _ l r => magnitude l + magnitude r

/-- The number of operations from the root to the deepest term, both included. -/
def depth : SumTree K → Nat
  | leaf _ _ _ => 1
  | node _ _ l r => Nat.max (depth l) (depth r) + 1

/-- The number of operations, the products included. -/
def operations : SumTree K → Nat
  | leaf _ _ _ => 1
  | node _ _ l r => operations l + operations r + 1

/-- Every operation's errors are not negative. -/
def Nonneg : SumTree K → Prop
  | leaf _ u η => 0 ≤ u ∧ 0 ≤ η
  | node u η l r => 0 ≤ u ∧ 0 ≤ η ∧ Nonneg l ∧ Nonneg r

/-- `v` may be what the operations of the tree give: each errs by at most u·|its exact result| + η. -/
inductive Computes : SumTree K → K → Prop where
  | leaf {t u η v : K} (h : abs (v - t) ≤ u * abs t + η) : Computes (.leaf t u η) v
  | node {u η a b v : K} {l r : SumTree K} (hl : Computes l a) (hr : Computes r b)
      (h : abs (v - (a + b)) ≤ u * abs (a + b) + η) : Computes (.node u η l r) v

/-- Σᵢ |tᵢ|·(f·∏(1 + u) − 1) + Σ η·f·∏(1 + u), each product over the path below the factor `f`: that
of a term's includes its own operation, that of an η only those above. -/
def boundBelow : K → SumTree K → K
  | f, leaf t u η => abs t * (f * (1 + u) - 1) + η * f
  | f, node u η l r => boundBelow (f * (1 + u)) l + boundBelow (f * (1 + u)) r + η * f

/-- Σᵢ |tᵢ|·(∏(1 + u) − 1) + underflow, each product over the path from the root to the term. -/
def bound (t : SumTree K) : K := boundBelow 1 t

/-- Every operation has relative error at most `u` and absolute error at most `η`. -/
def Within (u η : K) : SumTree K → Prop
  | leaf _ u' η' => u' ≤ u ∧ η' ≤ η
  | node u' η' l r => u' ≤ u ∧ η' ≤ η ∧ Within u η l ∧ Within u η r

end SumTree

/-- n as an element of the field. -/
def count {K : Type u} [OrderedField K] : Nat → K
  | 0 => 0
  | n + 1 => count n + 1

/-- xⁿ -/
def pow {K : Type u} [OrderedField K] (x : K) : Nat → K
  | 0 => 1
  | n + 1 => pow x n * x

end RuntimeApprox
