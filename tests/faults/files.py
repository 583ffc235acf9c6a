"""Faults of case files."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from faults.fault import Fault
from faults.sandbox import Sandbox

__all__ = ["FILES"]

_CHECK = "python -m pybridge.check case.npz --lean recorded"
_ONE = np.ones((1, 1, 1, 1), np.float32)
_GOOD: Mapping[str, Any] = {"x": _ONE, "weight": _ONE, "grad_output": _ONE}
_HUGE = 2**28
_READABLE = "error: case.npz: not a readable .npz archive: "


def _with(**arrays: Any) -> Callable[[Sandbox], None]:
    """Writes a case file whose arrays are those of a good one but for these."""

    def prepare(sandbox: Sandbox) -> None:
        np.savez(sandbox.work / "case.npz", **{**_GOOD, **arrays})

    return prepare


def _content(content: bytes) -> Callable[[Sandbox], None]:
    def prepare(sandbox: Sandbox) -> None:
        (sandbox.work / "case.npz").write_bytes(content)

    return prepare


def _archive(
    members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED
) -> Callable[[Sandbox], None]:
    def prepare(sandbox: Sandbox) -> None:
        with zipfile.ZipFile(sandbox.work / "case.npz", "w", method) as archive:
            for name, content in members.items():
                archive.writestr(name, content)

    return prepare


def _npy(array: npt.NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def _declaring(shape: tuple[int, ...]) -> bytes:
    """The start of an array's file, without its entries."""
    stream = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue()


def _zip_bomb(sandbox: Sandbox) -> None:
    """2²⁸ zeros in float32, a gigabyte, in an archive of a megabyte."""
    head = _declaring((1, 1, 2**14, 2**14))
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


def _encrypted(sandbox: Sandbox) -> None:
    _with()(sandbox)
    path = sandbox.work / "case.npz"
    content = bytearray(path.read_bytes())
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + at] |= 1
    path.write_bytes(content)


def _damaged(sandbox: Sandbox) -> None:
    _with()(sandbox)
    path = sandbox.work / "case.npz"
    content = bytearray(path.read_bytes())
    content[content.index(b"\x00\x00\x80\x3f") + 2] ^= 1
    path.write_bytes(content)


def _cut(sandbox: Sandbox) -> None:
    _with()(sandbox)
    path = sandbox.work / "case.npz"
    path.write_bytes(path.read_bytes()[:-100])


