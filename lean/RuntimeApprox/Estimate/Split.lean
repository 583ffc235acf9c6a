module

public import RuntimeApprox.Conv2d.AnyOrder

/-!
# Sums in parts, in several formats

A kernel with split-k adds up its terms in parts. Each part is summed in any order in one format;
then the partial sums are rounded to another format, added up in it, in any order, and the result is
rounded once more. The estimate is the one in any order, of `Errors.across`: the coefficients of the
second sum are the last rounding of the first. It does not depend on how the terms are dealt out.

Term by term there is a sharper bound: all of this is one `SumTree`, with the partial sums below
casts, so that `SumTree.abs_sub_exact_le` and `Contraction.any_order_summands` bound its error by
Σᵢ |tᵢ|·(∏ over the path (1 + u) − 1) + underflow, where each operation has its own format's u.

## Main definitions
* `Errors.across e e'`: the errors e, with all that e′ does to the partial sums as last rounding.
* `Errors.ComputesSplit e e' ts v`: v may be computed from partial sums.
* `Schedule.Split`: split-k in formats.

## Main results
* `Errors.ComputesSplit.near`: |v − Σtᵢ| ≤ (G − 1)·Σ|tᵢ| + G·2·n·η + E′ with G = growth·(1 + C′),
  where C′ and E′ are the product and constant coefficients of e′.
* `conv2d_split_k`, `conv2d_bias_split_k`, `conv2d_kernel_split_k`, `conv2d_input_split_k`:
  |computed − exact| ≤ product·Σ|x||y| + first·Σ|x| + second·Σ|y| + constant.
* `conv2d_split_formats`, `conv2d_bias_split_formats`, `conv2d_kernel_split_formats`,
  `conv2d_input_split_formats`: in binary formats.
* `conv2d_tolerance`, `conv2d_bias_tolerance`, `conv2d_kernel_tolerance`, `conv2d_input_tolerance`:
  where only magnitudes are known, |x| ≤ X and |y| ≤ Y:
  product·N·X·Y + first·N·X + second·N·Y + constant for N terms.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

/-- A number near another that is near a sum, both relatively to absolute values. -/
theorem abs_sub_le_compose {v p s S T C E F H : K} (hC : 0 ≤ C) (hv : abs (v - p) ≤ C * T + E)
    (hp : abs (p - s) ≤ (F - 1) * S + H) (hT : T ≤ F * S + H) :
    abs (v - s) ≤ (F * (1 + C) - 1) * S + ((1 + C) * H + E) := by
  have := abs_sub_le v p s
  have := mul_le_mul_left hC hT
  grind

/-- **The last rounding**: a sum p that is within B of the exact value e, rounded to v with relative
error w and absolute error ω, is within B + w·(|e| + B) + ω of it. -/
theorem last_rounding {v p e w ω B : K} (hw : 0 ≤ w) (hv : abs (v - p) ≤ w * abs p + ω)
    (hp : abs (p - e) ≤ B) : abs (v - e) ≤ B + w * (abs e + B) + ω := by
  have h := abs_add_le (p - e) e
  rw [show p - e + e = p by grind] at h
  have := mul_le_mul_left hw (show abs p ≤ abs e + B from by
    exact Std.IsPreorder.le_trans _ _ _ h (by clear h hv; grind))
  have := abs_sub_le v p e
  clear h
  grind

theorem count_injective {m n : Nat} (h : (count m : K) = count n) : m = n := by
  have lt : ∀ {i j : Nat}, i < j → (count i : K) ≠ count j := fun hij heq => by
    have := count_mono (K := K) hij
    rw [show (count (_ + 1) : K) = count _ + 1 from rfl] at this
    grind
  rcases Nat.lt_trichotomy m n with hmn | hmn | hmn
  · exact absurd h (lt hmn)
  · exact hmn
  · exact absurd h.symm (lt hmn)

namespace Errors

