"""`watch`: checks every convolution and matrix product of a block of PyTorch code as it runs."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase
from functools import partial
from types import TracebackType
from typing import Any, Literal, TypeAlias, get_args

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from pybridge import ops
from pybridge.bounds.comparison import Comparison, compare
from pybridge.bounds.crops import Region, crop
from pybridge.engine.accumulation import Accumulation
from pybridge.errors import InputError, InputTypeError
from pybridge.torch.calls import Expected, Reader, Unseen, bind, name_of, overlap, reader
from pybridge.torch.modules import Origin, Origins
from pybridge.torch.promises import promises
from pybridge.torch.ranks import gathered
from pybridge.torch.report import Checked, Report, Unchecked

__all__ = ["watch"]

OnFailure: TypeAlias = Literal["raise", "record"]
Operations: TypeAlias = Mapping[Any, Callable[..., Any]]
Promises: TypeAlias = Accumulation | Mapping[str, Accumulation] | None

_COMPILED = "compiled modules ran eagerly, as PyTorch runs them under a dispatch mode"


class watch:  # noqa: N801 (a context manager, read as a verb)
    """Check every convolution and matrix product of a block, forward and backward.

    ```python
    with watch() as report:
        loss = criterion(model(x), y)
        loss.backward()
    ```

    Right after each ATen call of a convolution, its backward, or a product of matrices, its results
    are compared with the operation (`pybridge.ops`) that it should be, on the same operands. When
    the block ends, `NotExplained` (an `AssertionError`) is raised if a result has an error that
    rounding does not explain; it names modules, operations, shapes, worst entries and patterns.
    Calls that cannot be checked are listed in the report, with the reason.

    * `accumulation`: what kernels promise. By default it follows from each call: its dtypes, its
      device, and PyTorch's flags for TF32 and the like (`pybridge.torch.promises`). Otherwise it is
      a promise, or a mapping from patterns (as of `fnmatch`) of module paths (`ResNet.layer1.*`) or
      operator names (`aten.mm`) to promises; the first match applies.
    * `operation`: what custom kernels compute: a mapping from names of custom operators
      (`mylib::conv`) or subclasses of `torch.autograd.Function` to functions that take the kernel's
      arguments and return an operation of `pybridge.ops`, or for several results a sequence of
      operations, with None for a result that is not to be checked. The gradients of an autograd
      function are checked, too.
    * `reference`: False checks only what `operation` names, and not PyTorch's own kernels.
    * `sample`: the share of the calls that are checked, chosen by `seed`.
    * `sample_entries`: the least share of the entries of each result that are compared, chosen by
      `seed`, the number of the call and the result: whole images, channels, rows or columns. If one
      of these entries is beyond its bound, the whole result is compared.
    * `on_failure`: "raise", or "record", which leaves the failures to the report.

    Under torch.distributed, each process watches its own calls, and at the end of the block, which
    all processes must reach, rank 0 gets the report of all. Raises `InputError` for options that do
    not fit.
    """

    def __init__(
        self,
        *,
        accumulation: Promises = None,
        operation: Operations | None = None,
        reference: bool = True,
        sample: float = 1.0,
        sample_entries: float = 1.0,
        seed: int = 0,
        on_failure: OnFailure = "raise",
    ) -> None:
        for name, share in (("sample", sample), ("sample_entries", sample_entries)):
            is_number = isinstance(share, int | float) and not isinstance(share, bool)
            if not is_number or not 0 <= share <= 1:
                raise InputError(f"{name}: expected a share from 0 to 1, got {share!r:.60}")
        if sample_entries == 0:
            raise InputError("sample_entries: 0 leaves nothing to compare, expected more")
        if on_failure not in get_args(OnFailure):
            known = " or ".join(get_args(OnFailure))
            raise InputError(f"on_failure: expected {known}, got {on_failure!r:.60}")
        if not reference and not operation:
            raise InputError("reference=False checks what `operation` names, expected one")
        self.report = Report(sample=float(sample), sample_entries=float(sample_entries), seed=seed)
        self._on_failure = on_failure
        self._reference = reference
        self._accumulation = _promises(accumulation)
        self._operators, self._functions = _operations(operation or {})
        self._chosen = random.Random(seed)
        self._origins = Origins()
        self._calls = 0
        self._open = ExitStack()

    def __enter__(self) -> Report:
        self._open.enter_context(self._origins.followed())
        for function, operation in self._functions.items():
            self._open.enter_context(_patched(function, partial(self._applied, operation)))
        self._open.enter_context(_Calls(self))
        return self.report

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.close()
        if self._origins.compiled:
            self.report.notes.append(_COMPILED)
        if error is not None:
            error.add_note(f"pybridge.torch.watch: {self.report.summary}")
            return
        gathered(self.report)
        if self._on_failure == "raise":
            self.report.raise_failures()

    def begin(
        self, function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Callable[[Any], None] | None:
        """Return a function that checks the results of a call that is about to run, or None."""
        name = name_of(function)
        read = self._operators.get(name) or (reader(function) if self._reference else None)
        if read is None:
            return None
        origin, number = self._origins.of_call(), self._calls
        self._calls += 1
        if self._chosen.random() >= self.report.sample:
            self.report.not_sampled += 1
            return None
        if isinstance(read, Unseen):
            self._unchecked(number, origin, name, read.reason)
            return None
        if (reason := _unreadable(args, kwargs)) is not None:
            self._unchecked(number, origin, name, reason)
            return None
        return partial(self._read, number, origin, name, read, bind(function, args, kwargs))

    def _read(
        self, number: int, origin: Origin, name: str, read: Reader, call: Any, result: Any
    ) -> None:
        """Check the results of a call."""
        with _apart():
            try:
                expected = read(call, result)
            except (InputError, TypeError, OverflowError) as error:
                self._unchecked(number, origin, name, str(error))
                return
            for each in expected:
                self._check(number, origin, name, each)

    def _check(self, number: int, origin: Origin, name: str, expected: Expected) -> None:
        actual = expected.actual.detach()
        drawn = random.Random(f"{self.report.seed} {number} {expected.result}")
        try:
            comparison, region = self._compare(actual, origin, name, expected.operation, drawn)
        except (InputError, TypeError, OverflowError) as error:
            self._unchecked(number, origin, name, f"{expected.result}: {error}")
            return
        sure = comparison.details.sure
        self.report.checked.append(
            Checked(
                call=number,
                module=str(origin),
                backward=origin.backward,
                operator=name,
                operation=expected.operation.function,
                result=expected.result,
                shape=tuple(actual.shape),
                dtype=str(actual.dtype).removeprefix("torch."),
                device=str(actual.device),
                promise=comparison.accumulation.sentence,
                passed=comparison.passed,
                ratio=comparison.ratio if sure is None else None,
                worst=region.index(comparison.worst.index) if sure is None else None,
                power=comparison.power if sure is None else sure.power,
                message=comparison.message if not comparison.passed else "",
                theorems=tuple(map(str, comparison.theorems)),
                entries=region.entries if actual.numel() else 0,
            )
        )

    def _compare(
        self,
        actual: torch.Tensor,
        origin: Origin,
        name: str,
        operation: ops.Operation,
        drawn: random.Random,
    ) -> tuple[Comparison, Region]:
        """Return the comparison by the first promise that explains the result, else by the first.

        It is of the drawn entries if these are within their bounds, else of all entries.
        """
        stated = self._stated(origin, name)
        candidates = [stated] if stated is not None else promises(actual, operation)
        returned = operation.returned(actual)
        whole = Region.whole(returned)
        region = Region.drawn(returned, self.report.sample_entries, drawn)
        if not region.is_whole:
            part = crop(region)
            for promise in candidates:
                # The promise is about the whole result; a part of it may look narrower.
                kept = promise if operation.computation.is_scaled else returned.promise(promise)
                comparison = compare(part, kept, at_first_look=True)
                if comparison.passed:
                    return comparison, region
        first: Comparison | None = None
        for promise in candidates:
            comparison = compare(returned, promise, at_first_look=True)
            if comparison.passed:
                return comparison, whole
            first = first or comparison
        assert first is not None
        return first, whole

    def _stated(self, origin: Origin, name: str) -> Accumulation | None:
        """Return the promise that the user stated for a module or an operator, if any."""
        for pattern, promise in self._accumulation.items():
            if fnmatchcase(origin, pattern) or fnmatchcase(name, pattern):
                return promise
        return None

    def _unchecked(self, number: int, origin: Origin, name: str, reason: str) -> None:
        reason = " ".join(reason.split())
        self.report.unchecked.append(Unchecked(number, str(origin), origin.backward, name, reason))

    def _applied(
        self,
        operation: Callable[..., Any],
        name: str,
        args: Sequence[Any],
        result: Any,
    ) -> None:
        """Check what an autograd function returned, and its gradients when they are computed."""
        origin, number = self._origins.of_call(), self._calls
        self._calls += 1
        if self._chosen.random() >= self.report.sample:
            self.report.not_sampled += 1
            return
        call = [each.detach() if isinstance(each, torch.Tensor) else each for each in args]
        returned = result if isinstance(result, tuple) else (result,)
        with _apart():
            try:
                computed = operation(*call)
                computed = computed if isinstance(computed, Sequence) else [computed]
                outputs = _outputs(computed, returned)
            except (InputError, TypeError) as error:
                self._unchecked(number, origin, name, str(error))
                return
            for expected in outputs:
                self._check(number, origin, name, expected)
        node = returned[0].grad_fn if isinstance(returned[0], torch.Tensor) else None
        if node is None:
            return
        if len(returned) > 1 or computed[0] is None:
            self._unchecked(number, origin, name, "gradients of a function of several results")
            return
        tensors = [each for each in call if isinstance(each, torch.Tensor)]
        versions = [each._version for each in tensors]

        def check(gradients: Sequence[Any], grad_outputs: Sequence[Any]) -> None:
            of = origin.in_backward()
            if [each._version for each in tensors] != versions:
                reason = "an operand was changed in place between forward and backward"
                self._unchecked(number, of, name, reason)
                return
            with _apart():
                for tensor, gradient in zip(tensors, gradients, strict=True):
                    if gradient is not None:
                        self._gradient(
                            number, of, name, computed[0], tensor, gradient, grad_outputs
                        )

        node.register_hook(check)

    def _gradient(
        self,
        number: int,
        origin: Origin,
        name: str,
        operation: ops.Operation,
        tensor: torch.Tensor,
        gradient: torch.Tensor,
        grad_outputs: Sequence[Any],
    ) -> None:
        operand = _operand(operation, tensor)
        if operand is None or grad_outputs[0] is None:
            self._unchecked(
                number, origin, name, "the gradient of no operand of the operation, or of several"
            )
            return
        try:
            expected = operation.grad(operand, grad_outputs[0].detach())
        except (InputError, TypeError) as error:
            self._unchecked(number, origin, name, str(error))
            return
        self._check(number, origin, name, Expected(f"{operand} gradient", gradient, expected))


class _Calls(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Hands each ATen call to a watch before it runs, and its result after."""

    def __init__(self, watching: watch) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._watching = watching

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        options = kwargs or {}
        check = self._watching.begin(func, args, options)
        result = func(*args, **options)
        if check is not None:
            check(result)
        return result


