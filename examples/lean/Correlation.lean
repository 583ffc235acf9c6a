module

public import RuntimeApprox.Program

/-!
# A new operation: correlation at displacements

Of two signals, for each displacement d the sum over the channels of x at t and y at t + d − reach,
as in the cost volumes of stereo and optical flow. It is no convolution: both factors are data.

## Main definitions
* `Correlation`: the sizes.
* `correlationForward`: the contraction, a product of three blocks.
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

/-- For output (n, d, t) the sum over c of x[n, c, t] · y[n, c, t + d − reach]. -/
def correlationForward {ι : Type} [OfNat ι 0] [OfNat ι 1] [Neg ι] (s : Correlation ι) :
    Contraction ι :=
  blocks "x" ["y"] [] [
    block [[s.batch]] [] [axis s.batch [1] []] [[axis s.batch [1] []]] [],
    block [] [s.channels] [axis s.channels [] [1]] [[axis s.channels [] [1]]] [],
    block [[s.displacements], [s.length]] [] [axis s.length [0, 1] []]
      [[⟨s.length, ⟨[1, 1], [], -s.reach, 1⟩⟩]] []]

/-- The results, at numbers of the given names. -/
def correlationResults (names : Correlation String) : List Result :=
  [⟨"output", "RuntimeApprox.correlationForward", correlationForward ⟨.param names.batch,
    .param names.channels, .param names.length, .param names.displacements,
    .param names.reach⟩⟩]

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

/-- `correlationForward` at the sizes. -/
def forward : Contraction Int :=
  correlationForward ⟨s.batch, s.channels, s.length, s.displacements, s.reach⟩

end Correlation

/-- The correlation in an arithmetic. -/
def correlation {α : Type _} (A : Arithmetic α) (s : Correlation Nat) (x y : Tensor α s.shape) :
    Tensor α s.outputShape :=
  s.forward.eval A (x, y, ⟨⟩) ⟨⟩

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
