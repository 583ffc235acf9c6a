module

public import RuntimeApprox.Estimate.Theorems
public import RuntimeApprox.Printed.Theorems

/-!
# Contractions computed in any order

The printed bounds of an entry of any contraction of one or two factors: of matrix products,
convolutions of any number of axes, sums over windows, and whatever else is written as one. x are the
given operands, x′ the exact ones and xr those that the kernel multiplies. The value v is near the sum
of the summands of its entry, as what is computed in any order is, and w is v itself or any value
whatever, which v then encloses.

## Main results
* `Contraction.any_order_one`, `Contraction.any_order_two`, `Contraction.any_order_addend`: of one
  factor, of two, and of two and an addend, |w − exact| ≤ V, printed for |w − v| + ρ·M + (1 + ρ)·A + η,
  where M is the result of X and Y, and A that of Dx and Q ≥ Y + Dy plus that of X and Dy.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

namespace Contraction

universe u
variable {K : Type u} [OrderedField K] {out : List (List Int)} {red : List Int}
  {p₁ p₂ p₃ : Operand Int} {x' xr x X Dx : Tensor K (extents p₁.axes)}
  {y' yr y Y Dy Q : Tensor K (extents p₂.axes)} {e ev : ErrorBound K} (he : 0 ≤ e.relative)
  {ps : List (Part K)} {c v w V : K}
include he

/-- One factor. -/
theorem any_order_one {i : Index (shape ⟨out, red, p₁, [], []⟩)} (hx : Tensor.Deviates x' xr x X Dx)
    (hv : Near e (summands ⟨out, red, p₁, [], []⟩ (xr, ⟨⟩) ⟨⟩ (outIndices out i)) v)
    (hV : Printed ev ps c (abs (w - v) +
      e.estimate ((eval exact ⟨out, red, p₁, [], []⟩ (X, ⟨⟩) ⟨⟩).get i)
        ((eval exact ⟨out, red, p₁, [], []⟩ (Dx, ⟨⟩) ⟨⟩).get i)) V) :
    abs (w - (eval exact ⟨out, red, p₁, [], []⟩ (x', ⟨⟩) ⟨⟩).get i) ≤ V :=
  enclosure_printed (get_estimate_one he hx hv) hV

/-- Two factors. -/
theorem any_order_two {i : Index (shape ⟨out, red, p₁, [p₂], []⟩)}
    (hx : Tensor.Deviates x' xr x X Dx) (hy : Tensor.Deviates y' yr y Y Dy)
    (hQ : ∀ i, Y.get i + Dy.get i ≤ Q.get i)
    (hv : Near e (summands ⟨out, red, p₁, [p₂], []⟩ (xr, yr, ⟨⟩) ⟨⟩ (outIndices out i)) v)
    (hV : Printed ev ps c (abs (w - v) +
      e.estimate ((eval exact ⟨out, red, p₁, [p₂], []⟩ (X, Y, ⟨⟩) ⟨⟩).get i)
        ((eval exact ⟨out, red, p₁, [p₂], []⟩ (Dx, Q, ⟨⟩) ⟨⟩).get i +
          (eval exact ⟨out, red, p₁, [p₂], []⟩ (X, Dy, ⟨⟩) ⟨⟩).get i)) V) :
    abs (w - (eval exact ⟨out, red, p₁, [p₂], []⟩ (x', y', ⟨⟩) ⟨⟩).get i) ≤ V :=
  enclosure_printed (get_estimate_two he hx hy hQ hv) hV

/-- Two factors and an addend. -/
theorem any_order_addend {b' br b B Db : Tensor K (extents p₃.axes)}
    {i : Index (shape ⟨out, red, p₁, [p₂], [p₃]⟩)} (hx : Tensor.Deviates x' xr x X Dx)
    (hy : Tensor.Deviates y' yr y Y Dy) (hQ : ∀ i, Y.get i + Dy.get i ≤ Q.get i)
    (hb : Tensor.Deviates b' br b B Db)
    (hv : Near e (summands ⟨out, red, p₁, [p₂], [p₃]⟩ (xr, yr, ⟨⟩) (br, ⟨⟩) (outIndices out i)) v)
    (hV : Printed ev ps c (abs (w - v) +
      e.estimate ((eval exact ⟨out, red, p₁, [p₂], [p₃]⟩ (X, Y, ⟨⟩) (B, ⟨⟩)).get i)
        ((eval exact ⟨out, red, p₁, [p₂], [p₃]⟩ (Dx, Q, ⟨⟩) (0, ⟨⟩)).get i +
          (eval exact ⟨out, red, p₁, [p₂], [p₃]⟩ (X, Dy, ⟨⟩) (Db, ⟨⟩)).get i)) V) :
    abs (w - (eval exact ⟨out, red, p₁, [p₂], [p₃]⟩ (x', y', ⟨⟩) (b', ⟨⟩)).get i) ≤ V :=
  enclosure_printed (get_estimate_addend he hx hy hQ hb hv) hV

end Contraction

end RuntimeApprox
