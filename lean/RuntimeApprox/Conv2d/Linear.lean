module

public import RuntimeApprox.Conv2d.Textbook

/-!
# Conv2d is linear in each of its operands

## Main results
* `conv2d_add_input`, `conv2d_add_weight`, `conv2d_add_bias`: what is added to an operand adds its
  own contribution to the result.
* `conv2d_smul_input`, `conv2d_smul_weight`, `conv2d_smul_bias`: and scaling it scales that.
* `conv2d_bias_get`: the contribution of the bias is its broadcast.
* `conv2d_expansion`: the exact expansion for a perturbation of all three operands.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K] (g : Conv2d)

omit [OrderedField K] in
/-- Two results of a forward pass with the same entries are equal. -/
theorem conv2d_ext {t u : Tensor K g.outputShape}
    (h : ∀ (n : Fin g.batch) (c : Fin (g.groups * g.outChannels)) (oh : Fin g.height.output)
      (ow : Fin g.width.output), t.get (n, c, oh, ow, ()) = u.get (n, c, oh, ow, ())) : t = u :=
  Tensor.ext fun (n, c, oh, ow, _) => h n c oh ow

section
variable (x dx : Tensor K g.inputShape) (w dw : Tensor K g.kernelShape)
  (b db : Tensor K g.biasShape) (a : K)

/-- conv(x + dx, w, b) = conv(x, w, b) + conv(dx, w, 0) -/
theorem conv2d_add_input : conv2d exact g (x + dx) w b =
    conv2d exact g x w b + conv2d exact g dx w 0 :=
  conv2d_ext g fun n c oh ow => by
    simp only [Tensor.get_add, conv2d_textbook, Tensor.entry_add, Tensor.entry_zero,
      Lean.Grind.Semiring.right_distrib, sum_add]
    grind

/-- conv(x, w + dw, b) = conv(x, w, b) + conv(x, dw, 0) -/
theorem conv2d_add_weight : conv2d exact g x (w + dw) b =
    conv2d exact g x w b + conv2d exact g x dw 0 :=
  conv2d_ext g fun n c oh ow => by
    simp only [Tensor.get_add, conv2d_textbook, Tensor.entry_add, Tensor.entry_zero,
      Lean.Grind.Semiring.left_distrib, sum_add]
    grind

/-- The contribution of the bias is its broadcast: conv(0, 0, b)[n, c, oh, ow] = b[c]. -/
theorem conv2d_bias_get (n : Fin g.batch) (c : Fin (g.groups * g.outChannels))
    (oh : Fin g.height.output) (ow : Fin g.width.output) :
    (conv2d exact g 0 0 b).get (n, c, oh, ow, ()) = b.get (c, ()) := by
  have := Tensor.entry_toInts (s := g.biasShape) b (c, ())
  simp only [conv2d_textbook, Tensor.entry_zero, Lean.Grind.Semiring.mul_zero, sum_zero]
  rw [← this]
  show 0 + b.entry [(c.1 : Int)] = b.entry [(c.1 : Int)]
  grind

/-- conv(x, w, b + db) = conv(x, w, b) + conv(0, 0, db) -/
theorem conv2d_add_bias : conv2d exact g x w (b + db) =
    conv2d exact g x w b + conv2d exact g 0 0 db :=
  conv2d_ext g fun n c oh ow => by
    simp only [Tensor.get_add, conv2d_textbook, Tensor.entry_add, Tensor.entry_zero,
      Lean.Grind.Semiring.mul_zero, sum_zero]
    grind

/-- conv(a·x, w, 0) = a·conv(x, w, 0) -/
theorem conv2d_smul_input : conv2d exact g (a • x) w 0 = a • conv2d exact g x w 0 :=
  conv2d_ext g fun n c oh ow => by
    simp only [Tensor.get_smul, conv2d_textbook, Tensor.entry_smul, Tensor.entry_zero,
      Lean.Grind.Semiring.mul_assoc, ← mul_sum]
    grind

/-- conv(x, a·w, 0) = a·conv(x, w, 0) -/
theorem conv2d_smul_weight : conv2d exact g x (a • w) 0 = a • conv2d exact g x w 0 :=
  conv2d_ext g fun n c oh ow => by
    have swap : ∀ u v : K, u * (a * v) = a * (u * v) := fun _ _ => by grind
    simp only [Tensor.get_smul, conv2d_textbook, Tensor.entry_smul, Tensor.entry_zero, swap,
      ← mul_sum]
    grind

/-- conv(0, 0, a·b) = a·conv(0, 0, b) -/
theorem conv2d_smul_bias : conv2d exact g 0 0 (a • b) = a • conv2d exact g 0 0 b :=
  conv2d_ext g fun n c oh ow => by
    simp only [Tensor.get_smul, conv2d_bias_get]

/-- A perturbation of all three operands, exactly:
conv(x + dx, w + dw, b + db) =
  conv(x, w, b) + (conv(dx, w, 0) + conv(x, dw, 0) + conv(0, 0, db)) + conv(dx, dw, 0). -/
theorem conv2d_expansion : conv2d exact g (x + dx) (w + dw) (b + db) =
    conv2d exact g x w b +
      (conv2d exact g dx w 0 + conv2d exact g x dw 0 + conv2d exact g 0 0 db) +
      conv2d exact g dx dw 0 := by
  rw [conv2d_add_input, conv2d_add_weight g x w dw, conv2d_add_weight g dx w dw, conv2d_add_bias]
  refine conv2d_ext g fun n c oh ow => ?_
  simp only [Tensor.get_add]
  grind

end

end RuntimeApprox
