module

public import RuntimeApprox.Aligned.Theorems
public import RuntimeApprox.Aligned

/-!
# What aligned sums in two stages err by

## Main results
* `abs_stagedSum_sub_le`: the second stage adds 2^(−F)·M + 2^(−G)·M to what the sum of products errs
  by, where M is at least 2^exponent of each number, and F and G are the numbers of bits.
* `Format.abs_floor_sub_le`: |⌊x⌋ − x| ≤ 2^(1 − p)·|x| + 2^(eₘᵢₙ − p + 1).
* `staged_step_near`: one step whose products are added by one aligned and cut sum;
  `staged_step_near_of_two`: by two of them.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

open Format

/-- 0 ≤ x − ⌊x⌋ < ulp x -/
theorem Format.abs_floor_sub_lt (f : Format) (x : Rat) : abs (f.floor x - x) < f.ulp x := by
  have hu := f.ulp_pos x
  have hd := Rat.div_mul_cancel (a := x) (Rat.ne_of_gt hu)
  have h1 := mul_le_mul_left (Rat.le_of_lt hu) (Rat.floor_le (x / f.ulp x))
  have h2 := Rat.mul_lt_mul_of_pos_right (Rat.lt_floor_add_one (x / f.ulp x)) hu
  rw [Rat.intCast_add, Rat.intCast_one] at h2
  rw [Format.floor, ← Rat.floor_def]
  unfold abs; grind

/-- |⌊x⌋ − x| ≤ 2·2^(−p)·|x| + 2^(eₘᵢₙ − p + 1) for every x. -/
theorem Format.abs_floor_sub_le (f : Format) (x : Rat) :
    abs (f.floor x - x) ≤
      2 * f.unitRoundoff * abs x + pow2 (f.minExponent - f.precision + 1) := by
  have h1 := f.abs_floor_sub_lt x
  have h2 := f.halfUlp_le_mul_add x
  rw [ulp_eq] at h1
  rw [pow2_add_one]
  grind

section
variable {bits dotBits k n : Nat} {drop down : Bool} {c dot x y : Addend} {xs ys : List Addend}
  {M σ v α s t : Rat} {f : Format} {m : Mode}

/-- **The second stage**: if the sum of products errs by at most α·M, the sum with the accumulator
errs by at most (α + 2^(−F) + 2^(−G))·M. -/
theorem abs_stagedSum_sub_le (hdot : abs (dot.value - s) ≤ α * M) (hd : pow2 dot.exponent ≤ M)
    (hc : pow2 c.exponent ≤ M)
    (hdrop : drop = true → abs c.value ≤ pow2 (c.exponent + 1)) :
    abs (stagedSum bits dotBits drop c dot - (c.value + s)) ≤
      (α + pow2 (-bits) + pow2 (-dotBits)) * M := by
  unfold stagedSum
  have hM : pow2 (if dot.exponent ≤ c.exponent then c.exponent else dot.exponent) ≤ M := by
    split <;> assumption
  generalize (if dot.exponent ≤ c.exponent then c.exponent else dot.exponent) = e at *
  have he (b : Nat) : pow2 (e - b) ≤ pow2 (-b) * M := by
    rw [show e - (b : Int) = -(b : Int) + e by omega, pow2_add]
    exact mul_le_mul_left (pow2_nonneg _) hM
  have h1 := dot.abs_cut_sub_le true (e - dotBits)
  have h2 : abs ((if (drop && decide (c.exponent < e - bits - 1)) = true then 0
      else (c.cut true (e - bits)).value) - c.value) ≤ pow2 (e - bits) := by
    split
    · next h =>
      simp only [Bool.and_eq_true, decide_eq_true_eq] at h
      have h3 := hdrop h.1
      have h4 := pow2_mono (show c.exponent + 1 ≤ e - bits by omega)
      rw [abs_sub_comm, show c.value - 0 = c.value by grind]
      grind
    · exact c.abs_cut_sub_le true (e - bits)
  show abs ((dot.cut true (e - dotBits)).value + (if (drop && decide (c.exponent < e - bits - 1)) =
    true then 0 else (c.cut true (e - bits)).value) - (c.value + s)) ≤ _
  generalize (if (drop && decide (c.exponent < e - bits - 1)) = true then (0 : Rat)
      else (c.cut true (e - bits)).value) = kept at *
  have h3 := he bits
  have h4 := he dotBits
  have h5 := abs_add_le ((dot.cut true (e - dotBits)).value - dot.value + (dot.value - s))
    (kept - c.value)
  have h6 := abs_add_le ((dot.cut true (e - dotBits)).value - dot.value) (dot.value - s)
  rw [show (dot.cut true (e - dotBits)).value - dot.value + (dot.value - s) + (kept - c.value) =
    (dot.cut true (e - dotBits)).value + kept - (c.value + s) by grind] at h5
  grind

