module

public import RuntimeApprox.Tensor.Algebra
public import RuntimeApprox.Tensor.Theorems
public import RuntimeApprox.Sum

/-!
# Facts about tensors as vectors

## Main results
* `Tensor.ext`: tensors with the same entries are equal.
* `Tensor.entry_toInts`: `entry` inside the tensor is `get`.
* `Tensor.entry_add`, `Tensor.entry_sub`, `Tensor.entry_smul`, `Tensor.entry_zero`: `entry` is
  linear.
* `Tensor.dot_comm`, `Tensor.dot_add`, `Tensor.dot_sub`, `Tensor.dot_smul`: the inner product is
  symmetric and linear.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

/-- Tensors with the same entries are equal. -/
theorem Tensor.ext {α : Type u} : {s : List Nat} → {t u : Tensor α s} →
    (∀ i, t.get i = u.get i) → t = u
  | [], _, _, h => h ()
  | _ :: _, _, _, h => Vector.ext fun i hi => Tensor.ext fun j => h (⟨i, hi⟩, j)

variable {K : Type u} [OrderedField K]

namespace Tensor

variable {s : List Nat}

theorem get_zero (i : Index s) : (0 : Tensor K s).get i = 0 := get_ofFn s _ i

theorem get_add (t u : Tensor K s) (i : Index s) : (t + u).get i = t.get i + u.get i :=
  get_ofFn s _ i

theorem get_sub (t u : Tensor K s) (i : Index s) : (t - u).get i = t.get i - u.get i :=
  get_ofFn s _ i

theorem get_smul (a : K) (t : Tensor K s) (i : Index s) : (a • t).get i = a * t.get i :=
  get_ofFn s _ i

theorem entry_cons {n : Nat} (t : Tensor K (n :: s)) (i : Int) (is : List Int) :
    t.entry (i :: is) = if h : 0 ≤ i ∧ i.toNat < n then
      Tensor.entry (s := s) (Vector.get t ⟨i.toNat, h.2⟩) is else 0 := rfl

/-- Inside the tensor, `entry` is `get`. -/
theorem entry_toInts : {s : List Nat} → (t : Tensor K s) → (i : Index s) →
    t.entry i.toInts = t.get i
  | [], _, _ => rfl
  | n :: s, t, (i, j) => by
    have h : (0 : Int) ≤ i.1 ∧ (i.1 : Int).toNat < n := ⟨Int.natCast_nonneg _, i.isLt⟩
    exact (dif_pos h).trans (entry_toInts (Vector.get t i) j)

/-- Outside the tensor along its first axis, `entry` is zero. -/
theorem entry_outside {n : Nat} {s : List Nat} (t : Tensor K (n :: s)) {i : Int} (is : List Int)
    (h : ¬(0 ≤ i ∧ i < n)) : t.entry (i :: is) = 0 :=
  dif_neg fun hi => h (by omega)

/-- Where `entry` is zero in every slice along the first axis, it is zero. -/
theorem entry_cons_eq_zero {n : Nat} {s : List Nat} (t : Tensor K (n :: s)) (i : Int)
    {is : List Int} (h : ∀ u : Tensor K s, u.entry is = 0) : t.entry (i :: is) = 0 := by
  rw [entry_cons]
  split
  · exact h _
  · rfl

/-- Integer indices are a place of the tensors of a shape, or are outside all of them. -/
theorem entry_eq_get_or_zero : (s : List Nat) → (is : List Int) →
    (∃ i : Index s, ∀ t : Tensor K s, t.entry is = t.get i) ∨ ∀ t : Tensor K s, t.entry is = 0
  | [], _ => .inl ⟨(), fun _ => rfl⟩
  | _ :: _, [] => .inr fun _ => rfl
  | n :: s, i :: is => by
    by_cases h : 0 ≤ i ∧ i.toNat < n
    · rcases entry_eq_get_or_zero s is with ⟨j, hj⟩ | h0
      · exact .inl ⟨(⟨i.toNat, h.2⟩, j), fun t => (dif_pos h).trans (hj _)⟩
      · exact .inr fun t => (dif_pos h).trans (h0 _)
    · exact .inr fun t => dif_neg h

