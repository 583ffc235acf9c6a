"""Random cases for Lean and NumPy to disagree on: `python -m pybridge.fuzz`.

`drawing` draws them, `stream` by a seed and `strategies` by Hypothesis (the extra `fuzz`, which
nothing else needs); `campaign` compares them in batches, `shrink` makes a failing one small, and
`saved` keeps it in a file that is replayed for ever.
"""
