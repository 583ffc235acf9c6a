module

public import RuntimeApprox.Operations.Gradients
public import RuntimeApprox.Conv2d.Textbook

/-!
# The gradients of conv2d are its vector-Jacobian product

Conv2d is linear in each operand, and each of its gradients is the adjoint of the linear map in that
operand, for every batch, groups, stride, padding and dilation.

## Main results
* `conv2d_add_input`, `conv2d_add_weight`, `conv2d_add_bias`: what is added to an operand adds its
  own contribution to the result.
* `conv2d_smul_input`, `conv2d_smul_weight`, `conv2d_smul_bias`: and scaling it scales that.
* `conv2d_expansion`: the exact expansion for a perturbation of all three operands.
* `conv2dInputReordered`, `conv2dKernelReordered`, `conv2dBiasReordered`: the gradients read what the
  forward pass reads.
* `conv2d_input_adjoint`, `conv2d_kernel_adjoint`, `conv2d_bias_adjoint`:
  ⟨δ, conv(dx, w, 0)⟩ = ⟨dx, input gradient⟩, and likewise for the kernel and the bias.
* `conv2d_vjp`: `conv2d_backward_spec` is the vector-Jacobian product.
* `conv2d_vjp_unique`: nothing else is.
* `conv2d_perturbation`: ⟨δ, conv(x + dx, w + dw, b + db) − conv(x, w, b)⟩, exactly.
* `conv2d_derivative`: the same along a line, t times the product and t² times a constant.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

/-! ### Linearity -/

section
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

end

variable {K : Type u} [OrderedField K] (g : Conv2d) (x dx : Tensor K g.inputShape)
  (weight dweight : Tensor K g.kernelShape) (bias dbias : Tensor K g.biasShape)
  (δ : Tensor K g.outputShape)

/-! ### The gradients are reordered contractions -/

/-- The numbers of the convolution of two axes. -/
abbrev Conv2d.convolution : Convolution Int :=
  ⟨g.batch, g.groups, g.inChannels, g.outChannels,
    [⟨g.height.size, g.height.kernel, g.height.stride, g.height.padBegin, g.height.padEnd,
      g.height.dilation, g.height.output⟩,
    ⟨g.width.size, g.width.kernel, g.width.stride, g.width.padBegin, g.width.padEnd,
      g.width.dilation, g.width.output⟩]⟩

/-- The strides of a geometry are positive. -/
theorem Conv2d.stride_pos : ∀ a ∈ g.convolution.axes, 0 < a.stride := fun a ha => by
  have := Int.natCast_pos.2 g.height.stride_pos
  have := Int.natCast_pos.2 g.width.stride_pos
  simp only [List.mem_cons, List.not_mem_nil, or_false] at ha
  rcases ha with rfl | rfl <;> assumption

/-- The kernel gradient: of (δ, x, w) the last comes first. -/
def conv2dKernelReordered :
    (conv2dForward g.sizes).Reordered (conv2dKernelGrad g.sizes) [2, 1, 0] :=
  convKernelReorderedOf g.convolution "x" "weight" "x" "gradOutput" ["bias"]

/-- The input gradient: of (δ, x, w) the first comes last. -/
def conv2dInputReordered :
    (conv2dForward g.sizes).Reordered (conv2dInputGrad g.sizes) [1, 2, 0] :=
  convInputReorderedOf g.convolution g.stride_pos "x" "weight" "weight" "gradOutput" ["bias"] []

attribute [local simp] Contraction.reads places position toNats prod indices Affine.eval_one dot Conv2d.sizes

/-- The addition of the bias, as a contraction. -/
def conv2dBias : Contraction Int :=
  ⟨(conv2dForward g.sizes).out, [], (conv2dForward g.sizes).addends.headD ⟨"", []⟩, [], []⟩

theorem conv2dBias_reads (n c o oh ow : Nat) : (conv2dBias g).reads [n, c, o, oh, ow] [] =
    ([some [n, c * g.outChannels + o, oh, ow], some [c * g.outChannels + o]] :
      List (Option (List Int))) := by
  simp [conv2dBias, conv2dForward, Int.mul_comm]

theorem conv2dBiasGrad_reads (c o n oh ow : Nat) :
    (conv2dBiasGrad g.sizes).reads [c, o] [n, oh, ow] =
      ([some [c * g.outChannels + o], some [n, c * g.outChannels + o, oh, ow]] : List (Option (List Int))) := by
  simp [conv2dBiasGrad, Int.mul_comm]

/-- The bias gradient: the addend (δ, b) in the other order. -/
def conv2dBiasReordered : (conv2dBias g).Reordered (conv2dBiasGrad g.sizes) [1, 0] where
  there
    | [n, c, o, oh, ow], _ => ([c, o], [n, oh, ow])
    | _, _ => ([], [])
  back
    | [c, o], [n, oh, ow] => ([n, c, o, oh, ow], [])
    | _, _ => ([], [])
  length := rfl
  length_back := rfl
  perm := by decide
  reads_there _ hn _ hc _ ho _ hoh _ how _ := ⟨⟨hc, ho, trivial⟩, ⟨hn, hoh, how, trivial⟩, rfl, by
    rw [conv2dBias_reads, conv2dBiasGrad_reads]; rfl⟩
  reads_back _ hc _ ho _ hn _ hoh _ how _ := ⟨⟨hn, hc, ho, hoh, how, trivial⟩, trivial, rfl, by
    rw [conv2dBias_reads, conv2dBiasGrad_reads]; rfl⟩

/-! ### Adjoints -/

