module

public import RuntimeApprox.Format.RelativeError
public import RuntimeApprox.Summation.Contraction

/-!
# What a kernel computes, in binary formats

A kernel that sums products is a tree of roundings to formats of its own choice: products that are
rounded or exact, additions, fused multiply-adds, and casts. It runs, and its bound holds.

## Main definitions
* `Schedule`: the tree; `Schedule.run`: what it computes; `Schedule.terms`: what it adds up.
* `Schedule.tree`: its tree of errors, u = 2⁻ᵖ and η = 2^(eₘᵢₙ − p) of the format at each operation.
* `Schedule.loop`, `Schedule.fusedLoop`, `Schedule.blocks`, `Schedule.pairwise`: the common ones.

## Main results
* `Schedule.computes`: what it computes is one of the values that its tree allows.
* `Schedule.within`: where all formats have 2⁻ᵖ ≤ u and 2^(eₘᵢₙ − p) ≤ η, so has every operation.
* `Schedule.abs_run_sub_le`: |computed − Σ terms| ≤ bound of the tree.
* `Contraction.any_order_schedule`: for the entry of a contraction, in whatever order.
* `Schedule.sums_loop`, `Schedule.sums_fusedLoop`, `Schedule.sums_blocks`,
  `Schedule.sums_pairwise`: the common ones add up what they are given.
* `Format.abs_map_round_sub_le`: operands that are rounded to a format before they are multiplied.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-- The order and the formats in which a kernel computes a sum. -/
inductive Schedule where
  /-- A number that is there without rounding, as an exact product or the entry of a bias. -/
  | exact (t : Rat)
  /-- The product x·y, rounded to a format. -/
  | product (f : Format) (x y : Rat)
  /-- The sum of two results, rounded to a format. -/
  | add (f : Format) (l r : Schedule)
  /-- x·y plus a result, rounded once. -/
  | fma (f : Format) (x y : Rat) (s : Schedule)
  /-- A result rounded once more, to another format. -/
  | cast (f : Format) (s : Schedule)

namespace Schedule

/-- What the kernel computes. -/
def run : Schedule → Rat
  | exact t => t
  | product f x y => f.round (x * y)
  | add f l r => f.round (run l + run r)
  | fma f x y s => f.round (x * y + run s)
  | cast f s => f.round (run s)

/-- What the kernel adds up, exactly. -/
def terms : Schedule → List Rat
  | exact t => [t]
  | product _ x y => [x * y]
  | add _ l r => terms l ++ terms r
  | fma _ x y s => x * y :: terms s
  | cast _ s => terms s

/-- The tree of its errors: u = 2⁻ᵖ and η = 2^(eₘᵢₙ − p) of its format at each operation. A fused
multiply-add is an addition to an exact product. -/
def tree : Schedule → SumTree Rat
  | exact t => .leaf t 0 0
  | product f x y => .leaf (x * y) f.unitRoundoff (pow2 (f.minExponent - f.precision))
  | add f l r => .node f.unitRoundoff (pow2 (f.minExponent - f.precision)) (tree l) (tree r)
  | fma f x y s =>
    .node f.unitRoundoff (pow2 (f.minExponent - f.precision)) (.leaf (x * y) 0 0) (tree s)
  | cast f s => .cast f.unitRoundoff (pow2 (f.minExponent - f.precision)) (tree s)

/-- The leaves of the tree are the terms. -/
theorem leaves_tree : (s : Schedule) → s.tree.leaves = s.terms
  | exact _ => rfl
  | product _ _ _ => rfl
  | add _ l r => by
    show l.tree.leaves ++ r.tree.leaves = _
    rw [leaves_tree l, leaves_tree r]; rfl
  | fma _ x y s => congrArg (x * y :: ·) (leaves_tree s)
  | cast _ s => leaves_tree s

/-- No error of the tree is negative. -/
theorem tree_nonneg : (s : Schedule) → s.tree.Nonneg
  | exact _ => ⟨Rat.le_refl, Rat.le_refl⟩
  | product f _ _ => ⟨Rat.le_of_lt f.unitRoundoff_pos, pow2_nonneg _⟩
  | add f l r => ⟨Rat.le_of_lt f.unitRoundoff_pos, pow2_nonneg _, tree_nonneg l, tree_nonneg r⟩
  | fma f _ _ s =>
    ⟨Rat.le_of_lt f.unitRoundoff_pos, pow2_nonneg _, ⟨Rat.le_refl, Rat.le_refl⟩, tree_nonneg s⟩
  | cast f s => ⟨Rat.le_of_lt f.unitRoundoff_pos, pow2_nonneg _, tree_nonneg s⟩

/-- A number that is there without rounding. -/
theorem computes_exact (t : Rat) : (SumTree.leaf t 0 0).Computes t :=
  .leaf (by rw [abs_sub_self]; grind)

