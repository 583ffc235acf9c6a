"""`python -m pybridge.explanation`."""

from pybridge.cli.explain import app, main

__all__ = ["app", "main"]

if __name__ == "__main__":
    main()
