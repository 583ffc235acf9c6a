module

public import RuntimeApprox.Dyad
public import RuntimeApprox.Format.Nearest

/-!
# Dyadic numbers compute what they stand for

## Main results
* `Dyad.toRat_add`, `Dyad.toRat_mul`, `Dyad.toRat_abs`, `Dyad.le_iff`, `Dyad.eq_iff`.
* `Dyad.toRat_round`, `Dyad.toRat_halfUlp`, `Dyad.overflows_eq`: rounding a dyadic number by integer
  operations is rounding its value.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox.Dyad

theorem larger_eq_max (m n : Nat) : larger m n = Max.max m n := by
  unfold larger
  cases h : Nat.ble m n
  · have : ¬m ≤ n := fun hle => by rw [Nat.ble_eq_true_of_le hle] at h; cases h
    show m = Max.max m n
    exact (Nat.max_eq_left (by omega)).symm
  · exact (Nat.max_eq_right (Nat.le_of_ble_eq_true h)).symm

theorem le_larger_left (m n : Nat) : m ≤ larger m n := by
  rw [larger_eq_max]; exact Nat.le_max_left m n

theorem le_larger_right (m n : Nat) : n ≤ larger m n := by
  rw [larger_eq_max]; exact Nat.le_max_right m n

theorem numAt_eq (a : Dyad) (k : Nat) : a.numAt k = a.num * (2 ^ (k - a.scale) : Nat) := by
  unfold numAt
  split
  · next h => rw [h]; simp
  · next h => rw [h]; rfl

/-- The value from the numerator over a larger denominator. -/
theorem numAt_mul_pow2 {a : Dyad} {k : Nat} (h : a.scale ≤ k) :
    (a.numAt k : Rat) * pow2 (-k) = a.toRat := by
  rw [numAt_eq, Rat.intCast_mul, Rat.intCast_natCast, ← pow2_natCast, Rat.mul_assoc, ← pow2_add,
    toRat]
  congr 2; omega

theorem toRat_add (a b : Dyad) : (a.add b).toRat = a.toRat + b.toRat := by
  unfold add
  cases h : Nat.beq a.scale b.scale
  · rw [← numAt_mul_pow2 (le_larger_left a.scale b.scale),
      ← numAt_mul_pow2 (le_larger_right a.scale b.scale)]
    show ((_ + _ : Int) : Rat) * _ = _
    rw [Rat.intCast_add]; grind
  · show ((_ + _ : Int) : Rat) * _ = _
    rw [Rat.intCast_add, toRat, toRat, ← Nat.eq_of_beq_eq_true h]; grind

theorem toRat_mul (a b : Dyad) : (a.mul b).toRat = a.toRat * b.toRat := by
  show ((a.num * b.num : Int) : Rat) * pow2 (-((a.scale + b.scale : Nat) : Int)) = _
  rw [Rat.intCast_mul, show -((a.scale + b.scale : Nat) : Int) = -a.scale + -b.scale by omega,
    pow2_add, toRat, toRat]
  grind

theorem toRat_abs (a : Dyad) : a.abs.toRat = RuntimeApprox.abs a.toRat := by
  rw [toRat, toRat, abs_mul_pow2, abs_intCast]; rfl

theorem le_iff {a b : Dyad} : a.le b = true ↔ a.toRat ≤ b.toRat := by
  unfold le
  rw [decide_eq_true_iff, ← Rat.intCast_le_intCast,
    ← numAt_mul_pow2 (le_larger_left a.scale b.scale),
    ← numAt_mul_pow2 (le_larger_right a.scale b.scale)]
  have := pow2_pos (-(larger a.scale b.scale : Int))
  exact ⟨fun h => Rat.mul_le_mul_of_nonneg_right h (Rat.le_of_lt this),
    fun h => Rat.le_of_mul_le_mul_right h this⟩

theorem eq_iff {a b : Dyad} : a.eq b = true ↔ a.toRat = b.toRat := by
  unfold eq
  rw [decide_eq_true_iff, ← Rat.intCast_inj,
    ← numAt_mul_pow2 (le_larger_left a.scale b.scale),
    ← numAt_mul_pow2 (le_larger_right a.scale b.scale), mul_pow2_inj]

