module

public import RuntimeApprox.AnyOrder
public import RuntimeApprox.Conv2d
public import RuntimeApprox.Format.Arithmetic
public import RuntimeApprox.Format.Narrow
public import RuntimeApprox.Sliced.Formulas
public import RuntimeApprox.TensorCore.Formulas

/-!
# The definitions as data

The contractions of conv2d at symbolic sizes, the scalar laws and the coefficients of the estimates
as expression trees, and the formats, each with its JSON text. `RuntimeApprox.Export.Theorems` proves
that the trees mean the definitions that the soundness theorems are about.

## Main definitions
* `Param`, `Size`, `symbols`: expressions over the numbers of a geometry.
* `Law`: expressions over three pairs (value, eps).
* `exported`: everything, as one JSON document.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-- The names of the numbers of a geometry. -/
inductive Param where
  | batch | groups | inChannels | outChannels | inputH | inputW | kernelH | kernelW
  | strideH | strideW | padTop | padBottom | padLeft | padRight | dilationH | dilationW
  | outputH | outputW

/-- The number that a name stands for. -/
def Param.of {ι : Type} (s : Sizes ι) : Param → ι
  | batch => s.batch
  | groups => s.groups
  | inChannels => s.inChannels
  | outChannels => s.outChannels
  | inputH => s.inputH
  | inputW => s.inputW
  | kernelH => s.kernelH
  | kernelW => s.kernelW
  | strideH => s.strideH
  | strideW => s.strideW
  | padTop => s.padTop
  | padBottom => s.padBottom
  | padLeft => s.padLeft
  | padRight => s.padRight
  | dilationH => s.dilationH
  | dilationW => s.dilationW
  | outputH => s.outputH
  | outputW => s.outputW

/-- The name as text. -/
def Param.name : Param → String
  | batch => "batch"
  | groups => "groups"
  | inChannels => "inChannels"
  | outChannels => "outChannels"
  | inputH => "inputH"
  | inputW => "inputW"
  | kernelH => "kernelH"
  | kernelW => "kernelW"
  | strideH => "strideH"
  | strideW => "strideW"
  | padTop => "padTop"
  | padBottom => "padBottom"
  | padLeft => "padLeft"
  | padRight => "padRight"
  | dilationH => "dilationH"
  | dilationW => "dilationW"
  | outputH => "outputH"
  | outputW => "outputW"

/-- All names. -/
def Param.all : List Param :=
  [batch, groups, inChannels, outChannels, inputH, inputW, kernelH, kernelW, strideH, strideW,
    padTop, padBottom, padLeft, padRight, dilationH, dilationW, outputH, outputW]

/-- An expression over the numbers of a geometry. -/
inductive Size where
  | lit (n : Int)
  | param (p : Param)
  | neg (a : Size)
  | add (a b : Size)
  | sub (a b : Size)
  | mul (a b : Size)
  | div (a b : Size)

namespace Size

instance : OfNat Size 0 := ⟨lit 0⟩
instance : OfNat Size 1 := ⟨lit 1⟩
instance : Neg Size := ⟨neg⟩
instance : Add Size := ⟨add⟩
instance : Sub Size := ⟨sub⟩
instance : Mul Size := ⟨mul⟩
instance : Div Size := ⟨div⟩

/-- The number that an expression means in a geometry. -/
def eval (s : Sizes Int) : Size → Int
  | lit n => n
  | param p => p.of s
  | neg a => -eval s a
  | add a b => eval s a + eval s b
  | sub a b => eval s a - eval s b
  | mul a b => eval s a * eval s b
  | div a b => eval s a / eval s b

end Size

/-- The geometry whose every number is its own name. -/
def symbols : Sizes Size where
  batch := .param .batch
  groups := .param .groups
  inChannels := .param .inChannels
  outChannels := .param .outChannels
  inputH := .param .inputH
  inputW := .param .inputW
  kernelH := .param .kernelH
  kernelW := .param .kernelW
  strideH := .param .strideH
  strideW := .param .strideW
  padTop := .param .padTop
  padBottom := .param .padBottom
  padLeft := .param .padLeft
  padRight := .param .padRight
  dilationH := .param .dilationH
  dilationW := .param .dilationW
  outputH := .param .outputH
  outputW := .param .outputW

/-- ⌊(size + padding − dilation·(kernel − 1) − 1) / stride⌋ + 1 -/
def outputSize (size padBegin padEnd kernel stride dilation : Size) : Size :=
  (size + padBegin + padEnd - (dilation * (kernel - 1) + 1)) / stride + 1

/-- The output's height as an expression. -/
def outputHeight : Size :=
  outputSize symbols.inputH symbols.padTop symbols.padBottom symbols.kernelH symbols.strideH
    symbols.dilationH