@contextmanager
def _apart() -> Any:
    """Compute without recording a graph, and without autocast or watching."""
    with (
        torch.no_grad(),
        torch.utils._python_dispatch._disable_current_modes(),
        torch.autocast("cpu", enabled=False),
        torch.autocast("cuda", enabled=False),
    ):
        yield


@contextmanager
def _patched(
    function: type[torch.autograd.Function], after: Callable[[str, Sequence[Any], Any], None]
) -> Any:
    """Call `after` with the name, arguments and result of each use of an autograd function."""
    own = function.__dict__.get("apply")
    original = function.apply

    def apply(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)  # type: ignore[no-untyped-call]
        after(function.__name__, args, result)
        return result

    function.apply = staticmethod(apply)  # type: ignore[method-assign]
    try:
        yield
    finally:
        if own is None:
            del function.apply
        else:
            function.apply = own  # type: ignore[method-assign]


def _promises(accumulation: Promises) -> Mapping[str, Accumulation]:
    """Return the promises by pattern."""
    if accumulation is None:
        return {}
    by_pattern = {"*": accumulation} if isinstance(accumulation, Accumulation) else accumulation
    if not isinstance(by_pattern, Mapping):
        raise InputTypeError(
            f"accumulation: expected an Accumulation or a mapping to them, got {accumulation!r:.60}"
        )
    for pattern, promise in by_pattern.items():
        if not isinstance(pattern, str) or not isinstance(promise, Accumulation):
            raise InputTypeError(
                f"accumulation: expected a pattern: promise, got {pattern!r:.60}: {promise!r:.60}"
            )
    return by_pattern


