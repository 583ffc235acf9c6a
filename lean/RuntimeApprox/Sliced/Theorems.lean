module

public import RuntimeApprox.Sliced
public import RuntimeApprox.Sliced.Formulas
public import RuntimeApprox.AnyOrder.Computes
public import RuntimeApprox.Estimate.Tolerance
public import RuntimeApprox.Format.Upward

/-!
# What products of slices give

## Main results
* `Computes.eq_listSum`: a sum of multiples of 2ᵉ with Σ|tᵢ| ≤ 2^(p + e) is exact, in any order,
  fused or not; `Contraction.sum_of_slices_exact`: so is what is computed of two slices.
* `Contraction.abs_sub_keptProducts_le`: |c(x, y) − Σ c(xᵢ, yⱼ)| ≤ n·(Σ Xᵢ·Tᵢ + R·Y).
* `Accumulates.abs_sub_le`: |w − (v + Σtᵢ)| ≤ u·s, the running error.
* `Contraction.sliced_reference`: |(w − d) − exact| ≤ u·s + n·(Σ Xᵢ·Tᵢ + R·Y), for a result w from
  which the sums of the products of slices are subtracted one after the other, which gives d.
* `Contraction.summands_times_one`: a factor alone is one of two, of which the second is 1.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

open Format

universe u

/-! ### Exact sums -/

namespace Multiple

variable {e : Int} {x y : Rat}

/-- The sum of two multiples. -/
theorem add (hx : Multiple e x) (hy : Multiple e y) : Multiple e (x + y) := by
  obtain ⟨k, rfl⟩ := hx
  obtain ⟨l, rfl⟩ := hy
  exact ⟨k + l, by rw [Rat.intCast_add]; grind⟩

/-- The product of multiples of 2ᵉ and 2ᵈ is one of 2^(e + d). -/
theorem mul {d : Int} (hx : Multiple e x) (hy : Multiple d y) : Multiple (e + d) (x * y) := by
  obtain ⟨k, rfl⟩ := hx
  obtain ⟨l, rfl⟩ := hy
  exact ⟨k * l, by rw [Rat.intCast_mul, pow2_add]; grind⟩

/-- The sum of a list of multiples. -/
theorem listSum : {ts : List Rat} → (∀ t ∈ ts, Multiple e t) → Multiple e ts.sum
  | [], _ => ⟨0, (Rat.zero_mul _).symm⟩
  | _ :: _, h => (h _ List.mem_cons_self).add
      (listSum fun t ht => h t (List.mem_cons_of_mem _ ht))

/-- A multiple of 2ᵉ of at most 2^(p + e) in magnitude is a number of the format. -/
theorem representable {f : Format} (he : f.minExponent - f.precision + 1 ≤ e) (hx : Multiple e x)
    (h : abs x ≤ pow2 (f.precision + e)) : f.Representable x := by
  obtain ⟨k, rfl⟩ := hx
  exact representable_of_abs_le he h

end Multiple

/-- **Exact sums**: multiples of 2ᵉ with Σ|tᵢ| ≤ 2^(p + e) are summed without error, in any order. -/
theorem Computes.eq_listSum {m : Mode} {ts : List Rat} {v : Rat} {e : Int}
    (hm : m.flushed = false) (he : m.format.minExponent - m.format.precision + 1 ≤ e)
    (h : Computes m ts v) (ht : ∀ t ∈ ts, Multiple e t)
    (hs : sumAbs ts ≤ pow2 (m.format.precision + e)) : v = ts.sum := by
  have exact : ∀ us : List Rat, (∀ t ∈ us, Multiple e t) →
      sumAbs us ≤ pow2 (m.format.precision + e) → m.format.Representable us.sum :=
    fun us h1 h2 => (Multiple.listSum h1).representable he
      (Rat.le_trans (abs_listSum_le us) h2)
  induction h with
  | zero => rfl
  | number _ => exact (Rat.add_zero _).symm
  | @rounded t v h =>
    have := exact [t] ht hs
    rw [show [t].sum = t from Rat.add_zero _] at *
    exact h.eq_self hm this
  | @add ts us a b v _ _ h ihl ihr =>
    have h1 := sumAbs_append ts us
    have h2 := sumAbs_nonneg ts
    have h3 := sumAbs_nonneg us
    have ha := ihl (fun t h => ht t (List.mem_append_left _ h)) (by grind)
    have hb := ihr (fun t h => ht t (List.mem_append_right _ h)) (by grind)
    have := exact _ ht hs
    rw [listSum_append] at *
    exact (h.eq_self hm (by rw [ha, hb]; exact this)).trans (by rw [ha, hb])
  | @fused ts t a v _ h ih =>
    have h1 : sumAbs (t :: ts) = abs t + sumAbs ts := rfl
    have h2 := abs_nonneg t
    have ha := ih (fun t h => ht t (List.mem_cons_of_mem _ h)) (by grind)
    have := exact _ ht hs
    exact h.eq_self hm (by rw [ha]; exact this) |>.trans (by rw [ha]; rfl)
  | perm hp _ ih =>
    rw [← sumAbs_perm hp] at hs
    rw [← listSum_perm hp]
    exact ih (fun t h => ht t (hp.mem_iff.1 h)) hs

