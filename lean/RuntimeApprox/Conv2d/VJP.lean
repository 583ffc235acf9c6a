module

public import RuntimeApprox.Conv2d.Linear
public import RuntimeApprox.Tensor.Adjoint
public import RuntimeApprox.Tensor.Algebra.Definite

/-!
# The gradients of conv2d are its vector-Jacobian product

Conv2d is linear in each operand (`RuntimeApprox.Conv2d.Linear`), and each of its gradients is the
adjoint of the linear map in that operand, for every batch, groups, stride, padding and dilation.

## Main results
* `dot_conv2d`: ⟨δ, conv(x, w, 0)⟩ as a sum over outputs and taps. `sums_taps`: the same over inputs.
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
variable {K : Type u} [OrderedField K] (g : Conv2d) (x dx : Tensor K g.inputShape)
  (weight dweight : Tensor K g.kernelShape) (bias dbias : Tensor K g.biasShape)
  (δ : Tensor K g.outputShape)

/-- The term of the output (n, c, oh, ow) and the tap (i, kh, kw), with its gradient:
x[n, ⌊c/O⌋·I + i, oh·sh + kh·dh − pt, ow·sw + kw·dw − pl]·(weight[c, i, kh, kw]·δ[n, c, oh, ow]). -/
def conv2dTerm (n c oh ow i kh kw : Nat) : K :=
  x.entry [n, c / g.outChannels * g.inChannels + i,
      oh * g.height.stride + kh * g.height.dilation - g.height.padBegin,
      ow * g.width.stride + kw * g.width.dilation - g.width.padBegin] *
    (weight.entry [c, i, kh, kw] * δ.entry [n, c, oh, ow])

/-- ⟨δ, conv(x, w, 0)⟩ is the sum of the terms over outputs and taps. -/
theorem dot_conv2d : δ.dot (conv2d exact g x weight 0) =
    sums [g.batch, g.groups * g.outChannels, g.height.output, g.width.output, g.inChannels,
      g.height.kernel, g.width.kernel] fun
    | [n, c, oh, ow, i, kh, kw] => conv2dTerm g x weight δ n c oh ow i kh kw
    | _ => 0 := by
  rw [Tensor.dot_four]
  refine sum_congr fun n hn => sum_congr fun c hc => sum_congr fun oh hoh =>
    sum_congr fun ow how => ?_
  rw [Tensor.entry_four (conv2d exact g x weight 0) hn hc hoh how, conv2d_textbook]
  simp only [Tensor.entry_zero, Lean.Grind.Semiring.add_zero, mul_sum]
  refine sum_congr fun i _ => sum_congr fun kh _ => sum_congr fun kw _ => ?_
  show _ = conv2dTerm g x weight δ n c oh ow i kh kw
  unfold conv2dTerm
  grind

/-- The kernel gradient is the adjoint of the forward pass in the kernel:
⟨δ, conv(x, dw, 0)⟩ = ⟨dw, kernelGrad(x, δ)⟩. -/
theorem conv2d_kernel_adjoint :
    δ.dot (conv2d exact g x dweight 0) = dweight.dot (conv2dKernelDeriv exact g x δ) := by
  rw [dot_conv2d, adjoint (ms := [g.groups * g.outChannels, g.inChannels, g.height.kernel,
      g.width.kernel, g.batch, g.height.output, g.width.output]) (g := fun
    | [c, i, kh, kw, n, oh, ow] => conv2dTerm g x dweight δ n c oh ow i kh kw
    | _ => 0)
    (fun | [n, c, oh, ow, i, kh, kw] => [c, i, kh, kw, n, oh, ow] | _ => [])
    (fun | [c, i, kh, kw, n, oh, ow] => [n, c, oh, ow, i, kh, kw] | _ => []), Tensor.dot_four]
  · refine sum_congr fun c hc => sum_congr fun i hi => sum_congr fun kh hkh =>
      sum_congr fun kw hkw => ?_
    rw [Tensor.entry_four (conv2dKernelDeriv exact g x δ) hc hi hkh hkw, conv2d_kernel_textbook]
    simp only [mul_sum]
    refine sum_congr fun n _ => sum_congr fun oh _ => sum_congr fun ow _ => ?_
    show conv2dTerm g x dweight δ n c oh ow i kh kw = _
    unfold conv2dTerm
    grind
  · exact fun _ hn _ hc _ hoh _ how _ hi _ hkh _ hkw _ =>
      ⟨⟨hc, hi, hkh, hkw, hn, hoh, how, trivial⟩, rfl, rfl⟩
  · exact fun _ hc _ hi _ hkh _ hkw _ hn _ hoh _ how _ =>
      ⟨⟨hn, hc, hoh, how, hi, hkh, hkw, trivial⟩, rfl, rfl⟩

