"""What docs/commands.md says beside what the commands say about themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["ABOUT", "INTRODUCTION", "About"]

INTRODUCTION = """\
# Commands

Each command is run as `python -m pybridge.NAME`, or as `pybridge NAME`, which is the same, imports
only what it needs, and completes in a shell. This page is generated from the commands themselves by
`python tests/commands_page.py --write`; a test keeps it current.

For all commands:

- Results go to standard output, progress and errors to standard error. `--json` prints the result
  for programs, as valid JSON: numbers that are infinite are null. Bad input, and whatever else goes
  wrong, is one line that begins with `error:`.
- Files are written completely or not at all.
- Exit statuses besides those below: 130 if interrupted by Ctrl-C, 129 and 143 by the signals HUP
  and TERM, 141 if the reader of standard output has gone, 2 if something cannot be written.

## Completion

`pybridge --install-completion` sets up the completion of your shell (bash, zsh, fish, PowerShell)
and says what it has changed; `pybridge --show-completion` prints the script instead. Commands and
options are completed, and so are these values: the labels of cases and of network layers, formats,
dtypes, kinds of data, results, and the ways to run Lean.
"""


@dataclass(frozen=True)
class About:
    """What a page says about a command beside what the command says itself."""

    files: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    see_also: tuple[str, ...] = ()


_DEFINITIONS = {"`pybridge/definitions.json`": "the definitions exported from Lean"}
_LEAN_FILES = {
    "`lean/`, `lakefile.lean`, `lean-toolchain`": "the Lean sources, in a wheel in "
    "`pybridge/lean_sources`",
    "`.lake/`": "what Lean compiled, in a wheel in the cache",
    "the cache, `~/.cache/pybridge` on Linux": "WebAssembly Lean, where it was installed",
    "`pybridge/recorded/evaluations.json.gz`": "the recorded evaluations",
}
_LEAN_ENVIRONMENT = {
    "`PYBRIDGE_CACHE`": "the cache folder",
    "`PATH`": "where `lake` is looked for, before `~/.elan/bin`",
    "`HTTPS_PROXY`, `PIP_INDEX_URL`, `npm_config_registry` and their like": "respected by pip and "
    "npm when WebAssembly Lean is installed",
}
_TABLES = {
    "`COLUMNS`": "how wide tables are; at least 120 to 160 if standard output is not a terminal",
    "`NO_COLOR`": "no colours",
}

ABOUT: Mapping[str, About] = {
    "check": About(
        files=_DEFINITIONS | _LEAN_FILES,
        environment=_LEAN_ENVIRONMENT | _TABLES,
        see_also=("README.md", "docs/pytorch.md", "docs/report.md", "docs/faults.md"),
    ),
    "certify": About(
        files=_DEFINITIONS
        | _LEAN_FILES
        | {"`Binary32Basic.lean` and so on, in --output": "a certificate each"},
        environment=_LEAN_ENVIRONMENT,
        see_also=("docs/theorems.md",),
    ),
    "doctor": About(
        files=_DEFINITIONS | _LEAN_FILES,
        environment=_LEAN_ENVIRONMENT
        | {
            "`ELAN_HOME`, `ELAN_TOOLCHAIN`": "where elan keeps toolchains, and which one it uses",
            "`TMPDIR`": "the folder for temporary files",
        }
        | _TABLES,
        see_also=("docs/doctor.md",),
    ),
    "explain": About(files=_DEFINITIONS, environment=_TABLES, see_also=("docs/theorems.md",)),
    "extract": About(
        files=_DEFINITIONS | _LEAN_FILES,
        environment=_LEAN_ENVIRONMENT,
        see_also=("docs/theorems.md",),
    ),
    "fuzz": About(
        files=_DEFINITIONS
        | _LEAN_FILES
        | {"`fuzzed/`": "diverging cases, unless --save names another folder"},
        environment=_LEAN_ENVIRONMENT | _TABLES,
        see_also=("docs/fuzzing.md",),
    ),
    "lean": About(
        files=_LEAN_FILES, environment=_LEAN_ENVIRONMENT, see_also=("README.md", "docs/theorems.md")
    ),
    "lean.record": About(files=_LEAN_FILES, environment=_LEAN_ENVIRONMENT),
    "theorem": About(files=_DEFINITIONS, environment=_TABLES, see_also=("docs/theorems.md",)),
    "tolerance": About(files=_DEFINITIONS, environment=_TABLES, see_also=("docs/testing.md",)),
    "bench": About(
        files={"`docs/`": "what --write writes"},
        environment=_TABLES,
        see_also=("docs/performance.md", "docs/rounding-or-bug.md", "docs/adversary.md"),
    ),
}
