"""Geometries: accepted parameters, output sizes, and one clear line for each that does not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from strategies import geometries

from pybridge.errors import InputError, InputTypeError
from pybridge.problem.geometry import Geometry, Window


def test_parameters_may_be_given_per_axis() -> None:
    geometry = Geometry.of(
        (2, 6, 9, 10), (4, 3, 3, 2), stride=(2, 1), padding=((1, 0), (2, 3)), dilation=2, groups=2
    )
    assert geometry.height == Window(size=9, kernel=3, stride=2, pad_begin=1, pad_end=0, dilation=2)
    assert geometry.width == Window(size=10, kernel=2, pad_begin=2, pad_end=3, dilation=2)
    assert geometry.output_shape == (2, 4, 3, 13)
    assert (geometry.in_channels, geometry.out_channels, geometry.groups) == (3, 2, 2)
    assert Geometry.of((1, 1, 4, 4), (1, 1, 3, 3), padding=(1, 2)).output_shape == (1, 1, 4, 6)
    assert Geometry.of((1, 1, 4, 4), (1, 1, 3, 3), padding=np.int64(1)).output_shape[2:] == (4, 4)
    mixed = Geometry.of((1, 1, 4, 4), (1, 1, 3, 3), padding=(1, (0, 2)))
    assert mixed.output_shape == (1, 1, 4, 4)


@given(geometries())
def test_output_is_the_number_of_window_positions(geometry: Geometry) -> None:
    for window in (geometry.height, geometry.width):
        last = window.padded - window.reach
        assert window.output == len(range(0, last + 1, window.stride))
    again = Geometry.of(
        geometry.x_shape, geometry.weight_shape, geometry.output_shape, **geometry.options._asdict()
    )
    assert again == geometry


RANKS: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((2, 4, 7), (3,), {"stride": 2, "padding": 1, "dilation": 2, "groups": 2}),
    ((2, 4, 5), (3,), {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2}),
    ((1, 2, 4, 3), (2, 3), {"stride": (3, 2), "output_padding": (2, 1), "dilation": (2, 1)}),
    ((1, 2, 4, 5, 6), (2, 1, 3), {"stride": (1, 2, 3), "padding": (0, 1, 1)}),
]


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("x", "kernel", "options"), RANKS)
def test_any_number_of_axes_as_pytorch(
    torch: Any,
    x: tuple[int, ...],
    kernel: tuple[int, ...],
    options: dict[str, Any],
    transposed: bool,
) -> None:
    rank = len(kernel)
    w = (x[1], 3, *kernel) if transposed else (6, x[1] // options.get("groups", 1), *kernel)
    if not transposed:
        options = {name: value for name, value in options.items() if name != "output_padding"}
    name = f"conv_transpose{rank}d" if transposed else f"conv{rank}d"
    function = getattr(torch.nn.functional, name)
    g = Geometry.of(x, w, rank=rank, transposed=transposed, **options)
    assert (g.x_shape, g.weight_shape, g.rank) == (x, w, rank)
    y = function(torch.zeros(x), torch.zeros(w), torch.zeros(g.bias_shape), **options)
    assert tuple(y.shape) == g.output_shape
    of_last = {name[:-1]: n for name, n in g.parameters().items() if name.endswith(f"{rank - 1}")}
    if rank != 2 or transposed:
        window = g.windows[-1]
        assert of_last == {
            "size": x[-1],
            "kernel": kernel[-1],
            "stride": window.stride,
            "padBegin": window.pad_begin,
            "padEnd": window.pad_end,
            "dilation": window.dilation,
            "output": y.shape[-1],
            **({"outputPadding": window.output_padding} if transposed else {}),
        }


X, W = (1, 2, 5, 5), (4, 2, 3, 3)
BAD: list[tuple[Any, Any, Any, dict[str, Any], str]] = [
    ((2, 5, 5), W, None, {}, "x has shape (2, 5, 5), expected four axes"),
    (X, (4, 2, 3), None, {}, "weight has shape (4, 2, 3), expected four axes"),
    ((1, 2, 0, 5), W, None, {}, "x has shape (1, 2, 0, 5): it has no entries"),
    ((1, 3, 5, 5), W, None, {}, "x has 3 channels, but weight of shape (4, 2, 3, 3) with groups=1"),
    ((1, 6, 5, 5), W, None, {"groups": 3}, "weight has 4 output channels, expected a multiple"),
    (X, W, None, {"groups": 0}, "groups: expected a positive integer, got 0"),
    (X, W, (1, 4, 3, 2), {}, "grad_output has shape (1, 4, 3, 2), but x"),
    (X, W, (1, 4, 3), {}, "give an output of shape (1, 4, 3, 3)"),
    (X, W, None, {"stride": 0}, "height: stride: Input should be greater than or equal to 1"),
    (X, W, None, {"stride": (1, -1)}, "width: stride: Input should be greater than or equal to 1"),
    (X, W, None, {"padding": -1}, "height: pad_begin: Input should be greater than or equal to 0"),
    (X, W, None, {"padding": 2**40}, "height: pad_begin: Input should be less than"),
    (X, W, None, {"dilation": 3}, "height: the kernel spans 7 entries (3 with dilation 3), but"),
    (X, (4, 2, 6, 3), None, {}, "height: the kernel spans 6 entries (6 with dilation 1), but the"),
    (X, W, None, {"stride": (1, 1, 1)}, "stride: expected an integer or (height, width), got"),
    (X, W, None, {"padding": (1, 1, 1)}, "padding: expected an integer, (height, width) or"),
    (X, W, None, {"padding": ((1, 1, 1), 0)}, "padding: expected an integer or (begin, end), got"),
    (X, W, None, {"padding": ()}, "padding: expected an integer, (height, width) or"),
    (X, W, None, {"stride": ()}, "stride: expected an integer or (height, width), got ()"),
    (X, W, None, {"stride": []}, "stride: expected an integer or (height, width), got []"),
    (
        X,
        W,
        None,
        {"padding": np.ones((1, 9), int)},
        "padding: expected an integer, (height, width)",
    ),
    (X, W, None, {"stride": 10**5000}, "stride: expected an integer below 2^31, got one of more"),
    (X, W, None, {"groups": -(10**5000)}, "groups: expected an integer below 2^31, got one of"),
]
BAD_TYPES: list[tuple[dict[str, Any], str]] = [
    ({"stride": 1.0}, "stride: expected an integer, got 1.0"),
    ({"stride": "12"}, "stride: expected an integer, got '12'"),
    ({"stride": None}, "stride: expected an integer, got None"),
    ({"groups": True}, "groups: expected an integer, got True"),
    ({"dilation": (1, 2.5)}, "dilation: expected an integer, got 2.5"),
    ({"padding": "same"}, "padding: expected an integer, got 'same'"),
    ({"padding": {1, 2}}, "padding: expected an integer, got {1, 2}"),
    ({"padding": frozenset()}, "padding: expected an integer, got frozenset()"),
    ({"padding": {1: 2, 3: 4}}, "padding: expected an integer, got {1: 2, 3: 4}"),
    ({"padding": {1: 2}.keys()}, "padding: expected an integer, got dict_keys([1])"),
    ({"padding": (1, {2, 3})}, "padding: expected an integer, got {2, 3}"),
    ({"padding": b"12"}, "padding: expected an integer, got b'12'"),
    ({"padding": bytearray(2)}, r"padding: expected an integer, got bytearray(b'\x00\x00')"),
    ({"padding": ""}, "padding: expected an integer, got ''"),
    ({"padding": False}, "padding: expected an integer, got False"),
    ({"stride": ""}, "stride: expected an integer, got ''"),
    ({"stride": False}, "stride: expected an integer, got False"),
    ({"stride": np.True_}, "stride: expected an integer, got np.True_"),
    ({"stride": np.array(True)}, "stride: expected an integer, got array(True)"),
    ({"stride": np.array(1.5)}, "stride: expected an integer, got array(1.5)"),
    ({"stride": {"height": 1, "width": 1}}, "stride: expected an integer, got {'height': 1,"),
    ({"dilation": np.array([[1, 1], [1, 1]])}, "dilation: expected an integer, got array([1, 1])"),
    ({"dilation": (n for n in (1, 1))}, "dilation: expected an integer, got <generator"),
    ({"groups": ()}, "groups: expected an integer, got ()"),
    ({"groups": ""}, "groups: expected an integer, got ''"),
    ({"groups": np.array([1, 1])}, "groups: expected an integer, got array([1, 1])"),
]


@pytest.mark.parametrize(("x", "w", "g", "options", "message"), BAD)
def test_what_does_not_fit(x: Any, w: Any, g: Any, options: Any, message: str) -> None:
    with pytest.raises(InputError) as error:
        Geometry.of(x, w, g, **options)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("options", "message"), BAD_TYPES)
def test_wrong_types(options: Any, message: str) -> None:
    with pytest.raises(InputTypeError) as error:
        Geometry.of(X, W, **options)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("bad", [4, None, "abcd", {1, 2, 3, 4}, np.array(4), (1, 2, 5.0, 5)])
def test_shapes_that_are_none(bad: Any) -> None:
    for shapes in ((bad, W), (X, bad)):
        with pytest.raises(InputTypeError, match=r"^(x|weight)'s shape: expected [^\n]*$"):
            Geometry.of(*shapes)
    if bad is not None and not isinstance(bad, tuple):
        with pytest.raises(InputTypeError, match=r"^grad_output's shape: expected [^\n]*$"):
            Geometry.of(X, W, bad)


def test_arrays_and_sequences_of_integers_are_taken() -> None:
    expected = Geometry.of(X, W, stride=2, padding=(1, 2))
    x_shape: Any = np.array(X)
    assert Geometry.of(x_shape, list(W), stride=np.array(2), padding=[1, 2]) == expected
    assert Geometry.of(X, W, stride=np.array([2, 2]), padding=range(1, 3)) == expected
    assert Geometry.of(X, W, stride=2, padding=np.array([[1, 1], [2, 2]])) == expected


def test_tensors_as_parameters(torch: Any) -> None:
    expected = Geometry.of(X, W, stride=2, padding=(1, 2))
    assert Geometry.of(X, W, stride=torch.tensor(2), padding=torch.tensor([1, 2])) == expected
    assert Geometry.of(torch.Size(X), torch.Size(W), stride=2, padding=(1, 2)) == expected
    for bad in (torch.tensor(True), torch.tensor(1.0)):
        with pytest.raises(InputTypeError, match=r"^stride: expected an integer, got tensor\("):
            Geometry.of(X, W, stride=bad)


def test_models_are_refused_in_one_line() -> None:
    with pytest.raises(InputError) as error:
        Geometry(batch=0, windows=(Window(size=1, kernel=1), {"size": 1, "kernel": 2}))  # type: ignore[arg-type]
    assert str(error.value) == (
        "batch: Input should be greater than or equal to 1, got 0; "
        "windows.1: the kernel spans 2 entries (2 with dilation 1), but the padded input has only 1"
    )
    with pytest.raises(InputError, match=r"^output padding is of transposed convolutions only"):
        Window(size=3, kernel=1, output_padding=1)
    with pytest.raises(InputError, match=r"^output padding: expected less than stride 2 or dil"):
        Window(size=3, kernel=1, stride=2, transposed=True, output_padding=2)
    with pytest.raises(InputError, match=r"^padding of 1 and 2 leaves nothing of the output$"):
        Window(size=3, kernel=1, transposed=True, pad_begin=1, pad_end=2)
    with pytest.raises(InputError, match=r"^windows: expected all or none of them transposed$"):
        Geometry(windows=(Window(size=1, kernel=1), Window(size=1, kernel=1, transposed=True)))
    with pytest.raises(InputError, match=r"^windows: Tuple should have at least 1 item"):
        Geometry(windows=())
    with pytest.raises(InputError, match=r"^size: Input should be a valid integer, got '3'$"):
        Window(size="3", kernel=1)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"^kernel: Field required; step: Extra inputs"):
        Window(size=3, step=1)  # type: ignore[call-arg]
