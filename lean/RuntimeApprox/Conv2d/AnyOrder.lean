module

public import RuntimeApprox.Conv2d.Theorems
public import RuntimeApprox.Summation.Format

/-!
# conv2d and its gradients, computed in any order

Corollaries of the estimates of contractions, for every geometry. In all of them x are the given
operands, x′ the exact ones and xr those that the kernel multiplies, such as x rounded to TF32; the
distances of x′ and xr from x are together at most a·|x| + α. The terms of an entry, those that are
not padding, are added in any order and by any tree. `|x|` is `x.map abs`, and the contraction of
ones counts terms.

## Main results
* `conv2d_any_order`, `conv2d_bias_any_order`, `conv2d_kernel_any_order`, `conv2d_input_any_order`:
  |computed − exact| ≤ product·Σ|x||y| + first·Σ|x| + second·Σ|y| + constant.
* `conv2d_bias_count`, `conv2d_kernel_count`, `conv2d_input_count`: the number of terms of an entry.
* `conv2d_enclosure`, `conv2d_bias_enclosure`, `conv2d_kernel_enclosure`, `conv2d_input_enclosure`:
  for any values whatever, the distance from a reference computed in any order, and the reference's
  own estimate.
* `conv2d_formats`, `conv2d_bias_formats`, `conv2d_kernel_formats`, `conv2d_input_formats`: in
  binary formats, with coefficients from the formats alone.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K] (g : Conv2d) {e : Errors K}

/-- The number of terms of an entry of the bias gradient is the contraction of ones. -/
theorem conv2d_bias_count (δ : Tensor K g.outputShape) (i : Index g.biasShape) :
    (count ((conv2dBiasGrad g.sizes).terms (δ, ⟨⟩)
        (outIndices (conv2dBiasGrad g.sizes).out i)).length : K) =
      (conv2dBiasDeriv exact g (δ.map fun _ => 1)).get i :=
  (conv2dBiasGrad g.sizes).count_get (δ, ⟨⟩) ⟨⟩ i

/-- The number of terms of an entry of the kernel gradient is the contraction of ones. -/
theorem conv2d_kernel_count (x : Tensor K g.inputShape) (δ : Tensor K g.outputShape)
    (i : Index g.kernelShape) :
    (count ((conv2dKernelGrad g.sizes).terms (x, δ, ⟨⟩)
        (outIndices (conv2dKernelGrad g.sizes).out i)).length : K) =
      (conv2dKernelDeriv exact g (x.map fun _ => 1) (δ.map fun _ => 1)).get i :=
  (conv2dKernelGrad g.sizes).count_get (x, δ, ⟨⟩) ⟨⟩ i

/-- The number of terms of an entry of the input gradient is the contraction of ones. -/
theorem conv2d_input_count (weight : Tensor K g.kernelShape) (δ : Tensor K g.outputShape)
    (i : Index g.inputShape) :
    (count ((conv2dInputGrad g.sizes).terms (weight, δ, ⟨⟩)
        (outIndices (conv2dInputGrad g.sizes).out i)).length : K) =
      (conv2dInputDeriv exact g (weight.map fun _ => 1) (δ.map fun _ => 1)).get i :=
  (conv2dInputGrad g.sizes).count_get (weight, δ, ⟨⟩) ⟨⟩ i

