module

public import RuntimeApprox.Certificate.Theorems
public import RuntimeApprox.Conv2d.AnyOrder
public import RuntimeApprox.Conv2d.Linear
public import RuntimeApprox.Conv2d.Sharpness
public import RuntimeApprox.Conv2d.Textbook
public import RuntimeApprox.Conv2d.VJP
public import RuntimeApprox.Export.Theorems
public import RuntimeApprox.Format.Nearest
public import RuntimeApprox.Format.Overflow
public import RuntimeApprox.Format.RelativeError
public import RuntimeApprox.Format.Ties
public import RuntimeApprox.Graph.Theorems
public import RuntimeApprox.Machine.Theorems
public import RuntimeApprox.Net.Theorems

/-!
# The main theorems, in one file

Each statement is complete in itself, without `variable`s, and is proved by the library's theorem of
the same content. Primed tensors are exact, the others are what the machine computes with. Who
wants to know what is proved reads this file, and the definitions of the names in it:
`OrderedField`, `Tensor`, `Rounding`, `Format`, `Contraction`, `Conv2d`, `RevGraph`, `SumTree`,
`Errors`, `Schedule`.

## Main results
* `Statements.bias`, `Statements.kernel`, `Statements.input`, `Statements.forward`: the bounds.
* `Statements.binary32`: they hold of IEEE binary32 itself.
* `Statements.textbook_…`: what the specifications are. `Statements.vjp`: that they are gradients.
* `Statements.backprop`: bounds compose through graphs.
* `Statements.any_order`: sums in whatever order; `Statements.kernel_any_order`,
  `Statements.kernel_formats`: the kernel gradient, by whatever kernel.
* `Statements.enclosure`: a bound for values that anything computed.
* `Statements.exact_le`, `Statements.le_computed`: computed bounds are bounds.
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

/-- Backpropagation through a graph of nodes, in rounded arithmetic, is within its bounds of
backpropagation in exact arithmetic: at every entry of every gradient, from an eps for every entry
of the context and of the gradients that are propagated. -/
theorem backprop {K : Type u} [OrderedField K] {R : Rounding K}
    (lawful : ∀ x, abs (R.rnd x - x) ≤ R.halfUlp x) {Γ Δ : List (List Nat)} (g : RevGraph K Γ Δ)
    {xs' xs eps : Tensors K Γ} {cs' cs : Cotangents K Δ} {epsδ : Tensors K Δ}
    (hx : Tensors.Within xs' xs eps) (hδ : Cotangents.Within cs' cs epsδ) :
    Tensors.Within (g.backprop exactNet xs' cs') (g.backprop (roundedNet R) xs cs)
      (g.backpropBound R xs eps cs epsδ) :=
  g.backprop_approx ⟨lawful⟩ hx hδ

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

/-- Whatever tree of additions sums the terms of an entry of a contraction, in whatever order and
with whatever relative and absolute errors of its operations,
|computed − exact| ≤ Σ |terms|·(∏ over the path (1 + u) − 1) + underflow. -/
theorem any_order {K : Type u} [OrderedField K] (c : Contraction Int) (h : c.addends = [])
    (fs : c.Factors K) (as : c.Addends K) (o : List Nat) {t : SumTree K} {v : K} (ht : t.Nonneg)
    (hv : t.Computes v) (hperm : t.leaves.Perm (c.terms fs o)) :
    abs (v - c.evalAt exact fs as o) ≤ t.bound :=
  c.any_order h fs as o ht hv hperm

