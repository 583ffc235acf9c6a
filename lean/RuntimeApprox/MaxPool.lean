module

public import RuntimeApprox.Choice
public import RuntimeApprox.Contraction.Theorems

/-!
# Pooling by the largest entry

A window reads entries of the input as the terms of a sum over windows do, and gives the largest one;
padding is skipped. The gradient of an output goes to the first of the window's largest entries, as in
PyTorch. The machine's comparisons are exact, but what it compares has errors: where a comparison may
come out the other way, the bound of the gradient covers both answers.

The windows are those of the contractions that define sums over windows and their gradient.

## Main definitions
* `reduced f red term`: the terms of a loop, reduced by `f` from the first one on.
* `isFirst`: 1 if an entry is the first largest of its window, otherwise 0.
* `maxPoolNode`: the largest entry of each window.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {α : Type u}

/-- The next term after those reduced so far: the first one as it is, others by `f`. -/
def firstThen (f : α → α → α) (acc : Option α) (a : α) : Option α :=
  match acc with
  | none => some a
  | some b => some (f b a)

/-- Whether `is` comes before `js` in a loop. -/
def comesBefore : (is js : List Nat) → Bool
  | i :: is, j :: js => if i < j then true else if j < i then false else comesBefore is js
  | _, _ => false

/-- The entry that axes read; none where an index falls outside. -/
def placeOf : List (Axis Int) → (o r : List Nat) → Option (List Nat)
  | [], _, _ => some []
  | a :: as, o, r =>
    match a.index.eval o r with
    | none => none
    | some i =>
      match placeOf as o r with
      | none => none
      | some is => if 0 ≤ i then some (i.toNat :: is) else none

/-- The terms of a loop, reduced by `f`; none if there is no term. -/
def reduced (f : α → α → α) (red : List Nat) (term : List Nat → Option α) : Option α :=
  loops red (fun r acc =>
    match term r with
    | none => acc
    | some a => firstThen f acc a) none

/-- The position of an entry along each axis. -/
def Index.toList : {s : List Nat} → Index s → List Nat
  | [], _ => []
  | _ :: _, (i, j) => i.1 :: Index.toList j

section
variable {K : Type u} [OrderedField K] (A : NetArithmetic K α) (axes : List (Axis Int))
  (red : List Nat) (x : Tensor α (extents axes))

/-- The largest entry of the window of an output; none if it reads nothing. -/
def largestOf (o : List Nat) : Option α :=
  reduced (A.apply₂ maxOp) red fun r => read axes x o r

/-- 1 if the entry `a`, which the window of an output reads at `r`, is the first of its largest
entries, otherwise 0: it is above the entries before it and at least those after it. -/
def isFirst (o r : List Nat) (a : α) : α :=
  loops red (fun r' acc =>
    match read axes x o r' with
    | none => acc
    | some b =>
      if comesBefore r' r then A.apply₃ chooseOp (A.apply₂ greaterOp a b) A.zero acc
      else if comesBefore r r' then A.apply₃ chooseOp (A.apply₂ atLeastOp a b) A.zero acc
      else acc) (A.const 1)

variable (gradAxes : List (Axis Int)) (δ : Tensor α (extents gradAxes))

/-- What the output whose window reads the input's entry `i` at `r` passes to it. -/
def passed (i r : List Nat) : Option α :=
  match placeOf gradAxes i r with
  | none => none
  | some o =>
    (read gradAxes δ i r).bind fun d => (read axes x o r).bind fun a =>
      some (A.apply₃ chooseOp (isFirst A axes red x o r a) A.zero d)

end

/-! ### Relations -/

section
variable {β : Type u} {K : Type u} [OrderedField K] {A : NetArithmetic K α} {B : NetArithmetic K β}
  {R : α → β → Prop}

