"""`python -m pybridge.check`."""

from pybridge.cli.check import app, main

__all__ = ["app", "main"]

if __name__ == "__main__":
    main()
