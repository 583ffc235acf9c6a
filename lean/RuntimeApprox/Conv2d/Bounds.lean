module

public import RuntimeApprox.Conv2d

/-!
# Error bounds of conv2d and its gradients

Each bound replays the rounded sum in the arithmetic of error laws. Every operand comes with the
eps within which its exact entries lie of the given ones.

## Main definitions
* `conv2dPointBound`, `conv2dBiasPointBound`, `conv2dKernelPointBound`, `conv2dInputPointBound`:
  the bound of one entry.
* `conv2dBoundTensor`, `conv2dBiasBoundTensor`, `conv2dKernelBoundTensor`,
  `conv2dInputBoundTensor`: the bounds of all entries.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K] (R : Rounding K) (g : Conv2d)

/-- Every entry with the same eps. -/
def Tensor.withEps {s : List Nat} (t : Tensor K s) (eps : K) : Tensor (Approx K) s :=
  t.map fun v => ⟨v, eps⟩

/-- The bound of an entry of the forward pass. -/
def conv2dPointBound (x : Tensor K g.inputShape) (epsX : K) (weight : Tensor K g.kernelShape)
    (epsW : K) (bias : Tensor K g.biasShape) (epsB : K) (i : Index g.outputShape) : K :=
  ((conv2dForward g.sizes).evalAt (bound R) (x.withEps epsX, weight.withEps epsW, ⟨⟩)
    (bias.withEps epsB, ⟨⟩) (outIndices (conv2dForward g.sizes).out i)).eps

/-- The bound of an entry of the bias gradient. -/
def conv2dBiasPointBound (δ : Tensor K g.outputShape) (epsδ : K) (i : Index g.biasShape) : K :=
  ((conv2dBiasGrad g.sizes).evalAt (bound R) (δ.withEps epsδ, ⟨⟩) ⟨⟩
    (outIndices (conv2dBiasGrad g.sizes).out i)).eps

/-- The bound of an entry of the kernel gradient. -/
def conv2dKernelPointBound (x : Tensor K g.inputShape) (epsX : K) (δ : Tensor K g.outputShape)
    (epsδ : K) (i : Index g.kernelShape) : K :=
  ((conv2dKernelGrad g.sizes).evalAt (bound R) (x.withEps epsX, δ.withEps epsδ, ⟨⟩) ⟨⟩
    (outIndices (conv2dKernelGrad g.sizes).out i)).eps

/-- The bound of an entry of the input gradient. -/
def conv2dInputPointBound (weight : Tensor K g.kernelShape) (epsW : K)
    (δ : Tensor K g.outputShape) (epsδ : K) (i : Index g.inputShape) : K :=
  ((conv2dInputGrad g.sizes).evalAt (bound R) (weight.withEps epsW, δ.withEps epsδ, ⟨⟩) ⟨⟩
    (outIndices (conv2dInputGrad g.sizes).out i)).eps

/-- The bounds of all entries of the forward pass. -/
def conv2dBoundTensor (x : Tensor K g.inputShape) (epsX : K) (weight : Tensor K g.kernelShape)
    (epsW : K) (bias : Tensor K g.biasShape) (epsB : K) : Tensor K g.outputShape :=
  Tensor.ofFn _ (conv2dPointBound R g x epsX weight epsW bias epsB)

/-- The bounds of all entries of the bias gradient. -/
def conv2dBiasBoundTensor (δ : Tensor K g.outputShape) (epsδ : K) : Tensor K g.biasShape :=
  Tensor.ofFn _ (conv2dBiasPointBound R g δ epsδ)

/-- The bounds of all entries of the kernel gradient. -/
def conv2dKernelBoundTensor (x : Tensor K g.inputShape) (epsX : K) (δ : Tensor K g.outputShape)
    (epsδ : K) : Tensor K g.kernelShape :=
  Tensor.ofFn _ (conv2dKernelPointBound R g x epsX δ epsδ)

/-- The bounds of all entries of the input gradient. -/
def conv2dInputBoundTensor (weight : Tensor K g.kernelShape) (epsW : K)
    (δ : Tensor K g.outputShape) (epsδ : K) : Tensor K g.inputShape :=
  Tensor.ofFn _ (conv2dInputPointBound R g weight epsW δ epsδ)

end RuntimeApprox
