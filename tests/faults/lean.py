"""Faults of Lean itself: it is not there, hangs, dies, or does not answer what it was asked."""

from __future__ import annotations

from pathlib import Path

from faults.fault import Fault
from faults.sandbox import Sandbox
from faults.stand_ins import installed, native

__all__ = ["LEAN"]

_ONE = "python -m pybridge.check --case binary32-one-by-one --lean"
_FIRST = "; checked before: 0 of 1 cases"
_RESULT = "Lean's result for binary32-one-by-one#…"


def _recording(sandbox: Sandbox) -> Path:
    return sandbox.own_checkout() / "pybridge" / "recorded" / "evaluations.json.gz"


def _damaged_recording(sandbox: Sandbox) -> None:
    path = _recording(sandbox)
    path.write_bytes(path.read_bytes()[:5000])


def _other_source(sandbox: Sandbox) -> None:
    with (sandbox.own_checkout() / "lean" / "RuntimeApprox" / "Contraction.lean").open("a") as file:
        file.write("\n-- changed\n")


def _no_cache(sandbox: Sandbox) -> None:
    sandbox.env["PYBRIDGE_CACHE"] = "/dev/null/cache"


LEAN = (
    Fault(what="Lean is asked for and not installed", command=f"{_ONE} native", status=3,
          line="error: there is no `lake` on PATH or in ~/.elan/bin"),
    Fault(what="There is no Lean and none can be installed: the recorded evaluations are compared",
          command=f"{_ONE} auto", status=0, says="recorded evaluations by WebAssembly Lean 4.28.0",
          prepare=_no_cache),
    Fault(what="Lean has another version", command=f"{_ONE} native", status=3,
          line="error: ../bin/lake runs Lean 4.27.0, expected 4.28.0 (leanprover/lean4:v4.28.0)",
          prepare=native(version="echo 'Lean (version 4.27.0, x86_64, Release)'")),
    Fault(what="lake hangs when asked for Lean's version", command=f"{_ONE} native --timeout 1",
          status=3, line="error: `lake env lean --version` did not answer within 1 s",
          prepare=native(version="sleep 60 & wait")),
    Fault(what="The Lean program cannot be built", command=f"{_ONE} native", status=1,
          line=f"error: `lake build evaluate` failed: error: no space{_FIRST}",
          prepare=native(build="echo 'error: no space'; exit 1")),
    Fault(what="The Lean program hangs", command=f"{_ONE} native --timeout 1", status=1,
          line=f"error: the Lean program did not answer within 1 s{_FIRST}",
          prepare=native("os.system('sleep 60 & wait')")),
    Fault(what="The Lean program is killed when it has written half of its answer",
          command=f"{_ONE} native", status=1,
          line="error: the Lean program failed with status -9; it printed: nothing" + _FIRST,
          prepare=native("wanted.write_text(answer[: len(answer) // 2]); kill()")),
    Fault(what="It leaves half of its answer and says that all is well", command=f"{_ONE} native",
          status=1, line=f"error: the result is cut off: its last line does not end{_FIRST}",
          prepare=native("answer = answer[: answer.rindex(' ', 0, len(answer) // 2)]")),
    Fault(what="It leaves no answer", command=f"{_ONE} native", status=1,
          line=f"error: Lean's result cannot be read: …No such file or directory…{_FIRST}",
          prepare=native("sys.exit()")),
    Fault(what="Its answer is not text", command=f"{_ONE} native", status=1,
          line=f"error: Lean's result cannot be read: …can't decode byte 0xff…{_FIRST}",
          prepare=native("wanted.write_bytes(bytes([255]) * 100); sys.exit()")),
    Fault(what="It gives a number of 100,001 digits", command=f"{_ONE} native", status=1,
          line=f"error: {_RESULT}: bias: a number of 100003 characters is longer than 100000"
          f"{_FIRST}",
          prepare=native(
            "answer = re.sub('(?m)^bias.bound .*', f'bias.bound 1{\"0\" * 100000}/1', answer)"
        )),
    Fault(what="It prints without end", command=f"{_ONE} native", status=1,
          line="error: the Lean program printed more than 64 MiB" + _FIRST,
          prepare=native("while True: print('again ' * 1000)")),
    Fault(what="WebAssembly Lean hangs", command=f"{_ONE} wasm --timeout 1", status=1,
          line=f"error: WebAssembly Lean did not answer within 1 s{_FIRST}",
          prepare=installed("time.sleep(60)")),
    Fault(what="WebAssembly Lean crashes", command=f"{_ONE} wasm", status=1,
          line=f"error: WebAssembly Lean crashed: memory access out of bounds{_FIRST}",
          prepare=installed("say(stderr='memory access out of bounds'); say(status=70)")),
    Fault(what="The recorded evaluations are cut off", command=f"{_ONE} recorded", status=3,
          line="error: the recorded evaluations in ../Brücke 2/pybridge/recorded/"
          "evaluations.json.gz are damaged", prepare=_damaged_recording),
    Fault(what="The recorded evaluations are of other Lean sources", command=f"{_ONE} recorded",
          status=3,
          line="error: the recorded evaluations are stale: RuntimeApprox/Contraction.lean differs "
          "from ../Brücke 2/lean", prepare=_other_source),
)  # fmt: skip
