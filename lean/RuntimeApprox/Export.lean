module

public import RuntimeApprox.AnyOrder
public import RuntimeApprox.Format.Arithmetic
public import RuntimeApprox.Format.Narrow
public import RuntimeApprox.Operations
public import RuntimeApprox.Sliced.Formulas
public import RuntimeApprox.TensorCore

/-!
# The definitions as data

The operations at symbolic sizes, the scalar laws and the coefficients of the estimates as expression
trees, and the formats, each with its JSON text. `RuntimeApprox.Export.Theorems` proves that the trees
mean the definitions that the soundness theorems are about.

## Main definitions
* `Size`: expressions over the numbers of an operation.
* `Operation`, `namedOperations`: the results of each operation, contractions at symbolic sizes.
* `Law`: expressions over three pairs (value, eps).
* `exported`: everything, as one JSON document.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-- An expression over the numbers of an operation, which have names. -/
inductive Size where
  | lit (n : Int)
  | param (name : String)
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

/-- The number that an expression means where names mean numbers. -/
def eval (e : String → Int) : Size → Int
  | lit n => n
  | param name => e name
  | neg a => -eval e a
  | add a b => eval e a + eval e b
  | sub a b => eval e a - eval e b
  | mul a b => eval e a * eval e b
  | div a b => eval e a / eval e b

end Size

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

/-! ### Operations -/

/-- A result of an operation. -/
structure Result where
  /-- `output`, or the operand whose gradient it is. -/
  name : String
  /-- The declaration of its contraction. -/
  declaration : String
  /-- Its contraction. -/
  contraction : Contraction Size

/-- An operation: the names of its numbers, and its results. -/
structure Operation where
  /-- The names of its numbers, in the order of a case. -/
  parameters : List String
  /-- The numbers that are made of the others. -/
  derived : List (String × Size)
  /-- The numbers that may be 0; all others are positive. -/
  mayBeZero : List String
  /-- The results. -/
  results : List Result

/-- ⌊(size + padding − dilation·(kernel − 1) − 1) / stride⌋ + 1, which is positive if and only if the
dilated kernel fits. -/
def outputSize (a : Spatial Size) : Size :=
  (a.size + a.padBegin + a.padEnd - (a.dilation * (a.kernel - 1) + 1)) / a.stride + 1

/-- (size − 1)·stride + dilation·(kernel − 1) + 1 − padding + outputPadding, of which `outputSize` is
`size` if the output's padding is less than the stride. -/
def transposedSize (a : Spatial Size) (outputPadding : Size) : Size :=
  (a.size - 1) * a.stride + (a.dilation * (a.kernel - 1) + 1) - a.padBegin - a.padEnd + outputPadding

/-- What `f` gives for each element, one after the other. -/
def flatMapped {α β : Type} (f : α → List β) (as : List α) : List β := flat (mapList f as)

/-- The numbers of a convolution of the given axes, by their names. -/
def convolutionNames (axes : List (Spatial String)) : Convolution String :=
  ⟨"batch", "groups", "inChannels", "outChannels", axes⟩

/-- The names of the numbers of axis number `i`. -/
def spatialNames (i : String) : Spatial String :=
  ⟨"size" ++ i, "kernel" ++ i, "stride" ++ i, "padBegin" ++ i, "padEnd" ++ i, "dilation" ++ i,
    "output" ++ i⟩

/-- The name of the output's padding along axis number `i`. -/
def outputPaddingName (i : String) : String := "outputPadding" ++ i

/-- The names of an axis's numbers without the output, and then those of `rest`. -/
def windowNames (a : Spatial String) (rest : List String) : List String :=
  a.size :: a.kernel :: a.stride :: a.padBegin :: a.padEnd :: a.dilation :: rest

/-- The results of a convolution of numbers of the given names; the declarations begin with
`declaration`. -/
def convolutionResults (declaration : String) (names : Convolution String) : List Result :=
  let s := names.map Size.param
  [⟨"output", declaration ++ "Forward", convForward s⟩,
    ⟨"bias", declaration ++ "BiasGrad", convBiasGrad s⟩,
    ⟨"weight", declaration ++ "KernelGrad", convKernelGrad s⟩,
    ⟨"input", declaration ++ "InputGrad", convInputGrad s⟩]

/-- The results of a transposed convolution of numbers of the given names. -/
def transposedResults (names : Convolution String) : List Result :=
  let s := names.map Size.param
  [⟨"output", "RuntimeApprox.convTransposeForward", convTransposeForward s⟩,
    ⟨"bias", "RuntimeApprox.convTransposeBiasGrad", convTransposeBiasGrad s⟩,
    ⟨"weight", "RuntimeApprox.convTransposeKernelGrad", convTransposeKernelGrad s⟩,
    ⟨"input", "RuntimeApprox.convTransposeInputGrad", convTransposeInputGrad s⟩]

