"""The base of the package's pydantic models: frozen, without extra fields, one-line errors."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from pybridge.errors import InputError, one_line

__all__ = ["Model", "Report"]


class Model(BaseModel):
    """A frozen pydantic model without extra fields; raises `InputError` if its data do not fit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, /, **data: Any) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise InputError(one_line(error)) from None


class Report(Model):
    """The findings of a whole check."""

    def to_json(self) -> str:
        """Return the report as JSON; infinite numbers are null."""
        return self.model_dump_json(indent=2) + "\n"
