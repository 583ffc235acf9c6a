"""`python -m pybridge.fuzz`."""

from pybridge.cli.fuzz import app, main

__all__ = ["app", "main"]

if __name__ == "__main__":
    main()
