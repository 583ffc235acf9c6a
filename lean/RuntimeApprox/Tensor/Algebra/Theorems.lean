module

public import RuntimeApprox.OrderedField.Theorems
public import RuntimeApprox.Tensor.Algebra
public import RuntimeApprox.Tensor.Theorems

/-!
# Facts about finite sums, and about tensors as vectors

## Main results
* `sum_add`, `mul_sum`: a sum is linear.
* `eq_zero_of_sum_eq_zero`: nonnegative terms that sum to zero are zero.
* `sum_comm`: Σᵢ Σⱼ f i j = Σⱼ Σᵢ f i j.
* `sum_merge`: Σ_{i < m} Σ_{j < n} f (i·n + j) = Σ_{k < m·n} f k.
* `Tensor.ext`: tensors with the same entries are equal.
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
variable {K : Type u} [OrderedField K]

theorem sum_none (f : Nat → K) : sum 0 f = 0 := rfl

theorem sum_succ (n : Nat) (f : Nat → K) : sum (n + 1) f = sum n f + f n := rfl

theorem sum_congr {n : Nat} {f g : Nat → K} (h : ∀ i, i < n → f i = g i) : sum n f = sum n g := by
  induction n with
  | zero => rfl
  | succ n ih =>
    rw [sum_succ, sum_succ, ih fun i hi => h i (Nat.lt_succ_of_lt hi), h n (Nat.lt_succ_self n)]

theorem sum_zero (n : Nat) : sum n (fun _ => (0 : K)) = 0 := by
  induction n with
  | zero => rfl
  | succ n ih => simp only [sum_succ]; grind

/-- Σᵢ (f i + g i) = Σᵢ f i + Σᵢ g i -/
theorem sum_add (n : Nat) (f g : Nat → K) : sum n (fun i => f i + g i) = sum n f + sum n g := by
  induction n with
  | zero => simp only [sum_none]; grind
  | succ n ih => simp only [sum_succ]; grind

/-- a·Σᵢ f i = Σᵢ a·f i -/
theorem mul_sum (n : Nat) (a : K) (f : Nat → K) : a * sum n f = sum n fun i => a * f i := by
  induction n with
  | zero => simp only [sum_none]; grind
  | succ n ih => simp only [sum_succ]; grind

/-- A sum of nonnegative terms is nonnegative. -/
theorem sum_nonneg {n : Nat} {f : Nat → K} (h : ∀ i, i < n → 0 ≤ f i) : 0 ≤ sum n f := by
  induction n with
  | zero => exact Std.IsPreorder.le_refl 0
  | succ n ih =>
    have := ih fun i hi => h i (Nat.lt_succ_of_lt hi)
    have := h n (Nat.lt_succ_self n)
    rw [sum_succ]; grind

/-- Where a sum of nonnegative terms is zero, every term is. -/
theorem eq_zero_of_sum_eq_zero {n : Nat} {f : Nat → K} (h : ∀ i, i < n → 0 ≤ f i)
    (hs : sum n f = 0) {i : Nat} (hi : i < n) : f i = 0 := by
  induction n with
  | zero => omega
  | succ n ih =>
    have h' := fun i hi => h i (Nat.lt_succ_of_lt hi)
    have := sum_nonneg h'
    have := h n (Nat.lt_succ_self n)
    rw [sum_succ] at hs
    by_cases hin : i = n
    · subst hin; grind
    · exact ih h' (by grind) (by omega)

/-- Σᵢ Σⱼ f i j = Σⱼ Σᵢ f i j -/
theorem sum_comm (m n : Nat) (f : Nat → Nat → K) :
    (sum m fun i => sum n fun j => f i j) = sum n fun j => sum m fun i => f i j := by
  induction m with
  | zero => rw [sum_none]; simp only [sum_none, sum_zero]
  | succ m ih => rw [sum_succ, ih]; simp only [sum_succ, sum_add]

/-- Σ_{i < m + n} f i = Σ_{i < m} f i + Σ_{j < n} f (m + j) -/
theorem sum_append (m n : Nat) (f : Nat → K) :
    sum (m + n) f = sum m f + sum n fun j => f (m + j) := by
  induction n with
  | zero => rw [sum_none]; grind
  | succ n ih => rw [Nat.add_succ, sum_succ, sum_succ]; grind

/-- Two loops are one: Σ_{i < m} Σ_{j < n} f (i·n + j) = Σ_{k < m·n} f k -/
theorem sum_merge (m n : Nat) (f : Nat → K) :
    (sum m fun i => sum n fun j => f (i * n + j)) = sum (m * n) f := by
  induction m with
  | zero => rw [Nat.zero_mul]; rfl
  | succ m ih => rw [sum_succ, ih, Nat.succ_mul, sum_append]

/-- The merged place i·n + j, of i < m and j < n, is less than m·n. -/
theorem merge_lt {m n i j : Nat} (hi : i < m) (hj : j < n) : i * n + j < m * n := by
  have := Nat.mul_le_mul_right n (Nat.succ_le_of_lt hi)
  rw [Nat.succ_mul] at this
  omega

theorem sums_congr {f g : List Nat → K} : (ns : List Nat) → (∀ is, f is = g is) →
    sums ns f = sums ns g
  | [], h => h []
  | _ :: ns, h => sum_congr fun _ _ => sums_congr ns fun _ => h _

theorem sums_zero : (ns : List Nat) → sums ns (fun _ => (0 : K)) = 0
  | [] => rfl
  | n :: ns => by
    show (sum n fun _ => sums ns fun _ => (0 : K)) = 0
    rw [sums_zero ns, sum_zero]

/-- The nested sum of f + g is that of f plus that of g. -/
theorem sums_add : (ns : List Nat) → (f g : List Nat → K) →
    sums ns (fun is => f is + g is) = sums ns f + sums ns g
  | [], _, _ => rfl
  | n :: ns, f, g => by
    show (sum n fun i => sums ns fun is => f (i :: is) + g (i :: is)) = _
    simp only [sums_add ns, sum_add]; rfl

/-- The nested sum of a·f is a times that of f. -/
theorem mul_sums (a : K) : (ns : List Nat) → (f : List Nat → K) →
    a * sums ns f = sums ns fun is => a * f is
  | [], _ => rfl
  | n :: ns, f => by
    show a * (sum n fun i => sums ns fun is => f (i :: is)) = _
    simp only [mul_sum, mul_sums a ns]; rfl


section
/-- Tensors with the same entries are equal. -/
theorem Tensor.ext {α : Type u} : {s : List Nat} → {t u : Tensor α s} →
    (∀ i, t.get i = u.get i) → t = u
  | [], _, _, h => h ()
  | _ :: _, _, _, h => Vector.ext fun i hi => Tensor.ext fun j => h (⟨i, hi⟩, j)

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
