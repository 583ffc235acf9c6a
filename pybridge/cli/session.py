"""What the commands share: opening Lean, choosing cases, and ending with a status and a line."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import typer

from pybridge.check.suite import suite
from pybridge.errors import InputError, InputTypeError, RoundingOverflowError
from pybridge.exported.expressions import DefinitionsError
from pybridge.lean.discovery import find
from pybridge.lean.errors import LeanError, LeanNotFound
from pybridge.lean.interface import Lean, Mode
from pybridge.problem.case import Case
from pybridge.problem.formats import find_format

__all__ = ["complain", "exit_status", "labels", "select", "session"]

_INPUT = (
    InputError,
    InputTypeError,
    DefinitionsError,
    RoundingOverflowError,
    FloatingPointError,
    OSError,
)


@contextmanager
def session(mode: Mode, timeout: float, *, needed_for: str = "") -> Iterator[Lean]:
    """Open Lean, print on standard error which it is, and close it in the end.

    Raises `LeanNotFound` if Lean is not available, or `needed_for` names something that cannot be
    done with recorded evaluations, and there is nothing else.
    """
    lean = find(mode, timeout=timeout)
    try:
        if needed_for and lean.kind == "recorded":
            raise LeanNotFound(
                f"{needed_for} needs Lean itself, and only recorded evaluations are here: "
                "see --lean native and --lean wasm"
            )
        print(f"using {lean.description}", file=sys.stderr)
        yield lean
    finally:
        lean.close()


@contextmanager
def exit_status() -> Iterator[None]:
    """End the command after an error, and print it in one line.

    The status is 3 if Lean is not available, 1 if it fails, and 2 if input is bad or output cannot
    be written.
    """
    try:
        yield
    except _INPUT as error:
        complain(error)
        raise typer.Exit(2) from None
    except LeanError as error:
        complain(error)
        raise typer.Exit(3 if isinstance(error, LeanNotFound) else 1) from None


def complain(problem: object) -> None:
    """Print on standard error, in one line, what is wrong."""
    print(f"error: {problem}", file=sys.stderr)


def labels() -> Iterator[str]:
    """Return the labels of the built-in cases."""
    return (case.label for case in suite())


def select(
    words: Sequence[str], *, seed: str = "", own: Mapping[str, Any] | None = None
) -> list[Case]:
    """Choose cases: built-in ones by their labels (`*` and `?` match), others by their files.

    Without words, all built-in cases are chosen. `seed` gives built-in cases other data; `own`
    overrides what files say (`Case.load`), and its `format` chooses among built-in cases.

    Raises `InputError` if a word is neither, if something in `own` does not apply to built-in
    cases, and as `Case.load` does.
    """
    own = own or {}
    built_in = suite(seed)
    if "format" in own:
        name = find_format(own["format"]).name
        built_in = [case for case in built_in if case.format == name]
    chosen: dict[str, Case] = {}
    for word in words or ("*",):
        matching = [case for case in built_in if fnmatchcase(case.label, word)]
        if not matching:
            if not (Path(word).is_file() or word.endswith(".npz")):
                raise InputError(_unknown(word, [case.label for case in built_in]))
            matching = [Case.load(word, **own)]
        elif changed := [name.partition("_")[0] for name in own if name != "format"]:
            raise InputError(
                f"--{changed[0]} does not apply to built-in cases: expected --x or a file"
            )
        chosen |= {case.name: case for case in matching}
    return list(chosen.values())


def _unknown(word: str, known: Sequence[str]) -> str:
    close = get_close_matches(word, known) or known
    hint = f"did you mean {' or '.join(close)}?" if close is not known else ", ".join(known)
    return f"{word!r:.60} is neither a built-in case's label nor a .npz file: {hint}"
