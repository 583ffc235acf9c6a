module

public import RuntimeApprox.Nodes.Operations
public import RuntimeApprox.Nodes.Theorems
public import RuntimeApprox.Operations.Textbook

/-!
# The nodes of operations are gradients

By `Adjoints`: the vector-Jacobian product of each is the gradient of its forward pass.

## Main results
* `convNode_isGradient`, `multiplyNode_isGradient`, `sumPoolNode_isGradient`: the vector-Jacobian product
  is the gradient.
* `linear_textbook`, `avgPool_textbook`: an entry of the exact forward pass.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

open Contraction

universe u
variable (K : Type u) [OrderedField K]

/-! ### Two factors and an addend -/

section
variable {c cx cy cb : Contraction Int} {p q a s : List Nat} (h : c.Shapes [p, q] [a] s)
  (hx : cx.Shapes [q, s] [] p) (hy : cy.Shapes [p, s] [] q) (hb : cb.Shapes [s] [] a)

variable {K}

/-- Where the gradients are the adjoints, the node is a gradient. -/
theorem Contraction.Shapes.node_isGradient
    (g : Adjoints (K := K) (fun x y b => c.apply exact h (x, y, ⟨⟩) (b, ⟨⟩))
      (fun y δ => cx.apply exact hx (y, δ, ⟨⟩) ⟨⟩) (fun x δ => cy.apply exact hy (x, δ, ⟨⟩) ⟨⟩)
      fun δ => cb.apply exact hb (δ, ⟨⟩) ⟨⟩) : (h.node K hx hy hb).IsGradient :=
  fun (x, y, b, ⟨⟩) δ => by
    obtain ⟨out, red, u, v, w, rfl, rfl, rfl, rfl⟩ := h.two
    obtain ⟨_, _, rfl⟩ := h
    exact dot_tangent x y b δ (g.first ..) (g.second ..) (g.addend ..)

end

/-- Its vector-Jacobian product is the gradient. -/
theorem convNode_isGradient (s : Convolution Nat) (hs : ∀ a ∈ s.ints.axes, 0 < a.stride) :
    (convNode K s).IsGradient := Shapes.node_isGradient _ _ _ _ (conv_adjoints s hs)

section
open Loop
variable (loops : List (Loop Nat))

/-- Its vector-Jacobian product is the gradient. -/
theorem multiplyNode_isGradient : (multiplyNode K loops).IsGradient :=
  Shapes.node_isGradient _ _ _ _ (multiply_adjoints loops)

end

/-! ### The linear layer -/

variable {K} {N I O : Nat}

/-- y[n, o] = Σ_i x[n, i]·weight[o, i] + bias[o] -/
theorem linear_textbook (x : Tensor K [N, I]) (weight : Tensor K [O, I]) (bias : Tensor K [O])
    (n : Fin N) (o : Fin O) : ((linearNode K N I O).forward exactNet (x, weight, bias, ⟨⟩)).get (n, o, ()) =
      (sum I fun i => x.entry [n.1, i] * weight.entry [o.1, i]) + bias.entry [o.1] :=
  (Tensor.get_eq_entry _ _).trans (multiply_textbook (loops := linearLoops N I O) (o := [n.1, o.1])
    x weight bias ⟨n.2, o.2, trivial⟩)

/-! ### Sums and averages over windows -/

section
variable {batch channels : Nat} {windows : List (Spatial Nat)}

theorem Contraction.Shapes.tangent_apply {c : Contraction Int} {p s : List Nat} (h : c.Shapes [p] [] s)
    (x : Tensor (Dual K) p) : (c.apply dualNet.toArithmetic h (x, ⟨⟩) ⟨⟩).map Dual.tangent =
      c.apply exact h (x.map Dual.tangent, ⟨⟩) ⟨⟩ := by
  obtain ⟨out, red, u, vs, ws⟩ := c
  obtain ⟨hf, ha, rfl⟩ := h
  match vs, hf, ws, ha with
  | [], hf, [], _ =>
    obtain rfl := (List.cons.inj hf).1
    exact tangent_eval_one x

/-- ⟨δ, pool(dx)⟩ = ⟨vjp δ, dx⟩ -/
theorem sumPoolNode_isGradient (hs : ∀ a ∈ intWindows windows, 0 < a.stride) :
    (sumPoolNode K batch channels windows).IsGradient := fun (x, ⟨⟩) δ =>
  (congrArg δ.dot ((poolForward_shapes batch channels windows).tangent_apply x)).trans
    ((sumPool_adjoint hs _ δ).trans ((Tensor.dot_comm ..).trans (Tensors.dot_one _ _).symm))

/-- Average pooling, with m the size of a window:
y[n, c, o₁, …] = (Σ_k₁ … x[n, c, o₁·s₁ + k₁·d₁ − p₁, …]) / m. -/
theorem avgPool_textbook {m : K} (hm : 0 < m) (x : Tensor K (poolInputShape batch channels windows))
    {n c : Nat} {os : List Nat} (hn : n < batch) (hc : c < channels)
    (ho : InLoops (windows.map Spatial.output) os) :
    Tensor.entry ((divNode m hm _).forward exactNet (sumPool exact x, ⟨⟩)) (n :: c :: toInts os) =
      (sums (windows.map Spatial.kernel) fun ks => x.entry (n :: c :: taps windows os ks)) / m := by
  have : (divNode m hm _).forward exactNet (sumPool exact x, ⟨⟩) = m⁻¹ • sumPool exact x :=
    Tensor.ext fun i => by
      rw [Tensor.get_smul]
      refine (Tensor.get_map _ _ i).trans ?_
      show _ / m = _
      rw [Lean.Grind.Field.div_eq_mul_inv, Lean.Grind.CommSemiring.mul_comm]
  rw [this, Tensor.entry_smul, sumPool_textbook hn hc x ho, Lean.Grind.Field.div_eq_mul_inv,
    Lean.Grind.CommSemiring.mul_comm]

end

end RuntimeApprox
