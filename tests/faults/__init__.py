"""What can go wrong, and what the commands do then: the rows of docs/faults.md, which tests run."""

from faults.fault import Fault
from faults.files import FILES
from faults.installation import INSTALLATION
from faults.interrupts import INTERRUPTS
from faults.lean import LEAN
from faults.names import NAMES
from faults.output import OUTPUT
from faults.text import TEXT

__all__ = ["FAULTS", "Fault"]

FAULTS: dict[str, tuple[Fault, ...]] = {
    "Lean": LEAN,
    "Installing Lean": INSTALLATION,
    "Interrupts": INTERRUPTS,
    "Full disks and other output": OUTPUT,
    "Case files": FILES,
    "Options, definitions and other text": TEXT,
    "Names of files and folders": NAMES,
}
"""The faults by the heading under which they stand."""
