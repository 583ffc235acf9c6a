module

public import RuntimeApprox.Contraction.Exact.Theorems
public import RuntimeApprox.Tensor.Reshape

/-!
# The gradients of contractions are contractions

The inner product of δ with an exact contraction of x, y, … is the sum of the products δ·x·y·… over all
iterations of the contraction's loops, in which the result is read like an operand. A gradient is a
contraction that reads the same tensors at the same places, with the result and one of the operands in
each other's part. Its loops may be other ones, as long as those iterations correspond whose terms are
not zero. Then both inner products are equal: the gradient is the adjoint of the contraction in that
operand.

## Main results
* `adjoint`: sums over two iteration spaces are equal where their nonzero terms correspond.
* `Contraction.dot_eval`: ⟨δ, c(x, y, …)⟩ as a sum over the iterations of c.
* `Contraction.Reordered.adjoint`: ⟨δ, c(x, y, …)⟩ = ⟨x, c′(δ, y, …)⟩, for every operand, number of
  operands, and order of them in c′.
* `place_input`, `place_output`: which output position a tap reads an input position for.
-/

set_option autoImplicit false

@[expose] public noncomputable section

namespace RuntimeApprox

universe u
variable {K : Type u} [OrderedField K]

/-! ### Sums over two iteration spaces -/

theorem AllLoops.apply : {ns : List Nat} → {P : List Nat → Prop} → AllLoops ns P →
    {is : List Nat} → InLoops ns is → P is
  | [], _, h, [], _ => h
  | _ :: _, _, h, i :: _, hi => (h i hi.1).apply hi.2

theorem sums_congr_in {f g : List Nat → K} : (ns : List Nat) →
    (∀ is, InLoops ns is → f is = g is) → sums ns f = sums ns g
  | [], h => h [] trivial
  | _ :: ns, h => sum_congr fun i hi => sums_congr_in ns fun _ his => h (i :: _) ⟨hi, his⟩

theorem sum_sums_comm (n : Nat) : (ms : List Nat) → (f : Nat → List Nat → K) →
    (sum n fun i => sums ms (f i)) = sums ms fun js => sum n fun i => f i js
  | [], _ => rfl
  | m :: ms, f =>
    (sum_comm n m _).trans (sum_congr fun j _ => sum_sums_comm n ms fun i js => f i (j :: js))

/-- Σ over `is` and Σ over `js` commute. -/
theorem sums_comm : (ns ms : List Nat) → (f : List Nat → List Nat → K) →
    (sums ns fun is => sums ms (f is)) = sums ms fun js => sums ns fun is => f is js
  | [], _, _ => rfl
  | n :: ns, ms, f =>
    (sum_congr fun i _ => sums_comm ns ms fun is => f (i :: is)).trans (sum_sums_comm n ms _)

theorem sums_append : (ns ms : List Nat) → (f : List Nat → K) →
    sums (ns ++ ms) f = sums ns fun is => sums ms fun js => f (is ++ js)
  | [], _, _ => rfl
  | _ :: ns, ms, _ => sum_congr fun _ _ => sums_append ns ms _

theorem sum_single {n k : Nat} (hk : k < n) {f : Nat → K} (h : ∀ i, i ≠ k → f i = 0) :
    sum n f = f k := by
  induction n with
  | zero => omega
  | succ n ih =>
    rw [sum_succ]
    by_cases e : k = n
    · subst e
      rw [sum_congr fun i hi => h i (Nat.ne_of_lt hi), sum_zero]; grind
    · rw [ih (by omega), h n (Ne.symm e)]; grind

/-- A nested sum with a single nonzero term. -/
theorem sums_single : (ns : List Nat) → {ks : List Nat} → InLoops ns ks → {f : List Nat → K} →
    (∀ is, is ≠ ks → f is = 0) → sums ns f = f ks
  | [], [], _, _, _ => rfl
  | _ :: ns, k :: ks, hk, f, h =>
    (sum_single hk.1 fun i hi => (sums_congr ns fun is => h (i :: is) (by simp [hi])).trans
      (sums_zero ns)).trans (sums_single ns (f := fun is => f (k :: is)) hk.2 fun is his =>
        h (k :: is) (by simp [his]))

