"""A few processes of WebAssembly Lean that share the work."""

from __future__ import annotations

import queue
import weakref
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter
from typing import TypeVar

from pybridge.lean.wasm.node import NodeProcess

__all__ = ["Pool"]

R = TypeVar("R")


class Pool:
    """At most `size` processes, started when there is work for them, and kept for more."""

    def __init__(self, make: Callable[[], NodeProcess], size: int) -> None:
        self._make = make
        self._size = size
        self._processes: list[NodeProcess] = []
        weakref.finalize(self, _close, self._processes)

    def run(
        self,
        graph: Mapping[str, Collection[str]],
        work: Callable[[NodeProcess, str], R],
        cost: Callable[[str], float] = lambda key: 1,
    ) -> dict[str, R]:
        """Do the work for every key of the graph, each after the keys that it names.

        Of the ready keys, the one that begins the costliest chain of waiting work is next.

        The first exception, or an interrupt, ends all processes and is raised.
        """
        sorter = TopologicalSorter(graph)
        sorter.prepare()
        size = min(self._size, len(graph))
        self._processes += [self._make() for _ in range(size - len(self._processes))]
        idle: queue.SimpleQueue[NodeProcess] = queue.SimpleQueue()
        for process in self._processes:
            idle.put(process)

        def run_one(key: str) -> R:
            process = idle.get()
            try:
                return work(process, key)
            finally:
                idle.put(process)

        results: dict[str, R] = {}
        running: dict[Future[R], str] = {}
        waiting: list[str] = []
        heights = _heights(graph, cost)
        with ThreadPoolExecutor(max(1, size)) as threads:
            try:
                while sorter.is_active():
                    waiting += sorter.get_ready()
                    waiting.sort(key=lambda key: heights[key])
                    while waiting and len(running) < size:
                        key = waiting.pop()
                        running[threads.submit(run_one, key)] = key
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        key = running.pop(future)
                        results[key] = future.result()
                        sorter.done(key)
            except BaseException:
                for future in running:
                    future.cancel()
                self.close()
                raise
        return results

    def close(self) -> None:
        """End all processes; the next work gets new ones."""
        _close(self._processes)


def _heights(
    graph: Mapping[str, Collection[str]], cost: Callable[[str], float]
) -> dict[str, float]:
    """Return for each key the largest cost of a chain of waiting keys that begins with it."""
    order = list(TopologicalSorter(graph).static_order())
    waiting = dict.fromkeys(order, 0.0)
    heights: dict[str, float] = {}
    for key in reversed(order):
        heights[key] = cost(key) + waiting[key]
        for needed in graph.get(key, ()):
            waiting[needed] = max(waiting[needed], heights[key])
    return heights


def _close(processes: list[NodeProcess]) -> None:
    while processes:
        processes.pop().close()
