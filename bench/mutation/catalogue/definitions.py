"""Faults of the exported definitions: trees of the right shape with another meaning."""

from __future__ import annotations

from typing import Any

from bench.mutation.fault import DefinitionsEdit, Fault, SourceEdit, at

__all__ = ["FAULTS"]

_X, _Y = {"var": "x.value"}, {"var": "y.value"}
_X_EPS, _Y_EPS = {"var": "x.eps"}, {"var": "y.eps"}


def _tampered(
    name: str, imitates: str, path: str, value: Any, *, quick: bool = False, signed: bool = True
) -> Fault:
    edit = DefinitionsEdit(at(path, value), signed=signed)
    return Fault(name, imitates, "definitions", (edit,), quick=quick)


def _stride_dilation(index: Any) -> Any:
    out = ["dilationH" if c == "strideH" else c for c in index["out"]]
    red = ["strideH" if c == "dilationH" else c for c in index["red"]]
    return {**index, "out": out, "red": red}


def _without_half_ulp(eps: Any) -> Any:
    """A law's error without its own rounding: the first part of the outer sum."""
    return eps["add"][0]


def _height_width(contraction: Any) -> Any:
    """The contraction with its last two reduction dimensions in the other order."""

    def exchanged(entries: list[Any]) -> list[Any]:
        return [entries[0], entries[2], entries[1]]

    factors = [
        {
            **factor,
            "axes": [
                {**axis, "index": {**axis["index"], "red": exchanged(axis["index"]["red"])}}
                for axis in factor["axes"]
            ],
        }
        for factor in contraction["factors"]
    ]
    return {**contraction, "red": exchanged(contraction["red"]), "factors": factors}


FAULTS = (
    _tampered(
        "exported-stride-dilation-swapped",
        "Stride and dilation have changed places in the forward pass's row index.",
        "contractions.forward.factors.0.axes.2.index",
        _stride_dilation,
        quick=True,
    ),
    _tampered(
        "exported-padding-end",
        "The weight gradient's rows are shifted by the padding at the end.",
        "contractions.weight.factors.0.axes.2.index.offset",
        {"neg": "padBottom"},
    ),
    _tampered(
        "exported-padding-sign",
        "The input gradient's columns are shifted the other way.",
        "contractions.input.factors.1.axes.3.index.offset",
        {"neg": "padLeft"},
    ),
    _tampered(
        "exported-loops-swapped",
        "The weight gradient sums columns outside and rows inside.",
        "contractions.weight",
        _height_width,
    ),
    _tampered(
        "exported-group-ignored",
        "The forward pass reads the first group's weights for every group.",
        "contractions.forward.factors.0.axes.1.index.out",
        lambda out: [0 if c == "inChannels" else c for c in out],
    ),
    _tampered(
        "exported-group-channels",
        "Groups are as many channels apart as there are output channels, not input channels.",
        "contractions.forward.factors.0.axes.1.index.out",
        lambda out: ["outChannels" if c == "inChannels" else c for c in out],
    ),
    _tampered(
        "exported-divisor-dropped",
        "The input gradient does not divide by the stride.",
        "contractions.input.factors.1.axes.2.index.divisor",
        1,
    ),
    _tampered(
        "exported-output-size",
        "The output is as long as if the kernel spanned dilation × kernel entries.",
        "outputSize.outputH",
        {
            "add": [
                {
                    "div": [
                        {
                            "sub": [
                                {"add": [{"add": ["inputH", "padTop"]}, "padBottom"]},
                                {"mul": ["dilationH", "kernelH"]},
                            ]
                        },
                        "strideH",
                    ]
                },
                1,
            ]
        },
    ),
    _tampered(
        "exported-bias-dropped",
        "The forward pass does not add the bias.",
        "contractions.forward.addends",
        [],
    ),
    _tampered(
        "law-half-ulp-of-sum-dropped",
        "An addition does not charge its own rounding.",
        "laws.add.eps",
        _without_half_ulp,
        quick=True,
    ),
    _tampered(
        "law-half-ulp-of-product-dropped",
        "A product does not charge its own rounding.",
        "laws.mul.eps",
        _without_half_ulp,
    ),
    _tampered(
        "law-half-ulp-of-operand",
        "An addition charges half an ulp of the sum so far, not of the new one.",
        "laws.add.eps.add.1.halfUlp",
        _X,
    ),
    _tampered(
        "law-half-ulp-twice",
        "An addition charges its rounding twice.",
        "laws.add.eps",
        lambda eps: {"add": [eps, eps["add"][1]]},
    ),
    _tampered(
        "law-eps-forgotten",
        "A product does not carry the error of its first factor.",
        "laws.mul.eps.add.0",
        lambda part: part["add"][0],
    ),
    _tampered(
        "law-eps-crossed",
        "A product multiplies each factor's error with its own magnitude.",
        "laws.mul.eps.add.0",
        {"add": [{"mul": [{"abs": _X}, _X_EPS]}, {"mul": [{"abs": _Y}, _Y_EPS]}]},
    ),
    _tampered(
        "law-second-order-dropped",
        "A product does not charge the product of its factors' errors.",
        "laws.mul.eps.add.0.add.0",
        {"mul": [{"abs": _X}, _Y_EPS]},
    ),
    _tampered(
        "law-without-magnitude",
        "A product multiplies an error with a signed factor.",
        "laws.mul.eps.add.0.add.1",
        {"mul": [_Y, _X_EPS]},
    ),
    _tampered(
        "law-zero-charged",
        "The empty sum has the error of half the least number.",
        "laws.zero.eps",
        {"halfUlp": {"add": [{"zero": True}, {"zero": True}]}},
    ),
    _tampered(
        "format-precision-23",
        "binary32 has 23 bits: the hidden one is not counted.",
        "formats.binary32.precision",
        23,
    ),
    _tampered(
        "format-least-exponent",
        "binary16's least exponent is one too small.",
        "formats.binary16.minExponent",
        -15,
    ),
    _tampered(
        "estimate-one-term-less",
        "Sums of products err by (n − 1)·u, as sums of numbers do.",
        "formulas.nearestRelative",
        lambda relative: _replaced(
            relative, {"var": "terms"}, {"sub": [{"var": "terms"}, {"nat": 1}]}
        ),
    ),
    _tampered(
        "estimate-deviation-not-enlarged",
        "What operands are off is not enlarged by the roundings.",
        "formulas.deviation",
        {"nat": 1},
    ),
    _tampered(
        "estimate-toward-zero-as-nearest",
        "Rounding toward zero errs by half an ulp.",
        "formats.binary32.errors.towardZero.relative",
        -24,
    ),
    _tampered(
        "estimate-underflow-once",
        "The replay charges the underflow of sums, and not that of products.",
        "formulas.replayConstant",
        lambda constant: _replaced(constant, {"nat": 2}, {"nat": 1}),
    ),
    _tampered(
        "definitions-unsigned",
        "Somebody edited the exported precision of binary64 by hand.",
        "formats.binary64.precision",
        52,
        signed=False,
        quick=True,
    ),
    Fault(
        "definitions-cut-off",
        "The definitions were written only in part.",
        "definitions",
        (SourceEdit("pybridge/definitions.json", '\n "data": {', "\n"),),
    ),
)


def _replaced(tree: Any, old: Any, new: Any) -> Any:
    """The tree with every subtree that equals `old` replaced."""
    if tree == old:
        return new
    if isinstance(tree, dict):
        return {key: _replaced(child, old, new) for key, child in tree.items()}
    if isinstance(tree, list):
        return [_replaced(child, old, new) for child in tree]
    return tree
