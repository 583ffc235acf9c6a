"""Archives of unknown origin: whatever bytes there are, they are read or refused in one line."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pybridge.problem.npz import LARGEST, ArchiveError, read_npz

KNOWN = ("x", "weight", "label")
EVERY = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def archive(*, packed: bool = False) -> bytes:
    stream = io.BytesIO()
    save = np.savez_compressed if packed else np.savez
    x = np.arange(6, dtype=np.float32).reshape(1, 1, 2, 3)
    save(stream, x=x, weight=np.ones(1), label="größe")
    return stream.getvalue()


GOOD = (archive(), archive(packed=True))


def read(path: Path, content: bytes) -> None:
    """Reads an archive; a refusal is one line."""
    path.write_bytes(content)
    arrays: dict[str, np.ndarray[tuple[int, ...], np.dtype[Any]]] = {}
    refusal = ""
    try:
        arrays = read_npz(path, KNOWN)
    except ArchiveError as error:
        refusal = str(error)
    assert "\n" not in refusal
    assert len(refusal) < 500
    assert set(arrays) <= set(KNOWN)


@pytest.mark.parametrize("content", GOOD)
def test_it_reads_what_numpy_writes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "case.npz"
    path.write_bytes(content)
    arrays = read_npz(path, KNOWN)
    assert arrays["x"].tolist() == [[[[0, 1, 2], [3, 4, 5]]]]
    assert arrays["x"].dtype == np.float32
    assert arrays["label"].item() == "größe"


@EVERY
@given(
    content=st.sampled_from(GOOD),
    changes=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=4),
    length=st.none() | st.integers(0, 2000),
)
def test_damaged_bytes(
    tmp_path: Path, content: bytes, changes: list[tuple[int, int]], length: int | None
) -> None:
    damaged = bytearray(content)
    for position, byte in changes:
        damaged[position % len(damaged)] = byte
    read(tmp_path / "case.npz", bytes(damaged[:length]))


HEADERS = st.one_of(
    st.text(st.characters(codec="latin-1"), max_size=200),
    st.builds(
        "{{'descr': {}, 'fortran_order': {}, 'shape': {}}}\n".format,
        st.sampled_from(["'<f4'", "'|O'", "'<U5'", "'<M8[s]'", "[('a', '<f4')]", "'<c8'", "'V9'"])
        | st.text("'<>|fiuUOSV0123456789[]()", max_size=12),
        st.sampled_from(["False", "True", "None", "1"]),
        st.tuples(st.integers(-3, 5), st.integers(-(2**70), 2**70)).map(str)
        | st.sampled_from(["()", "(3,)", "3", "(1.5,)", "(True,)", "(-1,)", "-" * 3000 + "1"]),
    ),
    st.integers(0, 9000).map(lambda n: "(" * n),
    st.integers(0, 9000).map(lambda n: "[" * n + "]" * n),
    st.integers(0, 9000).map(lambda n: "-" * n + "1"),
)


@EVERY
@given(header=HEADERS, body=st.binary(max_size=24), version=st.sampled_from([1, 2, 3, 9]))
def test_odd_headers(tmp_path: Path, header: str, body: bytes, version: int) -> None:
    text = header.encode("latin-1")
    size = len(text).to_bytes(2 if version == 1 else 4, "little")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("x.npy", b"\x93NUMPY" + bytes([version, 0]) + size + text + body)
    read(tmp_path / "case.npz", stream.getvalue())


def test_the_limit_is_on_all_arrays_together(tmp_path: Path) -> None:
    path = tmp_path / "case.npz"
    half = np.zeros(LARGEST // 2, np.float16)
    np.savez_compressed(path, x=half, weight=half)
    assert read_npz(path, KNOWN)["x"].size == LARGEST // 2
    np.savez_compressed(path, x=half, weight=half, label="a")
    with pytest.raises(ArchiveError, match=r"label has shape \(\) .* expected at most 4194304"):
        read_npz(path, KNOWN)
