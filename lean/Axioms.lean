import Lean
import RuntimeApprox
import RuntimeApproxCertificates

/-!
# What the theorems rest on

Every theorem of the library rests on no axiom but `propext`, `Classical.choice` and `Quot.sound`:
`#standard_axioms RuntimeApprox` fails otherwise, naming the theorem and the axiom. So do a `sorry`
(the axiom `sorryAx`) and `native_decide` (`Lean.ofReduceBool`).

This file is checked by native Lean: `lake env lean lean/Axioms.lean`.
-/

open Lean Elab Command

/-- Fails unless every theorem below a namespace rests on the standard axioms alone, and prints how
many theorems that are. -/
elab "#standard_axioms " root:ident : command => do
  let standard := [``propext, ``Classical.choice, ``Quot.sound]
  let mut count := 0
  for (name, info) in (← getEnv).constants.toList do
    if root.getId.isPrefixOf name then
      if let .thmInfo _ := info then
        count := count + 1
        for used in ← liftCoreM (collectAxioms name) do
          unless standard.contains used do
            throwErrorAt root "{name} rests on the axiom {used}"
  if count = 0 then throwErrorAt root "there is no theorem below {root.getId}"
  logInfoAt root m!"{count} theorems rest on {standard} alone"

#standard_axioms RuntimeApprox

#print axioms RuntimeApprox.Contraction.eval_rel
#print axioms RuntimeApprox.Contraction.abs_rounded_sub_exact_le
#print axioms RuntimeApprox.Format.rounding_lawful
#print axioms RuntimeApprox.approxT_conv2d_spec
#print axioms RuntimeApprox.approxT_conv2d_bias_deriv_spec
#print axioms RuntimeApprox.approxT_conv2d_kernel_deriv_spec
#print axioms RuntimeApprox.approxT_conv2d_input_deriv_spec