theorem firstThen_rel {f : α → α → α} {g : β → β → β}
    (h : ∀ a b c d, R a b → R c d → R (f a c) (g b d)) {acc : Option α} {acc' : Option β}
    (hacc : Option.Rel R acc acc') {a : α} {b : β} (hab : R a b) :
    Option.Rel R (firstThen f acc a) (firstThen g acc' b) :=
  match hacc with
  | .none => .some hab
  | .some hacc => .some (h _ _ _ _ hacc hab)

theorem reduced_rel {f : α → α → α} {g : β → β → β}
    (h : ∀ a b c d, R a b → R c d → R (f a c) (g b d)) (red : List Nat) {t : List Nat → Option α}
    {u : List Nat → Option β} (htu : ∀ r, Option.Rel R (t r) (u r)) :
    Option.Rel R (reduced f red t) (reduced g red u) :=
  loops_rel (R := Option.Rel R) red .none fun r acc acc' hacc => by
    match t r, u r, htu r with
    | _, _, .none => exact hacc
    | _, _, .some h' => exact firstThen_rel h hacc h'

variable (hAB : A.Respects B R) {axes : List (Axis Int)} {x : Tensor α (extents axes)}
  {y : Tensor β (extents axes)} (red : List Nat) (hx : x.Rel R y)
include hAB hx

theorem isFirst_rel (o r : List Nat) {a : α} {b : β} (hab : R a b) :
    R (isFirst A axes red x o r a) (isFirst B axes red y o r b) :=
  loops_rel red (hAB.const 1) fun r' acc acc' hacc => by
    match read axes x o r', read axes y o r', read_rel axes hx o r' with
    | _, _, .none => exact hacc
    | _, _, .some h =>
      show R (if _ then _ else _) (if _ then _ else _)
      split
      · exact hAB.apply₃ _ _ _ _ _ _ _ (hAB.apply₂ _ _ _ _ _ hab h) hAB.zero hacc
      · split
        · exact hAB.apply₃ _ _ _ _ _ _ _ (hAB.apply₂ _ _ _ _ _ hab h) hAB.zero hacc
        · exact hacc

theorem passed_rel {gradAxes : List (Axis Int)} {δ : Tensor α (extents gradAxes)}
    {γ : Tensor β (extents gradAxes)} (hδ : δ.Rel R γ) (i r : List Nat) :
    Option.Rel R (passed A axes red x gradAxes δ i r) (passed B axes red y gradAxes γ i r) := by
  unfold passed
  split
  · exact .none
  · exact bind_rel (read_rel gradAxes hδ i r) fun _ _ h =>
      bind_rel (read_rel axes hx _ r) fun _ _ h' =>
        .some (hAB.apply₃ _ _ _ _ _ _ _ (isFirst_rel hAB red hx _ r h') hAB.zero h)

end

/-! ### The node -/

/-- The largest entry of each window; the operand is the input. The window of an output reads the
input at `axes`, in the order of the loop `red`; an entry of the input is read by the outputs at
`gradAxes`, in the order of the loop `gradRed`. A window that reads nothing gives zero. -/
def maxPoolNode (K : Type u) [OrderedField K] (axes : List (Axis Int)) (red : List Nat)
    (gradAxes : List (Axis Int)) (gradRed : List Nat) :
    ParametricNode K [extents axes] (extents gradAxes) where
  forward := fun A (x, _) => Tensor.ofFn _ fun o => (largestOf A axes red x o.toList).getD A.zero
  forward_rel := fun hAB (_, _) (_, _) ⟨hx, _⟩ => Tensor.rel_ofFn fun _ =>
    getD_rel (reduced_rel (hAB.apply₂ _) red fun r => read_rel axes hx _ r) hAB.zero
  vjp := fun A (x, _) δ => (Tensor.ofFn _ fun i =>
    (reduced A.add gradRed (passed A axes red x gradAxes δ i.toList)).getD A.zero, ⟨⟩)
  vjp_rel := fun hAB (_, _) (_, _) ⟨hx, _⟩ _ _ hδ => .cons (Tensor.rel_ofFn fun _ =>
    getD_rel (reduced_rel hAB.add gradRed (passed_rel hAB red hx hδ _)) hAB.zero) .nil

end RuntimeApprox
