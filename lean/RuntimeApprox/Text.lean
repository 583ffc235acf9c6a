module

public import RuntimeApprox.PowTwo

/-!
# Numbers as text that loses nothing

## Main definitions
* `parseNat`, `parseInt`: decimal digits.
* `parseRat`: a C99 hexadecimal float (`-0x1.8p-3`) or numerator/denominator in hexadecimal (`-3/10`).
* `ratText`: numerator/denominator in hexadecimal.
* `tokens`: the words of each line of a text.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

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

end RuntimeApprox
