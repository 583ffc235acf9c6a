module

public import RuntimeApprox.Estimate.Theorems
public import RuntimeApprox.Format.RelativeError

/-!
# What a kernel computes, in binary formats

A kernel that sums products is a tree of roundings to formats of its own choice: products that are
rounded or exact, additions, fused multiply-adds, and casts. It runs, and its bound holds.

## Main definitions
* `Schedule`: the tree; `Schedule.run`: what it computes; `Schedule.terms`: what it adds up.
* `Schedule.tree`: its tree of errors, u = 2⁻ᵖ and η = 2^(eₘᵢₙ − p) of the format at each operation.
* `Schedule.InFormat`: all of it is in one format; `Format.kernelErrors`: the errors that this
  means, with the formats to which operands and result are rounded.
* `Schedule.loop`, `Schedule.fusedLoop`, `Schedule.blocks`, `Schedule.pairwise`: the common ones.

## Main results
* `Schedule.computes`: what it computes is one of the values that its tree allows.
* `Schedule.within`: where all formats have 2⁻ᵖ ≤ u and 2^(eₘᵢₙ − p) ≤ η, so has every operation.
* `Schedule.abs_run_sub_le`: |computed − Σ terms| ≤ bound of the tree.
* `Contraction.any_order_schedule`: for the entry of a contraction, in whatever order.
* `Schedule.dense_run`: in one format, zeros cost nothing.
* `Schedule.errors_computes`: a kernel in one format is one that the estimates are about;
  `Schedule.errors_computes_of_roundsTo`, with several formats.
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
  h.elim fun k ⟨m, h⟩ => ⟨k, m, h.trans (hp.append_right _)⟩

theorem append_zeros_perm (as bs : List Rat) (m k : Nat) :
    (as ++ List.replicate m 0 ++ (bs ++ List.replicate k 0)).Perm
      (as ++ bs ++ List.replicate (m + k) 0) := by
  rw [← List.replicate_append_replicate, List.append_assoc, List.append_assoc]
  refine List.Perm.append_left _ ?_
  rw [← List.append_assoc, ← List.append_assoc]
  exact List.perm_append_comm.append_right _

/-- A sum of two trees sums what both do. -/
theorem Sums.node {l r : SumTree Rat} (hl : l.Sums ts) (hr : r.Sums us) (u η : Rat) :
    (SumTree.node u η l r).Sums (ts ++ us) := by
  obtain ⟨k, m, hl⟩ := hl
  obtain ⟨k', m', hr⟩ := hr
  exact ⟨k + k', m + m', (append_zeros_perm _ _ _ _).symm.trans
    ((hl.append hr).trans (append_zeros_perm _ _ _ _))⟩

/-- A cast sums what its tree does. -/
theorem Sums.cast {t : SumTree Rat} (h : t.Sums ts) (u η : Rat) : (SumTree.cast u η t).Sums ts := h

/-- A term sums itself. -/
theorem sums_leaf (t u η : Rat) : (SumTree.leaf t u η).Sums [t] :=
  ⟨0, 0, List.Perm.refl _⟩

/-- A zero sums nothing. -/
theorem sums_zero (u η : Rat) : (SumTree.leaf 0 u η).Sums ([] : List Rat) :=
  ⟨0, 1, List.Perm.refl _⟩

end SumTree

/-! ### One format -/

namespace Schedule

variable {f : Format}

/-- Every operation rounds to the format `f`, and what is there without rounding is a number of it;
there are no casts. -/
def InFormat (f : Format) : Schedule → Prop
  | exact t => f.Representable t
  | product g _ _ => g = f
  | add g l r => g = f ∧ InFormat f l ∧ InFormat f r
  | fma g _ _ s => g = f ∧ InFormat f s
  | cast _ _ => False

theorem representable_run : (s : Schedule) → s.InFormat f → f.Representable s.run
  | exact _, h => h
  | product _ _ _, h => h ▸ Format.representable_round _ _
  | add _ _ _, h => h.1 ▸ Format.representable_round _ _
  | fma _ _ _ _, h => h.1 ▸ Format.representable_round _ _

/-- The terms that are not zero. -/
def nonzero (ts : List Rat) : List Rat := ts.filter (· ≠ 0)

theorem nonzero_append (ts us : List Rat) : nonzero (ts ++ us) = nonzero ts ++ nonzero us :=
  List.filter_append ..

theorem nonzero_zeros (m : Nat) : nonzero (List.replicate m 0) = [] :=
  List.filter_eq_nil_iff.2 fun a h => by simp [List.eq_of_mem_replicate h]

