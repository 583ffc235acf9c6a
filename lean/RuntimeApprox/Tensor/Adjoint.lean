module

public import RuntimeApprox.Tensor.Algebra.Theorems

/-!
# Sums over iteration spaces

The inner product of a gradient δ with a contraction of x and y is Σ δ·x·y over the contraction's
iteration space, which is symmetric in the three operands. A layer and its gradients are contractions
over different iteration spaces whose nonzero terms correspond one to one. So their inner products are
equal, and each gradient is an adjoint of the layer.

## Main definitions
* `InLoops ns is`: the indices `is` of nested loops of lengths `ns`; `AllLoops ns P`: P holds of all.

## Main results
* `sums_comm`: nested sums commute.
* `adjoint`: sums over two iteration spaces are equal where their nonzero terms correspond.
* `place_iff`: which output position a tap reads an input position for.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

/-- i₁ < n₁, i₂ < n₂, … -/
def InLoops : List Nat → List Nat → Prop
  | [], [] => True
  | n :: ns, i :: is => i < n ∧ InLoops ns is
  | _, _ => False

/-- `P` holds of all indices [i₁, i₂, …] with i₁ < n₁, i₂ < n₂, … -/
def AllLoops : List Nat → (List Nat → Prop) → Prop
  | [], P => P []
  | n :: ns, P => ∀ i, i < n → AllLoops ns fun is => P (i :: is)

theorem AllLoops.apply : {ns : List Nat} → {P : List Nat → Prop} → AllLoops ns P →
    {is : List Nat} → InLoops ns is → P is
  | [], _, h, [], _ => h
  | _ :: _, _, h, i :: _, hi => (h i hi.1).apply hi.2

theorem sums_congr_in {f g : List Nat → K} : (ns : List Nat) →
    (∀ is, InLoops ns is → f is = g is) → sums ns f = sums ns g
  | [], h => h [] trivial
  | _ :: ns, h => sum_congr fun i hi => sums_congr_in ns fun _ his => h (i :: _) ⟨hi, his⟩

theorem sum_sums_comm (n : Nat) : (ms : List Nat) → (f : Nat → List Nat → K) →
    (sum n fun i => sums ms (f i)) = sums ms fun js => sum n fun i => f i js
  | [], _ => rfl
  | m :: ms, f =>
    (sum_comm n m _).trans (sum_congr fun j _ => sum_sums_comm n ms fun i js => f i (j :: js))

/-- Σ over `is` and Σ over `js` commute. -/
theorem sums_comm : (ns ms : List Nat) → (f : List Nat → List Nat → K) →
    (sums ns fun is => sums ms (f is)) = sums ms fun js => sums ns fun is => f is js
  | [], _, _ => rfl
  | n :: ns, ms, f =>
    (sum_congr fun i _ => sums_comm ns ms fun is => f (i :: is)).trans (sum_sums_comm n ms _)

theorem sum_single {n k : Nat} (hk : k < n) {f : Nat → K} (h : ∀ i, i ≠ k → f i = 0) :
    sum n f = f k := by
  induction n with
  | zero => omega
  | succ n ih =>
    rw [sum_succ]
    by_cases e : k = n
    · subst e
      rw [sum_congr fun i hi => h i (Nat.ne_of_lt hi), sum_zero]; grind
    · rw [ih (by omega), h n (Ne.symm e)]; grind

/-- A nested sum with a single nonzero term. -/
theorem sums_single : (ns : List Nat) → {ks : List Nat} → InLoops ns ks → {f : List Nat → K} →
    (∀ is, is ≠ ks → f is = 0) → sums ns f = f ks
  | [], [], _, _, _ => rfl
  | _ :: ns, k :: ks, hk, f, h =>
    (sum_single hk.1 fun i hi => (sums_congr ns fun is => h (i :: is) (by simp [hi])).trans
      (sums_zero ns)).trans (sums_single ns (f := fun is => f (k :: is)) hk.2 fun is his =>
        h (k :: is) (by simp [his]))

