"""`python -m pybridge.lean`."""

from pybridge.cli.lean import app, main

__all__ = ["app", "main"]

if __name__ == "__main__":
    main()
