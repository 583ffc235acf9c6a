"""Evaluations that were recorded from a real Lean, and ship with the package.

A recording has the SHA-256 of the Lean sources and of each case's text: a stale recording is
refused, and a case that was not recorded is an error.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from pybridge.exported.document import load_definitions
from pybridge.exported.expressions import DefinitionsError
from pybridge.files import write_atomically
from pybridge.lean.errors import LeanError, LeanNotFound
from pybridge.lean.interface import BuildResult, Message
from pybridge.lean.modules import evaluator, import_order, module_file
from pybridge.lean.protocol import parse_results, split_cases, split_results
from pybridge.lean.sources import Project, file_digest

__all__ = ["RECORDING", "RecordedLean", "Recording", "program_sources", "write_recording"]

RECORDING = Path(__file__).resolve().parents[1] / "recorded" / "evaluations.json.gz"


class Recording(BaseModel):
    """The recorded file: what Lean answered, and from which sources.

    `cases` maps the SHA-256 of a case's text to the text of its result; `lean` says which Lean was
    used; `sources` has the SHA-256 of the program's files by name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    lean: str
    sources: dict[str, str]
    export: str
    cases: dict[str, str]


class RecordedLean:
    """The recorded evaluations, in place of Lean."""

    kind: Literal["recorded"] = "recorded"

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    @classmethod
    def find(
        cls,
        project: Project | None,
        *,
        path: Path = RECORDING,
        expected: Mapping[str, str] | None = None,
    ) -> RecordedLean:
        """Return the recording; `LeanNotFound` if it is missing, damaged, or of other Lean sources.

        Its sources have to be among the sources of `definitions.json` (or `expected`) and, if there
        is a project, the sources of its evaluation program.
        """
        recording = _read(path)
        if expected is None:
            try:
                expected = load_definitions().sources
            except DefinitionsError as error:
                raise LeanNotFound(f"recorded evaluations cannot be checked: {error}") from None
        extracted = {name: expected[name] for name in recording.sources if name in expected}
        _compare(recording.sources, extracted, "the exported definitions")
        if project is not None:
            _compare(recording.sources, program_sources(project.sources), str(project.sources))
        return cls(recording)

    @property
    def description(self) -> str:
        """How many cases were recorded, and with which Lean."""
        return f"{len(self._recording.cases)} recorded evaluations by {self._recording.lean}"

    def evaluate(self, case_text: str) -> str:
        """Return the recorded results; `LeanError` names the first case that was not recorded."""
        return "".join(self._look_up(*case) for case in split_cases(case_text).items())

    def _look_up(self, name: str, text: str) -> str:
        result = self._recording.cases.get(_text_digest(text))
        if result is None:
            raise LeanError(
                f"the case {name} is not among the recorded evaluations: "
                "it needs Lean itself (--lean native or --lean wasm)"
            )
        if list(split_results(result)) != [name]:
            raise LeanError(f"the recorded evaluation of the case {name} is damaged")
        return result

    def export(self) -> str:
        """Return the exported definitions as they were recorded."""
        return self._recording.export

    def build(self, modules: Sequence[str] | None = None, *, ilean: bool = True) -> BuildResult:
        """Raise `LeanError`: a recording compiles nothing."""
        raise LeanError("recorded evaluations cannot compile Lean: use --lean native or wasm")

    def networks(self, text: str) -> str:
        """Raise `LeanError`: networks are not recorded."""
        raise LeanError("networks are not recorded: use --lean native or wasm")

    def check(self, file: Path) -> tuple[Message, ...]:
        """Raise `LeanError`: a recording elaborates nothing."""
        raise LeanError("recorded evaluations cannot check Lean files: use --lean native or wasm")

    def close(self) -> None:
        """Do nothing: no process is running."""


def program_sources(sources: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of the evaluation program, by its name below `sources`."""
    program, _ = evaluator(sources)
    files = [module_file(sources, module) for module in import_order(sources, [program])]
    return {file.relative_to(sources).as_posix(): file_digest(file) for file in sorted(files)}


def write_recording(
    path: Path,
    case_texts: Sequence[str],
    results: str,
    *,
    export: str,
    lean: str,
    sources: Mapping[str, str],
) -> Recording:
    """Write the results of cases as a recording, byte for byte the same for the same content.

    Raises `LeanError` if the results do not belong to the cases.
    """
    cases = split_cases("".join(case_texts))
    parse_results(results, list(cases))
    blocks = split_results(results)
    recording = Recording(
        lean=lean,
        sources=dict(sorted(sources.items())),
        export=export,
        cases=dict(sorted((_text_digest(text), blocks[name]) for name, text in cases.items())),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    content = gzip.compress(recording.model_dump_json(indent=0).encode(), mtime=0)
    with write_atomically(path) as file:
        file.write(content)
    return recording


def _read(path: Path) -> Recording:
    try:
        return Recording.model_validate_json(gzip.decompress(path.read_bytes()))
    except FileNotFoundError:
        raise LeanNotFound(f"there are no recorded evaluations in {path}") from None
    except (OSError, EOFError, zlib.error, ValidationError):
        raise LeanNotFound(f"the recorded evaluations in {path} are damaged") from None


def _compare(recorded: Mapping[str, str], present: Mapping[str, str], where: str) -> None:
    differing = [
        name for name in sorted({*recorded, *present}) if recorded.get(name) != present.get(name)
    ]
    if differing:
        raise LeanNotFound(
            f"the recorded evaluations are stale: {differing[0]} differs from {where}"
        )


def _text_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
