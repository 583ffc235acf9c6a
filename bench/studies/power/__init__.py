"""Power at real sizes: which planted defects a promise still catches in ResNet-50's layers.

`python -m bench power` writes docs/power.md (`bench.studies.power.study`).
"""
