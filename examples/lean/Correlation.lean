module

public import RuntimeApprox.Program

/-!
# A new operation: correlation at displacements

Of two signals, for each displacement d the sum over the channels of x at t and y at t + d − reach,
as in the cost volumes of stereo and optical flow. It is no convolution: both factors are data.

## Main definitions
* `Correlation`: the sizes.
* `correlationForward`: the contraction, a product of three blocks.
* `correlationFirstGrad`, `correlationSecondGrad`: its gradients.
* `correlationOperation`: its signature, as the library's operations have one.
* `correlationMain`: prints it, and evaluates cases of it.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-- The sizes of a correlation. -/
structure Correlation (ι : Type) where
  /-- The number of pairs of signals. -/
  batch : ι
  /-- The channels of a signal. -/
  channels : ι
  /-- The length of a signal. -/
  length : ι
  /-- How many displacements there are. -/
  displacements : ι
  /-- The first displacement is −reach. -/
  reach : ι

section
variable {ι : Type} [OfNat ι 0] [OfNat ι 1] [Neg ι] (s : Correlation ι)

/-- For output (n, d, t) the sum over c of x[n, c, t] · y[n, c, t + d − reach]. -/
def correlationForward : Contraction ι :=
  blocks "x" ["y"] [] [
    block [[s.batch]] [] [axis s.batch [1] []] [[axis s.batch [1] []]] [],
    block [] [s.channels] [axis s.channels [] [1]] [[axis s.channels [] [1]]] [],
    block [[s.displacements], [s.length]] [] [axis s.length [0, 1] []]
      [[⟨s.length, ⟨[1, 1], [], -s.reach, 1⟩⟩]] []]

/-- The gradient with respect to x: for (n, c, t) the sum over d of
y[n, c, t + d − reach] · δ[n, d, t]. -/
def correlationFirstGrad : Contraction ι :=
  blocks "y" ["gradOutput"] [] [
    block [[s.batch]] [] [axis s.batch [1] []] [[axis s.batch [1] []]] [],
    block [[s.channels]] [] [axis s.channels [1] []] [[]] [],
    block [[s.length]] [s.displacements] [⟨s.length, ⟨[1], [1], -s.reach, 1⟩⟩]
      [[axis s.displacements [] [1], axis s.length [1] []]] []]

/-- The gradient with respect to y: for (n, c, u) the sum over d of
x[n, c, u − d + reach] · δ[n, d, u − d + reach]. -/
def correlationSecondGrad : Contraction ι :=
  blocks "x" ["gradOutput"] [] [
    block [[s.batch]] [] [axis s.batch [1] []] [[axis s.batch [1] []]] [],
    block [[s.channels]] [] [axis s.channels [1] []] [[]] [],
    block [[s.length]] [s.displacements] [⟨s.length, ⟨[1], [-1], s.reach, 1⟩⟩]
      [[axis s.displacements [] [1], ⟨s.length, ⟨[1], [-1], s.reach, 1⟩⟩]] []]

end

/-- The results, at numbers of the given names: the output, and the gradient of each operand. -/
def correlationResults (names : Correlation String) : List Result :=
  let s : Correlation Size := ⟨.param names.batch, .param names.channels, .param names.length,
    .param names.displacements, .param names.reach⟩
  [⟨"output", "RuntimeApprox.correlationForward", correlationForward s⟩,
    ⟨"x", "RuntimeApprox.correlationFirstGrad", correlationFirstGrad s⟩,
    ⟨"y", "RuntimeApprox.correlationSecondGrad", correlationSecondGrad s⟩]

/-- The signature: what a case has to state, and what the results are. -/
def correlationOperation : Operation where
  parameters := ["batch", "channels", "length", "displacements", "reach"]
  derived := []
  mayBeZero := ["reach"]
  results := correlationResults ⟨"batch", "channels", "length", "displacements", "reach"⟩

/-! ### At numbers -/

namespace Correlation

variable (s : Correlation Nat)

/-- The shape of both signals. -/
abbrev shape : List Nat := [s.batch, s.channels, s.length]

/-- The shape of the output. -/
abbrev outputShape : List Nat := [s.batch, s.displacements, s.length]

/-- The sizes as integers. -/
def ints : Correlation Int := ⟨s.batch, s.channels, s.length, s.displacements, s.reach⟩

end Correlation

section
variable {α : Type _} (A : Arithmetic α) (s : Correlation Nat)

/-- The correlation in an arithmetic. -/
def correlation (x y : Tensor α s.shape) : Tensor α s.outputShape :=
  (correlationForward s.ints).eval A (x, y, ⟨⟩) ⟨⟩

/-- The gradient with respect to x in an arithmetic. -/
def correlationFirstDeriv (y : Tensor α s.shape) (δ : Tensor α s.outputShape) : Tensor α s.shape :=
  (correlationFirstGrad s.ints).eval A (y, δ, ⟨⟩) ⟨⟩

/-- The gradient with respect to y in an arithmetic. -/
def correlationSecondDeriv (x : Tensor α s.shape) (δ : Tensor α s.outputShape) : Tensor α s.shape :=
  (correlationSecondGrad s.ints).eval A (x, δ, ⟨⟩) ⟨⟩

end

/-- Prints the operation as JSON, and the results of cases of it. -/
def correlationMain (args : List String) : IO UInt32 := do
  let operations := [("correlation", correlationOperation)]
  match args with
  | [text] =>
    match evaluateCases operations text with
    | .ok results =>
      IO.println (jsonObject (mapList Operation.json operations))
      IO.print results
      return 0
    | .error e =>
      IO.println e
      return 1
  | _ =>
    IO.println "usage: TEXT"
    return 1

end RuntimeApprox
