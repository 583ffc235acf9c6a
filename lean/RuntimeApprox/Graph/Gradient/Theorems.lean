module

public import RuntimeApprox.Graph.Gradient
public import RuntimeApprox.Graph.Theorems

/-!
# Backpropagation computes the gradient

Evaluated on dual numbers x + dx·ε, a graph computes its values and its derivative along dx. Exact
backpropagation of δ returns gradients whose inner product with dx equals that of δ with the derivative
along dx, for every dx, if the same holds of each node.

## Main results
* `RevGraph.eval_value`: the values of the dual numbers are those of the graph.
* `RevGraph.backprop_isGradient`: ⟨δ, derivative along dx⟩ = ⟨backprop δ, dx⟩.
* `RevGraph.gradient_isGradient`: the same for the last node's gradient.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u v
variable {K : Type u} [OrderedField K]

/-- The inner product of contexts of one tensor. -/
theorem Tensors.dot_one {s : List Nat} (t u : Tensor K s) :
    Tensors.dot (Γ := [s]) (t, ⟨⟩) (u, ⟨⟩) = t.dot u := by
  show t.dot u + (0 : K) = _; grind

theorem Cotangents.dot_none : {Γ : List (List Nat)} → (us : Tensors K Γ) →
    Cotangents.dot .none us = 0
  | [], _ => rfl
  | _ :: _, (_, us) => dot_none us

theorem Cotangents.dot_toTensors : {Γ : List (List Nat)} → (cs : Cotangents K Γ) →
    (us : Tensors K Γ) → (cs.toTensors 0).dot us = cs.dot us
  | [], _, _ => rfl
  | _ :: _, (some δ, cs), (u, us) => congrArg (Tensor.dot δ u + ·) (dot_toTensors cs us)
  | s :: _, (Option.none, cs), (u, us) => by
    have h : Tensor.dot (Tensor.fill s (0 : K)) u = 0 := Tensor.zero_dot u
    have := dot_toTensors cs us
    show Tensor.dot (Tensor.fill s (0 : K)) u + (cs.toTensors 0).dot us = cs.dot us
    grind

/-- A gradient that reaches a tensor adds its inner product with that tensor. -/
theorem Var.dot_accumulate : {Γ : List (List Nat)} → {s : List Nat} → (v : Var Γ s) →
    (t : Tensor K s) → (cs : Cotangents K Γ) → (us : Tensors K Γ) →
    (v.accumulate exact t cs).dot us = t.dot (v.get us) + cs.dot us
  | _, _, .zero, _, (Option.none, _), (_, _) => rfl
  | _, _, .zero, t, (some c, cs), (u, us) => by
    have h : Tensor.dot (Tensor.zipWith (exact (K := K)).add c t) u = Tensor.dot c u + t.dot u := by
      show Tensor.dot (c + t) u = _
      rw [Tensor.dot_comm, Tensor.dot_add, Tensor.dot_comm u, Tensor.dot_comm u]
    show Tensor.dot (Tensor.zipWith (exact (K := K)).add c t) u + cs.dot us =
      t.dot u + (Tensor.dot c u + cs.dot us)
    grind
  | _, _, .succ v, t, (Option.none, cs), (_, us) => v.dot_accumulate t cs us
  | _, _, .succ v, t, (some c, cs), (u, us) => by
    have := v.dot_accumulate t cs us
    show Tensor.dot c u + (v.accumulate exact t cs).dot us = _ + (Tensor.dot c u + cs.dot us)
    show _ = t.dot (v.get us) + _
    grind

theorem Vars.dot_accumulate {Γ : List (List Nat)} : {As : List (List Nat)} → (vs : Vars Γ As) →
    (ts : Tensors K As) → (cs : Cotangents K Γ) → (us : Tensors K Γ) →
    (vs.accumulate exact ts cs).dot us = ts.dot (vs.get us) + cs.dot us
  | _, .nil, _, cs, us => by show cs.dot us = (0 : K) + cs.dot us; grind
  | _, .cons v vs, (t, ts), cs, us => by
    show (vs.accumulate exact ts (v.accumulate exact t cs)).dot us =
      t.dot (v.get us) + ts.dot (vs.get us) + cs.dot us
    rw [vs.dot_accumulate, v.dot_accumulate]; grind

section
variable {α β : Type u} (φ : α → β)

theorem Var.get_map : {Γ : List (List Nat)} → {s : List Nat} → (v : Var Γ s) →
    (ts : Tensors α Γ) → v.get (ts.map φ) = (v.get ts).map φ
  | _, _, .zero, (_, _) => rfl
  | _, _, .succ v, (_, ts) => v.get_map ts

