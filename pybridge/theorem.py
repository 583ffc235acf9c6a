"""`python -m pybridge.theorem`."""

from pybridge.cli.theorem import app, main

__all__ = ["app", "main"]

if __name__ == "__main__":
    main()