/-- What the kernel computes is one of the values that its tree allows: rounding to a format errs by
at most u·|x| + 2^(eₘᵢₙ − p). -/
theorem computes : (s : Schedule) → s.tree.Computes s.run
  | exact t => computes_exact t
  | product f _ _ => .leaf (f.abs_round_sub_le_mul_add _)
  | add f l r => .node (computes l) (computes r) (f.abs_round_sub_le_mul_add _)
  | fma f _ _ s => .node (computes_exact _) (computes s) (f.abs_round_sub_le_mul_add _)
  | cast f s => .cast (computes s) (f.abs_round_sub_le_mul_add _)

/-- Every operation rounds to a format with the property `P`. -/
def RoundsTo (P : Format → Prop) : Schedule → Prop
  | exact _ => True
  | product f _ _ => P f
  | add f l r => P f ∧ RoundsTo P l ∧ RoundsTo P r
  | fma f _ _ s => P f ∧ RoundsTo P s
  | cast f s => P f ∧ RoundsTo P s

/-- Where all formats have 2⁻ᵖ ≤ u and 2^(eₘᵢₙ − p) ≤ η, every operation errs by at most u and η, as
the bounds with one u and one η for all operations need it. -/
theorem within {u η : Rat} (hu : 0 ≤ u) (hη : 0 ≤ η) : (s : Schedule) →
    s.RoundsTo (fun f => f.unitRoundoff ≤ u ∧ pow2 (f.minExponent - f.precision) ≤ η) →
    s.tree.Within u η
  | exact _, _ => ⟨hu, hη⟩
  | product _ _ _, h => h
  | add _ l r, ⟨h, hl, hr⟩ => ⟨h.1, h.2, within hu hη l hl, within hu hη r hr⟩
  | fma _ _ _ s, ⟨h, hs⟩ => ⟨h.1, h.2, ⟨hu, hη⟩, within hu hη s hs⟩
  | cast _ s, ⟨h, hs⟩ => ⟨h.1, h.2, within hu hη s hs⟩

/-- **A kernel in formats**: |computed − Σ terms| ≤ Σ |tᵢ|·(∏(1 + u) − 1) + underflow, each product
over the operations from the term to the result. -/
theorem abs_run_sub_le (s : Schedule) : abs (s.run - sumList s.terms) ≤ s.tree.bound := by
  rw [← leaves_tree, ← SumTree.exact_eq_sumList]
  exact SumTree.abs_sub_exact_le s.computes s.tree_nonneg

end Schedule

/-- **A kernel for an entry of a contraction**: whatever its order and formats, as long as it adds
up what the entry is the sum of, and possibly zeros, |computed − exact| is at most the bound of its
tree. -/
theorem Contraction.any_order_schedule (c : Contraction Int) (fs : c.Factors Rat)
    (as : c.Addends Rat) (o : List Nat) {s : Schedule} (hs : s.tree.Sums (c.summands fs as o)) :
    abs (s.run - evalAt exact c fs as o) ≤ s.tree.bound :=
  any_order_summands c fs as o s.tree_nonneg s.computes hs

/-- Operands rounded to a format: |round x − x| ≤ u·|x| + 2^(eₘᵢₙ − p) at every entry. -/
theorem Format.abs_map_round_sub_le (f : Format) {s : List Nat} (t : Tensor Rat s) (i : Index s) :
    abs ((t.map f.round).get i - t.get i) ≤
      f.unitRoundoff * abs (t.get i) + pow2 (f.minExponent - f.precision) := by
  rw [Tensor.get_map]; exact f.abs_round_sub_le_mul_add _

/-! ### Trees of trees -/

namespace SumTree

variable {ts us : List Rat}

theorem Sums.of_perm {t : SumTree Rat} (h : t.Sums ts) (hp : ts.Perm us) : t.Sums us :=
  h.elim fun m h => ⟨m, h.trans (hp.append_right _)⟩

/-- A sum of two trees sums what both do. -/
theorem Sums.node {l r : SumTree Rat} (hl : l.Sums ts) (hr : r.Sums us) (u η : Rat) :
    (SumTree.node u η l r).Sums (ts ++ us) := by
  obtain ⟨m, hl⟩ := hl
  obtain ⟨k, hr⟩ := hr
  refine ⟨m + k, (hl.append hr).trans ?_⟩
  rw [← List.replicate_append_replicate, List.append_assoc, List.append_assoc]
  refine List.Perm.append_left _ ?_
  rw [← List.append_assoc, ← List.append_assoc]
  exact List.perm_append_comm.append_right _

/-- A cast sums what its tree does. -/
theorem Sums.cast {t : SumTree Rat} (h : t.Sums ts) (u η : Rat) : (SumTree.cast u η t).Sums ts := h

/-- A term sums itself. -/
theorem sums_leaf (t u η : Rat) : (SumTree.leaf t u η).Sums [t] :=
  ⟨0, List.Perm.refl _⟩

