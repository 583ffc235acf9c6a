module

public import RuntimeApprox.Summation.Theorems
public import RuntimeApprox.Contraction.Theorems

/-!
# Contractions summed in any order

The terms of a contraction's entry, those that are not skipped, may be added in any order and by any
tree. The bound counts exactly the terms that there are: padding is not charged.

## Main definitions
* `Contraction.terms`: the exact terms of an entry.
* `SumTree.leaves`: the terms of a tree.

## Main results
* `Contraction.evalAt_exact`: without addends, an entry is the sum of its terms.
* `Contraction.any_order`: a tree over the terms in any order computes the entry within
  `SumTree.bound`.
* `Contraction.any_order_uniform`: with n terms, one u and one η,
  |computed − exact| ≤ ((1 + u)ⁿ − 1)·Σ|terms| + (2n − 1)·η·(1 + u)ⁿ.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

/-- The sum of a list. -/
def sumList : List K → K
  | [] => 0
  | a :: as => a + sumList as

/-- The sum of the absolute values of a list. -/
def sumAbs : List K → K
  | [] => 0
  | a :: as => abs a + sumAbs as

theorem sumList_append : (as bs : List K) → sumList (as ++ bs) = sumList as + sumList bs
  | [], bs => by show sumList bs = 0 + sumList bs; grind
  | a :: as, bs => by
    have := sumList_append as bs
    show a + sumList (as ++ bs) = a + sumList as + sumList bs
    grind

theorem sumAbs_append : (as bs : List K) → sumAbs (as ++ bs) = sumAbs as + sumAbs bs
  | [], bs => by show sumAbs bs = 0 + sumAbs bs; grind
  | a :: as, bs => by
    have := sumAbs_append as bs
    show abs a + sumAbs (as ++ bs) = abs a + sumAbs as + sumAbs bs
    grind

/-- A sum does not depend on the order of its terms. -/
theorem sumList_perm {as bs : List K} (h : as.Perm bs) : sumList as = sumList bs := by
  induction h with
  | nil => rfl
  | cons a _ ih => exact congrArg (a + ·) ih
  | swap a b l => show b + (a + sumList l) = a + (b + sumList l); grind
  | trans _ _ ih₁ ih₂ => exact ih₁.trans ih₂

theorem sumAbs_perm {as bs : List K} (h : as.Perm bs) : sumAbs as = sumAbs bs := by
  induction h with
  | nil => rfl
  | cons a _ ih => exact congrArg (abs a + ·) ih
  | swap a b l => show abs b + (abs a + sumAbs l) = abs a + (abs b + sumAbs l); grind
  | trans _ _ ih₁ ih₂ => exact ih₁.trans ih₂

namespace SumTree

/-- The terms, from left to right. -/
def leaves : SumTree K → List K
  | leaf t _ _ => [t]
  | node _ _ l r => leaves l ++ leaves r

theorem exact_eq_sumList : (t : SumTree K) → t.exact = sumList t.leaves
  | leaf t _ _ => by show t = t + 0; grind
  | node _ _ l r => by
    show l.exact + r.exact = sumList (l.leaves ++ r.leaves)
    rw [sumList_append, exact_eq_sumList l, exact_eq_sumList r]

theorem magnitude_eq_sumAbs : (t : SumTree K) → t.magnitude = sumAbs t.leaves
  | leaf t _ _ => by show abs t = abs t + 0; grind
  | node _ _ l r => by
    show l.magnitude + r.magnitude = sumAbs (l.leaves ++ r.leaves)
    rw [sumAbs_append, magnitude_eq_sumAbs l, magnitude_eq_sumAbs r]

omit [OrderedField K] in
theorem length_leaves_pos : (t : SumTree K) → 0 < t.leaves.length
  | leaf _ _ _ => Nat.zero_lt_one
  | node _ _ l r => by
    have := length_leaves_pos l
    show 0 < (l.leaves ++ r.leaves).length
    rw [List.length_append]; omega

