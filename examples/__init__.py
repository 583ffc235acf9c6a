"""Worked examples: a new contraction, a new arithmetic, a new format (see CONTRIBUTING.md)."""
