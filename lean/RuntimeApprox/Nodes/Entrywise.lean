module

public import RuntimeApprox.Graph
public import RuntimeApprox.Tensor.Reshape
public import RuntimeApprox.Tensor.Theorems

/-!
# Nodes that work entry by entry

## Main definitions
* `addNode s`: x + y at every entry.
* `scaleNode c s`: c·x at every entry.
* `reshapeNode h`: the same entries in row-major order, in a shape of as many entries.
* `flattenNode batch s`: of a batch of tensors of shape `s`, the rows of all their entries.
* `reluNode s`: the rectifier of every entry.
* `reluOp`: max(x, 0), with the least error law. `reluGradOp`: its derivative times a gradient,
  with an error law that covers both sides of the kink where eps reaches it.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

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

/-! ### The rectifier -/

variable {K : Type u} [OrderedField K]

/-- The error law of max(x, 0): that of x where v is positive, otherwise how far x can reach beyond
zero, max(v + e, 0). -/
def reluEps (a : Approx K) : K := if a.value ≤ 0 then max (a.value + a.eps) 0 else a.eps

/-- Soundness of `reluEps`: |max(v, 0) − max(x, 0)| ≤ `reluEps` where |v − x| ≤ e. -/
theorem abs_relu_sub_le {x : K} {a : Approx K} (h : a.Encloses x) :
    abs (max a.value 0 - max x 0) ≤ reluEps a := by
  have := abs_le.1 h
  rw [abs_le]
  unfold reluEps max
  grind

/-- The derivative of max(x, 0), zero at x = 0, times d. -/
def reluGrad (x d : K) : K := if x ≤ 0 then 0 else d

/-- The error law of `reluGrad`, for x = (v, e) and the gradient (d, f): nothing where x is at most
zero for sure, v + e ≤ 0; f where it is positive for sure, v − e > 0. Where eps reaches the kink,
the exact derivative is on either side: |d| + f where the value is 0, and max(|d|, f) where it
is d. -/
def reluGradEps (a b : Approx K) : K :=
  if a.value + a.eps ≤ 0 then 0
  else if a.value ≤ a.eps then
    if a.value ≤ 0 then abs b.value + b.eps else max (abs b.value) b.eps
  else b.eps

/-- Soundness of `reluGradEps`, on both sides of the kink. -/
theorem abs_reluGrad_sub_le {x y : K} {a b : Approx K} (ha : a.Encloses x) (hb : b.Encloses y) :
    abs (reluGrad a.value b.value - reluGrad x y) ≤ reluGradEps a b := by
  have := abs_le.1 ha
  have := abs_le.1 hb
  have := le_abs_self b.value
  have := neg_abs_le b.value
  have := le_max_left (abs b.value) b.eps
  have := le_max_right (abs b.value) b.eps
  rw [abs_le]
  unfold reluGradEps reluGrad
  grind

/-- max(x, 0), which rounding leaves as it is. -/
def reluOp : UnaryOp K where
  exact x := max x 0
  deriv x := reluGrad x 1
  rounded _ v := max v 0
  eps _ a := reluEps a
  sound _ h := abs_relu_sub_le h

/-- The derivative of max(x, 0) times a gradient, which rounding leaves as it is. -/
def reluGradOp : BinaryOp K where
  exact x d := reluGrad x d
  deriv₁ _ _ := 0
  deriv₂ x _ := reluGrad x 1
  rounded _ v d := reluGrad v d
  eps _ a b := reluGradEps a b
  sound _ ha hb := abs_reluGrad_sub_le ha hb

/-- y = max(x, 0) at every entry; the gradient with respect to x is δ where x > 0, otherwise 0. -/
def reluNode (K : Type u) [OrderedField K] (s : List Nat) : ParametricNode K [s] s where
  forward := fun A (x, _) => x.map (A.apply₁ reluOp)
  forward_rel := fun hAB (_, _) (_, _) ⟨hx, _⟩ =>
    Tensor.rel_ofFn fun i => hAB.apply₁ _ _ _ (hx i)
  vjp := fun A (x, _) δ => (Tensor.zipWith (A.apply₂ reluGradOp) x δ, ⟨⟩)
  vjp_rel := fun hAB (_, _) (_, _) ⟨hx, _⟩ _ _ hδ =>
    .cons (Tensor.rel_ofFn fun i => hAB.apply₂ _ _ _ _ _ (hx i) (hδ i)) .nil

end RuntimeApprox
