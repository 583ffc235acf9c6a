module

public import RuntimeApprox.Contraction.Adjoint

/-!
# Contractions of operands of given shapes

What holds of a contraction holds of it as a function of tensors whose shapes are stated.

## Main results
* `Contraction.Shapes.bilinear`: a contraction of two factors and an addend is bilinear.
* `Contraction.Reordered.apply_adjoint`: the adjoint theorem, for operands of given shapes.
* `Contraction.Shapes.addition_adjoint`: the same of the addend.
* `Bilinear.expansion`: a perturbation of all three operands, exactly.
* `Adjoints.vjp`, `Adjoints.unique`: adjoints are the vector-Jacobian product, and nothing else is.
* `Adjoints.perturbation`, `Adjoints.derivative`: the expansion paired with δ, and along a line.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

/-! ### Operands of given shapes -/

namespace Contraction

theorem Shapes.addition {c : Contraction Int} {fs : List (List Nat)} {a s : List Nat}
    (h : c.Shapes fs [a] s) : c.addition.Shapes [a] [] s := by
  obtain ⟨out, red, p, ps, qs⟩ := c
  obtain ⟨_, ha, hs⟩ := h
  match qs, ha with
  | [q], ha => exact ⟨ha, rfl, hs⟩

/-- What has the shapes of two factors and an addend has two factors and an addend. -/
theorem Shapes.two {c : Contraction Int} {p q a s : List Nat} (h : c.Shapes [p, q] [a] s) :
    ∃ out red u v w, c = ⟨out, red, u, [v], [w]⟩ ∧ extents u.axes = p ∧ extents v.axes = q ∧
      extents w.axes = a := by
  obtain ⟨out, red, u, vs, ws⟩ := c
  obtain ⟨hf, ha, _⟩ := h
  match vs, hf, ws, ha with
  | [v], hf, [w], ha =>
    exact ⟨out, red, u, v, w, rfl, (List.cons.inj hf).1, (List.cons.inj (List.cons.inj hf).2).1,
      (List.cons.inj ha).1⟩

end Contraction

variable {K : Type u} [OrderedField K]

/-! ### Bilinear functions -/

section
variable {p q a s : List Nat} {f : Tensor K p → Tensor K q → Tensor K a → Tensor K s}
  {gx : Tensor K q → Tensor K s → Tensor K p} {gy : Tensor K p → Tensor K s → Tensor K q}
  {gb : Tensor K s → Tensor K a} (x dx : Tensor K p) (y dy : Tensor K q) (b db : Tensor K a)
  (δ : Tensor K s)

/-- A perturbation of all three operands, exactly:
f(x + dx, y + dy, b + db) = f(x, y, b) + (f(dx, y, 0) + f(x, dy, 0) + f(0, 0, db)) + f(dx, dy, 0). -/
theorem Bilinear.expansion (h : Bilinear f) : f (x + dx) (y + dy) (b + db) =
    f x y b + (f dx y 0 + f x dy 0 + f 0 0 db) + f dx dy 0 := by
  rw [h.add_first, h.add_second x y dy, h.add_second dx y dy, h.add_addend]
  refine Tensor.ext fun i => ?_
  simp only [Tensor.get_add]
  grind

/-- Adjoints are the vector-Jacobian product: paired with δ, the derivative along (dx, dy, db) is
⟨dx, gx⟩ + ⟨dy, gy⟩ + ⟨db, gb⟩. -/
theorem Adjoints.vjp (g : Adjoints f gx gy gb) : δ.dot (f dx y 0 + f x dy 0 + f 0 0 db) =
    dx.dot (gx y δ) + dy.dot (gy x δ) + db.dot (gb δ) := by
  rw [Tensor.dot_add, Tensor.dot_add, g.first, g.second, g.addend]