/-- The sum of two sums of products, floored. -/
theorem abs_two_sub_le {β : Rat} (hx : abs (x.value - s) ≤ α * M) (hy : abs (y.value - t) ≤ β * M)
    (hxM : pow2 x.exponent ≤ M) (hyM : pow2 y.exponent ≤ M) :
    abs ((alignedSum bits down x [y]).value - (s + t)) ≤ (α + β + 2 * pow2 (-bits)) * M := by
  have h1 := abs_alignedSum_sub_le (bits := bits) (down := down) (c := x) (xs := [y]) (n := 2)
    (M := M) (nonzeros_le_length _) fun z hz => by
      rcases List.mem_cons.1 hz with rfl | hz
      · exact hxM
      · rw [List.mem_singleton.1 hz]; exact hyM
  have h1 : abs ((alignedSum bits down x [y]).value - (x.value + (y.value + 0))) ≤
    2 * pow2 (-bits) * M := h1
  rw [Rat.add_zero] at h1
  have h2 := abs_sub_le (alignedSum bits down x [y]).value (x.value + y.value) (s + t)
  have h3 := abs_add_le (x.value - s) (y.value - t)
  rw [show x.value - s + (y.value - t) = x.value + y.value - (s + t) by grind] at h3
  grind

/-- What follows where the sum is floored to a wider format f and given in the mode m. -/
theorem near_of_floor {ts : List Rat} {A z : Rat}
    (hz : abs (z - ts.sum) ≤ A * (sumAbs ts + σ)) (h : m.Gives (f.floor z) v) :
    Near ((ErrorBound.followedBy ⟨A, A * σ⟩
      ⟨2 * f.unitRoundoff, pow2 (f.minExponent - f.precision + 1)⟩).followedBy
        ⟨m.roundoff, m.underflow⟩) ts v := by
  have h0 : Near ⟨A, A * σ⟩ ts z := by
    show _ ≤ A * sumAbs ts + A * σ
    grind
  have hu : 0 ≤ 2 * f.unitRoundoff := by have := f.unitRoundoff_pos; grind
  exact (h0.followedBy hu (f.abs_floor_sub_le z)).followedBy (Rat.le_of_lt m.roundoff_pos)
    h.abs_sub_le

/-- **A step in two stages** of at most n products that are not zero: the error of alignment is
A·(Σ|xᵢ| + σ) with A = n·2^(−F) + 2^(−F) + 2^(−G), if no exponent is too large by more than σ. -/
theorem staged_step_near (hn : nonzeros (addendValues (x :: xs)) ≤ n)
    (hσ : ∀ z ∈ c :: x :: xs, pow2 z.exponent ≤ abs z.value + σ)
    (hdrop : drop = true → abs c.value ≤ pow2 (c.exponent + 1))
    (h : m.Gives (f.floor (stagedSum bits dotBits drop c (alignedSum bits false x xs))) v)
    {A : Rat} (hA : A = n * pow2 (-bits) + pow2 (-bits) + pow2 (-dotBits)) :
    Near ((ErrorBound.followedBy ⟨A, A * σ⟩
      ⟨2 * f.unitRoundoff, pow2 (f.minExponent - f.precision + 1)⟩).followedBy
        ⟨m.roundoff, m.underflow⟩) (addendValues (c :: x :: xs)) v := by
  have hM : ∀ z ∈ c :: x :: xs, pow2 z.exponent ≤ sumAbs (addendValues (c :: x :: xs)) + σ :=
    fun z hz => by
      have := hσ z hz
      have := abs_value_le_sumAbs hz
      grind
  have hx : ∀ z ∈ x :: xs, pow2 z.exponent ≤ sumAbs (addendValues (c :: x :: xs)) + σ :=
    fun z hz => hM z (List.mem_cons_of_mem _ hz)
  refine near_of_floor (A := A) ?_ h
  rw [hA]
  exact abs_stagedSum_sub_le (abs_alignedSum_sub_le hn hx) (pow2_largestExponent_le hx)
    (hM c List.mem_cons_self) hdrop