/-- The results of the canonical product of numbers of the given names. -/
def productResults (B M N K P Q : String) : List Result :=
  let loops := productLoops (Size.param B) (.param M) (.param N) (.param K) (.param P) (.param Q)
  [⟨"output", "RuntimeApprox.einsum", einsum loops⟩,
    ⟨"x", "RuntimeApprox.einsumFirstGrad", einsumFirstGrad loops⟩,
    ⟨"y", "RuntimeApprox.einsumSecondGrad", einsumSecondGrad loops⟩,
    ⟨"addend", "RuntimeApprox.einsumAddendGrad", einsumAddendGrad loops⟩]

/-- The results of sums over windows, of numbers of the given names. -/
def poolResults (batch channels : String) (windows : List (Spatial String)) : List Result :=
  let w := mapList (Spatial.map Size.param) windows
  [⟨"output", "RuntimeApprox.poolForward", poolForward (.param batch) (.param channels) w⟩,
    ⟨"input", "RuntimeApprox.poolGrad", poolGrad (.param batch) (.param channels) w⟩]

/-- A convolution of axes of the given names. -/
def convolution (declaration : String) (parameters : List String) (axes : List (Spatial String)) :
    Operation where
  parameters := "batch" :: "groups" :: "inChannels" :: "outChannels" :: parameters
  derived := mapList (fun a => (a.output, outputSize (a.map Size.param))) axes
  mayBeZero := flatMapped (fun a => [a.size, a.padBegin, a.padEnd]) axes
  results := convolutionResults declaration (convolutionNames axes)

/-- A convolution of axes with the numbers `is`. -/
def convolutionOf (is : List String) : Operation :=
  convolution "RuntimeApprox.conv"
    (flatMapped (fun i => windowNames (spatialNames i) [(spatialNames i).output]) is)
    (mapList spatialNames is)

/-- conv2d, whose numbers have names of their own. -/
def conv2dOperation : Operation :=
  convolution "RuntimeApprox.conv2d"
    ["inputH", "inputW", "kernelH", "kernelW", "strideH", "strideW", "padTop", "padBottom", "padLeft",
      "padRight", "dilationH", "dilationW", "outputH", "outputW"]
    [⟨"inputH", "kernelH", "strideH", "padTop", "padBottom", "dilationH", "outputH"⟩,
      ⟨"inputW", "kernelW", "strideW", "padLeft", "padRight", "dilationW", "outputW"⟩]

/-- A transposed convolution of axes with the numbers `is`. -/
def transposedOf (is : List String) : Operation where
  parameters := "batch" :: "groups" :: "inChannels" :: "outChannels" :: flatMapped (fun i =>
    windowNames (spatialNames i) [outputPaddingName i, (spatialNames i).output]) is
  derived := mapList (fun i => ((spatialNames i).output,
    transposedSize ((spatialNames i).map Size.param) (.param (outputPaddingName i)))) is
  mayBeZero := flatMapped (fun i =>
    [(spatialNames i).padBegin, (spatialNames i).padEnd, outputPaddingName i]) is
  results := transposedResults (convolutionNames (mapList spatialNames is))

/-- The canonical product. -/
def productOperation : Operation where
  parameters := ["B", "M", "N", "K", "P", "Q"]
  derived := []
  mayBeZero := []
  results := productResults "B" "M" "N" "K" "P" "Q"

/-- Sums over windows of axes with the numbers `is`. -/
def poolOf (is : List String) : Operation where
  parameters := "batch" :: "channels" ::
    flatMapped (fun i => windowNames (spatialNames i) [(spatialNames i).output]) is
  derived := mapList (fun i =>
    ((spatialNames i).output, outputSize ((spatialNames i).map Size.param))) is
  mayBeZero := flatMapped (fun i =>
    [(spatialNames i).size, (spatialNames i).padBegin, (spatialNames i).padEnd]) is
  results := poolResults "batch" "channels" (mapList spatialNames is)

/-- The operations by name. -/
def namedOperations : List (String × Operation) :=
  [("conv1d", convolutionOf ["0"]),
    ("conv2d", conv2dOperation),
    ("conv3d", convolutionOf ["0", "1", "2"]),
    ("convTranspose1d", transposedOf ["0"]),
    ("convTranspose2d", transposedOf ["0", "1"]),
    ("convTranspose3d", transposedOf ["0", "1", "2"]),
    ("product", productOperation),
    ("avgPool", poolOf ["0", "1"])]

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
  | param name => jsonString name
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

/-- The JSON of a named operation. -/
def Operation.json : String × Operation → String
  | (name, o) => jsonMember name (jsonObject [
      jsonMember "parameters" (jsonList (mapList jsonString o.parameters)),
      jsonMember "derived" (jsonObject (mapList (fun (d, size) => jsonMember d size.json) o.derived)),
      jsonMember "results" (jsonObject (mapList (fun r =>
        jsonMember r.name (r.contraction.json r.declaration)) o.results))])

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
    jsonMember "operations" (jsonObject (mapList Operation.json namedOperations)),
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
