module

public import RuntimeApprox.Conv2d.Bounds
public import RuntimeApprox.Export
public import RuntimeApprox.Tensor.Reshape
public import RuntimeApprox.Text

/-!
# Evaluating a case

A case is a geometry, a format, the operands, and the eps of each. Its results are, for the forward
pass and the three gradients, the rounded values, the exact values and the bounds.

## Main definitions
* `parseCase`: a case from its lines, or what is wrong with it.
* `evaluateCase`: the lines of its results.
* `evaluateCases`: all cases of a file.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

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

end RuntimeApprox
