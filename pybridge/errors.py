"""Errors that users see: each is one line that names what is wrong and what was expected."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

__all__ = ["InputError", "InputTypeError", "NotProvedError", "RoundingOverflowError", "one_line"]

_LONGEST_INPUT = 60


class InputError(ValueError):
    """An argument, case or file that cannot be used; the message is one line."""


class InputTypeError(TypeError):
    """An argument of a type that cannot be used; the message is one line."""


class NotProvedError(InputError):
    """Nothing is proved about what was asked; the message, one line, says why."""


class RoundingOverflowError(OverflowError):
    """A rounded result is beyond the format's largest finite number, so no bound is claimed.

    Attributes: `tensor`, the name of the result; `index`, its first entry that overflowed (in
    row-major order); `count`, how many entries did.
    """

    def __init__(self, tensor: str, index: Sequence[int], count: int, format_name: str) -> None:
        self.tensor = tensor
        self.index = tuple(index)
        self.count = count
        where = ", ".join(map(str, self.index))
        entries = "entry" if count == 1 else "entries"
        super().__init__(
            f"{tensor}[{where}] overflows {format_name} ({count} {entries} of {tensor} in all): "
            "no bound is claimed for a result beyond the largest finite number"
        )


def one_line(error: ValidationError) -> str:
    """Return the message of a pydantic validation error in one line, with semicolons."""
    return "; ".join(
        _describe(detail["loc"], detail["msg"], detail["input"], detail["type"])
        for detail in error.errors(include_url=False)
    )


def _describe(location: tuple[int | str, ...], message: str, value: object, kind: str) -> str:
    field = ".".join(map(str, location))
    message = " ".join(message.removeprefix("Value error, ").split())
    if kind not in ("value_error", "missing", "extra_forbidden"):
        text = repr(value)
        message += f", got {text if len(text) <= _LONGEST_INPUT else type(value).__name__}"
    return f"{field}: {message}" if field else message
