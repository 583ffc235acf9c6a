module

public import RuntimeApprox.Accumulation.Theorems
public import RuntimeApprox.Certificate.Theorems
public import RuntimeApprox.Conv2d.VJP
public import RuntimeApprox.Conv2d.Replay
public import RuntimeApprox.Conv2d.Sharpness
public import RuntimeApprox.Conv2d.Textbook
public import RuntimeApprox.Estimate.Conv2d
public import RuntimeApprox.Estimate.Tolerance
public import RuntimeApprox.Export.Theorems
public import RuntimeApprox.Format.Nearest
public import RuntimeApprox.Format.Overflow
public import RuntimeApprox.Format.RelativeError
public import RuntimeApprox.Format.Ties
public import RuntimeApprox.Graph.Theorems
public import RuntimeApprox.Format.Arithmetic.Theorems
public import RuntimeApprox.Net.Theorems
public import RuntimeApprox.TensorCore.Theorems

/-!
# The main theorems, in one file

Each statement is complete in itself, without `variable`s, and is proved by the library's theorem of
the same content. Primed tensors are exact, the others are what the machine computes with. Who
wants to know what is proved reads this file, and the definitions of the names in it:
`OrderedField`, `Tensor`, `Rounding`, `Format`, `Contraction`, `Conv2d`, `RevGraph`, `Computes`,
`Accumulation`, `ErrorBound`, `Near`, `Printed`.

## Main results
* `Statements.bias`, `Statements.kernel`, `Statements.input`, `Statements.forward`: the bounds.
* `Statements.binary32`: they hold of IEEE binary32 itself; `Statements.ieee_finite`: of all that is
  finite in IEEE 754.
* `Statements.textbook_…`: what the specifications are. `Statements.vjp`: that they are gradients.
* `Statements.backprop`: bounds compose through graphs. `Statements.backprop_gradient`: exact
  backpropagation is the gradient.
* `Statements.nearest_any_order`, `Statements.numbers_any_order`: sums in whatever order;
  `Statements.kernel_near`: what a kernel promises; `Statements.kernel_any_order`: the kernel gradient,
  by whatever kernel; `Statements.tolerance`: from magnitudes alone.
* `Statements.printed`: printed numbers are bounds; `Statements.enclosure`: of values that anything
  computed; `Statements.exceeds`: what a comparison that fails proves.
* `Statements.replay`: the point bound from the binades of sums and products.
* `Statements.sharp`: the bounds are nearly attained.
* `Statements.certificate`: what a certificate of concrete numbers proves.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox.Statements

universe u

/-! ### Conv2d -/

