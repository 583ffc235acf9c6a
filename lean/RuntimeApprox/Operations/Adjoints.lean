module

public import RuntimeApprox.Operations.Gradients

/-!
# The gradients of the operations are their vector-Jacobian products

For any numbers and any number of axes or loops, as long as strides are positive. `Bilinear.expansion`,
`Adjoints.vjp`, `Adjoints.unique` and `Adjoints.derivative` hold of each.

## Main results
* `conv_bilinear`, `conv_adjoints`: convolutions.
* `convTranspose_bilinear`, `convTranspose_adjoints`: transposed convolutions.
* `multiply_bilinear`, `multiply_adjoints`: sums of products of two operands, and an addend.
* `sumPool_adjoint`, `avgPool_adjoint_scaled`: sums over windows, and their averages.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

open Contraction

universe u
variable {K : Type u} [OrderedField K]

/-! ### Convolutions -/

section
variable (s : Convolution Nat)

/-- A convolution is linear in input and kernel, and the bias is added. -/
theorem conv_bilinear : Bilinear (conv (α := K) exact s) :=
  (s.forward_shapes "x" "weight" ["bias"] (Nat.le_refl _)).bilinear

/-- The gradients of a convolution are its adjoints in input, kernel and bias. -/
theorem conv_adjoints (hs : ∀ a ∈ s.ints.axes, 0 < a.stride) : Adjoints (conv (α := K) exact s)
    (convInputDeriv exact s) (convKernelDeriv exact s) (convBiasDeriv exact s) where
  first _ _ _ := (convInputReorderedOf s.ints hs "x" "weight" "weight" "gradOutput" ["bias"]
    []).apply_adjoint _ _ rfl (Zeros.one _) nofun
  second _ _ _ := (convKernelReorderedOf s.ints "x" "weight" "x" "gradOutput"
    ["bias"]).apply_adjoint _ _ rfl (Zeros.one _) nofun
  addend b δ := (s.forward_shapes "x" "weight" ["bias"] (Nat.le_refl _)).addition_adjoint
    (convBiasReorderedOf s.ints "x" "weight" "bias") _ δ b

/-- A transposed convolution is linear in kernel and input, and the bias is added. -/
theorem convTranspose_bilinear : Bilinear (convTranspose (α := K) exact s) :=
  s.transposeForward_shapes.bilinear

/-- The gradients of a transposed convolution are its adjoints in kernel, input and bias. -/
theorem convTranspose_adjoints (hs : ∀ a ∈ s.ints.transposed.axes, 0 < a.stride) :
    Adjoints (convTranspose (α := K) exact s) (fun x δ => convTransposeKernelDeriv exact s δ x)
      (fun w δ => convTransposeInputDeriv exact s δ w) (convTransposeBiasDeriv exact s) :=
  have input (w : Tensor K s.transposed.kernelShape) (x : Tensor K s.transposed.outputShape)
      (δ : Tensor K s.transposed.inputShape) : x.dot (convTransposeInputDeriv exact s δ w) =
      δ.dot (convTranspose exact s w x 0) :=
    (convInputReorderedOf s.ints.transposed hs "gradOutput" "weight" "weight" "x" []
      ["bias"]).apply_adjoint _ _ rfl nofun (Zeros.one _)
  { first := fun w x δ => (input w x δ).symm.trans ((convKernelReorderedOf s.ints.transposed
      "gradOutput" "weight" "gradOutput" "x" []).apply_adjoint _ _ rfl nofun nofun)
    second := fun w x δ => (input w x δ).symm
    addend := fun b δ => s.transposeForward_shapes.addition_adjoint
      (convTransposeBiasReorderedOf s.ints "weight" "x" "bias") _ δ b }

end

/-! ### Sums of products -/

section
variable (loops : List (Loop Nat))

/-- A sum of products is linear in both factors, and the addend is added. -/
theorem multiply_bilinear : Bilinear (multiply (α := K) exact loops) :=
  (Loop.einsum_shapes loops).bilinear

/-- The gradients of a sum of products are its adjoints in both factors and the addend. -/
theorem multiply_adjoints : Adjoints (multiply (α := K) exact loops) (multiplyFirstDeriv exact loops)
    (multiplySecondDeriv exact loops) (multiplyAddendDeriv exact loops) where
  first _ _ _ := (einsumFirstReordered (intLoops loops)).apply_adjoint _ _ rfl (Zeros.one _) nofun
  second _ _ _ := (einsumSecondReordered (intLoops loops)).apply_adjoint _ _ rfl (Zeros.one _) nofun
  addend b δ := (Loop.einsum_shapes loops).addition_adjoint (einsumAddendReordered (intLoops loops)) _ δ b

end

/-! ### Sums over windows -/

section
variable {batch channels : Nat} {windows : List (Spatial Nat)}
  (hs : ∀ a ∈ intWindows windows, 0 < a.stride) (x : Tensor K (poolInputShape batch channels windows))
  (δ : Tensor K (poolOutputShape batch channels windows))
include hs

/-- The gradient of sums over windows is their adjoint: ⟨δ, pool(x)⟩ = ⟨x, ∂x⟩. -/
theorem sumPool_adjoint : δ.dot (sumPool exact x) = x.dot (sumPoolDeriv exact δ) :=
  (poolReordered batch channels (intWindows windows) hs).apply_adjoint _ _ rfl nofun nofun

/-- The gradient of average pooling is the gradient of the sums at the scaled δ, as the average is the
scaled sum: ⟨δ, a·pool(x)⟩ = ⟨x, ∂x(a·δ)⟩. -/
theorem avgPool_adjoint_scaled (a : K) :
    δ.dot (a • sumPool exact x) = x.dot (sumPoolDeriv exact (a • δ)) := by
  rw [← sumPool_adjoint hs, Tensor.dot_smul, Tensor.smul_dot]

end

end RuntimeApprox