def _operations(
    operation: Operations,
) -> tuple[dict[str, Reader], dict[type[torch.autograd.Function], Callable[..., Any]]]:
    """Return the readers of custom operators, and the operations of autograd functions."""
    operators: dict[str, Reader] = {}
    functions: dict[type[torch.autograd.Function], Callable[..., Any]] = {}
    for key, compute in operation.items():
        if isinstance(key, str):
            operators[key.replace("::", ".")] = partial(_custom, compute)
        elif isinstance(key, type) and issubclass(key, torch.autograd.Function):
            functions[key] = compute
        else:
            raise InputTypeError(
                "operation: expected names of operators or subclasses of torch.autograd.Function, "
                f"got {key!r:.60}"
            )
    return operators, functions


def _custom(compute: Callable[..., Any], call: Mapping[str, Any], result: Any) -> list[Expected]:
    """Return what the results of a custom operator should be."""
    computed = compute(**call)
    computed = computed if isinstance(computed, Sequence) else [computed]
    return _outputs(computed, result if isinstance(result, tuple | list) else (result,))


def _outputs(computed: Sequence[Any], results: Iterable[Any]) -> list[Expected]:
    """Pair the results of a custom kernel with their operations, except those that are None.

    Raises `InputError` unless there are as many operations as results, and nothing else.
    """
    results = list(results)
    if len(computed) != len(results):
        raise InputError(f"operation: expected {len(results)} results, got {len(computed)}")
    for operation in computed:
        if not isinstance(operation, ops.Operation | None):
            raise InputError(f"operation: expected one of pybridge.ops, got {operation!r:.60}")
    pairs = list(zip(computed, results, strict=True))
    many = len(pairs) > 1
    return [
        Expected(f"result {i}" if many else "output", result, operation)
        for i, (operation, result) in enumerate(pairs)
        if operation is not None
    ]


def _operand(operation: ops.Operation, tensor: torch.Tensor) -> str | None:
    """Return the name of the operand that a tensor is, or None.

    It is None also if several operands share the tensor's memory, since the gradient is then a sum.
    """
    shared = [
        (name, array)
        for name, array in operation.arrays.items()
        if isinstance(array, torch.Tensor) and overlap(array, tensor)
    ]
    if len(shared) != 1 or shared[0][1] is not tensor:
        return None
    return operation.computation.called(shared[0][0])


def _unreadable(args: Sequence[Any], kwargs: Mapping[str, Any]) -> str | None:
    """Return why the tensors of a call cannot be read, if so."""
    for value in (*args, *kwargs.values()):
        if not isinstance(value, torch.Tensor):
            continue
        if type(value) not in (torch.Tensor, torch.nn.Parameter):
            return f"an operand is a {type(value).__name__}"
        if str(value.layout) not in ("torch.strided", "torch._mkldnn"):
            return f"an operand has the layout {str(value.layout).removeprefix('torch.')}"
        if value.device.type == "meta":
            return "an operand has no data (device meta)"
        if not value.dtype.is_floating_point:
            return f"an operand has the dtype {str(value.dtype).removeprefix('torch.')}"
    return None