/-- Two tensors have the same number of groups, of m and of n channels each. Channel c of the first
is in the group c / m. The i-th channel of this group in the second is c / m·n + i. -/
theorem regroup {groups m n c i : Nat} (hc : c < groups * m) (hi : i < n) :
    c / m * n + i < groups * n ∧ c % m < m ∧ (c / m * n + i) / n = c / m ∧
      (c / m * n + i) % n = i :=
  ⟨merge_lt (merge_div_mod' hc).1 hi, (merge_div_mod' hc).2, merge_div_mod _ hi⟩

/-- From an output position o to the input position h = o·s + t − p of a tap, if h ≥ 0: the stride
divides h + p − t, and the quotient is o. -/
theorem place_input {s : Nat} (hs : 0 < s) {o t p : Int} (h : 0 ≤ o * s + t - p) :
    ((o * s + t - p).toNat : Int) = o * s + t - p ∧ (s : Int) ∣ (o * s + t - p).toNat + p - t ∧
      ((o * s + t - p).toNat + p - t) / s = o :=
  have e := Int.toNat_of_nonneg h
  ⟨e, ((place_iff (Int.natCast_pos.2 hs) _ _ _ _).1 e).imp_right Eq.symm⟩

/-- From an input position h to the output position o = (h + p − t) / s that reads it by a tap, if
the stride divides h + p − t and o ≥ 0: then o·s + t − p = h. -/
theorem place_output {s : Nat} (hs : 0 < s) {h t p : Int} (hd : (s : Int) ∣ h + p - t)
    (ho : 0 ≤ (h + p - t) / s) :
    (((h + p - t) / s).toNat : Int) = (h + p - t) / s ∧ ((h + p - t) / s).toNat * s + t - p = h :=
  have e := Int.toNat_of_nonneg ho
  ⟨e, ((place_iff (Int.natCast_pos.2 hs) _ _ _ _).2 ⟨hd, e⟩).symm⟩

