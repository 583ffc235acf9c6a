module

public import RuntimeApprox.Case

/-!
# The commands that evaluate cases and export the definitions

They are apart from `Evaluate`, which has all commands, because they need none of the library's
proofs: a Lean that has to elaborate whatever it runs elaborates only this.

## Main definitions
* `evaluateMain`: `cases IN OUT` and `export OUT`.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-- Evaluates a case file, or exports the definitions. -/
def evaluateMain (args : List String) : IO UInt32 := do
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
    IO.println "usage: evaluate cases IN OUT | evaluate export OUT | evaluate net OUT"
    return 1

end RuntimeApprox