/-- The vector-Jacobian product is nothing but the adjoints. -/
theorem Adjoints.unique (g : Adjoints f gx gy gb) {x : Tensor K p} {y : Tensor K q} {δ : Tensor K s}
    {u : Tensor K p} {v : Tensor K q} {w : Tensor K a}
    (h : ∀ dx dy db, δ.dot (f dx y 0 + f x dy 0 + f 0 0 db) = dx.dot u + dy.dot v + db.dot w) :
    u = gx y δ ∧ v = gy x δ ∧ w = gb δ := by
  simp only [g.vjp] at h
  refine ⟨Tensor.eq_of_dot_eq fun t => ?_, Tensor.eq_of_dot_eq fun t => ?_,
    Tensor.eq_of_dot_eq fun t => ?_⟩
  · have := h t 0 0; simp only [Tensor.zero_dot] at this; grind
  · have := h 0 t 0; simp only [Tensor.zero_dot] at this; grind
  · have := h 0 0 t; simp only [Tensor.zero_dot] at this; grind

/-- A perturbation of all three operands, paired with δ, exactly:
⟨δ, f(x + dx, y + dy, b + db) − f(x, y, b)⟩ =
  ⟨dx, gx⟩ + ⟨dy, gy⟩ + ⟨db, gb⟩ + ⟨δ, f(dx, dy, 0)⟩. -/
theorem Adjoints.perturbation (g : Adjoints f gx gy gb) (h : Bilinear f) :
    δ.dot (f (x + dx) (y + dy) (b + db) - f x y b) =
      dx.dot (gx y δ) + dy.dot (gy x δ) + db.dot (gb δ) + δ.dot (f dx dy 0) := by
  rw [← g.vjp, h.expansion, Tensor.dot_sub, Tensor.dot_add, Tensor.dot_add]
  grind

/-- Along a line, the change of ⟨δ, f⟩ is t times the vector-Jacobian product, and t² times
⟨δ, f(dx, dy, 0)⟩: the former is the derivative at 0. -/
theorem Adjoints.derivative (g : Adjoints f gx gy gb) (h : Bilinear f) (t : K) :
    δ.dot (f (x + t • dx) (y + t • dy) (b + t • db) - f x y b) =
      t * (dx.dot (gx y δ) + dy.dot (gy x δ) + db.dot (gb δ)) + t * t * δ.dot (f dx dy 0) := by
  rw [g.perturbation _ _ _ _ _ _ _ h, h.smul_first, h.smul_second]
  simp only [Tensor.smul_dot, Tensor.dot_smul]
  grind

end

/-! ### Contractions of two factors and an addend -/

theorem valueAt_smul (axes : List (Axis Int)) (t : Tensor K (extents axes)) (a : K) (o k : List Nat) :
    valueAt axes (a • t) o k = a * valueAt axes t o k := by
  unfold valueAt
  split
  · grind
  · exact Tensor.entry_smul ..

namespace Contraction

