module

public import RuntimeApprox.Contraction.Exact.Theorems
public import RuntimeApprox.Graph
public import RuntimeApprox.Summands.Theorems

/-!
# The derivative of a contraction

## Main results
* `Contraction.tangent_eval`: on dual numbers, a contraction of x and y computes the sum of its values
  at (dx, y) and (x, dy), and that of the addends' derivatives. `Contraction.tangent_eval_one`: of x
  alone, its value at dx.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

theorem valueAt_map {α : Type u} (φ : α → K) (axes : List (Axis Int)) (t : Tensor α (extents axes))
    (o r : List Nat) : valueAt axes (t.map φ) o r = ((read axes t o r).map φ).getD 0 := by
  rw [← read_map, read_getD]

theorem addAll_tangent (o : List Nat) : (ps : List (Operand Int)) →
    (ts : Tensors (Dual K) (shapes ps)) → (a : Dual K) →
    (addAll dualNet.toArithmetic o ps ts a).tangent =
      a.tangent + addendsAt o ps (ts.map Dual.tangent)
  | [], _, a => by show a.tangent = a.tangent + 0; grind
  | p :: ps, (t, ts), a => by
    have h := valueAt_map Dual.tangent p.axes t o []
    show _ = a.tangent + (valueAt p.axes (t.map Dual.tangent) o [] + _)
    unfold addAll
    revert h
    rcases read p.axes t o [] with _ | b <;> intro h <;> rw [h]
    · refine (addAll_tangent o ps ts a).trans ?_
      show a.tangent + _ = a.tangent + ((0 : K) + _)
      grind
    · refine (addAll_tangent o ps ts _).trans ?_
      show a.tangent + b.tangent + _ = a.tangent + (b.tangent + _)
      grind

namespace Contraction

variable {out : List (List Int)} {red : List Int} {p q : Operand Int} {ads : List (Operand Int)}

/-- Σ (dx·y + x·dy) + the addends' derivatives, at an entry -/
theorem tangent_evalAt (x : Tensor (Dual K) (extents p.axes)) (y : Tensor (Dual K) (extents q.axes))
    (as : Tensors (Dual K) (shapes ads)) (o : List Nat) :
    (evalAt dualNet.toArithmetic ⟨out, red, p, [q], ads⟩ (x, y, ⟨⟩) as o).tangent =
      sums (toNats red) (fun r =>
        valueAt p.axes (x.map Dual.tangent) o r * valueAt q.axes (y.map Dual.value) o r +
        valueAt p.axes (x.map Dual.value) o r * valueAt q.axes (y.map Dual.tangent) o r) +
      addendsAt o ads (as.map Dual.tangent) := by
  have step : ∀ r (a : Dual K),
      (step dualNet.toArithmetic ⟨out, red, p, [q], ads⟩ (x, y, ⟨⟩) o r a).tangent = a.tangent +
        (valueAt p.axes (x.map Dual.tangent) o r * valueAt q.axes (y.map Dual.value) o r +
        valueAt p.axes (x.map Dual.value) o r * valueAt q.axes (y.map Dual.tangent) o r) := by
    intro r a
    simp only [valueAt_map]
    unfold step term product product
    rcases read p.axes x o r with _ | b <;> rcases read q.axes y o r with _ | c <;>
      simp only [Option.map_none, Option.map_some, Option.getD_none, Option.getD_some]
    · grind
    · grind
    · grind
    · rfl
  have sum := loops_rel (R := fun (a : Dual K) b => a.tangent = b) (toNats red) (show
      (dualNet (K := K)).zero.tangent = 0 from rfl) fun r a b h => (step r a).trans (by rw [h])
  refine (addAll_tangent o ads as _).trans ?_
  rw [sum, loops_add _ fun _ _ => rfl]
  grind

/-- On dual numbers, a contraction of x and y with addends b computes
c(dx, y) + c(x, dy) + c(0, 0) + db. -/
theorem tangent_eval (x : Tensor (Dual K) (extents p.axes)) (y : Tensor (Dual K) (extents q.axes))
    (as : Tensors (Dual K) (shapes ads)) :
    let c : Contraction Int := ⟨out, red, p, [q], ads⟩
    (eval dualNet.toArithmetic c (x, y, ⟨⟩) as).map Dual.tangent =
      eval exact c (x.map Dual.tangent, y.map Dual.value, ⟨⟩) (as.map fun _ => 0) +
      eval exact c (x.map Dual.value, y.map Dual.tangent, ⟨⟩) (as.map fun _ => 0) +
      eval exact c (0, 0, ⟨⟩) (as.map Dual.tangent) := by
  have addends : ∀ (o : List Nat) (ps : List (Operand Int)) (ts : Tensors (Dual K) (shapes ps)),
      addendsAt o ps (ts.map fun _ => (0 : K)) = 0 := by
    intro o ps
    induction ps with
    | nil => exact fun _ => rfl
    | cons p ps ih =>
      intro ⟨t, ts⟩
      show valueAt p.axes (0 : Tensor K _) o [] + addendsAt o ps (ts.map fun _ => 0) = 0
      rw [valueAt_zero, ih]; grind
  refine Tensor.ext fun i => ?_
  simp only [Tensor.get_add, get_eval_exact, Tensor.get_map]
  unfold eval
  rw [Tensor.get_ofFn, tangent_evalAt]
  simp only [valuesAt_one, addends, valueAt_zero, Lean.Grind.Semiring.zero_mul, sums_zero, sums_add]
  grind

/-- On dual numbers, a contraction of one factor computes c(dx). -/
theorem tangent_eval_one (x : Tensor (Dual K) (extents p.axes)) :
    (eval dualNet.toArithmetic ⟨out, red, p, [], []⟩ (x, ⟨⟩) ⟨⟩).map Dual.tangent =
      eval exact ⟨out, red, p, [], []⟩ (x.map Dual.tangent, ⟨⟩) ⟨⟩ := Tensor.ext fun i => by
  rw [Tensor.get_map]
  unfold eval evalAt
  rw [Tensor.get_ofFn, Tensor.get_ofFn]
  refine loops_rel (R := fun (a : Dual K) b => a.tangent = b) (toNats red) rfl fun r a b h => ?_
  unfold step term
  rw [read_map]
  cases read p.axes x (outIndices out i) r with
  | none => exact h
  | some d => exact congrArg (· + d.tangent) h

end Contraction

end RuntimeApprox