/-- A zero sums nothing. -/
theorem sums_zero (u η : Rat) : (SumTree.leaf 0 u η).Sums ([] : List Rat) :=
  ⟨1, List.Perm.refl _⟩

end SumTree

/-! ### The common kernels -/

namespace Schedule

/-- The products of a list of pairs. -/
def products : List (Rat × Rat) → List Rat
  | [] => []
  | (x, y) :: ps => x * y :: products ps

/-- A loop from zero: products in the format `f`, the accumulator in the format `g`. The last pair
is the first to be added. -/
def loop (f g : Format) : List (Rat × Rat) → Schedule
  | [] => exact 0
  | (x, y) :: ps => add g (loop f g ps) (product f x y)

/-- A loop of fused multiply-adds, from a given result. The last pair is the first to be added. -/
def fusedLoop (f : Format) (start : Schedule) : List (Rat × Rat) → Schedule
  | [] => start
  | (x, y) :: ps => fma f x y (fusedLoop f start ps)

/-- The results of blocks, SIMD lanes or threads, added in a loop; the first is the last to be
added. -/
def blocks (f : Format) : List Schedule → Schedule
  | [] => exact 0
  | [s] => s
  | s :: ss => add f (blocks f ss) s

/-- Pairwise addition of results: they are halved d times, and each part is added in a loop. -/
def pairwise (f : Format) : Nat → List Schedule → Schedule
  | 0, ss => blocks f ss
  | d + 1, ss => add f (pairwise f d (ss.take (ss.length / 2)))
      (pairwise f d (ss.drop (ss.length / 2)))

/-- All that a list of kernels adds up. -/
def allTerms : List Schedule → List Rat
  | [] => []
  | s :: ss => terms s ++ allTerms ss

/-- A kernel adds up its terms. -/
theorem sums_terms (s : Schedule) : s.tree.Sums s.terms :=
  s.leaves_tree ▸ SumTree.sums_of_perm (List.Perm.refl _)

/-- A loop adds up its products. -/
theorem sums_loop (f g : Format) : (ps : List (Rat × Rat)) → (loop f g ps).tree.Sums (products ps)
  | [] => SumTree.sums_zero 0 0
  | (x, y) :: ps => (((sums_loop f g ps).node (SumTree.sums_leaf (x * y) _ _) _ _).of_perm
      (List.perm_append_singleton _ _) :)

/-- A loop of fused multiply-adds adds up its products, and what it starts from. -/
theorem sums_fusedLoop (f : Format) {start : Schedule} {ts : List Rat} (h : start.tree.Sums ts) :
    (ps : List (Rat × Rat)) → (fusedLoop f start ps).tree.Sums (products ps ++ ts)
  | [] => h
  | (x, y) :: ps => (SumTree.sums_leaf (x * y) 0 0).node (sums_fusedLoop f h ps) _ _

/-- Blocks add up what each of them adds up. -/
theorem sums_blocks (f : Format) : (ss : List Schedule) → (blocks f ss).tree.Sums (allTerms ss)
  | [] => SumTree.sums_zero 0 0
  | [s] => by
    show s.tree.Sums (s.terms ++ [])
    rw [List.append_nil]; exact s.sums_terms
  | s :: s' :: ss => ((sums_blocks f (s' :: ss)).node s.sums_terms _ _).of_perm
      List.perm_append_comm

theorem allTerms_append : (ss rs : List Schedule) →
    allTerms (ss ++ rs) = allTerms ss ++ allTerms rs
  | [], _ => rfl
  | s :: ss, rs => by
    show s.terms ++ allTerms (ss ++ rs) = s.terms ++ allTerms ss ++ allTerms rs
    rw [allTerms_append ss rs, List.append_assoc]

/-- Pairwise summation adds up what each of its parts adds up. -/
theorem sums_pairwise (f : Format) : (d : Nat) → (ss : List Schedule) →
    (pairwise f d ss).tree.Sums (allTerms ss)
  | 0, ss => sums_blocks f ss
  | d + 1, ss => by
    have h := (sums_pairwise f d (ss.take (ss.length / 2))).node
      (sums_pairwise f d (ss.drop (ss.length / 2))) f.unitRoundoff
      (pow2 (f.minExponent - f.precision))
    rwa [← allTerms_append, List.take_append_drop] at h

/-- A kernel with exact products of bfloat16 numbers, an accumulator of binary32, and a result of
bfloat16: 1·1 + 2⁻⁸·1 + 2⁻⁸·1 is exact in binary32 but 1 + 2⁻⁷ in bfloat16; with an accumulator of
bfloat16 the result is 1. -/
example :
    (cast .bfloat16 (fusedLoop .binary32 (exact 0) [(1 / 256, 1), (1 / 256, 1), (1, 1)])).run =
      1 + 1 / 128 ∧
    (fusedLoop .bfloat16 (exact 0) [(1 / 256, 1), (1 / 256, 1), (1, 1)]).run = 1 := by
  decide +kernel

end Schedule

end RuntimeApprox
