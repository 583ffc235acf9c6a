module

public import RuntimeApprox.OrderedField

/-!
# Summation in any order

A computed sum is a binary tree of additions over its terms: a loop, pairwise or blocked summation,
SIMD lanes and threads are trees. Each operation has a unit roundoff and an underflow threshold of
its own, so that partial sums may be kept in different formats; a fused multiply-add is a node over
a leaf that errs by nothing. Where a result is rounded once more, as to another format, the tree has
a cast.

## Main definitions
* `SumTree`: the tree, with the relative and absolute error of each operation.
* `SumTree.Computes`: the values that the tree's operations may give.
* `SumTree.exact`: the sum of the terms.
* `SumTree.bound`: Σ over the leaves of |tᵢ|·(∏ over the path (1 + u) − 1), plus underflow.
* `SumTree.factor`: the largest of these products; `SumTree.underflow`: Σ η over the operations.
* `SumTree.Uniform`: they are at most those of n terms with one u and one η.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

/-- A tree of additions. Each of its operations errs by at most u·|its exact result| + η. -/
inductive SumTree (K : Type u) where
  /-- A term, the exact product of its factors, that is computed with relative error `u` and
  absolute error `η`. -/
  | leaf (term u η : K)
  /-- The sum of two trees, computed with relative error `u` and absolute error `η`. -/
  | node (u η : K) (left right : SumTree K)
  /-- The result of a tree, rounded once more with relative error `u` and absolute error `η`. -/
  | cast (u η : K) (tree : SumTree K)

namespace SumTree

variable {K : Type u} [OrderedField K]

/-- Σᵢ tᵢ -/
def exact : SumTree K → K
  | leaf t _ _ => t
  | node _ _ l r => exact l + exact r
  | cast _ _ t => exact t

/-- Σᵢ |tᵢ| -/
def magnitude : SumTree K → K
  | leaf t _ _ => abs t
  | node _ _ l r => magnitude l + magnitude r
  | cast _ _ t => magnitude t

/-- The number of operations from the root to the deepest term, both included. -/
def depth : SumTree K → Nat
  | leaf _ _ _ => 1
  | node _ _ l r => Nat.max (depth l) (depth r) + 1
  | cast _ _ t => depth t + 1

/-- The number of operations, the products and casts included. -/
def operations : SumTree K → Nat
  | leaf _ _ _ => 1
  | node _ _ l r => operations l + operations r + 1
  | cast _ _ t => operations t + 1

/-- The number of casts. -/
def casts : SumTree K → Nat
  | leaf _ _ _ => 0
  | node _ _ l r => casts l + casts r
  | cast _ _ t => casts t + 1

/-- Every operation's errors are not negative. -/
def Nonneg : SumTree K → Prop
  | leaf _ u η => 0 ≤ u ∧ 0 ≤ η
  | node u η l r => 0 ≤ u ∧ 0 ≤ η ∧ Nonneg l ∧ Nonneg r
  | cast u η t => 0 ≤ u ∧ 0 ≤ η ∧ Nonneg t

/-- `v` may be what the operations of the tree give: each errs by at most
u·|its exact result| + η. -/
inductive Computes : SumTree K → K → Prop where
  | leaf {t u η v : K} (h : abs (v - t) ≤ u * abs t + η) : Computes (.leaf t u η) v
  | node {u η a b v : K} {l r : SumTree K} (hl : Computes l a) (hr : Computes r b)
      (h : abs (v - (a + b)) ≤ u * abs (a + b) + η) : Computes (.node u η l r) v
  | cast {u η a v : K} {t : SumTree K} (ht : Computes t a)
      (h : abs (v - a) ≤ u * abs a + η) : Computes (.cast u η t) v

/-- Σᵢ |tᵢ|·(f·∏(1 + u) − 1) + Σ η·f·∏(1 + u), each product over the path below the factor `f`: that
of a term's includes its own operation, that of an η only those above. -/
def boundBelow : K → SumTree K → K
  | f, leaf t u η => abs t * (f * (1 + u) - 1) + η * f
  | f, node u η l r => boundBelow (f * (1 + u)) l + boundBelow (f * (1 + u)) r + η * f
  | f, cast u η t => boundBelow (f * (1 + u)) t + η * f

/-- Σᵢ |tᵢ|·(∏(1 + u) − 1) + underflow, each product over the path from the root to the term. -/
def bound (t : SumTree K) : K := boundBelow 1 t

/-- The largest product of (1 + u) along a path from the root to a term. -/
def factor : SumTree K → K
  | leaf _ u _ => 1 + u
  | node u _ l r => (1 + u) * max (factor l) (factor r)
  | cast u _ t => (1 + u) * factor t

/-- Σ η over the operations. -/
def underflow : SumTree K → K
  | leaf _ _ η => η
  | node _ η l r => underflow l + underflow r + η
  | cast _ η t => underflow t + η

/-- Every operation has relative error at most `u` and absolute error at most `η`. -/
def Within (u η : K) : SumTree K → Prop
  | leaf _ u' η' => u' ≤ u ∧ η' ≤ η
  | node u' η' l r => u' ≤ u ∧ η' ≤ η ∧ Within u η l ∧ Within u η r
  | cast u' η' t => u' ≤ u ∧ η' ≤ η ∧ Within u η t

end SumTree

/-- n as an element of the field. -/
def count {K : Type u} [OrderedField K] : Nat → K
  | 0 => 0
  | n + 1 => count n + 1

/-- xⁿ -/
def pow {K : Type u} [OrderedField K] (x : K) : Nat → K
  | 0 => 1
  | n + 1 => pow x n * x

/-- What is charged where each of at most 2n operations, at most n of them on a path, errs by at most
u·|its exact result| + η: no product of (1 + u) along a path is larger than (1 + u)ⁿ, and
Σ η ≤ 2n·η. Operations that err by less, or not at all, may be more. -/
def SumTree.Uniform {K : Type u} [OrderedField K] (u η : K) (n : Nat) (t : SumTree K) : Prop :=
  t.factor ≤ pow (1 + u) n ∧ t.underflow ≤ count (2 * n) * η

end RuntimeApprox
