module

public import RuntimeApprox.Tensor.Theorems
public import RuntimeApprox.Sum

/-!
# Tensors as vectors

## Main definitions
* `0`, `t + u`, `t - u`, `a • t`: entry by entry.
* `Tensor.entry t [i, j, …]`: the entry at integer indices, zero outside the tensor.
* `Tensor.dot t u`: the inner product, the sum over all places of the product of the entries.

## Main results
* `Tensor.ext`: tensors with the same entries are equal.
* `Tensor.entry_toInts`: `entry` inside the tensor is `get`.
* `Tensor.entry_add`, `Tensor.entry_smul`, `Tensor.entry_zero`: `entry` is linear.
* `Tensor.dot_comm`, `Tensor.dot_add`, `Tensor.dot_sub`, `Tensor.dot_smul`: the inner product is
  symmetric and linear.
* `Tensor.dot_self_nonneg`, `Tensor.eq_zero_of_dot_self`: ⟨t, t⟩ ≥ 0, and 0 only for t = 0.
* `Tensor.eq_of_dot_eq`: tensors with the same inner products are equal, so adjoints are unique.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

section
variable {K : Type u} [OrderedField K] {s : List Nat}

instance : Zero (Tensor K s) := ⟨Tensor.ofFn s fun _ => 0⟩

instance : Add (Tensor K s) := ⟨fun t u => Tensor.ofFn s fun i => t.get i + u.get i⟩

instance : Sub (Tensor K s) := ⟨fun t u => Tensor.ofFn s fun i => t.get i - u.get i⟩

instance : SMul K (Tensor K s) := ⟨fun a t => Tensor.ofFn s fun i => a * t.get i⟩

/-- The entry at integer indices; zero where one of them is outside the tensor, as if it were padded
with zeros without end. -/
def Tensor.entry : {s : List Nat} → Tensor K s → List Int → K
  | [], t, _ => t
  | _ :: _, _, [] => 0
  | n :: _, t, i :: is =>
    if h : 0 ≤ i ∧ i.toNat < n then Tensor.entry (Vector.get t ⟨i.toNat, h.2⟩) is else 0

/-- Natural numbers as integers. -/
def toInts : List Nat → List Int
  | [] => []
  | i :: is => i :: toInts is

/-- A place of a tensor as integer indices. -/
def Index.toInts : {s : List Nat} → Index s → List Int
  | [], _ => []
  | _ :: _, (i, is) => i.1 :: Index.toInts is

/-- ⟨t, u⟩ = Σ_{i₁ < n₁} Σ_{i₂ < n₂} … t[i₁, i₂, …]·u[i₁, i₂, …] -/
def Tensor.dot {s : List Nat} (t u : Tensor K s) : K :=
  sums s fun i => t.entry (RuntimeApprox.toInts i) * u.entry (RuntimeApprox.toInts i)

end

section
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

end Tensor

end

variable {K : Type u} [OrderedField K]

/-- x·x ≥ 0 -/
theorem mul_self_nonneg (x : K) : 0 ≤ x * x := by
  by_cases h : 0 ≤ x
  · exact mul_nonneg h h
  · have := mul_nonneg (show 0 ≤ -x by grind) (show 0 ≤ -x by grind)
    grind

namespace Tensor

/-- The inner product of two slices along the first axis. -/
theorem dot_slice {n : Nat} {s : List Nat} (t u : Tensor K (n :: s)) {i : Nat} (hi : i < n) :
    (sums s fun is =>
        t.entry (i :: RuntimeApprox.toInts is) * u.entry (i :: RuntimeApprox.toInts is)) =
      Tensor.dot (s := s) (Vector.get t ⟨i, hi⟩) (Vector.get u ⟨i, hi⟩) := by
  have h : (0 : Int) ≤ i ∧ (i : Int).toNat < n := ⟨Int.natCast_nonneg _, hi⟩
  refine sums_congr s fun is => ?_
  rw [entry_cons, entry_cons, dif_pos h, dif_pos h]; rfl

/-- ⟨t, t⟩ ≥ 0 -/
theorem dot_self_nonneg : {s : List Nat} → (t : Tensor K s) → 0 ≤ t.dot t
  | [], t => mul_self_nonneg (K := K) t
  | _ :: _, t => sum_nonneg fun i hi => by
    have := dot_self_nonneg (Vector.get t ⟨i, hi⟩)
    rw [← dot_slice t t hi] at this
    exact this

/-- ⟨t, t⟩ = 0 only where every entry of t is 0. -/
theorem eq_zero_of_dot_self : {s : List Nat} → {t : Tensor K s} → t.dot t = 0 → ∀ i, t.get i = 0
  | [], t, h, _ => by
    have h : (show K from t) * (show K from t) = 0 := h
    show (show K from t) = 0
    grind
  | _ :: _, t, h, (i, j) => by
    refine eq_zero_of_dot_self (t := Vector.get t i) ?_ j
    rw [← dot_slice t t i.isLt]
    refine eq_zero_of_sum_eq_zero (fun k hk => ?_) h i.isLt
    have := dot_self_nonneg (Vector.get t ⟨k, hk⟩)
    rw [← dot_slice t t hk] at this
    exact this

/-- Tensors with the same inner products are equal. -/
theorem eq_of_dot_eq {s : List Nat} {u v : Tensor K s} (h : ∀ t : Tensor K s, t.dot u = t.dot v) :
    u = v := ext fun i => by
  have hz : (u - v).dot (u - v) = 0 := by
    rw [dot_sub, h]; grind
  have := eq_zero_of_dot_self hz i
  rw [get_sub] at this
  grind

end Tensor

end RuntimeApprox
