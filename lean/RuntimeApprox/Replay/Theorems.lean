module

public import RuntimeApprox.Conv2d.Theorems
public import RuntimeApprox.Format.Binade.Theorems
public import RuntimeApprox.Format.Arithmetic.Theorems
public import RuntimeApprox.Printed.Theorems
public import RuntimeApprox.Replay

/-!
# The replay: bounds from the binades of sums and products

Each operation is charged half a unit in the last place of its exact result. That is at most u times
a binade that the machine computes, plus an underflow threshold κ, so that an entry's bound follows
from sums of binades and of absolute values of its operands. Each product and each sum may take its
binade in its own way (`Format.Charges`).

## Main results
* `Contraction.eps_evalAt`: an entry's bound is Σ eps of what is added + Σ halfUlp of its additions.
* `Contraction.replay_printed`: the bound of an entry is at most what is printed for
  u·Σ b + A + what its addends err + κ for each of them, A being what its terms err.
* `Contraction.replay_terms_two`: A of n products x·y, ε_y·Σ|x| + ε_x·Σ|y| + n·(ε_x·ε_y + 2·κ).
* `Contraction.replay_terms_one`: A of n numbers y, n·ε_y + n·2·κ.
* `Contraction.addendList_withEps`: what an addend errs.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

/-! ### Sums of lists -/

section
variable {K : Type u} [OrderedField K] (R : Rounding K)

/-- The value of a sum of pairs is the rounded sum of their values. -/
theorem total_value : (ts : List (Approx K)) →
    (total (bound R) ts).value = total (rounded R) (ts.map Approx.value)
  | [] => rfl
  | t :: ts => congrArg (fun a => R.rnd (a + t.value)) (total_value ts)

/-- The eps of a sum of pairs: Σ eps + Σ halfUlp(acc + t). -/
theorem total_eps : (ts : List (Approx K)) →
    (total (bound R) ts).eps = (ts.map Approx.eps).sum +
      ((unrounded R (ts.map Approx.value)).map R.halfUlp).sum
  | [] => by show (0 : K) = 0 + 0; grind
  | t :: ts => by
    have h := total_eps ts
    show (total (bound R) ts).eps + t.eps + R.halfUlp ((total (bound R) ts).value + t.value) =
      t.eps + (ts.map Approx.eps).sum + (R.halfUlp (total (rounded R) (ts.map Approx.value) +
        t.value) + ((unrounded R (ts.map Approx.value)).map R.halfUlp).sum)
    rw [total_value, h]
    grind

theorem length_unrounded : (ts : List K) → (unrounded R ts).length = ts.length
  | [] => rfl
  | _ :: ts => congrArg (· + 1) (length_unrounded ts)

end

/-! ### What an entry adds up -/

section
variable {α : Type u}

theorem addendList_append (o : List Nat) : (ps : List (Operand Int)) →
    (ts : Tensors α (shapes ps)) → (l k : List α) →
    addendList o ps ts (l ++ k) = addendList o ps ts l ++ k
  | [], _, _, _ => rfl
  | p :: ps, (t, ts), l, k => by
    unfold addendList
    rcases read p.axes t o [] with _ | b
    · exact addendList_append o ps ts l k
    · exact addendList_append o ps ts (b :: l) k

end

section
variable {α β : Type u}

theorem entries_map (φ : β → α) (p : List (Axis Int)) (red : List Nat)
    (x : Tensor β (extents p)) (o : List Nat) :
    entries p red (x.map φ) o = (entries p red x o).map φ := by
  refine loops_rel (R := fun k (l : List β) => k = l.map φ) _ rfl fun r k l hkl => ?_
  subst hkl
  simp only [read_map]
  rcases read p x o r with _ | a <;> rfl

theorem pairs_map (φ ψ : β → α) (p q : List (Axis Int)) (red : List Nat)
    (x : Tensor β (extents p)) (y : Tensor β (extents q)) (o : List Nat) :
    pairs p q red (x.map φ) (y.map ψ) o =
      (pairs p q red x y o).map fun t => (φ t.1, ψ t.2) := by
  refine loops_rel (R := fun k (l : List (β × β)) => k = l.map fun t => (φ t.1, ψ t.2)) _ rfl
    fun r k l hkl => ?_
  subst hkl
  simp only [read_map]
  rcases read p x o r with _ | a <;> rcases read q y o r with _ | b <;> rfl