/-- The kernel gradient by a kernel that sums products in whatever order. The kernel multiplies xr
and δr, such as x and δ rounded to TF32; they and the exact operands x′ and δ′ are together within
a·|x| + α of x and b·|δ| + β of δ. Each of its operations errs by at most u·|its exact result| + η,
and the sum is rounded once more, with w and ω. Then |computed − exact| ≤
product·Σ|x||δ| + first·Σ|x| + second·Σ|δ| + constant, with coefficients of these errors alone. -/
theorem kernel_any_order {K : Type u} [OrderedField K] (g : Conv2d) {e : Errors K} (he : e.Valid)
    {x' xr x : Tensor K g.inputShape} {δ' δr δ : Tensor K g.outputShape}
    (hx : ∀ i, abs (xr.get i - x.get i) + abs (x'.get i - x.get i) ≤
      e.firstRelative * abs (x.get i) + e.firstAbsolute)
    (hδ : ∀ i, abs (δr.get i - δ.get i) + abs (δ'.get i - δ.get i) ≤
      e.secondRelative * abs (δ.get i) + e.secondAbsolute)
    {i : Index g.kernelShape} {v : K}
    (hv : e.Computes ((conv2dKernelGrad g.sizes).terms (xr, δr, ⟨⟩)
      (outIndices (conv2dKernelGrad g.sizes).out i)) v) :
    abs (v - (conv2d_backward_spec g x' 0 δ').kernel.get i) ≤
      e.productCoefficient * (conv2dKernelDeriv exact g (x.map abs) (δ.map abs)).get i +
      e.firstCoefficient * (conv2dKernelDeriv exact g (x.map abs) (δ.map fun _ => 1)).get i +
      e.secondCoefficient * (conv2dKernelDeriv exact g (x.map fun _ => 1) (δ.map abs)).get i +
      e.constantCoefficient :=
  conv2d_kernel_any_order g he hδ hx hv

/-- The same of a kernel in binary formats: operands within ε of the exact ones, rounded to the
format `q`, if any, at most n products summed in the format `f`, in whatever order, fused or not and
with whatever zeros, and the sum rounded to the format `h`, if any. The formats say all. -/
theorem kernel_formats (g : Conv2d) (f : Format) (q h : Option Format) {n : Nat} {εx εδ : Rat}
    (hn : count n * f.unitRoundoff < 1) {s : Schedule} (hs : s.InFormat f) (hεx : 0 ≤ εx)
    (hεδ : 0 ≤ εδ) {x' x : Tensor Rat g.inputShape} (hx : ∀ i, abs (x.get i - x'.get i) ≤ εx)
    {δ' δ : Tensor Rat g.outputShape} (hδ : ∀ i, abs (δ.get i - δ'.get i) ≤ εδ)
    {i : Index g.kernelShape} {ts : List Rat}
    (hts : (conv2dKernelGrad g.sizes).terms (x.map (Format.roundTo q), δ.map (Format.roundTo q), ⟨⟩)
      (outIndices (conv2dKernelGrad g.sizes).out i) = ts)
    (hsum : s.tree.Sums ts) (hlen : ts.length ≤ n) {e : Errors Rat}
    (he : e = f.kernelErrors q h n εx εδ) :
    abs (Format.roundTo h s.run - (conv2d_backward_spec g x' 0 δ').kernel.get i) ≤
      e.productCoefficient * (conv2dKernelDeriv exact g (x.map abs) (δ.map abs)).get i +
      e.firstCoefficient * (conv2dKernelDeriv exact g (x.map abs) (δ.map fun _ => 1)).get i +
      e.secondCoefficient * (conv2dKernelDeriv exact g (x.map fun _ => 1) (δ.map abs)).get i +
      e.constantCoefficient :=
  conv2d_kernel_formats g hn hs hεx hεδ hx hδ hts hsum hlen he

