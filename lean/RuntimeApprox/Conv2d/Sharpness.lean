module

public import RuntimeApprox.Conv2d.Tie
public import RuntimeApprox.Replay.Theorems

/-!
# The bounds are nearly attained

The bias gradient of δ = (1, u, u, …, u), with n times the unit roundoff u = 2⁻ᵖ: every sum 1 + u is
a tie that rounds to 1. The computed gradient is 1, the exact one 1 + n·u, and the bound (n + 1)·u,
because the addition of 1 to zero, which is exact, is charged as well.

## Main results
* `Format.round_one_add_unitRoundoff`: round (1 + u) = 1.
* `conv2dBiasDeriv_tie`, `conv2dBiasDeriv_tie_exact`, `conv2dBiasPointBound_tie`: the three numbers.
* `conv2dBias_error_tie`: error = n/(n + 1)·bound, in every format with p ≥ 2 and eₘᵢₙ < 0.
* `one_le_of_bound`: no smaller multiple of the bound is one.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

/-! ### A tie -/

/-- N + 1/2 rounds to N for an even integer N. -/
theorem roundEven_add_half {N : Int} (hN : N % 2 = 0) : roundEven (N + 1 / 2) = N :=
  roundEven_eq_iff.2 ⟨by grind, by grind, fun _ => hN⟩

namespace Format

variable {f : Format}

/-- u < 1 -/
theorem unitRoundoff_lt_one (f : Format) : f.unitRoundoff < 1 := by
  have := @pow2_strictMono (-f.precision) 0 (by have := f.precision_pos; omega)
  rwa [pow2_zero] at this

/-- exponent x = 0 for 1 ≤ x < 2 and eₘᵢₙ ≤ 0. -/
theorem exponent_eq_zero (he : f.minExponent ≤ 0) {x : Rat} (h1 : 1 ≤ x) (h2 : x < 2) :
    f.exponent x = 0 := by
  have hx : abs x = x := abs_of_nonneg (by grind)
  exact Int.le_antisymm (f.exponent_le he (by rw [hx]; exact h2))
    (f.le_exponent (by rw [hx]; exact h1))

/-- halfUlp x = u for 1 ≤ x < 2 and eₘᵢₙ ≤ 0. -/
theorem halfUlp_eq_unitRoundoff (he : f.minExponent ≤ 0) {x : Rat} (h1 : 1 ≤ x) (h2 : x < 2) :
    f.halfUlp x = f.unitRoundoff := by
  rw [halfUlp_eq, exponent_eq_zero he h1 h2, pow2_zero, Rat.mul_one]

/-- 1 is a number of a format with eₘᵢₙ ≤ 0. -/
theorem representable_one (he : f.minExponent ≤ 0) : f.Representable 1 :=
  representable_pow2 (f := f) (e := 0) (by have := f.precision_pos; omega)

/-- u is a number of a format with eₘᵢₙ < 0. -/
theorem representable_unitRoundoff (he : f.minExponent < 0) : f.Representable f.unitRoundoff :=
  representable_pow2 (by omega)

/-- round (1 + u) = 1: a tie between 1 and 1 + 2·u, of which 1 has the even significand, for p ≥ 2
and eₘᵢₙ ≤ 0. -/
theorem round_one_add_unitRoundoff (hp : 2 ≤ f.precision) (he : f.minExponent ≤ 0) :
    f.round (1 + f.unitRoundoff) = 1 := by
  have hu := f.unitRoundoff_pos
  have hlt := f.unitRoundoff_lt_one
  have hulp : f.ulp (1 + f.unitRoundoff) = 2 * f.unitRoundoff := by
    rw [ulp_eq, halfUlp_eq_unitRoundoff he (by grind) (by grind)]
  obtain ⟨n, hn⟩ : ∃ n, f.precision = n + 2 := ⟨f.precision - 2, by omega⟩
  have hN : (((2 ^ (n + 1) : Nat) : Int) : Rat) * (2 * f.unitRoundoff) = 1 := by
    rw [Rat.intCast_natCast, ← pow2_natCast, unitRoundoff, ← pow2_one, ← pow2_add, ← pow2_add,
      ← pow2_zero]
    congr 1; omega
  have hx : (1 + f.unitRoundoff) / (2 * f.unitRoundoff) = ((2 ^ (n + 1) : Nat) : Int) + 1 / 2 := by
    grind
  rw [round, significand, hulp, hx, roundEven_add_half (by rw [Nat.pow_succ]; omega), hN]