theorem nonzero_perm : (ts : List Rat) → ∃ m, (nonzero ts ++ List.replicate m 0).Perm ts
  | [] => ⟨0, .refl _⟩
  | t :: ts => by
    obtain ⟨m, h⟩ := nonzero_perm ts
    by_cases ht : t = 0
    · subst ht
      exact ⟨m + 1, by
        rw [List.replicate_succ]
        exact (List.perm_middle.trans (h.cons 0) :)⟩
    · refine ⟨m, ?_⟩
      rw [nonzero, List.filter_cons_of_pos (by simpa using ht)]
      exact h.cons t

/-- What a tree computes in the format `f` from the numbers `ts`, each operation with its errors. -/
def Dense (f : Format) (ts : List Rat) (v : Rat) : Prop :=
  ∃ t : SumTree Rat, t.Nonneg ∧ t.Within f.unitRoundoff (pow2 (f.minExponent - f.precision)) ∧
    t.casts = 0 ∧ t.Computes v ∧ t.leaves = ts

theorem dense_leaf {t v : Rat} (h : abs (v - t) ≤
    f.unitRoundoff * abs t + pow2 (f.minExponent - f.precision)) : Dense f [t] v :=
  ⟨.leaf t f.unitRoundoff (pow2 (f.minExponent - f.precision)),
    ⟨Rat.le_of_lt f.unitRoundoff_pos, pow2_nonneg _⟩, ⟨Rat.le_refl, Rat.le_refl⟩, rfl, .leaf h, rfl⟩

theorem Dense.node {ts us : List Rat} {a b : Rat} : Dense f ts a → Dense f us b →
    Dense f (ts ++ us) (f.round (a + b)) := by
  rintro ⟨l, hl, hwl, hcl, hvl, rfl⟩ ⟨r, hr, hwr, hcr, hvr, rfl⟩
  refine ⟨.node f.unitRoundoff (pow2 (f.minExponent - f.precision)) l r,
    ⟨Rat.le_of_lt f.unitRoundoff_pos, pow2_nonneg _, hl, hr⟩,
    ⟨Rat.le_refl, Rat.le_refl, hwl, hwr⟩, ?_, .node hvl hvr (f.abs_round_sub_le_mul_add _), rfl⟩
  show l.casts + r.casts = 0
  omega

theorem Dense.fma {ts : List Rat} {a : Rat} (x y : Rat) : Dense f ts a →
    Dense f (x * y :: ts) (f.round (x * y + a)) := by
  rintro ⟨t, ht, hw, hc, hv, rfl⟩
  have hu := Rat.le_of_lt f.unitRoundoff_pos
  have hη := pow2_nonneg (f.minExponent - f.precision)
  exact ⟨.node f.unitRoundoff (pow2 (f.minExponent - f.precision)) (.leaf (x * y) 0 0) t,
    ⟨hu, hη, ⟨Rat.le_refl, Rat.le_refl⟩, ht⟩, ⟨Rat.le_refl, Rat.le_refl, ⟨hu, hη⟩, hw⟩,
    (Nat.zero_add _).trans hc, .node (computes_exact _) hv (f.abs_round_sub_le_mul_add _), rfl⟩

