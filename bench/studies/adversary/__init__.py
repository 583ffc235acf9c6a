"""An attack on the bounds: exact integers and hostile numbers against the package.

Nothing here uses the package but its public functions. Formats, rounding, the loops of a
convolution and the formulas of what a promise allows are written again, in Python's integers.
"""
