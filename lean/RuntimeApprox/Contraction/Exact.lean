module

public import RuntimeApprox.Contraction
public import RuntimeApprox.Tensor.Algebra

/-!
# Exact contractions, and contractions that read the same

In exact arithmetic a contraction is a nested sum of products of entries that are zero outside the
operands: a skipped term is a zero, and the order of the loops does not matter. Two contractions that
read the same entries in corresponding iterations, result and operands in another order, are gradients
of one another.

## Main definitions
* `indices axes o r`: where the term at (o, r) reads, none where a division is not exact.
* `valueAt`, `valuesAt`, `addendsAt`: the entry there, zero where there is none; the product over
  the factors, and the sum over the addends.
* `InLoops`, `AllLoops`: the iterations of loops.
* `outDims`, `places`: the loops over the result, and the place that an iteration computes.
* `pairing`: the product of entries of tensors, each at its own place.
* `Contraction.reads`: where an iteration reads the result and the operands.
* `Contraction.Reordered c c' order`: c′ reads what c reads, in another order of result and operands.
* `Contraction.Shapes`, `Contraction.apply`: the shapes of operands and result, and the contraction of
  tensors of these shapes. At any number of loops an operand's shape is a computation.
* `Contraction.addition`: what an addend adds, as a contraction.
* `Bilinear f`: f(x, y, b) is bilinear in x and y, and b is added to it.
* `Adjoints f gx gy gb`: gradients, each of which is the adjoint of f in one operand.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

section
variable {K : Type u} [OrderedField K]

/-! ### What the terms of an entry are -/

/-- Where the term at (o, r) reads an operand; none where a division is not exact. -/
def indices : List (Axis Int) → (o r : List Nat) → Option (List Int)
  | [], _, _ => some []
  | a :: as, o, r =>
    match a.index.eval o r, indices as o r with
    | some i, some is => some (i :: is)
    | _, _ => none

/-- The entry of an operand that the term at (o, r) reads; zero where there is none. -/
def valueAt (axes : List (Axis Int)) (t : Tensor K (extents axes)) (o r : List Nat) : K :=
  match indices axes o r with
  | none => 0
  | some is => t.entry is

/-- The product of the entries of the operands that the term at (o, r) reads. -/
def valuesAt (o r : List Nat) : (ps : List (Operand Int)) → Tensors K (shapes ps) → K
  | [], _ => 1
  | p :: ps, (t, ts) => valueAt p.axes t o r * valuesAt o r ps ts

/-- The sum of the entries of the addends at `o`. -/
def addendsAt (o : List Nat) : (ps : List (Operand Int)) → Tensors K (shapes ps) → K
  | [], _ => 0
  | p :: ps, (t, ts) => valueAt p.axes t o [] + addendsAt o ps ts

/-! ### Iterations, and what they read -/

/-- i₁ < n₁, i₂ < n₂, … -/
def InLoops : List Nat → List Nat → Prop
  | [], [] => True
  | n :: ns, i :: is => i < n ∧ InLoops ns is
  | _, _ => False

/-- `P` holds of all indices [i₁, i₂, …] with i₁ < n₁, i₂ < n₂, … -/
def AllLoops : List Nat → (List Nat → Prop) → Prop
  | [], P => P []
  | n :: ns, P => ∀ i, i < n → AllLoops ns fun is => P (i :: is)

/-- The lengths of the loops over the result. -/
def outDims : List (List Int) → List Nat
  | [] => []
  | d :: ds => toNats d ++ outDims ds

/-- The row-major position of indices in loops of lengths `dims`, which may be followed by others. -/
def position : (dims : List Nat) → List Nat → Nat
  | [], _ => 0
  | _, [] => 0
  | _ :: ds, i :: is => i * prod ds + position ds is

/-- The place of the result that is computed in an iteration. -/
def places : List (List Int) → List Nat → List Int
  | [], _ => []
  | d :: ds, o => (position (toNats d) o : Int) :: places ds (o.drop d.length)

/-- 0 ≤ i₁ < n₁, 0 ≤ i₂ < n₂, … -/
def Inside : List Nat → List Int → Prop
  | [], _ => True
  | _ :: _, [] => False
  | n :: s, i :: is => (0 ≤ i ∧ i < n) ∧ Inside s is

/-- The entry at a place; zero where there is none. -/
def entryAt (e : List Int → K) : Option (List Int) → K
  | none => 0
  | some is => e is

/-- There is a place, and it is inside the shape. -/
def InsideAt (s : List Nat) : Option (List Int) → Prop
  | none => False
  | some is => Inside s is

/-- The product of the entries of tensors, each at its own place. -/
def pairing : List (List Int → K) → List (Option (List Int)) → K
  | e :: es, p :: ps => entryAt e p * pairing es ps
  | _, _ => 1

/-- The entries of tensors. -/
def Tensors.entries : {ss : List (List Nat)} → Tensors K ss → List (List Int → K)
  | [], _ => []
  | _ :: _, (t, ts) => t.entry :: Tensors.entries ts

/-- Every place is inside its shape. -/
def InsideAll : List (List Nat) → List (Option (List Int)) → Prop
  | s :: ss, p :: ps => InsideAt s p ∧ InsideAll ss ps
  | _, _ => True

/-! ### Functions of three operands -/