end Format

/-! ### The example -/

/-- Every entry is a number of the format. -/
theorem representable_tieGradOutput {f : Format} (he : f.minExponent < 0) (n : Nat)
    (i : Index (tieConv2d n).outputShape) : f.Representable ((tieGradOutput f n).get i) := by
  unfold tieGradOutput
  rw [Tensor.get_ofFn]
  split
  · exact Format.representable_one (by omega)
  · exact Format.representable_unitRoundoff he

/-- Its row has n + 1 outputs. -/
theorem tieConv2d_output (n : Nat) : (tieConv2d n).width.output = n + 1 := by
  show (n + 1 + 0 + 0 - (1 * (1 - 1) + 1)) / 1 + 1 = n + 1
  omega

/-- Reading along an axis whose index is k. -/
theorem read_cons {α : Type} {a : Axis Int} {as : List (Axis Int)}
    (t : Tensor α (extents (a :: as))) {o r : List Nat} {k : Nat}
    (he : a.index.eval o r = some (k : Int)) (hk : k < a.extent.toNat) :
    read (a :: as) t o r = read as (Vector.get t ⟨k, hk⟩) o r := by
  conv => lhs; unfold read
  rw [he]
  exact dif_pos (show 0 ≤ (k : Int) ∧ (k : Int).toNat < a.extent.toNat from
    ⟨Int.natCast_nonneg k, hk⟩)