variable {c c' : Contraction Int}

/-- A contraction of two factors and an addend is bilinear. -/
theorem Shapes.bilinear {p q a s : List Nat} (h : c.Shapes [p, q] [a] s) :
    Bilinear (K := K) fun x y b => c.apply exact h (x, y, ⟨⟩) (b, ⟨⟩) := by
  obtain ⟨out, red, u, v, w, rfl, rfl, rfl, rfl⟩ := h.two
  obtain ⟨_, _, rfl⟩ := h
  have swap : ∀ a b c : K, a * (b * c) = b * (a * c) := fun _ _ _ => by grind
  have get : ∀ x y b i, ((⟨out, red, u, [v], [w]⟩ : Contraction Int).apply exact
      ⟨rfl, rfl, rfl⟩ (x, y, ⟨⟩) (b, ⟨⟩) : Tensor K _).get i = (sums (toNats red) fun r =>
        valueAt u.axes x (outIndices out i) r * valueAt v.axes y (outIndices out i) r) +
      valueAt w.axes b (outIndices out i) [] := fun x y b i =>
    (get_eval_exact ⟨out, red, u, [v], [w]⟩ (x, y, ⟨⟩) (b, ⟨⟩) i).trans (by
      simp only [valuesAt_one, addendsAt_one])
  constructor <;> intros <;> refine Tensor.ext fun i => ?_ <;>
    simp only [get, Tensor.get_add, Tensor.get_smul, valueAt_add, valueAt_smul, valueAt_zero,
      Lean.Grind.Semiring.right_distrib, Lean.Grind.Semiring.left_distrib, sums_add,
      Lean.Grind.Semiring.mul_assoc, swap, ← mul_sums, sums_zero,
      Lean.Grind.Semiring.mul_zero] <;> grind

theorem addendsAt_zeros (o : List Nat) : (ps : List (Operand Int)) → (ts : Tensors K (shapes ps)) →
    (∀ e ∈ ts.entries, ∀ is, e is = 0) → addendsAt o ps ts = 0
  | [], _, _ => rfl
  | p :: ps, (t, ts), h => by
    have h₁ : valueAt p.axes t o [] = 0 := by
      rw [valueAt_eq_entryAt]
      cases indices p.axes o [] with
      | none => rfl
      | some is => exact h t.entry (List.mem_cons_self ..) is
    have h₂ := addendsAt_zeros o ps ts fun e he => h e (List.mem_cons_of_mem _ he)
    show valueAt p.axes t o [] + addendsAt o ps ts = 0
    rw [h₁, h₂]; grind

theorem Zeros.one (s : List Nat) : ∀ e ∈ Tensors.entries (K := K) (ss := [s]) (0, ⟨⟩),
    ∀ is, e is = 0 := fun e he is => by
  cases he with
  | head => exact Tensor.entry_zero is
  | tail _ h => cases h

/-- **Adjoints**, for operands of given shapes: ⟨δ, c(x, y, …)⟩ = ⟨u, c′(…)⟩ where c′ is c with result
and operands in another order, and δ, x, y, … are put in that order. -/
theorem Reordered.apply_adjoint {order : List Nat} (R : c.Reordered c' order)
    {fs as fs' as' : List (List Nat)} {s s' : List Nat} (h : c.Shapes fs as s)
    (h' : c'.Shapes fs' as' s') {δ : Tensor K s} {x : Tensors K fs} {b : Tensors K as}
    {u : Tensor K s'} {y : Tensors K fs'} {b' : Tensors K as'}
    (he : u.entry :: y.entries = order.map ((δ.entry :: x.entries).getD · fun _ => 0))
    (hb : ∀ e ∈ b.entries, ∀ is, e is = 0) (hb' : ∀ e ∈ b'.entries, ∀ is, e is = 0) :
    δ.dot (c.apply exact h x b) = u.dot (c'.apply exact h' y b') := by
  obtain ⟨rfl, rfl, rfl⟩ := h
  obtain ⟨rfl, rfl, rfl⟩ := h'
  exact R.adjoint he (fun o => addendsAt_zeros o _ _ hb) fun o => addendsAt_zeros o _ _ hb'

/-- The adjoint in the addend: ⟨δ, c(0, 0, b)⟩ = ⟨b, c′(δ)⟩ where c′ reads the result and the addend
of c in the other order. -/
theorem Shapes.addition_adjoint {p q a s : List Nat} (h : c.Shapes [p, q] [a] s)
    (R : c.addition.Reordered c' [1, 0]) (h' : c'.Shapes [s] [] a) (δ : Tensor K s) (b : Tensor K a) :
    δ.dot (c.apply exact h (0, 0, ⟨⟩) (b, ⟨⟩)) = b.dot (c'.apply exact h' (δ, ⟨⟩) ⟨⟩) := by
  refine Eq.trans ?_ (R.apply_adjoint h.addition h' (x := (b, ⟨⟩)) (b := ⟨⟩) rfl nofun nofun)
  obtain ⟨out, red, u, v, w, rfl, rfl, rfl, rfl⟩ := h.two
  obtain ⟨_, _, rfl⟩ := h
  exact congrArg δ.dot (eval_zero ..)

end Contraction

end RuntimeApprox
