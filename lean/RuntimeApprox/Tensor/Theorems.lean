module

public import RuntimeApprox.Tensor
public import RuntimeApprox.OrderedField.Theorems

/-!
# Facts about tensors

## Main results
* `Tensor.get_ofFn`, `Tensor.get_map`: reading what was built.
* `abs_get_le_linfNorm`, `linfNorm_le`: `linfNorm` is the least bound of all entries.
* `approxT_iff_linfNorm`: `approxT` is a bound on the largest difference.
* `approxT_linfNorm`: entrywise bounds give `approxT` at their `linfNorm`.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u v w

theorem get_tabulateTo {α : Type u} {n : Nat} (f : Fin n → α) (k : Nat) (hk : k ≤ n) (i : Fin k) :
    (tabulateTo f k hk).get i = f ⟨i, Nat.lt_of_lt_of_le i.isLt hk⟩ := by
  induction k with
  | zero => exact i.elim0
  | succ k ih =>
    have hget : ∀ (v : Vector α k) (a : α) (i : Fin (k + 1)),
        (v.push a).get i = if h : i.1 < k then v.get ⟨i, h⟩ else a := by
      intro v a i
      exact Vector.getElem_push ..
    unfold tabulateTo
    rw [hget]
    by_cases h : i.1 < k
    · rw [dif_pos h, ih]
    · rw [dif_neg h]; congr; have := i.isLt; omega

theorem get_tabulate {α : Type u} {n : Nat} (f : Fin n → α) (i : Fin n) :
    (tabulate f).get i = f i :=
  get_tabulateTo f n _ i

/-- Reading an entry of a tensor that was built from its entries. -/
theorem Tensor.get_ofFn {α : Type u} : (s : List Nat) → (f : Index s → α) → (i : Index s) →
    (Tensor.ofFn s f).get i = f i
  | [], _, _ => rfl
  | _ :: s, f, (i, j) => by
    show Tensor.get (Vector.get (tabulate _) i) j = _
    rw [get_tabulate, Tensor.get_ofFn s]

theorem Tensor.get_map {α : Type u} {β : Type v} {s : List Nat} (f : α → β) (t : Tensor α s)
    (i : Index s) : (t.map f).get i = f (t.get i) :=
  Tensor.get_ofFn s _ i

theorem Tensor.rel_ofFn {α : Type u} {β : Type v} {R : α → β → Prop} {s : List Nat}
    {f : Index s → α} {g : Index s → β} (h : ∀ i, R (f i) (g i)) :
    (Tensor.ofFn s f).Rel R (Tensor.ofFn s g) := fun i => by
  rw [Tensor.get_ofFn, Tensor.get_ofFn]; exact h i

theorem Tensor.get_zipWith {α β γ : Type u} (f : α → β → γ) {s : List Nat} (t : Tensor α s)
    (r : Tensor β s) (i : Index s) : (Tensor.zipWith f t r).get i = f (t.get i) (r.get i) :=
  Tensor.get_ofFn s _ i

theorem Tensor.get_fill {α : Type u} {s : List Nat} (a : α) (i : Index s) : (Tensor.fill s a).get i = a :=
  Tensor.get_ofFn s _ i

theorem Tensors.Rel.nil {α : Type u} {β : Type v} {R : α → β → Prop} :
    Tensors.Rel R (ss := []) ⟨⟩ ⟨⟩ := trivial

theorem Tensors.Rel.cons {α : Type u} {β : Type v} {R : α → β → Prop} {s : List Nat}
    {ss : List (List Nat)} {t : Tensor α s} {u : Tensor β s} {ts : Tensors α ss} {us : Tensors β ss}
    (h : t.Rel R u) (hs : ts.Rel R us) : Tensors.Rel R (ss := s :: ss) (t, ts) (u, us) := ⟨h, hs⟩

theorem Tensors.rel_map {α β γ : Type u} {R : β → γ → Prop} {p : α → β} {q : α → γ}
    (h : ∀ a, R (p a) (q a)) : {Γ : List (List Nat)} → (ts : Tensors α Γ) →
    Tensors.Rel R (ts.map p) (ts.map q)
  | [], _ => .nil
  | _ :: _, (_, ts) => .cons (Tensor.rel_ofFn fun _ => h _) (Tensors.rel_map h ts)

