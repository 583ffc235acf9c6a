module

public import RuntimeApprox.OrderedField.Theorems

/-!
# Finite sums

## Main definitions
* `sum n f`: Σ_{i < n} f i.
* `sums ns f`: the nested sum Σ_{i₁ < n₁} Σ_{i₂ < n₂} … f [i₁, i₂, …].

## Main results
* `sum_add`, `mul_sum`, `sum_mul`: a sum is linear.
* `eq_zero_of_sum_eq_zero`: nonnegative terms that sum to zero are zero.
* `sum_comm`: Σᵢ Σⱼ f i j = Σⱼ Σᵢ f i j.
* `sum_merge`: Σ_{i < m} Σ_{j < n} f (i·n + j) = Σ_{k < m·n} f k.
* `sum_indicator`: Σ_{i < n} [i = k]·f i = f k for an `f` that vanishes outside.
* `sum_stride`, `sum_stride_two`: a sum over places o, each reading place o·s + t − p, is a sum over
  the places that are read.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

/-- Σ_{i < n} f i -/
def sum : Nat → (Nat → K) → K
  | 0, _ => 0
  | n + 1, f => sum n f + f n

/-- Σ_{i₁ < n₁} Σ_{i₂ < n₂} … f [i₁, i₂, …] -/
def sums : List Nat → (List Nat → K) → K
  | [], f => f []
  | n :: ns, f => sum n fun i => sums ns fun is => f (i :: is)

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

/-- (Σᵢ f i)·a = Σᵢ f i·a -/
theorem sum_mul (n : Nat) (f : Nat → K) (a : K) : sum n f * a = sum n fun i => f i * a := by
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

/-- ⌊(i·n + j) / n⌋ = i for j < n -/
theorem merge_ediv {n j : Nat} (i : Nat) (hj : j < n) : ((i : Int) * n + j) / n = i := by
  rw [← Int.natCast_mul, ← Int.natCast_add, ← Int.natCast_ediv, Nat.mul_comm,
    Nat.mul_add_div (by omega), Nat.div_eq_of_lt hj]; rfl

/-- (i·n + j) mod n = j for j < n -/
theorem merge_emod {n j : Nat} (i : Nat) (hj : j < n) : ((i : Int) * n + j) % n = j := by
  rw [← Int.natCast_mul, ← Int.natCast_add, ← Int.natCast_emod, Nat.mul_comm, Nat.mul_add_mod,
    Nat.mod_eq_of_lt hj]

/-- Σ_{i < n} [i = k]·f i is f k where 0 ≤ k < n, and otherwise 0. -/
theorem sum_indicator_ite (n : Nat) (k : Int) (f : Int → K) :
    (sum n fun i => if (i : Int) = k then f i else 0) = if 0 ≤ k ∧ k < n then f k else 0 := by
  induction n with
  | zero => simp only [sum_none]; grind
  | succ n ih => rw [sum_succ, ih]; grind

/-- Σ_{i < n} [i = k]·f i = f k for an f that vanishes outside 0 ≤ i < n. -/
theorem sum_indicator {n : Nat} {f : Int → K} (hf : ∀ i : Int, ¬(0 ≤ i ∧ i < n) → f i = 0)
    (k : Int) : (sum n fun i => if (i : Int) = k then f i else 0) = f k := by
  rw [sum_indicator_ite]; grind

