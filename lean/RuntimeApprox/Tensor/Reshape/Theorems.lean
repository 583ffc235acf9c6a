module

public import RuntimeApprox.Tensor.Reshape
public import RuntimeApprox.Tensor.Algebra.Theorems

/-!
# Facts about reshaping

## Main results
* `Index.ofNat_toNat`, `Index.toNat_ofNat`: places and row-major positions are the same.
* `Tensor.dot_eq_sum`: the inner product as one sum over row-major positions.
* `Tensor.dot_reshape`: reshaping back is the adjoint of reshaping, ⟨u, reshape t⟩ = ⟨t, reshape u⟩.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

/-- The place at the position of a place is this place. -/
theorem Index.ofNat_toNat : {s : List Nat} → (i : Index s) → Index.ofNat s i.toNat i.toNat_lt = i
  | [], _ => rfl
  | n :: s, (i, j) => by
    have hj := Index.toNat_lt j
    have hp : 0 < prod s := by omega
    refine Prod.ext (Fin.ext ?_) ?_
    · show (i.1 * prod s + j.toNat) / prod s = i.1
      rw [Nat.mul_comm, Nat.mul_add_div hp, Nat.div_eq_of_lt hj, Nat.add_zero]
    · have h : (i.1 * prod s + j.toNat) % prod s = j.toNat := by
        rw [Nat.mul_comm, Nat.mul_add_mod, Nat.mod_eq_of_lt hj]
      have hc : ∀ (k : Nat) (hk : k < prod s), k = j.toNat → Index.ofNat s k hk = j := by
        intro k hk e; subst e; exact Index.ofNat_toNat j
      exact hc _ _ h

/-- The position of the place at a position is this position. -/
theorem Index.toNat_ofNat : (s : List Nat) → (k : Nat) → (h : k < prod s) →
    (Index.ofNat s k h).toNat = k
  | [], k, h => by have : k < 1 := h; show 0 = k; omega
  | n :: s, k, h => by
    show k / prod s * prod s + (Index.ofNat s (k % prod s) _).toNat = k
    rw [Index.toNat_ofNat s, Nat.mul_comm, Nat.div_add_mod]

namespace Tensor

/-- The entry of a reshaped tensor at a row-major position is that of the tensor. -/
theorem get_reshape_ofNat {α : Type u} {s r : List Nat} (h : prod s = prod r) (t : Tensor α s)
    (k : Nat) (hk : k < prod r) :
    (t.reshape h).get (Index.ofNat r k hk) = t.get (Index.ofNat s k (h ▸ hk)) := by
  unfold reshape
  rw [get_ofFn]
  congr 1
  have hc : ∀ (l : Nat) (hl : l < prod s), l = k →
      Index.ofNat s l hl = Index.ofNat s k (h ▸ hk) := by
    intro l hl e; subst e; rfl
  exact hc _ _ (Index.toNat_ofNat r k hk)

variable {K : Type u} [OrderedField K]

/-- The entry at a row-major position; zero beyond the last one. -/
private def flat {s : List Nat} (t : Tensor K s) (k : Nat) : K :=
  if h : k < prod s then t.get (Index.ofNat s k h) else 0

private theorem flat_reshape {s r : List Nat} (h : prod s = prod r) (t : Tensor K s) (k : Nat) :
    (t.reshape h).flat k = t.flat k := by
  unfold flat
  by_cases hk : k < prod r
  · rw [dif_pos hk, dif_pos (h ▸ hk), get_reshape_ofNat]
  · rw [dif_neg hk, dif_neg (h ▸ hk)]

private theorem flat_cons {n : Nat} {s : List Nat} (t : Tensor K (n :: s)) (i : Fin n) {j : Nat}
    (hj : j < prod s) : t.flat (i.1 * prod s + j) = flat (s := s) (Vector.get t i) j := by
  have hk : Index.toNat (s := n :: s) (i, Index.ofNat s j hj) = i.1 * prod s + j := by
    show i.1 * prod s + (Index.ofNat s j hj).toNat = _
    rw [Index.toNat_ofNat]
  unfold flat
  rw [dif_pos hj, ← hk, dif_pos (Index.toNat_lt _), Index.ofNat_toNat]
  rfl

/-- ⟨t, u⟩ = Σ_{k < size} tₖ·uₖ over the row-major positions -/
private theorem dot_eq_sum : {s : List Nat} → (t u : Tensor K s) →
    t.dot u = sum (prod s) fun k => t.flat k * u.flat k
  | [], t, u => by
    have start : ∀ a b : K, a * b = 0 + a * b := fun _ _ => by grind
    exact start t u
  | n :: s, t, u => by
    rw [prod_cons, ← sum_merge]
    refine sum_congr fun i hi => ?_
    have entry : ∀ (v : Tensor K (n :: s)) (is : List Int),
        v.entry ((i : Int) :: is) = Tensor.entry (s := s) (Vector.get v ⟨i, hi⟩) is := fun v is =>
      (entry_cons v i is).trans (dif_pos ⟨Int.natCast_nonneg i, by omega⟩)
    have inner := dot_eq_sum (s := s) (Vector.get t ⟨i, hi⟩) (Vector.get u ⟨i, hi⟩)
    refine Eq.trans (sums_congr s fun is => ?_) (inner.trans (sum_congr fun j hj => ?_))
    · exact congr (congrArg HMul.hMul (entry t _)) (entry u _)
    · rw [flat_cons t ⟨i, hi⟩ hj, flat_cons u ⟨i, hi⟩ hj]

/-- Reshaping back is the adjoint of reshaping: ⟨u, reshape t⟩ = ⟨t, reshape u⟩ -/
theorem dot_reshape {s r : List Nat} (h : prod s = prod r) (t : Tensor K s) (u : Tensor K r) :
    u.dot (t.reshape h) = t.dot (u.reshape h.symm) := by
  refine (dot_eq_sum _ _).trans (Eq.trans ?_ (dot_eq_sum _ _).symm)
  refine (congrArg (fun n => sum n _) h.symm).trans (sum_congr fun k _ => ?_)
  rw [flat_reshape, flat_reshape]; grind

end Tensor

end RuntimeApprox