theorem Tensor.rel_map_right {α γ : Type u} {R : α → γ → Prop} {q : α → γ} (h : ∀ a, R a (q a))
    {s : List Nat} (t : Tensor α s) : t.Rel R (t.map q) := fun i => by
  rw [Tensor.get_map]; exact h _

theorem Tensors.rel_map_right {α γ : Type u} {R : α → γ → Prop} {q : α → γ} (h : ∀ a, R a (q a)) :
    {Γ : List (List Nat)} → (ts : Tensors α Γ) → Tensors.Rel R ts (ts.map q)
  | [], _ => .nil
  | _ :: _, (t, ts) => .cons (t.rel_map_right h) (Tensors.rel_map_right h ts)

/-- Two loops keep a relation that each round keeps. -/
theorem loop_rel {α : Type u} {β : Type v} {R : α → β → Prop} {f : Nat → α → α} {g : Nat → β → β}
    {a : α} {b : β} (n : Nat) (hab : R a b) (h : ∀ i a b, R a b → R (f i a) (g i b)) :
    R (loop n f a) (loop n g b) := by
  induction n with
  | zero => exact hab
  | succ n ih => exact h n _ _ ih

variable {K : Type w} [OrderedField K]

theorem le_maxTo {n : Nat} (f : Fin n → K) (i : Fin n) (k : Nat) (h : k ≤ n) (hi : i.1 < k) :
    f i ≤ maxTo f k h := by
  induction k with
  | zero => omega
  | succ k ih =>
    by_cases hik : i.1 = k
    · subst hik; exact le_max_right _ _
    · exact Std.IsPreorder.le_trans _ _ _ (ih (by omega) (by omega)) (le_max_left _ _)

theorem maxTo_le {n : Nat} {f : Fin n → K} {b : K} (hb : 0 ≤ b) (hf : ∀ i, f i ≤ b) :
    (k : Nat) → (h : k ≤ n) → maxTo f k h ≤ b
  | 0, _ => hb
  | k + 1, _ => max_le (maxTo_le hb hf k _) (hf _)

/-- |tᵢ| ≤ ‖t‖∞ -/
theorem abs_get_le_linfNorm : {s : List Nat} → (t : Tensor K s) → (i : Index s) →
    abs (t.get i) ≤ linfNorm t
  | [], t, _ => Std.IsPreorder.le_refl (abs (K := K) t)
  | n :: _, t, (i, j) => Std.IsPreorder.le_trans _ _ _
      (abs_get_le_linfNorm (Vector.get t i) j) (le_maxTo (fun i => linfNorm (Vector.get t i)) i n _ i.isLt)

/-- ‖t‖∞ is at most any bound of all |tᵢ|. -/
theorem linfNorm_le : {s : List Nat} → (t : Tensor K s) → (b : K) → 0 ≤ b →
    (∀ i, abs (t.get i) ≤ b) → linfNorm t ≤ b
  | [], _, _, _, h => h ()
  | n :: _, _, b, hb, h => maxTo_le hb (fun i => linfNorm_le _ b hb fun j => h (i, j)) n _

/-- `approxT` bounds the largest difference: ‖rounded − exact‖∞ ≤ eps. -/
theorem approxT_iff_linfNorm {s : List Nat} {exact rounded : Tensor K s} {eps : K} (heps : 0 ≤ eps) :
    approxT exact rounded eps ↔
      linfNorm (Tensor.ofFn s fun i => rounded.get i - exact.get i) ≤ eps := by
  constructor
  · intro h
    refine linfNorm_le _ _ heps fun i => ?_
    rw [Tensor.get_ofFn]; exact h i
  · intro h i
    have := abs_get_le_linfNorm (Tensor.ofFn s fun i => rounded.get i - exact.get i) i
    rw [Tensor.get_ofFn] at this
    exact Std.IsPreorder.le_trans _ _ _ this h

/-- A bound for every entry, collected in a tensor, gives `approxT` at the tensor's norm. -/
theorem approxT_linfNorm {s : List Nat} {exact rounded bound : Tensor K s}
    (h : ∀ i, abs (rounded.get i - exact.get i) ≤ bound.get i) :
    approxT exact rounded (linfNorm bound) := fun i =>
  Std.IsPreorder.le_trans _ _ _ (h i)
    (Std.IsPreorder.le_trans _ _ _ (le_abs_self _) (abs_get_le_linfNorm bound i))

end RuntimeApprox