/-- The rounded bias gradient is within ‖bounds‖∞ of the exact one, entry by entry within its
bound. -/
theorem bias {K : Type u} [OrderedField K] {R : Rounding K} (lawful : ∀ x, abs (R.rnd x - x) ≤ R.halfUlp x)
    (g : Conv2d) (x' : Tensor K g.inputShape) (weight' : Tensor K g.kernelShape)
    {δ' δ : Tensor K g.outputShape} {epsδ : K} (hδ : ∀ i, abs (δ.get i - δ'.get i) ≤ epsδ) :
    (∀ i, abs ((conv2dBiasDeriv (rounded R) g δ).get i - (conv2d_backward_spec g x' weight' δ').bias.get i)
        ≤ conv2dBiasPointBound R g δ epsδ i) ∧
      approxT (conv2d_backward_spec g x' weight' δ').bias (conv2dBiasDeriv (rounded R) g δ)
        (linfNorm (conv2dBiasBoundTensor R g δ epsδ)) :=
  ⟨approx_conv2d_bias_point ⟨lawful⟩ g hδ, approxT_conv2d_bias_deriv_spec ⟨lawful⟩ g x' weight' hδ⟩

/-- The rounded kernel gradient is within ‖bounds‖∞ of the exact one, entry by entry within its
bound. -/
theorem kernel {K : Type u} [OrderedField K] {R : Rounding K} (lawful : ∀ x, abs (R.rnd x - x) ≤ R.halfUlp x)
    (g : Conv2d) {x' x : Tensor K g.inputShape} (weight' : Tensor K g.kernelShape)
    {δ' δ : Tensor K g.outputShape} {epsX epsδ : K} (hx : ∀ i, abs (x.get i - x'.get i) ≤ epsX)
    (hδ : ∀ i, abs (δ.get i - δ'.get i) ≤ epsδ) :
    (∀ i, abs ((conv2dKernelDeriv (rounded R) g x δ).get i -
        (conv2d_backward_spec g x' weight' δ').kernel.get i) ≤
        conv2dKernelPointBound R g x epsX δ epsδ i) ∧
      approxT (conv2d_backward_spec g x' weight' δ').kernel (conv2dKernelDeriv (rounded R) g x δ)
        (linfNorm (conv2dKernelBoundTensor R g x epsX δ epsδ)) :=
  ⟨approx_conv2d_kernel_point ⟨lawful⟩ g hx hδ,
    approxT_conv2d_kernel_deriv_spec ⟨lawful⟩ g weight' hx hδ⟩

/-- The rounded input gradient is within ‖bounds‖∞ of the exact one, entry by entry within its
bound. -/
theorem input {K : Type u} [OrderedField K] {R : Rounding K} (lawful : ∀ x, abs (R.rnd x - x) ≤ R.halfUlp x)
    (g : Conv2d) (x' : Tensor K g.inputShape) {weight' weight : Tensor K g.kernelShape}
    {δ' δ : Tensor K g.outputShape} {epsW epsδ : K}
    (hw : ∀ i, abs (weight.get i - weight'.get i) ≤ epsW)
    (hδ : ∀ i, abs (δ.get i - δ'.get i) ≤ epsδ) :
    (∀ i, abs ((conv2dInputDeriv (rounded R) g weight δ).get i -
        (conv2d_backward_spec g x' weight' δ').input.get i) ≤
        conv2dInputPointBound R g weight epsW δ epsδ i) ∧
      approxT (conv2d_backward_spec g x' weight' δ').input (conv2dInputDeriv (rounded R) g weight δ)
        (linfNorm (conv2dInputBoundTensor R g weight epsW δ epsδ)) :=
  ⟨approx_conv2d_input_point ⟨lawful⟩ g hw hδ,
    approxT_conv2d_input_deriv_spec ⟨lawful⟩ g x' hw hδ⟩

/-- The rounded forward pass is within ‖bounds‖∞ of the exact one, entry by entry within its
bound. -/
theorem forward {K : Type u} [OrderedField K] {R : Rounding K}
    (lawful : ∀ x, abs (R.rnd x - x) ≤ R.halfUlp x) (g : Conv2d) {x' x : Tensor K g.inputShape}
    {weight' weight : Tensor K g.kernelShape} {bias' bias : Tensor K g.biasShape}
    {epsX epsW epsB : K} (hx : ∀ i, abs (x.get i - x'.get i) ≤ epsX)
    (hw : ∀ i, abs (weight.get i - weight'.get i) ≤ epsW)
    (hb : ∀ i, abs (bias.get i - bias'.get i) ≤ epsB) :
    (∀ i, abs ((conv2d (rounded R) g x weight bias).get i - (conv2d exact g x' weight' bias').get i) ≤
        conv2dPointBound R g x epsX weight epsW bias epsB i) ∧
      approxT (conv2d exact g x' weight' bias') (conv2d (rounded R) g x weight bias)
        (linfNorm (conv2dBoundTensor R g x epsX weight epsW bias epsB)) :=
  ⟨approx_conv2d_point ⟨lawful⟩ g hx hw hb, approxT_conv2d_spec ⟨lawful⟩ g hx hw hb⟩

/-! ### IEEE arithmetic -/

/-- Rounding to binary32 (or to any binary format) is a rounding model, so that the bounds hold of
binary32 itself. -/
theorem binary32 (x : Rat) : abs (Format.binary32.round x - x) ≤ Format.binary32.halfUlp x :=
  Format.binary32.rounding_lawful.abs_rnd_sub_le x

/-- A format has infinities and NaN. Evaluated on numbers as IEEE 754 does, an entry of a contraction
is the finite value q iff no operation overflowed and q is the entry of the rounded arithmetic. -/
theorem ieee_finite (f : Format) (c : Contraction Int) (fs : c.Factors Rat) (as : c.Addends Rat)
    (o : List Nat) (q : Rat) :
    c.evalAt (ieee f) (fs.map .finite) (as.map .finite) o = .finite q ↔
      (c.evalAt (checked f) (fs.map .exactly) (as.map .exactly) o).finite = true ∧
        c.evalAt (rounded f.rounding) fs as o = q :=
  c.ieee_eq_finite_iff f fs as o q

/-- Rounding to a format gives a number of the format: m·2ᵉ with |m| < 2ᵖ and e ≥ eₘᵢₙ − p + 1. -/
theorem representable (f : Format) (x : Rat) :
    ∃ m e : Int, m.natAbs < 2 ^ f.precision ∧ f.minExponent - f.precision + 1 ≤ e ∧
      f.round x = m * pow2 e :=
  f.representable_round x

/-- … a nearest one … -/
theorem nearest (f : Format) (x : Rat) {y : Rat} (hy : f.Representable y) :
    abs (f.round x - x) ≤ abs (y - x) :=
  f.abs_round_sub_le_abs_sub hy x

/-- … and on a tie the one with the even significand. Rounding is monotone, odd, and leaves the
numbers of the format, and them alone, as they are. -/
theorem ties_monotone_odd_identity (f : Format) (hp : 1 < f.precision) :
    (∀ x y, f.Representable y → y ≠ f.round x → abs (y - x) = abs (f.round x - x) →
        f.significand (f.round x) % 2 = 0) ∧
      (∀ x y, x ≤ y → f.round x ≤ f.round y) ∧ (∀ x, f.round (-x) = -f.round x) ∧
      (∀ v, f.Representable v ↔ f.round v = v) :=
  ⟨fun _ _ hy hne h => f.round_tie_even hp hy hne h, fun _ _ h => f.round_mono h, f.round_neg,
    fun _ => f.representable_iff⟩

/-! ### The specifications are the gradients -/

/-- The forward pass is the textbook's:
y[n, c, oh, ow] = Σ x[n, ⌊c/O⌋·I + i, oh·sh + kh·dh − pt, ow·sw + kw·dw − pl]·w[c, i, kh, kw] + b[c]. -/
theorem textbook_forward {K : Type u} [OrderedField K] (g : Conv2d) (x : Tensor K g.inputShape)
    (weight : Tensor K g.kernelShape) (bias : Tensor K g.biasShape) (n : Fin g.batch)
    (c : Fin (g.groups * g.outChannels)) (oh : Fin g.height.output) (ow : Fin g.width.output) :
    (conv2d exact g x weight bias).get (n, c, oh, ow, ()) =
      (sum g.inChannels fun i => sum g.height.kernel fun kh => sum g.width.kernel fun kw =>
        x.entry [n.1, c.1 / g.outChannels * g.inChannels + i,
            oh.1 * g.height.stride + kh * g.height.dilation - g.height.padBegin,
            ow.1 * g.width.stride + kw * g.width.dilation - g.width.padBegin] *
          weight.entry [c.1, i, kh, kw]) +
      bias.entry [c.1] :=
  conv2d_textbook g x weight bias n c oh ow

/-- `conv2d_backward_spec` is the vector-Jacobian product of the forward pass, and nothing else is:
paired with δ, the derivative of conv2d at (x, w) along (dx, dw, db) is
⟨dx, input⟩ + ⟨dw, kernel⟩ + ⟨db, bias⟩. -/
theorem vjp {K : Type u} [OrderedField K] (g : Conv2d) (x dx : Tensor K g.inputShape)
    (weight dweight : Tensor K g.kernelShape) (dbias : Tensor K g.biasShape)
    (δ : Tensor K g.outputShape) :
    δ.dot (conv2d exact g dx weight 0 + conv2d exact g x dweight 0 + conv2d exact g 0 0 dbias) =
      dx.dot (conv2d_backward_spec g x weight δ).input +
      dweight.dot (conv2d_backward_spec g x weight δ).kernel +
      dbias.dot (conv2d_backward_spec g x weight δ).bias :=
  conv2d_vjp g x dx weight dweight dbias δ

/-- What a perturbation of all three operands does, exactly: the derivative, and a bilinear
remainder. -/
theorem expansion {K : Type u} [OrderedField K] (g : Conv2d) (x dx : Tensor K g.inputShape)
    (weight dweight : Tensor K g.kernelShape) (bias dbias : Tensor K g.biasShape) :
    conv2d exact g (x + dx) (weight + dweight) (bias + dbias) =
      conv2d exact g x weight bias +
        (conv2d exact g dx weight 0 + conv2d exact g x dweight 0 + conv2d exact g 0 0 dbias) +
        conv2d exact g dx dweight 0 :=
  conv2d_expansion g x dx weight dweight bias dbias

/-! ### Export -/

/-- The exported contractions, at the numbers of a geometry, are those of the theorems. -/
theorem exported_contractions (s : Sizes Int) :
    (conv2dForward symbols).map (Size.eval s) = conv2dForward s ∧
      (conv2dBiasGrad symbols).map (Size.eval s) = conv2dBiasGrad s ∧
      (conv2dKernelGrad symbols).map (Size.eval s) = conv2dKernelGrad s ∧
      (conv2dInputGrad symbols).map (Size.eval s) = conv2dInputGrad s :=
  ⟨conv2dForward_symbols s, conv2dBiasGrad_symbols s, conv2dKernelGrad_symbols s,
    conv2dInputGrad_symbols s⟩

/-- The exported laws are those of the theorems. -/
theorem exported_laws {K : Type u} [OrderedField K] (R : Rounding K) (x y : Approx K) :
    (⟨zeroLaw.value.eval R x y, zeroLaw.eps.eval R x y⟩ : Approx K) = (bound R).zero ∧
      (⟨addLaw.value.eval R x y, addLaw.eps.eval R x y⟩ : Approx K) = (bound R).add x y ∧
      (⟨mulLaw.value.eval R x y, mulLaw.eps.eval R x y⟩ : Approx K) = (bound R).mul x y :=
  ⟨zeroLaw_eval R x y, addLaw_eval R x y, mulLaw_eval R x y⟩

/-! ### Graphs -/

/-- Backpropagation through a graph of nodes is within its bounds of exact backpropagation: at every
entry of every gradient, from an eps for every entry of the context and of the gradients that are
propagated. A node is any specification with any runtime that is within its bound of it. -/
theorem backprop {K : Type u} [OrderedField K] {R : Rounding K}
    (lawful : ∀ x, abs (R.rnd x - x) ≤ R.halfUlp x) {Γ Δ : List (List Nat)}
    (g : RevGraph (RevNode K) Γ Δ) {xs' xs eps : Tensors K Γ} {cs' cs : Cotangents K Δ}
    {epsδ : Tensors K Δ} (hx : Tensors.Within xs' xs eps) (hδ : Cotangents.Within cs' cs epsδ) :
    Tensors.Within (g.backprop RevNode.exactPass xs' cs') (g.backprop (RevNode.runtimePass R) xs cs)
      (g.backpropBound (RevNode.boundPass R) xs eps cs epsδ) :=
  g.backprop_approx (RevNode.model ⟨lawful⟩) hx hδ

/-- Exact backpropagation is the gradient of exact evaluation: at dual numbers x + dx·ε, the inner
product of the propagated gradients with the derivative of the graph along dx is that of the computed
gradients with dx. Every node of the library keeps the law `IsGradient`. -/
theorem backprop_gradient {K : Type u} [OrderedField K] {Γ Δ : List (List Nat)}
    (g : RevGraph (ParametricNode K) Γ Δ) (h : g.All fun n => n.IsGradient)
    (xs : Tensors (Dual K) Γ) (cs : Cotangents K Δ) :
    cs.dot ((g.eval dualNet.pass xs).map Dual.tangent) =
      (g.backprop exactNet.pass (xs.map Dual.value) cs).dot (xs.map Dual.tangent) :=
  g.backprop_isGradient (E := exactNet.pass) (D := dualNet.pass) rfl (h.mono fun _ h => h.pass) xs cs

/-- A network conv → relu → conv → flatten → linear: every entry of the gradients with respect to
its input and parameters is within its bound. -/
theorem network {K : Type u} [OrderedField K] {R : Rounding K}
    (lawful : ∀ x, abs (R.rnd x - x) ≤ R.halfUlp x) (net : SmallNet)
    {xs' xs eps : Tensors K net.context} {δ' δ epsδ : Tensor K net.linear.outputShape}
    (hx : Tensors.Within xs' xs eps) (hδ : Tensor.Within δ' δ epsδ) :
    Tensors.Within (net.gradients exactNet xs' δ') (net.gradients (roundedNet R) xs δ)
      (net.gradientBounds R xs eps δ epsδ) :=
  smallNet_backprop_approx ⟨lawful⟩ net hx hδ

/-! ### Any order -/

/-- **Jeannerod and Rump (2013)**, with underflow: whatever tree adds up the numbers `ts`, in whatever
order, products fused or not, every operation to nearest; if n of them are not zero, then
|v − Σtᵢ| ≤ n·u·Σ|tᵢ| + n·η·(1 + n·u), for every n. -/
theorem nearest_any_order {m : Format.Mode} (hz : m.towardZero = false) (hf : m.flushed = false)
    {ts : List Rat} {v : Rat} (h : Computes m ts v) {n : Nat} (hn : nonzeros ts ≤ n) :
    abs (v - sumList ts) ≤
      n * m.roundoff * sumAbs ts + n * m.underflow * (1 + n * m.roundoff) :=
  h.near_nearest hz hf hn

/-- Numbers of the format: |v − Σtᵢ| ≤ (n − 1)·u·Σ|tᵢ|, without underflow. -/
theorem numbers_any_order {m : Format.Mode} (hz : m.towardZero = false) (hf : m.flushed = false)
    {ts : List Rat} {v : Rat} (h : Computes m ts v) (hts : ∀ t ∈ ts, m.format.Representable t)
    {n : Nat} (hn : nonzeros ts ≤ n) :
    abs (v - sumList ts) ≤ (n - 1) * m.roundoff * sumAbs ts + 0 :=
  h.near_numbers hz hf hts hn

/-- What a kernel returns that keeps its promise k: sums in a format and mode, in whatever order, perhaps
partial sums added in another one, perhaps a last rounding. It is near the sum, by the error bound of
k from proved bounds e₁ of the sums and e₂ of the sums across. -/
theorem kernel_near {k : Accumulation} {ts : List Rat} {v : Rat} (h : k.Gives ts v) {n : Nat}
    (hn : nonzeros ts ≤ n) {e₁ e₂ : ErrorBound Rat} (h₁ : k.sums.SumBound n false e₁)
    (h₂ : ∀ m, k.across = some m → m.SumBound (min k.splits n) false e₂) :
    abs (v - sumList ts) ≤
      (k.bound e₁ e₂).relative * sumAbs ts + (k.bound e₁ e₂).absolute :=
  Accumulation.near h hn (fun h => Bool.noConfusion h) h₁ h₂

/-- Matrix instructions (tensor cores): at most s steps, of at most n products that are not zero, in
any order and tree. A step aligns exact products and its accumulator, cuts each of them to 2^(−F) of
the largest power of two, which takes p + extra cuts for p products, adds them exactly and rounds. With
L = n + extra·s, δ = 2^(−F), (ρ, η) the error of a step's rounding, σ what exponents are too large by:
|v − Σtᵢ| ≤ (g − 1)·Σ|tᵢ| + (L·δ·σ + 2·s·η)·g for g ≥ (1 + δ)ᴸ·(1 + ρ)ˢ. -/
theorem tensor_core {k : TensorCore} {s n : Nat} {ts : List Rat} {v g : Rat} (h : k.Sums s n ts v)
    (hσ : 0 ≤ k.shortfall) (hu : k.added.roundoff ≤ (k.unit.rounding k.mode).relative)
    (hη : k.added.underflow ≤ (k.unit.rounding k.mode).absolute)
    (hg : (1 + k.unit.cut) ^ (n + k.unit.extra * s) *
      (1 + (k.unit.rounding k.mode).relative) ^ s ≤ g) :
    abs (v - sumList ts) ≤ (g - 1) * sumAbs ts +
      (((n + k.unit.extra * s : Nat) : Rat) * k.unit.cut * k.shortfall +
        2 * s * (k.unit.rounding k.mode).absolute) * g :=
  h.near hσ hu hη hg

/-- The kernel gradient by a kernel that multiplies xr and δr, such as x and δ rounded to TF32, and
keeps its promise k for the sum of their products. At every entry |x| ≤ X and
|xr − x| + |x′ − x| ≤ Dx, likewise for δ, and Y + Dy ≤ Q. The value w, which is v itself or any other,
is within the printed number V of the exact gradient at x′ and δ′. -/
theorem kernel_any_order (g : Conv2d) {x' xr x X Dx : Tensor Rat g.inputShape}
    {δ' δr δ Y Dy Q : Tensor Rat g.outputShape}
    (hx : ∀ i, abs (x.get i) ≤ X.get i ∧
      abs (xr.get i - x.get i) + abs (x'.get i - x.get i) ≤ Dx.get i)
    (hδ : ∀ i, abs (δ.get i) ≤ Y.get i ∧
      abs (δr.get i - δ.get i) + abs (δ'.get i - δ.get i) ≤ Dy.get i)
    (hQ : ∀ i, Y.get i + Dy.get i ≤ Q.get i) {i : Index g.kernelShape} {ts : List Rat}
    (hts : (conv2dKernelGrad g.sizes).summands (xr, δr, ⟨⟩) ⟨⟩
      (outIndices (conv2dKernelGrad g.sizes).out i) = ts)
    {k : Accumulation} {v : Rat} (hv : k.Gives ts v) {n : Nat} (hn : nonzeros ts ≤ n)
    {e₁ e₂ : ErrorBound Rat} (h₁ : k.sums.SumBound n false e₁)
    (h₂ : ∀ m, k.across = some m → m.SumBound (min k.splits n) false e₂) {ev : ErrorBound Rat}
    {ps : List (Part Rat)} {c w V : Rat}
    (hV : Printed ev ps c (abs (w - v) +
      ((k.bound e₁ e₂).relative * (conv2dKernelDeriv exact g X Y).get i +
      (1 + (k.bound e₁ e₂).relative) *
        ((conv2dKernelDeriv exact g Dx Q).get i + (conv2dKernelDeriv exact g X Dy).get i) +
      (k.bound e₁ e₂).absolute)) V) :
    abs (w - (conv2d_backward_spec g x' 0 δ').kernel.get i) ≤ V :=
  conv2d_kernel_any_order g (Accumulation.bound_relative_nonneg h₁ h₂) hx hδ hQ
    (by rw [hts]; exact Accumulation.near hv hn (fun h => Bool.noConfusion h) h₁ h₂) hV

/-- A tolerance for matrix products x·y, convolutions and the like, from numbers alone: |x| ≤ X, |y| ≤ Y
and |b| ≤ B, what is multiplied and what is exact are together within Dx, Dy and Db of them, and an
entry has at most n terms. -/
theorem tolerance {K : Type u} [OrderedField K] {out : List (List Int)} {red : List Int}
    {p₁ p₂ p₃ : Operand Int} {e : ErrorBound K} (he : 0 ≤ e.relative) {n X Y B Dx Dy Db T : K}
    {x' xr x : Tensor K (extents p₁.axes)} {y' yr y : Tensor K (extents p₂.axes)}
    {b' br b : Tensor K (extents p₃.axes)}
    (hx : ∀ i, abs (x.get i) ≤ X ∧ abs (xr.get i - x.get i) + abs (x'.get i - x.get i) ≤ Dx)
    (hy : ∀ i, abs (y.get i) ≤ Y ∧ abs (yr.get i - y.get i) + abs (y'.get i - y.get i) ≤ Dy)
    (hb : ∀ i, abs (b.get i) ≤ B ∧ abs (br.get i - b.get i) + abs (b'.get i - b.get i) ≤ Db)
    (hX : 0 ≤ X) (hY : 0 ≤ Y) (hB : 0 ≤ B) (hDx : 0 ≤ Dx) (hDy : 0 ≤ Dy) (hDb : 0 ≤ Db)
    {o : List Nat} (hn : Contraction.termCount K ⟨out, red, p₁, [p₂], [p₃]⟩ o ≤ n) {v : K}
    (hv : Near e (Contraction.summands ⟨out, red, p₁, [p₂], [p₃]⟩ (xr, yr, ⟨⟩) (br, ⟨⟩) o) v)
    (hT : e.relative * (n * (X * Y) + B) +
      (1 + e.relative) * (n * (Dx * (Y + Dy) + X * Dy) + Db) + e.absolute ≤ T) :
    abs (v - Contraction.evalAt exact ⟨out, red, p₁, [p₂], [p₃]⟩ (x', y', ⟨⟩) (b', ⟨⟩) o) ≤ T :=
  Contraction.tolerance_le ⟨out, red, p₁, [p₂], [p₃]⟩ (ys := (y, ⟨⟩)) (bs := (b, ⟨⟩)) (Nat.le_refl 1)
    (Nat.le_refl 1) he hx ⟨hy, trivial⟩ ⟨hb, trivial⟩ (fun h => absurd h (List.cons_ne_nil p₂ [])) hX
    hY hB hDx hDy hDb hn hv hT

/-- A number that is printed for B is at least B: where B ≤ Σ C·M + c, each computed magnitude M̂ is
near M, a sum of numbers that are not negative, and V is near Σ C′·M̂ + c′, with weights C′ and c′ that
make good what both computations may lose. -/
theorem printed {K : Type u} [OrderedField K] {ev : ErrorBound K} {ps : List (Part K)} {c c' B V : K}
    (hB : B ≤ sumList (ps.map fun p => p.coefficient * sumList p.terms) + c)
    (hC : ∀ p ∈ ps, 0 ≤ p.coefficient) (ht : ∀ p ∈ ps, ∀ t ∈ p.terms, 0 ≤ t)
    (hM : ∀ p ∈ ps, 0 ≤ p.computed) (hn : ∀ p ∈ ps, Near p.error p.terms p.computed)
    (hρ : ∀ p ∈ ps, p.error.relative < 1) (hev : ev.relative < 1)
    (hw : ∀ p ∈ ps,
      p.coefficient / (1 - p.error.relative) / (1 - ev.relative) ≤ p.factor) (hc' : 0 ≤ c')
    (hc : (c + sumList (ps.map fun p =>
      p.coefficient / (1 - p.error.relative) * p.error.absolute) + ev.absolute) /
        (1 - ev.relative) ≤ c')
    (hV : Near ev (ps.map (fun p => p.factor * p.computed) ++ [c']) V) : B ≤ V :=
  Printed.le ⟨hB, fun p hp => ⟨hC p hp, ht p hp, hM p hp, hn p hp, hρ p hp, hw p hp⟩, hev, c', hc', hc,
    hV⟩

/-- Whatever computed w: where g is known to be within B of the exact value, w is within what is
printed for |w − g| + B of it. -/
theorem enclosure {K : Type u} [OrderedField K] {ev : ErrorBound K} {ps : List (Part K)}
    {c w g exact B V : K} (h : abs (g - exact) ≤ B) (hV : Printed ev ps c (abs (w - g) + B) V) :
    abs (w - exact) ≤ V :=
  enclosure_printed h hV

/-- Where a comparison fails, rounding cannot explain it: the value is farther from the exact one than
is allowed. -/
theorem exceeds {K : Type u} [OrderedField K] {ev : ErrorBound K} {ps : List (Part K)}
    {c w ref exact slack allowance d u V : K} (hu : 0 ≤ u) (hd : d ≤ (1 + u) * abs (w - ref))
    (h : abs (ref - exact) ≤ slack)
    (hV : Printed ev ps c ((1 + u) * (allowance + slack)) V) (hlt : V < d) :
    allowance < abs (w - exact) :=
  exceeds_printed hu hd h hV hlt

/-! ### The replay -/

/-- The point bound of the kernel gradient from what the machine computes. Each sum and each product
that is rounded, s, is charged with a number b of its own, for which halfUlp s ≤ u·b + κ, such as the
binade of s. With n terms, the bound is at most the number V that is printed for
u·Σ b + ε_δ·Σ|x| + ε_x·Σ|δ| + n·(ε_x·ε_δ + 2·κ). -/
theorem replay (f : Format) (g : Conv2d) {κ : Rat} (hκ : 0 ≤ κ) (x : Tensor Rat g.inputShape)
    (epsX : Rat) (δ : Tensor Rat g.outputShape) (epsδ : Rat) (i : Index g.kernelShape)
    {bs cs : List Rat}
    (hs : f.Charges κ (Contraction.additions f.rounding (conv2dKernelGrad g.sizes) (x, δ, ⟨⟩) ⟨⟩
      (outIndices (conv2dKernelGrad g.sizes).out i)) bs)
    (hp : f.Charges κ (Contraction.termsIn exact (conv2dKernelGrad g.sizes) (x, δ, ⟨⟩)
      (outIndices (conv2dKernelGrad g.sizes).out i)) cs) {n : Nat}
    (hn : (Contraction.termsIn exact (conv2dKernelGrad g.sizes) (x, δ, ⟨⟩)
      (outIndices (conv2dKernelGrad g.sizes).out i)).length = n) {ev : ErrorBound Rat}
    {ps : List (Part Rat)} {c V : Rat}
    (hV : Printed ev ps c (f.unitRoundoff * sumList (bs ++ cs) +
      epsδ * sumList (Contraction.termsIn exact (conv2dKernelGrad g.sizes)
        (x.map abs, δ.map fun _ => 1, ⟨⟩) (outIndices (conv2dKernelGrad g.sizes).out i)) +
      epsX * sumList (Contraction.termsIn exact (conv2dKernelGrad g.sizes)
        (x.map fun _ => 1, δ.map abs, ⟨⟩) (outIndices (conv2dKernelGrad g.sizes).out i)) +
      replayConstant (n : Rat) epsX epsδ κ) V) :
    conv2dKernelPointBound f.rounding g x epsX δ epsδ i ≤ V :=
  Rat.le_trans (conv2dKernelPointBound_le_replay g hκ x epsX δ epsδ i hs hp hn) hV.le

/-- The binade of a rounded number will do, with the underflow threshold for κ, also where it is
rounded to a wider format, as 16-bit sums that are computed in binary32. -/
theorem halfUlp_le_binade_round (f g : Format) (h : g.minExponent ≤ f.minExponent) (s : Rat) :
    f.halfUlp s ≤
      f.unitRoundoff * g.binade (g.round s) + pow2 (f.minExponent - f.precision) :=
  f.boundsHalfUlp_binade_round_of h s

/-! ### Sharpness -/

/-- In every format with p ≥ 2 and eₘᵢₙ < 0 and for every n there is a bias gradient, of numbers of
the format, of which the error is n/(n + 1) times the bound. -/
theorem sharp {f : Format} (hp : 2 ≤ f.precision) (he : f.minExponent < 0) (n : Nat) :
    ∃ (g : Conv2d) (δ : Tensor Rat g.outputShape) (i : Index g.biasShape),
      (∀ j, f.Representable (δ.get j)) ∧ 0 < conv2dBiasPointBound f.rounding g δ 0 i ∧
      ((n : Rat) + 1) * abs ((conv2dBiasDeriv (rounded f.rounding) g δ).get i -
          (conv2dBiasDeriv exact g δ).get i) =
        n * conv2dBiasPointBound f.rounding g δ 0 i :=
  ⟨tieConv2d n, tieGradOutput f n, (⟨0, Nat.zero_lt_one⟩, ()), representable_tieGradOutput he n, by
    rw [conv2dBiasPointBound_tie hp (by omega)]
    exact Rat.mul_pos (by have := Rat.natCast_nonneg (a := n); grind) f.unitRoundoff_pos,
    conv2dBias_error_tie hp he n _⟩

/-! ### Certificates -/

/-- What a certificate of the kernel gradient proves: where its claims are decided, each claimed
value is what IEEE 754 computes, and within its bound of the exact entry, for all exact operands
within eps of the given ones. -/
theorem certificate {f : Format} {g : Conv2d} {claims : List Claim}
    {x : Tensor Ball g.inputShape} {δ : Tensor Ball g.outputShape} {x' : Tensor Rat g.inputShape}
    {δ' : Tensor Rat g.outputShape}
    (h : Certified (conv2dKernelDeriv (checked f) g (x.map Ball.checked) (δ.map Ball.checked))
      claims)
    (hx : ∀ i, abs ((x.get i).value.toRat - x'.get i) ≤ (x.get i).eps.toRat)
    (hδ : ∀ i, abs ((δ.get i).value.toRat - δ'.get i) ≤ (δ.get i).eps.toRat) :
    ∀ c ∈ claims, ∃ i, Index.ofList g.kernelShape c.place = some i ∧
      (conv2dKernelDeriv (ieee f) g (x.map Ball.ieee) (δ.map Ball.ieee)).get i =
        .finite c.value.toRat ∧
      abs (c.value.toRat - (conv2dKernelDeriv exact g x' δ').get i) ≤ c.bound.toRat :=
  fun c hc => by
    obtain ⟨i, hi, hw⟩ := h.within_kernel hx hδ c hc
    obtain ⟨j, hj, hv⟩ := h.computed_kernel c hc
    cases hi.symm.trans hj
    exact ⟨i, hi, hv, hw⟩

end RuntimeApprox.Statements
