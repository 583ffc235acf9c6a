module

public import RuntimeApprox.Contraction

/-!
# Reshaping tensors

## Main definitions
* `Index.toNat`: the row-major position of an entry; `Index.ofNat`: the entry at a position.
* `Tensor.reshape`: the same entries, in row-major order, in another shape.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

theorem prod_cons (n : Nat) : (s : List Nat) → prod (n :: s) = n * prod s
  | [] => (Nat.mul_one n).symm
  | _ :: _ => rfl

/-- The row-major position of an entry of a tensor of shape `s`. -/
def Index.toNat : {s : List Nat} → Index s → Nat
  | [], _ => 0
  | _ :: s, (i, j) => i.1 * prod s + Index.toNat j

theorem Index.toNat_lt : {s : List Nat} → (i : Index s) → i.toNat < prod s
  | [], _ => Nat.one_pos
  | n :: s, (i, j) => by
    have := Index.toNat_lt j
    have := Nat.mul_le_mul_right (prod s) i.isLt
    rw [prod_cons, Index.toNat]
    grind

/-- The entry at a row-major position. -/
def Index.ofNat : (s : List Nat) → (k : Nat) → k < prod s → Index s
  | [], _, _ => ()
  | n :: s, k, h =>
    have h' : k < n * prod s := prod_cons n s ▸ h
    (⟨k / prod s, Nat.div_lt_of_lt_mul (Nat.mul_comm n _ ▸ h')⟩,
      Index.ofNat s (k % prod s) (Nat.mod_lt _ (Nat.pos_of_lt_mul_left h')))

/-- The same entries in row-major order, in a shape of as many entries. -/
def Tensor.reshape {α : Type u} {s r : List Nat} (h : prod s = prod r) (t : Tensor α s) :
    Tensor α r :=
  Tensor.ofFn r fun i => t.get (Index.ofNat s i.toNat (h ▸ i.toNat_lt))

end RuntimeApprox