/-! ### What is left -/

section
variable {K : Type u} [OrderedField K] {out : List (List Int)} {red : List Int}
  {p₁ p₂ : Operand Int} {o : List Nat}

namespace Contraction

/-- |c(x, y)| ≤ X·Y·n where |x| ≤ X and |y| ≤ Y at every entry, and n products are summed. -/
theorem abs_evalAt_fill_le {x : Tensor K (extents p₁.axes)} {y : Tensor K (extents p₂.axes)}
    {X Y : K} (hx : ∀ i, abs (x.get i) ≤ X) (hy : ∀ i, abs (y.get i) ≤ Y) :
    abs (evalAt exact ⟨out, red, p₁, [p₂], []⟩ (x, y, ⟨⟩) ⟨⟩ o) ≤
      X * Y * termCount K ⟨out, red, p₁, [p₂], []⟩ o := by
  have h := abs_evalAt_le ⟨out, red, p₁, [p₂], []⟩ (fs := (x, y, ⟨⟩))
    (qs := (Tensor.fill _ X, Tensors.fill Y _)) (as := ⟨⟩) (ds := ⟨⟩)
    ⟨fun i => by rw [Tensor.get_fill]; exact .of_abs_le (hx i),
      fun i => by rw [Tensor.get_fill]; exact .of_abs_le (hy i), trivial⟩ trivial o
  have h1 : evalAt exact ⟨out, red, p₁, [p₂], []⟩ (Tensor.fill _ X, Tensors.fill Y _) ⟨⟩ o =
      X * Y * termCount K ⟨out, red, p₁, [p₂], []⟩ o + 0 :=
    evalAt_fill (B := 0) ⟨out, red, p₁, [p₂], []⟩ (Nat.le_refl _) (fun h => by cases h) o
  rw [h1, Lean.Grind.Semiring.add_zero] at h
  exact h

/-- c(x₁ + x, y) = c(x₁, y) + c(x, y) -/
theorem evalAt_add_left (x₁ x : Tensor K (extents p₁.axes)) (y : Tensor K (extents p₂.axes)) :
    evalAt exact ⟨out, red, p₁, [p₂], []⟩ (x₁ + x, y, ⟨⟩) ⟨⟩ o =
      evalAt exact ⟨out, red, p₁, [p₂], []⟩ (x₁, y, ⟨⟩) ⟨⟩ o +
        evalAt exact ⟨out, red, p₁, [p₂], []⟩ (x, y, ⟨⟩) ⟨⟩ o := by
  rw [evalAt_two, evalAt_two, evalAt_two]
  simp only [valueAt_add, Lean.Grind.Semiring.right_distrib, sums_add]
  show _ + (0 : K) = _ + 0 + (_ + 0)
  grind

/-- c(x, y₁ + y) = c(x, y₁) + c(x, y) -/
theorem evalAt_add_right (x : Tensor K (extents p₁.axes)) (y₁ y : Tensor K (extents p₂.axes)) :
    evalAt exact ⟨out, red, p₁, [p₂], []⟩ (x, y₁ + y, ⟨⟩) ⟨⟩ o =
      evalAt exact ⟨out, red, p₁, [p₂], []⟩ (x, y₁, ⟨⟩) ⟨⟩ o +
        evalAt exact ⟨out, red, p₁, [p₂], []⟩ (x, y, ⟨⟩) ⟨⟩ o := by
  rw [evalAt_two, evalAt_two, evalAt_two]
  simp only [valueAt_add, Lean.Grind.Semiring.left_distrib, sums_add]
  show _ + (0 : K) = _ + 0 + (_ + 0)
  grind