end

namespace Contraction

section
variable {α : Type u} {out : List (List Int)} {red : List Int} {p q : Operand Int}
  {bs : List (Operand Int)}

/-- The terms of a contraction of two factors are the products of its pairs. -/
theorem termsIn_two (A : Arithmetic α) (x : Tensor α (extents p.axes))
    (y : Tensor α (extents q.axes)) (o : List Nat) :
    termsIn A ⟨out, red, p, [q], bs⟩ (x, y, ⟨⟩) o =
      (pairs p.axes q.axes (toNats red) x y o).map fun t => A.mul t.1 t.2 := by
  refine loops_rel (R := fun k (l : List (α × α)) => k = l.map fun t => A.mul t.1 t.2) _ rfl
    fun r k l hkl => ?_
  subst hkl
  unfold term product product
  rcases read p.axes x o r with _ | a <;> rcases read q.axes y o r with _ | b <;> rfl

/-- The terms of functions of both operands. -/
theorem termsIn_map_two {K : Type u} [OrderedField K] (x : Tensor K (extents p.axes))
    (y : Tensor K (extents q.axes)) (o : List Nat) (φ ψ : K → K) :
    termsIn exact ⟨out, red, p, [q], bs⟩ (x.map φ, y.map ψ, ⟨⟩) o =
      (pairs p.axes q.axes (toNats red) x y o).map fun t => φ t.1 * ψ t.2 := by
  rw [termsIn_two, pairs_map, List.map_map]; rfl

/-- The terms of a contraction of one factor are its entries. -/
theorem termsIn_one (A : Arithmetic α) (x : Tensor α (extents p.axes)) (o : List Nat) :
    termsIn A ⟨out, red, p, [], bs⟩ (x, ⟨⟩) o = entries p.axes (toNats red) x o := by
  refine loops_rel (R := fun k l => k = l) _ rfl fun r k l hkl => ?_
  subst hkl
  unfold term product
  rcases read p.axes x o r with _ | a <;> rfl

end

section
variable {K : Type u} [OrderedField K] (R : Rounding K) (c : Contraction Int)
  {fs : c.Factors K} {bfs : c.Factors (Approx K)} {as : c.Addends K} {bas : c.Addends (Approx K)}

/-- **The bound of an entry, split exactly**: Σ eps of what is added + Σ halfUlp(acc + term) over
the additions, with the accumulators of the rounded evaluation. -/
theorem eps_evalAt (hf : Tensors.Rel Approx.HasValue fs bfs)
    (ha : Tensors.Rel Approx.HasValue as bas) (o : List Nat) :
    (evalAt (bound R) c bfs bas o).eps =
      ((added (bound R) c bfs bas o).map Approx.eps).sum +
        ((additions R c fs as o).map R.halfUlp).sum := by
  rw [evalAt_eq_total, total_eps, additions, added_map (rounded_respects_bound R).mul c hf ha]

/-- **The replay's printed bound.** The sums of an entry are charged b; the eps of its terms, and κ
for each of them, are at most u·Σ c + A (`replay_terms_two`, `replay_terms_one`); at most m addends
err by E in all. Then the entry's bound is at most the number V that is printed for
u·(Σ b + Σ c) + A + (E + m·κ). -/
theorem replay_printed {f : Format} {κ : Rat} (hκ : 0 ≤ κ) {fs : c.Factors Rat}
    {bfs : c.Factors (Approx Rat)} {as : c.Addends Rat} {bas : c.Addends (Approx Rat)}
    (hf : Tensors.Rel Approx.HasValue fs bfs) (ha : Tensors.Rel Approx.HasValue as bas) (o : List Nat)
    {bs cs : List Rat} (hs : f.Charges κ (additions f.rounding c fs as o) bs) {A : Rat}
    (hA : ((termsIn (bound f.rounding) c bfs o).map Approx.eps).sum +
      ((termsIn (bound f.rounding) c bfs o).length : Rat) * κ ≤ f.unitRoundoff * cs.sum + A)
    {E : Rat} {m : Nat} (hE : ((addendList o c.addends bas []).map Approx.eps).sum ≤ E)
    (hm : (addendList o c.addends bas []).length ≤ m) {ev : ErrorBound Rat} {ps : List (Part Rat)}
    {k V : Rat} (hV : Printed ev ps k
      (f.unitRoundoff * (bs ++ cs).sum + A + (E + (m : Rat) * κ)) V) :
    (evalAt (bound f.rounding) c bfs bas o).eps ≤ V := by
  refine Rat.le_trans ?_ hV.le
  have h := hs.sum_le
  have hl : (additions f.rounding c fs as o).length = _ := length_unrounded f.rounding _
  rw [hl, added_map (rounded_respects_bound f.rounding).mul c hf ha, List.length_map] at h
  rw [eps_evalAt f.rounding c hf ha]
  have hadd : added (bound f.rounding) c bfs bas o =
      addendList o c.addends bas [] ++ termsIn (bound f.rounding) c bfs o :=
    addendList_append o c.addends bas [] _
  have := mul_le_mul_left hκ (Rat.natCast_le_natCast.2 hm)
  rw [hadd] at h ⊢
  rw [List.length_append, Rat.natCast_add] at h
  rw [List.map_append, listSum_append, listSum_append]
  show _ + (List.map f.halfUlp _).sum ≤ _
  clear hs hadd hl hV
  grind

