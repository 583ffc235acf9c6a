"""The commands: arguments, tables, exit statuses. Nothing imports it but `python -m`."""
