"""`.npz` files of unknown origin: what they declare is checked before it is read."""

from __future__ import annotations

import io
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Collection
from math import prod
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["LARGEST", "ArchiveError", "read_npz"]

LARGEST = 2**22
"""The most entries that the arrays of a case may have together: some 100 MB of text for Lean."""

_LARGEST_SIZE = 16 * LARGEST  # bytes, of one array
_LARGEST_HEADER = 2**16
_ENCRYPTED = 1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    TypeError,
    RuntimeError,
    OverflowError,
    MemoryError,
    SyntaxError,
    tokenize.TokenError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What zipfile and NumPy raise for files that are damaged or made to do harm."""

_Array: TypeAlias = npt.NDArray[Any]


class ArchiveError(ValueError):
    """A file that is no usable archive; the message is one line."""


def read_npz(path: Path, known: Collection[str]) -> dict[str, _Array]:
    """Return the arrays of a `.npz` file, by name.

    Raises `ArchiveError` if it cannot be read, holds another name than those known or one twice, or
    declares more than `LARGEST` entries in all. It never unpacks or allocates more than that.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(np.lib.format.MAGIC_PREFIX)) == np.lib.format.MAGIC_PREFIX:
                raise ArchiveError("expected a .npz archive, got a single array")
            with zipfile.ZipFile(file) as archive:
                return _read(archive, known)
    except FileNotFoundError:
        raise ArchiveError("no such file") from None
    except ArchiveError:
        raise
    except _UNREADABLE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ArchiveError(f"not a readable .npz archive: {reason:.200}") from None


def _read(archive: zipfile.ZipFile, known: Collection[str]) -> dict[str, _Array]:
    arrays: dict[str, _Array] = {}
    room = LARGEST
    for member in archive.infolist():
        name = member.filename.removesuffix(".npy")
        if name not in known:
            raise ArchiveError(f"unknown array {name!r:.60}, expected {', '.join(known)}")
        if name in arrays:
            raise ArchiveError(f"the array {name} is there twice")
        if member.flag_bits & _ENCRYPTED:
            raise ArchiveError(f"{name} is encrypted")
        if member.compress_type not in _METHODS:
            raise ArchiveError(
                f"{name} is compressed by method {member.compress_type}, expected one of "
                "numpy.savez or numpy.savez_compressed"
            )
        with archive.open(member) as stream:
            head = stream.read(_LARGEST_HEADER)
        if not head.startswith(np.lib.format.MAGIC_PREFIX):
            raise ArchiveError(f"{name} is not an array of NumPy's")
        shape, dtype, start = _header(head)
        entries = prod(shape)
        size = entries * dtype.itemsize
        if entries > room or size > _LARGEST_SIZE:
            raise ArchiveError(
                f"{name} has shape {shape!s:.80} and type {dtype!s:.20}: {entries} entries, "
                f"{size} bytes; expected at most {LARGEST} entries in all arrays, and at most "
                f"{_LARGEST_SIZE} bytes in one"
            )
        room -= entries
        if not dtype.hasobject and start + size != member.file_size:
            raise ArchiveError(
                f"{name} of shape {shape} and type {dtype} takes {size} bytes, "
                f"but {member.file_size - start} are there"
            )
        content = head if dtype.hasobject else archive.read(member)
        arrays[name] = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    return arrays


def _header(head: bytes) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Return the shape and type that an array's file declares, and where its entries start."""
    stream = io.BytesIO(head)
    version = np.lib.format.read_magic(stream)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"an array is in version {version} of NumPy's format, expected (1, 0)")
    shape, _, dtype = readers[version](stream)
    return shape, dtype, stream.tell()