omit [OrderedField K] in
/-- With n terms no path is longer than n. -/
theorem depth_le_length_leaves : (t : SumTree K) → t.depth ≤ t.leaves.length
  | leaf _ _ _ => Nat.le_refl 1
  | node _ _ l r => by
    have := depth_le_length_leaves l
    have := depth_le_length_leaves r
    have := length_leaves_pos l
    have := length_leaves_pos r
    show Nat.max l.depth r.depth + 1 ≤ (l.leaves ++ r.leaves).length
    rw [List.length_append]
    have : Nat.max l.depth r.depth ≤ Nat.max l.leaves.length r.leaves.length := by grind
    grind

omit [OrderedField K] in
/-- With n terms there are 2n − 1 operations: n products and n − 1 sums. -/
theorem operations_add_one : (t : SumTree K) → t.operations + 1 = 2 * t.leaves.length
  | leaf _ _ _ => rfl
  | node _ _ l r => by
    have := operations_add_one l
    have := operations_add_one r
    show l.operations + r.operations + 1 + 1 = 2 * (l.leaves ++ r.leaves).length
    rw [List.length_append]; omega

end SumTree

namespace Contraction

variable (c : Contraction Int)

/-- The exact terms of the entry at output indices `o`, those that are not skipped, last first. -/
def terms (fs : c.Factors K) (o : List Nat) : List K :=
  loops (toNats c.red) (fun r acc =>
    match term exact c fs o r with
    | none => acc
    | some t => t :: acc) []

/-- Without addends, an entry is the sum of its terms. -/
theorem evalAt_exact (h : c.addends = []) (fs : c.Factors K) (as : c.Addends K) (o : List Nat) :
    evalAt exact c fs as o = sumList (c.terms fs o) := by
  have hloop : loops (toNats c.red) (step exact c fs o) exact.zero = sumList (c.terms fs o) := by
    refine loops_rel (R := fun a (l : List K) => a = sumList l) _ rfl fun r a l hal => ?_
    dsimp only at hal
    subst hal
    unfold step
    cases term exact c fs o r with
    | none => rfl
    | some t => show sumList l + t = t + sumList l; grind
  obtain ⟨out, red, factor, factors, addends⟩ := c
  cases h
  exact hloop

/-- **Any order**: whatever tree adds the terms of an entry, in whatever order, the computed value
is within `SumTree.bound` of the exact one. -/
theorem any_order (h : c.addends = []) (fs : c.Factors K) (as : c.Addends K) (o : List Nat)
    {t : SumTree K} {v : K} (ht : t.Nonneg) (hv : t.Computes v)
    (hperm : t.leaves.Perm (c.terms fs o)) : abs (v - evalAt exact c fs as o) ≤ t.bound := by
  rw [evalAt_exact c h, ← sumList_perm hperm, ← t.exact_eq_sumList]
  exact SumTree.abs_sub_exact_le hv ht

/-- **Any order, one format**: with n terms, each operation having relative error at most u and
absolute error at most η, |computed − exact| ≤ ((1 + u)ⁿ − 1)·Σ|terms| + (2n − 1)·η·(1 + u)ⁿ. -/
theorem any_order_uniform (h : c.addends = []) (fs : c.Factors K) (as : c.Addends K) (o : List Nat)
    {t : SumTree K} {v u η : K} (ht : t.Nonneg) (hv : t.Computes v) (hw : t.Within u η)
    (hu : 0 ≤ u) (hη : 0 ≤ η) (hperm : t.leaves.Perm (c.terms fs o)) :
    abs (v - evalAt exact c fs as o) ≤
      sumAbs (c.terms fs o) * (pow (1 + u) (c.terms fs o).length - 1) +
        count (2 * (c.terms fs o).length - 1) * (η * pow (1 + u) (c.terms fs o).length) := by
  have hd := t.depth_le_length_leaves
  have ho := t.operations_add_one
  rw [hperm.length_eq] at hd ho
  rw [evalAt_exact c h, ← sumList_perm hperm, ← t.exact_eq_sumList, ← sumAbs_perm hperm,
    ← t.magnitude_eq_sumAbs, ← show t.operations = 2 * (c.terms fs o).length - 1 by omega]
  exact SumTree.abs_sub_exact_le_depth hv ht hw hu hη hd

end Contraction

end RuntimeApprox
