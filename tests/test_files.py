"""Files that appear whole or not at all, whatever stands where they go."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from pybridge.errors import InputError
from pybridge.files import WriteError, check_writable, write_atomically


def write(path: Path, content: bytes = b"new") -> None:
    with write_atomically(path) as file:
        file.write(content)


def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    usual = tmp_path / "usual"
    usual.write_bytes(b"")
    write(tmp_path / "new")
    assert (tmp_path / "new").read_bytes() == b"new"
    assert (tmp_path / "new").stat().st_mode == usual.stat().st_mode


def test_an_old_file_s_permissions_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"old")
    path.chmod(0o600)
    write(path)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "folder" / "file")
    write(link)
    assert link.is_symlink()
    assert (tmp_path / "folder" / "file").read_bytes() == b"new"


def test_a_device_stays_one() -> None:
    write(Path(os.devnull))
    assert Path(os.devnull).is_char_device()


def test_the_longest_name(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    write(path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyError("x")])
def test_what_fails_leaves_the_old_file_alone(tmp_path: Path, error: Exception) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail() -> None:
        with write_atomically(path) as file:
            file.write(b"half")
            raise error

    if isinstance(error, OSError):
        with pytest.raises(WriteError) as caught:
            fail()
        assert str(caught.value) == f"{path} cannot be written: No space left on device"
        assert caught.value.errno == errno.ENOSPC
    else:
        with pytest.raises(KeyError):
            fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_is_said_before(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    check_writable("--report", None)
    for good in (tmp_path / "file", tmp_path / "new", Path("new"), Path(os.devnull)):
        check_writable("--report", good)
    for bad, said in (
        (tmp_path, "is a folder, expected a file"),
        (tmp_path / "no" / "file", f"the folder {tmp_path / 'no'} does not exist"),
        (tmp_path / "file" / "file", "cannot be written: Not a directory"),
        (tmp_path / ("x" * 300), "cannot be written: File name too long"),
    ):
        with pytest.raises(InputError, match=r"^--report: ") as caught:
            check_writable("--report", bad)
        assert said in str(caught.value)
