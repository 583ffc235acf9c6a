module

public import RuntimeApprox.OrderedField.Theorems
public import RuntimeApprox.Contraction.Theorems
public import RuntimeApprox.Summands

/-!
# An entry is the sum of what it adds up

## Main results
* `Contraction.evalAt_eq_total`: an entry is the sum of what it adds up, in every arithmetic.
* `Contraction.added_map`: a function that keeps products maps what is added.
* `Contraction.listSum_summands`, `Contraction.sumAbs_summands`: the sum of the summands is the
  entry, and that of their absolute values the entry of the operands' absolute values.
* `Contraction.count_get`: the contraction of ones is the number of summands.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

section
variable {α β : Type u} (A : Arithmetic α)

theorem addAll_eq_total (o : List Nat) : (ps : List (Operand Int)) → (ts : Tensors α (shapes ps)) →
    (l : List α) → addAll A o ps ts (total A l) = total A (addendList o ps ts l)
  | [], _, _ => rfl
  | p :: ps, (t, ts), l => by
    unfold addAll addendList
    rcases read p.axes t o [] with _ | b
    · exact addAll_eq_total o ps ts l
    · exact addAll_eq_total o ps ts (b :: l)

namespace Contraction

/-- An entry is the sum of what it adds up, in every arithmetic. -/
theorem evalAt_eq_total (c : Contraction Int) (fs : c.Factors α) (as : c.Addends α)
    (o : List Nat) : evalAt A c fs as o = total A (added A c fs as o) := by
  unfold evalAt added
  rw [← addAll_eq_total]
  congr 1
  refine loops_rel (R := fun a (l : List α) => a = total A l) _ rfl fun r a l hal => ?_
  dsimp only at hal
  subst hal
  unfold step
  cases term A c fs o r <;> rfl

end Contraction

variable {A} {φ : β → α}

theorem addendList_map (o : List Nat) : (ps : List (Operand Int)) → {ts : Tensors α (shapes ps)} →
    {us : Tensors β (shapes ps)} → ts.Rel (fun a b => a = φ b) us → {k : List α} → {l : List β} →
    k = l.map φ → addendList o ps ts k = (addendList o ps us l).map φ
  | [], _, _, _, _, _, hkl => hkl
  | p :: ps, (t, ts), (u, us), ⟨ht, hts⟩, k, l, hkl => by
    unfold addendList
    match read p.axes t o [], read p.axes u o [], read_rel p.axes ht o [] with
    | _, _, .none => exact addendList_map o ps hts hkl
    | _, _, .some h => exact addendList_map o ps hts (by subst hkl h; rfl)

/-- Where the products of an arithmetic are the images of another one's, so is what is added. -/
theorem Contraction.added_map {B : Arithmetic β}
    (mul : ∀ a b c d, a = φ b → c = φ d → A.mul a c = φ (B.mul b d)) (c : Contraction Int)
    {fs : c.Factors α} {gs : c.Factors β} (hf : Tensors.Rel (fun a b => a = φ b) fs gs) {as : c.Addends α}
    {bs : c.Addends β} (ha : Tensors.Rel (fun a b => a = φ b) as bs) (o : List Nat) :
    added A c fs as o = (added B c gs bs o).map φ := by
  refine addendList_map o _ ha (loops_rel (R := fun k (l : List β) => k = l.map φ) _ rfl
    fun r k l hkl => ?_)
  match term A c fs o r, term B c gs o r, term_rel mul c hf o r with
  | _, _, .none => exact hkl
  | _, _, .some h => exact congr (congrArg List.cons h) hkl

/-- Reading an entry of a tensor to which a function was applied. -/
theorem read_map (φ : β → α) (axes : List (Axis Int)) (t : Tensor β (extents axes))
    (o r : List Nat) : read axes (t.map φ) o r = (read axes t o r).map φ := by
  match read axes (t.map φ) o r, read axes t o r,
    read_rel (R := fun a b => a = φ b) axes (Tensor.get_map φ t) o r with
  | _, _, .none => rfl
  | _, _, .some h => exact congrArg some h

theorem Tensors.map_rel (φ : β → α) : {ss : List (List Nat)} → (ts : Tensors β ss) →
    Tensors.Rel (fun a b => a = φ b) (ts.map φ) ts
  | [], _ => trivial
  | _ :: _, (t, ts) => ⟨Tensor.get_map φ t, Tensors.map_rel φ ts⟩

end

/-! ### Exact arithmetic -/

variable {K : Type u} [OrderedField K]

theorem total_exact : (ts : List K) → total exact ts = ts.sum
  | [] => rfl
  | t :: ts => by
    have := total_exact ts
    show total exact ts + t = t + ts.sum
    grind

namespace Contraction

variable (c : Contraction Int) (fs : c.Factors K) (as : c.Addends K)

/-- An entry is the sum of its summands. -/
theorem listSum_summands (o : List Nat) : (c.summands fs as o).sum = evalAt exact c fs as o := by
  rw [evalAt_eq_total, total_exact]

/-- The entry of operands to which a function was applied that keeps products. -/
theorem evalAt_map {f : K → K} (hf : ∀ a b, f a * f b = f (a * b)) (o : List Nat) :
    evalAt exact c (fs.map f) (as.map f) o = ((c.summands fs as o).map f).sum := by
  rw [← listSum_summands]
  exact congrArg List.sum (added_map (A := exact) (B := exact) (fun a b c d h h' => by subst h h'; exact hf b d) c
    (fs.map_rel f) (as.map_rel f) o)

/-- The sum of the absolute values of the summands is the entry of the absolute values of the
operands: Σ|x||y|. -/
theorem sumAbs_summands (o : List Nat) :
    sumAbs (c.summands fs as o) = evalAt exact c (fs.map abs) (as.map abs) o := by
  rw [evalAt_map c fs as fun a b => (abs_mul a b).symm]; rfl

attribute [local instance] Lean.Grind.Semiring.natCast in
/-- The number of summands of an entry is the contraction of ones: those that an index outside of an
operand skips do not count. -/
theorem count_get (i : Index c.shape) : ((c.summands fs as (outIndices c.out i)).length : K) =
    (eval exact c (fs.map fun _ => 1) (as.map fun _ => 1)).get i := by
  unfold eval
  rw [Tensor.get_ofFn, evalAt_map c fs as fun _ _ => by grind, listSum_map_one_eq_length]

end Contraction

end RuntimeApprox
