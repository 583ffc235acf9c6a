"""The commands: arguments, tables, exit statuses. Nothing imports it but `python -m`."""

import sys

from pybridge.extras import install_command, missing

if _lacking := missing("filelock", "packaging", "platformdirs", "rich", "typer"):
    print(
        f"error: the command line needs {', '.join(_lacking)}: {install_command('cli')}",
        file=sys.stderr,
    )
    raise SystemExit(2)