/-- **Zeros cost nothing**: in one format, adding zero is exact, so that what a kernel computes is
computed by a tree over its nonzero terms alone. -/
theorem dense_run : (s : Schedule) → s.InFormat f →
    s.run = 0 ∧ nonzero s.terms = [] ∨ Dense f (nonzero s.terms) s.run
  | exact t, _ => by
    by_cases ht : t = 0
    · subst ht; exact .inl ⟨rfl, rfl⟩
    · refine .inr ?_
      rw [show nonzero (exact t).terms = [t] from List.filter_cons_of_pos (by simpa using ht)]
      exact dense_leaf (by
        have := mul_nonneg (Rat.le_of_lt f.unitRoundoff_pos) (abs_nonneg t)
        have := pow2_nonneg (f.minExponent - f.precision)
        show abs (t - t) ≤ _
        rw [abs_sub_self]; grind)
  | product _ x y, rfl => by
    by_cases h : x * y = 0
    · exact .inl ⟨by unfold run; rw [h, Format.round_zero], by
        rw [show terms (product f x y) = [x * y] from rfl, h]; rfl⟩
    · refine .inr ?_
      rw [show nonzero (product f x y).terms = [x * y] from
        List.filter_cons_of_pos (by simpa using h)]
      exact dense_leaf (f.abs_round_sub_le_mul_add _)
  | add _ l r, ⟨rfl, hl, hr⟩ => by
    rw [show nonzero (add f l r).terms = _ from nonzero_append l.terms r.terms, run]
    rcases dense_run l hl with ⟨h, h'⟩ | hl' <;> rcases dense_run r hr with ⟨k, k'⟩ | hr'
    · rw [h, k, h', k', Rat.add_zero, Format.round_zero]; exact .inl ⟨rfl, rfl⟩
    · rw [h, h', Rat.zero_add, Format.round_eq_self (representable_run r hr)]; exact .inr hr'
    · rw [k, k', Rat.add_zero, List.append_nil, Format.round_eq_self (representable_run l hl)]
      exact .inr hl'
    · exact .inr (hl'.node hr')
  | fma _ x y s, ⟨rfl, hs⟩ => by
    rw [show nonzero (fma f x y s).terms = _ from nonzero_append [x * y] s.terms, run]
    by_cases h : x * y = 0
    · rw [h, Rat.zero_add, Format.round_eq_self (representable_run s hs)]
      exact dense_run s hs
    rw [show nonzero [x * y] = [x * y] from List.filter_cons_of_pos (by simpa using h)]
    rcases dense_run s hs with ⟨k, k'⟩ | hs'
    · rw [k, k', Rat.add_zero]
      exact .inr (dense_leaf (f.abs_round_sub_le_mul_add _))
    · exact .inr (hs'.fma x y)

theorem nonzero_of_sums {s : Schedule} {ts : List Rat} (h : s.tree.Sums ts) :
    (nonzero s.terms).Perm (nonzero ts) := by
  obtain ⟨k, m, h⟩ := h
  rw [leaves_tree] at h
  have h : (nonzero _).Perm (nonzero _) := h.filter _
  rwa [nonzero_append, nonzero_append, nonzero_zeros, nonzero_zeros, List.append_nil,
    List.append_nil] at h

end Schedule

/-! ### Errors of a kernel in formats -/

namespace Format

/-- Rounding to a format, if there is one. -/
def roundTo : Option Format → Rat → Rat
  | none, x => x
  | some f, x => f.round x

/-- The relative error of `roundTo`: 2⁻ᵖ, or 0. -/
def roundoffOf : Option Format → Rat
  | none => 0
  | some f => f.unitRoundoff

/-- The absolute error of `roundTo`: 2^(eₘᵢₙ − p), or 0. -/
def underflowOf : Option Format → Rat
  | none => 0
  | some f => pow2 (f.minExponent - f.precision)

theorem roundoffOf_nonneg : (f : Option Format) → 0 ≤ roundoffOf f
  | none => Rat.le_refl
  | some f => Rat.le_of_lt f.unitRoundoff_pos

theorem underflowOf_nonneg : (f : Option Format) → 0 ≤ underflowOf f
  | none => Rat.le_refl
  | some _ => pow2_nonneg _

/-- |roundTo x − x| ≤ u·|x| + 2^(eₘᵢₙ − p) -/
theorem abs_roundTo_sub_le : (f : Option Format) → (x : Rat) →
    abs (roundTo f x - x) ≤ roundoffOf f * abs x + underflowOf f
  | none, x => by
    show abs (x - x) ≤ 0 * abs x + 0
    rw [abs_sub_self]; grind
  | some f, x => f.abs_round_sub_le_mul_add x

/-- The errors of a kernel over n terms that accumulates in the format `f`, rounds its operands, of
errors ε_x and ε_y, to the format `operands` and its result to the format `output`, if any. -/
def kernelErrors (f : Format) (operands output : Option Format) (n : Nat) (εx εy : Rat) :
    Errors Rat where
  terms := count n
  roundoff := f.unitRoundoff
  underflow := pow2 (f.minExponent - f.precision)
  outputRoundoff := roundoffOf output
  outputUnderflow := underflowOf output
  firstRelative := roundoffOf operands
  firstAbsolute := underflowOf operands + εx
  secondRelative := roundoffOf operands
  secondAbsolute := underflowOf operands + εy

variable {f : Format} {q h : Option Format} {n : Nat} {εx εy : Rat}

/-- They are not negative. -/
theorem kernelErrors_valid (hn : count n * f.unitRoundoff < 1) (hx : 0 ≤ εx) (hy : 0 ≤ εy) :
    (f.kernelErrors q h n εx εy).Valid where
  roundoff := Rat.le_of_lt f.unitRoundoff_pos
  underflow := pow2_nonneg _
  outputRoundoff := roundoffOf_nonneg h
  outputUnderflow := underflowOf_nonneg h
  firstRelative := roundoffOf_nonneg q
  firstAbsolute := Rat.add_nonneg (underflowOf_nonneg q) hx
  secondRelative := roundoffOf_nonneg q
  secondAbsolute := Rat.add_nonneg (underflowOf_nonneg q) hy
  small := hn

/-- A rounded operand and the exact one are together within u·|x| + 2^(eₘᵢₙ − p) + ε of x. -/
theorem abs_roundTo_add_le (q : Option Format) {s : List Nat} {x' x : Tensor Rat s} {ε : Rat}
    (hx : ∀ i, abs (x.get i - x'.get i) ≤ ε) (i : Index s) :
    abs ((x.map (roundTo q)).get i - x.get i) + abs (x'.get i - x.get i) ≤
      roundoffOf q * abs (x.get i) + (underflowOf q + ε) := by
  have h := abs_roundTo_sub_le q (x.get i)
  have h' := hx i
  rw [abs_sub_comm] at h'
  rw [Tensor.get_map]
  grind

end Format

/-- **A kernel in one format computes as the estimates assume**: whatever order and whatever fused
operations, with any number of zeros, where at most n terms are added; and the result is rounded
once more, or not. -/
theorem Schedule.errors_computes {f : Format} {q h : Option Format} {n : Nat} {εx εy : Rat}
    {s : Schedule} {ts : List Rat} (hs : s.InFormat f) (hsum : s.tree.Sums ts) (hlen : ts.length ≤ n)
    (he : (f.kernelErrors q h n εx εy).Valid) :
    (f.kernelErrors q h n εx εy).Computes ts (Format.roundTo h s.run) := by
  have hp := nonzero_of_sums hsum
  have hl : (nonzero ts).length ≤ n := Nat.le_trans (List.length_filter_le ..) hlen
  have hcast : ∀ {t : SumTree Rat}, t.Computes s.run →
      (t.cast (Format.roundoffOf h) (Format.underflowOf h)).Computes (Format.roundTo h s.run) :=
    fun ht => .cast ht (Format.abs_roundTo_sub_le h _)
  rcases dense_run s hs with ⟨h0, h0'⟩ | ⟨t, ht, hw, hc, hv, hleaves⟩
  · obtain ⟨m, hm⟩ := nonzero_perm ts
    rw [h0', List.nil_perm] at hp
    rw [hp, List.nil_append] at hm
    refine .intro n (.leaf 0 0 0) rfl hlen ⟨Rat.le_refl, Rat.le_refl⟩ ⟨?_, ?_⟩ ?_
      (hcast (h0 ▸ computes_exact 0))
    · show (1 : Rat) + 0 ≤ _
      rw [Rat.add_zero]
      exact one_le_pow (by have := he.roundoff; grind) n
    · exact mul_nonneg (count_nonneg _) he.underflow
    · exact ⟨m, 1, (List.Perm.cons 0 hm).trans (List.perm_append_singleton 0 ts).symm⟩
  · obtain ⟨m, hm⟩ := nonzero_perm ts
    exact Errors.computes_of_within rfl hlen he ht hw hc
      ⟨m, 0, ((hleaves ▸ hp).append_right _).trans (hm.trans (by simp))⟩
      (by rw [hleaves, hp.length_eq]; exact hl) (hcast hv)

/-- In formats of which each has 2⁻ᵖ ≤ u and 2^(eₘᵢₙ − p) ≤ η, zeros count as terms. -/
theorem Schedule.errors_computes_of_roundsTo {e : Errors Rat} {n : Nat} {s : Schedule}
    {ts : List Rat} {h : Option Format} (he : e.Valid) (hn : e.terms = count n)
    (hs : s.RoundsTo fun f =>
      f.unitRoundoff ≤ e.roundoff ∧ pow2 (f.minExponent - f.precision) ≤ e.underflow)
    (hc : s.tree.casts = 0) (hsum : s.tree.Sums ts) (hlen : ts.length ≤ n)
    (hl : s.terms.length ≤ n) (hw : Format.roundoffOf h = e.outputRoundoff)
    (hω : Format.underflowOf h = e.outputUnderflow) : e.Computes ts (Format.roundTo h s.run) :=
  Errors.computes_of_within hn hlen he s.tree_nonneg (s.within he.roundoff he.underflow hs) hc hsum
    (by rwa [s.leaves_tree]) (hw ▸ hω ▸ .cast s.computes (Format.abs_roundTo_sub_le h _))

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
