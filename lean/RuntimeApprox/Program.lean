module

public import RuntimeApprox.Export
public import RuntimeApprox.Tensor.Reshape

/-!
# The commands that evaluate cases and export the definitions

They are apart from `Evaluate`, which has all commands, because they need none of the library's
proofs: a Lean that has to elaborate whatever it runs elaborates only this.

A case is a format, an operation with the numbers of its sizes, and operands, each with its eps:

    case NAME
    format binary32
    operation conv2d
    sizes 1 1 1 1 3 3 …
    x EPS ENTRY ENTRY …
    end

The results are those of the exported contractions, evaluated at these numbers: for each result whose
factors were given its rounded values, exact values and bounds, as text that loses nothing.

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

/-- An operand that has been read: its entries in row-major order, and how far the exact ones may be
from them. -/
structure Given where
  /-- The operand's name. -/
  name : String
  /-- The eps of its entries. -/
  eps : Rat
  /-- Its entries. -/
  entries : Array Rat

/-- A case that has been read. -/
structure Case where
  /-- The format. -/
  format : Format
  /-- The operation's numbers, derived ones included, in the exported order. -/
  numbers : List Int
  /-- The operation's contractions at these numbers, by the names of the results. -/
  results : List (String × Contraction Int)
  /-- The operands. -/
  operands : List Given

/-! ### Reading -/

/-- The thing of a name, of things with names. -/
def named? {α : Type} (name : String) : List (String × α) → Option α
  | [] => none
  | (n, a) :: rest => if n = name then some a else named? name rest

/-- The thing of a name, or that there is none. -/
def findNamed {α : Type} (what name : String) (all : List (String × α)) : Except String α :=
  match named? name all with
  | some a => .ok a
  | none => .error (what ++ ": unknown " ++ what ++ " " ++ name)

/-- Natural numbers, one for each name. -/
def parseNumbers : List String → List String → Option (List (String × Int))
  | [], [] => some []
  | name :: names, w :: ws =>
    match parseNat w, parseNumbers names ws with
    | some n, some rest => some ((name, (n : Int)) :: rest)
    | _, _ => none
  | _, _ => none

/-- The number of a name; 0 where there is none. -/
def numberOf (numbers : List (String × Int)) (name : String) : Int :=
  match named? name numbers with
  | some n => n
  | none => 0

/-- The names that are not derived. -/
def withoutDerived (derived : List (String × Size)) : List String → List String
  | [] => []
  | name :: names =>
    match named? name derived with
    | some _ => withoutDerived derived names
    | none => name :: withoutDerived derived names

/-- The number that a parameter means: a derived one, or a given one. -/
def numberIn (derived : List (String × Size)) (given : List (String × Int)) (name : String) : Int :=
  match named? name derived with
  | some size => size.eval (numberOf given)
  | none => numberOf given name

/-- Whether a text is in a list. -/
def isIn (name : String) : List String → Bool
  | [] => false
  | n :: ns => if n = name then true else isIn name ns

/-- The first number that is less than an operation allows, in words. -/
def misfit (o : Operation) (number : String → Int) : List String → Option String
  | [] => none
  | p :: ps =>
    let least := if isIn p o.mayBeZero then 0 else 1
    if number p < least then
      some ("sizes: expected " ++ p ++ " of at least " ++ toString least ++ ", found " ++
        toString (number p))
    else misfit o number ps

/-- The numbers of an operation from the given ones: all of them in order, and by name. -/
def parseSizes (o : Operation) (words : List String) : Except String (List Int × (String → Int)) :=
  let names := withoutDerived o.derived o.parameters
  match parseNumbers names words with
  | none => .error ("sizes: expected natural numbers " ++ joined " " names)
  | some given =>
    let number := numberIn o.derived given
    match misfit o number o.parameters with
    | some e => .error e
    | none => .ok (mapList number o.parameters, number)

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

/-- An eps. -/
def parseEps (key word : String) : Except String Rat :=
  match parseRat word with
  | none => .error (key ++ ": the eps is not a number: " ++ word)
  | some e => if e.num < 0 then .error (key ++ ": the eps must not be negative") else .ok e

/-- The operand of a name, of operands. -/
def operandIn (name : String) : List (Operand Int) → Option (Operand Int)
  | [] => none
  | p :: ps => if p.name = name then some p else operandIn name ps

/-- The operand of a name, of the operands of all contractions. -/
def operandOf (name : String) : List (String × Contraction Int) → Option (Operand Int)
  | [] => none
  | (_, c) :: rest =>
    match operandIn name (c.factor :: appended c.factors c.addends) with
    | some p => some p
    | none => operandOf name rest

/-- An operand, of which some result of the operation has to know the shape. -/
def parseOperand (f : Format) (results : List (String × Contraction Int)) :
    List String → Except String Given
  | name :: eps :: words => do
    match operandOf name results with
    | none => .error ("unknown operand " ++ name)
    | some p =>
      let eps ← parseEps name eps
      let entries ← parseRats name f words #[]
      let count := prod (extents p.axes)
      if entries.size = count then .ok ⟨name, eps, entries⟩
      else .error (name ++ ": expected " ++ toString count ++ " entries, found " ++
        toString entries.size)
  | line => .error ("expected an operand, its eps and its entries, found: " ++ joined " " line)

