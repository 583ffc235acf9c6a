"""What `python -m pybridge.doctor` examines: this installation, and the machine that it is on.

`examination.examine` goes through everything; each of `packages`, `arithmetic`, `material`, `leans`
and `storage` examines one kind of thing and yields `Finding`s. Nothing is installed or changed, and
nothing outside the machine is reached. Each module is imported only when it is used, because
something that it imports may be broken.
"""
