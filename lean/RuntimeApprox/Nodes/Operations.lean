module

public import RuntimeApprox.Nodes
public import RuntimeApprox.Operations.Shapes

/-!
# The operations as nodes

An operation and the contractions of its gradients are a node. The first axis of a linear layer's
weight are the output features. Average pooling is sums over windows, padding included, and then
`divNode`, as PyTorch computes it.

## Main definitions
* `Contraction.Shapes.node`: a contraction of two factors and an addend, with those of its gradients.
* `convNode`, `multiplyNode`, `sumPoolNode`: convolutions, sums of products of two operands, and sums
  over windows, of any number of axes or loops.
* `linearNode`: a linear layer, operands input, weight and bias.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

open Contraction

universe u
variable (K : Type u) [OrderedField K]

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

end

/-- A convolution of any number of axes, with operands input, kernel and bias. -/
def convNode (s : Convolution Nat) :
    ParametricNode K [s.inputShape, s.kernelShape, s.biasShape] s.outputShape :=
  Shapes.node K (s.forward_shapes "x" "weight" ["bias"] (Nat.le_refl _))
    (s.inputGrad_shapes "weight" "gradOutput" [] (Nat.zero_le _)) (s.kernelGrad_shapes "x" "gradOutput")
    s.biasGrad_shapes

section
open Loop
variable (loops : List (Loop Nat))

/-- A sum of products of two operands over any loops, with an addend. -/
def multiplyNode :
    ParametricNode K [firstShape loops, secondShape loops, addendShape loops] (resultShape loops) :=
  (einsum_shapes loops).node K (firstGrad_shapes loops) (secondGrad_shapes loops)
    (addendGrad_shapes loops)

end

variable (N I O : Nat)

/-- The loops of a linear layer: the rows, the output features, and the input features. -/
def linearLoops : List (Loop Nat) :=
  [⟨N, true, true, false, false⟩, ⟨O, true, false, true, true⟩, ⟨I, false, true, true, false⟩]

/-- A linear layer with operands input, weight and bias. -/
def linearNode : ParametricNode K [[N, I], [O, I], [O]] [N, O] := multiplyNode K (linearLoops N I O)

/-- Sums over windows of an input. -/
def sumPoolNode (batch channels : Nat) (windows : List (Spatial Nat)) :
    ParametricNode K [poolInputShape batch channels windows] (poolOutputShape batch channels windows) where
  forward := fun A (x, _) => sumPool A.toArithmetic x
  forward_rel := fun hAB (_, _) (_, _) ⟨hx, _⟩ =>
    (poolForward_shapes batch channels windows).apply_rel hAB.toRespects (.cons hx .nil) .nil
  vjp := fun A _ δ => (sumPoolDeriv A.toArithmetic δ, ⟨⟩)
  vjp_rel := fun hAB _ _ _ _ _ hδ =>
    .cons ((poolGrad_shapes batch channels windows).apply_rel hAB.toRespects (.cons hδ .nil) .nil) .nil

end RuntimeApprox
