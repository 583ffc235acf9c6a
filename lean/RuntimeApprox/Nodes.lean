module

public import RuntimeApprox.Choice
public import RuntimeApprox.Contraction.Theorems
public import RuntimeApprox.Conv2d
public import RuntimeApprox.Graph
public import RuntimeApprox.Tensor.Reshape

/-!
# Nodes

Functions of entries, and conv2d, as nodes of a graph, laid out as in PyTorch: images are NCHW. The
other operations are nodes in `RuntimeApprox.Nodes.Operations`.

## Main definitions
* `addNode s`: x + y at every entry. `scaleNode c s`: c·x at every entry.
* `reshapeNode h`: the same entries in row-major order, in a shape of as many entries;
  `flattenNode batch s`: of a batch of tensors of shape `s`, the rows of all their entries.
* `reluNode s`, `leakyReluNode c s`: rectifiers of every entry. Where eps reaches the kink, the bounds
  of the gradient cover both of its sides. `divNode c`: x / c at every entry.
* `conv2dNode K g`: operands input, kernel and bias; its gradients are those of `conv2d_backward`.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

section
/-! ### Sums and multiples -/

/-- x + y at every entry; the gradient with respect to both is δ. -/
def addNode (K : Type u) [OrderedField K] (s : List Nat) : ParametricNode K [s, s] s where
  forward := fun A (x, y, _) => Tensor.zipWith A.add x y
  forward_rel := fun hAB (_, _, _) (_, _, _) ⟨hx, hy, _⟩ =>
    Tensor.rel_ofFn fun i => hAB.add _ _ _ _ (hx i) (hy i)
  vjp := fun _ _ δ => (δ, δ, ⟨⟩)
  vjp_rel := fun _ _ _ _ _ _ hδ => .cons hδ (.cons hδ .nil)

/-- c·x at every entry; the gradient with respect to x is c·δ. Outside of exact arithmetic the
constant is fl(c), with the error |fl(c) − c|, which is zero where c is a number of the format. -/
def scaleNode {K : Type u} [OrderedField K] (c : K) (s : List Nat) : ParametricNode K [s] s where
  forward := fun A (x, _) => x.map (A.mul (A.const c))
  forward_rel := fun hAB (_, _) (_, _) ⟨hx, _⟩ =>
    Tensor.rel_ofFn fun i => hAB.mul _ _ _ _ (hAB.const c) (hx i)
  vjp := fun A _ δ => (δ.map (A.mul (A.const c)), ⟨⟩)
  vjp_rel := fun hAB _ _ _ _ _ hδ =>
    .cons (Tensor.rel_ofFn fun i => hAB.mul _ _ _ _ (hAB.const c) (hδ i)) .nil

/-! ### Shapes -/

/-- The same entries in row-major order; the gradient is reshaped back. No entry is computed with,
and no eps grows. -/
def reshapeNode (K : Type u) [OrderedField K] {s r : List Nat} (h : prod s = prod r) :
    ParametricNode K [s] r where
  forward := fun _ (x, _) => x.reshape h
  forward_rel := fun _ (_, _) (_, _) ⟨hx, _⟩ => Tensor.rel_ofFn fun _ => hx _
  vjp := fun _ _ δ => (δ.reshape h.symm, ⟨⟩)
  vjp_rel := fun _ _ _ _ _ _ hδ => .cons (Tensor.rel_ofFn fun _ => hδ _) .nil

/-- Each tensor of a batch as a row of its entries. -/
def flattenNode (K : Type u) [OrderedField K] (batch : Nat) (s : List Nat) :
    ParametricNode K [batch :: s] [batch, prod s] :=
  reshapeNode K (prod_cons batch s)

/-! ### Rectifiers -/

variable {K : Type u} [OrderedField K]

