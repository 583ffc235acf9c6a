module

public import RuntimeApprox.Nodes.Conv2d
public import RuntimeApprox.Nodes.Linear
public import RuntimeApprox.Nodes.Entrywise

/-!
# A network

conv → relu → conv → flatten → linear, with the shapes as variables.

## Main definitions
* `SmallNet`: the geometries, of which the second fits the first.
* `SmallNet.graph`: the network as a graph over its input and its parameters.
* `SmallNet.output`, `SmallNet.gradients`: both passes, in any arithmetic.
* `SmallNet.outputBound`, `SmallNet.gradientBounds`: the errors of both, an eps for every entry.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

/-- The shapes of a network conv → relu → conv → flatten → linear. -/
structure SmallNet where
  /-- The first convolution. -/
  first : Conv2d
  /-- The second convolution. -/
  second : Conv2d
  /-- The number of output features of the linear layer. -/
  outFeatures : Nat
  /-- The second convolution's input is the first one's output. -/
  fits : first.outputShape = second.inputShape

namespace SmallNet

variable (net : SmallNet)

/-- The shape of one image's part of the second convolution's output. -/
abbrev featureShape : List Nat :=
  [net.second.groups * net.second.outChannels, net.second.height.output, net.second.width.output]

/-- The linear layer, of which the input rows are the flattened outputs of the second convolution. -/
abbrev linear : Linear := ⟨net.second.batch, prod net.featureShape, net.outFeatures⟩

/-- The input, and the parameters of the three layers in their order, each with weight and bias. -/
abbrev context : List (List Nat) :=
  [net.first.inputShape, net.first.kernelShape, net.first.biasShape, net.second.kernelShape,
    net.second.biasShape, net.linear.weightShape, net.linear.biasShape]

/-- The context, extended by the tensors of the nodes before the last one, the last one first. -/
abbrev hidden : List (List Nat) :=
  net.linear.inputShape :: net.second.outputShape :: net.first.outputShape ::
    net.first.outputShape :: net.context

/-- The network as a graph. -/
def graph (K : Type u) [OrderedField K] :
    RevGraph (ParametricNode K) net.context (net.linear.outputShape :: net.hidden) :=
  let conv := RevGraph.nil.snoc (conv2dNode K net.first)
    (.cons .zero (.cons (.succ .zero) (.cons (.succ (.succ .zero)) .nil)))
  let relu := conv.snoc (reluNode K net.first.outputShape) (.cons .zero .nil)
  let conv' := relu.snoc (conv2dNode K net.second)
    (.cons (Var.cast net.fits .zero) (.cons (.succ (.succ (.succ (.succ (.succ .zero)))))
      (.cons (.succ (.succ (.succ (.succ (.succ (.succ .zero)))))) .nil)))
  let flat := conv'.snoc (flattenNode K net.second.batch net.featureShape) (.cons .zero .nil)
  flat.snoc (linearNode K net.linear)
    (.cons .zero (.cons (.succ (.succ (.succ (.succ (.succ (.succ (.succ (.succ (.succ .zero)))))))))
      (.cons (.succ (.succ (.succ (.succ (.succ (.succ (.succ (.succ (.succ (.succ .zero))))))))))
        .nil)))

variable {K : Type u} [OrderedField K]

/-- The output at the input and the parameters `xs`, in any arithmetic. -/
def output {α : Type u} (A : NetArithmetic K α) (xs : Tensors α net.context) :
    Tensor α net.linear.outputShape :=
  ((net.graph K).eval A.pass xs).1

/-- The gradients with respect to the input and the parameters, from that with respect to the
output, in any arithmetic. -/
def gradients {α : Type u} (A : NetArithmetic K α) (xs : Tensors α net.context)
    (δ : Tensor α net.linear.outputShape) : Tensors α net.context :=
  (net.graph K).gradient A.pass xs δ

variable (R : Rounding K)

/-- The errors of the output, an eps for every entry. -/
def outputBound (xs eps : Tensors K net.context) : Tensor K net.linear.outputShape :=
  (net.output (boundNet R) (xs.pairs eps)).eps

/-- The errors of the gradients, an eps for every entry. -/
def gradientBounds (xs eps : Tensors K net.context) (δ epsδ : Tensor K net.linear.outputShape) :
    Tensors K net.context :=
  (net.gradients (boundNet R) (xs.pairs eps) (δ.pairs epsδ)).eps

end SmallNet

end RuntimeApprox
