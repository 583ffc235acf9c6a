import RuntimeApprox.Case

/-!
# The program

* `evaluate cases IN OUT` evaluates the cases of the file IN and writes their results to OUT.
* `evaluate export OUT` writes the definitions, as JSON, to OUT.

It exits with 0, or with 1 and one line that says what is wrong.
-/

open RuntimeApprox

/-- Evaluates a case file, or exports the definitions. -/
def main (args : List String) : IO UInt32 := do
  match args with
  | ["cases", input, output] =>
    match evaluateCases (← IO.FS.readFile input) with
    | .ok text =>
      IO.FS.writeFile output text
      return 0
    | .error e =>
      IO.println s!"evaluate: {input}: {e}"
      return 1
  | ["export", output] =>
    IO.FS.writeFile output (exported ++ "\n")
    return 0
  | _ =>
    IO.println "usage: evaluate cases IN OUT | evaluate export OUT"
    return 1
