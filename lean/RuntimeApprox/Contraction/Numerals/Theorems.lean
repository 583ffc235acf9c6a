module

public import RuntimeApprox.Contraction.Numerals

/-!
# Evaluation with indices in ℕ is the evaluation

## Main results
* `Contraction.entryAt_eq`: one entry of the result, as `Contraction.evalAt` gives it.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

theorem atNumeral_eq {β : Type u} (n : Nat) (k : Nat → β) : atNumeral n k = k n := by
  cases n <;> rfl

theorem signedSums_eq : (cs : List Int) → (is : List Nat) →
    ((signedSums cs is).1 : Int) - (signedSums cs is).2 = dot cs is
  | [], _ => rfl
  | _ :: _, [] => by unfold signedSums; split <;> simp_all [dot]
  | .ofNat m :: cs, i :: is => by
    have h := signedSums_eq cs is
    show ((m * i + (signedSums cs is).1 : Nat) : Int) - (signedSums cs is).2 =
      (m : Int) * i + dot cs is
    rw [Int.natCast_add, Int.natCast_mul]; omega
  | .negSucc m :: cs, i :: is => by
    have h := signedSums_eq cs is
    show ((signedSums cs is).1 : Int) - ((m + 1) * i + (signedSums cs is).2 : Nat) =
      Int.negSucc m * i + dot cs is
    rw [Int.natCast_add, Int.natCast_mul, Int.negSucc_eq, Int.neg_mul, Int.natCast_add,
      Int.natCast_one]
    omega

/-- The quotient in ℕ is that in ℤ where the latter is not negative. -/
theorem quotient_eq {d : Int} {p q : Nat} {v : Int} (hv : (p : Int) - q = v) :
    quotient d.toNat p q = (if 0 < d ∧ v % d = 0 then some (v / d) else none).bind fun i =>
      if 0 ≤ i then some i.toNat else none := by
  subst hv
  unfold quotient
  rw [cond_eq_ite]
  simp only [Bool.and_eq_true, Nat.ble_eq, Nat.beq_eq]
  by_cases hd : 0 < d
  · obtain ⟨n, rfl⟩ : ∃ n : Nat, d = n := ⟨d.toNat, by omega⟩
    by_cases hq : q ≤ p
    · obtain ⟨m, rfl⟩ : ∃ m : Nat, p = m + q := ⟨p - q, by omega⟩
      have hm : ((m + q : Nat) : Int) - q = m := by omega
      rw [hm, Int.toNat_natCast, Nat.add_sub_cancel]
      by_cases h0 : m % n = 0
      · have : (m : Int) % n = 0 := by rw [← Int.natCast_emod, h0]; rfl
        have h1 : 1 ≤ n := by omega
        rw [if_pos ⟨h1, hq, h0⟩, if_pos ⟨hd, this⟩]
        rw [Option.bind_some, ← Int.natCast_ediv, if_pos (Int.natCast_nonneg _),
          Int.toNat_natCast]
      · have : ¬(m : Int) % n = 0 := by rw [← Int.natCast_emod]; omega
        rw [if_neg (by simp [h0]), if_neg (by simp [this])]; rfl
    · rw [if_neg (by simp [hq])]
      by_cases h0 : ((p : Int) - q) % n = 0
      · rw [if_pos ⟨hd, h0⟩]
        show _ = if _ then _ else _
        rw [if_neg]
        exact Int.not_le.2 (Int.ediv_neg_of_neg_of_pos (by omega) hd)
      · rw [if_neg (by simp [h0])]; rfl
  · rw [if_neg (by omega), if_neg (by simp [hd])]; rfl

theorem Affine.place_eq (a : Affine Int) (o r : List Nat) :
    a.place o r = (a.eval o r).bind fun i => if 0 ≤ i then some i.toNat else none := by
  have h1 := signedSums_eq a.out o
  have h2 := signedSums_eq a.red r
  exact quotient_eq (v := dot a.out o + dot a.red r + a.offset) (by omega)

theorem readPlace_eq {α : Type u} : (axes : List (Axis Int)) → (t : Tensor α (extents axes)) →
    (o r : List Nat) → readPlace axes t o r = read axes t o r
  | [], _, _, _ => rfl
  | a :: as, t, o, r => by
    unfold readPlace read
    rw [Affine.place_eq]
    cases a.index.eval o r with
    | none => rfl
    | some i =>
      dsimp only [Option.bind_some]
      by_cases h0 : 0 ≤ i
      · rw [if_pos h0]
        dsimp only
        rw [atNumeral_eq]
        by_cases h : i.toNat < a.extent.toNat
        · have hh : 0 ≤ i ∧ i.toNat < a.extent.toNat := ⟨h0, h⟩
          rw [dif_pos h, dif_pos hh]
          exact readPlace_eq as _ o r
        · have hh : ¬(0 ≤ i ∧ i.toNat < a.extent.toNat) := fun hh => h hh.2
          rw [dif_neg h, dif_neg hh]
      · rw [if_neg h0, dif_neg fun hh => h0 hh.1]

section
variable {α : Type u} (A : Arithmetic α) (o r : List Nat)

theorem productAt_eq : (ps : List (Operand Int)) → (ts : Tensors α (shapes ps)) → (a : α) →
    productAt A o r ps ts a = product A o r ps ts a
  | [], _, _ => rfl
  | p :: ps, (t, ts), a => by
    unfold productAt product
    rw [readPlace_eq]
    cases read p.axes t o r with
    | none => rfl
    | some b => exact productAt_eq ps ts _

theorem addAllAt_eq : (ps : List (Operand Int)) → (ts : Tensors α (shapes ps)) → (a : α) →
    addAllAt A o ps ts a = addAll A o ps ts a
  | [], _, _ => rfl
  | p :: ps, (t, ts), a => by
    unfold addAllAt addAll
    rw [readPlace_eq]
    cases read p.axes t o [] with
    | none => exact addAllAt_eq ps ts _
    | some b => exact addAllAt_eq ps ts _

end

/-- An entry evaluated with indices in ℕ is the entry. -/
theorem Contraction.entryAt_eq {α : Type u} (A : Arithmetic α) (c : Contraction Int)
    (fs : c.Factors α) (as : c.Addends α) (o : List Nat) :
    entryAt A c fs as o = evalAt A c fs as o := by
  unfold entryAt evalAt
  rw [addAllAt_eq]
  congr 2
  funext r acc
  unfold stepAt step term
  rw [readPlace_eq]
  cases read c.factor.axes fs.1 o r with
  | none => rfl
  | some a =>
    dsimp only
    rw [productAt_eq]
    cases product A o r c.factors fs.2 a <;> rfl

end RuntimeApprox