theorem entry_zero (is : List Int) : (0 : Tensor K s).entry is = 0 := by
  rcases entry_eq_get_or_zero (K := K) s is with ⟨i, h⟩ | h
  · rw [h, get_zero]
  · exact h 0

theorem entry_add (t u : Tensor K s) (is : List Int) :
    (t + u).entry is = t.entry is + u.entry is := by
  rcases entry_eq_get_or_zero (K := K) s is with ⟨i, h⟩ | h
  · rw [h, h, h, get_add]
  · rw [h, h, h]; grind

theorem entry_sub (t u : Tensor K s) (is : List Int) :
    (t - u).entry is = t.entry is - u.entry is := by
  rcases entry_eq_get_or_zero (K := K) s is with ⟨i, h⟩ | h
  · rw [h, h, h, get_sub]
  · rw [h, h, h]; grind

theorem entry_smul (a : K) (t : Tensor K s) (is : List Int) :
    (a • t).entry is = a * t.entry is := by
  rcases entry_eq_get_or_zero (K := K) s is with ⟨i, h⟩ | h
  · rw [h, h, get_smul]
  · rw [h, h]; grind

/-- ⟨t, u⟩ = ⟨u, t⟩ -/
theorem dot_comm (t u : Tensor K s) : t.dot u = u.dot t :=
  sums_congr s fun _ => Lean.Grind.CommSemiring.mul_comm _ _

/-- ⟨t, u + v⟩ = ⟨t, u⟩ + ⟨t, v⟩ -/
theorem dot_add (t u v : Tensor K s) : t.dot (u + v) = t.dot u + t.dot v := by
  unfold dot
  rw [← sums_add]
  exact sums_congr s fun _ => by rw [entry_add]; grind

/-- ⟨t, a·u⟩ = a·⟨t, u⟩ -/
theorem dot_smul (a : K) (t u : Tensor K s) : t.dot (a • u) = a * t.dot u := by
  unfold dot
  rw [mul_sums]
  exact sums_congr s fun _ => by rw [entry_smul]; grind

/-- ⟨t, u − v⟩ = ⟨t, u⟩ − ⟨t, v⟩ -/
theorem dot_sub (t u v : Tensor K s) : t.dot (u - v) = t.dot u - t.dot v := by
  have : u - v + v = u := ext fun i => by rw [get_add, get_sub]; grind
  have := dot_add t (u - v) v
  grind

/-- ⟨a·t, u⟩ = a·⟨t, u⟩ -/
theorem smul_dot (a : K) (t u : Tensor K s) : (a • t).dot u = a * t.dot u := by
  rw [dot_comm, dot_smul, dot_comm]

theorem zero_dot (t : Tensor K s) : (0 : Tensor K s).dot t = 0 := by
  unfold dot
  refine (sums_congr s fun _ => ?_).trans (sums_zero s)
  rw [entry_zero, Lean.Grind.Semiring.zero_mul]

/-- Inside a vector, `entry` is `get`. -/
theorem entry_one {a i : Nat} (t : Tensor K [a]) (hi : i < a) : t.entry [i] = t.get (⟨i, hi⟩, ()) :=
  entry_toInts (s := [a]) t (⟨i, hi⟩, ())

/-- Inside a tensor of four axes, `entry` is `get`. -/
theorem entry_four {a b c d i j k l : Nat} (t : Tensor K [a, b, c, d]) (hi : i < a) (hj : j < b)
    (hk : k < c) (hl : l < d) :
    t.entry [i, j, k, l] = t.get (⟨i, hi⟩, ⟨j, hj⟩, ⟨k, hk⟩, ⟨l, hl⟩, ()) :=
  entry_toInts (s := [a, b, c, d]) t (⟨i, hi⟩, ⟨j, hj⟩, ⟨k, hk⟩, ⟨l, hl⟩, ())

/-- The inner product of two vectors. -/
theorem dot_one {a : Nat} (t u : Tensor K [a]) :
    t.dot u = sum a fun i => t.entry [i] * u.entry [i] := rfl

/-- The inner product of two tensors of four axes. -/
theorem dot_four {a b c d : Nat} (t u : Tensor K [a, b, c, d]) :
    t.dot u = sum a fun i => sum b fun j => sum c fun k => sum d fun l =>
      t.entry [i, j, k, l] * u.entry [i, j, k, l] := rfl

end Tensor

end RuntimeApprox
