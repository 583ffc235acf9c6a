"""Convolutions on simulated tensor cores: promises of matrix instructions beside what they compute.

`mmasim` computes what matrix instructions of NVIDIA's and AMD's accelerators compute, bit for bit.
"""
