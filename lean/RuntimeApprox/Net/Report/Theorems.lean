module

public import RuntimeApprox.Graph.Theorems
public import RuntimeApprox.Net.Report
public import RuntimeApprox.Operation.Checked.Theorems

/-!
# The report is true

What the report prints of a network in a format: `value` is what the format's arithmetic computes
from the rounded data, and `bound` bounds its distance from `exact`, for the output and for every
gradient.

## Main results
* `report_output_encloses`, `report_gradients_enclose`: |value − exact| ≤ bound at every entry.
* `report_output_hasValue`, `report_gradients_haveValue`: value is the format's.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

theorem Tensor.rel_map {α β γ : Type} {R : β → γ → Prop} {p : α → β} {q : α → γ}
    (h : ∀ a, R (p a) (q a)) {s : List Nat} (t : Tensor α s) : (t.map p).Rel R (t.map q) :=
  Tensor.rel_ofFn fun _ => h _

theorem Tensors.rel_map {α β γ : Type} {R : β → γ → Prop} {p : α → β} {q : α → γ}
    (h : ∀ a, R (p a) (q a)) : {Γ : List (List Nat)} → (ts : Tensors α Γ) →
    Tensors.Rel R (ts.map p) (ts.map q)
  | [], _ => .nil
  | _ :: _, (t, ts) => .cons (t.rel_map h) (Tensors.rel_map h ts)

theorem Tensor.rel_map_right {α γ : Type} {R : α → γ → Prop} {q : α → γ} (h : ∀ a, R a (q a))
    {s : List Nat} (t : Tensor α s) : t.Rel R (t.map q) := fun i => by
  rw [Tensor.get_map]; exact h _

theorem Tensors.rel_map_right {α γ : Type} {R : α → γ → Prop} {q : α → γ} (h : ∀ a, R a (q a)) :
    {Γ : List (List Nat)} → (ts : Tensors α Γ) → Tensors.Rel R ts (ts.map q)
  | [], _ => .nil
  | _ :: _, (t, ts) => .cons (t.rel_map_right h) (Tensors.rel_map_right h ts)

/-- A rounded number with the error of its rounding encloses the number. -/
theorem Checked.encloses_rounded (f : Format) (x : Rat) :
    Checked.Encloses x (Checked.rounded f x) :=
  (exactNet_respects_checkedNet f).const x

theorem Checked.hasValue_rounded (f : Format) (x : Rat) :
    Checked.HasValue (f.round x) (Checked.rounded f x) := rfl

variable (f : Format) (net : SmallNet) (xs : Tensors Rat net.context)
  (δ : Tensor Rat net.linear.outputShape)

/-- |value − exact| ≤ bound at every entry of the output, on any data. -/
theorem report_output_encloses : (net.output exactNet xs).Rel Checked.Encloses
    (net.output (checkedNet f) (xs.map (Checked.rounded f))) :=
  Var.get_rel .zero ((net.graph Rat).eval_rel (exactNet_respects_checkedNet f)
    (Tensors.rel_map_right (Checked.encloses_rounded f) xs))

/-- The values of the output are those of the format's arithmetic on the rounded data. -/
theorem report_output_hasValue : (net.output (roundedNet f.rounding) (xs.map f.round)).Rel
    Checked.HasValue (net.output (checkedNet f) (xs.map (Checked.rounded f))) :=
  Var.get_rel .zero ((net.graph Rat).eval_rel (roundedNet_respects_checkedNet f)
    (Tensors.rel_map (Checked.hasValue_rounded f) xs))

/-- |value − exact| ≤ bound at every entry of every gradient, on any data. -/
theorem report_gradients_enclose : (net.gradients exactNet xs δ).Rel Checked.Encloses
    (net.gradients (checkedNet f) (xs.map (Checked.rounded f)) (δ.map (Checked.rounded f))) :=
  (net.graph Rat).backprop_rel (exactNet_respects_checkedNet f)
    (Tensors.rel_map_right (Checked.encloses_rounded f) xs)
    ⟨δ.rel_map_right (Checked.encloses_rounded f), Cotangents.none_rel _⟩

/-- The values of the gradients are those of the format's arithmetic on the rounded data. -/
theorem report_gradients_haveValue :
    (net.gradients (roundedNet f.rounding) (xs.map f.round) (δ.map f.round)).Rel Checked.HasValue
      (net.gradients (checkedNet f) (xs.map (Checked.rounded f)) (δ.map (Checked.rounded f))) :=
  (net.graph Rat).backprop_rel (roundedNet_respects_checkedNet f)
    (Tensors.rel_map (Checked.hasValue_rounded f) xs)
    ⟨δ.rel_map (Checked.hasValue_rounded f), Cotangents.none_rel _⟩

end RuntimeApprox
