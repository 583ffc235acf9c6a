"""Case files that are damaged, hostile, or of something else: each is refused in one line."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from case_files import ONE, archive, array_file, declaring, saved

from pybridge.errors import InputError, InputTypeError
from pybridge.problem.case import Case

UNREADABLE = "not a readable .npz archive: "
LIMIT = "expected at most 4194304 entries in all arrays, and at most 67108864 bytes in one"
BELOW_2_31 = "padding: expected an integer below 2^31, got one of more than 63 bits"


def changed(change: Callable[[bytearray], None]) -> bytes:
    content = bytearray(saved())
    change(content)
    return bytes(content)


def encrypt(content: bytearray) -> None:
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + at] |= 1


def flip(content: bytearray) -> None:
    content[content.index(b"\x00\x00\x80\x3f") + 2] ^= 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", f"{UNREADABLE}File is not a zip file"),
        (saved()[:-100], f"{UNREADABLE}File is not a zip file"),
        (changed(flip), f"{UNREADABLE}Bad CRC-32 for file 'x.npy'"),
        (changed(encrypt), "x is encrypted"),
        (
            archive(zipfile.ZIP_BZIP2, x_npy=array_file(ONE)),
            "x is compressed by method 12, expected one of numpy.savez or numpy.savez_compressed",
        ),
        (
            archive(x_npy=declaring(1, 1, 10**15)),
            "x has shape (1, 1, 1000000000000000) and type float32: 1000000000000000 entries, "
            f"4000000000000000 bytes; {LIMIT}",
        ),
        (
            archive(x_npy=declaring(1, 1, 2, 2)),
            "x of shape (1, 1, 2, 2) and type float32 takes 16 bytes, but 0 are there",
        ),
        (archive(x_npy=array_file(ONE), x=array_file(ONE)), "the array x is there twice"),
        (saved(x=ONE[0]), "x has shape (1, 1, 1), expected four axes [batch, channels, height"),
        (saved(x=ONE[:0]), "x has shape (0, 1, 1, 1): it has no entries"),
        (saved(x=ONE.astype(np.int64)), "x is int64: expected float16, bfloat16, float32, f"),
        (saved(x=ONE.astype(np.complex64)), "x is complex64: expected float16, bfloat16, float32"),
        (
            saved(x=np.full((1, 1, 1, 1), 0.1)),
            "x is float64, weight is float32, grad_output is float32: expected one dtype, or form",
        ),
        (saved(x=np.full((1, 1, 1, 1), 0.1), format="float32"), "x[0, 0, 0, 0] is 0.1"),
        (saved(weight=ONE * -np.inf), "weight[0, 0, 0, 0] is -inf, expected finite numbers"),
        (saved(stride=0), "height: stride: Input should be greater than or equal to 1, got 0"),
        (saved(padding=np.uint64(2**63)), BELOW_2_31),
        (saved(label="a" * 100_000), "label: String should have at most 100 characters, got str"),
    ],
)  # fmt: skip
def test_a_file_is_refused_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "case.npz"
    path.write_bytes(content)
    with pytest.raises((InputError, InputTypeError)) as error:
        Case.load(path)
    assert str(error.value).startswith(f"{path}: {message}")
    assert "\n" not in str(error.value)
