"""`python -m pybridge.extract`."""

from pybridge.cli.extract import app, run

__all__ = ["app", "run"]

if __name__ == "__main__":
    run()
