module

public import RuntimeApprox.Graph.Theorems
public import RuntimeApprox.Net

/-!
# What the program prints of a network is true

## Main results
* `network_output_encloses`, `network_gradients_enclose`: |value − exact| ≤ bound at every entry,
  whatever exact inputs, parameters and gradient are within their eps of the given ones.
* `network_output_hasValue`, `network_gradients_haveValue`: value is what the format's arithmetic
  computes.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

theorem Tensor.rel_map_left {α β γ : Type} {R : α → γ → Prop} {S : α → β → Prop} {f : β → γ}
    (h : ∀ a b, S a b → R a (f b)) {s : List Nat} {t : Tensor α s} {u : Tensor β s} (hs : t.Rel S u) :
    t.Rel R (u.map f) := fun i => by
  rw [Tensor.get_map]; exact h _ _ (hs i)

theorem Tensors.rel_map_left {α β γ : Type} {R : α → γ → Prop} {S : α → β → Prop} {f : β → γ}
    (h : ∀ a b, S a b → R a (f b)) : {Γ : List (List Nat)} → {ts : Tensors α Γ} →
    {us : Tensors β Γ} → ts.Rel S us → ts.Rel R (us.map f)
  | [], _, _, _ => .nil
  | _ :: _, (_, _), (_, _), hs => .cons (Tensor.rel_map_left h hs.1) (Tensors.rel_map_left h hs.2)

namespace Network

variable (n : Network)

theorem encloses_values {xs : Tensors Rat n.context} (h : Tensors.approxT xs n.values n.eps) :
    xs.Rel Checked.Encloses n.checkedValues :=
  Tensors.rel_map_left (S := Approx.Encloses) (f := fun a => (⟨a, true⟩ : Checked)) (fun _ _ h => h)
    ((Tensors.within_iff _ _ _).1 h)

theorem encloses_gradient {δ : Tensor Rat n.shape} (h : approxT δ n.gradient n.epsGradient) :
    δ.Rel Checked.Encloses n.checkedGradient := fun i => by
  unfold checkedGradient
  rw [Tensor.get_map]
  exact h i

theorem hasValue_values : n.values.Rel Checked.HasValue n.checkedValues :=
  Tensors.rel_map_left (S := Approx.HasValue) (f := fun a => (⟨a, true⟩ : Checked)) (fun _ _ h => h)
    (Tensors.hasValue_pairs n.values n.eps.fill)

theorem hasValue_gradient : n.gradient.Rel Checked.HasValue n.checkedGradient := fun i => by
  unfold checkedGradient
  rw [Tensor.get_map]; rfl

end Network

variable (n : Network)

/-- |value − exact| ≤ bound at every entry of the output, for all exact tensors within their eps. -/
theorem network_output_encloses {xs : Tensors Rat n.context}
    (h : Tensors.approxT xs n.values n.eps) : (n.output exactNet xs).Rel Checked.Encloses
      (n.output (checkedNet n.format) n.checkedValues) :=
  Var.get_rel .zero
    (n.graph.eval_rel (exactNet_respects_checkedNet n.format).pass (n.encloses_values h))

/-- The values of the output are those of the format's arithmetic. -/
theorem network_output_hasValue : (n.output (roundedNet n.format.rounding) n.values).Rel
    Checked.HasValue (n.output (checkedNet n.format) n.checkedValues) :=
  Var.get_rel .zero
    (n.graph.eval_rel (roundedNet_respects_checkedNet n.format).pass n.hasValue_values)

/-- |value − exact| ≤ bound at every entry of every gradient, for all exact tensors and gradients of the
output within their eps. -/
theorem network_gradients_enclose {xs : Tensors Rat n.context} {δ : Tensor Rat n.shape}
    (h : Tensors.approxT xs n.values n.eps) (hδ : approxT δ n.gradient n.epsGradient) :
    (n.gradients exactNet xs δ).Rel Checked.Encloses
      (n.gradients (checkedNet n.format) n.checkedValues n.checkedGradient) :=
  n.graph.backprop_rel (exactNet_respects_checkedNet n.format).pass (n.encloses_values h)
    ⟨.some (n.encloses_gradient hδ), Cotangents.none_rel _⟩

/-- The values of the gradients are those of the format's arithmetic. -/
theorem network_gradients_haveValue :
    (n.gradients (roundedNet n.format.rounding) n.values n.gradient).Rel Checked.HasValue
      (n.gradients (checkedNet n.format) n.checkedValues n.checkedGradient) :=
  n.graph.backprop_rel (roundedNet_respects_checkedNet n.format).pass n.hasValue_values
    ⟨.some n.hasValue_gradient, Cotangents.none_rel _⟩

end RuntimeApprox
