module

public import RuntimeApprox.Nodes
public import RuntimeApprox.Program

/-!
# A network

conv → relu → conv → flatten → linear, with the shapes as variables, and a small one in binary32 on
fixed rational data, none of them a number of the format: the machine's operands are the rounded ones,
each with its own eps, the error of its rounding. The report has, for the output and the gradient with
respect to the input and every parameter, the rounded values, the exact values and the bounds.

## Main definitions
* `SmallNet`: the geometries, of which the second fits the first.
* `SmallNet.graph`: the network as a graph over its input and its parameters.
* `SmallNet.output`, `SmallNet.gradients`: both passes, in any arithmetic.
* `SmallNet.outputBound`, `SmallNet.gradientBounds`: the errors of both, an eps for every entry.
* `reportNet`, `netReport`: the small network, and the lines of its results.
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

/-! ### The report -/

/-- A 3 × 3 convolution with stride 2 and padding 1 of an image of 2 channels and 5 × 5 pixels, a
2 × 2 convolution of 3 channels to 2, and a linear layer from 8 features to 3. -/
def reportNet : SmallNet where
  first := ⟨1, 1, 2, 3, ⟨5, 3, 2, 1, 1, 1, by decide, by decide, by decide, by decide⟩,
    ⟨5, 3, 2, 1, 1, 1, by decide, by decide, by decide, by decide⟩⟩
  second := ⟨1, 1, 3, 2, ⟨3, 2, 1, 0, 0, 1, by decide, by decide, by decide, by decide⟩,
    ⟨3, 2, 1, 0, 0, 1, by decide, by decide, by decide, by decide⟩⟩
  outFeatures := 3
  fits := rfl

/-- The entry at position k of tensor t: ((7·k² + 13·k + 5·t) mod 23 − 11) / 13. -/
def sample (t k : Nat) : Rat :=
  mkRat (Int.ofNat ((7 * k * k + 13 * k + 5 * t) % 23) - 11) 13

/-- Tensor number `t`. -/
def sampleTensor (t : Nat) (s : List Nat) : Tensor Rat s :=
  Tensor.ofFn s fun i => sample t i.toNat

/-- A tensor of each of the shapes, numbered from `t`. -/
def sampleTensors (t : Nat) : (Γ : List (List Nat)) → Tensors Rat Γ
  | [] => ⟨⟩
  | s :: Γ => (sampleTensor t s, sampleTensors (t + 1) Γ)

/-- The rounded number with the error of its rounding: (fl(x), |fl(x) − x|). -/
def Checked.rounded (f : Format) (x : Rat) : Checked :=
  Checked.ofApprox f true (Approx.const f.rounding x)

/-- How many entries are within their bounds, after `n`. -/
def countWithin {s : List Nat} (approx : Tensor Checked s) (exact : Tensor Rat s) (n : Nat) : Nat :=
  (Tensor.zipWith (fun c x => (c, x)) approx exact).foldl (fun n p =>
    if ratLE (abs (p.1.approx.value - p.2)) p.1.approx.eps then n + 1 else n) n

/-- The number of entries, after `n`. -/
def countEntries {s : List Nat} (t : Tensor Rat s) (n : Nat) : Nat := t.foldl (fun n _ => n + 1) n

/-- The lines of the results of each tensor of a context, of which the names are given, and of how
many of their entries are within their bounds. -/
def contextLines : (names : List String) → {Γ : List (List Nat)} → Tensors Checked Γ →
    Tensors Rat Γ → (within entries : Nat) → String
  | name :: names, _ :: _, (t, ts), (e, es), within, entries =>
    resultLines name t e ++
      contextLines names ts es (countWithin t e within) (countEntries e entries)
  | _, _, _, _, within, entries => "within " ++ toString within ++ " of " ++ toString entries ++ "\n"

/-- The names of the output and of the tensors of the network's context. -/
def reportNames : List String :=
  ["output", "input", "first.weight", "first.bias", "second.weight", "second.bias",
    "linear.weight", "linear.bias"]

/-- The results of a network on the sample data in a format. -/
def reportOf (f : Format) (net : SmallNet) : String :=
  let xs := sampleTensors 1 net.context
  let δ := sampleTensor 0 net.linear.outputShape
  let A := checkedNet f
  let cs := xs.map (Checked.rounded f)
  contextLines reportNames (Γ := net.linear.outputShape :: net.context)
    (net.output A cs, net.gradients A cs (δ.map (Checked.rounded f)))
    (net.output exactNet xs, net.gradients exactNet xs δ) 0 0

/-- The results of `reportNet` in binary32. -/
def netReport : String := reportOf .binary32 reportNet

end RuntimeApprox