theorem Vars.get_map {Γ : List (List Nat)} : {As : List (List Nat)} → (vs : Vars Γ As) →
    (ts : Tensors α Γ) → vs.get (ts.map φ) = (vs.get ts).map φ
  | _, .nil, _ => rfl
  | _, .cons v vs, ts => congr (congrArg Prod.mk (v.get_map φ ts)) (vs.get_map ts)

end

variable {N : List (List Nat) → List Nat → Type v} {Γ : List (List Nat)}

namespace RevGraph

theorem All.mono {P Q : {As : List (List Nat)} → {s : List Nat} → N As s → Prop}
    (h : ∀ {As s} (n : N As s), P n → Q n) : {Δ : List (List Nat)} → {g : RevGraph N Γ Δ} →
    g.All P → g.All Q
  | _, .nil, _ => trivial
  | _, .snoc _ n _, hg => ⟨All.mono h hg.1, h n hg.2⟩

variable {E : Pass N K} {D : Pass N (Dual K)}

/-- The values of the dual numbers are those of the graph. -/
theorem eval_value : {Δ : List (List Nat)} → (g : RevGraph N Γ Δ) → g.All (E.IsGradient D) →
    (xs : Tensors (Dual K) Γ) → (g.eval D xs).map Dual.value = g.eval E (xs.map Dual.value)
  | _, .nil, _, _ => rfl
  | _, .snoc g n vs, h, xs => by
    have ih := eval_value g h.1 xs
    refine congr (congrArg Prod.mk ?_) ih
    rw [(h.2 _).1, ← Vars.get_map, ih]

theorem dot_pull (hE : E.toArithmetic = exact) : {Δ : List (List Nat)} → (g : RevGraph N Γ Δ) →
    g.All (E.IsGradient D) → (xs : Tensors (Dual K) Γ) → (cs : Cotangents K Δ) →
    cs.dot ((g.eval D xs).map Dual.tangent) =
      (g.pull E ((g.eval D xs).map Dual.value) cs).dot (xs.map Dual.tangent)
  | _, .nil, _, _, _ => rfl
  | _, .snoc g _ _, h, xs, (none, cs) => dot_pull hE g h.1 xs cs
  | _, .snoc g n vs, h, xs, (some δ, cs) => by
    show Tensor.dot δ ((D.forward n (vs.get (g.eval D xs))).map Dual.tangent) +
        cs.dot ((g.eval D xs).map Dual.tangent) =
      (g.pull E ((g.eval D xs).map Dual.value) (vs.accumulate E.toArithmetic
        (E.vjp n (vs.get ((g.eval D xs).map Dual.value)) δ) cs)).dot (xs.map Dual.tangent)
    rw [← dot_pull hE g h.1, hE, Vars.dot_accumulate, Vars.get_map, Vars.get_map, (h.2 _).2]

variable (hE : E.toArithmetic = exact) {Δ : List (List Nat)}
include hE

/-- **Backpropagation computes the gradient**: for gradients δ with respect to nodes and a context of
dual numbers x + dx·ε, ⟨δ, derivative of the graph at x along dx⟩ = ⟨backprop x δ, dx⟩. -/
theorem backprop_isGradient (g : RevGraph N Γ Δ) (h : g.All (E.IsGradient D))
    (xs : Tensors (Dual K) Γ) (cs : Cotangents K Δ) :
    cs.dot ((g.eval D xs).map Dual.tangent) =
      (g.backprop E (xs.map Dual.value) cs).dot (xs.map Dual.tangent) := by
  have h0 : E.zero = 0 := congrArg Arithmetic.zero hE
  unfold backprop
  rw [dot_pull hE g h, eval_value g h, h0, Cotangents.dot_toTensors]

/-- The same from the last node's gradient: ⟨δ, derivative of the last node⟩ = ⟨gradient x δ, dx⟩. -/
theorem gradient_isGradient {s : List Nat} (g : RevGraph N Γ (s :: Δ)) (h : g.All (E.IsGradient D))
    (xs : Tensors (Dual K) Γ) (δ : Tensor K s) :
    δ.dot ((g.eval D xs).1.map Dual.tangent) =
      (g.gradient E (xs.map Dual.value) δ).dot (xs.map Dual.tangent) := by
  refine Eq.trans ?_ (backprop_isGradient hE g h xs (.first δ))
  have := Cotangents.dot_none ((g.eval D xs).2.map Dual.tangent)
  show _ = δ.dot ((g.eval D xs).1.map Dual.tangent) + Cotangents.dot .none _
  grind

end RevGraph

end RuntimeApprox