/-- The errors of a kernel that first sums parts with the errors `e`, and then the partial sums with
the errors `e'`: all that happens to the partial sums is one last rounding of the whole, with
w = `e'.productCoefficient` and ω = `e'.constantCoefficient`. The last rounding of `e` itself is not
there. Where the operands of the second sum, the partial sums, err by nothing more, so that
a = α = b = β = 0 in `e'`, w = (1 + γₖ)·(1 + w′) − 1 and ω = (1 + γₖ)·(1 + w′)·2·k·η′ + ω′. -/
def across (e e' : Errors K) : Errors K :=
  { e with outputRoundoff := e'.productCoefficient, outputUnderflow := e'.constantCoefficient }

/-- The sum of one part of m terms, with u and η, and without a last rounding. -/
def part (e : Errors K) (m : Nat) : Errors K :=
  { e with terms := count m, outputRoundoff := 0, outputUnderflow := 0 }

/-- `ps` may be the partial sums of the parts of `us`, each computed in any order with u and η; m is
the number of terms, with those zeros that a kernel adds up as others. -/
inductive Parts (e : Errors K) : (m : Nat) → (us ps : List K) → Prop where
  /-- No part. -/
  | nil : Parts e 0 [] []
  /-- One more part. -/
  | cons {m m' : Nat} {ts us ps : List K} {p : K} (part : (e.part m).Computes ts p)
      (parts : Parts e m' us ps) : Parts e (m + m') (ts ++ us) (p :: ps)

/-- `v` may be what is computed for the sum of at most n numbers `ts` from partial sums: the numbers
are dealt out to parts, of whatever sizes, of at most n terms in all; each part is summed in any
order, where each operation errs by at most u·|its exact result| + η; and the partial sums are the
terms of a second sum in any order, with the errors `e'`, which rounds each of them, adds them up,
and rounds the result once more. -/
inductive ComputesSplit (e e' : Errors K) (ts : List K) (v : K) : Prop where
  | intro (n m : Nat) (us ps : List K) (terms : e.terms = count n) (le : m ≤ n)
      (parts : e.Parts m us ps) (perm : us.Perm ts) (across : e'.Computes ps v)

variable {e e' : Errors K}

theorem one_le_product (he : e.Valid) {n : Nat} (hn : e.terms = count n) :
    1 ≤ e.growth ∧ e.growth ≤ 1 + e.productCoefficient := by
  have hG := one_le_growth he hn
  have := mul_nonneg he.firstRelative he.secondRelative
  have := mul_le_mul_left (show 0 ≤ e.growth by grind)
    (show 1 ≤ (1 + e.firstRelative) * (1 + e.secondRelative) by
      have := he.firstRelative
      have := he.secondRelative
      grind)
  unfold productCoefficient
  grind

theorem le_constant (he : e.Valid) {n : Nat} (hn : e.terms = count n) :
    0 ≤ e.growth * (e.terms * (2 * e.underflow)) + e.outputUnderflow ∧
    e.growth * (e.terms * (2 * e.underflow)) + e.outputUnderflow ≤ e.constantCoefficient := by
  have hG : 0 ≤ e.growth := by have := one_le_growth he hn; grind
  have hn0 : 0 ≤ e.terms := hn ▸ count_nonneg n
  have := mul_nonneg hG (mul_nonneg hn0 (mul_nonneg he.firstAbsolute he.secondAbsolute))
  have := mul_nonneg hG (mul_nonneg hn0 he.underflow)
  have := he.outputUnderflow
  unfold constantCoefficient
  grind

/-- No coefficient of the operands' sums is negative. -/
theorem coefficients_nonneg (he : e.Valid) {n : Nat} (hn : e.terms = count n) :
    0 ≤ e.productCoefficient ∧ 0 ≤ e.firstCoefficient ∧ 0 ≤ e.secondCoefficient := by
  obtain ⟨hG, hC⟩ := one_le_product he hn
  have ha := he.firstRelative
  have hb := he.secondRelative
  exact ⟨by grind, mul_nonneg (by grind) (mul_nonneg (by grind) he.secondAbsolute),
    mul_nonneg (by grind) (mul_nonneg (by grind) he.firstAbsolute)⟩

/-- `Errors.across` has no negative errors where neither sum has any. -/
theorem Valid.across (he : e.Valid) (he' : e'.Valid) {k : Nat} (hk : e'.terms = count k) :
    (e.across e').Valid where
  roundoff := he.roundoff
  underflow := he.underflow
  outputRoundoff := by have := one_le_product he' hk; show 0 ≤ e'.productCoefficient; grind
  outputUnderflow := by have := le_constant he' hk; show 0 ≤ e'.constantCoefficient; grind
  firstRelative := he.firstRelative
  firstAbsolute := he.firstAbsolute
  secondRelative := he.secondRelative
  secondAbsolute := he.secondAbsolute
  small := he.small

/-- The growth of a split sum is (1 + γₙ)·(1 + γₖ)·(1 + w′) where the operands of the second sum err
by nothing more. -/
theorem growth_across (ha : e'.firstRelative = 0) (hb : e'.secondRelative = 0) :
    (e.across e').growth = (1 + e.gamma) * e'.growth := by
  show (1 + e.gamma) * (1 + e'.productCoefficient) = _
  unfold productCoefficient
  grind

/-- One part: |p − Σtᵢ| ≤ (F − 1)·Σ|tᵢ| + F·2·m·η for every F that is at least (1 + u)ᵐ. -/
theorem part_le {m : Nat} {F : K} (hF : pow (1 + e.roundoff) m ≤ F) {ts : List K} {p : K}
    (h : (e.part m).Computes ts p) : ts.length ≤ m ∧
      abs (p - sumList ts) ≤ (F - 1) * sumAbs ts + F * (count m * (2 * e.underflow)) := by
  obtain ⟨m', t, hm, hlen, ht, ⟨hf, hη⟩, hs, hv⟩ := h
  obtain rfl := count_injective hm
  have h0 : (t.cast (e.part m).outputRoundoff (e.part m).outputUnderflow).Nonneg :=
    ⟨Std.IsPreorder.le_refl 0, Std.IsPreorder.le_refl 0, ht⟩
  have h1 := SumTree.abs_sub_exact_le hv h0
  have h2 := SumTree.bound_cast_le h0 (Std.IsPreorder.le_trans _ _ _ hf hF) hη
  rw [show (t.cast (e.part m).outputRoundoff (e.part m).outputUnderflow).exact = t.exact from rfl,
    hs.exact_eq] at h1
  rw [hs.magnitude_eq, count_two_mul] at h2
  rw [show (e.part m).outputRoundoff = 0 from rfl, show (e.part m).outputUnderflow = 0 from rfl,
    show (e.part m).underflow = e.underflow from rfl] at *
  exact ⟨hlen, by grind⟩

/-- All parts: |Σp − Σtᵢ| ≤ (F − 1)·Σ|tᵢ| + F·2·m·η and Σ|p| ≤ F·Σ|tᵢ| + F·2·m·η. -/
theorem Parts.le (he : e.Valid) {m : Nat} {F : K} {us ps : List K} (h : e.Parts m us ps) :
    pow (1 + e.roundoff) m ≤ F → us.length ≤ m ∧
      abs (sumList ps - sumList us) ≤ (F - 1) * sumAbs us + F * (count m * (2 * e.underflow)) ∧
      sumAbs ps ≤ F * sumAbs us + F * (count m * (2 * e.underflow)) := by
  induction h with
  | nil =>
    intro _
    refine ⟨Nat.le_refl 0, ?_, ?_⟩
    · show abs ((0 : K) - 0) ≤ (F - 1) * 0 + F * (0 * (2 * e.underflow))
      rw [abs_sub_self]; grind
    · show (0 : K) ≤ F * 0 + F * (0 * (2 * e.underflow))
      grind
  | @cons m m' ts us ps p part _ ih =>
    intro hF
    have h1 : 1 ≤ 1 + e.roundoff := by have := he.roundoff; grind
    obtain ⟨hl, h⟩ := part_le
      (Std.IsPreorder.le_trans _ _ _ (pow_le_pow h1 (Nat.le_add_right m m')) hF) part
    obtain ⟨ihl, ih, ih'⟩ := ih
      (Std.IsPreorder.le_trans _ _ _ (pow_le_pow h1 (Nat.le_add_left m' m)) hF)
    have hs := abs_sumList_le ts
    have h2 := abs_add_le (p - sumList ts) (sumList ps - sumList us)
    have h3 := abs_add_le (p - sumList ts) (sumList ts)
    rw [show p - sumList ts + sumList ts = p by grind] at h3
    rw [show p - sumList ts + (sumList ps - sumList us) =
      p + sumList ps - (sumList ts + sumList us) by grind] at h2
    rw [sumList_append, sumAbs_append, count_add, List.length_append]
    refine ⟨Nat.add_le_add hl ihl, ?_, ?_⟩
    · show abs (p + sumList ps - _) ≤ _
      grind
    · show abs p + sumAbs ps ≤ _
      grind

/-- **Split-k**: what is computed from partial sums is as near the sum as `Errors.across` says:
|v − Σtᵢ| ≤ ((1 + γₙ)·(1 + C′) − 1)·Σ|tᵢ| + (1 + γₙ)·(1 + C′)·2·n·η + E′, where C′ and E′ are the
product and constant coefficients of the second sum; where its operands err by nothing more,
1 + C′ = (1 + γₖ)·(1 + w′) and E′ = (1 + γₖ)·(1 + w′)·2·k·η′ + ω′. -/
theorem ComputesSplit.near (he : e.Valid) (he' : e'.Valid) {ts : List K} {v : K}
    (h : e.ComputesSplit e' ts v) : (e.across e').Near ts v := by
  obtain ⟨n, m, us, ps, hn, hm, hp, perm, hv⟩ := h
  obtain ⟨⟨k, hk, -⟩, hv⟩ := hv.near he'
  obtain ⟨hG, hG'⟩ := one_le_product he' hk
  have hF : pow (1 + e.roundoff) n ≤ 1 + e.gamma := pow_le_one_add_gamma hn he.roundoff he.small
  have hF' := pow_le_pow (show 1 ≤ 1 + e.roundoff by have := he.roundoff; grind) hm
  obtain ⟨hl, hp, hp'⟩ := hp.le he (Std.IsPreorder.le_trans _ _ _ hF' hF)
  have h1 := mul_le_mul_left (sumAbs_nonneg ps)
    (show e'.growth - 1 ≤ e'.productCoefficient by grind)
  have h2 := le_constant he' hk
  have h3 := abs_sub_le_compose (v := v) (C := e'.productCoefficient)
    (E := e'.constantCoefficient) (by grind) (by grind) hp hp'
  have hG0 := one_le_pow (show 1 ≤ 1 + e.roundoff by have := he.roundoff; grind) n
  have h4 := mul_le_mul_left (mul_nonneg (mul_nonneg (show 0 ≤ 1 + e.gamma by grind)
    (show 0 ≤ 1 + e'.productCoefficient by grind)) he.underflow) (count_mono (K := K) hm)
  rw [sumList_perm perm, sumAbs_perm perm] at h3
  rw [← hn] at h4
  refine ⟨⟨n, hn, perm.length_eq ▸ Nat.le_trans hl hm⟩, ?_⟩
  show _ ≤ ((1 + e.gamma) * (1 + e'.productCoefficient) - 1) * _ +
    ((1 + e.gamma) * (1 + e'.productCoefficient) * (e.terms * (2 * e.underflow)) +
      e'.constantCoefficient)
  grind

/-- The errors of split-k are not negative. -/
theorem ComputesSplit.valid (he : e.Valid) (he' : e'.Valid) {ts : List K} {v : K}
    (h : e.ComputesSplit e' ts v) : (e.across e').Valid := by
  obtain ⟨-, -, -, -, -, -, -, -, ⟨k, -, hk, -, -, -, -, -⟩⟩ := h
  exact he.across he' hk

end Errors

/-! ### Magnitudes -/

namespace Contraction

section
variable {out : List (List Int)} {red : List Int} {p₁ p₂ : Operand Int}
  {x' xr x : Tensor K (extents p₁.axes)} {y' yr y : Tensor K (extents p₂.axes)} {o : List Nat}

theorem valueAt_map_le {axes : List (Axis Int)} {f : K → K} {a : K} {t : Tensor K (extents axes)}
    (h : ∀ i, f (t.get i) ≤ a) (o r : List Nat) :
    valueAt axes (t.map f) o r ≤ a * valueAt axes (t.map fun _ => 1) o r := by
  unfold valueAt
  rcases indices axes o r with _ | is
  · grind
  · rcases Tensor.entry_eq_get_or_zero (K := K) (extents axes) is with ⟨i, hi⟩ | hi
    · have := h i
      simp only [hi, Tensor.get_map]; grind
    · simp only [hi]; grind

theorem sums_le : (ns : List Nat) → {f g : List Nat → K} → (∀ is, f is ≤ g is) →
    sums ns f ≤ sums ns g
  | [], _, _, h => h []
  | n :: ns, f, g, h => by
    have h1 : 0 ≤ sum n fun i => sums ns (fun is => g (i :: is)) - sums ns fun is => f (i :: is) :=
      sum_nonneg fun i _ => by have := sums_le ns fun is => h (i :: is); grind
    have h2 := sum_add n (fun i => sums ns (fun is => g (i :: is)) - sums ns fun is => f (i :: is))
      fun i => sums ns fun is => f (i :: is)
    rw [sum_congr fun i _ => (show _ = sums ns fun is => g (i :: is) by grind)] at h2
    show (sum n fun i => sums ns fun is => f (i :: is)) ≤
      sum n fun i => sums ns fun is => g (i :: is)
    grind

/-- Σ f(x)·h(y) ≤ a·b·(number of terms) where 0 ≤ f(x) ≤ a and 0 ≤ h(y) ≤ b. -/
theorem pairSum_map_le {f h : K → K} {a b : K} (hf : ∀ v, 0 ≤ f v) (hh : ∀ v, 0 ≤ h v)
    (ha : ∀ i, f (x.get i) ≤ a) (hb : ∀ i, h (y.get i) ≤ b) :
    pairSum red p₁ p₂ (x.map f) (y.map h) o ≤
      a * b * pairSum red p₁ p₂ (x.map fun _ => 1) (y.map fun _ => 1) o := by
  unfold pairSum
  rw [mul_sums]
  refine sums_le _ fun r => ?_
  have h1 := valueAt_map_le ha o r
  have h2 := mul_le_mul h1 (valueAt_map_le hb o r) (valueAt_map_nonneg hh y o r)
    (Std.IsPreorder.le_trans _ _ _ (valueAt_map_nonneg hf x o r) h1)
  grind

/-- A bound of Σ|x||y| + A, Σ|x| and Σ|y| by magnitudes, for at most N terms. -/
theorem _root_.RuntimeApprox.Errors.Near.tolerance_le {e : Errors K} (he : e.Valid) {ts : List K}
    {v : K} (hv : e.Near ts v) {P N X Y A B : K} (hP : P ≤ N) (hX : 0 ≤ X) (hY : 0 ≤ Y)
    (hA : A ≤ B) {S T U : K} (hS : S ≤ X * Y * P) (hT : T ≤ X * 1 * P) (hU : U ≤ 1 * Y * P) :
    e.productCoefficient * (S + A) + e.firstCoefficient * T + e.secondCoefficient * U ≤
      e.productCoefficient * (N * (X * Y) + B) + e.firstCoefficient * (N * X) +
        e.secondCoefficient * (N * Y) := by
  obtain ⟨⟨n, hn, -⟩, -⟩ := hv
  obtain ⟨h1, h2, h3⟩ := Errors.coefficients_nonneg he hn
  have h4 := mul_le_mul_left (mul_nonneg hX hY) hP
  have := mul_le_mul_left h1 (show S + A ≤ N * (X * Y) + B by grind)
  have h5 := mul_le_mul_left hX hP
  have := mul_le_mul_left h2 (show T ≤ N * X by grind)
  have h6 := mul_le_mul_left hY hP
  have := mul_le_mul_left h3 (show U ≤ N * Y by grind)
  grind

/-- **A tolerance from magnitudes**: where |x| ≤ X and |y| ≤ Y at every entry, and the entry has at
most N terms, |v − exact(x′, y′)| ≤ product·N·X·Y + first·N·X + second·N·Y + constant. -/
theorem any_order_tolerance {e : Errors K} (he : e.Valid)
    {i : Index (shape ⟨out, red, p₁, [p₂], []⟩)} {v X Y N : K}
    (hv : e.Near (terms ⟨out, red, p₁, [p₂], []⟩ (xr, yr, ⟨⟩) (outIndices out i)) v)
    (hx : ∀ i, abs (xr.get i - x.get i) + abs (x'.get i - x.get i) ≤
      e.firstRelative * abs (x.get i) + e.firstAbsolute)
    (hy : ∀ i, abs (yr.get i - y.get i) + abs (y'.get i - y.get i) ≤
      e.secondRelative * abs (y.get i) + e.secondAbsolute)
    (hX : ∀ i, abs (x.get i) ≤ X) (hX0 : 0 ≤ X) (hY : ∀ i, abs (y.get i) ≤ Y) (hY0 : 0 ≤ Y)
    (hN : (eval exact ⟨out, red, p₁, [p₂], []⟩
      (x.map fun _ => 1, y.map fun _ => 1, ⟨⟩) ⟨⟩).get i ≤ N) :
    abs (v - (eval exact ⟨out, red, p₁, [p₂], []⟩ (x', y', ⟨⟩) ⟨⟩).get i) ≤
      e.productCoefficient * (N * (X * Y)) + e.firstCoefficient * (N * X) +
        e.secondCoefficient * (N * Y) + e.constantCoefficient := by
  have h := any_order_estimate_two he hv hx hy
  have h1 : ∀ v : K, 0 ≤ (fun _ => (1 : K)) v := fun _ => by grind
  have le1 : (1 : K) ≤ 1 := Std.IsPreorder.le_refl 1
  rw [get_eval_pair] at hN
  rw [get_eval_pair _ (y.map abs), get_eval_pair _ (y.map fun _ => 1),
    get_eval_pair (x.map fun _ => 1)] at h
  have := hv.tolerance_le he hN hX0 hY0 (Std.IsPreorder.le_refl 0)
    (pairSum_map_le abs_nonneg abs_nonneg hX hY) (pairSum_map_le abs_nonneg h1 hX fun _ => le1)
    (pairSum_map_le h1 abs_nonneg (fun _ => le1) hY)
  grind

/-- With an addend of at most B, which does not count among the N terms:
product·(N·X·Y + B) + first·N·X + second·N·Y + constant + growth·κ. -/
theorem any_order_tolerance_bias {p₃ : Operand Int} {b' br b : Tensor K (extents p₃.axes)}
    {e : Errors K} (he : e.Valid) {i : Index (shape ⟨out, red, p₁, [p₂], [p₃]⟩)} {v κ X Y B N : K}
    (hv : e.Near
      (summands ⟨out, red, p₁, [p₂], [p₃]⟩ (xr, yr, ⟨⟩) (br, ⟨⟩) (outIndices out i)) v)
    (hx : ∀ i, abs (xr.get i - x.get i) + abs (x'.get i - x.get i) ≤
      e.firstRelative * abs (x.get i) + e.firstAbsolute)
    (hy : ∀ i, abs (yr.get i - y.get i) + abs (y'.get i - y.get i) ≤
      e.secondRelative * abs (y.get i) + e.secondAbsolute)
    (hb : ∀ i, abs (br.get i - b.get i) + abs (b'.get i - b.get i) ≤ κ) (hκ : 0 ≤ κ)
    (hX : ∀ i, abs (x.get i) ≤ X) (hX0 : 0 ≤ X) (hY : ∀ i, abs (y.get i) ≤ Y) (hY0 : 0 ≤ Y)
    (hB : ∀ i, abs (b.get i) ≤ B) (hB0 : 0 ≤ B)
    (hN : (eval exact ⟨out, red, p₁, [p₂], [p₃]⟩
      (x.map fun _ => 1, y.map fun _ => 1, ⟨⟩) (0, ⟨⟩)).get i ≤ N) :
    abs (v - (eval exact ⟨out, red, p₁, [p₂], [p₃]⟩ (x', y', ⟨⟩) (b', ⟨⟩)).get i) ≤
      e.productCoefficient * (N * (X * Y) + B) + e.firstCoefficient * (N * X) +
        e.secondCoefficient * (N * Y) + e.constantCoefficient + e.growth * κ := by
  have h := any_order_estimate_bias he hv hx hy hb hκ
  have h1 : ∀ v : K, 0 ≤ (fun _ => (1 : K)) v := fun _ => by grind
  have le1 : (1 : K) ≤ 1 := Std.IsPreorder.le_refl 1
  have hB' : valueAt p₃.axes (b.map abs) (outIndices out i) [] ≤ B := by
    unfold valueAt
    rcases indices p₃.axes (outIndices out i) [] with _ | is
    · exact hB0
    · rcases Tensor.entry_eq_get_or_zero (K := K) (extents p₃.axes) is with ⟨j, hj⟩ | hj
      · simp only [hj, Tensor.get_map]; exact hB j
      · simp only [hj]; exact hB0
  rw [get_eval_bias, valueAt_zero, Lean.Grind.Semiring.add_zero] at hN
  rw [get_eval_bias _ (y.map abs) (b.map abs), get_eval_bias _ (y.map fun _ => 1),
    get_eval_bias (x.map fun _ => 1), valueAt_zero, Lean.Grind.Semiring.add_zero,
    Lean.Grind.Semiring.add_zero] at h
  have := hv.tolerance_le he hN hX0 hY0 hB'
    (pairSum_map_le abs_nonneg abs_nonneg hX hY) (pairSum_map_le abs_nonneg h1 hX fun _ => le1)
    (pairSum_map_le h1 abs_nonneg (fun _ => le1) hY)
  grind

/-- One factor: product·N·Y + first·N + constant. -/
theorem any_order_tolerance_one {e : Errors K} (he : e.Valid)
    {i : Index (shape ⟨out, red, p₂, [], []⟩)} {v Y N : K}
    (hv : e.Near (terms ⟨out, red, p₂, [], []⟩ (yr, ⟨⟩) (outIndices out i)) v)
    (hy : ∀ i, abs (yr.get i - y.get i) + abs (y'.get i - y.get i) ≤
      e.secondRelative * abs (y.get i) + e.secondAbsolute)
    (hY : ∀ i, abs (y.get i) ≤ Y) (hY0 : 0 ≤ Y)
    (hN : (eval exact ⟨out, red, p₂, [], []⟩ (y.map fun _ => 1, ⟨⟩) ⟨⟩).get i ≤ N) :
    abs (v - (eval exact ⟨out, red, p₂, [], []⟩ (y', ⟨⟩) ⟨⟩).get i) ≤
      e.productCoefficient * (N * Y) + e.firstCoefficient * N + e.constantCoefficient := by
  have h := any_order_estimate_one he hv hy
  have hS : (eval exact ⟨out, red, p₂, [], []⟩ (y.map abs, ⟨⟩) ⟨⟩).get i ≤
      Y * (eval exact ⟨out, red, p₂, [], []⟩ (y.map fun _ => 1, ⟨⟩) ⟨⟩).get i := by
    rw [get_eval_single, get_eval_single]
    unfold singleSum
    rw [mul_sums]
    exact sums_le _ fun r => valueAt_map_le hY _ r
  obtain ⟨⟨n, hn, -⟩, -⟩ := hv
  obtain ⟨h1, h2, -⟩ := Errors.coefficients_nonneg he hn
  have h3 := mul_le_mul_left hY0 hN
  have := mul_le_mul_left h1 (Std.IsPreorder.le_trans _ _ _ hS h3)
  have := mul_le_mul_left h2 hN
  grind

end

end Contraction

/-! ### conv2d from partial sums

The terms of an entry, those that are not padding, are dealt out to parts, as by blocks of images or
of places, and the partial sums of errors `e` are added up with the errors `e'`. All coefficients
are those of `Errors.across`, of which n counts all terms. -/

section
variable (g : Conv2d) {e e' : Errors K} (he : e.Valid) (he' : e'.Valid)
include he he'

/-- The forward pass with split-k, with a bias that is within κ and is one of the terms:
|computed − exact| ≤ product·(Σ|x||w| + |b|) + first·Σ|x| + second·Σ|w| + constant + growth·κ. -/
theorem conv2d_split_k {x' xr x : Tensor K g.inputShape}
    {weight' weightr weight : Tensor K g.kernelShape}
    {bias' biasr bias : Tensor K g.biasShape} {κ : K}
    (hx : ∀ i, abs (xr.get i - x.get i) + abs (x'.get i - x.get i) ≤
      e.firstRelative * abs (x.get i) + e.firstAbsolute)
    (hw : ∀ i, abs (weightr.get i - weight.get i) + abs (weight'.get i - weight.get i) ≤
      e.secondRelative * abs (weight.get i) + e.secondAbsolute)
    (hb : ∀ i, abs (biasr.get i - bias.get i) + abs (bias'.get i - bias.get i) ≤ κ) (hκ : 0 ≤ κ)
    {i : Index g.outputShape} {v : K}
    (hv : e.ComputesSplit e' ((conv2dForward g.sizes).summands (xr, weightr, ⟨⟩) (biasr, ⟨⟩)
      (outIndices (conv2dForward g.sizes).out i)) v) :
    abs (v - (conv2d exact g x' weight' bias').get i) ≤
      (e.across e').productCoefficient *
        (conv2d exact g (x.map abs) (weight.map abs) (bias.map abs)).get i +
      (e.across e').firstCoefficient *
        (conv2d exact g (x.map abs) (weight.map fun _ => 1) 0).get i +
      (e.across e').secondCoefficient *
        (conv2d exact g (x.map fun _ => 1) (weight.map abs) 0).get i +
      (e.across e').constantCoefficient + (e.across e').growth * κ :=
  Contraction.any_order_estimate_bias (hv.valid he he') (hv.near he he') hx hw hb hκ

variable {δ' δr δ : Tensor K g.outputShape}
  (hδ : ∀ i, abs (δr.get i - δ.get i) + abs (δ'.get i - δ.get i) ≤
    e.secondRelative * abs (δ.get i) + e.secondAbsolute)
include hδ

/-- The bias gradient with split-k:
|computed − exact| ≤ product·Σ|δ| + first·n + constant. -/
theorem conv2d_bias_split_k {i : Index g.biasShape} {v : K}
    (hv : e.ComputesSplit e' ((conv2dBiasGrad g.sizes).terms (δr, ⟨⟩)
      (outIndices (conv2dBiasGrad g.sizes).out i)) v) :
    abs (v - (conv2dBiasDeriv exact g δ').get i) ≤
      (e.across e').productCoefficient * (conv2dBiasDeriv exact g (δ.map abs)).get i +
      (e.across e').firstCoefficient * (conv2dBiasDeriv exact g (δ.map fun _ => 1)).get i +
      (e.across e').constantCoefficient :=
  Contraction.any_order_estimate_one (hv.valid he he') (hv.near he he') hδ

/-- The kernel gradient with split-k:
|computed − exact| ≤ product·Σ|x||δ| + first·Σ|x| + second·Σ|δ| + constant. -/
theorem conv2d_kernel_split_k {x' xr x : Tensor K g.inputShape}
    (hx : ∀ i, abs (xr.get i - x.get i) + abs (x'.get i - x.get i) ≤
      e.firstRelative * abs (x.get i) + e.firstAbsolute) {i : Index g.kernelShape} {v : K}
    (hv : e.ComputesSplit e' ((conv2dKernelGrad g.sizes).terms (xr, δr, ⟨⟩)
      (outIndices (conv2dKernelGrad g.sizes).out i)) v) :
    abs (v - (conv2dKernelDeriv exact g x' δ').get i) ≤
      (e.across e').productCoefficient * (conv2dKernelDeriv exact g (x.map abs) (δ.map abs)).get i +
      (e.across e').firstCoefficient *
        (conv2dKernelDeriv exact g (x.map abs) (δ.map fun _ => 1)).get i +
      (e.across e').secondCoefficient *
        (conv2dKernelDeriv exact g (x.map fun _ => 1) (δ.map abs)).get i +
      (e.across e').constantCoefficient :=
  Contraction.any_order_estimate_two (hv.valid he he') (hv.near he he') hx hδ

/-- The input gradient with split-k:
|computed − exact| ≤ product·Σ|w||δ| + first·Σ|w| + second·Σ|δ| + constant. -/
theorem conv2d_input_split_k {weight' weightr weight : Tensor K g.kernelShape}
    (hw : ∀ i, abs (weightr.get i - weight.get i) + abs (weight'.get i - weight.get i) ≤
      e.firstRelative * abs (weight.get i) + e.firstAbsolute) {i : Index g.inputShape} {v : K}
    (hv : e.ComputesSplit e' ((conv2dInputGrad g.sizes).terms (weightr, δr, ⟨⟩)
      (outIndices (conv2dInputGrad g.sizes).out i)) v) :
    abs (v - (conv2dInputDeriv exact g weight' δ').get i) ≤
      (e.across e').productCoefficient *
        (conv2dInputDeriv exact g (weight.map abs) (δ.map abs)).get i +
      (e.across e').firstCoefficient *
        (conv2dInputDeriv exact g (weight.map abs) (δ.map fun _ => 1)).get i +
      (e.across e').secondCoefficient *
        (conv2dInputDeriv exact g (weight.map fun _ => 1) (δ.map abs)).get i +
      (e.across e').constantCoefficient :=
  Contraction.any_order_estimate_two (hv.valid he he') (hv.near he he') hw hδ

end

/-! ### conv2d where only magnitudes are known

`N` is at least the number of terms of the entry, which is the contraction of ones, and what is
computed may be so in any order, `Errors.Computes.near`, or from partial sums,
`Errors.ComputesSplit.near`. -/

section
variable (g : Conv2d) {e : Errors K} (he : e.Valid)
include he

/-- The forward pass, where |x| ≤ X, |w| ≤ W and |b| ≤ B at every entry:
|computed − exact| ≤ product·(N·X·W + B) + first·N·X + second·N·W + constant + growth·κ. -/
theorem conv2d_tolerance {x' xr x : Tensor K g.inputShape}
    {weight' weightr weight : Tensor K g.kernelShape}
    {bias' biasr bias : Tensor K g.biasShape} {κ : K}
    (hx : ∀ i, abs (xr.get i - x.get i) + abs (x'.get i - x.get i) ≤
      e.firstRelative * abs (x.get i) + e.firstAbsolute)
    (hw : ∀ i, abs (weightr.get i - weight.get i) + abs (weight'.get i - weight.get i) ≤
      e.secondRelative * abs (weight.get i) + e.secondAbsolute)
    (hb : ∀ i, abs (biasr.get i - bias.get i) + abs (bias'.get i - bias.get i) ≤ κ) (hκ : 0 ≤ κ)
    {X W B N : K} (hX : ∀ i, abs (x.get i) ≤ X) (hX0 : 0 ≤ X) (hW : ∀ i, abs (weight.get i) ≤ W)
    (hW0 : 0 ≤ W) (hB : ∀ i, abs (bias.get i) ≤ B) (hB0 : 0 ≤ B) {i : Index g.outputShape}
    (hN : (conv2d exact g (x.map fun _ => 1) (weight.map fun _ => 1) 0).get i ≤ N) {v : K}
    (hv : e.Near ((conv2dForward g.sizes).summands (xr, weightr, ⟨⟩) (biasr, ⟨⟩)
      (outIndices (conv2dForward g.sizes).out i)) v) :
    abs (v - (conv2d exact g x' weight' bias').get i) ≤
      e.productCoefficient * (N * (X * W) + B) + e.firstCoefficient * (N * X) +
        e.secondCoefficient * (N * W) + e.constantCoefficient + e.growth * κ :=
  Contraction.any_order_tolerance_bias he hv hx hw hb hκ hX hX0 hW hW0 hB hB0 hN

variable {δ' δr δ : Tensor K g.outputShape}
  (hδ : ∀ i, abs (δr.get i - δ.get i) + abs (δ'.get i - δ.get i) ≤
    e.secondRelative * abs (δ.get i) + e.secondAbsolute)
  {Y : K} (hY : ∀ i, abs (δ.get i) ≤ Y) (hY0 : 0 ≤ Y)
include hδ hY hY0

/-- The bias gradient, where |δ| ≤ Y at every entry:
|computed − exact| ≤ product·N·Y + first·N + constant. -/
theorem conv2d_bias_tolerance {i : Index g.biasShape} {v N : K}
    (hN : (conv2dBiasDeriv exact g (δ.map fun _ => 1)).get i ≤ N)
    (hv : e.Near ((conv2dBiasGrad g.sizes).terms (δr, ⟨⟩)
      (outIndices (conv2dBiasGrad g.sizes).out i)) v) :
    abs (v - (conv2dBiasDeriv exact g δ').get i) ≤
      e.productCoefficient * (N * Y) + e.firstCoefficient * N + e.constantCoefficient :=
  Contraction.any_order_tolerance_one he hv hδ hY hY0 hN

/-- The kernel gradient, where |x| ≤ X and |δ| ≤ Y at every entry:
|computed − exact| ≤ product·N·X·Y + first·N·X + second·N·Y + constant. -/
theorem conv2d_kernel_tolerance {x' xr x : Tensor K g.inputShape}
    (hx : ∀ i, abs (xr.get i - x.get i) + abs (x'.get i - x.get i) ≤
      e.firstRelative * abs (x.get i) + e.firstAbsolute)
    {X : K} (hX : ∀ i, abs (x.get i) ≤ X) (hX0 : 0 ≤ X) {i : Index g.kernelShape} {v N : K}
    (hN : (conv2dKernelDeriv exact g (x.map fun _ => 1) (δ.map fun _ => 1)).get i ≤ N)
    (hv : e.Near ((conv2dKernelGrad g.sizes).terms (xr, δr, ⟨⟩)
      (outIndices (conv2dKernelGrad g.sizes).out i)) v) :
    abs (v - (conv2dKernelDeriv exact g x' δ').get i) ≤
      e.productCoefficient * (N * (X * Y)) + e.firstCoefficient * (N * X) +
        e.secondCoefficient * (N * Y) + e.constantCoefficient :=
  Contraction.any_order_tolerance he hv hx hδ hX hX0 hY hY0 hN

/-- The input gradient, where |w| ≤ W and |δ| ≤ Y at every entry:
|computed − exact| ≤ product·N·W·Y + first·N·W + second·N·Y + constant. -/
theorem conv2d_input_tolerance {weight' weightr weight : Tensor K g.kernelShape}
    (hw : ∀ i, abs (weightr.get i - weight.get i) + abs (weight'.get i - weight.get i) ≤
      e.firstRelative * abs (weight.get i) + e.firstAbsolute)
    {W : K} (hW : ∀ i, abs (weight.get i) ≤ W) (hW0 : 0 ≤ W) {i : Index g.inputShape} {v N : K}
    (hN : (conv2dInputDeriv exact g (weight.map fun _ => 1) (δ.map fun _ => 1)).get i ≤ N)
    (hv : e.Near ((conv2dInputGrad g.sizes).terms (weightr, δr, ⟨⟩)
      (outIndices (conv2dInputGrad g.sizes).out i)) v) :
    abs (v - (conv2dInputDeriv exact g weight' δ').get i) ≤
      e.productCoefficient * (N * (W * Y)) + e.firstCoefficient * (N * W) +
        e.secondCoefficient * (N * Y) + e.constantCoefficient :=
  Contraction.any_order_tolerance he hv hw hδ hW hW0 hY hY0 hN

end

/-! ### Binary formats -/

/-- Split-k in formats: each part is a kernel in the format `f` and the terms that it adds up; the
kernel `s`, in the format `f'`, adds up the at most k partial sums, each of them first rounded to
`f'` where it is not a number of it (`Schedule.product` with the factor 1). -/
structure Schedule.Split (f f' : Format) (n k : Nat) (ts : List Rat)
    (parts : List (Schedule × List Rat)) (s : Schedule) : Prop where
  /-- Each part is in the format `f`. -/
  within : ∀ p ∈ parts, p.1.InFormat f
  /-- Each part adds up its terms, in whatever order, with any number of zeros. -/
  sums_within : ∀ p ∈ parts, p.1.tree.Sums p.2
  /-- The parts have all terms, in whatever order. -/
  perm : (parts.flatMap (·.2)).Perm ts
  /-- There are at most n terms. -/
  length : ts.length ≤ n
  /-- The partial sums are added up in the format `f'`. -/
  across : s.InFormat f'
  /-- It is the partial sums that are added up, in whatever order. -/
  sums_across : s.tree.Sums (parts.map (·.1.run))
  /-- There are at most k parts. -/
  parts_length : parts.length ≤ k

namespace Format

/-- The errors of split-k over n terms in at most k parts: operands of errors ε_x and ε_y are
rounded to `q`, parts are added up in `f`, the partial sums in `f'`, and the result is rounded to
`h`. -/
def splitErrors (f f' : Format) (q h : Option Format) (n k : Nat) (εx εy : Rat) : Errors Rat :=
  (f.kernelErrors q none n εx εy).across (f'.kernelErrors none h k 0 0)

end Format

namespace Schedule

variable {f f' : Format} {q h : Option Format} {n k : Nat} {εx εy : Rat} {ts : List Rat}
  {parts : List (Schedule × List Rat)} {s : Schedule}

theorem errors_parts (hn : count n * f.unitRoundoff < 1) (hx : 0 ≤ εx) (hy : 0 ≤ εy) :
    (parts : List (Schedule × List Rat)) → (∀ p ∈ parts, p.1.InFormat f) →
    (∀ p ∈ parts, p.1.tree.Sums p.2) → (parts.flatMap (·.2)).length ≤ n →
    (f.kernelErrors q none n εx εy).Parts (parts.flatMap (·.2)).length (parts.flatMap (·.2))
      (parts.map (·.1.run))
  | [], _, _, _ => .nil
  | p :: parts, hf, hs, hl => by
    rw [List.flatMap_cons, List.length_append] at hl ⊢
    have h1 := mul_le_mul_left (Rat.le_of_lt f.unitRoundoff_pos)
      (count_mono (K := Rat) (show p.2.length ≤ n by omega))
    have hv := Format.kernelErrors_valid (f := f) (q := q) (h := none) (n := p.2.length)
      (by grind) hx hy
    exact .cons (errors_computes (h := none) (hf p (List.mem_cons_self ..))
      (hs p (List.mem_cons_self ..)) (Nat.le_refl _) hv :)
      (errors_parts hn hx hy parts (fun p hp => hf p (List.mem_cons_of_mem _ hp))
        (fun p hp => hs p (List.mem_cons_of_mem _ hp)) (by omega))

/-- **Split-k in formats computes as the estimates assume.** -/
theorem Split.computes (hs : Split f f' n k ts parts s) (hn : count n * f.unitRoundoff < 1)
    (hk : count k * f'.unitRoundoff < 1) (hx : 0 ≤ εx) (hy : 0 ≤ εy) :
    (f.kernelErrors q none n εx εy).ComputesSplit (f'.kernelErrors none h k 0 0) ts
      (Format.roundTo h s.run) := by
  have hl := hs.perm.length_eq ▸ hs.length
  exact .intro n _ _ _ rfl hl (errors_parts hn hx hy parts hs.within hs.sums_within hl) hs.perm
    (errors_computes hs.across hs.sums_across (by rw [List.length_map]; exact hs.parts_length)
      (Format.kernelErrors_valid hk (Rat.le_refl (a := 0)) (Rat.le_refl (a := 0))))

end Schedule

/-! ### conv2d with split-k in binary formats

Operands of errors ε are rounded to the format `q`, parts of their products are added up in the
format `f`, in any order, fused or not, the at most k partial sums in the format `f'`, and the
result is rounded to the format `h`; `q` and `h` may be missing. -/

section
variable (g : Conv2d) {f f' : Format} {q h : Option Format} {n k : Nat} {s : Schedule}
  {parts : List (Schedule × List Rat)} {ts : List Rat} {εx εy : Rat}
  (hn : count n * f.unitRoundoff < 1) (hk : count k * f'.unitRoundoff < 1)
  (hs : Schedule.Split f f' n k ts parts s)
include hn hk hs

/-- The bias gradient with split-k, in formats. -/
theorem conv2d_bias_split_formats (hεy : 0 ≤ εy) {δ' δ : Tensor Rat g.outputShape}
    (hδ : ∀ i, abs (δ.get i - δ'.get i) ≤ εy) {i : Index g.biasShape}
    (hts : (conv2dBiasGrad g.sizes).terms (δ.map (Format.roundTo q), ⟨⟩)
      (outIndices (conv2dBiasGrad g.sizes).out i) = ts)
    {e : Errors Rat} (he : e = f.splitErrors f' q h n k 0 εy) :
    abs (Format.roundTo h s.run - (conv2dBiasDeriv exact g δ').get i) ≤
      e.productCoefficient * (conv2dBiasDeriv exact g (δ.map abs)).get i +
      e.firstCoefficient * (conv2dBiasDeriv exact g (δ.map fun _ => 1)).get i +
      e.constantCoefficient := by
  have hv := Format.kernelErrors_valid (q := q) (h := none) hn (Rat.le_refl (a := 0)) hεy
  have hv' := Format.kernelErrors_valid (q := none) (h := h) hk (Rat.le_refl (a := 0)) Rat.le_refl
  subst he hts
  exact conv2d_bias_split_k g hv hv' (Format.abs_roundTo_add_le q hδ)
    (hs.computes hn hk Rat.le_refl hεy)

/-- The kernel gradient with split-k, in formats. -/
theorem conv2d_kernel_split_formats (hεx : 0 ≤ εx) (hεy : 0 ≤ εy) {x' x : Tensor Rat g.inputShape}
    (hx : ∀ i, abs (x.get i - x'.get i) ≤ εx) {δ' δ : Tensor Rat g.outputShape}
    (hδ : ∀ i, abs (δ.get i - δ'.get i) ≤ εy) {i : Index g.kernelShape}
    (hts : (conv2dKernelGrad g.sizes).terms (x.map (Format.roundTo q), δ.map (Format.roundTo q), ⟨⟩)
      (outIndices (conv2dKernelGrad g.sizes).out i) = ts)
    {e : Errors Rat} (he : e = f.splitErrors f' q h n k εx εy) :
    abs (Format.roundTo h s.run - (conv2dKernelDeriv exact g x' δ').get i) ≤
      e.productCoefficient * (conv2dKernelDeriv exact g (x.map abs) (δ.map abs)).get i +
      e.firstCoefficient * (conv2dKernelDeriv exact g (x.map abs) (δ.map fun _ => 1)).get i +
      e.secondCoefficient * (conv2dKernelDeriv exact g (x.map fun _ => 1) (δ.map abs)).get i +
      e.constantCoefficient := by
  have hv := Format.kernelErrors_valid (q := q) (h := none) hn hεx hεy
  have hv' := Format.kernelErrors_valid (q := none) (h := h) hk (Rat.le_refl (a := 0)) Rat.le_refl
  subst he hts
  exact conv2d_kernel_split_k g hv hv' (Format.abs_roundTo_add_le q hδ)
    (Format.abs_roundTo_add_le q hx) (hs.computes hn hk hεx hεy)

/-- The input gradient with split-k, in formats. -/
theorem conv2d_input_split_formats (hεx : 0 ≤ εx) (hεy : 0 ≤ εy) {w' w : Tensor Rat g.kernelShape}
    (hx : ∀ i, abs (w.get i - w'.get i) ≤ εx) {δ' δ : Tensor Rat g.outputShape}
    (hδ : ∀ i, abs (δ.get i - δ'.get i) ≤ εy) {i : Index g.inputShape}
    (hts : (conv2dInputGrad g.sizes).terms (w.map (Format.roundTo q), δ.map (Format.roundTo q), ⟨⟩)
      (outIndices (conv2dInputGrad g.sizes).out i) = ts)
    {e : Errors Rat} (he : e = f.splitErrors f' q h n k εx εy) :
    abs (Format.roundTo h s.run - (conv2dInputDeriv exact g w' δ').get i) ≤
      e.productCoefficient * (conv2dInputDeriv exact g (w.map abs) (δ.map abs)).get i +
      e.firstCoefficient * (conv2dInputDeriv exact g (w.map abs) (δ.map fun _ => 1)).get i +
      e.secondCoefficient * (conv2dInputDeriv exact g (w.map fun _ => 1) (δ.map abs)).get i +
      e.constantCoefficient := by
  have hv := Format.kernelErrors_valid (q := q) (h := none) hn hεx hεy
  have hv' := Format.kernelErrors_valid (q := none) (h := h) hk (Rat.le_refl (a := 0)) Rat.le_refl
  subst he hts
  exact conv2d_input_split_k g hv hv' (Format.abs_roundTo_add_le q hδ)
    (Format.abs_roundTo_add_le q hx) (hs.computes hn hk hεx hεy)

/-- The forward pass with split-k, in formats; the bias is rounded as well where it is of
another format than `f`. -/
theorem conv2d_split_formats (hεx : 0 ≤ εx) (hεy : 0 ≤ εy) {x' x : Tensor Rat g.inputShape}
    (hx : ∀ i, abs (x.get i - x'.get i) ≤ εx) {w' w : Tensor Rat g.kernelShape}
    (hw : ∀ i, abs (w.get i - w'.get i) ≤ εy) {b' br b : Tensor Rat g.biasShape} {κ : Rat}
    (hb : ∀ i, abs (br.get i - b.get i) + abs (b'.get i - b.get i) ≤ κ) (hκ : 0 ≤ κ)
    {i : Index g.outputShape}
    (hts : (conv2dForward g.sizes).summands (x.map (Format.roundTo q), w.map (Format.roundTo q), ⟨⟩)
      (br, ⟨⟩) (outIndices (conv2dForward g.sizes).out i) = ts)
    {e : Errors Rat} (he : e = f.splitErrors f' q h n k εx εy) :
    abs (Format.roundTo h s.run - (conv2d exact g x' w' b').get i) ≤
      e.productCoefficient * (conv2d exact g (x.map abs) (w.map abs) (b.map abs)).get i +
      e.firstCoefficient * (conv2d exact g (x.map abs) (w.map fun _ => 1) 0).get i +
      e.secondCoefficient * (conv2d exact g (x.map fun _ => 1) (w.map abs) 0).get i +
      e.constantCoefficient + e.growth * κ := by
  have hv := Format.kernelErrors_valid (q := q) (h := none) hn hεx hεy
  have hv' := Format.kernelErrors_valid (q := none) (h := h) hk (Rat.le_refl (a := 0)) Rat.le_refl
  subst he hts
  exact conv2d_split_k g hv hv' (Format.abs_roundTo_add_le q hx)
    (Format.abs_roundTo_add_le q hw) hb hκ (hs.computes hn hk hεx hεy)

end

end RuntimeApprox
