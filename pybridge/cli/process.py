"""Makes every command, and ends it: with a line about what went wrong, and an exit status.

2: bad usage, bad input, or output that cannot be written; 130: interrupted (Ctrl-C), 129 and 143 by
the signals HUP and TERM; 141: the reader of standard output has gone; else the command's own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import IO, Any, NoReturn

import typer

__all__ = [
    "HELP",
    "INTERRUPTED",
    "command_line",
    "examples",
    "run_command",
    "undisturbed",
    "write_output",
]

HELP = {"help_option_names": ["-h", "--help"]}
"""The context settings of every command."""

INTERRUPTED = 130

_LONGEST = 300
_SIGNALS = (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM))
_UsageError: type[Exception] = next(
    kind
    for kind in typer.BadParameter.__mro__
    if issubclass(kind, Exception) and kind.__name__ == "ClickException"
)
"""Click's `ClickException`, or the one of the Click that Typer brings along."""


def command_line(**keywords: Any) -> typer.Typer:
    """Return an application whose help is plain text, and which does not catch exceptions."""
    plain = {"add_completion": False, "rich_markup_mode": None, "pretty_exceptions_enable": False}
    return typer.Typer(**{**plain, "context_settings": HELP, **keywords})


def examples(*commands: str) -> str:
    """Return an epilog with commands, broken after a backslash if too long for 80 columns."""
    wrapped = [
        textwrap.wrap(command, 72, break_long_words=False, break_on_hyphens=False)
        for command in commands
    ]
    return "\n".join(["\b", "Examples:", *("  " + " \\\n      ".join(w) for w in wrapped)])


def run_command(app: Callable[..., Any], name: str) -> NoReturn:
    """Run a Typer application under a name, with the process's arguments, and end the process.

    HUP and TERM interrupt it as Ctrl-C does. A `SystemExit` ends it without another message.
    """
    received: list[int] = []

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        received.append(number)
        raise KeyboardInterrupt

    for number in _SIGNALS:
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            signal.signal(number, stop)
    _open_streams()
    status = _run(app, name)
    if status == INTERRUPTED and received:
        status = 128 + received[0]
    sys.exit(_flushed(status))


def _run(app: Callable[..., Any], name: str) -> int:
    try:
        status = app(prog_name=name, standalone_mode=False)
    except KeyboardInterrupt:
        status = INTERRUPTED
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 2
    except BrokenPipeError:
        return _broken_pipe()
    except OSError as error:
        if error.filename is None:
            return _full(error)
        return _complain(f"{error.filename}: {error.strerror}", 2)
    except MemoryError as error:
        return _complain(f"not enough memory: {error}" if str(error) else "not enough memory", 2)
    except _UsageError as error:
        context = getattr(error, "ctx", None)
        path = name if context is None else context.command_path
        return _complain(f"{_message(error)} (`{path} --help` says more)", 2)
    if status == INTERRUPTED:
        return _complain("interrupted", INTERRUPTED)
    return status if isinstance(status, int) else 0


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep Ctrl-C, HUP and TERM from interrupting a block; they interrupt only the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in before:
        signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def write_output(text: str) -> None:
    """Write a whole result to standard output.

    If that fails, end the command: with a line and status 2, or with status 141 and no line if the
    reader has gone.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise SystemExit(_broken_pipe()) from None
    except OSError as error:
        raise SystemExit(_full(error)) from None


def _message(error: BaseException) -> str:
    """Return a usage error in one line of limited length."""
    text = " ".join(str(getattr(error, "format_message", error.__str__)()).split())
    text = text.replace("Value error, ", "")
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST // 2]} … {text[-_LONGEST // 2 :]}"
    return text.rstrip(".")


def _complain(message: str, status: int) -> int:
    with contextlib.suppress(OSError):
        print(f"error: {message}", file=sys.stderr, flush=True)
    return status


def _open_streams() -> None:
    """Open missing standard streams, and write "?" for characters that their encoding lacks."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _flushed(status: int) -> int:
    """Return the status, or another one if the rest of standard output cannot be written."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return _broken_pipe()
    except OSError as error:
        return _full(error)
    return status


def _full(error: OSError) -> int:
    _discard(sys.stdout)
    return _complain(f"standard output cannot be written: {error.strerror or error}", 2)


def _broken_pipe() -> int:
    _discard(sys.stdout)
    return 141


def _discard(stream: IO[str]) -> None:
    """Discard what is left in a stream's buffer, also at the end of the process."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
