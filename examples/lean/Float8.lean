module

public import RuntimeApprox.Program

/-!
# New formats: the eight-bit floating-point numbers

As IEEE 754 would have them, with subnormal numbers. E5M2 of the OCP 8-bit specification is such a
format. Its E4M3 differs in what the largest exponent means: there is no infinity, and one more
binade, up to 448, in which 480 is taken by nan. Precision and subnormal numbers are the same, so it
is `e4m3` with `maxExponent := 8`, and a rounded value of 480 or more is an overflow to nan.

## Main definitions
* `Format.e5m2`, `Format.e4m3`: the formats.
* `float8Main`: prints their parameters, rounded numbers, and a case's results.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-- Five bits of exponent, two of significand; the largest finite number is 57344. -/
def Format.e5m2 : Format where
  precision := 3
  minExponent := -14
  maxExponent := 15
  precision_pos := by decide

/-- Four bits of exponent, three of significand; the largest finite number is 240. -/
def Format.e4m3 : Format where
  precision := 4
  minExponent := -6
  maxExponent := 7
  precision_pos := by decide

/-- The formats by name. -/
def float8Formats : List (String × Format) :=
  [("float8_e5m2", .e5m2), ("float8_e4m3", .e4m3)]

/-! ### The program -/

/-- The texts of the rounded numbers, after a line's first words. -/
def roundedLine (f : Format) : List String → String → Except String String
  | [], line => .ok (line ++ "\n")
  | w :: ws, line =>
    match parseRat w with
    | none => .error ("not a number: " ++ w)
    | some x =>
      let v := f.round x
      roundedLine f ws (line ++ " " ++ if f.overflows v then "overflow" else ratText v)

/-- For each format a line of its name and the rounded numbers. -/
def roundedLines (numbers : List String) : List (String × Format) → Except String String
  | [] => .ok ""
  | (name, f) :: rest => do
    return (← roundedLine f numbers name) ++ (← roundedLines numbers rest)

/-- The results of a case in each format. -/
def caseBlocks (c : Case) : List (String × Format) → String
  | [] => ""
  | (name, f) :: rest =>
    "case " ++ name ++ "\n" ++ evaluateCase { c with format := f } ++ "end " ++ name ++ "\n" ++
      caseBlocks c rest

/-- The formats as JSON; of a text's first line the numbers rounded; of its other lines, a case
whose operands all formats hold, the results. -/
def float8Results (text : String) : Except String String := do
  match tokens text with
  | numbers :: lines =>
    let rounded ← roundedLines numbers float8Formats
    let c ← parseCase namedOperations lines
    return jsonObject (mapList formatJson float8Formats) ++ "\n" ++ rounded ++
      caseBlocks c float8Formats
  | [] => .error "expected numbers and a case"

/-- Prints the results of a text. -/
def float8Main (args : List String) : IO UInt32 := do
  match args with
  | [text] =>
    match float8Results text with
    | .ok results =>
      IO.print results
      return 0
    | .error e =>
      IO.println e
      return 1
  | _ =>
    IO.println "usage: TEXT"
    return 1

end RuntimeApprox
