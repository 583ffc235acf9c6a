module

public import RuntimeApprox.Case
public import RuntimeApprox.Net
public import RuntimeApprox.Operation

/-!
# A network in binary32

A small network on fixed rational data, none of them a number of the format: the machine's operands
are the rounded ones, each with its own eps, the error of its rounding. The report has, for the
output and the gradient with respect to the input and every parameter, the rounded values, the exact
values and the bounds.

## Main definitions
* `reportNet`: the network.
* `netReport`: the lines of its results.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

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