/-- f(x, y, b) is bilinear in x and y, and linear in b, which is added. -/
structure Bilinear {p q a s : List Nat}
    (f : Tensor K p → Tensor K q → Tensor K a → Tensor K s) : Prop where
  /-- f(x + dx, y, b) = f(x, y, b) + f(dx, y, 0) -/
  add_first : ∀ x dx y b, f (x + dx) y b = f x y b + f dx y 0
  /-- f(x, y + dy, b) = f(x, y, b) + f(x, dy, 0) -/
  add_second : ∀ x y dy b, f x (y + dy) b = f x y b + f x dy 0
  /-- f(x, y, b + db) = f(x, y, b) + f(0, 0, db) -/
  add_addend : ∀ x y b db, f x y (b + db) = f x y b + f 0 0 db
  /-- f(t·x, y, 0) = t·f(x, y, 0) -/
  smul_first : ∀ (t : K) x y, f (t • x) y 0 = t • f x y 0
  /-- f(x, t·y, 0) = t·f(x, y, 0) -/
  smul_second : ∀ (t : K) x y, f x (t • y) 0 = t • f x y 0
  /-- f(0, 0, t·b) = t·f(0, 0, b) -/
  smul_addend : ∀ (t : K) b, f 0 0 (t • b) = t • f 0 0 b

/-- The functions gx, gy and gb of δ are the adjoints of f in each of its operands at (x, y). -/
structure Adjoints {p q a s : List Nat} (f : Tensor K p → Tensor K q → Tensor K a → Tensor K s)
    (gx : Tensor K q → Tensor K s → Tensor K p) (gy : Tensor K p → Tensor K s → Tensor K q)
    (gb : Tensor K s → Tensor K a) : Prop where
  /-- ⟨δ, f(x, y, 0)⟩ = ⟨x, gx(y, δ)⟩ -/
  first : ∀ (x : Tensor K p) y (δ : Tensor K s), δ.dot (f x y 0) = x.dot (gx y δ)
  /-- ⟨δ, f(x, y, 0)⟩ = ⟨y, gy(x, δ)⟩ -/
  second : ∀ x (y : Tensor K q) (δ : Tensor K s), δ.dot (f x y 0) = y.dot (gy x δ)
  /-- ⟨δ, f(0, 0, b)⟩ = ⟨b, gb(δ)⟩ -/
  addend : ∀ (b : Tensor K a) (δ : Tensor K s), δ.dot (f 0 0 b) = b.dot (gb δ)

end

namespace Contraction

/-- Where the iteration (o, r) writes the result, and reads the operands. -/
def reads (c : Contraction Int) (o r : List Nat) : List (Option (List Int)) :=
  some (places c.out o) :: (c.factor :: c.factors).map fun p => indices p.axes o r

/-- Whatever the iteration (o, r) reads is inside; otherwise its term is zero. -/
def Live (c : Contraction Int) (o r : List Nat) : Prop :=
  InsideAll (c.shape :: shapes (c.factor :: c.factors)) (c.reads o r)

/-- The contraction c′ reads the tensors that c reads, in another order: number k of its result and
operands is number `order[k]` of those of c. The iterations of both that read inside all tensors
correspond: they read the same places. -/
structure Reordered (c c' : Contraction Int) (order : List Nat) where
  /-- From iterations of c to those of c′. -/
  there : List Nat → List Nat → List Nat × List Nat
  /-- From iterations of c′ to those of c. -/
  back : List Nat → List Nat → List Nat × List Nat
  length : order.length = c.factors.length + 2
  length_back : order.length = c'.factors.length + 2
  perm : order.Perm (List.range order.length)
  reads_there : AllLoops (outDims c.out) fun o => AllLoops (toNats c.red) fun r => c.Live o r →
    InLoops (outDims c'.out) (there o r).1 ∧ InLoops (toNats c'.red) (there o r).2 ∧
      back (there o r).1 (there o r).2 = (o, r) ∧
      c'.reads (there o r).1 (there o r).2 = order.map ((c.reads o r).getD · none)
  reads_back : AllLoops (outDims c'.out) fun o => AllLoops (toNats c'.red) fun r => c'.Live o r →
    InLoops (outDims c.out) (back o r).1 ∧ InLoops (toNats c.red) (back o r).2 ∧
      there (back o r).1 (back o r).2 = (o, r) ∧
      c'.reads o r = order.map ((c.reads (back o r).1 (back o r).2).getD · none)

/-- The shapes of the factors, of the addends, and of the result. -/
structure Shapes (c : Contraction Int) (fs as : List (List Nat)) (s : List Nat) : Prop where
  factors : shapes (c.factor :: c.factors) = fs
  addends : shapes c.addends = as
  result : c.shape = s

/-- The contraction of tensors of these shapes. -/
def apply {α : Type u} (A : Arithmetic α) (c : Contraction Int) {fs as : List (List Nat)}
    {s : List Nat} (h : c.Shapes fs as s) (x : Tensors α fs) (b : Tensors α as) : Tensor α s :=
  cast (congrArg (Tensor α) h.result) (c.eval A (cast (congrArg (Tensors α) h.factors.symm) x)
    (cast (congrArg (Tensors α) h.addends.symm) b))

/-- The addition of the first addend, as a contraction. -/
def addition (c : Contraction Int) : Contraction Int :=
  ⟨c.out, [], c.addends.headD ⟨"", []⟩, [], []⟩

end Contraction

end RuntimeApprox