/-- c(x, y₁ + … + z) = c(x, y₁) + … + c(x, z) -/
theorem evalAt_plus (x : Tensor K (extents p₁.axes)) (z : Tensor K (extents p₂.axes)) :
    (ys : List (Tensor K (extents p₂.axes))) →
    evalAt exact ⟨out, red, p₁, [p₂], []⟩ (x, Tensor.plus ys z, ⟨⟩) ⟨⟩ o =
      (ys.map fun y => evalAt exact ⟨out, red, p₁, [p₂], []⟩ (x, y, ⟨⟩) ⟨⟩ o).sum +
        evalAt exact ⟨out, red, p₁, [p₂], []⟩ (x, z, ⟨⟩) ⟨⟩ o
  | [] => (by grind : ∀ a : K, a = 0 + a) _
  | y :: ys => by
    have := evalAt_plus x z ys
    show evalAt exact ⟨out, red, p₁, [p₂], []⟩ (x, y + Tensor.plus ys z, ⟨⟩) ⟨⟩ o =
      evalAt exact ⟨out, red, p₁, [p₂], []⟩ (x, y, ⟨⟩) ⟨⟩ o + List.sum _ + _
    rw [evalAt_add_right, this]
    grind

/-- **What the products of slices leave**: |c(x, y) − Σ c(xᵢ, yⱼ)| ≤ n·(Σ Xᵢ·Tᵢ + R·Y), the sum being
of the products that are computed. -/
theorem abs_sub_keptProducts_le {x : Tensor K (extents p₁.axes)} {y : Tensor K (extents p₂.axes)}
    {R Y : K} {ps : List (Tensor K (extents p₁.axes) × List (Tensor K (extents p₂.axes)))}
    {Ms : List (K × K)} (h : Sliced y R x ps Ms) (hY : ∀ i, abs (y.get i) ≤ Y) :
    abs (evalAt exact ⟨out, red, p₁, [p₂], []⟩ (x, y, ⟨⟩) ⟨⟩ o -
        (keptProducts out red p₁ p₂ ps o).sum) ≤
      leftBound (termCount K ⟨out, red, p₁, [p₂], []⟩ o) (tailBound Ms) R Y := by
  unfold leftBound
  induction h with
  | @rest r hr =>
    have := abs_evalAt_fill_le (out := out) (red := red) (o := o) hr hY
    show abs (_ - (0 : K)) ≤ _ * ((0 : K) + _)
    rw [show ∀ a : K, a - 0 = a by grind]
    grind
  | @slice x₁ x ys z X T ps Ms hx hy hz _ ih =>
    have h1 := abs_evalAt_fill_le (out := out) (red := red) (o := o) hx hz
    have h2 := evalAt_plus (out := out) (red := red) (o := o) x₁ z ys
    rw [← hy] at h2
    have h3 := abs_add_le (evalAt exact ⟨out, red, p₁, [p₂], []⟩ (x₁, z, ⟨⟩) ⟨⟩ o)
      (evalAt exact ⟨out, red, p₁, [p₂], []⟩ (x, y, ⟨⟩) ⟨⟩ o -
        (keptProducts out red p₁ p₂ ps o).sum)
    have h4 : (keptProducts out red p₁ p₂ ((x₁, ys) :: ps) o).sum =
        (ys.map fun y => evalAt exact ⟨out, red, p₁, [p₂], []⟩ (x₁, y, ⟨⟩) ⟨⟩ o).sum +
          (keptProducts out red p₁ p₂ ps o).sum := listSum_append _ _
    have h5 : tailBound ((X, T) :: Ms) = X * T + tailBound Ms := rfl
    rw [evalAt_add_left, h2, h4, h5]
    rw [show ∀ a b c d : K, a + b + c - (a + d) = b + (c - d) by grind]
    grind

end Contraction

end

/-! ### Exact products -/

section
variable {out : List (List Int)} {red : List Int} {p₁ p₂ : Operand Int} {o : List Nat}

/-- What is read of an operand has what each of its entries has. -/
theorem forall_read {K : Type u} {P : K → Prop} {axes : List (Axis Int)} {t : Tensor K (extents axes)}
    (ht : ∀ i, P (t.get i)) {r : List Nat} {a : K} (h : read axes t o r = some a) : P a := by
  have := read_rel (R := fun a _ => P a) axes (u := t) ht o r
  rw [h] at this
  match this with | .some h => exact h

namespace Contraction

