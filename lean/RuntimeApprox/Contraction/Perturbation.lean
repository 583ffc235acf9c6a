module

public import RuntimeApprox.Context
public import RuntimeApprox.Contraction.Exact
public import RuntimeApprox.Contraction.Theorems

/-!
# Contractions of perturbed operands

The fundamental theorem for more than two operands at once, and what it says of perturbations: a
contraction is a polynomial with nonnegative coefficients, so that it differs at two operands x̂ and
x′ near x by no more than its value at |x| + |x̂ − x| + |x′ − x| is larger than that at |x|.

## Main definitions
* `Tensors.All P ts`: P holds of every family of corresponding entries of the tensors `ts j`.
* `Tensors.Reach xs' xsr xs qs`: |x| + |x̂ − x| + |x′ − x| ≤ q at every entry.

## Main results
* `Contraction.evalAt_all`: a property of families of numbers that sums and products keep, and that
  corresponding entries of the operands have, corresponding entries of the results have.
* `Contraction.reach`: c(|x|) + |c(x̂) − c(x)| + |c(x′) − c(x)| ≤ c(q) where it is so of the operands.
* `Contraction.abs_sub_le_sub`: |c(x̂) − c(x′)| ≤ c(q) − c(|x|).
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u}

/-! ### Families of operands -/

section
variable {J : Type}

/-- Tensors whose entries are the families of corresponding entries. -/
def Tensors.family : {ss : List (List Nat)} → (J → Tensors K ss) → Tensors (J → K) ss
  | [], _ => ⟨⟩
  | s :: _, ts => (Tensor.ofFn s fun i j => (ts j).1.get i, Tensors.family fun j => (ts j).2)

/-- `P` holds of every family of corresponding entries. -/
def Tensors.All (P : (J → K) → Prop) : {ss : List (List Nat)} → (J → Tensors K ss) → Prop
  | [], _ => True
  | _ :: _, ts => (∀ i, P fun j => (ts j).1.get i) ∧ Tensors.All P fun j => (ts j).2

theorem Tensors.family_rel (j : J) : {ss : List (List Nat)} → (ts : J → Tensors K ss) →
    Tensors.Rel (fun a x => a j = x) (Tensors.family ts) (ts j)
  | [], _ => trivial
  | s :: _, ts => ⟨fun i => congrFun (Tensor.get_ofFn s _ i) j, family_rel j fun j => (ts j).2⟩

theorem Tensors.All.rel {P : (J → K) → Prop} : {ss : List (List Nat)} → {ts : J → Tensors K ss} →
    Tensors.All P ts → Tensors.Rel (fun a (_ : J → K) => P a) (Tensors.family ts) (Tensors.family ts)
  | [], _, _ => trivial
  | s :: _, _, ⟨h, hs⟩ => ⟨fun i => (Tensor.get_ofFn s _ i).symm ▸ h i, hs.rel⟩

variable [OrderedField K]

/-- Exact arithmetic, for each member of a family. -/
def exactFamily : Arithmetic (J → K) where
  zero _ := 0
  add a b j := a j + b j
  mul a b j := a j * b j

/-- **Fundamental theorem**, for families: a property that holds of zeros, and that sums and
products keep, holds of an entry of the exact results where it holds of all entries of the
operands. -/
theorem Contraction.evalAt_all {P : (J → K) → Prop} (zero : P fun _ => 0)
    (add : ∀ a b, P a → P b → P fun j => a j + b j) (mul : ∀ a b, P a → P b → P fun j => a j * b j)
    (c : Contraction Int) {fs : J → c.Factors K} {as : J → c.Addends K} (hf : Tensors.All P fs)
    (ha : Tensors.All P as) (o : List Nat) : P fun j => evalAt exact c (fs j) (as j) o := by
  have h : evalAt exactFamily c (Tensors.family fs) (Tensors.family as) o =
      fun j => evalAt exact c (fs j) (as j) o := funext fun j =>
    evalAt_rel (R := fun (a : J → K) x => a j = x) ⟨rfl, fun _ _ _ _ h h' => congr (congrArg _ h) h',
      fun _ _ _ _ h h' => congr (congrArg _ h) h'⟩ c (Tensors.family_rel j fs)
      (Tensors.family_rel j as) o
  have := evalAt_rel (A := exactFamily) (B := exactFamily)
    ⟨zero, fun a _ b _ => add a b, fun a _ b _ => mul a b⟩ c hf.rel ha.rel o
  rwa [h] at this

end

/-! ### Perturbations -/

