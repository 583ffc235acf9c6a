"""`python -m pybridge.certify`."""

from pybridge.cli.certify import app, main

__all__ = ["app", "main"]

if __name__ == "__main__":
    main()