FILES = (
    Fault(what="There is no such file", command=_CHECK, status=2,
          line="error: case.npz: no such file"),
    Fault(what="It is a folder", command=_CHECK, status=2,
          line=f"{_READABLE}[Errno 21] Is a directory: 'case.npz'",
          prepare=lambda sandbox: (sandbox.work / "case.npz").mkdir()),
    Fault(what="It is empty", command=_CHECK, status=2,
          line=f"{_READABLE}File is not a zip file", prepare=_content(b"")),
    Fault(what="It is something else", command=_CHECK, status=2,
          line=f"{_READABLE}File is not a zip file", prepare=_content(b"x = 1\n" * 100)),
    Fault(what="It is one array, not an archive", command=_CHECK, status=2,
          line="error: case.npz: expected a .npz archive, got a single array",
          prepare=_content(_npy(_ONE))),
    Fault(what="It is cut off", command=_CHECK, status=2,
          line=f"{_READABLE}File is not a zip file", prepare=_cut),
    Fault(what="A bit of it is another one", command=_CHECK, status=2,
          line=f"{_READABLE}Bad CRC-32 for file 'x.npy'", prepare=_damaged),
    Fault(what="It is encrypted", command=_CHECK, status=2,
          line="error: case.npz: x is encrypted",
          prepare=_encrypted),
    Fault(what="It is compressed in another way than NumPy's", command=_CHECK, status=2,
          line="error: case.npz: x is compressed by method 12, expected one of numpy.savez or "
          "numpy.savez_compressed",
          prepare=_archive({"x.npy": _npy(_ONE)}, zipfile.ZIP_BZIP2)),
    Fault(what="1 GB of zeros, in a file of 1 MB, where there is less memory than that",
          command=_CHECK, status=2,
          line="error: case.npz: x has shape (1, 1, 16384, 16384) and type float32: 268435456 "
          "entries, 1073741824 bytes; expected at most 4194304 entries in all arrays, and at most "
          "67108864 bytes in one",
          prepare=_zip_bomb, run=_small_memory),
    Fault(what="An array declares 4 PB, which are not there", command=_CHECK, status=2,
          line="error: case.npz: x has shape (1, 1, 1000000000000000) and type float32: "
          "1000000000000000 entries, 4000000000000000 bytes; expected at most 4194304 entries in "
          "all arrays, and at most 67108864 bytes in one",
          prepare=_archive({"x.npy": _declaring((1, 1, 10**15))})),
    Fault(what="An array declares a little more than is there", command=_CHECK, status=2,
          line="error: case.npz: x of shape (1, 1, 2, 2) and type float32 takes 16 bytes, but 0 "
          "are there",
          prepare=_archive({"x.npy": _declaring((1, 1, 2, 2))})),
    Fault(what="An array's header is nested 9,000 deep", command=_CHECK, status=2,
          line=f"{_READABLE}…",
          prepare=_archive({"x.npy": b"\x93NUMPY\x01\x00" + (9000).to_bytes(2, "little")
                            + b"(" * 8999 + b"\n"})),
    Fault(what="An array is there twice", command=_CHECK, status=2,
          line="error: case.npz: the array x is there twice",
          prepare=_archive({"x.npy": _npy(_ONE), "x": _npy(_ONE)})),
    Fault(what="An array is missing", command=_CHECK, status=2,
          line="error: case.npz: the array weight is missing",
          prepare=_archive({"x.npy": _npy(_ONE), "grad_output.npy": _npy(_ONE)})),
    Fault(what="An array has a name that nothing has", command=_CHECK, status=2,
          line="error: case.npz: unknown array 'wieght', expected x, weight, bias, grad_output, "
          "eps_x, eps_weight, eps_bias, eps_grad_output, stride, padding, dilation, groups, "
          "format, label",
          prepare=_with(wieght=_ONE)),
    Fault(what="Pickled objects", command=_CHECK, status=2,
          line=f"{_READABLE}Object arrays cannot be loaded when allow_pickle=False",
          prepare=_with(x=np.array([[[[None]]]]))),
    Fault(what="Three axes", command=_CHECK, status=2,
          line="error: case.npz: x has shape (1, 1, 1), expected four axes [batch, channels, "
          "height, width]",
          prepare=_with(x=_ONE[0])),
    Fault(what="No entries", command=_CHECK, status=2,
          line="error: case.npz: x has shape (0, 1, 1, 1): it has no entries",
          prepare=_with(x=_ONE[:0])),
    Fault(what="Shapes that do not fit each other", command=_CHECK, status=2,
          line="error: case.npz: grad_output has shape (1, 1, 2, 2), but x of shape (1, 1, 1, 1) "
          "and weight of shape (1, 1, 1, 1) with stride=(1, 1), padding=((0, 0), (0, 0)), "
          "dilation=(1, 1), groups=1 give an output of shape (1, 1, 1, 1)",
          prepare=_with(grad_output=np.ones((1, 1, 2, 2), np.float32))),
    Fault(what="A kernel larger than the padded input", command=_CHECK, status=2,
          line="error: case.npz: height: the kernel spans 3 entries (3 with dilation 1), but the "
          "padded input has only 1",
          prepare=_with(weight=np.ones((1, 1, 3, 1), np.float32))),
    Fault(what="Integers", command=_CHECK, status=2,
          line="error: case.npz: x: expected float32, or a floating-point dtype whose values "
          "binary32 holds exactly, got int64",
          prepare=_with(x=np.ones((1, 1, 1, 1), np.int64))),
    Fault(what="Complex numbers", command=_CHECK, status=2,
          line="error: case.npz: x: expected float32, or a floating-point dtype whose values "
          "binary32 holds exactly, got complex64",
          prepare=_with(x=_ONE.astype(np.complex64))),
    Fault(what="Numbers that the format does not hold", command=_CHECK, status=2,
          line="error: case.npz: x[0, 0, 0, 0] is 0.1, which binary32 does not hold exactly",
          prepare=_with(x=np.full((1, 1, 1, 1), 0.1))),
    Fault(what="nan", command=_CHECK, status=2,
          line="error: case.npz: grad_output[0, 0, 0, 0] is nan, expected finite numbers",
          prepare=_with(grad_output=_ONE * np.nan)),
    Fault(what="inf", command=_CHECK, status=2,
          line="error: case.npz: weight[0, 0, 0, 0] is -inf, expected finite numbers",
          prepare=_with(weight=_ONE * -np.inf)),
    Fault(what="A nan as eps", command=_CHECK, status=2,
          line="error: case.npz: eps_x: eps: expected a finite non-negative number, got nan",
          prepare=_with(eps_x=np.nan)),
    Fault(what="A stride of zero", command=_CHECK, status=2,
          line="error: case.npz: height: stride: Input should be greater than or equal to 1, got 0",
          prepare=_with(stride=0)),
    Fault(what="A padding of 2⁶³", command=_CHECK, status=2,
          line="error: case.npz: padding: expected an integer below 2^31, got one of more than "
          "63 bits",
          prepare=_with(padding=np.uint64(2**63))),
    Fault(what="A label of 100,000 characters", command=_CHECK, status=2,
          line="error: case.npz: label: String should have at most 100 characters, got str",
          prepare=_with(label="a" * 100_000)),
    Fault(what="A label that breaks out of its line", command=_CHECK, status=2,
          line="error: case.npz: label: String should match pattern …, got 'a\\nend\\ncase b'",
          prepare=_with(label="a\nend\ncase b")),
)  # fmt: skip
