module

public import RuntimeApprox.Graph
public import RuntimeApprox.Tensor.Algebra

/-!
# What it means that nodes and graphs compute gradients

## Main definitions
* `Tensors.dot`, `Cotangents.dot`: inner products.
* `Pass.IsGradient E D n`: the vector-Jacobian product of node n in the pass E is the gradient of its
  forward pass, whose values and derivatives the pass D computes. `RevGraph.All`: every node of a graph.
* `ParametricNode.IsGradient`: ⟨δ, derivative along dx⟩ = ⟨vjp δ, dx⟩.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u v
variable {K : Type u} [OrderedField K]

/-- Σⱼ ⟨tⱼ, uⱼ⟩ over the tensors of a context -/
def Tensors.dot : {Γ : List (List Nat)} → Tensors K Γ → Tensors K Γ → K
  | [], _, _ => 0
  | _ :: _, (t, ts), (u, us) => t.dot u + Tensors.dot ts us

/-- Σⱼ ⟨δⱼ, uⱼ⟩ over the tensors that a gradient has reached -/
def Cotangents.dot : {Γ : List (List Nat)} → Cotangents K Γ → Tensors K Γ → K
  | [], _, _ => 0
  | _ :: _, (some δ, cs), (u, us) => Tensor.dot δ u + Cotangents.dot cs us
  | _ :: _, (Option.none, cs), (_, us) => Cotangents.dot cs us

/-- The vector-Jacobian product of a node in the pass E is the gradient of its forward pass: on dual
numbers x + dx·ε the pass D computes f(x) + y·ε with ⟨δ, y⟩ = ⟨δ·f′(x), dx⟩ for every δ. -/
def Pass.IsGradient {N : List (List Nat) → List Nat → Type v} (E : Pass N K) (D : Pass N (Dual K)) {As : List (List Nat)} {s : List Nat}
    (n : N As s) : Prop :=
  ∀ xs : Tensors (Dual K) As,
    (D.forward n xs).map Dual.value = E.forward n (xs.map Dual.value) ∧
      ∀ δ, δ.dot ((D.forward n xs).map Dual.tangent) =
        (E.vjp n (xs.map Dual.value) δ).dot (xs.map Dual.tangent)

/-- `P` holds of every node of a graph. -/
def RevGraph.All {N : List (List Nat) → List Nat → Type v} {Γ : List (List Nat)}
    (P : {As : List (List Nat)} → {s : List Nat} → N As s → Prop) :
    {Δ : List (List Nat)} → RevGraph N Γ Δ → Prop
  | _, .nil => True
  | _, .snoc g n _ => All P g ∧ P n

/-- The vector-Jacobian product is the gradient of the forward pass: for operands x + dx·ε,
⟨δ, derivative along dx⟩ = ⟨vjp δ, dx⟩. -/
def ParametricNode.IsGradient {As : List (List Nat)} {s : List Nat} (n : ParametricNode K As s) : Prop :=
  ∀ (xs : Tensors (Dual K) As) (δ : Tensor K s),
    δ.dot ((n.forward dualNet xs).map Dual.tangent) =
      (n.vjp exactNet (xs.map Dual.value) δ).dot (xs.map Dual.tangent)

end RuntimeApprox
