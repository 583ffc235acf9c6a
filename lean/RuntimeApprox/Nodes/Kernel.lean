module

public import RuntimeApprox.Graph.Models
public import RuntimeApprox.Nodes

/-!
# Nodes computed by any kernel

A node's runtime may be any function within a bound of its specification, such as a library's
convolution that adds in its own order, or a fused kernel. The only assumption is a bound of its error
on the operands that it receives. Errors of the operands propagate by the node's own error laws,
without rounding.

## Main definitions
* `ParametricNode.ofKernel`: the node, with any runtime that is within the given errors.
* `Tensors.distance`: |v − t| at every entry.
* `conv2dRevNode`: a conv2d whose every operation is rounded.
* `conv2dKernelNode`: a conv2d by any kernel.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

/-- No rounding. -/
def Rounding.none : Rounding K := ⟨fun x => x, fun _ => 0⟩

theorem Rounding.none_lawful : (none (K := K)).Lawful :=
  ⟨fun x => by show abs (x - x) ≤ 0; rw [abs_sub_self]; exact Std.IsPreorder.le_refl _⟩

/-- Errors add: |v − t| ≤ e and |t − t′| ≤ e′ give |v − t′| ≤ e + e′. -/
theorem Tensor.Within.trans {s : List Nat} {t' t v e' e : Tensor K s} (h : Tensor.Within t v e)
    (h' : Tensor.Within t' t e') : Tensor.Within t' v (Tensor.zipWith (fun x y => x + y) e e') :=
  fun i => by
    have := abs_sub_le (v.get i) (t.get i) (t'.get i)
    have := h i
    have := h' i
    rw [Tensor.get_zipWith]
    grind

/-- `f` at every pair of entries of corresponding tensors. -/
def Tensors.zipWith {α β γ : Type u} (f : α → β → γ) : {Γ : List (List Nat)} → Tensors α Γ →
    Tensors β Γ → Tensors γ Γ
  | [], _, _ => ⟨⟩
  | _ :: _, (t, ts), (u, us) => (t.zipWith f u, Tensors.zipWith f ts us)

theorem Tensors.Within.trans : {Γ : List (List Nat)} → {ts' ts vs es' es : Tensors K Γ} →
    Tensors.Within ts vs es → Tensors.Within ts' ts es' →
    Tensors.Within ts' vs (es.zipWith (fun x y => x + y) es')
  | [], _, _, _, _, _, _, _ => trivial
  | _ :: _, (_, _), (_, _), (_, _), (_, _), (_, _), h, h' =>
    ⟨Tensor.Within.trans h.1 h'.1, Tensors.Within.trans h.2 h'.2⟩

/-- A node whose forward pass and gradients are computed by any kernel. On the operands that the kernel
receives, its results are within `err` and `errδ` of those without rounding, at every entry. -/
def ParametricNode.ofKernel {As : List (List Nat)} {s : List Nat} (n : ParametricNode K As s)
    (run err : Tensors K As → Tensor K s) (runδ errδ : Tensors K As → Tensor K s → Tensors K As)
    (h : ∀ xs, Tensor.Within (n.forward (roundedNet .none) xs) (run xs) (err xs))
    (hδ : ∀ xs δ, Tensors.Within (n.vjp (roundedNet .none) xs δ) (runδ xs δ) (errδ xs δ)) :
    RevNode K As s :=
  let m := n.toRevNode Rounding.none_lawful
  { m with
    forwardRuntime := run
    vjpRuntime := runδ
    forwardBound := fun xs eps => (err xs).zipWith (fun x y => x + y) (m.forwardBound xs eps)
    vjpBound := fun xs eps δ epsδ =>
      (errδ xs δ).zipWith (fun x y => x + y) (m.vjpBound xs eps δ epsδ)
    forward_approx := fun {_ xs _} hx => (h xs).trans (m.forward_approx hx)
    vjp_approx := fun {_ xs _} hx {_ δ _} hd => (hδ xs δ).trans (m.vjp_approx hx hd) }

/-- |v − t| at every entry. -/
def Tensors.distance {Γ : List (List Nat)} (vs ts : Tensors K Γ) : Tensors K Γ :=
  vs.zipWith (fun v t => abs (v - t)) ts

/-- A conv2d with operands input, kernel and bias, on a machine that rounds every operation. -/
def conv2dRevNode {R : Rounding K} (hR : R.Lawful) (g : Conv2d) :
    RevNode K [g.inputShape, g.kernelShape, g.biasShape] g.outputShape :=
  (conv2dNode K g).toRevNode hR

/-- A conv2d by any kernel whose results are within `err` and `errδ` of the exact ones on the operands
that it receives. The theorems about sums in any order give such errors. -/
def conv2dKernelNode (g : Conv2d)
    (run err : Tensors K [g.inputShape, g.kernelShape, g.biasShape] → Tensor K g.outputShape)
    (runδ errδ : Tensors K [g.inputShape, g.kernelShape, g.biasShape] → Tensor K g.outputShape →
      Tensors K [g.inputShape, g.kernelShape, g.biasShape])
    (h : ∀ x w b i, abs ((run (x, w, b, ⟨⟩)).get i - (conv2d exact g x w b).get i) ≤
      (err (x, w, b, ⟨⟩)).get i)
    (hδ : ∀ x w b δ, Tensors.Within (Γ := [g.inputShape, g.kernelShape, g.biasShape])
      ((conv2d_backward_spec g x w δ).input, (conv2d_backward_spec g x w δ).kernel,
        (conv2d_backward_spec g x w δ).bias, ⟨⟩)
      (runδ (x, w, b, ⟨⟩) δ) (errδ (x, w, b, ⟨⟩) δ)) :
    RevNode K [g.inputShape, g.kernelShape, g.biasShape] g.outputShape :=
  (conv2dNode K g).ofKernel run err runδ errδ (fun (x, w, b, ⟨⟩) => h x w b)
    fun (x, w, b, ⟨⟩) δ => hδ x w b δ

end RuntimeApprox