/-- A sum over places o < m, of which each reads place o·s + t − p of n, is a sum over the places
h < n that are read, those for which s divides h + p − t:
Σ_{o < m} f (o·s + t − p) o = Σ_{h < n} [s ∣ h + p − t]·f h ((h + p − t) / s),
for an f that vanishes where h is not a place of n or o is not one of m. -/
theorem sum_stride {m n : Nat} {s : Int} (hs : 0 < s) (t p : Int) {f : Int → Int → K}
    (hn : ∀ h o : Int, ¬(0 ≤ h ∧ h < n) → f h o = 0)
    (hm : ∀ h o : Int, ¬(0 ≤ o ∧ o < m) → f h o = 0) :
    (sum m fun o => f (o * s + t - p) o) =
      sum n fun h => if s ∣ h + p - t then f h ((h + p - t) / s) else 0 := by
  have place : ∀ h o : Int, h = o * s + t - p ↔ s ∣ h + p - t ∧ o = (h + p - t) / s := fun h o => by
    constructor
    · intro e
      have : h + p - t = o * s := by omega
      rw [this, Int.mul_ediv_cancel _ (by omega)]
      exact ⟨Int.dvd_mul_left .., rfl⟩
    · rintro ⟨hd, e⟩
      have := Int.ediv_mul_cancel hd
      rw [← e] at this
      omega
  have left : ∀ o : Nat, f (o * s + t - p) o =
      sum n fun h => if (h : Int) = o * s + t - p then f h o else 0 := fun o =>
    (sum_indicator (f := fun h => f h o) (fun h => hn h o) _).symm
  have right : ∀ h : Nat, (if s ∣ (h : Int) + p - t then f h ((h + p - t) / s) else 0) =
      sum m fun o => if (h : Int) = o * s + t - p then f h o else 0 := fun h => by
    by_cases hd : s ∣ (h : Int) + p - t
    · rw [if_pos hd, ← sum_indicator (hm h)]
      exact sum_congr fun o _ => by simp only [place, hd, true_and]
    · simp only [place, hd, false_and, if_false, sum_zero]
  simp only [left, right]
  exact sum_comm ..

/-- A condition on a sum is a condition on its terms. -/
theorem ite_sum (n : Nat) (c : Prop) [Decidable c] (f : Nat → K) :
    (if c then sum n f else 0) = sum n fun i => if c then f i else 0 := by
  by_cases h : c
  · simp only [if_pos h]
  · simp only [if_neg h, sum_zero]

/-- `sum_stride` along two axes. -/
theorem sum_stride_two {m n m' n' : Nat} {s s' : Int} (hs : 0 < s) (hs' : 0 < s') (t p t' p' : Int)
    {f : Int → Int → Int → Int → K}
    (hn : ∀ h h' o o' : Int, ¬(0 ≤ h ∧ h < n) → f h h' o o' = 0)
    (hn' : ∀ h h' o o' : Int, ¬(0 ≤ h' ∧ h' < n') → f h h' o o' = 0)
    (hm : ∀ h h' o o' : Int, ¬(0 ≤ o ∧ o < m) → f h h' o o' = 0)
    (hm' : ∀ h h' o o' : Int, ¬(0 ≤ o' ∧ o' < m') → f h h' o o' = 0) :
    (sum m fun o => sum m' fun o' => f (o * s + t - p) (o' * s' + t' - p') o o') =
      sum n fun h => sum n' fun h' => if s ∣ h + p - t ∧ s' ∣ h' + p' - t' then
        f h h' ((h + p - t) / s) ((h' + p' - t') / s') else 0 := by
  have inner : ∀ h o : Int, (sum m' fun o' => f h (o' * s' + t' - p') o o') =
      sum n' fun h' => if s' ∣ h' + p' - t' then f h h' o ((h' + p' - t') / s') else 0 := fun h o =>
    sum_stride hs' t' p' (f := fun h' o' => f h h' o o') (fun h' o' => hn' h h' o o')
      fun h' o' => hm' h h' o o'
  simp only [inner]
  rw [sum_stride hs t p (n := n) (f := fun h o => sum n' fun h' =>
    if s' ∣ h' + p' - t' then f h h' o ((h' + p' - t') / s') else 0)]
  · simp only [ite_sum]
    exact sum_congr fun _ _ => sum_congr fun _ _ => by grind
  · intro h o hh
    simp only [hn _ _ _ _ hh, ite_self, sum_zero]
  · intro h o ho
    simp only [hm _ _ _ _ ho, ite_self, sum_zero]

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

end RuntimeApprox
