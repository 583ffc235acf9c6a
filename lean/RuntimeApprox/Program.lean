module

public import RuntimeApprox.Export
public import RuntimeApprox.Tensor.Reshape

/-!
# The commands that evaluate cases and export the definitions

They are apart from `Evaluate`, which has all commands, because they need none of the library's
proofs: a Lean that has to elaborate whatever it runs elaborates only this.

A case is a geometry, a format, the operands, and the eps of each. Its results are, for the forward
pass and the three gradients, the rounded values, the exact values and the bounds, as text that loses
nothing.

## Main definitions
* `parseRat`: a C99 hexadecimal float (`-0x1.8p-3`) or numerator/denominator in hexadecimal (`-3/10`).
* `ratText`: numerator/denominator in hexadecimal.
* `parseCase`: a case from its lines, or what is wrong with it.
* `evaluateCase`: the lines of its results. `evaluateCases`: all cases of a file.
* `evaluateMain`: `cases IN OUT` and `export OUT`.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-! ### Numbers as text -/

/-- The value of a hexadecimal digit. -/
def hexDigit (c : Char) : Option Nat :=
  let n := c.toNat
  if 48 ≤ n ∧ n ≤ 57 then some (n - 48)
  else if 97 ≤ n ∧ n ≤ 102 then some (n - 87)
  else none

/-- Digits in base `b` that follow the number `n`. -/
def parseDigits (b : Nat) : List Char → Nat → Option Nat
  | [], n => some n
  | c :: cs, n =>
    match hexDigit c with
    | none => none
    | some d => if d < b then parseDigits b cs (n * b + d) else none

/-- A natural number in base `b`; none for the empty text. -/
def parseBase (b : Nat) : List Char → Option Nat
  | [] => none
  | cs => parseDigits b cs 0

/-- A decimal natural number. -/
def parseNat (s : String) : Option Nat := parseBase 10 s.toList

/-- A decimal integer. -/
def parseIntChars : List Char → Option Int
  | '-' :: cs => (parseBase 10 cs).bind fun n => some (-(n : Int))
  | '+' :: cs => (parseBase 10 cs).bind fun n => some (n : Int)
  | cs => (parseBase 10 cs).bind fun n => some (n : Int)

/-- The elements of a list from last to first, followed by `rest`. -/
def reverseOnto {α : Type} : List α → List α → List α
  | [], rest => rest
  | a :: as, rest => reverseOnto as (a :: rest)

/-- The number of elements, counted on from `n`. -/
def countFrom {α : Type} : List α → Nat → Nat
  | [], n => n
  | _ :: as, n => countFrom as (n + 1)

/-- The text before a character, and after it; none where it does not occur. -/
def splitAt (c : Char) : List Char → List Char → Option (List Char × List Char)
  | [], _ => none
  | d :: ds, before => if d = c then some (reverseOnto before [], ds) else splitAt c ds (d :: before)

/-- m·2ᵉ. Exponents beyond ±100000, which no format has, are refused. -/
def scaled (m : Nat) (e : Int) : Option Rat :=
  if e.natAbs ≤ 100000 then some (m * pow2 e) else none

/-- What follows `0x` in a hexadecimal float: `digits[.digits]p[±]decimal`. -/
def parseHexFloat (cs : List Char) : Option Rat :=
  match splitAt 'p' cs [] with
  | none => none
  | some (mantissa, exponent) =>
    match parseIntChars exponent with
    | none => none
    | some e =>
      match splitAt '.' mantissa [] with
      | none => (parseBase 16 mantissa).bind fun m => scaled m e
      | some (whole, fraction) =>
        (parseBase 16 whole).bind fun w => (parseDigits 16 fraction w).bind fun m =>
          scaled m (e - 4 * countFrom fraction 0)

/-- A number without sign. -/
def parseUnsigned : List Char → Option Rat
  | '0' :: 'x' :: cs => parseHexFloat cs
  | cs =>
    match splitAt '/' cs [] with
    | none => none
    | some (numerator, denominator) =>
      (parseBase 16 numerator).bind fun n => (parseBase 16 denominator).bind fun d =>
        if d = 0 then none else some (mkRat n d)