/-- The kernel gradient is the adjoint of the forward pass in the kernel:
⟨δ, conv(x, dw, 0)⟩ = ⟨dw, kernelGrad(x, δ)⟩. -/
theorem conv2d_kernel_adjoint :
    δ.dot (conv2d exact g x dweight 0) = dweight.dot (conv2dKernelDeriv exact g x δ) :=
  (conv2dKernelReordered g).adjoint rfl addendsAt_zero fun _ => rfl

/-- The input gradient is the adjoint of the forward pass in the input:
⟨δ, conv(dx, w, 0)⟩ = ⟨dx, inputGrad(w, δ)⟩. -/
theorem conv2d_input_adjoint :
    δ.dot (conv2d exact g dx weight 0) = dx.dot (conv2dInputDeriv exact g weight δ) :=
  (conv2dInputReordered g).adjoint rfl addendsAt_zero fun _ => rfl

/-- The bias gradient is the adjoint of the forward pass in the bias:
⟨δ, conv(0, 0, db)⟩ = ⟨db, biasGrad(δ)⟩. -/
theorem conv2d_bias_adjoint :
    δ.dot (conv2d exact g 0 0 dbias) = dbias.dot (conv2dBiasDeriv exact g δ) :=
  (congrArg δ.dot (Contraction.eval_zero ..)).trans
    ((conv2dBiasReordered g).adjoint rfl (fun _ => rfl) fun _ => rfl)

/-- `conv2d_backward_spec` is the vector-Jacobian product of conv2d at (x, w): paired with δ, the
derivative along (dx, dw, db), which is conv(dx, w, 0) + conv(x, dw, 0) + conv(0, 0, db), is
⟨dx, input⟩ + ⟨dw, kernel⟩ + ⟨db, bias⟩. -/
theorem conv2d_vjp :
    δ.dot (conv2d exact g dx weight 0 + conv2d exact g x dweight 0 + conv2d exact g 0 0 dbias) =
      dx.dot (conv2d_backward_spec g x weight δ).input +
      dweight.dot (conv2d_backward_spec g x weight δ).kernel +
      dbias.dot (conv2d_backward_spec g x weight δ).bias := by
  rw [Tensor.dot_add, Tensor.dot_add, conv2d_input_adjoint, conv2d_kernel_adjoint,
    conv2d_bias_adjoint]
  rfl

/-- Gradients that are the vector-Jacobian product of conv2d at (x, w) are those of
`conv2d_backward_spec`. -/
theorem conv2d_vjp_unique {G : Gradients K g}
    (h : ∀ (dx : Tensor K g.inputShape) (dweight : Tensor K g.kernelShape)
        (dbias : Tensor K g.biasShape),
      δ.dot (conv2d exact g dx weight 0 + conv2d exact g x dweight 0 + conv2d exact g 0 0 dbias) =
        dx.dot G.input + dweight.dot G.kernel + dbias.dot G.bias) :
    G = conv2d_backward_spec g x weight δ := by
  simp only [conv2d_vjp] at h
  have hi : G.input = (conv2d_backward_spec g x weight δ).input := Tensor.eq_of_dot_eq fun t => by
    have := h t 0 0
    simp only [Tensor.zero_dot] at this
    grind
  have hk : G.kernel = (conv2d_backward_spec g x weight δ).kernel := Tensor.eq_of_dot_eq fun t => by
    have := h 0 t 0
    simp only [Tensor.zero_dot] at this
    grind
  have hb : G.bias = (conv2d_backward_spec g x weight δ).bias := Tensor.eq_of_dot_eq fun t => by
    have := h 0 0 t
    simp only [Tensor.zero_dot] at this
    grind
  rcases G with ⟨b, k, i⟩
  subst hi hk hb
  rfl

/-- A perturbation of all three operands, paired with δ, exactly:
⟨δ, conv(x + dx, w + dw, b + db) − conv(x, w, b)⟩ =
  ⟨dx, input⟩ + ⟨dw, kernel⟩ + ⟨db, bias⟩ + ⟨δ, conv(dx, dw, 0)⟩. -/
theorem conv2d_perturbation :
    δ.dot (conv2d exact g (x + dx) (weight + dweight) (bias + dbias) -
        conv2d exact g x weight bias) =
      dx.dot (conv2d_backward_spec g x weight δ).input +
      dweight.dot (conv2d_backward_spec g x weight δ).kernel +
      dbias.dot (conv2d_backward_spec g x weight δ).bias +
      δ.dot (conv2d exact g dx dweight 0) := by
  rw [← conv2d_vjp, conv2d_expansion, Tensor.dot_sub, Tensor.dot_add, Tensor.dot_add]
  grind

/-- Along the line (x + t·dx, w + t·dw, b + t·db), the change of ⟨δ, conv⟩ is t times the
vector-Jacobian product, and t² times ⟨δ, conv(dx, dw, 0)⟩: the former is the derivative at 0. -/
theorem conv2d_derivative (t : K) :
    δ.dot (conv2d exact g (x + t • dx) (weight + t • dweight) (bias + t • dbias) -
        conv2d exact g x weight bias) =
      t * (dx.dot (conv2d_backward_spec g x weight δ).input +
        dweight.dot (conv2d_backward_spec g x weight δ).kernel +
        dbias.dot (conv2d_backward_spec g x weight δ).bias) +
      t * t * δ.dot (conv2d exact g dx dweight 0) := by
  rw [conv2d_perturbation, conv2d_smul_input, conv2d_smul_weight]
  simp only [Tensor.smul_dot, Tensor.dot_smul]
  grind

end RuntimeApprox
