import RuntimeApprox.Net
import RuntimeApprox.Program

/-!
# The program

* `evaluate cases IN OUT` evaluates the cases of the file IN and writes their results to OUT.
* `evaluate export OUT` writes the definitions, as JSON, to OUT.
* `evaluate networks IN OUT` evaluates the networks of the file IN, forward and backward, and writes
  their results to OUT.

It exits with 0, or with 1 and one line that says what is wrong.
-/

open RuntimeApprox

/-- Evaluates a file of cases or of networks, or exports the definitions. -/
def main (args : List String) : IO UInt32 := do
  match args with
  | ["networks", input, output] =>
    match evaluateNetworks (← IO.FS.readFile input) with
    | .ok text =>
      IO.FS.writeFile output text
      return 0
    | .error e =>
      IO.println s!"evaluate: {input}: {e}"
      return 1
  | _ => evaluateMain args
