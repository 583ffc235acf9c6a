"""Fixtures that plant faults and run the checks."""

from planting import plant, problems, recorded

__all__ = ["plant", "problems", "recorded"]
