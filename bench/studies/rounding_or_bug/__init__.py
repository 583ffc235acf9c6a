"""Rounding or bug: simulated kernels, honest and defective, before tests of convolution results.

`python -m bench rounding_or_bug` writes docs/rounding-or-bug.md (`evidence`).
"""
