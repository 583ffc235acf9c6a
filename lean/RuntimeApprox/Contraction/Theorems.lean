module

public import RuntimeApprox.Contraction
public import RuntimeApprox.Tensor.Theorems
public import RuntimeApprox.Rounding.Theorems

/-!
# The fundamental theorem of contractions

## Main results
* `Contraction.evalAt_rel`, `Contraction.eval_rel`: where two arithmetics respect a relation and
  the operands are related, every entry of the results is.
* `Contraction.abs_rounded_sub_exact_le`: its instance at the error laws. Every entry of the rounded
  result is within the bound of the exact one.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u v w
variable {α : Type u} {β : Type v} {R : α → β → Prop}

theorem bind_rel {a : Option α} {b : Option β} (h : Option.Rel R a b) {γ : Type u} {δ : Type v}
    {S : γ → δ → Prop} {f : α → Option γ} {g : β → Option δ}
    (hfg : ∀ a b, R a b → Option.Rel S (f a) (g b)) : Option.Rel S (a.bind f) (b.bind g) :=
  match h with
  | .none => .none
  | .some h => hfg _ _ h

theorem getD_rel {a : Option α} {b : Option β} (h : Option.Rel R a b) {x : α} {y : β}
    (hxy : R x y) : R (a.getD x) (b.getD y) :=
  match h with
  | .none => hxy
  | .some h => h

theorem read_rel : (axes : List (Axis Int)) → {t : Tensor α (extents axes)} →
    {u : Tensor β (extents axes)} → t.Rel R u → (o r : List Nat) →
    Option.Rel R (read axes t o r) (read axes u o r)
  | [], _, _, h, _, _ => .some (h ())
  | a :: as, t, u, h, o, r => by
    unfold read
    split
    · exact .none
    · split
      · next i _ hi => exact read_rel as (fun j => h (⟨i.toNat, hi.2⟩, j)) o r
      · exact .none

section
variable {A : Arithmetic α} {B : Arithmetic β} (o r : List Nat)

theorem product_rel (mul : ∀ a b c d, R a b → R c d → R (A.mul a c) (B.mul b d)) :
    (ps : List (Operand Int)) → {ts : Tensors α (shapes ps)} → {us : Tensors β (shapes ps)} →
    ts.Rel R us → {a : α} → {b : β} → R a b →
    Option.Rel R (product A o r ps ts a) (product B o r ps us b)
  | [], _, _, _, _, _, hab => .some hab
  | p :: ps, (t, ts), (u, us), ⟨ht, hts⟩, a, b, hab => by
    unfold product
    match read p.axes t o r, read p.axes u o r, read_rel p.axes ht o r with
    | _, _, .none => exact .none
    | _, _, .some h => exact product_rel mul ps hts (mul _ _ _ _ hab h)

theorem addAll_rel (add : ∀ a b c d, R a b → R c d → R (A.add a c) (B.add b d)) :
    (ps : List (Operand Int)) → {ts : Tensors α (shapes ps)} → {us : Tensors β (shapes ps)} →
    ts.Rel R us → {a : α} → {b : β} → R a b →
    R (addAll A o ps ts a) (addAll B o ps us b)
  | [], _, _, _, _, _, hab => hab
  | p :: ps, (t, ts), (u, us), ⟨ht, hts⟩, a, b, hab => by
    unfold addAll
    match read p.axes t o [], read p.axes u o [], read_rel p.axes ht o [] with
    | _, _, .none => exact addAll_rel add ps hts hab
    | _, _, .some h => exact addAll_rel add ps hts (add _ _ _ _ hab h)

end

/-- Nested loops keep a relation that each round keeps. -/
theorem loops_rel : (ns : List Nat) → {f : List Nat → α → α} → {g : List Nat → β → β} → {a : α} →
    {b : β} → R a b → (∀ is a b, R a b → R (f is a) (g is b)) → R (loops ns f a) (loops ns g b)
  | [], _, _, _, _, hab, h => h [] _ _ hab
  | n :: ns, _, _, _, _, hab, h => loop_rel n hab fun i _ _ hab =>
      loops_rel ns hab fun is => h (i :: is)

namespace Contraction

section
variable {A : Arithmetic α} {B : Arithmetic β}

theorem term_rel (mul : ∀ a b c d, R a b → R c d → R (A.mul a c) (B.mul b d))
    (c : Contraction Int) {fs : c.Factors α} {gs : c.Factors β} (hf : Tensors.Rel R fs gs)
    (o r : List Nat) : Option.Rel R (term A c fs o r) (term B c gs o r) := by
  obtain ⟨t, ts⟩ := fs
  obtain ⟨u, us⟩ := gs
  unfold term
  match read c.factor.axes t o r, read c.factor.axes u o r, read_rel c.factor.axes hf.1 o r with
  | _, _, .none => exact .none
  | _, _, .some h => exact product_rel o r mul c.factors hf.2 h

variable (hAB : A.Respects B R) (c : Contraction Int) {fs : c.Factors α} {gs : c.Factors β}
  (hf : Tensors.Rel R fs gs)
include hAB hf

theorem step_rel (o r : List Nat) (a : α) (b : β) (hab : R a b) :
    R (step A c fs o r a) (step B c gs o r b) := by
  unfold step
  match term A c fs o r, term B c gs o r, term_rel hAB.mul c hf o r with
  | _, _, .none => exact hab
  | _, _, .some h => exact hAB.add _ _ _ _ hab h

variable {as : c.Addends α} {bs : c.Addends β} (ha : Tensors.Rel R as bs)
include ha

/-- **Fundamental theorem**, for one entry: where two arithmetics respect a relation and the
operands are related, the results are. -/
theorem evalAt_rel (o : List Nat) : R (evalAt A c fs as o) (evalAt B c gs bs o) :=
  addAll_rel o hAB.add c.addends ha (loops_rel _ hAB.zero fun r => step_rel hAB c hf o r)

/-- **Fundamental theorem**: where two arithmetics respect a relation and the operands are
related, every entry of the results is. -/
theorem eval_rel : (eval A c fs as).Rel R (eval B c gs bs) :=
  Tensor.rel_ofFn fun _ => evalAt_rel hAB c hf ha _

end

variable {K : Type w} [OrderedField K] {R : Rounding K} (hR : R.Lawful) (c : Contraction Int)
  {efs rfs : c.Factors K} {bfs : c.Factors (Approx K)} {eas ras : c.Addends K}
  {bas : c.Addends (Approx K)}
include hR

/-- Where each operand's pairs have its rounded values and enclose its exact ones,
|rounded result − exact result| ≤ eps of the evaluation in pairs, at every entry. -/
theorem abs_rounded_sub_exact_le (hef : Tensors.Rel Approx.Encloses efs bfs)
    (hrf : Tensors.Rel Approx.HasValue rfs bfs) (hea : Tensors.Rel Approx.Encloses eas bas)
    (hra : Tensors.Rel Approx.HasValue ras bas) (i : Index c.shape) :
    abs ((eval (rounded R) c rfs ras).get i - (eval exact c efs eas).get i) ≤
      (evalAt (bound R) c bfs bas (outIndices c.out i)).eps := by
  unfold eval
  rw [Tensor.get_ofFn, Tensor.get_ofFn, show evalAt (rounded R) c rfs ras _ = _ from
    evalAt_rel (rounded_respects_bound R) c hrf hra _]
  exact evalAt_rel (exact_respects_bound hR) c hef hea _

end Contraction

end RuntimeApprox
