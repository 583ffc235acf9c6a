"""Proves and runs the Lean files of the examples, as modules of the library.

They are below `RuntimeApprox.Examples` in a copy of the library's sources. What is compiled is kept
in the library's own build folder.
"""

from __future__ import annotations

import math
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from pybridge.lean import Lean, LeanError, LeanNotFound, Mode, Project, find, parse_number
from pybridge.lean.wasm.bundle import bundle

__all__ = ["LEAN_FILES", "Library", "is_outward", "numbers", "opened", "run_example"]

LEAN_FILES = Path(__file__).resolve().parent / "lean"

_PACKAGE = "RuntimeApprox.Examples"
_STATUS = re.compile(r"\[(\d+)\]\s*\Z")


@dataclass(frozen=True, slots=True)
class Library:
    """A running Lean, the sources with the examples, and which examples it has proved."""

    lean: Lean
    sources: Path
    proved: set[str] = field(default_factory=set)

    def prove(self, *modules: str) -> None:
        """Compile modules of the examples; `LeanError` if one has an error or a `sorry`."""
        wanted = set(modules) - self.proved
        if not wanted:
            return
        result = self.lean.build([f"{_PACKAGE}.{module}" for module in sorted(wanted)])
        if not result.ok:
            wrong = [str(message) for message in result.messages if message.fails]
            raise LeanError("\n".join(wrong or map(": ".join, result.failed.items())))
        self.proved.update(wanted)

    def run(self, module: str, entry: str, *arguments: str) -> str:
        """Run a function `List String → IO UInt32` of an example, and return what it prints.

        Raises `LeanError` if Lean refuses the module, or the function's status is not 0.
        """
        program = bundle(self.sources, f"{_PACKAGE}.{module}", f"RuntimeApprox.{entry}")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "Program.lean"
            file.write_text(program.calling_main(arguments), encoding="utf-8")
            messages = self.lean.check(file)
        for message in messages:
            if message.fails:
                raise LeanError(str(program.locate(message)))
        printed = "".join(message.text for message in messages if message.severity == "information")
        status = _STATUS.search(printed)
        if status is None or status[1] != "0":
            raise LeanError(f"{entry} failed: {printed.strip() or 'it printed nothing'}")
        return printed[: status.start()]


@contextmanager
def opened(mode: Mode = "auto", *, progress: bool = True) -> Iterator[Library]:
    """Yield the library with the examples; `LeanNotFound` if there is no Lean for it."""
    project = Project.find()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        sources = root / "lean"
        shutil.copytree(project.sources, sources)
        shutil.copytree(LEAN_FILES, sources / "RuntimeApprox" / "Examples")
        for file in project.lake_files:
            shutil.copy(file, root)
        (root / ".lake").mkdir()
        for name in ("build", "wasm"):
            kept = project.build_dir(name)
            kept.mkdir(parents=True, exist_ok=True)
            (root / ".lake" / name).symlink_to(kept, target_is_directory=True)
        lean = find(mode, progress=progress, project=Project(sources, root))
        try:
            yield Library(lean, sources)
        finally:
            lean.close()


def run_example(check: Callable[[Library], Sequence[str]], says: str) -> None:
    """Run a check, print what is wrong, and end the process.

    The status is 0 if nothing is wrong, 1 if something is or Lean fails, 3 if there is no Lean.
    """
    try:
        with opened() as library:
            wrong = check(library)
    except (LeanError, LeanNotFound) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(3 if isinstance(error, LeanNotFound) else 1)
    for line in wrong:
        print(line)
    if not wrong:
        print(says)
    sys.exit(1 if wrong else 0)


def numbers(text: str) -> dict[str, list[Fraction]]:
    """Return the numbers of each line that Lean printed, by the line's first word."""
    rows = (line.split() for line in text.splitlines())
    return {row[0]: [parse_number(word) for word in row[1:]] for row in rows if row}


def is_outward(bound: float, exact: Fraction) -> bool:
    """Return whether a float64 bound is the exact one, rounded outward."""
    return math.isfinite(bound) and exact <= Fraction(bound) <= exact * (1 + Fraction(1, 10**12))
