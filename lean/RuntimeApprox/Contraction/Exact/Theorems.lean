module

public import RuntimeApprox.Contraction.Exact
public import RuntimeApprox.Tensor.Algebra.Theorems

/-!
# The exact value of a contraction

In exact arithmetic a skipped term is a zero, and the order of the loops does not matter: a
contraction is a nested sum of products of entries that are zero outside the operands.

## Main results
* `Contraction.evalAt_exact_eq_sums`, `Contraction.get_eval_exact`: the exact value as a nested sum.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

open Lean.Grind.Semiring

universe u
variable {K : Type u} [OrderedField K]

/-- A form without a divisor. -/
theorem Affine.eval_one (out red : List Int) (offset : Int) (o r : List Nat) :
    Affine.eval ⟨out, red, offset, 1⟩ o r = some (dot out o + dot red r + offset) := by
  simp [Affine.eval]

/-- A form with a divisor has a value where the divisor divides. -/
theorem Affine.eval_of_pos {divisor : Int} (h : 0 < divisor) (out red : List Int) (offset : Int)
    (o r : List Nat) : Affine.eval ⟨out, red, offset, divisor⟩ o r =
      if divisor ∣ dot out o + dot red r + offset then
        some ((dot out o + dot red r + offset) / divisor) else none := by
  simp only [Affine.eval, h, true_and, Int.dvd_iff_emod_eq_zero]

theorem valueAt_of_indices {axes : List (Axis Int)} {t : Tensor K (extents axes)} {o r : List Nat}
    {is : List Int} (h : indices axes o r = some is) : valueAt axes t o r = t.entry is := by
  unfold valueAt; rw [h]

theorem valueAt_zero (axes : List (Axis Int)) (o r : List Nat) :
    valueAt axes (0 : Tensor K (extents axes)) o r = 0 := by
  unfold valueAt
  split
  · rfl
  · exact Tensor.entry_zero _

theorem valueAt_add {axes : List (Axis Int)} (t u : Tensor K (extents axes)) (o r : List Nat) :
    valueAt axes (t + u) o r = valueAt axes t o r + valueAt axes u o r := by
  unfold valueAt
  split
  · exact (add_zero 0).symm
  · exact Tensor.entry_add ..

theorem valuesAt_one {p : Operand Int} {t : Tensor K (extents p.axes)} {o r : List Nat} :
    valuesAt o r [p] (t, ⟨⟩) = valueAt p.axes t o r := by
  unfold valuesAt; exact mul_one _

theorem addendsAt_one {p : Operand Int} {t : Tensor K (extents p.axes)} {o : List Nat} :
    addendsAt o [p] (t, ⟨⟩) = valueAt p.axes t o [] := by
  show _ + (0 : K) = _; exact add_zero _

theorem read_getD (o r : List Nat) : (axes : List (Axis Int)) → (t : Tensor K (extents axes)) →
    (read axes t o r).getD 0 = valueAt axes t o r
  | [], _ => rfl
  | a :: as, t => by
    unfold read valueAt indices
    rcases a.index.eval o r with _ | i
    · rfl
    · by_cases h : 0 ≤ i ∧ i.toNat < a.extent.toNat
      · simp only [dif_pos h, read_getD o r as]
        unfold valueAt
        rcases indices as o r with _ | is
        · rfl
        · exact ((Tensor.entry_cons t i is).trans (dif_pos h)).symm
      · simp only [dif_neg h]
        rcases indices as o r with _ | is
        · rfl
        · exact ((Tensor.entry_cons t i is).trans (dif_neg h)).symm

theorem product_getD (o r : List Nat) : (ps : List (Operand Int)) → (ts : Tensors K (shapes ps)) →
    (a : K) → (product exact o r ps ts a).getD 0 = a * valuesAt o r ps ts
  | [], _, a => (mul_one a).symm
  | p :: ps, (t, ts), a => by
    have h := read_getD o r p.axes t
    unfold product valuesAt
    rw [← h]
    rcases read p.axes t o r with _ | b
    · show 0 = a * (0 * _)
      rw [zero_mul, mul_zero]
    · simp only [Option.getD_some, product_getD o r ps]
      exact mul_assoc ..

theorem addAll_exact (o : List Nat) : (ps : List (Operand Int)) → (ts : Tensors K (shapes ps)) →
    (a : K) → addAll exact o ps ts a = a + addendsAt o ps ts
  | [], _, a => (add_zero a).symm
  | p :: ps, (t, ts), a => by
    have h := read_getD o [] p.axes t
    unfold addAll addendsAt
    rw [← h]
    rcases read p.axes t o [] with _ | b
    · simp only [Option.getD_none, addAll_exact o ps]; grind
    · simp only [Option.getD_some, addAll_exact o ps]
      exact add_assoc ..

theorem loop_add (n : Nat) {f : Nat → K → K} {g : Nat → K} (h : ∀ i a, f i a = a + g i) (a : K) :
    loop n f a = a + sum n g := by
  induction n with
  | zero => exact (add_zero a).symm
  | succ n ih => rw [sum_succ]; unfold loop; rw [ih, h]; exact add_assoc ..

/-- Nested loops that add are a nested sum. -/
theorem loops_add : (ns : List Nat) → {f : List Nat → K → K} → {g : List Nat → K} →
    (∀ is a, f is a = a + g is) → (a : K) → loops ns f a = a + sums ns g
  | [], _, _, h, a => h [] a
  | n :: ns, _, _, h, a => loop_add n (fun i => loops_add ns fun is => h (i :: is)) a

namespace Contraction

theorem step_exact (c : Contraction Int) (fs : c.Factors K) (o r : List Nat) (a : K) :
    step exact c fs o r a =
      a + valueAt c.factor.axes fs.1 o r * valuesAt o r c.factors fs.2 := by
  have h : (term exact c fs o r).getD 0 =
      valueAt c.factor.axes fs.1 o r * valuesAt o r c.factors fs.2 := by
    unfold term
    rw [← read_getD]
    rcases read c.factor.axes fs.1 o r with _ | x
    · show 0 = 0 * _
      rw [zero_mul]
    · exact product_getD o r c.factors fs.2 x
  rw [← h]
  unfold step
  rcases term exact c fs o r with _ | x
  · exact (add_zero a).symm
  · rfl

/-- The exact value of a contraction is the sum, over all reduction indices r, of the product of
the entries that the operands have at (o, r), zero outside them, and of the addends:
Σᵣ Πₚ p(o, r) + Σ_q q(o). -/
theorem evalAt_exact_eq_sums (c : Contraction Int) (fs : c.Factors K) (as : c.Addends K) (o : List Nat) :
    evalAt exact c fs as o =
      sums (toNats c.red) (fun r => valueAt c.factor.axes fs.1 o r * valuesAt o r c.factors fs.2) +
        addendsAt o c.addends as := by
  unfold evalAt
  rw [addAll_exact, loops_add _ (step_exact c fs o)]
  show (0 : K) + _ + _ = _
  rw [add_comm 0, add_zero]

/-- An entry of the exact result. -/
theorem get_eval_exact (c : Contraction Int) (fs : c.Factors K) (as : c.Addends K)
    (i : Index c.shape) : (eval exact c fs as).get i =
      sums (toNats c.red) (fun r => valueAt c.factor.axes fs.1 (outIndices c.out i) r *
        valuesAt (outIndices c.out i) r c.factors fs.2) +
      addendsAt (outIndices c.out i) c.addends as :=
  (Tensor.get_ofFn _ _ _).trans (evalAt_exact_eq_sums ..)

end Contraction

end RuntimeApprox
