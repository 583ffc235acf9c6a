"""Finds out which module a call belongs to, forward and backward.

Hooks that PyTorch runs around each module's `forward` keep a stack of paths. A call in the forward
pass belongs to the innermost module. It also gets an autograd node, whose sequence number leads
from a call in the backward pass, which that node makes, to the same module.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn
from torch.nn.modules import module as hooks

__all__ = ["Origin", "Origins"]

_NO_NODE = 2**64 - 1
"""The sequence number of nodes that accumulate gradients."""


class Origin(str):
    """The path of a module, its root named after its class; empty outside of modules."""

    backward: bool = False

    def in_backward(self) -> Origin:
        """Return the same path, in the backward pass."""
        origin = Origin(self)
        origin.backward = True
        return origin


class Origins:
    """The modules of the calls while a context is open."""

    def __init__(self) -> None:
        self.compiled = False
        self._stack: list[str] = []
        self._names: WeakKeyDictionary[nn.Module, dict[int, str]] = WeakKeyDictionary()
        self._roots: list[nn.Module] = []
        self._nodes: dict[int, str] = {}

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Follow modules until the block ends."""
        before = hooks.register_module_forward_pre_hook(self._enter)
        after = hooks.register_module_forward_hook(self._leave, always_call=True)
        try:
            yield
        finally:
            before.remove()
            after.remove()

    def of_call(self) -> Origin:
        """Return the module of the call that is being dispatched, and remember it for its node."""
        node = torch._C._current_autograd_node()
        if node is not None and not self._stack:
            return Origin(self._nodes.get(node._sequence_nr(), "")).in_backward()
        path = self._stack[-1] if self._stack else ""
        # The call's node exists already. A later call without one must not take its number.
        self._nodes.setdefault(torch._C._autograd._get_sequence_nr() - 1, path)
        return Origin(path)

    def _enter(self, module: nn.Module, args: Any) -> None:
        if not self._stack:
            self._roots = [module]
        self._stack.append(self._path(module))
        if type(module).__name__ == "OptimizedModule":
            self.compiled = True

    def _leave(self, module: nn.Module, args: Any, output: Any) -> None:
        if self._stack:
            self._stack.pop()

    def _path(self, module: nn.Module) -> str:
        """Return the path of a module from the outermost one that is running."""
        root = self._roots[0]
        if root not in self._names or id(module) not in self._names[root]:
            self._names[root] = {id(part): name for name, part in root.named_modules()}
        name = self._names[root].get(id(module))
        if name is None:  # it is called by a module, but is not a submodule of it
            return f"{self._stack[-1]}/{type(module).__name__}"
        top = type(root).__name__
        return f"{top}.{name}" if name else top