/-- A hexadecimal float, or numerator/denominator in hexadecimal. -/
def parseRat (s : String) : Option Rat :=
  match s.toList with
  | '-' :: cs => (parseUnsigned cs).bind fun x => some (-x)
  | cs => parseUnsigned cs

/-- The hexadecimal digits of `n`, followed by `rest`. -/
def hexDigits : Nat → Nat → List Char → List Char
  | 0, _, rest => rest
  | fuel + 1, n, rest =>
    let rest := Nat.digitChar (n % 16) :: rest
    if n < 16 then rest else hexDigits fuel (n / 16) rest

/-- A natural number in hexadecimal. -/
def hexText (n : Nat) : String := String.ofList (hexDigits (n.log2 / 4 + 1) n [])

/-- Numerator/denominator in hexadecimal, in lowest terms. -/
def ratText (x : Rat) : String :=
  (if x.num < 0 then "-" else "") ++ hexText x.num.natAbs ++ "/" ++ hexText x.den

/-- `words` with the word that was read backwards, if it is not empty. -/
def endWord (word : List Char) (words : List String) : List String :=
  match word with
  | [] => words
  | _ => String.ofList (reverseOnto word []) :: words

/-- `lines` with the line whose words were read backwards. -/
def endLine (word : List Char) (words : List String) (lines : List (List String)) :
    List (List String) :=
  reverseOnto (endWord word words) [] :: lines

/-- The words of the lines of a text: `word` is the word being read, `words` are the words of its
line, `lines` the lines before, all of them backwards. -/
def tokensFrom : List Char → (word : List Char) → (words : List String) →
    (lines : List (List String)) → List (List String)
  | [], word, words, lines => reverseOnto (endLine word words lines) []
  | c :: cs, word, words, lines =>
    if c = '\n' then tokensFrom cs [] [] (endLine word words lines)
    else if c = ' ' then tokensFrom cs [] (endWord word words) lines
    else tokensFrom cs (c :: word) words lines

/-- The words of each line. -/
def tokens (text : String) : List (List String) := tokensFrom text.toList [] [] []

/-! ### Cases -/

/-- A case that has been read. -/
structure Case where
  /-- The geometry. -/
  geometry : Conv2d
  /-- The format. -/
  format : Format
  /-- x, weight, bias and the output's gradient. -/
  x : Tensor Rat geometry.inputShape
  weight : Tensor Rat geometry.kernelShape
  bias : Tensor Rat geometry.biasShape
  gradOutput : Tensor Rat geometry.outputShape
  /-- How far the exact operands may be from the given ones. -/
  epsX : Rat
  epsWeight : Rat
  epsBias : Rat
  epsGradOutput : Rat

/-! ### Reading -/

/-- The numbers of the words, after those already read; what is wrong where one is not a number,
or not a number of the format. -/
def parseRats (key : String) (f : Format) : List String → Array Rat → Except String (Array Rat)
  | [], a => .ok a
  | w :: ws, a =>
    match parseRat w with
    | some v =>
      if f.holds v then parseRats key f ws (a.push v)
      else .error (key ++ ": entry " ++ toString a.size ++ " is not a number of the format: " ++ w)
    | none => .error (key ++ ": entry " ++ toString a.size ++ " is not a number: " ++ w)

/-- The tensor with the given entries in row-major order. -/
def parseTensor (key : String) (f : Format) (s : List Nat) (words : List String) :
    Except String (Tensor Rat s) :=
  match parseRats key f words #[] with
  | .error e => .error e
  | .ok a =>
    if a.size = prod s then .ok (Tensor.ofFn s fun i => a.getD i.toNat 0)
    else .error (key ++ ": expected " ++ toString (prod s) ++ " entries, found " ++ toString a.size)

