"""What maintainers compare: NumPy with Lean, PyTorch with the bounds, cases with theorems."""
