import Lake
open Lake DSL

package «runtime-approx» where
  version := v!"0.1.0"

/-- Rounding-error bounds for conv2d and its gradients: definitions and proofs. -/
@[default_target]
lean_lib RuntimeApprox where
  srcDir := "lean"

/-- Certificates of the smallest built-in cases, which `import RuntimeApprox` does not load. -/
@[default_target]
lean_lib RuntimeApproxCertificates where
  srcDir := "lean"

/-- Evaluates a case file, and exports the definitions. -/
@[default_target]
lean_exe evaluate where
  srcDir := "lean"
  root := `Evaluate
