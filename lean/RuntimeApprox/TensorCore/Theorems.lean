module

public import RuntimeApprox.Aligned.Theorems
public import RuntimeApprox.Depth.Kernels
public import RuntimeApprox.Aligned.Staged
public import RuntimeApprox.TensorCore.Growth

/-!
# What kernels that add by matrix instructions err by

## Main results
* `TensorCore.Unit.near`: one step of any unit, of any products in any order.
* `TensorCore.Sums.near`: **s steps and n products, in any tree**: ((1 + δ)ᴸ·(1 + ρ)ˢ − 1)·Σ|tᵢ| +
  (L·δ·σ + 2·s·η)·(1 + δ)ᴸ·(1 + ρ)ˢ with L = n + extra·s.
* `TensorCore.Kernel.near`: **promotion, split-k and a last rounding**.
* `Addend.pow2_product_le_shortfall`: σ, of operands of which largest magnitudes are known.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

open Format

/-- An exact sum that is rounded once: |v − Σtᵢ| ≤ u·Σ|tᵢ| + η. -/
theorem Format.Mode.Gives.near {m : Mode} {ts : List Rat} {v : Rat}
    (h : m.Gives ts.sum v) : Near ⟨m.roundoff, m.underflow⟩ ts v := by
  have h1 := h.abs_sub_le
  have h2 := mul_le_mul_left (Rat.le_of_lt m.roundoff_pos) (abs_listSum_le ts)
  show _ ≤ m.roundoff * sumAbs ts + m.underflow
  grind

/-- The order of addends is the order of their values. -/
theorem addendValues_perm {xs ys : List Addend} (h : xs.Perm ys) :
    (addendValues xs).Perm (addendValues ys) := h.map _

/-- A value is near a list whatever its order. -/
theorem Near.perm {e : ErrorBound Rat} {ts us : List Rat} {v : Rat} (h : Near e ts v)
    (hp : ts.Perm us) : Near e us v := by
  unfold Near at *
  rwa [← listSum_perm hp, ← sumAbs_perm hp]

/-! ### One step -/

namespace TensorCore.Unit

variable {unit : Unit} {m : Mode} {c : Addend} {products : List Addend} {v σ : Rat} {p : Nat}

/-- 0 ≤ δ -/
theorem cut_nonneg (unit : Unit) : 0 ≤ unit.cut := by
  cases unit with
  | exact => exact Rat.le_refl
  | _ => exact pow2_nonneg _

/-- 0 ≤ ρ -/
theorem rounding_relative_nonneg (m : Mode) (unit : Unit) : 0 ≤ (unit.rounding m).relative := by
  have hu := Rat.le_of_lt m.roundoff_pos
  have hf (f : Format) : 0 ≤ 2 * f.unitRoundoff := by have := f.unitRoundoff_pos; grind
  cases unit with
  | aligned | grouped | exact => exact hu
  | staged _ _ _ f | interleaved _ _ _ f =>
    exact ErrorBound.followedBy_relative_nonneg (hf f) hu

/-- 0 ≤ η -/
theorem rounding_absolute_nonneg (m : Mode) (unit : Unit) : 0 ≤ (unit.rounding m).absolute := by
  have hu := Rat.le_of_lt m.roundoff_pos
  have hη := Rat.le_of_lt m.underflow_pos
  cases unit with
  | aligned | grouped | exact => exact hη
  | staged _ _ _ f | interleaved _ _ _ f =>
    have := mul_nonneg (show 0 ≤ 1 + m.roundoff by grind)
      (pow2_nonneg (f.minExponent - f.precision + 1))
    show 0 ≤ (1 + m.roundoff) * pow2 (f.minExponent - f.precision + 1) + m.underflow
    grind

/-- Alignment, flooring and rounding are three steps, of which the last two may be taken first. -/
theorem followedBy_assoc (e₁ e₂ e₃ : ErrorBound Rat) :
    (e₁.followedBy e₂).followedBy e₃ = e₁.followedBy (e₂.followedBy e₃) := by
  unfold ErrorBound.followedBy
  congr 1 <;> grind

/-- If the error of alignment is at most q·2^(−F) of the sum of magnitudes and σ, q may be larger. -/
theorem near_of_le {A q δ : Rat} {e : ErrorBound Rat} {ts : List Rat} (hA : A ≤ q * δ)
    (hσ : 0 ≤ σ) (he : 0 ≤ e.relative) (h : Near (ErrorBound.followedBy ⟨A, A * σ⟩ e) ts v) :
    Near ((ErrorBound.aligned q δ σ).followedBy e) ts v := by
  have h1 := mul_le_mul_left (show 0 ≤ 1 + e.relative by grind) hA
  have h2 := mul_le_mul_left hσ hA
  have h3 := mul_le_mul_left (show 0 ≤ 1 + e.relative by grind) h2
  refine h.mono ?_ ?_
  · show (1 + A) * (1 + e.relative) - 1 ≤ (1 + q * δ) * (1 + e.relative) - 1
    grind
  · show (1 + e.relative) * (A * σ) + e.absolute ≤ (1 + e.relative) * (q * δ * σ) + e.absolute
    grind

