module

public import RuntimeApprox.Contraction.Exact
public import RuntimeApprox.Operations.Reordered

/-!
# What iterations of the operations read and write

At any number of loops.

## Main definitions
* `Contraction.Terms`: what an iteration reads and where it writes.
* `taps`: the input positions that a window reads; `readers`: the output positions that read one.
* `Loop.place`: the indices of an operand, by its loops.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

/-- The indices as integers. -/
def Index.ints : {s : List Nat} → Index s → List Int
  | [], _ => []
  | _ :: _, (i, is) => i.1 :: ints is

/-- The sum of the entries of tensors, each at its own place. -/
def pairedSum {K : Type u} [OrderedField K] : List (List Int → K) → List (Option (List Int)) → K
  | e :: es, p :: ps => entryAt e p + pairedSum es ps
  | _, _ => 0

/-- The places that the elements of a list have, one after the other. -/
def placesOf {β : Type} (l : List β) (p : β → Option (List Int)) : Option (List Int) :=
  l.foldr (fun b x => joinPlaces (p b) x) (some [])

/-- The iteration (o, r) of a contraction writes at `p`, and reads the factors at `fs` and the addends
at `as`. -/
structure Contraction.Terms (c : Contraction Int) (o r : List Nat) (p : List Int)
    (fs as : List (Option (List Int))) : Prop where
  out : InLoops (outDims c.out) o
  red : r.length = c.red.length
  place : places c.out o = p
  factors : (c.factor :: c.factors).map (fun q => indices q.axes o r) = fs
  addends : c.addends.map (fun q => indices q.axes o []) = as

/-- Each axis with an index of its output and one of its kernel. -/
abbrev steps (axes : List (Spatial Nat)) (os ks : List Nat) : List (Spatial Nat × Nat × Nat) :=
  axes.zip (os.zip ks)

/-- The input positions o·stride + k·dilation − pad that the output positions `os` read by the taps
`ks`. -/
def taps (axes : List (Spatial Nat)) (os ks : List Nat) : List Int :=
  (steps axes os ks).map fun (a, o, k) => o * a.stride + k * a.dilation - a.padBegin

/-- The output positions (h + pad − k·dilation) / stride that read the input positions `hs` by the
taps `ks`; none where a division is not exact. -/
def readers (axes : List (Spatial Nat)) (hs ks : List Nat) : Option (List Int) :=
  placesOf (steps axes hs ks) fun (a, h, k) =>
    if (a.stride : Int) ∣ h + a.padBegin - k * a.dilation then
      some [(h + a.padBegin - k * a.dilation) / a.stride] else none

/-- The indices of the operand whose axes are the loops that `has` says: `o` has the values of the loops
that `out` says, one after the other, and `r` those of the other loops. -/
def Loop.place (out has : Loop Nat → Bool) : List (Loop Nat) → (o r : List Nat) → List Int
  | [], _, _ => []
  | l :: ls, o, r => (bif has l then [((bif out l then o else r).headD 0 : Int)] else []) ++
      (bif out l then place out has ls o.tail r else place out has ls o r.tail)

end RuntimeApprox