/-- A sum over outputs and taps is a sum over inputs and taps: the tap k reads the input position h for
the output position o iff the stride divides h + p − k·d and o is the quotient. -/
theorem sums_taps (x v δ : Int → Int → Int → Int → K)
    (hx : ∀ {n c h w}, x n c h w ≠ 0 → (0 ≤ h ∧ h < g.height.size) ∧ 0 ≤ w ∧ w < g.width.size)
    (hδ : ∀ {n c h w}, δ n c h w ≠ 0 → (0 ≤ h ∧ h < g.height.output) ∧ 0 ≤ w ∧ w < g.width.output) :
    (sums [g.batch, g.groups * g.outChannels, g.height.output, g.width.output, g.inChannels,
      g.height.kernel, g.width.kernel] fun
    | [n, c, oh, ow, i, kh, kw] => x n (c / g.outChannels * g.inChannels + i)
        (oh * g.height.stride + kh * g.height.dilation - g.height.padBegin)
        (ow * g.width.stride + kw * g.width.dilation - g.width.padBegin) *
          (v c i kh kw * δ n c oh ow)
    | _ => 0) =
    sums [g.batch, g.groups * g.inChannels, g.height.size, g.width.size, g.outChannels,
      g.height.kernel, g.width.kernel] fun
    | [n, c, h, w, o, kh, kw] => x n c h w *
        (v (c / g.inChannels * g.outChannels + o) (c % g.inChannels) kh kw *
          if (g.height.stride : Int) ∣ h + g.height.padBegin - kh * g.height.dilation ∧
              (g.width.stride : Int) ∣ w + g.width.padBegin - kw * g.width.dilation then
            δ n (c / g.inChannels * g.outChannels + o)
              ((h + g.height.padBegin - kh * g.height.dilation) / g.height.stride)
              ((w + g.width.padBegin - kw * g.width.dilation) / g.width.stride)
          else 0)
    | _ => 0 := by
  refine adjoint (fun
      | [n, c, oh, ow, i, kh, kw] => [n, c / g.outChannels * g.inChannels + i,
          (oh * g.height.stride + kh * g.height.dilation - g.height.padBegin : Int).toNat,
          (ow * g.width.stride + kw * g.width.dilation - g.width.padBegin : Int).toNat,
          c % g.outChannels, kh, kw]
      | _ => [])
    (fun
      | [n, c, h, w, o, kh, kw] => [n, c / g.inChannels * g.outChannels + o,
          ((h + g.height.padBegin - kh * g.height.dilation) / g.height.stride : Int).toNat,
          ((w + g.width.padBegin - kw * g.width.dilation) / g.width.stride : Int).toNat,
          c % g.inChannels, kh, kw]
      | _ => []) ?_ ?_
  · intro n hn c hc oh hoh ow how i hi kh hkh kw hkw h0
    have hin := hx (mul_ne_zero h0).1
    obtain ⟨hc, ho, hd, hm⟩ := regroup hc hi
    obtain ⟨eh, dh, qh⟩ := place_input g.height.stride_pos hin.1.1
    obtain ⟨ew, dw, qw⟩ := place_input g.width.stride_pos hin.2.1
    refine ⟨⟨hn, hc, by omega, by omega, ho, hkh, hkw, trivial⟩, ?_, ?_⟩
    · show [_, _, _, _, _, _, _] = [_, _, _, _, _, _, _]
      rw [hd, hm, qh, qw]
      simp only [Int.toNat_natCast, Nat.div_add_mod']
    · show _ * (_ * ite _ _ _) = _ * (_ * _)
      rw [if_pos ⟨dh, dw⟩, qh, qw, eh, ew]
      simp only [← Int.natCast_ediv, ← Int.natCast_emod, ← Int.natCast_mul, ← Int.natCast_add, hd, hm,
        Nat.div_add_mod']
  · intro n hn c hc h hh w hw o ho kh hkh kw hkw h0
    obtain ⟨dvd, h0⟩ := ite_ne_zero (mul_ne_zero (mul_ne_zero h0).2).2
    have hin := hδ h0
    obtain ⟨hc, hi, hd, hm⟩ := regroup hc ho
    obtain ⟨eh, ph⟩ := place_output g.height.stride_pos dvd.1 hin.1.1
    obtain ⟨ew, pw⟩ := place_output g.width.stride_pos dvd.2 hin.2.1
    refine ⟨⟨hn, hc, by omega, by omega, hi, hkh, hkw, trivial⟩, ?_, ?_⟩
    · show [_, _, _, _, _, _, _] = [_, _, _, _, _, _, _]
      rw [hd, hm, ph, pw]
      simp only [Int.toNat_natCast, Nat.div_add_mod']
    · show _ * (_ * _) = _ * (_ * ite _ _ _)
      rw [if_pos dvd, ph, pw, eh, ew]
      simp only [← Int.natCast_ediv, ← Int.natCast_emod, ← Int.natCast_mul, ← Int.natCast_add, hd,
        Nat.div_add_mod']

/-- The input gradient is the adjoint of the forward pass in the input:
⟨δ, conv(dx, w, 0)⟩ = ⟨dx, inputGrad(w, δ)⟩. -/
theorem conv2d_input_adjoint :
    δ.dot (conv2d exact g dx weight 0) = dx.dot (conv2dInputDeriv exact g weight δ) := by
  refine (dot_conv2d ..).trans ((sums_taps g (fun n c h w => dx.entry [n, c, h, w])
    (fun c i kh kw => weight.entry [c, i, kh, kw]) (fun n c oh ow => δ.entry [n, c, oh, ow])
    Tensor.inside_four Tensor.inside_four).trans ?_)
  rw [Tensor.dot_four]
  refine sum_congr fun n hn => sum_congr fun c hc => sum_congr fun h hh => sum_congr fun w hw => ?_
  rw [Tensor.entry_four (conv2dInputDeriv exact g weight δ) hn hc hh hw, conv2d_input_textbook]
  simp only [mul_sum]
  rfl

/-- The bias gradient is the adjoint of the forward pass in the bias:
⟨δ, conv(0, 0, db)⟩ = ⟨db, biasGrad(δ)⟩. -/
theorem conv2d_bias_adjoint :
    δ.dot (conv2d exact g 0 0 dbias) = dbias.dot (conv2dBiasDeriv exact g δ) := by
  rw [Tensor.dot_four, Tensor.dot_one, sum_comm g.batch]
  refine sum_congr fun c hc => ?_
  rw [Tensor.entry_one (conv2dBiasDeriv exact g δ) hc, conv2d_bias_textbook]
  simp only [mul_sum]
  refine sum_congr fun n hn => sum_congr fun oh hoh => sum_congr fun ow how => ?_
  rw [Tensor.entry_four (conv2d exact g 0 0 dbias) hn hc hoh how, conv2d_bias_get,
    Tensor.entry_one dbias hc]
  grind

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