/-- With a number of fewer bits, less is cut: 2^(−F − k) ≤ 2^(−F). -/
theorem pow2_neg_add_le (bits more : Nat) : pow2 (-((bits + more : Nat) : Int)) ≤ pow2 (-bits) :=
  pow2_mono (by omega)

/-- Two sums of k and n products, and three more cuts at F bits and one at more: (k + n + 4)·2^(−F). -/
theorem interleaved_le {bits more k n : Nat} (h : k + n ≤ p) :
    (k : Rat) * pow2 (-bits) + n * pow2 (-bits) + 2 * pow2 (-bits) + pow2 (-bits) +
      pow2 (-((bits + more : Nat) : Int)) ≤ ((p + 4 : Nat) : Rat) * pow2 (-bits) := by
  have h1 := pow2_neg_add_le bits more
  have h2 := mul_le_mul_left (pow2_nonneg (-bits)) (Rat.natCast_le_natCast.2 h)
  rw [Rat.natCast_add] at h2 ⊢
  rw [show ((4 : Nat) : Rat) = 4 from rfl]
  grind

/-- One step in two stages. -/
theorem near_staged {bits more : Nat} {drop : Bool} {floor : Format} (hσ : 0 ≤ σ)
    (h : (staged bits more drop floor).Gives m c products v)
    (hp : nonzeros (addendValues products) ≤ p)
    (exponents : ∀ x ∈ c :: products, pow2 x.exponent ≤ abs x.value + σ) :
    Near ((ErrorBound.aligned ((p + 2 : Nat) : Rat) (pow2 (-bits)) σ).followedBy
      ((staged bits more drop floor).rounding m)) (addendValues (c :: products)) v := by
  obtain ⟨x, xs, hperm, hdrop, h⟩ := h
  have hcons := hperm.cons c
  have h1 := staged_step_near (n := p) (σ := σ)
    (by rwa [← nonzeros_perm (addendValues_perm hperm)])
    (fun z hz => exponents z (hcons.mem_iff.2 hz)) hdrop h rfl
  rw [followedBy_assoc] at h1
  refine (near_of_le ?_ hσ (rounding_relative_nonneg m (staged bits more drop floor)) h1).perm
    (addendValues_perm hcons).symm
  have := pow2_neg_add_le bits more
  rw [Rat.natCast_add, show ((2 : Nat) : Rat) = 2 from rfl]
  grind

/-- One step in two stages, of even and odd products. -/
theorem near_interleaved {bits more : Nat} {drop : Bool} {floor : Format} (hσ : 0 ≤ σ)
    (h : (interleaved bits more drop floor).Gives m c products v)
    (hp : nonzeros (addendValues products) ≤ p)
    (exponents : ∀ x ∈ c :: products, pow2 x.exponent ≤ abs x.value + σ) :
    Near ((ErrorBound.aligned ((p + 4 : Nat) : Rat) (pow2 (-bits)) σ).followedBy
      ((interleaved bits more drop floor).rounding m)) (addendValues (c :: products)) v := by
  obtain ⟨x, xs, y, ys, hperm, hdrop, h⟩ := h
  have hcons := hperm.cons c
  have hsum : nonzeros (addendValues (x :: xs)) + nonzeros (addendValues (y :: ys)) ≤ p := by
    rw [← nonzeros_append, ← addendValues_append, ← nonzeros_perm (addendValues_perm hperm)]
    exact hp
  have h1 := staged_step_near_of_two (k := nonzeros (addendValues (x :: xs)))
    (n := nonzeros (addendValues (y :: ys))) (σ := σ) (Nat.le_refl _) (Nat.le_refl _)
    (fun z hz => exponents z (hcons.mem_iff.2 hz)) hdrop h rfl
  rw [followedBy_assoc, ← addendValues_append] at h1
  exact (near_of_le (interleaved_le hsum) hσ
    (rounding_relative_nonneg m (interleaved bits more drop floor)) h1).perm
    (addendValues_perm hcons).symm

