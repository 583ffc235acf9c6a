"""What `python -m pybridge.doctor` examines: this installation, and the machine that it is on.

`examination.examine` goes through everything; each of `packages`, `arithmetic`, `material`, `leans`
and `storage` examines one kind of thing, and yields what it found as a `Finding`. Nothing is
installed or changed, and nothing outside the machine is reached. Each is imported when it is used,
for what it imports may be what is broken.
"""
