"""Faults of case files."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from case_files import ONE, archive, declaring, saved

from faults.fault import Fault
from faults.sandbox import Sandbox

__all__ = ["FILES"]

_CHECK = "python -m pybridge.check case.npz --lean recorded"
_HUGE = 2**28
_READABLE = "error: case.npz: not a readable .npz archive: "


def _case(**arrays: Any) -> Callable[[Sandbox], None]:
    return _content(saved(**arrays))


def _content(content: bytes) -> Callable[[Sandbox], None]:
    def prepare(sandbox: Sandbox) -> None:
        (sandbox.work / "case.npz").write_bytes(content)

    return prepare


def _zip_bomb(sandbox: Sandbox) -> None:
    """Write 2²⁸ zeros in float32, a gigabyte, as an archive of a megabyte."""
    head = declaring(1, 1, 2**14, 2**14)
    block = bytes(2**24)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    start = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    content = start + again * (4 * _HUGE // len(block)) + packer.flush()
    size = len(head) + 4 * _HUGE
    facts = struct.pack("<HHHHIIIHH", 0, 8, 0, 33, 0, len(content), size, 5, 0)
    local = struct.pack("<4sH", b"PK\x03\x04", 20) + facts + b"x.npy" + content
    central = struct.pack("<4sHH", b"PK\x01\x02", 20, 20) + facts + bytes(14) + b"x.npy"
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 1, 1, len(central), len(local), 0)
    (sandbox.work / "case.npz").write_bytes(local + central + end)
    assert len(local) < 2**21


def _small_memory(sandbox: Sandbox, command: str) -> Any:
    """Runs a command that cannot have the gigabyte."""
    return sandbox.run(f"ulimit -v $((1500 * 1024)); {command}")


FILES = (
    Fault(what="There is no such file", command=_CHECK, status=2,
          line="error: case.npz: no such file"),
    Fault(what="It is something else", command=_CHECK, status=2,
          line=f"{_READABLE}File is not a zip file", prepare=_content(b"x = 1\n" * 100)),
    Fault(what="1 GB of zeros, in a file of 1 MB, where there is less memory than that",
          command=_CHECK, status=2,
          line="error: case.npz: x has shape (1, 1, 16384, 16384) and type float32: 268435456 "
          "entries, 1073741824 bytes; expected at most 4194304 entries in all arrays, and at most "
          "67108864 bytes in one",
          prepare=_zip_bomb, run=_small_memory),
    Fault(what="An array's header is nested 9,000 deep", command=_CHECK, status=2,
          line=f"{_READABLE}…",
          prepare=_content(archive(x_npy=b"\x93NUMPY\x01\x00" + (9000).to_bytes(2, "little")
                            + b"(" * 8999 + b"\n"))),
    Fault(what="Pickled objects", command=_CHECK, status=2,
          line=f"{_READABLE}Object arrays cannot be loaded when allow_pickle=False",
          prepare=_case(x=np.array([[[[None]]]]))),
    Fault(what="Shapes that do not fit each other", command=_CHECK, status=2,
          line="error: case.npz: grad_output has shape (1, 1, 2, 2), but x of shape (1, 1, 1, 1) "
          "and weight of shape (1, 1, 1, 1) with stride=(1, 1), padding=((0, 0), (0, 0)), "
          "dilation=(1, 1), groups=1 give an output of shape (1, 1, 1, 1)",
          prepare=_case(grad_output=np.ones((1, 1, 2, 2), np.float32))),
    Fault(what="NaN", command=_CHECK, status=2,
          line="error: case.npz: grad_output[0, 0, 0, 0] is nan, expected finite numbers",
          prepare=_case(grad_output=ONE * np.nan)),
    Fault(what="A label that breaks out of its line", command=_CHECK, status=2,
          line="error: case.npz: label: String should match pattern …, got 'a\\nend\\ncase b'",
          prepare=_case(label="a\nend\ncase b")),
)  # fmt: skip