/-- One step whose products are summed exactly in groups. -/
theorem near_grouped {bits groups : Nat} (hσ : 0 ≤ σ)
    (h : (grouped bits groups).Gives m c products v)
    (exponents : ∀ x ∈ c :: products, pow2 x.exponent ≤ abs x.value + σ) :
    Near ((ErrorBound.aligned ((p + (groups + 1) : Nat) : Rat) (pow2 (-bits)) σ).followedBy
      ((grouped bits groups).rounding m)) (addendValues (c :: products)) v := by
  obtain ⟨gs, hperm, hgs, h⟩ := h
  have hcons := hperm.cons c
  have h1 := grouped_near hgs (fun z hz => exponents z (hcons.mem_iff.2 hz)) h
  refine (near_of_le ?_ hσ (rounding_relative_nonneg m (grouped bits groups)) h1).perm
    (addendValues_perm hcons).symm
  have := mul_le_mul_left (pow2_nonneg (-bits))
    (Rat.natCast_le_natCast.2 (Nat.le_add_left (groups + 1) p))
  grind

/-- **One step** of at most p products that are cut and not zero, in any order: numbers are cut
p + extra times, and the sum is rounded: (1 + (p + extra)·2^(−F))·(1 + ρ) − 1 relatively. -/
theorem near (h : unit.Gives m c products v) (hσ : 0 ≤ σ)
    (hp : unit.counted products ≤ p)
    (exponents : ∀ x ∈ c :: products, pow2 x.exponent ≤ abs x.value + σ) :
    Near ((ErrorBound.aligned ((p + unit.extra : Nat) : Rat) unit.cut σ).followedBy
      (unit.rounding m)) (addendValues (c :: products)) v := by
  cases unit with
  | grouped bits groups => exact near_grouped hσ h exponents
  | aligned bits down =>
    refine aligned_step_near (n := p + 1) ?_ exponents h
    have hp : nonzeros (addendValues products) ≤ p := hp
    have := nonzeros_append [c.value] (addendValues products)
    have := nonzeros_le_length [c.value]
    show nonzeros ([c.value] ++ addendValues products) ≤ _
    simp at *
    omega
  | staged bits more drop floor => exact near_staged hσ h hp exponents
  | interleaved bits more drop floor => exact near_interleaved hσ h hp exponents
  | exact =>
    have h1 : Near ⟨m.roundoff, m.underflow⟩ _ v := h.near
    refine h1.mono ?_ ?_
    · show m.roundoff ≤ (1 + ((p + 0 : Nat) : Rat) * 0) * (1 + m.roundoff) - 1
      grind
    · show m.underflow ≤ (1 + m.roundoff) * (((p + 0 : Nat) : Rat) * 0 * σ) + m.underflow
      grind

end TensorCore.Unit

/-! ### Growth -/

/-- 1 + n·x ≤ (1 + x)ⁿ for x ≥ 0. -/
theorem one_add_mul_le_pow {x : Rat} (hx : 0 ≤ x) (n : Nat) : 1 + n * x ≤ (1 + x) ^ n := by
  induction n with
  | zero =>
    rw [Rat.pow_zero, show ((0 : Nat) : Rat) = 0 from rfl, Rat.zero_mul, Rat.add_zero]
    exact Rat.le_refl
  | succ n ih =>
    have h1 := mul_le_mul_left (show 0 ≤ 1 + x by grind) ih
    have h2 := mul_nonneg (Rat.natCast_nonneg (a := n)) (mul_nonneg hx hx)
    rw [Rat.pow_succ, Rat.natCast_add, show ((1 : Nat) : Rat) = 1 from rfl]
    grind

/-- A list is near itself. -/
theorem nearAll_self {ρ : Rat} (hρ : 0 ≤ ρ) (ts : List Rat) : NearAll ⟨ρ, 0⟩ ts ts := by
  have h1 := mul_nonneg hρ (sumAbs_nonneg ts)
  constructor
  · show abs (ts.sum - ts.sum) ≤ ρ * sumAbs ts + 0
    rw [abs_sub_self]; grind
  · show sumAbs ts ≤ (1 + ρ) * sumAbs ts + 0
    grind