/-- An axis from its six numbers. -/
def parseWindow (key : String) : List String → Except String Window
  | [a, b, c, d, e, f] =>
    match parseNat a, parseNat b, parseNat c, parseNat d, parseNat e, parseNat f with
    | some size, some kernel, some stride, some padBegin, some padEnd, some dilation =>
      if hs : 0 < stride then
        if hd : 0 < dilation then
          if hk : 0 < kernel then
            if hf : dilation * (kernel - 1) + 1 ≤ size + padBegin + padEnd then
              .ok ⟨size, kernel, stride, padBegin, padEnd, dilation, hs, hd, hk, hf⟩
            else .error (key ++ ": the dilated kernel of extent " ++
              toString (dilation * (kernel - 1) + 1) ++ " does not fit into the padded input of " ++
              toString (size + padBegin + padEnd))
          else .error (key ++ ": the kernel must be positive")
        else .error (key ++ ": the dilation must be positive")
      else .error (key ++ ": the stride must be positive")
    | _, _, _, _, _, _ => .error (key ++ ": expected natural numbers")
  | _ => .error (key ++ ": expected size kernel stride padBegin padEnd dilation")

/-- The geometry from its three lines. -/
def parseGeometry (channels height width : List String) : Except String Conv2d :=
  match channels with
  | [a, b, c, d] =>
    match parseNat a, parseNat b, parseNat c, parseNat d with
    | some batch, some groups, some inChannels, some outChannels =>
      if batch * groups * inChannels * outChannels = 0 then
        .error "geometry: batch, groups and channels must be positive"
      else
        match parseWindow "height" height with
        | .error e => .error e
        | .ok h =>
          match parseWindow "width" width with
          | .error e => .error e
          | .ok w => .ok ⟨batch, groups, inChannels, outChannels, h, w⟩
    | _, _, _, _ => .error "geometry: expected natural numbers"
  | _ => .error "geometry: expected batch groups inChannels outChannels"

/-- The format of a name. -/
def findFormat (name : String) : List (String × Format) → Except String Format
  | [] => .error ("format: unknown format " ++ name)
  | (n, f) :: rest => if n = name then .ok f else findFormat name rest

/-- The four eps, none of them negative. -/
def parseEps (words : List String) : Except String (Rat × Rat × Rat × Rat) :=
  match words with
  | [a, b, c, d] =>
    match parseRat a, parseRat b, parseRat c, parseRat d with
    | some a, some b, some c, some d =>
      if a.num < 0 ∨ b.num < 0 ∨ c.num < 0 ∨ d.num < 0 then .error "eps: must not be negative"
      else .ok (a, b, c, d)
    | _, _, _, _ => .error "eps: expected numbers"
  | _ => .error "eps: expected the eps of x, weight, bias and gradOutput"

/-- The words after the key of a line. -/
def field (key : String) : List String → Except String (List String)
  | k :: ws => if k = key then .ok ws else .error ("expected the line " ++ key ++ ", found " ++ k)
  | [] => .error ("expected the line " ++ key ++ ", found an empty line")

/-- A case from the lines between `case` and `end`. -/
def parseCase (lines : List (List String)) : Except String Case := do
  match lines with
  | [format, geometry, height, width, eps, x, weight, bias, gradOutput] =>
    let format ← field "format" format
    let format ← findFormat (joined " " format) namedFormats
    let g ← parseGeometry (← field "geometry" geometry) (← field "height" height)
      (← field "width" width)
    let (epsX, epsWeight, epsBias, epsGradOutput) ← parseEps (← field "eps" eps)
    let x ← parseTensor "x" format g.inputShape (← field "x" x)
    let weight ← parseTensor "weight" format g.kernelShape (← field "weight" weight)
    let bias ← parseTensor "bias" format g.biasShape (← field "bias" bias)
    let gradOutput ← parseTensor "gradOutput" format g.outputShape (← field "gradOutput" gradOutput)
    return ⟨g, format, x, weight, bias, gradOutput, epsX, epsWeight, epsBias, epsGradOutput⟩
  | _ => .error "expected the lines format geometry height width eps x weight bias gradOutput"

