"""What users call: compute, certify, compare, tolerances, explanations."""
