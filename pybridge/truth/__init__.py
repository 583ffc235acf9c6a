"""Exact textbook arithmetic, by entry or whole; nothing of it comes from Lean or the engine."""
