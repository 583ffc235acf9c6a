"""Stand-ins for Lean: one that evaluates cases literally, one that answers what it is told."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import literal
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from pybridge.check.networks import small_networks
from pybridge.cli import session
from pybridge.lean.errors import LeanError
from pybridge.lean.interface import BuildResult, Kind, Message
from pybridge.networks.arithmetic import Arithmetic
from pybridge.networks.network import Pass


def alive(pid: int) -> bool:
    """Tell whether a process runs, other than as a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def ends(pid: int, seconds: float = 15.0) -> bool:
    """Wait for a process's end; tell whether it came in so many seconds."""
    limit = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < limit:
        time.sleep(0.1)
    return not alive(pid)


def stand_in(monkeypatch: pytest.MonkeyPatch, lean: Any) -> None:
    """Let the commands find this Lean, or fail to find one with this exception."""

    def find(mode: str = "auto", *, timeout: float = 600.0, progress: bool = True) -> Any:
        if isinstance(lean, Exception):
            raise lean
        return lean

    monkeypatch.setattr(session, "find", find)


def invoke(app: Any, arguments: Sequence[str], columns: int = 200) -> Result:
    """Run a command in this process, and raise whatever it does not report."""
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": str(columns)})
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


class FakeLean:
    """A Lean that answers what a test tells it to."""

    description = "fake Lean"

    def __init__(self, kind: Kind = "native") -> None:
        self.kind: Kind = kind
        self.messages: tuple[Message, ...] = ()
        self.failed: dict[str, str] = {}
        self.error: LeanError | None = None
        self.closed = False

    def evaluate(self, case_text: str) -> str:
        if self.error:
            raise self.error
        names = [line[5:] for line in case_text.splitlines() if line.startswith("case ")]
        return "".join(f"case {name}\nrefused no\nend {name}\n" for name in names)

    def export(self) -> str:
        return "{}\n"

    def networks(self, text: str) -> str:
        return self.evaluate(text)

    def build(self, modules: Sequence[str] | None = None, *, ilean: bool = True) -> BuildResult:
        return BuildResult(tuple(modules or ("All",)), self.failed, self.messages)

    def check(self, file: Path) -> tuple[Message, ...]:
        return self.messages

    def close(self) -> None:
        self.closed = True


def hexadecimal(value: Fraction | None) -> str:
    if value is None:
        return "overflow"
    sign = "-" if value < 0 else ""
    return f"{sign}{abs(value.numerator):x}/{value.denominator:x}"


def read_case(lines: list[str]) -> tuple[str, str, list[int], dict[str, tuple[Any, Fraction]]]:
    """Return a case's format, operation and sizes, and each operand's entries and eps."""
    fields = dict(line.split(" ", 1) for line in lines)
    format, operation = fields.pop("format"), fields.pop("operation")
    stated = list(map(int, fields.pop("sizes").split()))
    numbers = {key: [float.fromhex(v) for v in text.split(" ")] for key, text in fields.items()}
    return (
        format,
        operation,
        stated,
        {name: (np.array(entries), Fraction(eps)) for name, (eps, *entries) in numbers.items()},
    )


class LiteralLean:
    """Evaluates case files as Lean does, by `literal`."""

    kind = "native"
    description = "the literal execution in the tests"

    def __init__(self, change: Callable[[str], str] = lambda text: text) -> None:
        self.change = change
        self.data = literal.DOCUMENT["data"]

    def evaluate(self, case_text: str) -> str:
        output: list[str] = []
        lines = case_text.splitlines()
        while lines:
            end = lines.index("end")
            name = lines[0].removeprefix("case ")
            output.append(f"case {name}")
            output += self.results(lines[1:end])
            output.append(f"end {name}")
            del lines[: end + 1]
        return self.change("\n".join(output) + "\n")

    def networks(self, text: str) -> str:
        """Answer with the replay's own numbers, as if the operands had no error."""
        output = []
        for case in small_networks():
            assert case.text in text
            tensors = case.network.tensors
            evaluated = Pass(case.network, Arithmetic.of(case.network.format.name, "stated"))
            evaluated.forward(case.x, {t.name: np.full(t.value.shape, t.eps) for t in tensors})
            results = [evaluated.pairs[-1], *evaluated.backward(case.grad_output)]
            output += [f"case {case.label}", "sizes"]
            names = ["output", "input", *(t.name for t in tensors)]
            for name, pairs in zip(names, results, strict=True):
                for part, numbers in (
                    ("value", pairs.wide),
                    ("exact", pairs.wide),
                    ("bound", pairs.eps),
                ):
                    tokens = " ".join(hexadecimal(Fraction(v)) for v in numbers.ravel().tolist())
                    output.append(f"{name}.{part} {tokens}")
            output.append(f"end {case.label}")
        return self.change("\n".join(output) + "\n")

    def close(self) -> None:
        pass

    def results(self, lines: list[str]) -> list[str]:
        format, named, stated, operands = read_case(lines)
        operation = self.data["operations"][named]
        names = [name for name in operation["parameters"] if name not in operation["derived"]]
        parameters = dict(zip(names, stated, strict=True))
        for name, expression in operation["derived"].items():
            parameters[name] = literal.size(expression, parameters)
        output = ["sizes " + " ".join(str(parameters[name]) for name in operation["parameters"])]
        laws, described = self.data["laws"], self.data["formats"][format]
        for name, contraction in operation["results"].items():
            arrays = literal.shaped(contraction, parameters, operands)
            pairs = list(literal.execute(contraction, laws, described, parameters, arrays))
            for part in ("value", "exact", "eps"):
                tokens = " ".join(hexadecimal(getattr(pair, part)) for pair in pairs)
                output.append(f"{name}.{part.replace('eps', 'bound')} {tokens}")
        return output
