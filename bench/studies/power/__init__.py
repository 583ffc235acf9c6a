"""Measures power at real sizes: which planted defects promises catch in ResNet-50's layers.

`python -m bench power` writes docs/power.md (`bench.studies.power.study`).
"""
