import RuntimeApprox.Net
import RuntimeApprox.Program

/-!
# The program

* `evaluate cases IN OUT` evaluates the cases of the file IN and writes their results to OUT.
* `evaluate export OUT` writes the definitions, as JSON, to OUT.
* `evaluate net OUT` writes the values and bounds of a small network, forward and backward, to OUT.

It exits with 0, or with 1 and one line that says what is wrong.
-/

open RuntimeApprox

/-- Evaluates a case file or a network, or exports the definitions. -/
def main (args : List String) : IO UInt32 := do
  match args with
  | ["net", output] =>
    IO.FS.writeFile output netReport
    return 0
  | _ => evaluateMain args
