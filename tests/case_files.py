"""Case files, good ones and others, as bytes."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
import numpy.typing as npt

ONE = np.ones((1, 1, 1, 1), np.float32)


def saved(**arrays: Any) -> bytes:
    """Return a good case file with these arrays in place of its own."""
    stream = io.BytesIO()
    np.savez(stream, **{"x": ONE, "weight": ONE, "grad_output": ONE, **arrays})
    return stream.getvalue()


def array_file(array: npt.NDArray[Any]) -> bytes:
    """Return the .npy file of an array."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def declaring(*shape: int) -> bytes:
    """Return the start of an array's file, without its entries."""
    stream = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue()


def archive(method: int = zipfile.ZIP_DEFLATED, /, **members: bytes) -> bytes:
    """Return an archive of these members; `x_npy` is the name x.npy."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as file:
        for name, content in members.items():
            file.writestr(name.replace("_npy", ".npy"), content)
    return stream.getvalue()
