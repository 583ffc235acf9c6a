"""`python -m pybridge`: all commands, as `pybridge`."""

from pybridge.cli.app import main

if __name__ == "__main__":
    main()
