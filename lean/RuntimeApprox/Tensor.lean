module

public import RuntimeApprox.OrderedField

/-!
# Tensors

A tensor of a given shape is a vector of tensors, down to a scalar. Everything else in the library
depends only on building a tensor from its entries, reading an entry, and relating two tensors
entry by entry.

## Main definitions
* `Tensor α s`, `Index s`, `Tensor.ofFn`, `Tensor.get`, `Tensor.map`, `Tensor.zipWith`, `Tensor.fill`.
* `Tensors α ss`: a list of tensors of the shapes `ss`.
* `Tensor.Rel`, `Tensors.Rel`: a relation that holds at every entry.
* `linfNorm`: the largest absolute value of an entry.
* `approxT exact rounded eps`: every entry of `rounded` is within `eps` of that of `exact`.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u v

/-- f (n−1) (… (f 1 (f 0 a))): a loop that runs `n` times, counting from 0. -/
def loop {α : Type u} : Nat → (Nat → α → α) → α → α
  | 0, _, a => a
  | n + 1, f, a => f n (loop n f a)

/-- The vector of the first `k` values of `f`. -/
def tabulateTo {α : Type u} {n : Nat} (f : Fin n → α) : (k : Nat) → k ≤ n → Vector α k
  | 0, _ => #v[]
  | k + 1, h => (tabulateTo f k (Nat.le_of_succ_le h)).push (f ⟨k, h⟩)

/-- The vector of the values of `f`. -/
def tabulate {α : Type u} {n : Nat} (f : Fin n → α) : Vector α n :=
  tabulateTo f n (Nat.le_refl n)

/-- Tensors of shape `s` with entries in `α`. -/
def Tensor (α : Type u) : List Nat → Type u
  | [] => α
  | n :: s => Vector (Tensor α s) n

/-- The places of the entries of a tensor of shape `s`. -/
def Index : List Nat → Type
  | [] => Unit
  | n :: s => Fin n × Index s

/-- The tensor whose entry at `i` is `f i`. -/
def Tensor.ofFn {α : Type u} : (s : List Nat) → (Index s → α) → Tensor α s
  | [], f => f ()
  | _ :: s, f => tabulate fun i => Tensor.ofFn s fun j => f (i, j)

/-- The entry at an index. -/
def Tensor.get {α : Type u} : {s : List Nat} → Tensor α s → Index s → α
  | [], t, _ => t
  | _ :: _, t, (i, j) => Tensor.get (Vector.get t i) j

/-- `f` applied to every entry. -/
def Tensor.map {α : Type u} {β : Type v} {s : List Nat} (f : α → β) (t : Tensor α s) :
    Tensor β s :=
  Tensor.ofFn s fun i => f (t.get i)

/-- `f` at every pair of entries. -/
def Tensor.zipWith {α β γ : Type u} (f : α → β → γ) {s : List Nat} (t : Tensor α s)
    (r : Tensor β s) : Tensor γ s :=
  Tensor.ofFn s fun i => f (t.get i) (r.get i)

/-- The tensor of which every entry is `a`. -/
def Tensor.fill {α : Type u} (s : List Nat) (a : α) : Tensor α s := Tensor.ofFn s fun _ => a

/-- One tensor of each of the shapes. -/
def Tensors (α : Type u) : List (List Nat) → Type u
  | [] => PUnit
  | s :: ss => Tensor α s × Tensors α ss

/-- `f` at every entry of every tensor. -/
def Tensors.map {α β : Type u} (f : α → β) : {Γ : List (List Nat)} → Tensors α Γ → Tensors β Γ
  | [], _ => ⟨⟩
  | _ :: _, (t, ts) => (t.map f, Tensors.map f ts)

/-- The relation `R` holds at every entry. -/
def Tensor.Rel {α : Type u} {β : Type v} (R : α → β → Prop) {s : List Nat} (t : Tensor α s)
    (u : Tensor β s) : Prop :=
  ∀ i, R (t.get i) (u.get i)

/-- The relation `R` holds at every entry of every tensor. -/
def Tensors.Rel {α : Type u} {β : Type v} (R : α → β → Prop) :
    {ss : List (List Nat)} → Tensors α ss → Tensors β ss → Prop
  | [], _, _ => True
  | _ :: _, (t, ts), (u, us) => t.Rel R u ∧ Tensors.Rel R ts us

variable {K : Type u} [OrderedField K]

/-- The largest of 0 and the first `k` values of `f`. -/
def maxTo {n : Nat} (f : Fin n → K) : (k : Nat) → k ≤ n → K
  | 0, _ => 0
  | k + 1, h => max (maxTo f k (Nat.le_of_succ_le h)) (f ⟨k, h⟩)

/-- The largest absolute value of an entry; 0 where there is none. -/
def linfNorm : {s : List Nat} → Tensor K s → K
  | [], (t : K) => abs t
  | n :: _, t => maxTo (fun i => linfNorm (Vector.get t i)) n (Nat.le_refl n)

/-- Every entry of `rounded` is within `eps` of the entry of `exact`: maxᵢ |roundedᵢ − exactᵢ| ≤ eps. -/
def approxT {s : List Nat} (exact rounded : Tensor K s) (eps : K) : Prop :=
  ∀ i, abs (rounded.get i - exact.get i) ≤ eps

end RuntimeApprox