/-- What an operation adds to what was lost before: if it lets terms grow from g to g′, and loses t
before its rounding and η by it, then (1 + ε)·(l·g) + (1 + ρ)·t + η ≤ (l + t + η)·g′. -/
theorem lost_growth_le {g g' ρ q η l l' t : Rat} (hg : 1 ≤ g) (hρ : 0 ≤ ρ) (hq : 0 ≤ q)
    (hη : 0 ≤ η) (hl : 0 ≤ l) (ht : 0 ≤ t) (h : g * ((1 + q) * (1 + ρ)) ≤ g')
    (hl' : l + t + η ≤ l') :
    (1 + ((1 + q) * (1 + ρ) - 1)) * (l * g) + ((1 + ρ) * t + η) ≤ l' * g' := by
  have h1 := mul_le_mul_left hl h
  have h2 := mul_nonneg hq (show 0 ≤ 1 + ρ by grind)
  have h3 := mul_nonneg (show 0 ≤ g - 1 by grind) (show 0 ≤ (1 + q) * (1 + ρ) by grind)
  have h4 := mul_le_mul_left ht (show 1 + ρ ≤ g' by grind)
  have h5 := mul_le_mul_left hη (show 1 ≤ g' by grind)
  have h6 := mul_le_mul_left (show 0 ≤ g' by grind) hl'
  grind

namespace TensorCore

variable {k : TensorCore} {s s' n n' p : Nat} {ts us : List Rat} {v : Rat}

/-- 1 ≤ growth -/
theorem one_le_growth (k : TensorCore) (s n : Nat) : 1 ≤ k.growth s n := by
  have h1 := OrderedField.one_le_pow (show 1 ≤ 1 + k.unit.cut by
    have := k.unit.cut_nonneg; grind) (n + k.unit.extra * s)
  have h2 := OrderedField.one_le_pow (show 1 ≤ 1 + (k.unit.rounding k.mode).relative by
    have := Unit.rounding_relative_nonneg k.mode k.unit; grind) s
  have := mul_le_mul h1 h2 (by grind) (by grind)
  unfold growth
  grind

/-- More steps and products let the terms grow by more. -/
theorem growth_mono (k : TensorCore) (hs : s ≤ s') (hn : n ≤ n') :
    k.growth s n ≤ k.growth s' n' := by
  have hδ : 1 ≤ 1 + k.unit.cut := by have := k.unit.cut_nonneg; grind
  have hρ : 1 ≤ 1 + (k.unit.rounding k.mode).relative := by
    have := Unit.rounding_relative_nonneg k.mode k.unit; grind
  have h0 := Nat.mul_le_mul_left k.unit.extra hs
  have h1 := OrderedField.pow_le_pow_right hδ (show n + k.unit.extra * s ≤ n' + k.unit.extra * s' by
    omega)
  have h2 := OrderedField.pow_le_pow_right hρ hs
  have h3 := OrderedField.one_le_pow hρ s
  have h4 := OrderedField.one_le_pow hδ (n' + k.unit.extra * s')
  exact mul_le_mul h1 h2 (by grind) (by grind)

/-- One step of p products: the growth of a step is (1 + (p + extra)·δ)·(1 + ρ). -/
theorem growth_step (k : TensorCore) (s n p : Nat) :
    k.growth s n * ((1 + ((p + k.unit.extra : Nat) : Rat) * k.unit.cut) *
      (1 + (k.unit.rounding k.mode).relative)) ≤ k.growth (s + 1) (n + p) := by
  have hδ := k.unit.cut_nonneg
  have hρ := Unit.rounding_relative_nonneg k.mode k.unit
  have h1 := one_add_mul_le_pow hδ (p + k.unit.extra)
  have hA := OrderedField.one_le_pow (show 1 ≤ 1 + k.unit.cut by grind) (n + k.unit.extra * s)
  have hB := OrderedField.one_le_pow
    (show 1 ≤ 1 + (k.unit.rounding k.mode).relative by grind) (s + 1)
  unfold growth
  rw [show n + p + k.unit.extra * (s + 1) = n + k.unit.extra * s + (p + k.unit.extra) by
    rw [Nat.mul_add]; omega, Lean.Grind.Semiring.pow_add _ (n + k.unit.extra * s) (p + k.unit.extra)]
  rw [Rat.pow_succ] at *
  generalize (1 + k.unit.cut) ^ (n + k.unit.extra * s) = A at *
  generalize (1 + (k.unit.rounding k.mode).relative) ^ s = B at *
  have h2 := mul_le_mul_left (mul_nonneg (show 0 ≤ A by grind) (show
    0 ≤ B * (1 + (k.unit.rounding k.mode).relative) by grind)) h1
  grind

/-- 0 ≤ what is lost. -/
theorem lost_nonneg (hσ : 0 ≤ k.shortfall) : 0 ≤ k.lost s n := by
  have h1 := mul_nonneg (mul_nonneg (Rat.natCast_nonneg (a := n + k.unit.extra * s))
    k.unit.cut_nonneg) hσ
  have h2 := mul_nonneg (Rat.natCast_nonneg (a := 2 * s - 1))
    (Unit.rounding_absolute_nonneg k.mode k.unit)
  unfold lost
  grind

/-- What is lost in parts and in one operation more is at most what is lost in all. -/
theorem lost_le {a b c d e f : Nat} (hσ : 0 ≤ k.shortfall)
    (hl : b + k.unit.extra * a + (d + k.unit.extra * c) + e ≤ f + k.unit.extra * s)
    (hs : 2 * a - 1 + (2 * c - 1) + 1 ≤ 2 * s - 1) :
    k.lost a b + k.lost c d + ((e : Rat) * k.unit.cut * k.shortfall +
      (k.unit.rounding k.mode).absolute) ≤ k.lost s f := by
  have h1 := mul_le_mul_left (mul_nonneg k.unit.cut_nonneg hσ) (Rat.natCast_le_natCast.2 hl)
  have h2 := mul_le_mul_left (Unit.rounding_absolute_nonneg k.mode k.unit)
    (Rat.natCast_le_natCast.2 hs)
  unfold lost
  simp only [Rat.natCast_add] at *
  grind

namespace Sums

/-- At most so many: more steps and products are allowed as well. -/
theorem mono (h : k.Sums s n ts v) (hs : s ≤ s') (hn : n ≤ n') : k.Sums s' n' ts v := by
  induction h generalizing s' n' with
  | start => exact .start
  | @step s n p _ _ _ _ _ count exponents h ih =>
    obtain ⟨t, rfl⟩ := Nat.exists_eq_add_of_le' (show 1 ≤ s' by omega)
    obtain ⟨m, rfl⟩ := Nat.exists_eq_add_of_le' (show p ≤ n' by omega)
    exact .step (ih (by omega) (by omega)) count exponents h
  | idle _ h ih => exact .idle (ih hs hn) h
  | @add a b c d _ _ _ _ _ _ _ ha hb h ihl ihr =>
    obtain ⟨t, rfl⟩ := Nat.exists_eq_add_of_le' (show b ≤ s' by omega)
    obtain ⟨m, rfl⟩ := Nat.exists_eq_add_of_le' (show d ≤ n' by omega)
    exact .add (ihl (by omega) (by omega)) (ihr (by omega) (by omega)) (by omega) hb h
  | perm hp _ ih => exact .perm hp (ih hs hn)

