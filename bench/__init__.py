"""Measures what the bounds cost: the figures and tables of docs/performance.md.

`python -m bench` needs the extra `bench`. Times are compared as ratios within one run, in one
process and with one BLAS thread (`bench.timing`).
"""
