module

public import RuntimeApprox.AnyOrder.Lists
public import RuntimeApprox.Context
public import RuntimeApprox.Contraction.Theorems
public import RuntimeApprox.Summation.Theorems

/-!
# Contractions summed in any order

The terms of a contraction's entry, those that are not skipped, and its addends may be added in any
order and by any tree. The bound counts exactly the terms that there are: padding is not charged.

## Main definitions
* `Contraction.terms`: the exact terms of an entry; `Contraction.summands`: with the addends.
* `SumTree.leaves`: the terms of a tree.
* `SumTree.Sums`: the tree adds the given numbers, in any order, up to zeros.

## Main results
* `Contraction.evalAt_exact_eq_sumList`: an entry is the sum of its summands.
* `Contraction.sumAbs_summands`: the sum of their absolute values is the contraction of the absolute
  values of the operands; `Contraction.count_summands`: their number is the contraction of ones.
* `Contraction.any_order_summands`: a tree over the summands in any order computes the entry within
  `SumTree.bound`; `Contraction.any_order`, without addends.
* `Contraction.any_order_uniform`: with n terms, one u and one η,
  |computed − exact| ≤ ((1 + u)ⁿ − 1)·Σ|terms| + (2n − 1)·η·(1 + u)ⁿ.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

theorem sumList_map_one : (ts : List K) →
    sumList (ts.map fun _ => (1 : K)) = count ts.length
  | [] => rfl
  | _ :: ts => by
    show (1 : K) + sumList (ts.map fun _ => 1) = count ts.length + 1
    rw [sumList_map_one ts]; grind

namespace SumTree

/-- The terms, from left to right. -/
def leaves : SumTree K → List K
  | leaf t _ _ => [t]
  | node _ _ l r => leaves l ++ leaves r
  | cast _ _ t => leaves t

theorem exact_eq_sumList : (t : SumTree K) → t.exact = sumList t.leaves
  | leaf t _ _ => by show t = t + 0; grind
  | node _ _ l r => by
    show l.exact + r.exact = sumList (l.leaves ++ r.leaves)
    rw [sumList_append, exact_eq_sumList l, exact_eq_sumList r]
  | cast _ _ t => exact_eq_sumList t

theorem magnitude_eq_sumAbs : (t : SumTree K) → t.magnitude = sumAbs t.leaves
  | leaf t _ _ => by show abs t = abs t + 0; grind
  | node _ _ l r => by
    show l.magnitude + r.magnitude = sumAbs (l.leaves ++ r.leaves)
    rw [sumAbs_append, magnitude_eq_sumAbs l, magnitude_eq_sumAbs r]
  | cast _ _ t => magnitude_eq_sumAbs t

omit [OrderedField K] in
theorem length_leaves_pos : (t : SumTree K) → 0 < t.leaves.length
  | leaf _ _ _ => Nat.zero_lt_one
  | node _ _ l r => by
    have := length_leaves_pos l
    show 0 < (l.leaves ++ r.leaves).length
    rw [List.length_append]; omega
  | cast _ _ t => length_leaves_pos t

omit [OrderedField K] in
/-- With n terms and c casts no path is longer than n + c. -/
theorem depth_le_length_leaves : (t : SumTree K) → t.depth ≤ t.leaves.length + t.casts
  | leaf _ _ _ => Nat.le_refl 1
  | node _ _ l r => by
    have := depth_le_length_leaves l
    have := depth_le_length_leaves r
    have := length_leaves_pos l
    have := length_leaves_pos r
    have : Nat.max l.depth r.depth ≤ l.depth ∨ Nat.max l.depth r.depth ≤ r.depth := by
      have := Nat.max_def (n := l.depth) (m := r.depth)
      grind
    show Nat.max l.depth r.depth + 1 ≤ (l.leaves ++ r.leaves).length + (l.casts + r.casts)
    rw [List.length_append]
    omega
  | cast _ _ t => Nat.succ_le_succ t.depth_le_length_leaves