/-- The output's width as an expression. -/
def outputWidth : Size :=
  outputSize symbols.inputW symbols.padLeft symbols.padRight symbols.kernelW symbols.strideW
    symbols.dilationW

/-- `f` at every element. -/
def mapList {α β : Type} (f : α → β) : List α → List β
  | [] => []
  | a :: as => f a :: mapList f as

section
variable {ι κ : Type} (f : ι → κ)

/-- `f` at every number of an affine form. -/
def Affine.map (a : Affine ι) : Affine κ :=
  ⟨mapList f a.out, mapList f a.red, f a.offset, f a.divisor⟩

/-- `f` at every number of an axis. -/
def Axis.map (a : Axis ι) : Axis κ := ⟨f a.extent, a.index.map f⟩

/-- `f` at every number of an operand. -/
def Operand.map (p : Operand ι) : Operand κ := ⟨p.name, mapList (Axis.map f) p.axes⟩

/-- `f` at every number of a contraction. -/
def Contraction.map (c : Contraction ι) : Contraction κ where
  out := mapList (mapList f) c.out
  red := mapList f c.red
  factor := c.factor.map f
  factors := mapList (Operand.map f) c.factors
  addends := mapList (Operand.map f) c.addends

end

/-- An expression over three pairs x, y and z of value and eps. -/
inductive Law where
  | xValue | xEps | yValue | yEps | zValue | zEps
  | zero | one
  | add (a b : Law)
  | sub (a b : Law)
  | mul (a b : Law)
  | div (a b : Law)
  | max (a b : Law)
  | ifLe (a b thenLaw elseLaw : Law)
  | abs (a : Law)
  | round (a : Law)
  | halfUlp (a : Law)

/-- The number that a law gives. -/
def Law.eval {K : Type _} [OrderedField K] (R : Rounding K) (x y z : Approx K) : Law → K
  | xValue => x.value
  | xEps => x.eps
  | yValue => y.value
  | yEps => y.eps
  | zValue => z.value
  | zEps => z.eps
  | zero => 0
  | one => 1
  | add a b => eval R x y z a + eval R x y z b
  | sub a b => eval R x y z a - eval R x y z b
  | mul a b => eval R x y z a * eval R x y z b
  | div a b => eval R x y z a / eval R x y z b
  | max a b => RuntimeApprox.max (eval R x y z a) (eval R x y z b)
  | ifLe a b c d =>
    if eval R x y z a ≤ eval R x y z b then eval R x y z c else eval R x y z d
  | abs a => RuntimeApprox.abs (eval R x y z a)
  | round a => R.rnd (eval R x y z a)
  | halfUlp a => R.halfUlp (eval R x y z a)

/-- What an operation does to value and eps. -/
structure OperationLaw where
  /-- The value of the result. -/
  value : Law
  /-- The eps of the result. -/
  eps : Law

/-- The empty sum. -/
def zeroLaw : OperationLaw := ⟨.zero, .zero⟩

/-- round(x + y); epsₓ + epsᵧ + halfUlp(x + y) -/
def addLaw : OperationLaw where
  value := .round (.add .xValue .yValue)
  eps := .add (.add .xEps .yEps) (.halfUlp (.add .xValue .yValue))

/-- round(x·y); (|x| + epsₓ)·epsᵧ + |y|·epsₓ + halfUlp(x·y) -/
def mulLaw : OperationLaw where
  value := .round (.mul .xValue .yValue)
  eps := .add (.add (.mul (.add (.abs .xValue) .xEps) .yEps) (.mul (.abs .yValue) .xEps))
    (.halfUlp (.mul .xValue .yValue))

/-- max(x, y); the eps of the larger value, or by how much the other number can be above it. -/
def maxLaw : OperationLaw where
  value := .max .xValue .yValue
  eps := .ifLe .xValue .yValue (.max .yEps (.add .xEps (.sub .xValue .yValue)))
    (.max .xEps (.add .yEps (.sub .yValue .xValue)))

/-- 1 if x > y, otherwise 0; eps 0 if that is certain, otherwise 1. -/
def greaterLaw : OperationLaw where
  value := .ifLe .xValue .yValue .zero .one
  eps := .ifLe (.add .xValue .xEps) (.sub .yValue .yEps) .zero
    (.ifLe (.sub .xValue .xEps) (.add .yValue .yEps) .one .zero)

/-- 1 if x ≥ y, otherwise 0; eps 0 if that is certain, otherwise 1. -/
def atLeastLaw : OperationLaw where
  value := .ifLe .yValue .xValue .one .zero
  eps := .ifLe (.add .yValue .yEps) (.sub .xValue .xEps) .zero
    (.ifLe (.sub .yValue .yEps) (.add .xValue .xEps) .one .zero)