/-- The summands of a contraction of multiples of 2ᵉ and 2ᵈ are multiples of 2^(e + d). -/
theorem multiple_summands {x : Tensor Rat (extents p₁.axes)} {y : Tensor Rat (extents p₂.axes)}
    {e d : Int} (hx : ∀ i, Multiple e (x.get i)) (hy : ∀ i, Multiple d (y.get i)) :
    ∀ t ∈ summands ⟨out, red, p₁, [p₂], []⟩ (x, y, ⟨⟩) ⟨⟩ o, Multiple (e + d) t := by
  refine loops_rel (R := fun (l : List Rat) (_ : Unit) => ∀ t ∈ l, Multiple (e + d) t) _
    (g := fun _ u => u) (b := ()) (by simp) fun r l _ hl => ?_
  dsimp only
  unfold term product product
  rcases ha : read p₁.axes x o r with _ | a
  · exact hl
  · rcases hb : read p₂.axes y o r with _ | b
    · exact hl
    · intro t ht
      rcases List.mem_cons.1 ht with rfl | ht
      · exact (forall_read hx ha).mul (forall_read hy hb)
      · exact hl t ht

/-- **Products of slices are exact**: of multiples of 2ᵉ of at most X in magnitude and multiples of 2ᵈ
of at most Y, of which n products with n·X·Y ≤ 2^(p + e + d) are summed, what is computed in any order,
fused or not, is the exact entry. -/
theorem sum_of_slices_exact {m : Mode} {x : Tensor Rat (extents p₁.axes)}
    {y : Tensor Rat (extents p₂.axes)} {e d : Int} {X Y n v : Rat} (hm : m.flushed = false)
    (he : m.format.minExponent - m.format.precision + 1 ≤ e + d)
    (hx : ∀ i, Multiple e (x.get i) ∧ abs (x.get i) ≤ X)
    (hy : ∀ i, Multiple d (y.get i) ∧ abs (y.get i) ≤ Y) (hX : 0 ≤ X) (hY : 0 ≤ Y)
    (hn : termCount Rat ⟨out, red, p₁, [p₂], []⟩ o ≤ n)
    (hs : n * (X * Y) ≤ pow2 (m.format.precision + (e + d)))
    (h : Computes m (summands ⟨out, red, p₁, [p₂], []⟩ (x, y, ⟨⟩) ⟨⟩ o) v) :
    v = evalAt exact ⟨out, red, p₁, [p₂], []⟩ (x, y, ⟨⟩) ⟨⟩ o := by
  rw [h.eq_listSum hm he (multiple_summands (fun i => (hx i).1) fun i => (hy i).1) ?_,
    listSum_summands]
  rw [sumAbs_summands]
  have h1 := abs_evalAt_fill_le (out := out) (red := red) (o := o)
    (x := x.map abs) (y := y.map abs) (X := X) (Y := Y)
    (fun i => by rw [Tensor.get_map, abs_of_nonneg (abs_nonneg _)]; exact (hx i).2)
    (fun i => by rw [Tensor.get_map, abs_of_nonneg (abs_nonneg _)]; exact (hy i).2)
  have h2 := le_abs_self (evalAt exact ⟨out, red, p₁, [p₂], []⟩ (x.map abs, y.map abs, ⟨⟩) ⟨⟩ o)
  have h3 := mul_le_mul_left (mul_nonneg hX hY) hn
  refine Rat.le_trans h2 (Rat.le_trans h1 (Rat.le_trans ?_ hs))
  grind

end Contraction

end

/-! ### The running error -/

/-- |w − (v + Σtᵢ)| ≤ u·s: what is lost where numbers of the format are added one after the other is
at most u times the magnitudes of what is computed on the way. -/
theorem Accumulates.abs_sub_le {f : Format} {v w s : Rat} {ts : List Rat}
    (h : Accumulates f v ts w s) (hv : f.Representable v) (ht : ∀ t ∈ ts, f.Representable t) :
    abs (w - (v + ts.sum)) ≤ f.unitRoundoff * s := by
  induction h with
  | nil v =>
    show abs (v - (v + 0)) ≤ _
    rw [show v - (v + 0) = 0 by grind, abs_zero, Rat.mul_zero]; exact Rat.le_refl
  | @cons v t w s ts _ ih =>
    have h1 := ih (f.representable_round _) fun t h => ht t (List.mem_cons_of_mem _ h)
    have h2 := one_add_mul_abs_round_add_sub_le hv (ht t List.mem_cons_self)
    have h3 := abs_add_le (f.round (v + t)) (v + t - f.round (v + t))
    rw [show f.round (v + t) + (v + t - f.round (v + t)) = v + t by grind, abs_sub_comm] at h3
    have h4 := mul_le_mul_left (Rat.le_of_lt f.unitRoundoff_pos) h3
    have h5 := abs_add_le (w - (f.round (v + t) + ts.sum)) (f.round (v + t) - (v + t))
    rw [show w - (f.round (v + t) + ts.sum) + (f.round (v + t) - (v + t)) =
      w - (v + (t + ts.sum)) by grind] at h5
    show abs (w - (v + (t + ts.sum))) ≤ _
    grind