omit [OrderedField K] in
/-- With n terms and c casts there are 2n − 1 + c operations: n products, n − 1 sums, c casts. -/
theorem operations_add_one : (t : SumTree K) → t.operations + 1 = 2 * t.leaves.length + t.casts
  | leaf _ _ _ => rfl
  | node _ _ l r => by
    have := operations_add_one l
    have := operations_add_one r
    show l.operations + r.operations + 1 + 1 =
      2 * (l.leaves ++ r.leaves).length + (l.casts + r.casts)
    rw [List.length_append]; omega
  | cast _ _ t => congrArg (· + 1) t.operations_add_one

/-- With at most n terms and no casts. -/
theorem uniform_of_within {t : SumTree K} (ht : t.Nonneg) {u η : K} (hu : 0 ≤ u) (hη : 0 ≤ η)
    (hw : t.Within u η) (hc : t.casts = 0) {n : Nat} (hn : t.leaves.length ≤ n) :
    t.Uniform u η n := by
  have := t.depth_le_length_leaves
  have := t.operations_add_one
  exact uniform_of_depth ht hu hη hw (by omega) (by omega)

/-- The tree adds the numbers `ts`, in whatever order, where zeros do not count: a loop may start
from zero, a kernel may add explicit padding, and it may skip terms that are zero. -/
def Sums (t : SumTree K) (ts : List K) : Prop :=
  ∃ k m, (t.leaves ++ List.replicate k 0).Perm (ts ++ List.replicate m 0)

theorem sums_of_perm {t : SumTree K} {ts : List K} (h : t.leaves.Perm ts) : t.Sums ts :=
  ⟨0, 0, h.append_right _⟩

theorem sumList_zeros : (m : Nat) → sumList (List.replicate m (0 : K)) = 0
  | 0 => rfl
  | m + 1 => by
    have : sumList (List.replicate m (0 : K)) = 0 := sumList_zeros m
    show (0 : K) + sumList (List.replicate m 0) = 0
    grind

theorem sumAbs_zeros : (m : Nat) → sumAbs (List.replicate m (0 : K)) = 0
  | 0 => rfl
  | m + 1 => by
    have : sumAbs (List.replicate m (0 : K)) = 0 := sumAbs_zeros m
    have := abs_zero (K := K)
    show abs (0 : K) + sumAbs (List.replicate m 0) = 0
    grind

theorem Sums.exact_eq {t : SumTree K} {ts : List K} (h : t.Sums ts) : t.exact = sumList ts := by
  obtain ⟨k, m, h⟩ := h
  have h := sumList_perm h
  rw [sumList_append, sumList_append, sumList_zeros, sumList_zeros, ← exact_eq_sumList] at h
  grind

theorem Sums.magnitude_eq {t : SumTree K} {ts : List K} (h : t.Sums ts) :
    t.magnitude = sumAbs ts := by
  obtain ⟨k, m, h⟩ := h
  have h := sumAbs_perm h
  rw [sumAbs_append, sumAbs_append, sumAbs_zeros, sumAbs_zeros, ← magnitude_eq_sumAbs] at h
  grind

end SumTree

/-- The addends at output indices `o`, those that are not outside of their operands. -/
def addendTerms (o : List Nat) : (ps : List (Operand Int)) → Tensors K (shapes ps) → List K
  | [], _ => []
  | p :: ps, (t, ts) =>
    match read p.axes t o [] with
    | none => addendTerms o ps ts
    | some a => a :: addendTerms o ps ts

theorem addAll_eq_add_sumList (o : List Nat) : (ps : List (Operand Int)) →
    (ts : Tensors K (shapes ps)) → (a : K) →
    addAll exact o ps ts a = sumList (addendTerms o ps ts) + a
  | [], _, a => by show a = 0 + a; grind
  | p :: ps, (t, ts), a => by
    unfold addAll addendTerms
    rcases read p.axes t o [] with _ | b
    · exact addAll_eq_add_sumList o ps ts a
    · refine (addAll_eq_add_sumList o ps ts (a + b)).trans ?_
      show _ = b + sumList (addendTerms o ps ts) + a
      grind

namespace Contraction

variable (c : Contraction Int)

/-- The exact terms of the entry at output indices `o`, those that are not skipped, last first. -/
def terms (fs : c.Factors K) (o : List Nat) : List K :=
  loops (toNats c.red) (fun r acc =>
    match term exact c fs o r with
    | none => acc
    | some t => t :: acc) []

