"""Who tests the tester: faults are planted, one at a time, and the checks have to catch each.

`python -m bench mutation` writes docs/mutations.md (`bench.mutation.harness`).
"""