/-- **Adjoints**: Σ f over one iteration space is Σ g over another one where φ maps the indices of
each nonzero term of f to those of an equal term of g, and ψ maps those of each nonzero term of g
back. The indices of an iteration are in two lists. -/
theorem adjoint {ns rs ms ts : List Nat} {f g : List Nat → List Nat → K}
    (φ ψ : List Nat → List Nat → List Nat × List Nat)
    (hf : ∀ o r, InLoops ns o → InLoops rs r → f o r ≠ 0 → InLoops ms (φ o r).1 ∧
      InLoops ts (φ o r).2 ∧ ψ (φ o r).1 (φ o r).2 = (o, r) ∧ g (φ o r).1 (φ o r).2 = f o r)
    (hg : ∀ o r, InLoops ms o → InLoops ts r → g o r ≠ 0 → InLoops ns (ψ o r).1 ∧
      InLoops rs (ψ o r).2 ∧ φ (ψ o r).1 (ψ o r).2 = (o, r) ∧ f (ψ o r).1 (ψ o r).2 = g o r) :
    (sums ns fun o => sums rs (f o)) = sums ms fun o => sums ts (g o) := by
  have := Classical.propDecidable
  have spread : ∀ {ls ks : List Nat} {a : K} {p : List Nat × List Nat},
      (a ≠ 0 → InLoops ls p.1 ∧ InLoops ks p.2) →
      a = sums ls fun o => sums ks fun r => if a ≠ 0 ∧ (o, r) = p then a else 0 := by
    intro ls ks a (o, r) h
    by_cases ha : a = 0
    · simp only [ha, ite_self, sums_zero]
    · rw [sums_single ls (h ha).1, sums_single ks (h ha).2, if_pos ⟨ha, rfl⟩]
      · exact fun is his => if_neg fun e => his (Prod.mk.inj e.2).2
      · exact fun is his => (sums_congr ks fun js => if_neg fun e => his (Prod.mk.inj e.2).1).trans
          (sums_zero ks)
  rw [sums_congr_in ns fun o ho => sums_congr_in rs fun r hr => spread fun h =>
      ⟨(hf o r ho hr h).1, (hf o r ho hr h).2.1⟩,
    sums_congr_in ms fun o ho => sums_congr_in ts fun r hr => spread fun h =>
      ⟨(hg o r ho hr h).1, (hg o r ho hr h).2.1⟩]
  simp only [sums_comm rs ms, sums_comm ns ms, sums_comm rs ts, sums_comm ns ts]
  refine sums_congr_in ms fun o ho => sums_congr_in ts fun r hr => sums_congr_in ns fun o' ho' =>
    sums_congr_in rs fun r' hr' => ?_
  by_cases h : f o' r' ≠ 0 ∧ (o, r) = φ o' r'
  · obtain ⟨_, _, hψ, e⟩ := hf o' r' ho' hr' h.1
    rw [← h.2] at hψ e
    rw [if_pos h, if_pos ⟨e ▸ h.1, hψ.symm⟩, e]
  · rw [if_neg h, if_neg fun h' => ?_]
    obtain ⟨_, _, hφ, e⟩ := hg o r ho hr h'.1
    rw [← h'.2] at hφ e
    exact h ⟨e ▸ h'.1, hφ.symm⟩

/-! ### The places of the result -/

/-- (i·n + j) / n = i and (i·n + j) mod n = j for j < n -/
theorem merge_div_mod {n j : Nat} (i : Nat) (hj : j < n) :
    (i * n + j) / n = i ∧ (i * n + j) % n = j := by
  rw [Nat.mul_comm, Nat.mul_add_div (by omega), Nat.div_eq_of_lt hj, Nat.mul_add_mod,
    Nat.mod_eq_of_lt hj]
  exact ⟨rfl, rfl⟩

theorem sum_one (f : Nat → K) : sum 1 f = f 0 := by
  show (0 : K) + f 0 = f 0; grind

/-- A sum over merged loops is the sum over the loops. -/
theorem sum_digits (rest : List Nat) : (ds : List Nat) → (F : Nat → List Nat → K) →
    sum (prod ds) (fun k => F k (digits ds k rest)) = sums ds fun is => F (position ds is) (is ++ rest)
  | [], F => sum_one fun k => F k rest
  | [n], F => by
    show sum n (fun k => F k (k :: rest)) = sum n fun i => F (i * 1 + 0) (i :: rest)
    simp only [Nat.mul_one, Nat.add_zero]
  | n :: m :: ms, F => by
    show sum (n * prod (m :: ms)) (fun k => F k (k / prod (m :: ms) ::
      digits (m :: ms) (k % prod (m :: ms)) rest)) = sum n fun i => sums (m :: ms) fun is =>
        F (i * prod (m :: ms) + position (m :: ms) is) (i :: (is ++ rest))
    rw [← sum_merge]
    refine sum_congr fun i _ => Eq.trans (sum_congr fun j hj => ?_)
      (sum_digits rest (m :: ms) fun j is => F (i * prod (m :: ms) + j) (i :: is))
    rw [(merge_div_mod i hj).1, (merge_div_mod i hj).2]

theorem InLoops.append : {ns : List Nat} → {is : List Nat} → InLoops ns is → (js : List Nat) →
    position ns (is ++ js) = position ns is ∧ (is ++ js).drop ns.length = js
  | [], [], _, _ => ⟨rfl, rfl⟩
  | _ :: ns, i :: _, h, js =>
    ⟨congrArg (i * prod ns + ·) (InLoops.append h.2 js).1, (InLoops.append h.2 js).2⟩

theorem length_toNats : (d : List Int) → (toNats d).length = d.length
  | [] => rfl
  | _ :: d => congrArg (· + 1) (length_toNats d)

/-- An inner product with a tensor whose entry is F(o) in iteration o, as a sum over iterations. -/
theorem dot_places : (out : List (List Int)) → (δ t : Tensor K (mergedShape out)) →
    (F : List Nat → K) → (∀ i, t.get i = F (outIndices out i)) →
    δ.dot t = sums (outDims out) fun o => δ.entry (places out o) * F o
  | [], δ, _, _, h => congrArg ((show K from δ) * ·) (h ())
  | d :: ds, δ, t, F, h => by
    have slice : ∀ k, k < prod (toNats d) → (sums (mergedShape ds) fun is =>
        δ.entry (k :: toInts is) * t.entry (k :: toInts is)) = sums (outDims ds) fun o =>
        δ.entry (k :: places ds o) * F (digits (toNats d) k o) := fun k hk => by
      rw [Tensor.dot_slice δ t hk, dot_places ds _ _ (fun o => F (digits (toNats d) k o))
        fun i => h (⟨k, hk⟩, i)]
      have hk' : (0 : Int) ≤ (k : Int) ∧ (k : Int).toNat < prod (toNats d) := ⟨Int.natCast_nonneg _, hk⟩
      exact sums_congr _ fun o => congrArg (· * _) ((Tensor.entry_cons δ k _).trans (dif_pos hk')).symm
    refine (sum_congr slice).trans ((sum_sums_comm ..).trans ((sums_congr _ fun o => sum_digits o
      (toNats d) fun k js => δ.entry (k :: places ds o) * F js).trans ((sums_comm ..).trans ?_)))
    refine ((sums_append ..).trans (sums_congr_in _ fun is his => sums_congr _ fun o => ?_)).symm
    show δ.entry ((position (toNats d) (is ++ o) : Int) :: places ds ((is ++ o).drop d.length)) * _ = _
    rw [(his.append o).1, ← length_toNats, (his.append o).2]

theorem InLoops.split : {ns : List Nat} → {ms is : List Nat} → InLoops (ns ++ ms) is →
    ∃ js ks, is = js ++ ks ∧ InLoops ns js ∧ InLoops ms ks
  | [], _, is, h => ⟨[], is, rfl, trivial, h⟩
  | _ :: _, _, i :: _, h =>
    let ⟨js, ks, e, hj, hk⟩ := InLoops.split h.2
    ⟨i :: js, ks, congrArg (i :: ·) e, ⟨h.1, hj⟩, hk⟩

theorem position_lt : {ns is : List Nat} → InLoops ns is → position ns is < prod ns
  | [], [], _ => Nat.one_pos
  | n :: ns, _ :: _, h => prod_cons n ns ▸ merge_lt h.1 (position_lt h.2)

theorem Tensor.inside_of_ne_zero : {s : List Nat} → {t : Tensor K s} → {is : List Int} →
    t.entry is ≠ 0 → Inside s is
  | [], _, _, _ => trivial
  | _ :: _, _, [], h => h rfl
  | _ :: _, t, i :: is, h => by
    rw [Tensor.entry_cons] at h
    split at h
    · exact ⟨by omega, inside_of_ne_zero h⟩
    · exact absurd rfl h

/-! ### Products of entries -/

theorem Tensors.length_entries : {ps : List (Operand Int)} → (ts : Tensors K (shapes ps)) →
    ts.entries.length = ps.length
  | [], _ => rfl
  | _ :: _, (_, ts) => congrArg (· + 1) (length_entries ts)

theorem pairing_perm (es : List (List Int → K)) (ps : List (Option (List Int))) {ks ls : List Nat}
    (h : ks.Perm ls) :
    pairing (ks.map (es.getD · fun _ => 0)) (ks.map (ps.getD · none)) =
      pairing (ls.map (es.getD · fun _ => 0)) (ls.map (ps.getD · none)) := by
  induction h with
  | nil => rfl
  | cons _ _ ih => exact congrArg (_ * ·) ih
  | swap =>
    have swap : ∀ a b c : K, a * (b * c) = b * (a * c) := fun _ _ _ => by grind
    exact swap _ _ _
  | trans _ _ h h' => exact h.trans h'

theorem map_getD_range {α : Type u} (l : List α) (d : α) :
    (List.range l.length).map (l.getD · d) = l :=
  List.ext_getElem (by simp) fun i h _ => by
    simp only [List.length_map, List.length_range] at h
    simp [h]

theorem insideAt_of_ne_zero {s : List Nat} {t : Tensor K s} :
    {p : Option (List Int)} → entryAt t.entry p ≠ 0 → InsideAt s p
  | none, h => h rfl
  | some _, h => Tensor.inside_of_ne_zero h

/-- The entries of a product that is not zero are all inside. -/
theorem insideAll_of_ne_zero : {ss : List (List Nat)} → {ts : Tensors K ss} →
    {ps : List (Option (List Int))} → pairing ts.entries ps ≠ 0 → InsideAll ss ps
  | [], _, _, _ => trivial
  | _ :: _, _, [], _ => trivial
  | _ :: _, (t, ts), p :: ps, h =>
    ⟨insideAt_of_ne_zero fun h0 => h (by
      show entryAt t.entry p * pairing ts.entries ps = 0
      rw [h0, Lean.Grind.Semiring.zero_mul]),
    insideAll_of_ne_zero fun h0 => h (by
      show entryAt t.entry p * pairing ts.entries ps = 0
      rw [h0, Lean.Grind.Semiring.mul_zero])⟩

theorem valueAt_eq_entryAt (axes : List (Axis Int)) (t : Tensor K (extents axes)) (o r : List Nat) :
    valueAt axes t o r = entryAt t.entry (indices axes o r) := by
  unfold valueAt
  cases indices axes o r <;> rfl

theorem valuesAt_eq_pairing (o r : List Nat) : (ps : List (Operand Int)) →
    (ts : Tensors K (shapes ps)) →
    valuesAt o r ps ts = pairing ts.entries (ps.map fun p => indices p.axes o r)
  | [], _ => rfl
  | p :: ps, (t, ts) =>
    congr (congrArg HMul.hMul (valueAt_eq_entryAt p.axes t o r)) (valuesAt_eq_pairing o r ps ts)

/-! ### Contractions -/

namespace Contraction

/-- ⟨δ, c(x, y, …)⟩ = Σ_o Σ_r δ·x·y·… + Σ_o δ·(addends), each entry where the iteration (o, r) reads
it. -/
theorem dot_eval (c : Contraction Int) (δ : Tensor K c.shape) (fs : c.Factors K) (as : c.Addends K) :
    δ.dot (eval exact c fs as) = (sums (outDims c.out) fun o => sums (toNats c.red) fun r =>
        pairing (δ.entry :: fs.entries) (c.reads o r)) +
      sums (outDims c.out) fun o => δ.entry (places c.out o) * addendsAt o c.addends as := by
  refine (dot_places c.out δ (eval exact c fs as) (fun o => sums (toNats c.red) (fun r =>
    valueAt c.factor.axes fs.1 o r * valuesAt o r c.factors fs.2) + addendsAt o c.addends as)
    (get_eval_exact c fs as)).trans ?_
  rw [← sums_add]
  refine sums_congr _ fun o => ?_
  rw [Lean.Grind.Semiring.left_distrib, mul_sums]
  exact congrArg (· + _) (sums_congr _ fun r =>
    congrArg (δ.entry (places c.out o) * ·) (valuesAt_eq_pairing o r (c.factor :: c.factors) fs))

/-- **Adjoints**: ⟨δ, c(x, y, …)⟩ = ⟨u, c′(…)⟩ where c′ is c with result and operands in another order,
and δ, x, y, … are put in that order. -/
theorem Reordered.adjoint {c c' : Contraction Int} {order : List Nat} (h : c.Reordered c' order)
    {δ : Tensor K c.shape} {fs : c.Factors K} {as : c.Addends K} {u : Tensor K c'.shape}
    {fs' : c'.Factors K} {as' : c'.Addends K}
    (he : u.entry :: fs'.entries = order.map ((δ.entry :: fs.entries).getD · fun _ => 0))
    (ha : ∀ o, addendsAt o c.addends as = 0) (ha' : ∀ o, addendsAt o c'.addends as' = 0) :
    δ.dot (eval exact c fs as) = u.dot (eval exact c' fs' as') := by
  have length : (δ.entry :: fs.entries).length = order.length :=
    (congrArg (· + 1) (Tensors.length_entries (ps := c.factor :: c.factors) fs)).trans h.length.symm
  have same : ∀ {o r o' r'}, c'.reads o' r' = order.map ((c.reads o r).getD · none) →
      pairing (u.entry :: fs'.entries) (c'.reads o' r') =
        pairing (δ.entry :: fs.entries) (c.reads o r) := fun {o r _ _} hr => by
    have hl : (c.reads o r).length = order.length := by simp [reads, h.length]
    rw [he, hr, pairing_perm _ _ h.perm, ← length, map_getD_range, length, ← hl, map_getD_range]
  rw [dot_eval, dot_eval]
  simp only [ha, ha', Lean.Grind.Semiring.mul_zero, sums_zero]
  refine congrArg (· + 0) (RuntimeApprox.adjoint h.there h.back (fun o r ho hr hne => ?_)
    fun o r ho hr hne => ?_)
  · obtain ⟨h₁, h₂, h₃, h₄⟩ := (h.reads_there.apply ho).apply hr (insideAll_of_ne_zero
      (ss := c.shape :: shapes (c.factor :: c.factors)) (ts := (δ, fs)) hne)
    exact ⟨h₁, h₂, h₃, same h₄⟩
  · obtain ⟨h₁, h₂, h₃, h₄⟩ := (h.reads_back.apply ho).apply hr (insideAll_of_ne_zero
      (ss := c'.shape :: shapes (c'.factor :: c'.factors)) (ts := (u, fs')) hne)
    exact ⟨h₁, h₂, h₃, (same h₄).symm⟩

/-- With zeros for its first factor a contraction is that of its addend. -/
theorem eval_zero {out : List (List Int)} {red : List Int} {p q : Operand Int} {ps : List (Operand Int)}
    (ts : Tensors K (shapes ps)) (b : Tensor K (extents q.axes)) :
    eval exact ⟨out, red, p, ps, [q]⟩ ((0 : Tensor K (extents p.axes)), ts) (b, ⟨⟩) =
      eval exact ⟨out, [], q, [], []⟩ (b, ⟨⟩) ⟨⟩ := Tensor.ext fun i => by
  refine (get_eval_exact _ _ _ i).trans (Eq.trans ?_ (get_eval_exact ⟨out, [], q, [], []⟩ _ _ i).symm)
  simp only [valueAt_zero, Lean.Grind.Semiring.zero_mul, sums_zero, addendsAt_one]
  show (0 : K) + valueAt q.axes b _ [] = valueAt q.axes b _ [] * 1 + 0
  grind

end Contraction

/-! ### One axis of a convolution -/

/-- With the stride s, the input position h is that of the tap t at the output position o,
h = o·s + t − p, iff s divides h + p − t and o is the quotient. -/
theorem place_iff {s : Int} (hs : 0 < s) (h o t p : Int) :
    h = o * s + t - p ↔ s ∣ h + p - t ∧ o = (h + p - t) / s := by
  constructor
  · intro e
    have : h + p - t = o * s := by omega
    rw [this, Int.mul_ediv_cancel _ (by omega)]
    exact ⟨Int.dvd_mul_left .., rfl⟩
  · rintro ⟨hd, e⟩
    have := Int.ediv_mul_cancel hd
    rw [← e] at this
    omega

/-- From an output position o to the input position h = o·s + t − p of a tap, if h ≥ 0: the stride
divides h + p − t, and the quotient is o. -/
theorem place_input {s : Int} (hs : 0 < s) {o t p : Int} (h : 0 ≤ o * s + t - p) :
    ((o * s + t - p).toNat : Int) = o * s + t - p ∧ s ∣ (o * s + t - p).toNat + p - t ∧
      ((o * s + t - p).toNat + p - t) / s = o :=
  have e := Int.toNat_of_nonneg h
  ⟨e, ((place_iff hs _ _ _ _).1 e).imp_right Eq.symm⟩

/-- From an input position h to the output position o = (h + p − t) / s that reads it by a tap, if
the stride divides h + p − t and o ≥ 0: then o·s + t − p = h. -/
theorem place_output {s : Int} (hs : 0 < s) {h t p : Int} (hd : s ∣ h + p - t)
    (ho : 0 ≤ (h + p - t) / s) :
    (((h + p - t) / s).toNat : Int) = (h + p - t) / s ∧ ((h + p - t) / s).toNat * s + t - p = h :=
  have e := Int.toNat_of_nonneg ho
  ⟨e, ((place_iff hs _ _ _ _).2 ⟨hd, e⟩).symm⟩

end RuntimeApprox
