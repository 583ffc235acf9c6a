"""The commands: arguments, tables, exit statuses. Nothing imports it but `python -m`."""

from pybridge.extras import require_command_line

require_command_line()
