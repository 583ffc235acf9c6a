"""Evaluates contractions and bounds with NumPy or PyTorch, rounding outward; reads no files."""
