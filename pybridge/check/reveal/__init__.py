"""Measures in which order a black-box kernel adds up. Public names are in `pybridge.reveal`."""