/-- y if x ≤ 0, otherwise z; where that is not certain, both count. -/
def chooseLaw : OperationLaw where
  value := .ifLe .xValue .zero .yValue .zValue
  eps := .ifLe (.add .xValue .xEps) .zero .yEps
    (.ifLe .xValue .xEps
      (.ifLe .xValue .zero (.max .yEps (.add (.abs (.sub .yValue .zValue)) .zEps))
        (.max .zEps (.add (.abs (.sub .yValue .zValue)) .yEps)))
      .zEps)

/-- x divided by the value of y, which is positive and has no error. -/
def divLaw : OperationLaw where
  value := .round (.div .xValue .yValue)
  eps := .add (.div .xEps .yValue) (.halfUlp (.div .xValue .yValue))

/-- The formats by name. -/
def namedFormats : List (String × Format) :=
  [("binary16", .binary16), ("bfloat16", .bfloat16), ("binary32", .binary32),
    ("binary64", .binary64), ("tf32", .tf32)]

/-- The formats of matrix instructions by name, each with how many of its greatest significands are
taken by nan. -/
def narrowFormats : List (String × Format × Nat) :=
  [("float8_e4m3fn", Format.Narrow.e4m3fn, 1), ("float8_e5m2", Format.Narrow.e5m2, 0),
    ("float8_e4m3fnuz", Format.Narrow.e4m3fnuz, 0), ("float8_e5m2fnuz", Format.Narrow.e5m2fnuz, 0),
    ("float4_e2m1fn", Format.Narrow.e2m1fn, 0), ("float6_e2m3fn", Format.Narrow.e2m3fn, 0),
    ("float6_e3m2fn", Format.Narrow.e3m2fn, 0), ("e8m13", Format.Narrow.e8m13, 0),
    ("extended", Format.Narrow.extended, 0)]

/-- The second list after the first. -/
def appended {α : Type} : List α → List α → List α
  | [], bs => bs
  | a :: as, bs => a :: appended as bs

/-! ### JSON -/

/-- The texts with a separator between them. -/
def joined (separator : String) : List String → String
  | [] => ""
  | [s] => s
  | s :: ss => s ++ separator ++ joined separator ss

/-- A JSON string of a text without characters to escape. -/
def jsonString (s : String) : String := "\"" ++ s ++ "\""

/-- A JSON list. -/
def jsonList (items : List String) : String := "[" ++ joined ", " items ++ "]"

/-- A member of a JSON object. -/
def jsonMember (name value : String) : String := jsonString name ++ ": " ++ value

/-- A JSON object. -/
def jsonObject (members : List String) : String := "{" ++ joined ", " members ++ "}"

/-- A JSON object of one member. -/
def jsonNode (name value : String) : String := jsonObject [jsonMember name value]

/-- The JSON of a size expression. -/
def Size.json : Size → String
  | lit n => toString n
  | param p => jsonString p.name
  | neg a => jsonNode "neg" a.json
  | add a b => jsonNode "add" (jsonList [a.json, b.json])
  | sub a b => jsonNode "sub" (jsonList [a.json, b.json])
  | mul a b => jsonNode "mul" (jsonList [a.json, b.json])
  | div a b => jsonNode "div" (jsonList [a.json, b.json])

/-- The JSON of a list of size expressions. -/
def sizesJson (l : List Size) : String := jsonList (mapList Size.json l)

/-- The JSON of an axis. -/
def Axis.json (a : Axis Size) : String :=
  jsonObject [jsonMember "extent" a.extent.json, jsonMember "index" (jsonObject [
    jsonMember "out" (sizesJson a.index.out), jsonMember "red" (sizesJson a.index.red),
    jsonMember "offset" a.index.offset.json, jsonMember "divisor" a.index.divisor.json])]

/-- The JSON of an operand. -/
def Operand.json (p : Operand Size) : String :=
  jsonObject [jsonMember "name" (jsonString p.name),
    jsonMember "axes" (jsonList (mapList Axis.json p.axes))]

/-- The JSON of a contraction, with the name of its declaration. -/
def Contraction.json (name : String) (c : Contraction Size) : String :=
  jsonObject [jsonMember "name" (jsonString name),
    jsonMember "out" (jsonList (mapList sizesJson c.out)), jsonMember "red" (sizesJson c.red),
    jsonMember "factors" (jsonList (mapList Operand.json (c.factor :: c.factors))),
    jsonMember "addends" (jsonList (mapList Operand.json c.addends))]