end

/-- Σ over n pairs of (|x| + ε_x)·ε_y + |y|·ε_x + halfUlp(x·y), and n·κ, is at most
u·Σ b + ε_y·Σ |x| + ε_x·Σ |y| + n·(ε_x·ε_y + 2·κ). -/
theorem listSum_mulEps_le {f : Format} {κ : Rat} (εx εy : Rat) : (l : List (Rat × Rat)) →
    {cs : List Rat} → f.Charges κ (l.map fun t => t.1 * t.2) cs →
    (l.map fun t => (abs t.1 + εx) * εy + abs t.2 * εx + f.halfUlp (t.1 * t.2)).sum +
        (l.length : Rat) * κ ≤
      f.unitRoundoff * cs.sum + εy * (l.map fun t => abs t.1 * 1).sum +
        εx * (l.map fun t => 1 * abs t.2).sum + replayConstant (l.length : Rat) εx εy κ
  | [], [], _ => by
    show (0 : Rat) + ((0 : Nat) : Rat) * κ ≤ _ * 0 + _ * 0 + _ * 0 + ((0 : Nat) : Rat) * _
    grind
  | t :: l, b :: cs, h => by
    have := listSum_mulEps_le εx εy l h.2
    have := h.1
    unfold replayConstant at *
    show (abs t.1 + εx) * εy + abs t.2 * εx + f.halfUlp (t.1 * t.2) + (List.map _ _).sum +
      ((l.length + 1 : Nat) : Rat) * κ ≤ _ * (b + cs.sum) +
        _ * (abs t.1 * 1 + (List.map _ _).sum) + _ * (1 * abs t.2 + (List.map _ _).sum) +
        ((l.length + 1 : Nat) : Rat) * _
    rw [Rat.natCast_add]
    clear h
    grind
  | [], _ :: _, h => h.elim
  | _ :: _, [], h => h.elim

/-- n entries, each with eps ε: n·ε. -/
theorem listSum_map_eps (ε : Rat) : (l : List Rat) →
    ((l.map fun v => (⟨v, ε⟩ : Approx Rat)).map Approx.eps).sum = (l.length : Rat) * ε
  | [] => by show (0 : Rat) = ((0 : Nat) : Rat) * ε; grind
  | _ :: l => by
    have := listSum_map_eps ε l
    show ε + (List.map _ _).sum = ((l.length + 1 : Nat) : Rat) * ε
    rw [Rat.natCast_add]
    grind

variable {out : List (List Int)} {red : List Int} {p q : Operand Int} {qs : List (Operand Int)}

/-- An addend that errs by ε is at most one. -/
theorem addendList_withEps (t : Tensor Rat (extents p.axes)) {ε : Rat} (hε : 0 ≤ ε)
    (o : List Nat) :
    ((addendList o [p] (t.withEps ε, ⟨⟩) []).map Approx.eps).sum ≤ ε ∧
      (addendList o [p] (t.withEps ε, ⟨⟩) []).length ≤ 1 := by
  unfold addendList addendList
  rw [Tensor.withEps, read_map]
  rcases read p.axes t o [] with _ | a
  · exact ⟨hε, Nat.zero_le _⟩
  · exact ⟨by show ε + 0 ≤ ε; grind, Nat.le_refl _⟩

