"""`python -m pybridge`: all commands, as `pybridge`."""

from pybridge.cli import main

if __name__ == "__main__":
    main()