/-- **A step in two stages** whose products are added by two sums, of at most k and n that are not
zero, whose sums are floored and added: A = (k + n + 3)·2^(−F) + 2^(−G). -/
theorem staged_step_near_of_two (hk : nonzeros (addendValues (x :: xs)) ≤ k)
    (hn : nonzeros (addendValues (y :: ys)) ≤ n)
    (hσ : ∀ z ∈ c :: ((x :: xs) ++ (y :: ys)), pow2 z.exponent ≤ abs z.value + σ)
    (hdrop : drop = true → abs c.value ≤ pow2 (c.exponent + 1))
    (h : m.Gives (f.floor (stagedSum bits dotBits drop c
      (alignedSum bits true (alignedSum bits false x xs) [alignedSum bits false y ys]))) v)
    {A : Rat} (hA : A = k * pow2 (-bits) + n * pow2 (-bits) + 2 * pow2 (-bits) + pow2 (-bits) +
      pow2 (-dotBits)) :
    Near ((ErrorBound.followedBy ⟨A, A * σ⟩
      ⟨2 * f.unitRoundoff, pow2 (f.minExponent - f.precision + 1)⟩).followedBy
        ⟨m.roundoff, m.underflow⟩)
      (c.value :: (addendValues (x :: xs) ++ addendValues (y :: ys))) v := by
  have key : ∀ ts us : List Rat, (∀ z ∈ x :: xs, abs z.value ≤ sumAbs ts) →
      (∀ z ∈ y :: ys, abs z.value ≤ sumAbs us) →
      ∀ z ∈ c :: ((x :: xs) ++ (y :: ys)), pow2 z.exponent ≤
        sumAbs (c.value :: (ts ++ us)) + σ := by
    intro ts us h1 h2 z hz
    have h3 := hσ z hz
    have h4 := abs_nonneg c.value
    have h5 := sumAbs_nonneg ts
    have h6 := sumAbs_nonneg us
    show _ ≤ abs c.value + sumAbs (ts ++ us) + σ
    rw [sumAbs_append]
    rcases List.mem_cons.1 hz with rfl | hz
    · grind
    · rcases List.mem_append.1 hz with hz | hz
      · have := h1 z hz
        grind
      · have := h2 z hz
        grind
  have hM := key _ _ (fun _ hz => abs_value_le_sumAbs hz) fun _ hz => abs_value_le_sumAbs hz
  have hx := fun z hz => hM z (List.mem_cons_of_mem _ (List.mem_append_left _ hz))
  have hy := fun z hz => hM z (List.mem_cons_of_mem _ (List.mem_append_right _ hz))
  have hxM := pow2_largestExponent_le hx
  have hyM := pow2_largestExponent_le hy
  have hdot := abs_two_sub_le (bits := bits) (down := true)
    (x := alignedSum bits false x xs) (y := alignedSum bits false y ys)
    (abs_alignedSum_sub_le hk hx) (abs_alignedSum_sub_le hn hy) hxM hyM
  refine near_of_floor (A := A) ?_ h
  rw [hA]
  have hd : pow2 (alignedSum bits true (alignedSum bits false x xs)
      [alignedSum bits false y ys]).exponent ≤ _ :=
    pow2_largestExponent_le fun z hz => by
      rcases List.mem_cons.1 hz with rfl | hz
      · exact hxM
      · rw [List.mem_singleton.1 hz]; exact hyM
  have := abs_stagedSum_sub_le (bits := bits) (dotBits := dotBits) (drop := drop) hdot hd
    (hM c List.mem_cons_self) hdrop
  rwa [← listSum_append] at this

end

end RuntimeApprox