/-- **Adjoints**: Σ f over one iteration space is Σ g over another one where φ maps the indices of
each nonzero term of f to those of an equal term of g, and ψ maps those of each nonzero term of g
back. -/
theorem adjoint {ns ms : List Nat} {f g : List Nat → K} (φ ψ : List Nat → List Nat)
    (hf : AllLoops ns fun is => f is ≠ 0 → InLoops ms (φ is) ∧ ψ (φ is) = is ∧ g (φ is) = f is)
    (hg : AllLoops ms fun js => g js ≠ 0 → InLoops ns (ψ js) ∧ φ (ψ js) = js ∧ f (ψ js) = g js) :
    sums ns f = sums ms g := by
  have := Classical.propDecidable
  have spread : ∀ {ls : List Nat} {a : K} {ks : List Nat}, (a ≠ 0 → InLoops ls ks) →
      a = sums ls fun is => if a ≠ 0 ∧ is = ks then a else 0 := fun {ls a ks} h => by
    by_cases ha : a = 0
    · simp only [ha, ite_self, sums_zero]
    · rw [sums_single ls (h ha) fun is his => if_neg fun e => his e.2, if_pos ⟨ha, rfl⟩]
  rw [sums_congr_in ns fun is his => spread fun h => (hf.apply his h).1, sums_comm,
    sums_congr_in ms fun js hjs => spread fun h => (hg.apply hjs h).1]
  refine sums_congr_in ms fun js hjs => sums_congr_in ns fun is his => ?_
  have hf := hf.apply his
  have hg := hg.apply hjs
  grind

/-- With the stride s, the input position h is that of the tap t at the output position o,
h = o·s + t − p, iff s divides h + p − t and o is the quotient. -/
theorem place_iff {s : Int} (hs : 0 < s) (h o t p : Int) :
    h = o * s + t - p ↔ s ∣ h + p - t ∧ o = (h + p - t) / s := by
  constructor
  · intro e
    have : h + p - t = o * s := by omega
    rw [this, Int.mul_ediv_cancel _ (by omega)]
    exact ⟨Int.dvd_mul_left .., rfl⟩
  · rintro ⟨hd, e⟩
    have := Int.ediv_mul_cancel hd
    rw [← e] at this
    omega

/-- (i·n + j) / n = i and (i·n + j) mod n = j for j < n -/
theorem merge_div_mod {n j : Nat} (i : Nat) (hj : j < n) :
    (i * n + j) / n = i ∧ (i * n + j) % n = j := by
  rw [Nat.mul_comm, Nat.mul_add_div (by omega), Nat.div_eq_of_lt hj, Nat.mul_add_mod,
    Nat.mod_eq_of_lt hj]
  exact ⟨rfl, rfl⟩

theorem merge_div_mod' {m n k : Nat} (hk : k < m * n) : k / n < m ∧ k % n < n :=
  ⟨Nat.div_lt_of_lt_mul (Nat.mul_comm m n ▸ hk), Nat.mod_lt _ (Nat.pos_of_lt_mul_left hk)⟩

theorem mul_ne_zero {x y : K} (h : x * y ≠ 0) : x ≠ 0 ∧ y ≠ 0 :=
  ⟨fun e => h (by grind), fun e => h (by grind)⟩

theorem ite_ne_zero {c : Prop} [Decidable c] {x : K} (h : (if c then x else 0) ≠ 0) : c ∧ x ≠ 0 := by
  by_cases hc : c
  · exact ⟨hc, by rwa [if_pos hc] at h⟩
  · exact absurd (if_neg hc) h

/-- Where an entry is not zero, its last two indices are inside the tensor. -/
theorem Tensor.inside_four {a b c d : Nat} {t : Tensor K [a, b, c, d]} {i j k l : Int}
    (h : t.entry [i, j, k, l] ≠ 0) : (0 ≤ k ∧ k < c) ∧ 0 ≤ l ∧ l < d :=
  ⟨Decidable.byContradiction fun hk => h (entry_cons_eq_zero _ _ fun _ =>
    entry_cons_eq_zero _ _ fun _ => entry_outside _ _ hk),
  Decidable.byContradiction fun hl => h (entry_cons_eq_zero _ _ fun _ =>
    entry_cons_eq_zero _ _ fun _ => entry_cons_eq_zero _ _ fun _ => entry_outside _ _ hl)⟩

end RuntimeApprox
