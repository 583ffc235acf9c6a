module

public import RuntimeApprox.Estimate
public import RuntimeApprox.Tensor.Algebra

/-!
# Products of slices

Results in float64 are checked by error-free splitting (Ozaki, Ogita, Oishi and Rump 2012). Both
factors are cut into slices, x = x₁ + … + xₛ + r, whose entries are multiples of a power of two and so
short that every sum of products of two slices is exact, in any order. What the products that are
computed leave of a result is bounded from the largest entries; what float64 loses where they are
subtracted from a result, one after the other, is bounded from what it computes on the way (a running
error).

## Main definitions
* `Multiple e x`: x is an integer multiple of 2ᵉ.
* `Tensor.plus ts r`: t₁ + … + tₛ + r.
* `Sliced y R x ps Ms`: the first factor x is cut into the slices of `ps`, of which each is beside those
  slices of the second factor y that it multiplies; `Ms` bounds what they leave.
* `Contraction.keptProducts`: the sums of the products of slices that are computed.
* `tailBound`: Σ Xᵢ·Tᵢ.
* `Accumulates`: additions of numbers one after the other, with the magnitudes of what they give.

## References
* K. Ozaki, T. Ogita, S. Oishi, S. M. Rump, *Error-free transformations of matrix multiplication by
  using fast routines of matrix multiplication and its applications*, Numer. Algorithms 59 (2012).
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u

/-- x is an integer multiple of 2ᵉ. -/
def Multiple (e : Int) (x : Rat) : Prop := ∃ k : Int, x = k * pow2 e

section
variable {K : Type u} [OrderedField K]

/-- t₁ + … + tₛ + r -/
def Tensor.plus {s : List Nat} : List (Tensor K s) → Tensor K s → Tensor K s
  | [], r => r
  | t :: ts, r => t + plus ts r

/-- `Sliced y R x ps Ms`: x = x₁ + … + xₛ + r with |r| ≤ R, where `ps` has each xᵢ beside slices of y,
y = y₁ + … + z; `Ms` has (X, T) for each, |xᵢ| ≤ X and |z| ≤ T at every entry. -/
inductive Sliced {s₁ s₂ : List Nat} (y : Tensor K s₂) (R : K) :
    Tensor K s₁ → List (Tensor K s₁ × List (Tensor K s₂)) → List (K × K) → Prop where
  /-- What is left of x. -/
  | rest {r : Tensor K s₁} (h : ∀ i, abs (r.get i) ≤ R) : Sliced y R r [] []
  /-- A slice of x, and the slices of y that it multiplies. -/
  | slice {x₁ x : Tensor K s₁} {ys : List (Tensor K s₂)} {z : Tensor K s₂} {X T : K}
      {ps : List (Tensor K s₁ × List (Tensor K s₂))} {Ms : List (K × K)}
      (hx : ∀ i, abs (x₁.get i) ≤ X) (hy : y = Tensor.plus ys z) (hz : ∀ i, abs (z.get i) ≤ T)
      (others : Sliced y R x ps Ms) : Sliced y R (x₁ + x) ((x₁, ys) :: ps) ((X, T) :: Ms)

/-- Σ Xᵢ·Tᵢ -/
def tailBound (Ms : List (K × K)) : K := (Ms.map fun M => M.1 * M.2).sum

/-- The entries at `o` of the products of slices that are computed, of a contraction of two
factors. -/
def Contraction.keptProducts (out : List (List Int)) (red : List Int) (p₁ p₂ : Operand Int)
    (ps : List (Tensor K (extents p₁.axes) × List (Tensor K (extents p₂.axes)))) (o : List Nat) :
    List K :=
  ps.flatMap fun p => p.2.map fun y => evalAt exact ⟨out, red, p₁, [p₂], []⟩ (p.1, y, ⟨⟩) ⟨⟩ o

end

/-- `Accumulates f v ts w s`: from v, the numbers ts are added one after the other in the format,
each sum rounded to nearest; w is the last, and s the sum of the magnitudes of all of them. -/
inductive Accumulates (f : Format) : Rat → List Rat → Rat → Rat → Prop where
  /-- Nothing is added. -/
  | nil (v : Rat) : Accumulates f v [] v 0
  /-- A number is added, and the others to what that gives. -/
  | cons {v t w s : Rat} {ts : List Rat} (rest : Accumulates f (f.round (v + t)) ts w s) :
      Accumulates f v (t :: ts) w (abs (f.round (v + t)) + s)

end RuntimeApprox
