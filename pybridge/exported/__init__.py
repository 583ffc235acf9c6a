"""What Lean exported, as frozen data: contractions, laws, formulas and formats."""