/-- y = max(x, 0) at every entry; the gradient with respect to x is δ where x > 0, otherwise 0. -/
def reluNode (K : Type u) [OrderedField K] (s : List Nat) : ParametricNode K [s] s where
  forward := fun A (x, _) => x.map fun a => A.apply₂ maxOp a A.zero
  forward_rel := fun hAB (_, _) (_, _) ⟨hx, _⟩ =>
    Tensor.rel_ofFn fun i => hAB.apply₂ _ _ _ _ _ (hx i) hAB.zero
  vjp := fun A (x, _) δ => (Tensor.zipWith (fun a d => A.apply₃ chooseOp a A.zero d) x δ, ⟨⟩)
  vjp_rel := fun hAB (_, _) (_, _) ⟨hx, _⟩ _ _ hδ =>
    .cons (Tensor.rel_ofFn fun i => hAB.apply₃ _ _ _ _ _ _ _ (hx i) hAB.zero (hδ i)) .nil

/-- y = max(x, c·x) at every entry, which for 0 ≤ c ≤ 1 is x where x > 0, otherwise c·x; the gradient
with respect to x is δ where x > 0, otherwise c·δ. Outside of exact arithmetic the slope is fl(c). -/
def leakyReluNode (c : K) (s : List Nat) : ParametricNode K [s] s where
  forward := fun A (x, _) => x.map fun a => A.apply₂ maxOp a (A.mul (A.const c) a)
  forward_rel := fun hAB (_, _) (_, _) ⟨hx, _⟩ =>
    Tensor.rel_ofFn fun i => hAB.apply₂ _ _ _ _ _ (hx i) (hAB.mul _ _ _ _ (hAB.const c) (hx i))
  vjp := fun A (x, _) δ =>
    (Tensor.zipWith (fun a d => A.apply₃ chooseOp a (A.mul (A.const c) d) d) x δ, ⟨⟩)
  vjp_rel := fun hAB (_, _) (_, _) ⟨hx, _⟩ _ _ hδ =>
    .cons (Tensor.rel_ofFn fun i => hAB.apply₃ _ _ _ _ _ _ _ (hx i)
      (hAB.mul _ _ _ _ (hAB.const c) (hδ i)) (hδ i)) .nil

/-- x / c at every entry; the gradient with respect to x is δ / c. -/
def divNode (c : K) (hc : 0 < c) (s : List Nat) : ParametricNode K [s] s where
  forward := fun A (x, _) => x.map (A.apply₁ (divOp c hc))
  forward_rel := fun hAB (_, _) (_, _) ⟨hx, _⟩ =>
    Tensor.rel_ofFn fun i => hAB.apply₁ _ _ _ (hx i)
  vjp := fun A _ δ => (δ.map (A.apply₁ (divOp c hc)), ⟨⟩)
  vjp_rel := fun hAB _ _ _ _ _ hδ => .cons (Tensor.rel_ofFn fun i => hAB.apply₁ _ _ _ (hδ i)) .nil

end

/-! ### Conv2d -/

/-- A conv2d with operands input, kernel and bias. -/
def conv2dNode (K : Type u) [OrderedField K] (g : Conv2d) :
    ParametricNode K [g.inputShape, g.kernelShape, g.biasShape] g.outputShape where
  forward := fun A (x, weight, bias, _) => conv2d A.toArithmetic g x weight bias
  forward_rel := fun hAB (_, _, _, _) (_, _, _, _) ⟨hx, hw, hb, _⟩ =>
    Contraction.eval_rel hAB.toRespects (conv2dForward g.sizes) (.cons hx (.cons hw .nil))
      (.cons hb .nil)
  vjp := fun A (x, weight, _, _) δ =>
    let d := conv2d_backward A.toArithmetic g x weight δ
    (d.input, d.kernel, d.bias, ⟨⟩)
  vjp_rel := fun hAB (_, _, _, _) (_, _, _, _) ⟨hx, hw, _, _⟩ _ _ hδ =>
    .cons (Contraction.eval_rel hAB.toRespects (conv2dInputGrad g.sizes)
        (.cons hw (.cons hδ .nil)) .nil)
      (.cons (Contraction.eval_rel hAB.toRespects (conv2dKernelGrad g.sizes)
          (.cons hx (.cons hδ .nil)) .nil)
        (.cons (Contraction.eval_rel hAB.toRespects (conv2dBiasGrad g.sizes) (.cons hδ .nil) .nil)
          .nil))

end RuntimeApprox
