"""Convolutions on simulated tensor cores: promises of matrix instructions beside their results.

`mmasim` simulates the matrix instructions of NVIDIA's and AMD's accelerators, bit for bit.
"""