variable {f : Format}

theorem toRat_lift (f : Format) (a : Dyad) : (a.lift f).toRat = a.toRat := by
  unfold lift
  cases h : Nat.ble (-f.minExponent).toNat a.scale
  · have : ¬(-f.minExponent).toNat ≤ a.scale := fun hle => by
      rw [Nat.ble_eq_true_of_le hle] at h; cases h
    exact numAt_mul_pow2 (by omega)
  · rfl

theorem le_scale_lift (f : Format) (a : Dyad) : (-f.minExponent).toNat ≤ (a.lift f).scale := by
  unfold lift
  cases h : Nat.ble (-f.minExponent).toNat a.scale
  · exact Nat.le_refl _
  · exact Nat.le_of_ble_eq_true h

theorem leading_spec {n k : Nat} (h : (-f.minExponent).toNat ≤ k) :
    n.log2 ≤ leading f n k ∧ f.minExponent + k ≤ leading f n k ∧
      ((leading f n k : Int) = n.log2 ∨ (leading f n k : Int) = f.minExponent + k) := by
  unfold leading
  rw [larger_eq_max, Nat.max_def]
  split <;> omega

/-- The exponent at which num / 2^k is rounded. -/
theorem exponent_toRat {a : Dyad} (h : (-f.minExponent).toNat ≤ a.scale) :
    f.exponent a.toRat = leading f a.num.natAbs a.scale - a.scale := by
  have habs : RuntimeApprox.abs a.toRat = a.num.natAbs * pow2 (-a.scale) := by
    rw [toRat, abs_mul_pow2, abs_intCast]
  have hpos := pow2_pos (-(a.scale : Int))
  have ⟨h1, h2, h3⟩ := leading_spec (n := a.num.natAbs) h
  have hlt : RuntimeApprox.abs a.toRat < pow2 (a.num.natAbs.log2 + 1 + -a.scale) := by
    rw [habs, pow2_add]
    exact Rat.mul_lt_mul_of_pos_right (Rat.natCast_lt_natCast.2 Nat.lt_log2_self) hpos
  refine Int.le_antisymm (f.exponent_le (by omega) ?_) ?_
  · have := @pow2_mono (a.num.natAbs.log2 + 1 + -a.scale)
      (leading f a.num.natAbs a.scale - a.scale + 1) (by omega)
    grind
  · by_cases hn : a.num.natAbs = 0
    · have := f.minExponent_le_exponent a.toRat
      have : a.num.natAbs.log2 = 0 := by rw [hn]; decide
      omega
    · have h1 : pow2 (a.num.natAbs.log2 + -a.scale) ≤ RuntimeApprox.abs a.toRat := by
        rw [habs, pow2_add]
        exact Rat.mul_le_mul_of_nonneg_right
          (Rat.natCast_le_natCast.2 (Nat.log2_self_le hn)) (Rat.le_of_lt hpos)
      have := f.le_exponent h1
      have := f.minExponent_le_exponent a.toRat
      omega

theorem toRat_halfUlp (f : Format) (a : Dyad) : (a.halfUlp f).toRat = f.halfUlp a.toRat := by
  have h := exponent_toRat (f := f) (a := a.lift f) (le_scale_lift f a)
  rw [toRat_lift] at h
  rw [Format.halfUlp, h]
  show ((Int.ofNat (2 ^ _) : Int) : Rat) * pow2 (-(((a.lift f).scale + f.precision : Nat) : Int)) = _
  rw [show Int.ofNat (2 ^ leading f (a.lift f).num.natAbs (a.lift f).scale) =
    ((2 ^ leading f (a.lift f).num.natAbs (a.lift f).scale : Nat) : Int) from rfl,
    Rat.intCast_natCast, ← pow2_natCast, ← pow2_add]
  congr 1; omega

