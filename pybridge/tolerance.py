"""`python -m pybridge.tolerance`."""

from pybridge.cli.tolerance import app, main

__all__ = ["app", "main"]

if __name__ == "__main__":
    main()