/-- What an entry is the sum of: its addends and its terms. -/
def summands (fs : c.Factors K) (as : c.Addends K) (o : List Nat) : List K :=
  addendTerms o c.addends as ++ c.terms fs o

/-- An entry is the sum of its summands. -/
theorem evalAt_exact_eq_sumList (fs : c.Factors K) (as : c.Addends K) (o : List Nat) :
    evalAt exact c fs as o = sumList (c.summands fs as o) := by
  have hloop : loops (toNats c.red) (step exact c fs o) exact.zero = sumList (c.terms fs o) := by
    refine loops_rel (R := fun a (l : List K) => a = sumList l) _ rfl fun r a l hal => ?_
    dsimp only at hal
    subst hal
    unfold step
    cases term exact c fs o r with
    | none => rfl
    | some t => show sumList l + t = t + sumList l; grind
  unfold evalAt summands
  rw [addAll_eq_add_sumList, hloop, sumList_append]

theorem summands_eq_terms (h : c.addends = []) (fs : c.Factors K) (as : c.Addends K)
    (o : List Nat) : c.summands fs as o = c.terms fs o := by
  obtain ⟨out, red, factor, factors, addends⟩ := c
  cases h
  rfl

/-- Without addends, an entry is the sum of its terms. -/
theorem evalAt_exact (h : c.addends = []) (fs : c.Factors K) (as : c.Addends K) (o : List Nat) :
    evalAt exact c fs as o = sumList (c.terms fs o) := by
  rw [evalAt_exact_eq_sumList, summands_eq_terms c h]

/-! ### Absolute values and counts -/

section
variable {f : K → K}

omit [OrderedField K] in
theorem read_map (axes : List (Axis Int)) (t : Tensor K (extents axes)) (o r : List Nat) :
    read axes (t.map f) o r = (read axes t o r).map f := by
  have h := read_rel (R := fun x y => y = f x) axes (u := t.map f)
    (fun i => Tensor.get_map f t i) o r
  revert h
  rcases read axes t o r with _ | x <;> rcases read axes (t.map f) o r with _ | y <;> intro h
  · rfl
  · exact h.elim
  · exact h.elim
  · exact congrArg some h

omit [OrderedField K] in
theorem addendTerms_map (o : List Nat) : (ps : List (Operand Int)) → (ts : Tensors K (shapes ps)) →
    addendTerms o ps (ts.map f) = (addendTerms o ps ts).map f
  | [], _ => rfl
  | p :: ps, (t, ts) => by
    show addendTerms o (p :: ps) (t.map f, ts.map f) = _
    unfold addendTerms
    rw [read_map]
    rcases read p.axes t o [] with _ | a
    · exact addendTerms_map o ps ts
    · exact congrArg (f a :: ·) (addendTerms_map o ps ts)

variable (hf : ∀ a b, f (a * b) = f a * f b)
include hf

theorem product_map (o r : List Nat) : (ps : List (Operand Int)) → (ts : Tensors K (shapes ps)) →
    (a : K) → product exact o r ps (ts.map f) (f a) = (product exact o r ps ts a).map f
  | [], _, _ => rfl
  | p :: ps, (t, ts), a => by
    show product exact o r (p :: ps) (t.map f, ts.map f) (f a) = _
    unfold product
    rw [read_map]
    rcases read p.axes t o r with _ | b
    · rfl
    · show product exact o r ps (ts.map f) (f a * f b) = _
      rw [← hf]
      exact product_map o r ps ts (a * b)

theorem term_map (fs : c.Factors K) (o r : List Nat) :
    term exact c (fs.map f) o r = (term exact c fs o r).map f := by
  obtain ⟨t, ts⟩ := fs
  show term exact c (t.map f, ts.map f) o r = _
  unfold term
  rw [read_map]
  rcases read c.factor.axes t o r with _ | a
  · rfl
  · exact product_map hf o r c.factors ts a

/-- A function that keeps products, at every operand: the terms are those of the operands, each
with the function applied. -/
theorem terms_map (fs : c.Factors K) (o : List Nat) :
    c.terms (fs.map f) o = (c.terms fs o).map f := by
  refine loops_rel (R := fun l l' : List K => l = l'.map f) _ rfl fun r l l' h => ?_
  dsimp only at h
  subst h
  rw [term_map c hf]
  cases term exact c fs o r <;> rfl

