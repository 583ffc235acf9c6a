module

public import RuntimeApprox.OrderedField.Theorems

/-!
# Finite sums

## Main definitions
* `sum n f`: Σ_{i < n} f i.
* `sums ns f`: the nested sum Σ_{i₁ < n₁} Σ_{i₂ < n₂} … f [i₁, i₂, …].

## Main results
* `sum_add`, `mul_sum`: a sum is linear.
* `eq_zero_of_sum_eq_zero`: nonnegative terms that sum to zero are zero.
* `sum_comm`: Σᵢ Σⱼ f i j = Σⱼ Σᵢ f i j.
* `sum_merge`: Σ_{i < m} Σ_{j < n} f (i·n + j) = Σ_{k < m·n} f k.
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

end RuntimeApprox