/-- The terms of two factors, whose products are charged c:
u·Σ c + (ε_y·Σ |x| + ε_x·Σ |y| + n·(ε_x·ε_y + 2·κ)). -/
theorem replay_terms_two {f : Format} {κ : Rat} (x : Tensor Rat (extents p.axes)) (εx : Rat)
    (y : Tensor Rat (extents q.axes)) (εy : Rat) (o : List Nat) {cs : List Rat}
    (hp : f.Charges κ (termsIn exact ⟨out, red, p, [q], qs⟩ (x, y, ⟨⟩) o) cs) :
    let ts := termsIn (bound f.rounding) ⟨out, red, p, [q], qs⟩ (x.withEps εx, y.withEps εy, ⟨⟩) o
    (ts.map Approx.eps).sum + (ts.length : Rat) * κ ≤ f.unitRoundoff * cs.sum +
      (εy * (termsIn exact ⟨out, red, p, [q], qs⟩ (x.map abs, y.map fun _ => 1, ⟨⟩) o).sum +
        εx * (termsIn exact ⟨out, red, p, [q], qs⟩ (x.map fun _ => 1, y.map abs, ⟨⟩) o).sum +
        replayConstant ((termsIn exact ⟨out, red, p, [q], qs⟩ (x, y, ⟨⟩) o).length : Rat) εx εy κ) := by
  have hb : termsIn (bound f.rounding) ⟨out, red, p, [q], qs⟩ (x.withEps εx, y.withEps εy, ⟨⟩) o =
      (pairs p.axes q.axes (toNats red) x y o).map fun t =>
        Approx.mul f.rounding ⟨t.1, εx⟩ ⟨t.2, εy⟩ := by
    rw [termsIn_two, Tensor.withEps, Tensor.withEps, pairs_map, List.map_map]; rfl
  have he := termsIn_map_two (out := out) (red := red) (bs := qs) x y o
  have hx : termsIn exact ⟨out, red, p, [q], qs⟩ (x, y, ⟨⟩) o =
      (pairs p.axes q.axes (toNats red) x y o).map fun t => t.1 * t.2 := termsIn_two exact x y o
  rw [hx] at hp
  intro ts
  show ((termsIn _ _ _ o).map Approx.eps).sum + ((termsIn _ _ _ o).length : Rat) * κ ≤ _
  rw [hb, he abs fun _ => 1, he (fun _ => 1) abs, hx, List.length_map, List.length_map, List.map_map]
  refine Rat.le_trans (listSum_mulEps_le εx εy _ hp) ?_
  rw [Rat.add_assoc, Rat.add_assoc, Rat.add_assoc]
  exact Rat.le_refl

/-- The n terms of one factor, of which none is rounded: n·ε + n·2·κ. -/
theorem replay_terms_one {f : Format} {κ : Rat} (hκ : 0 ≤ κ) (y : Tensor Rat (extents p.axes))
    (ε : Rat) (o : List Nat) {n : Nat}
    (hn : (termsIn exact ⟨out, red, p, [], qs⟩ (y, ⟨⟩) o).length = n) :
    let ts := termsIn (bound f.rounding) ⟨out, red, p, [], qs⟩ (y.withEps ε, ⟨⟩) o
    (ts.map Approx.eps).sum + (ts.length : Rat) * κ ≤
      f.unitRoundoff * ([] : List Rat).sum + (replayConstant (n : Rat) 0 ε κ + (n : Rat) * ε) := by
  have := mul_nonneg (Rat.natCast_nonneg (a := n)) hκ
  have hb : termsIn (bound f.rounding) ⟨out, red, p, [], qs⟩ (y.withEps ε, ⟨⟩) o = _ :=
    (termsIn_one _ _ o).trans (entries_map _ p.axes (toNats red) y o)
  rw [termsIn_one] at hn
  intro ts
  show ((termsIn _ _ _ o).map Approx.eps).sum + ((termsIn _ _ _ o).length : Rat) * κ ≤
    f.unitRoundoff * 0 + _
  rw [hb, listSum_map_eps, List.length_map, hn, replayConstant]
  grind

end Contraction

end RuntimeApprox
