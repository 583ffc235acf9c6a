module

public import RuntimeApprox.Tensor

/-!
# Finite sums, and tensors as vectors

## Main definitions
* `sum n f`: Σ_{i < n} f i.
* `sums ns f`: the nested sum Σ_{i₁ < n₁} Σ_{i₂ < n₂} … f [i₁, i₂, …].
* `0`, `t + u`, `t - u`, `a • t`: entry by entry.
* `Tensor.entry t [i, j, …]`: the entry at integer indices, zero outside the tensor.
* `Tensor.dot t u`: the inner product, the sum over all places of the product of the entries.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

/-- Σ_{i < n} f i -/
def sum : Nat → (Nat → K) → K
  | 0, _ => 0
  | n + 1, f => sum n f + f n

/-- Σ_{i₁ < n₁} Σ_{i₂ < n₂} … f [i₁, i₂, …] -/
def sums : List Nat → (List Nat → K) → K
  | [], f => f []
  | n :: ns, f => sum n fun i => sums ns fun is => f (i :: is)

variable {s : List Nat}

instance : Zero (Tensor K s) := ⟨Tensor.ofFn s fun _ => 0⟩

instance : Add (Tensor K s) := ⟨fun t u => Tensor.ofFn s fun i => t.get i + u.get i⟩

instance : Sub (Tensor K s) := ⟨fun t u => Tensor.ofFn s fun i => t.get i - u.get i⟩

instance : SMul K (Tensor K s) := ⟨fun a t => Tensor.ofFn s fun i => a * t.get i⟩

/-- The entry at integer indices; zero where one of them is outside the tensor, as if it were padded
with zeros without end. -/
def Tensor.entry : {s : List Nat} → Tensor K s → List Int → K
  | [], t, _ => t
  | _ :: _, _, [] => 0
  | n :: _, t, i :: is =>
    if h : 0 ≤ i ∧ i.toNat < n then Tensor.entry (Vector.get t ⟨i.toNat, h.2⟩) is else 0

/-- Natural numbers as integers. -/
def toInts : List Nat → List Int
  | [] => []
  | i :: is => i :: toInts is

/-- ⟨t, u⟩ = Σ_{i₁ < n₁} Σ_{i₂ < n₂} … t[i₁, i₂, …]·u[i₁, i₂, …] -/
def Tensor.dot {s : List Nat} (t u : Tensor K s) : K :=
  sums s fun i => t.entry (RuntimeApprox.toInts i) * u.entry (RuntimeApprox.toInts i)

end RuntimeApprox
