"""What starts without the packages that it does not need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import pybridge
from pybridge.cli.app import COMMANDS
from pybridge.extras import install_command


def run(code: list[str], broken: Path | None = None) -> subprocess.CompletedProcess[str]:
    before = [os.environ["PYTHONPATH"]] if "PYTHONPATH" in os.environ else []
    path = os.pathsep.join([*([str(broken)] if broken else []), *before])
    return subprocess.run(
        [sys.executable, *code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_is_exported_is_there() -> None:
    assert set(pybridge.__all__) <= set(dir(pybridge))
    for name in pybridge.__all__:
        assert getattr(pybridge, name).__name__ == name


def test_the_library_takes_nothing_of_the_command_line() -> None:
    program = (
        "import sys, pybridge, pybridge.testing\n"
        "for name in pybridge.__all__: getattr(pybridge, name)\n"
        "print(sorted({'click', 'filelock', 'packaging', 'platformdirs', 'rich', 'typer'}"
        " & set(sys.modules)))"
    )
    done = run(["-c", program])
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize(
    "module",
    ["pybridge", *(command.run_as for command in COMMANDS.values()), "pybridge.lean.record"],
)
def test_a_command_without_the_extra_says_so_in_one_line(module: str) -> None:
    program = (
        "import runpy, sys\nsys.modules.update(typer=None, rich=None)\n"
        f"runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
    )
    done = run(["-c", program])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: the command line needs rich, typer: {install_command('cli')}\n"


def test_help_takes_no_numpy() -> None:
    program = (
        "import sys\nfrom pybridge.cli.app import app\n"
        "try: app(['--help'])\nfinally: assert not {'numpy', 'pydantic'} & set(sys.modules)"
    )
    assert run(["-c", program]).returncode == 0


def test_the_doctor_says_that_numpy_is_broken(tmp_path: Path) -> None:
    (tmp_path / "numpy.py").write_text('raise ImportError("libblas.so: no such file")\n')
    done = run(["-m", "pybridge.doctor"], tmp_path)
    assert done.returncode == 1
    assert "but it cannot be imported: libblas.so: no such file" in done.stdout
    assert "could not be examined: ImportError" in done.stdout
    assert "recorded evaluations" in done.stdout


def test_the_doctor_says_what_its_report_lacks(tmp_path: Path) -> None:
    (tmp_path / "pydantic.py").write_text('raise ImportError("no pydantic here")\n')
    done = run(["-m", "pybridge.doctor"], tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: no pydantic here: ")
    assert done.stderr.count("\n") == 1
