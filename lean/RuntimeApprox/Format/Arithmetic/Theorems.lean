module

public import RuntimeApprox.Tensor.Theorems
public import RuntimeApprox.Contraction.Theorems
public import RuntimeApprox.Format.Arithmetic
public import RuntimeApprox.Format.Nearest

/-!
# The formats are rounding models, and IEEE 754 computes what the model says

## Main results
* `Format.rounding_lawful`: rounding to a binary format errs by at most `halfUlp`, so that every
  theorem of the library holds of binary16, bfloat16, binary32 and binary64 themselves.
* `bound_respects_checked`: the record of overflow leaves values and bounds as they are.
* `ieee_respects_checked`: an IEEE 754 result is finite iff no operation overflowed, and then it is
  the model's.
* `Contraction.ieee_eq_finite_iff`: the same of contractions.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-- Rounding to nearest even in a binary format satisfies |fl(x) − x| ≤ halfUlp(x). -/
theorem Format.rounding_lawful (f : Format) : f.rounding.Lawful where
  abs_rnd_sub_le := f.abs_round_sub_le

/-- The record of overflow leaves values and bounds as they are. -/
theorem bound_respects_checked (f : Format) :
    (bound f.rounding).Respects (checked f) Checked.Is where
  zero := rfl
  add _ _ _ _ hx hy := by unfold Checked.Is at *; subst hx hy; rfl
  mul _ _ _ _ hx hy := by unfold Checked.Is at *; subst hx hy; rfl

/-! ### IEEE 754 -/

namespace Format.Value

variable {f : Format}

/-- A rounded number is finite iff it does not overflow. -/
theorem round_hasIeee (x : Rat) {a b : Checked} (ha : a.finite = true) (hb : b.finite = true)
    (eps : Rat) : Checked.HasIeee (round f x) (Checked.of f a b ⟨f.round x, eps⟩) := by
  unfold round Checked.HasIeee Checked.of
  cases h : f.overflows (f.round x) <;> simp [ha, hb]

/-- An infinity is a sign of overflow. -/
theorem not_finite {a b : Checked} {r : Approx Rat} (h : a.finite = false ∨ b.finite = false) :
    (Checked.of f a b r).finite = false := by
  unfold Checked.of
  rcases h with h | h <;> simp [h]

/-- An overflow is an infinity, where |x| ≥ (2 − u)·2^eₘₐₓ. -/
theorem round_eq_infinity_iff (hf : f.minExponent ≤ f.maxExponent) {x : Rat} :
    (∃ s, round f x = infinity s) ↔ (2 - f.unitRoundoff) * pow2 f.maxExponent ≤ abs x := by
  rw [← overflows_round_iff hf]
  unfold round
  cases f.overflows (f.round x) <;> simp

end Format.Value

open Format.Value in
/-- **IEEE 754 computes the model's values**: a result is finite iff no operation overflowed, and
then it is the value of the rounded arithmetic. -/
theorem ieee_respects_checked (f : Format) : (ieee f).Respects (checked f) Checked.HasIeee where
  zero := ⟨rfl, rfl⟩
  add a x b y hx hy := by
    rcases a with a | s | _ <;> rcases b with b | t | _
    · obtain ⟨hx, rfl⟩ := hx
      obtain ⟨hy, rfl⟩ := hy
      exact round_hasIeee (x.approx.value + y.approx.value) hx hy _
    all_goals
      have h : (Checked.of f x y (Approx.add f.rounding x.approx y.approx)).finite = false :=
        not_finite (by first | exact .inl hx | exact .inr hy)
      first
        | exact h
        | (show Checked.HasIeee (if s = t then infinity s else nan) _; split <;> exact h)
  mul a x b y hx hy := by
    rcases a with a | s | _ <;> rcases b with b | t | _
    · obtain ⟨hx, rfl⟩ := hx
      obtain ⟨hy, rfl⟩ := hy
      exact round_hasIeee (x.approx.value * y.approx.value) hx hy _
    all_goals
      have h : (Checked.of f x y (Approx.mul f.rounding x.approx y.approx)).finite = false :=
        not_finite (by first | exact .inl hx | exact .inr hy)
      first
        | exact h
        | (show Checked.HasIeee (if _ then nan else infinity _) _; split <;> exact h)

/-- What was computed is the finite value q iff no operation overflowed and the pair has q. -/
theorem Checked.HasIeee.eq_finite_iff {v : Format.Value} {c : Checked} (h : HasIeee v c) {q : Rat} :
    v = .finite q ↔ c.finite = true ∧ c.approx.value = q := by
  cases v with
  | finite x => rw [h.2, Format.Value.finite.injEq]; exact ⟨fun hq => ⟨h.1, hq⟩, And.right⟩
  | infinity s => simp [show c.finite = false from h]
  | nan => simp [show c.finite = false from h]

/-- **A finite IEEE 754 result is the model's**: evaluated on numbers, an entry is the finite value q
iff no operation overflowed and q is the entry in the rounded arithmetic. -/
theorem Contraction.ieee_eq_finite_iff (f : Format) (c : Contraction Int) (fs : c.Factors Rat)
    (as : c.Addends Rat) (o : List Nat) (q : Rat) :
    evalAt (ieee f) c (fs.map .finite) (as.map .finite) o = .finite q ↔
      (evalAt (checked f) c (fs.map .exactly) (as.map .exactly) o).finite = true ∧
        evalAt (rounded f.rounding) c fs as o = q := by
  have h1 := evalAt_rel (ieee_respects_checked f) c
    (Tensors.rel_map (R := Checked.HasIeee) (p := .finite) (q := .exactly) (fun _ => ⟨rfl, rfl⟩) fs)
    (Tensors.rel_map (R := Checked.HasIeee) (p := .finite) (q := .exactly) (fun _ => ⟨rfl, rfl⟩) as) o
  have h2 : _ = _ := evalAt_rel (rounded_respects_bound f.rounding) c
    (Tensors.rel_map_right (R := Approx.HasValue) (q := fun x => ⟨x, 0⟩) (fun _ => rfl) fs)
    (Tensors.rel_map_right (R := Approx.HasValue) (q := fun x => ⟨x, 0⟩) (fun _ => rfl) as) o
  have h3 : _ = _ := evalAt_rel (bound_respects_checked f) c
    (Tensors.rel_map (R := Checked.Is) (p := fun x => ⟨x, 0⟩) (q := .exactly) (fun _ => rfl) fs)
    (Tensors.rel_map (R := Checked.Is) (p := fun x => ⟨x, 0⟩) (q := .exactly) (fun _ => rfl) as) o
  rw [h1.eq_finite_iff, h2, h3]

end RuntimeApprox