/-! ### Evaluating and writing -/

/-- `f` at every entry in row-major order. -/
def Tensor.foldl {α β : Type} (f : β → α → β) : {s : List Nat} → Tensor α s → β → β
  | [], t, b => f b t
  | n :: _, t, b => loop n (fun i b => if h : i < n then Tensor.foldl f (Vector.get t ⟨i, h⟩) b else b) b

/-- A line of the texts of a tensor's entries. -/
def tensorLine {α : Type} (key : String) (text : α → String) {s : List Nat} (t : Tensor α s) :
    String :=
  t.foldl (fun line a => line ++ " " ++ text a) key ++ "\n"

/-- The rounded value as text. -/
def Checked.valueText (c : Checked) : String :=
  if c.finite then ratText c.approx.value else "overflow"

/-- The eps as text. -/
def Checked.epsText (c : Checked) : String := ratText c.approx.eps

/-- The lines of one result. -/
def resultLines (key : String) {s : List Nat} (approx : Tensor Checked s) (exact : Tensor Rat s) :
    String :=
  tensorLine (key ++ ".value") Checked.valueText approx ++
  tensorLine (key ++ ".exact") ratText exact ++
  tensorLine (key ++ ".bound") Checked.epsText approx

/-- Every entry with the same eps, as operands of the checked arithmetic. -/
def Tensor.check {s : List Nat} (t : Tensor Rat s) (eps : Rat) : Tensor Checked s :=
  t.map fun v => ⟨⟨v, eps⟩, true⟩

/-- The results of a case. -/
def evaluateCase (c : Case) : String :=
  let g := c.geometry
  let A := checked c.format
  let x := c.x.check c.epsX
  let weight := c.weight.check c.epsWeight
  let bias := c.bias.check c.epsBias
  let δ := c.gradOutput.check c.epsGradOutput
  "output " ++ toString g.height.output ++ " " ++ toString g.width.output ++ "\n" ++
  resultLines "forward" (conv2d A g x weight bias) (conv2d exact g c.x c.weight c.bias) ++
  resultLines "bias" (conv2dBiasDeriv A g δ) (conv2dBiasDeriv exact g c.gradOutput) ++
  resultLines "weight" (conv2dKernelDeriv A g x δ) (conv2dKernelDeriv exact g c.x c.gradOutput) ++
  resultLines "input" (conv2dInputDeriv A g weight δ) (conv2dInputDeriv exact g c.weight c.gradOutput)

/-- The results of a case given by its name and lines. -/
def evaluateLines (name : String) (lines : List (List String)) : String :=
  "case " ++ name ++ "\n" ++
  (match parseCase lines with
    | .ok c => evaluateCase c
    | .error e => "refused " ++ e ++ "\n") ++
  "end " ++ name ++ "\n"

/-- The results of the cases of a file: `name` and `lines`, last first, are those of the case being
read, `out` is what is written so far. -/
def evaluateFrom : (rest : List (List String)) → (name : Option String) →
    (lines : List (List String)) → (out : String) → Except String String
  | [], none, _, out => .ok out
  | [], some name, _, _ => .error ("case " ++ name ++ ": no line end")
  | ["end"] :: rest, some name, lines, out =>
    evaluateFrom rest none [] (out ++ evaluateLines name (reverseOnto lines []))
  | ["case", name] :: rest, none, _, out => evaluateFrom rest (some name) [] out
  | [] :: rest, none, _, out => evaluateFrom rest none [] out
  | line :: _, none, _, _ => .error ("expected case NAME, found: " ++ joined " " line)
  | line :: rest, some name, lines, out => evaluateFrom rest (some name) (line :: lines) out

/-- The results of the cases of a file, or what is wrong with the file. -/
def evaluateCases (text : String) : Except String String :=
  evaluateFrom (tokens text) none [] ""

/-! ### Commands -/

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
