"""`python -m pybridge.lean.record`."""

from pybridge.cli.record import app, run

__all__ = ["app", "run"]

if __name__ == "__main__":
    run()