/-- The operand of a name that has been read. -/
def givenIn (name : String) : List Given → Option Given
  | [] => none
  | g :: gs => if g.name = name then some g else givenIn name gs

/-- The operands of the lines, of which no two have the same name. -/
def parseOperands (f : Format) (results : List (String × Contraction Int)) :
    List (List String) → Except String (List Given)
  | [] => .ok []
  | line :: lines => do
    let g ← parseOperand f results line
    let gs ← parseOperands f results lines
    match givenIn g.name gs with
    | some _ => .error (g.name ++ ": given twice")
    | none => .ok (g :: gs)

/-- A case of one of the operations, from the lines between `case` and `end`. -/
def parseCase (operations : List (String × Operation)) : List (List String) → Except String Case
  | ["format", format] :: ["operation", operation] :: ("sizes" :: sizes) :: operands => do
    let format ← findNamed "format" format namedFormats
    let o ← findNamed "operation" operation operations
    let (numbers, number) ← parseSizes o sizes
    let results := mapList (fun r => (r.name, r.contraction.map (Size.eval number))) o.results
    let operands ← parseOperands format results operands
    return ⟨format, numbers, results, operands⟩
  | _ => .error "expected the lines format, operation and sizes, and then operands"

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

/-- The operands of a contraction, of numbers that `f` makes of eps and entry; none if one was not
given. -/
def operands? {α : Type} (f : Rat → Rat → α) (gs : List Given) :
    (ps : List (Operand Int)) → Option (Tensors α (shapes ps))
  | [] => some ⟨⟩
  | p :: ps =>
    match givenIn p.name gs, operands? f gs ps with
    | some g, some ts =>
      some (Tensor.ofFn (extents p.axes) fun i => f g.eps (g.entries.getD i.toNat 0), ts)
    | _, _ => none

/-- The operands that were given. -/
def present (gs : List Given) : List (Operand Int) → List (Operand Int)
  | [] => []
  | p :: ps =>
    match givenIn p.name gs with
    | some _ => p :: present gs ps
    | none => present gs ps

/-- A contraction in an arithmetic, on numbers that `f` makes of eps and entry; none if a factor was
not given. -/
def evaluate? {α : Type} (A : Arithmetic α) (f : Rat → Rat → α) (gs : List Given)
    (c : Contraction Int) : Option (Tensor α c.shape) :=
  match operands? f gs (c.factor :: c.factors), operands? f gs c.addends with
  | some fs, some as => some (c.eval A fs as)
  | _, _ => none

/-- The lines of a result, if all its factors were given; addends that were not are left out. -/
def evaluateResult (f : Format) (gs : List Given) (name : String) (c : Contraction Int) : String :=
  let c := { c with addends := present gs c.addends }
  match evaluate? (checked f) (fun eps v => ⟨⟨v, eps⟩, true⟩) gs c, evaluate? exact (fun _ v => v) gs c with
  | some approx, some exact => resultLines name approx exact
  | _, _ => ""

/-- The lines of all results. -/
def evaluateResults (f : Format) (gs : List Given) : List (String × Contraction Int) → String
  | [] => ""
  | (name, c) :: rest => evaluateResult f gs name c ++ evaluateResults f gs rest

/-- The results of a case. -/
def evaluateCase (c : Case) : String :=
  "sizes " ++ joined " " (mapList (fun n : Int => toString n) c.numbers) ++ "\n" ++
  evaluateResults c.format c.operands c.results

/-- The results of a case given by its name and lines. -/
def evaluateLines (operations : List (String × Operation)) (name : String)
    (lines : List (List String)) : String :=
  "case " ++ name ++ "\n" ++
  (match parseCase operations lines with
    | .ok c => evaluateCase c
    | .error e => "refused " ++ e ++ "\n") ++
  "end " ++ name ++ "\n"

/-- The results of the cases of a file, of each `evaluate name lines`: `name` and `lines`, last first,
are those of the case being read, `out` is what is written so far. -/
def evaluateFrom (evaluate : String → List (List String) → String) : (rest : List (List String)) →
    (name : Option String) → (lines : List (List String)) → (out : String) → Except String String
  | [], none, _, out => .ok out
  | [], some name, _, _ => .error ("case " ++ name ++ ": no line end")
  | ["end"] :: rest, some name, lines, out =>
    evaluateFrom evaluate rest none [] (out ++ evaluate name (reverseOnto lines []))
  | ["case", name] :: rest, none, _, out => evaluateFrom evaluate rest (some name) [] out
  | [] :: rest, none, _, out => evaluateFrom evaluate rest none [] out
  | line :: _, none, _, _ => .error ("expected case NAME, found: " ++ joined " " line)
  | line :: rest, some name, lines, out =>
    evaluateFrom evaluate rest (some name) (line :: lines) out

/-- The results of the cases of a file, or what is wrong with the file. -/
def evaluateCases (operations : List (String × Operation)) (text : String) : Except String String :=
  evaluateFrom (evaluateLines operations) (tokens text) none [] ""

/-! ### Commands -/

/-- Evaluates a case file, or exports the definitions. -/
def evaluateMain (args : List String) : IO UInt32 := do
  match args with
  | ["cases", input, output] =>
    match evaluateCases namedOperations (← IO.FS.readFile input) with
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
    IO.println "usage: evaluate cases IN OUT | evaluate export OUT | evaluate networks IN OUT"
    return 1

end RuntimeApprox