/-- What the term at (0, 0, k) of the bias gradient reads: 1 for k = 0, otherwise u. -/
theorem read_tieGradOutput (f : Format) (n : Nat) {k : Nat} (hk : k < n + 1) :
    read (conv2dBiasGrad (tieConv2d n).sizes).factor.axes (tieGradOutput f n) [0, 0] [0, 0, k] =
      some (if k = 0 then 1 else f.unitRoundoff) := by
  have hk' : k < (tieConv2d n).width.output := by rw [tieConv2d_output]; exact hk
  refine (read_cons (k := 0) _ (by simp [Affine.eval, dot]) (by exact Nat.succ_pos _)).trans ?_
  refine (read_cons (k := 0) _ (by simp [Affine.eval, dot]) (by exact Nat.succ_pos _)).trans ?_
  refine (read_cons (k := 0) _ (by simp [Affine.eval, dot]) (by exact Nat.succ_pos _)).trans ?_
  refine (read_cons (k := k) _ (by simp [Affine.eval, dot]) (by exact hk')).trans ?_
  exact congrArg some (Tensor.get_ofFn (tieConv2d n).outputShape _
    (⟨0, Nat.succ_pos _⟩, ⟨0, Nat.succ_pos _⟩, ⟨0, Nat.succ_pos _⟩, ⟨k, hk'⟩, ()))

theorem loop_eq_replicate {α : Type} {a b : α} {step : Nat → List α → List α} : (n : Nat) →
    (∀ k l, k < n + 1 → step k l = (if k = 0 then a else b) :: l) →
    loop (n + 1) step [] = List.replicate n b ++ [a]
  | 0, h => h 0 [] Nat.zero_lt_one
  | n + 1, h => (h (n + 1) _ (Nat.lt_succ_self _)).trans
      (congrArg (b :: ·) (loop_eq_replicate n fun k l hk => h k l (Nat.lt_succ_of_lt hk)))

/-- The entry adds up 1, then n times u. -/
theorem entries_tieGradOutput (f : Format) (n : Nat) (i : Index (tieConv2d n).biasShape) :
    entries (conv2dBiasGrad (tieConv2d n).sizes).factor.axes
      (toNats (conv2dBiasGrad (tieConv2d n).sizes).red) (tieGradOutput f n)
      (outIndices (conv2dBiasGrad (tieConv2d n).sizes).out i) =
        List.replicate n f.unitRoundoff ++ [1] := by
  have hi : outIndices (conv2dBiasGrad (tieConv2d n).sizes).out i = [0, 0] := by
    have : i.1.1 = 0 := Nat.lt_one_iff.1 i.1.2
    show [i.1.1 / 1, i.1.1 % 1] = _
    rw [this]
  have hred : toNats (conv2dBiasGrad (tieConv2d n).sizes).red = [1, 1, n + 1] := by
    show [1, (1 + 0 + 0 - (1 * (1 - 1) + 1)) / 1 + 1, (tieConv2d n).width.output] = _
    rw [tieConv2d_output]
  have hloop : ∀ g : List Nat → List Rat → List Rat,
      loops [1, 1, n + 1] g [] = loop (n + 1) (fun k => g [0, 0, k]) [] := fun _ => rfl
  unfold entries
  rw [hi, hred, hloop]
  exact loop_eq_replicate n fun k l hk => by rw [read_tieGradOutput f n hk]

/-! ### Its three numbers -/

section
variable {α : Type} (A : Arithmetic α) (g : Conv2d)

/-- A bias gradient adds up entries of the gradient of the output. -/
theorem added_conv2dBiasGrad (δ : Tensor α g.outputShape) (o : List Nat) :
    Contraction.added A (conv2dBiasGrad g.sizes) (δ, ⟨⟩) ⟨⟩ o =
      entries (conv2dBiasGrad g.sizes).factor.axes (toNats (conv2dBiasGrad g.sizes).red) δ o :=
  Contraction.termsIn_one (out := (conv2dBiasGrad g.sizes).out)
    (red := (conv2dBiasGrad g.sizes).red) (p := (conv2dBiasGrad g.sizes).factor) (bs := []) A δ o

theorem conv2dBiasDeriv_eq_total (δ : Tensor α g.outputShape) (i : Index g.biasShape) :
    (conv2dBiasDeriv A g δ).get i = total A (entries (conv2dBiasGrad g.sizes).factor.axes
      (toNats (conv2dBiasGrad g.sizes).red) δ (outIndices (conv2dBiasGrad g.sizes).out i)) := by
  rw [← added_conv2dBiasGrad, ← Contraction.evalAt_eq_total]
  exact Tensor.get_ofFn _ _ i

end

section
variable {f : Format} (hp : 2 ≤ f.precision) (he : f.minExponent ≤ 0)
include hp he

/-- The sum of the pairs: 1, with a bound of (n + 1)·u. -/
theorem total_bound_tie : (n : Nat) → total (bound f.rounding)
    ((List.replicate n f.unitRoundoff ++ [1]).map fun v => ⟨v, 0⟩) =
      ⟨1, ((n : Rat) + 1) * f.unitRoundoff⟩
  | 0 => by
    have h1 := Format.halfUlp_eq_unitRoundoff he (x := 0 + 1) (by grind) (by grind)
    have h2 : f.round (0 + 1) = 1 := by
      rw [Rat.zero_add]; exact Format.round_eq_self (Format.representable_one he)
    show Approx.add f.rounding ⟨0, 0⟩ ⟨1, 0⟩ = _
    refine congr (congrArg Approx.mk h2) ?_
    show 0 + 0 + f.halfUlp (0 + 1) = _
    rw [h1]
    grind
  | n + 1 => by
    have hu := f.unitRoundoff_pos
    have hlt := f.unitRoundoff_lt_one
    have h1 := Format.halfUlp_eq_unitRoundoff he (x := 1 + f.unitRoundoff) (by grind) (by grind)
    rw [List.replicate_succ, List.cons_append, List.map_cons, total, total_bound_tie n]
    refine congr (congrArg Approx.mk (Format.round_one_add_unitRoundoff hp he)) ?_
    show ((n : Rat) + 1) * f.unitRoundoff + 0 + f.halfUlp (1 + f.unitRoundoff) = _
    rw [h1, Rat.natCast_add]
    grind

/-- The computed gradient is 1. -/
theorem conv2dBiasDeriv_tie (n : Nat) (i : Index (tieConv2d n).biasShape) :
    (conv2dBiasDeriv (rounded f.rounding) (tieConv2d n) (tieGradOutput f n)).get i = 1 := by
  have h := total_value f.rounding ((List.replicate n f.unitRoundoff ++ [1]).map fun v => ⟨v, 0⟩)
  rw [total_bound_tie hp he, List.map_map] at h
  rw [conv2dBiasDeriv_eq_total, entries_tieGradOutput]
  exact (h.trans (congrArg (total _) (List.map_id _))).symm

/-- The bound is (n + 1)·u. -/
theorem conv2dBiasPointBound_tie (n : Nat) (i : Index (tieConv2d n).biasShape) :
    conv2dBiasPointBound f.rounding (tieConv2d n) (tieGradOutput f n) 0 i =
      ((n : Rat) + 1) * f.unitRoundoff := by
  unfold conv2dBiasPointBound
  rw [Contraction.evalAt_eq_total, added_conv2dBiasGrad, Tensor.withEps, entries_map,
    entries_tieGradOutput, total_bound_tie hp he]

end

theorem listSum_tie (f : Format) : (n : Nat) →
    (List.replicate n f.unitRoundoff ++ [1]).sum = 1 + (n : Rat) * f.unitRoundoff
  | 0 => by show (1 : Rat) + 0 = 1 + ((0 : Nat) : Rat) * _; grind
  | n + 1 => by
    have := listSum_tie f n
    show f.unitRoundoff + (List.replicate n f.unitRoundoff ++ [1]).sum = _
    rw [Rat.natCast_add]
    grind

/-- The exact gradient is 1 + n·u. -/
theorem conv2dBiasDeriv_tie_exact (f : Format) (n : Nat) (i : Index (tieConv2d n).biasShape) :
    (conv2dBiasDeriv exact (tieConv2d n) (tieGradOutput f n)).get i =
      1 + (n : Rat) * f.unitRoundoff := by
  rw [conv2dBiasDeriv_eq_total, total_exact, entries_tieGradOutput, listSum_tie]

/-- **The bound is nearly attained**: for every n, (n + 1)·|computed − exact| = n·bound, in every
format with p ≥ 2 and eₘᵢₙ < 0, of which the entries of the gradient are numbers. -/
theorem conv2dBias_error_tie {f : Format} (hp : 2 ≤ f.precision) (he : f.minExponent < 0) (n : Nat)
    (i : Index (tieConv2d n).biasShape) :
    ((n : Rat) + 1) *
        abs ((conv2dBiasDeriv (rounded f.rounding) (tieConv2d n) (tieGradOutput f n)).get i -
          (conv2dBiasDeriv exact (tieConv2d n) (tieGradOutput f n)).get i) =
      n * conv2dBiasPointBound f.rounding (tieConv2d n) (tieGradOutput f n) 0 i := by
  have := mul_nonneg (Rat.natCast_nonneg (a := n)) (Rat.le_of_lt f.unitRoundoff_pos)
  rw [conv2dBiasDeriv_tie hp (by omega), conv2dBiasDeriv_tie_exact,
    conv2dBiasPointBound_tie hp (by omega), abs_of_nonpos (by grind)]
  grind

/-- **No smaller multiple of the bound is one**: if the error of every conv2d bias gradient, of
operands in the format without error of their own, were at most c·bound, then 1 ≤ c. -/
theorem one_le_of_bound {f : Format} (hp : 2 ≤ f.precision) (he : f.minExponent < 0) {c : Rat}
    (h : ∀ (g : Conv2d) (δ : Tensor Rat g.outputShape), (∀ i, f.Representable (δ.get i)) →
      ∀ i, abs ((conv2dBiasDeriv (rounded f.rounding) g δ).get i -
        (conv2dBiasDeriv exact g δ).get i) ≤ c * conv2dBiasPointBound f.rounding g δ 0 i) :
    1 ≤ c := by
  have hu := f.unitRoundoff_pos
  have hn : ∀ n : Nat, (n : Rat) ≤ c * ((n : Rat) + 1) := fun n => by
    have := h (tieConv2d n) (tieGradOutput f n) (representable_tieGradOutput he n)
      (⟨0, Nat.zero_lt_one⟩, ())
    rw [conv2dBiasDeriv_tie hp (by omega), conv2dBiasDeriv_tie_exact,
      conv2dBiasPointBound_tie hp (by omega), abs_of_nonpos
        (by have := mul_nonneg (Rat.natCast_nonneg (a := n)) (Rat.le_of_lt hu); grind)] at this
    exact Rat.le_of_mul_le_mul_right (c := f.unitRoundoff) (by grind) hu
  refine Decidable.by_contra fun hc => ?_
  have hd : 0 < 1 - c := by grind
  obtain ⟨n, h1⟩ : ∃ n : Nat, 1 / (1 - c) ≤ n := by
    refine ⟨((1 / (1 - c)).floor + 1).toNat, Rat.le_trans
      (Rat.le_of_lt (Rat.lt_floor_add_one _)) ?_⟩
    rw [← Rat.intCast_natCast, Rat.intCast_le_intCast]; omega
  have h2 := mul_le_mul_left (Rat.le_of_lt hd) h1
  have := hn n
  have h5 : (1 - c) * (1 / (1 - c)) = 1 := by grind
  grind

end RuntimeApprox
