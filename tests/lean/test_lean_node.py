"""The Node process and the pool, with stand-ins for Node that crash, hang or talk nonsense."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from leans import alive

from pybridge.lean.errors import LeanError
from pybridge.lean.wasm.node import Job, NodeProcess
from pybridge.lean.wasm.pool import Pool

JOB = Job(["A.lean"], "/src", {})
HEADER = f"""\
#!{sys.executable}
import json, os, sys, time
open({{log!r}}, "a").write(f"{{{{os.getpid()}}}}\\n")
say = lambda **answer: print(json.dumps(answer), flush=True)
"""
MESSAGE = (
    '{"fileName": "A.lean", "pos": {"line": 2, "column": 1}, "severity": "error", "data": "no"}'
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "started"


def process(log: Path, body: str) -> NodeProcess:
    node = log.with_name("node")
    node.write_text(HEADER.format(log=str(log)) + textwrap.dedent(body))
    node.chmod(0o755)
    return NodeProcess(node, log, log)


def started(log: Path) -> list[int]:
    return [int(line) for line in log.read_text().split()]


def test_one_process_runs_many_jobs(log: Path) -> None:
    node = process(
        log,
        f"""
        say(ready=True)
        for line in sys.stdin:
            say(stdout={MESSAGE!r}); say(stderr="other"); print("raw", flush=True)
            say(status=len(json.loads(line)["arguments"]) - 1)
        """,
    )
    for arguments, status in ((["a"], 0), (["a", "b"], 1)):
        outcome = node.run(Job(arguments, "/", {}), 10)
        assert outcome.status == status
        assert [str(message) for message in outcome.messages] == ["A.lean:2:1: error: no"]
        assert outcome.other == ["other", "raw"]
    assert len(started(log)) == 1
    node.close()
    assert not alive(*started(log))


@pytest.mark.parametrize(
    "body",
    [
        "time.sleep(60)",
        "say(ready=True); time.sleep(60)",
        "say(ready=True); input(); \
say(stdout='x'); time.sleep(60)",
    ],
)
def test_a_hang_is_ended_at_the_time_limit(log: Path, body: str) -> None:
    with pytest.raises(LeanError, match=r"Lean did not answer within 1\.5 s"):
        process(log, body).run(JOB, 1.5)
    assert not alive(*started(log))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("sys.exit('no memory')", "ended unexpectedly: no memory"),
        ("say(ready=True); input(); print('Aborted'); sys.exit(1)", "unexpectedly: Aborted"),
        (
            "say(ready=True); input(); say(stderr='unreachable'); say(status=70); input()",
            "crashed: unreachable",
        ),
    ],
)
def test_a_crash_of_a_new_process_is_an_error(log: Path, body: str, said: str) -> None:
    node = process(log, body)
    with pytest.raises(LeanError, match=said):
        node.run(JOB, 10)
    assert len(started(log)) == 1
    assert not alive(*started(log))


def test_a_crash_of_a_used_process_is_tried_again(log: Path) -> None:
    node = process(log, "say(ready=True); input(); say(status=0); input(); say(status=70); input()")
    assert [node.run(JOB, 10).status for _ in range(3)] == [0, 0, 0]
    assert len(started(log)) == 3
    node.close()


def test_a_closed_process_runs_nothing(log: Path) -> None:
    node = process(log, "say(ready=True); input()")
    node.close()
    with pytest.raises(LeanError, match="stopped"):
        node.run(JOB, 10)
    assert not log.exists()


def test_node_that_cannot_be_started_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LeanError, match="Node could not be started"):
        NodeProcess(tmp_path / "none", tmp_path, tmp_path).run(JOB, 10)


def test_a_pool_respects_the_order_and_keeps_its_processes(log: Path) -> None:
    pool = Pool(lambda: process(log, "say(ready=True)\nfor _ in sys.stdin: say(status=0)"), 2)
    done: list[str] = []

    def work(node: NodeProcess, key: str) -> int:
        node.run(JOB, 10)
        done.append(key)
        return len(done)

    graph = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"], "e": []}
    for _ in range(2):
        done.clear()
        assert set(pool.run(graph, work)) == set(graph)
        assert done.index("a") < min(done.index("b"), done.index("c"))
        assert done.index("d") > max(done.index("b"), done.index("c"))
    assert 1 <= len(started(log)) <= 2
    pool.close()
    assert not any(map(alive, started(log)))


def test_the_first_failure_in_a_pool_ends_the_others(log: Path) -> None:
    pool = Pool(lambda: process(log, "say(ready=True)\ntime.sleep(60)"), 2)
    ends: list[str] = []

    def work(node: NodeProcess, key: str) -> None:
        if key == "bad":
            while not (log.exists() and started(log)):
                time.sleep(0.05)
            raise LeanError("bad")
        try:
            node.run(JOB, 60)
        except LeanError as error:
            ends.append(str(error))

    with pytest.raises(LeanError, match="bad"):
        pool.run({"good": [], "bad": []}, work)
    assert "did not answer" not in "".join(ends)  # it did not wait for the time limit
    assert not any(map(alive, started(log)))


def test_an_interrupt_leaves_nothing_running(log: Path) -> None:
    process(log, "say(ready=True)\ntime.sleep(60)")
    code = f"""
from pathlib import Path
from pybridge.lean.wasm.node import Job, NodeProcess
from pybridge.lean.wasm.pool import Pool
log = Path({str(log)!r})
pool = Pool(lambda: NodeProcess(log.with_name("node"), log, log), 2)
pool.run({{"a": [], "b": []}}, lambda node, _: node.run(Job(["A"], "/", {{}}), 60))
"""
    child = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    while not log.exists() or len(started(log)) < 2:
        assert child.poll() is None, child.communicate()
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=20)
    assert "KeyboardInterrupt" in said
    assert not any(map(alive, started(log)))


def test_threads_end_with_their_processes(log: Path) -> None:
    before = threading.active_count()
    node = process(log, "say(ready=True)\nfor _ in sys.stdin: say(status=0)")
    node.run(JOB, 10)
    node.close()
    for _ in range(50):
        if threading.active_count() <= before:
            return
        time.sleep(0.1)
    raise AssertionError("a thread is still running")
