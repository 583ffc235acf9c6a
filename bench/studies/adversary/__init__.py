"""An attack on the bounds: exact integers and hostile numbers against the package.

It uses only the package's public functions. Formats, rounding, the loops of a convolution and the
formulas of what a promise allows are written again, in Python's integers.
"""