/-- A first value, or a number: nothing is lost. -/
theorem near_start (hσ : 0 ≤ k.shortfall) (c : Rat) :
    Near ⟨k.growth s n - 1, k.lost s n * k.growth s n⟩ [c] c := by
  have hg := k.one_le_growth s n
  have h1 := mul_nonneg (lost_nonneg (s := s) (n := n) hσ) (show 0 ≤ k.growth s n by grind)
  exact (Near.term (show 0 ≤ k.growth s n - 1 by grind)).mono Rat.le_refl h1

/-- One operation on what is near some of the terms: it loses e·δ·σ before its rounding. -/
theorem near_operation (hσ : 0 ≤ k.shortfall) {l : Rat} {e : Nat} {ps : List Rat} (hl : 0 ≤ l)
    (before : NearAll ⟨k.growth s n - 1, l * k.growth s n⟩ ts ps)
    (h : Near ((ErrorBound.aligned (e : Rat) k.unit.cut k.shortfall).followedBy
      (k.unit.rounding k.mode)) ps v)
    (hg : k.growth s n * ((1 + e * k.unit.cut) * (1 + (k.unit.rounding k.mode).relative)) ≤
      k.growth s' n')
    (hl' : l + (e * k.unit.cut * k.shortfall + (k.unit.rounding k.mode).absolute) ≤ k.lost s' n') :
    Near ⟨k.growth s' n' - 1, k.lost s' n' * k.growth s' n'⟩ ts v := by
  have hρ := Unit.rounding_relative_nonneg k.mode k.unit
  have hq := mul_nonneg (Rat.natCast_nonneg (a := e)) k.unit.cut_nonneg
  have h2 := lost_growth_le (k.one_le_growth s n) hρ hq
    (Unit.rounding_absolute_nonneg k.mode k.unit) hl (mul_nonneg hq hσ) hg
    (show _ ≤ k.lost s' n' by grind)
  refine (before.followedBy (ErrorBound.followedBy_relative_nonneg hq hρ) h).mono ?_ h2
  show (1 + (k.growth s n - 1)) * (1 + ((1 + e * k.unit.cut) *
    (1 + (k.unit.rounding k.mode).relative) - 1)) - 1 ≤ _ - 1
  grind

/-- One more step. -/
theorem near_step (hσ : 0 ≤ k.shortfall) {c : Addend} {products : List Addend}
    (before : Near ⟨k.growth s n - 1, k.lost s n * k.growth s n⟩ ts c.value)
    (count : k.unit.counted products ≤ p)
    (exponents : ∀ x ∈ c :: products, pow2 x.exponent ≤ abs x.value + k.shortfall)
    (h : k.unit.Gives k.mode c products v) :
    Near ⟨k.growth (s + 1) (n + p) - 1, k.lost (s + 1) (n + p) * k.growth (s + 1) (n + p)⟩
      (ts ++ addendValues products) v := by
  have hg := k.one_le_growth s n
  have h1 := before.nearAll.append (nearAll_self (show 0 ≤ k.growth s n - 1 by grind)
    (addendValues products))
  rw [Rat.add_zero] at h1
  have hlost := lost_le (k := k) (a := s) (b := n) (c := 0) (d := 0) (e := p + k.unit.extra)
    (f := n + p) (s := s + 1) hσ (by rw [Nat.mul_add]; omega) (by omega)
  have h0 := lost_nonneg (k := k) (s := 0) (n := 0) hσ
  exact near_operation hσ (lost_nonneg hσ) h1 (Unit.near h hσ count exponents)
    (k.growth_step s n p) (by grind)

/-- What grows by more may have lost as much. -/
theorem near_grown (hσ : 0 ≤ k.shortfall) (hs : s ≤ s') (hn : n ≤ n')
    (h : Near ⟨k.growth s n - 1, k.lost s n * k.growth s n⟩ ts v) :
    Near ⟨k.growth s' n' - 1, k.lost s n * k.growth s' n'⟩ ts v := by
  have hg := k.growth_mono hs hn
  have h1 := mul_le_mul_left (lost_nonneg (k := k) (s := s) (n := n) hσ) hg
  exact h.mono (show _ - 1 ≤ _ - 1 by grind) h1

/-- One addition: the growth of it is 1 + ρ. -/
theorem growth_add (k : TensorCore) (n : Nat) (hs : 1 ≤ s) :
    k.growth (s - 1) n * ((1 + ((0 : Nat) : Rat) * k.unit.cut) *
      (1 + (k.unit.rounding k.mode).relative)) ≤ k.growth s n := by
  have hρ := Unit.rounding_relative_nonneg k.mode k.unit
  have hg := k.one_le_growth (s - 1) n
  have h1 := k.growth_step (s - 1) n 0
  have h2 := mul_nonneg (mul_nonneg (Rat.natCast_nonneg (a := 0 + k.unit.extra)) k.unit.cut_nonneg)
    (mul_nonneg (show 0 ≤ k.growth (s - 1) n by grind)
      (show 0 ≤ 1 + (k.unit.rounding k.mode).relative by grind))
  rw [Nat.sub_add_cancel hs, Nat.add_zero] at h1
  rw [show ((0 : Nat) : Rat) = 0 from rfl]
  grind

/-- Two partial results, added. -/
theorem near_add (hσ : 0 ≤ k.shortfall) (hu : k.added.roundoff ≤ (k.unit.rounding k.mode).relative)
    (hη' : k.added.underflow ≤ (k.unit.rounding k.mode).absolute) {a b : Rat} (hs : 1 ≤ s)
    (hs' : 1 ≤ s') (left : Near ⟨k.growth s n - 1, k.lost s n * k.growth s n⟩ ts a)
    (right : Near ⟨k.growth s' n' - 1, k.lost s' n' * k.growth s' n'⟩ us b)
    (h : k.added.Gives (a + b) v) :
    Near ⟨k.growth (s + s') (n + n') - 1, k.lost (s + s') (n + n') * k.growth (s + s') (n + n')⟩
      (ts ++ us) v := by
  have hl := lost_nonneg (k := k) (s := s) (n := n) hσ
  have hr := lost_nonneg (k := k) (s := s') (n := n') hσ
  have hab : k.added.Gives [a, b].sum v := by
    show k.added.Gives (a + (b + 0)) v
    rwa [Rat.add_zero]
  have hv : Near ((ErrorBound.aligned ((0 : Nat) : Rat) k.unit.cut k.shortfall).followedBy
      (k.unit.rounding k.mode)) [a, b] v := hab.near.mono
    (show _ ≤ (1 + ((0 : Nat) : Rat) * k.unit.cut) * (1 + _) - 1 by
      rw [show ((0 : Nat) : Rat) = 0 from rfl]; grind)
    (show _ ≤ (1 + _) * (((0 : Nat) : Rat) * k.unit.cut * k.shortfall) + _ by
      rw [show ((0 : Nat) : Rat) = 0 from rfl]; grind)
  have h1 := (near_grown (s' := s + s' - 1) (n' := n + n') hσ (by omega) (by omega)
    left).nearAll.append (near_grown hσ (by omega) (by omega) right).nearAll
  rw [← Rat.add_mul] at h1
  exact near_operation hσ (by grind) h1 hv (growth_add k (n + n') (by omega))
    (lost_le hσ (by rw [Nat.mul_add]; omega) (by omega))

/-- Steps and additions in any tree. -/
theorem near_growth (h : k.Sums s n ts v) (hσ : 0 ≤ k.shortfall)
    (hu : k.added.roundoff ≤ (k.unit.rounding k.mode).relative)
    (hη : k.added.underflow ≤ (k.unit.rounding k.mode).absolute) :
    Near ⟨k.growth s n - 1, k.lost s n * k.growth s n⟩ ts v := by
  induction h with
  | start => exact near_start hσ _
  | step _ count exponents h ih => exact near_step hσ ih count exponents h
  | @idle _ _ ts zeros c _ h ih =>
    have := append_zeros ts h
    unfold Near at *
    rwa [this.2.1, this.2.2]
  | add _ _ hs hs' h ihl ihr => exact near_add hσ hu hη hs hs' ihl ihr h
  | perm hp _ ih => exact ih.perm hp

/-- **Matrix instructions in any tree**: at most s steps of at most n products that are not zero and
cut one by one; with L = n + extra·s and g ≥ (1 + δ)ᴸ·(1 + ρ)ˢ, |v − Σtᵢ| ≤ (g − 1)·Σ|tᵢ| + (L·δ·σ + 2·s·η)·g, if
an addition of partial results errs by no more than the rounding of a step. -/
theorem near (h : k.Sums s n ts v) (hσ : 0 ≤ k.shortfall)
    (hu : k.added.roundoff ≤ (k.unit.rounding k.mode).relative)
    (hη : k.added.underflow ≤ (k.unit.rounding k.mode).absolute) {g : Rat}
    (hg : k.growth s n ≤ g) : Near (k.bound s n g) ts v := by
  have h0 := Unit.rounding_absolute_nonneg k.mode k.unit
  have h1 : k.lost s n ≤ ((n + k.unit.extra * s : Nat) : Rat) * k.unit.cut * k.shortfall +
      2 * s * (k.unit.rounding k.mode).absolute := by
    have := mul_le_mul_left h0 (Rat.natCast_le_natCast.2 (show 2 * s - 1 ≤ 2 * s by omega))
    rw [Rat.natCast_mul, show ((2 : Nat) : Rat) = 2 from rfl] at this
    unfold lost
    grind
  have h2 := lost_nonneg (k := k) (s := s) (n := n) hσ
  have h3 := mul_le_mul_left h2 hg
  have h4 := k.one_le_growth s n
  have h5 := mul_le_mul_left (show 0 ≤ g by grind) h1
  refine (near_growth h hσ hu hη).mono ?_ ?_
  · show _ - 1 ≤ g - 1
    grind
  · show k.lost s n * k.growth s n ≤ (((n + k.unit.extra * s : Nat) : Rat) * k.unit.cut *
      k.shortfall + 2 * s * (k.unit.rounding k.mode).absolute) * g
    grind

end Sums

end TensorCore

/-! ### Kernels -/

/-- If each partial sum is as near as e says, all together are as near as ρ and their number times
η. -/
theorem PartialSums.nearAll_of_each {P : List Rat → Rat → Prop} {e : ErrorBound Rat}
    {ts ps : List Rat} (h : PartialSums P ts ps) (hP : ∀ {us p}, P us p → Near e us p) :
    NearAll ⟨e.relative, ps.length * e.absolute⟩ ts ps := by
  induction h with
  | nil =>
    rw [show (([] : List Rat).length : Rat) * e.absolute = 0 from Rat.zero_mul _]
    exact .nil
  | @cons ts us ps p part _ ih =>
    have h1 : NearAll ⟨e.relative, e.absolute⟩ ts [p] := (hP part).nearAll
    have h2 := h1.append ih
    rw [show ((p :: ps).length : Rat) * e.absolute = e.absolute + ps.length * e.absolute by
      rw [List.length_cons, Rat.natCast_add, show ((1 : Nat) : Rat) = 1 from rfl]; grind]
    exact h2
  | perm hp _ ih => exact ih.perm hp

namespace TensorCore.Kernel

variable {k : Kernel} {s n depth : Nat} {ts : List Rat} {v g : Rat} {e₂ : ErrorBound Rat}

/-- 0 ≤ ρ and 0 ≤ η, of the steps. -/
theorem core_bound_nonneg (hσ : 0 ≤ k.core.shortfall) (hg : k.core.growth s n ≤ g) :
    0 ≤ (k.core.bound s n g).relative ∧ 0 ≤ (k.core.bound s n g).absolute := by
  have h1 := k.core.one_le_growth s n
  have h2 := mul_nonneg (mul_nonneg (Rat.natCast_nonneg (a := n + k.core.unit.extra * s))
    k.core.unit.cut_nonneg) hσ
  have h3 := mul_nonneg (show (0 : Rat) ≤ 2 * s by
    have := Rat.natCast_nonneg (a := s); grind)
    (Unit.rounding_absolute_nonneg k.core.mode k.core.unit)
  refine ⟨show 0 ≤ g - 1 by grind, ?_⟩
  exact mul_nonneg (show 0 ≤ _ + _ by grind) (show 0 ≤ g by grind)

/-- The finished sum, where e is proved of the steps, or of those of each partial sum. -/
theorem near_sums {e : ErrorBound Rat} (h : k.Sums s n depth ts v) (he : 0 ≤ e.absolute)
    (hcore : ∀ {us p}, k.core.Sums s n us p → Near e us p)
    (h₂ : ∀ m, k.promoted = some m → m.DepthBound k.parts depth false e₂) :
    Near (k.sumBound e e₂) ts v := by
  unfold Sums at h
  unfold sumBound
  split at h
  · exact hcore h
  · next m hm =>
    obtain ⟨ps, hps, hlen, hv⟩ := h
    have h1 := hps.nearAll_of_each hcore
    have h2 := mul_le_mul_left he (Rat.natCast_le_natCast.2 hlen)
    have h3 : NearAll (e.times (k.parts : Rat)) ts ps := h1.mono Rat.le_refl
      (show (ps.length : Rat) * e.absolute ≤ k.parts * e.absolute by grind)
    exact h3.followedBy (h₂ m hm).relative_nonneg (hv.near_depth (h₂ m hm)
      (fun _ _ h => absurd h Bool.false_ne_true) (Nat.le_trans (nonzeros_le_length ps) hlen))

/-- What is returned, where e is proved of the steps, or of those of each partial sum. -/
theorem near_of {e : ErrorBound Rat} (h : k.Gives s n depth ts v) (he : 0 ≤ e.absolute)
    (hcore : ∀ {us p}, k.core.Sums s n us p → Near e us p)
    (h₂ : ∀ m, k.promoted = some m → m.DepthBound k.parts depth false e₂) :
    Near (k.bound e e₂) ts v := by
  unfold Gives at h
  unfold bound lastRounding
  split at h
  · refine (near_sums h he hcore h₂).followedBy Rat.le_refl ?_
    rw [abs_sub_self]
    show (0 : Rat) ≤ 0 * abs v + 0
    rw [Rat.zero_mul, Rat.add_zero]; exact Rat.le_refl
  · next m _ =>
    obtain ⟨t, ht, hv⟩ := h
    exact (near_sums ht he hcore h₂).followedBy (Rat.le_of_lt m.roundoff_pos) hv.abs_sub_le

/-- **What a kernel of matrix instructions promises**: in at most s steps of at most n products that
are not zero, in any tree; or, if it promotes or splits, in partial sums of so many each. -/
theorem near (h : k.Gives s n depth ts v) (hσ : 0 ≤ k.core.shortfall)
    (hu : k.core.added.roundoff ≤ (k.core.unit.rounding k.core.mode).relative)
    (hη : k.core.added.underflow ≤ (k.core.unit.rounding k.core.mode).absolute)
    (hg : k.core.growth s n ≤ g)
    (h₂ : ∀ m, k.promoted = some m → m.DepthBound k.parts depth false e₂) :
    Near (k.bound (k.core.bound s n g) e₂) ts v :=
  near_of h (core_bound_nonneg hσ hg).2 (fun h => TensorCore.Sums.near h hσ hu hη hg) h₂

end TensorCore.Kernel

/-! ### Exponents that are too large -/

/-- **σ from the operands**: if 2^exponent of an operand is at most its magnitude or, where it is
subnormal, α or β (0: none is), if X and Y bound the magnitudes, and if 2^zero ≤ least, then a
product's exponent is too large by at most α·(Y + β) + (X + α)·β + least. -/
theorem Addend.pow2_product_le_shortfall {zero : Int} {x y : Addend} {α β X Y least : Rat}
    (hx : pow2 x.exponent ≤ abs x.value ∨ pow2 x.exponent ≤ α)
    (hy : pow2 y.exponent ≤ abs y.value ∨ pow2 y.exponent ≤ β) (hX : abs x.value ≤ X)
    (hY : abs y.value ≤ Y) (hα : 0 ≤ α) (hβ : 0 ≤ β) (hz : pow2 zero ≤ least) :
    pow2 (product zero x y).exponent ≤ abs (product zero x y).value + shortfall X Y α β least := by
  have h0 := pow2_pos zero
  have h1 := Rat.le_trans (abs_nonneg x.value) hX
  have h2 := Rat.le_trans (abs_nonneg y.value) hY
  have h3 := mul_nonneg hα (show 0 ≤ Y + β by grind)
  have h4 := mul_nonneg (show 0 ≤ X + α by grind) hβ
  refine pow2_product_le (α := α) (β := β) (X := X + α) (Y := Y + β) hx hy (by grind) (by grind)
    ?_ ?_ ?_ <;> (unfold shortfall; grind)

end RuntimeApprox
