"""Evaluates contractions and bounds with NumPy, rounding outward; reads no files."""