/-- Whatever computed g: where g′ is known to be within B of the exact value, g is within
|g − g′| + B of it. -/
theorem enclosure {K : Type u} [OrderedField K] {g g' exact B : K} (h : abs (g' - exact) ≤ B) :
    abs (g - exact) ≤ abs (g - g') + B :=
  RuntimeApprox.enclosure h

/-- A sum of nonnegative terms, computed in whatever order with at most n operations on a path and 2n
in all: exact ≤ (computed + (1 + γₙ)·2n·η) / (1 − n·u). -/
theorem exact_le {K : Type u} [OrderedField K] {e : Errors K} {n : Nat} {t : SumTree K} {v : K}
    (hv : t.Computes v) (ht : t.Nonneg) (hw : t.Within e.roundoff e.underflow)
    (h0 : ∀ x ∈ t.leaves, 0 ≤ x) (hn : e.terms = count n) (hd : t.depth ≤ n)
    (ho : t.operations ≤ 2 * n) (hu : 0 ≤ e.roundoff) (hη : 0 ≤ e.underflow)
    (h : e.terms * e.roundoff < 1) : t.exact ≤ (v + e.residue) * e.inflation :=
  e.exact_le hv ht hw h0 hn hd ho hu hη h

/-- A bound Σ C·M + c that is computed as v, from computed magnitudes M̂ and larger coefficients C′ and
c′, is at most v. -/
theorem le_computed {K : Type u} [OrderedField K] {J ρ c c' v : K} (hJ : 0 < J)
    {ms : List (Measured K)} (h : ∀ m ∈ ms, m.Holds J)
    (hc : (c + sumList (ms.map fun m => m.coefficient * m.inflation * m.residue) + ρ) * J ≤ c')
    (hv : sumList (ms.map fun m => m.inflated * m.computed) + c' ≤ (v + ρ) * J) :
    sumList (ms.map fun m => m.coefficient * m.magnitude) + c ≤ v :=
  Measured.le_computed hJ h hc hv

/-! ### The replay -/

/-- The point bound of the kernel gradient from what the machine computes. Each sum and each product
that is rounded, s, is charged with a number b of its own, for which halfUlp s ≤ u·b + κ, such as the
binade of s. With n terms, bound ≤ u·Σ b + ε_δ·Σ|x| + ε_x·Σ|δ| + n·(ε_x·ε_δ + 2·κ). -/
theorem replay (f : Format) (g : Conv2d) {κ : Rat} (hκ : 0 ≤ κ) (x : Tensor Rat g.inputShape)
    (epsX : Rat) (δ : Tensor Rat g.outputShape) (epsδ : Rat) (i : Index g.kernelShape)
    {bs cs : List Rat}
    (hs : f.Charges κ (Contraction.sums f.rounding (conv2dKernelGrad g.sizes) (x, δ, ⟨⟩) ⟨⟩
      (outIndices (conv2dKernelGrad g.sizes).out i)) bs)
    (hp : f.Charges κ (Contraction.termsIn exact (conv2dKernelGrad g.sizes) (x, δ, ⟨⟩)
      (outIndices (conv2dKernelGrad g.sizes).out i)) cs) {n : Nat}
    (hn : (Contraction.termsIn exact (conv2dKernelGrad g.sizes) (x, δ, ⟨⟩)
      (outIndices (conv2dKernelGrad g.sizes).out i)).length = n) :
    conv2dKernelPointBound f.rounding g x epsX δ epsδ i ≤
      f.unitRoundoff * sumList (bs ++ cs) +
        epsδ * sumList (Contraction.termsIn exact (conv2dKernelGrad g.sizes)
          (x.map abs, δ.map fun _ => 1, ⟨⟩) (outIndices (conv2dKernelGrad g.sizes).out i)) +
        epsX * sumList (Contraction.termsIn exact (conv2dKernelGrad g.sizes)
          (x.map fun _ => 1, δ.map abs, ⟨⟩) (outIndices (conv2dKernelGrad g.sizes).out i)) +
        replayConstant (n : Rat) epsX epsδ κ :=
  conv2dKernelPointBound_le_replay g hκ x epsX δ epsδ i hs hp hn

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
value is within its bound of the exact entry, for all exact operands within eps of the given
ones. -/
theorem certificate {f : Format} {g : Conv2d} {claims : List Claim}
    {x : Tensor Ball g.inputShape} {δ : Tensor Ball g.outputShape} {x' : Tensor Rat g.inputShape}
    {δ' : Tensor Rat g.outputShape}
    (h : Certified (conv2dKernelDeriv (checked f) g (x.map Ball.checked) (δ.map Ball.checked))
      claims)
    (hx : ∀ i, abs ((x.get i).value.toRat - x'.get i) ≤ (x.get i).eps.toRat)
    (hδ : ∀ i, abs ((δ.get i).value.toRat - δ'.get i) ≤ (δ.get i).eps.toRat) :
    ∀ c ∈ claims, ∃ i, Index.ofList g.kernelShape c.place = some i ∧
      abs (c.value.toRat - (conv2dKernelDeriv exact g x' δ').get i) ≤ c.bound.toRat :=
  h.within_kernel hx hδ

end RuntimeApprox.Statements