/-- The JSON of a law. -/
def Law.json : Law → String
  | xValue => jsonNode "var" (jsonString "x.value")
  | xEps => jsonNode "var" (jsonString "x.eps")
  | yValue => jsonNode "var" (jsonString "y.value")
  | yEps => jsonNode "var" (jsonString "y.eps")
  | zValue => jsonNode "var" (jsonString "z.value")
  | zEps => jsonNode "var" (jsonString "z.eps")
  | zero => jsonNode "zero" "true"
  | one => jsonNode "one" "true"
  | add a b => jsonNode "add" (jsonList [a.json, b.json])
  | sub a b => jsonNode "sub" (jsonList [a.json, b.json])
  | mul a b => jsonNode "mul" (jsonList [a.json, b.json])
  | div a b => jsonNode "div" (jsonList [a.json, b.json])
  | max a b => jsonNode "max" (jsonList [a.json, b.json])
  | ifLe a b c d => jsonNode "ifLe" (jsonList [a.json, b.json, c.json, d.json])
  | abs a => jsonNode "abs" a.json
  | round a => jsonNode "round" a.json
  | halfUlp a => jsonNode "halfUlp" a.json

/-- The JSON of what an operation does. -/
def OperationLaw.json (l : OperationLaw) : String :=
  jsonObject [jsonMember "value" l.value.json, jsonMember "eps" l.eps.json]

/-- The errors of a mode's operations, as exponents of two. -/
def Format.Mode.json (m : Format.Mode) : String :=
  jsonObject [jsonMember "relative" (toString m.roundoffExponent),
    jsonMember "absolute" (toString m.underflowExponent)]

/-- The members of a format's JSON object: parameters, and the errors of its operations in every
mode. -/
def formatMembers (f : Format) : List String :=
  [jsonMember "precision" (toString f.precision),
    jsonMember "minExponent" (toString f.minExponent),
    jsonMember "maxExponent" (toString f.maxExponent),
    jsonMember "errors" (jsonObject [
      jsonMember "nearest" (Format.Mode.mk f false false).json,
      jsonMember "towardZero" (Format.Mode.mk f true false).json,
      jsonMember "nearestFlushed" (Format.Mode.mk f false true).json,
      jsonMember "towardZeroFlushed" (Format.Mode.mk f true true).json])]

/-- The JSON of a named format. -/
def formatJson : String × Format → String
  | (name, f) => jsonMember name (jsonObject (formatMembers f))

/-- The JSON of a named format of matrix instructions. -/
def narrowJson : String × Format × Nat → String
  | (name, f, reserved) =>
    jsonMember name (jsonObject (jsonMember "reserved" (toString reserved) :: formatMembers f))

/-- The JSON of a formula. -/
def Formula.json : Formula → String
  | var v => jsonNode "var" (jsonString v)
  | nat n => jsonNode "nat" (toString n)
  | add a b => jsonNode "add" (jsonList [a.json, b.json])
  | sub a b => jsonNode "sub" (jsonList [a.json, b.json])
  | mul a b => jsonNode "mul" (jsonList [a.json, b.json])
  | div a b => jsonNode "div" (jsonList [a.json, b.json])
  | pow a n => jsonNode "pow" (jsonList [a.json, jsonString n])

/-- The JSON of a named formula. -/
def formulaJson : String × Formula → String
  | (name, f) => jsonMember name f.json

/-- Everything that is evaluated outside of Lean, as one JSON document. -/
def exported : String :=
  jsonObject [
    jsonMember "parameters" (jsonList (mapList (fun p => jsonString (Param.name p)) Param.all)),
    jsonMember "outputSize" (jsonObject [
      jsonMember "outputH" outputHeight.json, jsonMember "outputW" outputWidth.json]),
    jsonMember "contractions" (jsonObject [
      jsonMember "forward" ((conv2dForward symbols).json "RuntimeApprox.conv2dForward"),
      jsonMember "bias" ((conv2dBiasGrad symbols).json "RuntimeApprox.conv2dBiasGrad"),
      jsonMember "weight" ((conv2dKernelGrad symbols).json "RuntimeApprox.conv2dKernelGrad"),
      jsonMember "input" ((conv2dInputGrad symbols).json "RuntimeApprox.conv2dInputGrad")]),
    jsonMember "laws" (jsonObject [
      jsonMember "zero" zeroLaw.json, jsonMember "add" addLaw.json, jsonMember "mul" mulLaw.json,
      jsonMember "max" maxLaw.json, jsonMember "greater" greaterLaw.json,
      jsonMember "atLeast" atLeastLaw.json, jsonMember "choose" chooseLaw.json,
      jsonMember "div" divLaw.json]),
    jsonMember "formulas" (jsonObject (mapList formulaJson
      (appended namedFormulas (appended slicedFormulas tensorCoreFormulas)))),
    jsonMember "formats" (jsonObject
      (appended (mapList formatJson namedFormats) (mapList narrowJson narrowFormats)))]

end RuntimeApprox