namespace Contraction

section
variable {f : Format} {w d s R Y : Rat} {ts : List Rat} {o : List Nat} {out : List (List Int)}
  {red : List Int} {p₁ p₂ : Operand Int} {qs : List (Operand Int)}

/-- **A reference from slices**: from a number w of the format, the sums of the products of slices
that are computed, and the addends, are subtracted one after the other, which gives d. Then w − d is
as near the exact entry as the running error and what is left of the products say. -/
theorem sliced_reference {x : Tensor Rat (extents p₁.axes)} {y : Tensor Rat (extents p₂.axes)}
    {bs : Tensors Rat (shapes qs)}
    {ps : List (Tensor Rat (extents p₁.axes) × List (Tensor Rat (extents p₂.axes)))}
    {Ms : List (Rat × Rat)} (hw : f.Representable w) (ht : ∀ t ∈ ts, f.Representable t)
    (h : Accumulates f w ts d s)
    (hk : ts.sum = -((keptProducts out red p₁ p₂ ps o).sum + addendsAt o qs bs))
    (hx : Sliced y R x ps Ms) (hY : ∀ i, abs (y.get i) ≤ Y) :
    abs (w - d - evalAt exact ⟨out, red, p₁, [p₂], qs⟩ (x, y, ⟨⟩) bs o) ≤ f.unitRoundoff * s +
      leftBound (termCount Rat ⟨out, red, p₁, [p₂], []⟩ o) (tailBound Ms) R Y := by
  have h1 := h.abs_sub_le hw ht
  have h2 := abs_sub_keptProducts_le (out := out) (red := red) (o := o) hx hY
  have h3 := evalAt_two (out := out) (red := red) (o := o) x y bs
  have h4 := evalAt_two (out := out) (red := red) (o := o) (ps := []) x y ⟨⟩
  change _ = _ + (0 : Rat) at h4
  have h5 := abs_add_le (w + ts.sum - d) ((keptProducts out red p₁ p₂ ps o).sum -
    evalAt exact ⟨out, red, p₁, [p₂], []⟩ (x, y, ⟨⟩) ⟨⟩ o)
  rw [abs_sub_comm d] at h1
  rw [abs_sub_comm] at h2
  rw [show w + ts.sum - d + ((keptProducts out red p₁ p₂ ps o).sum -
    evalAt exact ⟨out, red, p₁, [p₂], []⟩ (x, y, ⟨⟩) ⟨⟩ o) =
    w - d - evalAt exact ⟨out, red, p₁, [p₂], qs⟩ (x, y, ⟨⟩) bs o by rw [hk, h3, h4]; grind] at h5
  grind

end

/-! ### One factor -/

section
variable {K : Type u} [OrderedField K] {out : List (List Int)} {red : List Int} {p : Operand Int}
  {name : String} {qs : List (Operand Int)} (x : Tensor K (extents p.axes)) (bs : Tensors K (shapes qs))
  (o : List Nat)

theorem term_times_one (r : List Nat) :
    term exact ⟨out, red, p, [⟨name, []⟩], qs⟩ (x, (1 : K), ⟨⟩) o r =
      term exact ⟨out, red, p, [], qs⟩ (x, ⟨⟩) o r := by
  unfold term
  dsimp only
  rcases read p.axes x o r with _ | a
  · rfl
  · exact congrArg some (Lean.Grind.Semiring.mul_one a)

/-- A contraction of one factor sums what that of two sums whose second is the number 1. -/
theorem summands_times_one : summands ⟨out, red, p, [⟨name, []⟩], qs⟩ (x, (1 : K), ⟨⟩) bs o =
    summands ⟨out, red, p, [], qs⟩ (x, ⟨⟩) bs o :=
  congrArg (addendList o qs bs) (loops_rel (R := Eq) _ rfl fun r k l h => by
    subst h
    rw [term_times_one])

end

end Contraction

end RuntimeApprox