/-- k is nearest to n/d, on integers. -/
theorem nearestEven_div {n d : Nat} (hd : 0 < d) {k : Int} (h1 : (2 * k - 1) * d ≤ 2 * n)
    (h2 : 2 * n ≤ (2 * k + 1) * d)
    (h3 : (2 * k - 1) * d = 2 * n ∨ 2 * n = (2 * k + 1) * d → k % 2 = 0) :
    NearestEven (n / d) k := by
  have hd' : 0 < (d : Rat) := Rat.natCast_pos.2 hd
  have hx : (n / d : Rat) * d = n := Rat.div_mul_cancel (Rat.ne_of_gt hd')
  generalize (n / d : Rat) = x at *
  have e1 : (((2 * k - 1) * d : Int) : Rat) = (2 * k - 1) * d := by
    rw [Rat.intCast_mul, Rat.intCast_sub, Rat.intCast_mul]; rfl
  have e2 : (((2 * k + 1) * d : Int) : Rat) = (2 * k + 1) * d := by
    rw [Rat.intCast_mul, Rat.intCast_add, Rat.intCast_mul]; rfl
  have e3 : ((2 * n : Int) : Rat) = 2 * x * d := by
    rw [Rat.intCast_mul, Rat.mul_assoc, hx]; rfl
  rw [← Rat.intCast_le_intCast, e1, e3] at h1
  rw [← Rat.intCast_le_intCast, e2, e3] at h2
  rw [← Rat.intCast_inj, ← Rat.intCast_inj, e1, e2, e3] at h3
  exact ⟨Rat.le_of_mul_le_mul_right h1 hd', Rat.le_of_mul_le_mul_right h2 hd',
    fun h => h3 (h.imp (fun h => by rw [h]) fun h => by rw [h])⟩

theorem dropBits_eq (n s : Nat) : dropBits n s =
    if 2 ^ s + 1 ≤ 2 * (n % 2 ^ s) + n / 2 ^ s % 2 then n / 2 ^ s + 1 else n / 2 ^ s := by
  show (bif Nat.ble _ _ then _ else _) = _
  simp only [cond_eq_ite, Nat.ble_eq]

/-- n / 2ˢ, rounded to the nearest integer, ties to even. -/
theorem roundEven_div_pow2 (n s : Nat) : roundEven (n / pow2 s) = dropBits n s := by
  have hd := Nat.two_pow_pos s
  rw [pow2_natCast, roundEven_eq_iff]
  rw [dropBits_eq]
  generalize 2 ^ s = d at *
  have hn : (d : Int) * (n / d : Nat) + (n % d : Nat) = n := by
    rw [← Int.natCast_mul, ← Int.natCast_add, Nat.div_add_mod]
  have hr := Nat.mod_lt n hd
  generalize n / d = q at *
  generalize n % d = r at *
  have hc : (d : Int) * q = q * d := Int.mul_comm _ _
  split
  · have e1 : (2 * ((q + 1 : Nat) : Int) - 1) * d = 2 * (d * q) + d := by grind
    have e2 : (2 * ((q + 1 : Nat) : Int) + 1) * d = 2 * (d * q) + 3 * d := by grind
    refine nearestEven_div hd ?_ ?_ ?_ <;> simp only [e1, e2] <;> omega
  · have e1 : (2 * (q : Int) - 1) * d = 2 * (d * q) - d := by grind
    have e2 : (2 * (q : Int) + 1) * d = 2 * (d * q) + d := by grind
    refine nearestEven_div hd ?_ ?_ ?_ <;> simp only [e1, e2] <;> omega

/-- Rounding a nonnegative dyadic number. -/
theorem round_natCast_mul_pow2 {n k : Nat} (h : (-f.minExponent).toNat ≤ k) :
    f.round (n * pow2 (-k)) = (dropBits n (leading f n k - (f.precision - 1)) *
      2 ^ (leading f n k - (f.precision - 1)) : Nat) * pow2 (-k) := by
  have he := exponent_toRat (f := f) (a := ⟨n, k⟩) h
  have ⟨h1, h2, _⟩ := leading_spec (n := n) h
  have hp := f.precision_pos
  have hv : (⟨n, k⟩ : Dyad).toRat = n * pow2 (-k) := by rw [toRat, Rat.intCast_natCast]
  simp only [hv, Int.natAbs_natCast] at he
  by_cases hs : f.precision - 1 ≤ leading f n k
  · have hu : f.ulp (n * pow2 (-k)) = pow2 ((leading f n k - (f.precision - 1) : Nat) : Int) *
        pow2 (-k) := by
      rw [Format.ulp, he, ← pow2_add]; congr 1; omega
    have hne := pow2_ne_zero (-(k : Int))
    have hq : (n * pow2 (-k) : Rat) / f.ulp (n * pow2 (-k)) =
        n / pow2 ((leading f n k - (f.precision - 1) : Nat) : Int) := by
      have := pow2_ne_zero ((leading f n k - (f.precision - 1) : Nat) : Int)
      rw [hu]; grind
    rw [Format.round, Format.significand, hq, roundEven_div_pow2, hu, Rat.intCast_natCast,
      Rat.natCast_mul, pow2_natCast, Rat.mul_assoc]
  · have h0 : leading f n k - (f.precision - 1) = 0 := by omega
    have hd : dropBits n 0 = n := by
      rw [dropBits_eq, if_neg (by omega), Nat.pow_zero, Nat.div_one]
    rw [h0, hd, Nat.pow_zero, Nat.mul_one]
    refine Format.round_eq_self ⟨n, -k, ?_, by omega, by rw [Rat.intCast_natCast]⟩
    have := @Nat.lt_log2_self n
    have := Nat.pow_le_pow_right (n := 2) (by omega) (show n.log2 + 1 ≤ f.precision by omega)
    simp only [Int.natAbs_natCast]; omega

theorem toRat_round (f : Format) (a : Dyad) : (a.round f).toRat = f.round a.toRat := by
  rw [← toRat_lift f a]
  have h : (-f.minExponent).toNat ≤ (a.lift f).scale := le_scale_lift f a
  unfold round
  generalize a.lift f = b at *
  obtain ⟨n, k⟩ := b
  have hr := fun m : Nat => round_natCast_mul_pow2 (f := f) (n := m) h
  cases n with
  | ofNat n =>
    have := hr n
    show ((Int.ofNat _ : Int) : Rat) * pow2 (-k) = f.round (((n : Int) : Rat) * pow2 (-k))
    rw [Rat.intCast_natCast, this]; rfl
  | negSucc n =>
    have := hr (n + 1)
    show ((-Int.ofNat _ : Int) : Rat) * pow2 (-k) = f.round ((Int.negSucc n : Rat) * pow2 (-k))
    rw [Int.negSucc_eq, Rat.intCast_neg, Rat.intCast_neg, Rat.neg_mul, Rat.neg_mul,
      Format.round_neg]
    congr 1
    have e : (((n : Int) + 1 : Int) : Rat) = ((n + 1 : Nat) : Rat) := by
      rw [← Rat.intCast_natCast]; rfl
    rw [e, this]; rfl

theorem overflows_eq (f : Format) (v : Dyad) : v.overflows f = f.overflows v.toRat := by
  rw [Bool.eq_iff_iff, Format.overflows_iff, toRat, abs_mul_pow2, abs_intCast]
  unfold overflows
  have hk := pow2_pos (-(v.scale : Int))
  rw [Bool.and_eq_true, Nat.ble_eq, Nat.ble_eq,
    show f.maxExponent + 1 = (f.maxExponent + v.scale + 1) + -v.scale by omega, pow2_add]
  generalize f.maxExponent + v.scale + 1 = t
  generalize v.num.natAbs = n
  constructor
  · intro ⟨h1, h2⟩
    refine Rat.mul_le_mul_of_nonneg_right ?_ (Rat.le_of_lt hk)
    have h3 := (pow2_log2 (n := n) (by omega)).1
    have := @pow2_mono t n.log2 (by omega)
    grind
  · intro h
    have h := Rat.le_of_mul_le_mul_right h hk
    have hn : 1 ≤ n := Nat.one_le_iff_ne_zero.2 fun h0 => by
      subst h0; have := pow2_pos t; grind
    refine ⟨hn, ?_⟩
    have h4 := (pow2_log2 (n := n) (by omega)).2
    rw [← pow2_add_one] at h4
    have : pow2 t < pow2 (n.log2 + 1) := by grind
    rw [pow2_lt_pow2] at this
    omega

end RuntimeApprox.Dyad
