"""`python -m pybridge.doctor`: examines this installation and this machine.

Exit status: 0 nothing is wrong, 1 something is wrong, 2 bad usage, 3 there is no Lean, or not the
one asked for.
"""

import sys

try:
    from pybridge.cli.doctor import app, main
except ImportError as error:  # a package that the report itself needs
    print(
        f"error: {error}: install pybridge-bounds again, from its wheel or its clone",
        file=sys.stderr,
    )
    raise SystemExit(1) from None

__all__ = ["app", "main"]

if __name__ == "__main__":
    main()