theorem evalAt_map (fs : c.Factors K) (as : c.Addends K) (o : List Nat) :
    evalAt exact c (fs.map f) (as.map f) o = sumList ((c.summands fs as o).map f) := by
  rw [evalAt_exact_eq_sumList]
  unfold summands
  rw [terms_map c hf, addendTerms_map, List.map_append]

end

/-- The sum of the absolute values of the summands is the contraction of the absolute values of the
operands: Σ|x||y|. -/
theorem sumAbs_summands (fs : c.Factors K) (as : c.Addends K) (o : List Nat) :
    sumAbs (c.summands fs as o) = evalAt exact c (fs.map abs) (as.map abs) o := by
  rw [evalAt_map c abs_mul, sumList_map_abs]

/-- The number of summands is the contraction of ones. It is the number of terms that are there:
those that an index outside of an operand skips do not count. -/
theorem count_summands (fs : c.Factors K) (as : c.Addends K) (o : List Nat) :
    (count (c.summands fs as o).length : K) =
      evalAt exact c (fs.map fun _ => 1) (as.map fun _ => 1) o := by
  rw [evalAt_map c fun _ _ => by grind, sumList_map_one]

/-- `count_summands`, for all entries. -/
theorem count_get (fs : c.Factors K) (as : c.Addends K) (i : Index c.shape) :
    (count (c.summands fs as (outIndices c.out i)).length : K) =
      (eval exact c (fs.map fun _ => 1) (as.map fun _ => 1)).get i := by
  unfold eval
  rw [Tensor.get_ofFn, count_summands]

/-! ### Any order -/

/-- **Any order**: whatever tree adds the summands of an entry, in whatever order, the computed
value is within `SumTree.bound` of the exact one. -/
theorem any_order_summands (fs : c.Factors K) (as : c.Addends K) (o : List Nat)
    {t : SumTree K} {v : K} (ht : t.Nonneg) (hv : t.Computes v)
    (hs : t.Sums (c.summands fs as o)) : abs (v - evalAt exact c fs as o) ≤ t.bound := by
  rw [evalAt_exact_eq_sumList, ← hs.exact_eq]
  exact SumTree.abs_sub_exact_le hv ht

/-- **Any order**: whatever tree adds the terms of an entry, in whatever order, the computed value
is within `SumTree.bound` of the exact one. -/
theorem any_order (h : c.addends = []) (fs : c.Factors K) (as : c.Addends K) (o : List Nat)
    {t : SumTree K} {v : K} (ht : t.Nonneg) (hv : t.Computes v)
    (hperm : t.leaves.Perm (c.terms fs o)) : abs (v - evalAt exact c fs as o) ≤ t.bound :=
  c.any_order_summands fs as o ht hv
    (SumTree.sums_of_perm (by rwa [summands_eq_terms c h]))

/-- **Any order, one format**: with n terms, no casts, and each operation having relative error at
most u and absolute error at most η,
|computed − exact| ≤ ((1 + u)ⁿ − 1)·Σ|terms| + (2n − 1)·η·(1 + u)ⁿ. -/
theorem any_order_uniform (h : c.addends = []) (fs : c.Factors K) (as : c.Addends K) (o : List Nat)
    {t : SumTree K} {v u η : K} (ht : t.Nonneg) (hv : t.Computes v) (hw : t.Within u η)
    (hc : t.casts = 0) (hu : 0 ≤ u) (hperm : t.leaves.Perm (c.terms fs o)) :
    abs (v - evalAt exact c fs as o) ≤
      sumAbs (c.terms fs o) * (pow (1 + u) (c.terms fs o).length - 1) +
        count (2 * (c.terms fs o).length - 1) * (η * pow (1 + u) (c.terms fs o).length) := by
  have hd := t.depth_le_length_leaves
  have ho := t.operations_add_one
  rw [hperm.length_eq, hc] at hd ho
  rw [evalAt_exact c h, ← sumList_perm hperm, ← t.exact_eq_sumList, ← sumAbs_perm hperm,
    ← t.magnitude_eq_sumAbs, ← show t.operations = 2 * (c.terms fs o).length - 1 by omega]
  exact SumTree.abs_sub_exact_le_depth hv ht hw hu hd

end Contraction

end RuntimeApprox
