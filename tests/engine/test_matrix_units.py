"""Promises of matrix instructions: what is refused, and what is allowed."""

from __future__ import annotations

import pytest

from pybridge.errors import InputError
from pybridge.testing import tensor_core


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("pascal", "float16"), {}, "architecture: unknown 'pascal'"),
        (("volta", "bfloat16"), {}, "dtype: the matrix instructions of volta do not take"),
        (("cdna3", "float8_e4m3"), {}, "expected one of float16, bfloat16, tf32, float8_e4m3fnuz"),
        (("hopper", "bfloat16"), {"instruction": "mfma"}, "expected one of wgmma, mma"),
    ],
)
def test_refused(arguments: tuple[str, str], options: dict[str, str], message: str) -> None:
    """An architecture, a dtype or an instruction that there is not."""
    with pytest.raises(InputError, match=message):
        tensor_core(*arguments, **options)  # type: ignore[arg-type]