/-- The forward pass in any order, with a bias that is within κ:
|computed − exact| ≤ product·(Σ|x||w| + |b|) + first·Σ|x| + second·Σ|w| + constant + growth·κ. -/
theorem conv2d_any_order (he : e.Valid) {x' xr x : Tensor K g.inputShape}
    {weight' weightr weight : Tensor K g.kernelShape}
    {bias' biasr bias : Tensor K g.biasShape} {κ : K}
    (hx : ∀ i, abs (xr.get i - x.get i) + abs (x'.get i - x.get i) ≤
      e.firstRelative * abs (x.get i) + e.firstAbsolute)
    (hw : ∀ i, abs (weightr.get i - weight.get i) + abs (weight'.get i - weight.get i) ≤
      e.secondRelative * abs (weight.get i) + e.secondAbsolute)
    (hb : ∀ i, abs (biasr.get i - bias.get i) + abs (bias'.get i - bias.get i) ≤ κ) (hκ : 0 ≤ κ)
    {i : Index g.outputShape} {v : K}
    (hv : e.Computes ((conv2dForward g.sizes).summands (xr, weightr, ⟨⟩) (biasr, ⟨⟩)
      (outIndices (conv2dForward g.sizes).out i)) v) :
    abs (v - (conv2d exact g x' weight' bias').get i) ≤
      e.productCoefficient * (conv2d exact g (x.map abs) (weight.map abs) (bias.map abs)).get i +
      e.firstCoefficient * (conv2d exact g (x.map abs) (weight.map fun _ => 1) 0).get i +
      e.secondCoefficient * (conv2d exact g (x.map fun _ => 1) (weight.map abs) 0).get i +
      e.constantCoefficient + e.growth * κ :=
  Contraction.any_order_estimate_bias he (hv.near he) hx hw hb hκ

section
variable (he : e.Valid) {δ' δr δ : Tensor K g.outputShape}
  (hδ : ∀ i, abs (δr.get i - δ.get i) + abs (δ'.get i - δ.get i) ≤
    e.secondRelative * abs (δ.get i) + e.secondAbsolute)
include he hδ

/-- The bias gradient in any order:
|computed − exact| ≤ product·Σ|δ| + first·n + constant. -/
theorem conv2d_bias_any_order {i : Index g.biasShape} {v : K}
    (hv : e.Computes ((conv2dBiasGrad g.sizes).terms (δr, ⟨⟩)
      (outIndices (conv2dBiasGrad g.sizes).out i)) v) :
    abs (v - (conv2dBiasDeriv exact g δ').get i) ≤
      e.productCoefficient * (conv2dBiasDeriv exact g (δ.map abs)).get i +
      e.firstCoefficient * (conv2dBiasDeriv exact g (δ.map fun _ => 1)).get i +
      e.constantCoefficient :=
  Contraction.any_order_estimate_one he (hv.near he) hδ

/-- The kernel gradient in any order:
|computed − exact| ≤ product·Σ|x||δ| + first·Σ|x| + second·Σ|δ| + constant. -/
theorem conv2d_kernel_any_order {x' xr x : Tensor K g.inputShape}
    (hx : ∀ i, abs (xr.get i - x.get i) + abs (x'.get i - x.get i) ≤
      e.firstRelative * abs (x.get i) + e.firstAbsolute) {i : Index g.kernelShape} {v : K}
    (hv : e.Computes ((conv2dKernelGrad g.sizes).terms (xr, δr, ⟨⟩)
      (outIndices (conv2dKernelGrad g.sizes).out i)) v) :
    abs (v - (conv2dKernelDeriv exact g x' δ').get i) ≤
      e.productCoefficient * (conv2dKernelDeriv exact g (x.map abs) (δ.map abs)).get i +
      e.firstCoefficient * (conv2dKernelDeriv exact g (x.map abs) (δ.map fun _ => 1)).get i +
      e.secondCoefficient * (conv2dKernelDeriv exact g (x.map fun _ => 1) (δ.map abs)).get i +
      e.constantCoefficient :=
  Contraction.any_order_estimate_two he (hv.near he) hx hδ

/-- The input gradient in any order:
|computed − exact| ≤ product·Σ|w||δ| + first·Σ|w| + second·Σ|δ| + constant. -/
theorem conv2d_input_any_order {weight' weightr weight : Tensor K g.kernelShape}
    (hw : ∀ i, abs (weightr.get i - weight.get i) + abs (weight'.get i - weight.get i) ≤
      e.firstRelative * abs (weight.get i) + e.firstAbsolute) {i : Index g.inputShape} {v : K}
    (hv : e.Computes ((conv2dInputGrad g.sizes).terms (weightr, δr, ⟨⟩)
      (outIndices (conv2dInputGrad g.sizes).out i)) v) :
    abs (v - (conv2dInputDeriv exact g weight' δ').get i) ≤
      e.productCoefficient * (conv2dInputDeriv exact g (weight.map abs) (δ.map abs)).get i +
      e.firstCoefficient * (conv2dInputDeriv exact g (weight.map abs) (δ.map fun _ => 1)).get i +
      e.secondCoefficient * (conv2dInputDeriv exact g (weight.map fun _ => 1) (δ.map abs)).get i +
      e.constantCoefficient :=
  Contraction.any_order_estimate_two he (hv.near he) hw hδ

/-! ### Enclosures

`w` is any value whatever, `v` a reference that is computed in any order, as in binary64 by a matrix
product; its estimate is small, and all that is assumed is assumed of it. -/

omit he hδ in
/-- The forward pass: |w − exact| ≤ |w − v| + the estimate of v. -/
theorem conv2d_enclosure (he : e.Valid) {x' xr x : Tensor K g.inputShape}
    {weight' weightr weight : Tensor K g.kernelShape}
    {bias' biasr bias : Tensor K g.biasShape} {κ : K}
    (hx : ∀ i, abs (xr.get i - x.get i) + abs (x'.get i - x.get i) ≤
      e.firstRelative * abs (x.get i) + e.firstAbsolute)
    (hw : ∀ i, abs (weightr.get i - weight.get i) + abs (weight'.get i - weight.get i) ≤
      e.secondRelative * abs (weight.get i) + e.secondAbsolute)
    (hb : ∀ i, abs (biasr.get i - bias.get i) + abs (bias'.get i - bias.get i) ≤ κ) (hκ : 0 ≤ κ)
    {i : Index g.outputShape} {v : K}
    (hv : e.Computes ((conv2dForward g.sizes).summands (xr, weightr, ⟨⟩) (biasr, ⟨⟩)
      (outIndices (conv2dForward g.sizes).out i)) v) (w : K) :
    abs (w - (conv2d exact g x' weight' bias').get i) ≤ abs (w - v) +
      (e.productCoefficient * (conv2d exact g (x.map abs) (weight.map abs) (bias.map abs)).get i +
      e.firstCoefficient * (conv2d exact g (x.map abs) (weight.map fun _ => 1) 0).get i +
      e.secondCoefficient * (conv2d exact g (x.map fun _ => 1) (weight.map abs) 0).get i +
      e.constantCoefficient + e.growth * κ) :=
  enclosure (conv2d_any_order g he hx hw hb hκ hv)

/-- The bias gradient: |w − exact| ≤ |w − v| + the estimate of v. -/
theorem conv2d_bias_enclosure {i : Index g.biasShape} {v : K}
    (hv : e.Computes ((conv2dBiasGrad g.sizes).terms (δr, ⟨⟩)
      (outIndices (conv2dBiasGrad g.sizes).out i)) v) (w : K) :
    abs (w - (conv2dBiasDeriv exact g δ').get i) ≤ abs (w - v) +
      (e.productCoefficient * (conv2dBiasDeriv exact g (δ.map abs)).get i +
      e.firstCoefficient * (conv2dBiasDeriv exact g (δ.map fun _ => 1)).get i +
      e.constantCoefficient) :=
  enclosure (conv2d_bias_any_order g he hδ hv)

/-- The kernel gradient: |w − exact| ≤ |w − v| + the estimate of v. -/
theorem conv2d_kernel_enclosure {x' xr x : Tensor K g.inputShape}
    (hx : ∀ i, abs (xr.get i - x.get i) + abs (x'.get i - x.get i) ≤
      e.firstRelative * abs (x.get i) + e.firstAbsolute) {i : Index g.kernelShape} {v : K}
    (hv : e.Computes ((conv2dKernelGrad g.sizes).terms (xr, δr, ⟨⟩)
      (outIndices (conv2dKernelGrad g.sizes).out i)) v) (w : K) :
    abs (w - (conv2dKernelDeriv exact g x' δ').get i) ≤ abs (w - v) +
      (e.productCoefficient * (conv2dKernelDeriv exact g (x.map abs) (δ.map abs)).get i +
      e.firstCoefficient * (conv2dKernelDeriv exact g (x.map abs) (δ.map fun _ => 1)).get i +
      e.secondCoefficient * (conv2dKernelDeriv exact g (x.map fun _ => 1) (δ.map abs)).get i +
      e.constantCoefficient) :=
  enclosure (conv2d_kernel_any_order g he hδ hx hv)

/-- The input gradient: |w − exact| ≤ |w − v| + the estimate of v. -/
theorem conv2d_input_enclosure {weight' weightr weight : Tensor K g.kernelShape}
    (hw : ∀ i, abs (weightr.get i - weight.get i) + abs (weight'.get i - weight.get i) ≤
      e.firstRelative * abs (weight.get i) + e.firstAbsolute) {i : Index g.inputShape} {v : K}
    (hv : e.Computes ((conv2dInputGrad g.sizes).terms (weightr, δr, ⟨⟩)
      (outIndices (conv2dInputGrad g.sizes).out i)) v) (w : K) :
    abs (w - (conv2dInputDeriv exact g weight' δ').get i) ≤ abs (w - v) +
      (e.productCoefficient * (conv2dInputDeriv exact g (weight.map abs) (δ.map abs)).get i +
      e.firstCoefficient * (conv2dInputDeriv exact g (weight.map abs) (δ.map fun _ => 1)).get i +
      e.secondCoefficient * (conv2dInputDeriv exact g (weight.map fun _ => 1) (δ.map abs)).get i +
      e.constantCoefficient) :=
  enclosure (conv2d_input_any_order g he hδ hw hv)

end

/-! ### Binary formats

The kernel rounds its operands, of errors ε, to the format `q`, adds up their products in the format
`f`, in any order, fused or not, and rounds the result to the format `h`; `q` and `h` may be
missing. All coefficients are those of the formats. -/

section
variable {f : Format} {q h : Option Format} {n : Nat} {s : Schedule} {εx εy : Rat}
  (hn : count n * f.unitRoundoff < 1) (hs : s.InFormat f)
include hn hs

/-- The bias gradient. -/
theorem conv2d_bias_formats (hεy : 0 ≤ εy) {δ' δ : Tensor Rat g.outputShape}
    (hδ : ∀ i, abs (δ.get i - δ'.get i) ≤ εy) {i : Index g.biasShape} {ts : List Rat}
    (hts : (conv2dBiasGrad g.sizes).terms (δ.map (Format.roundTo q), ⟨⟩)
      (outIndices (conv2dBiasGrad g.sizes).out i) = ts)
    (hsum : s.tree.Sums ts) (hlen : ts.length ≤ n) {e : Errors Rat}
    (he : e = f.kernelErrors q h n 0 εy) :
    abs (Format.roundTo h s.run - (conv2dBiasDeriv exact g δ').get i) ≤
      e.productCoefficient * (conv2dBiasDeriv exact g (δ.map abs)).get i +
      e.firstCoefficient * (conv2dBiasDeriv exact g (δ.map fun _ => 1)).get i +
      e.constantCoefficient := by
  have hv := Format.kernelErrors_valid (q := q) (h := h) hn (Rat.le_refl (a := 0)) hεy
  subst he hts
  exact conv2d_bias_any_order g hv (Format.abs_roundTo_add_le q hδ) (s.errors_computes hs hsum hlen hv)

/-- The kernel gradient. -/
theorem conv2d_kernel_formats (hεx : 0 ≤ εx) (hεy : 0 ≤ εy) {x' x : Tensor Rat g.inputShape}
    (hx : ∀ i, abs (x.get i - x'.get i) ≤ εx) {δ' δ : Tensor Rat g.outputShape}
    (hδ : ∀ i, abs (δ.get i - δ'.get i) ≤ εy) {i : Index g.kernelShape} {ts : List Rat}
    (hts : (conv2dKernelGrad g.sizes).terms (x.map (Format.roundTo q), δ.map (Format.roundTo q), ⟨⟩)
      (outIndices (conv2dKernelGrad g.sizes).out i) = ts)
    (hsum : s.tree.Sums ts) (hlen : ts.length ≤ n) {e : Errors Rat}
    (he : e = f.kernelErrors q h n εx εy) :
    abs (Format.roundTo h s.run - (conv2dKernelDeriv exact g x' δ').get i) ≤
      e.productCoefficient * (conv2dKernelDeriv exact g (x.map abs) (δ.map abs)).get i +
      e.firstCoefficient * (conv2dKernelDeriv exact g (x.map abs) (δ.map fun _ => 1)).get i +
      e.secondCoefficient * (conv2dKernelDeriv exact g (x.map fun _ => 1) (δ.map abs)).get i +
      e.constantCoefficient := by
  have hv := Format.kernelErrors_valid (q := q) (h := h) hn hεx hεy
  subst he hts
  exact conv2d_kernel_any_order g hv (Format.abs_roundTo_add_le q hδ)
    (Format.abs_roundTo_add_le q hx) (s.errors_computes hs hsum hlen hv)

/-- The input gradient. -/
theorem conv2d_input_formats (hεx : 0 ≤ εx) (hεy : 0 ≤ εy) {w' w : Tensor Rat g.kernelShape}
    (hx : ∀ i, abs (w.get i - w'.get i) ≤ εx) {δ' δ : Tensor Rat g.outputShape}
    (hδ : ∀ i, abs (δ.get i - δ'.get i) ≤ εy) {i : Index g.inputShape} {ts : List Rat}
    (hts : (conv2dInputGrad g.sizes).terms (w.map (Format.roundTo q), δ.map (Format.roundTo q), ⟨⟩)
      (outIndices (conv2dInputGrad g.sizes).out i) = ts)
    (hsum : s.tree.Sums ts) (hlen : ts.length ≤ n) {e : Errors Rat}
    (he : e = f.kernelErrors q h n εx εy) :
    abs (Format.roundTo h s.run - (conv2dInputDeriv exact g w' δ').get i) ≤
      e.productCoefficient * (conv2dInputDeriv exact g (w.map abs) (δ.map abs)).get i +
      e.firstCoefficient * (conv2dInputDeriv exact g (w.map abs) (δ.map fun _ => 1)).get i +
      e.secondCoefficient * (conv2dInputDeriv exact g (w.map fun _ => 1) (δ.map abs)).get i +
      e.constantCoefficient := by
  have hv := Format.kernelErrors_valid (q := q) (h := h) hn hεx hεy
  subst he hts
  exact conv2d_input_any_order g hv (Format.abs_roundTo_add_le q hδ)
    (Format.abs_roundTo_add_le q hx) (s.errors_computes hs hsum hlen hv)

/-- The forward pass; the bias is rounded as well where it is of another format than `f`. -/
theorem conv2d_formats (hεx : 0 ≤ εx) (hεy : 0 ≤ εy) {x' x : Tensor Rat g.inputShape}
    (hx : ∀ i, abs (x.get i - x'.get i) ≤ εx) {w' w : Tensor Rat g.kernelShape}
    (hw : ∀ i, abs (w.get i - w'.get i) ≤ εy) {b' br b : Tensor Rat g.biasShape} {κ : Rat}
    (hb : ∀ i, abs (br.get i - b.get i) + abs (b'.get i - b.get i) ≤ κ) (hκ : 0 ≤ κ)
    {i : Index g.outputShape} {ts : List Rat}
    (hts : (conv2dForward g.sizes).summands (x.map (Format.roundTo q), w.map (Format.roundTo q), ⟨⟩)
      (br, ⟨⟩) (outIndices (conv2dForward g.sizes).out i) = ts)
    (hsum : s.tree.Sums ts) (hlen : ts.length ≤ n) {e : Errors Rat}
    (he : e = f.kernelErrors q h n εx εy) :
    abs (Format.roundTo h s.run - (conv2d exact g x' w' b').get i) ≤
      e.productCoefficient * (conv2d exact g (x.map abs) (w.map abs) (b.map abs)).get i +
      e.firstCoefficient * (conv2d exact g (x.map abs) (w.map fun _ => 1) 0).get i +
      e.secondCoefficient * (conv2d exact g (x.map fun _ => 1) (w.map abs) 0).get i +
      e.constantCoefficient + e.growth * κ := by
  have hv := Format.kernelErrors_valid (q := q) (h := h) hn hεx hεy
  subst he hts
  exact conv2d_any_order g hv (Format.abs_roundTo_add_le q hx) (Format.abs_roundTo_add_le q hw) hb hκ
    (s.errors_computes hs hsum hlen hv)

end

end RuntimeApprox
