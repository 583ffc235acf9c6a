module

public import RuntimeApprox.Nodes.Theorems
public import RuntimeApprox.Operations.Textbook

/-!
# The operations as nodes

An operation and the contractions of its gradients are a node, and by `Adjoints` it is a gradient. The
first axis of a linear layer's weight are the output features. Average pooling is sums over windows,
padding included, and then `divNode`, as PyTorch computes it.

## Main definitions
* `convNode`, `multiplyNode`, `sumPoolNode`: convolutions, sums of products of two operands, and sums
  over windows, of any number of axes or loops.
* `linearNode`: a linear layer, operands input, weight and bias.

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

/-- Where two arithmetics respect a relation and the operands are related, the results are. -/
theorem Contraction.Shapes.apply_rel {α β : Type u} {A : Arithmetic α} {B : Arithmetic β}
    {R : α → β → Prop} (hAB : A.Respects B R) {c : Contraction Int} {fs as : List (List Nat)}
    {s : List Nat} (h : c.Shapes fs as s) {x : Tensors α fs} {y : Tensors β fs} {a : Tensors α as}
    {b : Tensors β as} (hx : Tensors.Rel R x y) (ha : Tensors.Rel R a b) :
    (c.apply A h x a).Rel R (c.apply B h y b) := by
  obtain ⟨rfl, rfl, rfl⟩ := h
  exact eval_rel hAB c hx ha

section
variable {c cx cy cb : Contraction Int} {p q a s : List Nat} (h : c.Shapes [p, q] [a] s)
  (hx : cx.Shapes [q, s] [] p) (hy : cy.Shapes [p, s] [] q) (hb : cb.Shapes [s] [] a)

/-- A contraction of x, y and an addend as a node, with the contractions of its gradients. -/
def Contraction.Shapes.node : ParametricNode K [p, q, a] s where
  forward := fun A (x, y, b, _) => c.apply A.toArithmetic h (x, y, ⟨⟩) (b, ⟨⟩)
  forward_rel := fun hAB (_, _, _, _) (_, _, _, _) ⟨rx, ry, rb, _⟩ =>
    h.apply_rel hAB.toRespects (.cons rx (.cons ry .nil)) (.cons rb .nil)
  vjp := fun A (x, y, _, _) δ => (cx.apply A.toArithmetic hx (y, δ, ⟨⟩) ⟨⟩,
    cy.apply A.toArithmetic hy (x, δ, ⟨⟩) ⟨⟩, cb.apply A.toArithmetic hb (δ, ⟨⟩) ⟨⟩, ⟨⟩)
  vjp_rel := fun hAB (_, _, _, _) (_, _, _, _) ⟨rx, ry, _, _⟩ _ _ hδ =>
    .cons (hx.apply_rel hAB.toRespects (.cons ry (.cons hδ .nil)) .nil)
      (.cons (hy.apply_rel hAB.toRespects (.cons rx (.cons hδ .nil)) .nil)
        (.cons (hb.apply_rel hAB.toRespects (.cons hδ .nil) .nil) .nil))

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

/-- A convolution of any number of axes, with operands input, kernel and bias. -/
def convNode (s : Convolution Nat) :
    ParametricNode K [s.inputShape, s.kernelShape, s.biasShape] s.outputShape :=
  Shapes.node K (s.forward_shapes "x" "weight" ["bias"] (Nat.le_refl _))
    (s.inputGrad_shapes "weight" "gradOutput" [] (Nat.zero_le _)) (s.kernelGrad_shapes "x" "gradOutput")
    s.biasGrad_shapes

/-- Its vector-Jacobian product is the gradient. -/
theorem convNode_isGradient (s : Convolution Nat) (hs : ∀ a ∈ s.ints.axes, 0 < a.stride) :
    (convNode K s).IsGradient := Shapes.node_isGradient _ _ _ _ (conv_adjoints s hs)

section
open Loop
variable (loops : List (Loop Nat))

/-- A sum of products of two operands over any loops, with an addend. -/
def multiplyNode :
    ParametricNode K [firstShape loops, secondShape loops, addendShape loops] (resultShape loops) :=
  (einsum_shapes loops).node K (firstGrad_shapes loops) (secondGrad_shapes loops)
    (addendGrad_shapes loops)

/-- Its vector-Jacobian product is the gradient. -/
theorem multiplyNode_isGradient : (multiplyNode K loops).IsGradient :=
  Shapes.node_isGradient _ _ _ _ (multiply_adjoints loops)

end

/-! ### The linear layer -/

variable (N I O : Nat)

/-- The loops of a linear layer: the rows, the output features, and the input features. -/
def linearLoops : List (Loop Nat) :=
  [⟨N, true, true, false, false⟩, ⟨O, true, false, true, true⟩, ⟨I, false, true, true, false⟩]

/-- A linear layer with operands input, weight and bias. -/
def linearNode : ParametricNode K [[N, I], [O, I], [O]] [N, O] := multiplyNode K (linearLoops N I O)

variable {K N I O}

/-- y[n, o] = Σ_i x[n, i]·weight[o, i] + bias[o] -/
theorem linear_textbook (x : Tensor K [N, I]) (weight : Tensor K [O, I]) (bias : Tensor K [O])
    (n : Fin N) (o : Fin O) : ((linearNode K N I O).forward exactNet (x, weight, bias, ⟨⟩)).get (n, o, ()) =
      (sum I fun i => x.entry [n.1, i] * weight.entry [o.1, i]) + bias.entry [o.1] :=
  (Tensor.get_eq_entry _ _).trans (multiply_textbook (loops := linearLoops N I O) (o := [n.1, o.1])
    x weight bias ⟨n.2, o.2, trivial⟩)

/-! ### Sums and averages over windows -/

section
variable {batch channels : Nat} {windows : List (Spatial Nat)}

/-- Sums over windows of an input. -/
def sumPoolNode (K : Type u) [OrderedField K] (batch channels : Nat) (windows : List (Spatial Nat)) :
    ParametricNode K [poolInputShape batch channels windows] (poolOutputShape batch channels windows) where
  forward := fun A (x, _) => sumPool A.toArithmetic x
  forward_rel := fun hAB (_, _) (_, _) ⟨hx, _⟩ =>
    (poolForward_shapes batch channels windows).apply_rel hAB.toRespects (.cons hx .nil) .nil
  vjp := fun A _ δ => (sumPoolDeriv A.toArithmetic δ, ⟨⟩)
  vjp_rel := fun hAB _ _ _ _ _ hδ =>
    .cons ((poolGrad_shapes batch channels windows).apply_rel hAB.toRespects (.cons hδ .nil) .nil) .nil

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