variable [OrderedField K]

/-- At every entry, |x| + |x̂ − x| + |x′ − x| ≤ q. -/
def Tensors.Reach : {ss : List (List Nat)} → (xs' xsr xs qs : Tensors K ss) → Prop
  | [], _, _, _, _ => True
  | _ :: _, (t', ts'), (tr, tsr), (t, ts), (q, qs) =>
    (∀ i, abs (t.get i) + abs (tr.get i - t.get i) + abs (t'.get i - t.get i) ≤ q.get i) ∧
      Tensors.Reach ts' tsr ts qs

/-- What a perturbed operand is made of: x′, x̂, x, |x|, |x̂| and q. -/
inductive Role where
  | exact | rounded | given | size | roundedSize | reach

/-- |x| + |x̂ − x| + |x′ − x| ≤ q and |x̂| ≤ q, with any bounds in place of |x| and |x̂|. -/
def Role.Bounded (a : Role → K) : Prop :=
  (abs (a given) ≤ a size ∧
    a size + abs (a rounded - a given) + abs (a exact - a given) ≤ a reach) ∧
  0 ≤ a roundedSize ∧ a roundedSize ≤ a reach

/-- The member of a family of operands that has a role. -/
def Role.pick {α : Type u} (x' xr x p pr q : α) : Role → α
  | exact => x'
  | rounded => xr
  | given => x
  | size => p
  | roundedSize => pr
  | reach => q

/-- |a·b − x·y| ≤ |x|·|b − y| + |y|·|a − x| + |a − x|·|b − y| -/
theorem abs_mul_sub_mul_le_add (a b x y : K) :
    abs (a * b - x * y) ≤ abs x * abs (b - y) + abs y * abs (a - x) + abs (a - x) * abs (b - y) := by
  have split : a * b - x * y = x * (b - y) + (y * (a - x) + (a - x) * (b - y)) := by grind
  have := abs_add_le (x * (b - y)) (y * (a - x) + (a - x) * (b - y))
  have := abs_add_le (y * (a - x)) ((a - x) * (b - y))
  rw [split]
  grind [abs_mul]

theorem Role.Bounded.add {a b : Role → K} (ha : Bounded a) (hb : Bounded b) :
    Bounded fun j => a j + b j := by
  obtain ⟨⟨ha, ha'⟩, ha0, ha1⟩ := ha
  obtain ⟨⟨hb, hb'⟩, hb0, hb1⟩ := hb
  have := abs_add_le (a given) (b given)
  have h := abs_add_sub_add_le (x := a given) (y := b given)
    (Std.IsPreorder.le_refl (abs (a rounded - a given)))
    (Std.IsPreorder.le_refl (abs (b rounded - b given)))
  have h' := abs_add_sub_add_le (x := a given) (y := b given)
    (Std.IsPreorder.le_refl (abs (a exact - a given)))
    (Std.IsPreorder.le_refl (abs (b exact - b given)))
  unfold Bounded
  grind

/-- The products of numbers that are within d and e, d′ and e′ of x and y. -/
theorem reach_mul_le {x y p p' q q' d d' e e' : K} (hx : abs x ≤ p) (hy : abs y ≤ p') (hd : 0 ≤ d)
    (hd' : 0 ≤ d') (he : 0 ≤ e) (he' : 0 ≤ e') (hq : p + d + e ≤ q) (hq' : p' + d' + e' ≤ q') :
    p * p' + (abs x * d' + abs y * d + d * d') + (abs x * e' + abs y * e + e * e') ≤ q * q' := by
  have := abs_nonneg x
  have := abs_nonneg y
  have := mul_le_mul hq hq' (by grind) (by grind)
  have := mul_le_mul_left (show 0 ≤ d' + e' by grind) hx
  have := mul_le_mul_left (show 0 ≤ d + e by grind) hy
  have := mul_nonneg hd he'
  have := mul_nonneg he hd'
  grind

theorem Role.Bounded.mul {a b : Role → K} (ha : Bounded a) (hb : Bounded b) :
    Bounded fun j => a j * b j := by
  obtain ⟨⟨ha, ha'⟩, ha0, ha1⟩ := ha
  obtain ⟨⟨hb, hb'⟩, hb0, hb1⟩ := hb
  have h := reach_mul_le ha hb (abs_nonneg _) (abs_nonneg _) (abs_nonneg _) (abs_nonneg _) ha' hb'
  have := abs_mul_sub_mul_le_add (a rounded) (b rounded) (a given) (b given)
  have := abs_mul_sub_mul_le_add (a exact) (b exact) (a given) (b given)
  have hp := mul_le_mul ha hb (abs_nonneg _)
    (Std.IsPreorder.le_trans _ _ _ (abs_nonneg _) ha)
  have hm := mul_le_mul ha1 hb1 hb0 (Std.IsPreorder.le_trans _ _ _ ha0 ha1)
  refine ⟨⟨?_, ?_⟩, mul_nonneg ha0 hb0, hm⟩
  · rw [abs_mul]; exact hp
  · grind

theorem Tensors.Reach.all : {ss : List (List Nat)} → {xs' xsr xs qs : Tensors K ss} →
    Tensors.Reach xs' xsr xs qs →
    Tensors.All Role.Bounded (Role.pick xs' xsr xs (xs.map abs) (xsr.map abs) qs)
  | [], _, _, _, _, _ => trivial
  | _ :: _, (t', ts'), (tr, tsr), (t, ts), (q, qs), ⟨h, hs⟩ => by
    refine ⟨fun i => ?_, ?_⟩
    · have h := h i
      have h1 : (t.map abs).get i = abs (t.get i) := Tensor.get_map ..
      have h2 : (tr.map abs).get i = abs (tr.get i) := Tensor.get_map ..
      have := abs_nonneg (tr.get i)
      have := abs_nonneg (t'.get i - t.get i)
      have := abs_add_le (t.get i) (tr.get i - t.get i)
      have : t.get i + (tr.get i - t.get i) = tr.get i := by grind
      show (abs (t.get i) ≤ (t.map abs).get i ∧ (t.map abs).get i + abs (tr.get i - t.get i) +
        abs (t'.get i - t.get i) ≤ q.get i) ∧ 0 ≤ (tr.map abs).get i ∧ (tr.map abs).get i ≤ q.get i
      rw [h1, h2]
      grind
    · have e : (fun j => (Role.pick (α := Tensors K (_ :: _)) (t', ts') (tr, tsr) (t, ts)
          (t.map abs, ts.map abs) (tr.map abs, tsr.map abs) (q, qs) j).2) =
          Role.pick ts' tsr ts (ts.map abs) (tsr.map abs) qs := funext fun j => by cases j <;> rfl
      exact e.symm ▸ hs.all

namespace Contraction

variable (c : Contraction Int) {fs' fsr fs qs : c.Factors K} {as' asr as bs : c.Addends K}
  (hf : Tensors.Reach fs' fsr fs qs) (ha : Tensors.Reach as' asr as bs) (o : List Nat)
include hf ha

/-- Where |x| + |x̂ − x| + |x′ − x| ≤ q at every entry of the operands, it is so of the results:
c(|x|) + |c(x̂) − c(x)| + |c(x′) − c(x)| ≤ c(q), and c(|x̂|) ≤ c(q). -/
theorem reach : evalAt exact c (fs.map abs) (as.map abs) o +
      abs (evalAt exact c fsr asr o - evalAt exact c fs as o) +
      abs (evalAt exact c fs' as' o - evalAt exact c fs as o) ≤ evalAt exact c qs bs o ∧
    evalAt exact c (fsr.map abs) (asr.map abs) o ≤ evalAt exact c qs bs o := by
  have h0 : (0 : K) - 0 = 0 := by grind
  have := evalAt_all (P := Role.Bounded) ⟨by
    show abs (0 : K) ≤ 0 ∧ 0 + abs ((0 : K) - 0) + abs ((0 : K) - 0) ≤ 0
    grind [abs_zero], Std.IsPreorder.le_refl _, Std.IsPreorder.le_refl _⟩
    (fun _ _ => Role.Bounded.add) (fun _ _ => Role.Bounded.mul) c hf.all ha.all o
  exact ⟨this.1.2, this.2.2⟩

/-- |c(x̂) − c(x′)| ≤ c(q) − c(|x|) where |x| + |x̂ − x| + |x′ − x| ≤ q at every entry of the
operands. -/
theorem abs_sub_le_sub : abs (evalAt exact c fsr asr o - evalAt exact c fs' as' o) ≤
    evalAt exact c qs bs o - evalAt exact c (fs.map abs) (as.map abs) o := by
  have := (reach c hf ha o).1
  have := abs_sub_le (evalAt exact c fsr asr o) (evalAt exact c fs as o) (evalAt exact c fs' as' o)
  have := abs_sub_comm (evalAt exact c fs as o) (evalAt exact c fs' as' o)
  grind

end Contraction

end RuntimeApprox
