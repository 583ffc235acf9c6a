"""Exact sums of products of two operands whose axes have labels, as einsum writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from pybridge.truth.dyadic import Dyadic, Integers, multiply

__all__ = ["einsum", "einsum_terms"]


def einsum(
    x: Dyadic, x_labels: str, y: Dyadic, y_labels: str, labels: str, sizes: Mapping[str, int]
) -> Dyadic:
    """Return the exact array of the `labels`: Σ x·y over all other labels.

    `sizes` has the size of each label. Labels differ within an operand; a label of the result that
    neither operand has repeats the sum.
    """
    x, x_labels = _summed(x, x_labels, y_labels + labels)
    y, y_labels = _summed(y, y_labels, x_labels + labels)
    batch = [a for a in x_labels if a in y_labels and a in labels]
    inner = [a for a in x_labels if a in y_labels and a not in labels]
    rows = [a for a in x_labels if a not in y_labels]
    columns = [a for a in y_labels if a not in x_labels]

    def matrices(of: Integers, have: str, *groups: Sequence[str]) -> Integers:
        order = [have.index(label) for group in groups for label in group]
        shape = [prod(sizes[label] for label in group) for group in groups]
        return of.transpose(order).reshape(shape)

    product = multiply(
        matrices(x.numerators, x_labels, batch, rows, inner),
        matrices(y.numerators, y_labels, batch, inner, columns),
    )
    have = [*batch, *rows, *columns]
    summed = product.reshape([sizes[label] for label in have])
    kept = summed.transpose([have.index(label) for label in labels if label in have])
    repeated = kept.reshape([sizes[label] if label in have else 1 for label in labels])
    whole = np.broadcast_to(repeated, [sizes[label] for label in labels])
    return Dyadic(np.array(whole, dtype=object), x.exponent + y.exponent)


def einsum_terms(
    x: npt.NDArray[Any],
    x_labels: str,
    y: npt.NDArray[Any],
    y_labels: str,
    labels: str,
    index: Sequence[int],
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the factors of the terms of the entry of `einsum` at an index, each flat.

    The labels of the sum are run through as the operands have them, the last one fastest.
    """
    at = dict(zip(labels, index, strict=True))
    x = x[tuple(at.get(label, slice(None)) for label in x_labels)]
    y = y[tuple(at.get(label, slice(None)) for label in y_labels)]
    own = [label for label in x_labels if label not in at]
    order = [*own, *(label for label in y_labels if label not in at and label not in own)]
    x = x.reshape(x.shape + (1,) * (len(order) - len(own)))
    have = [label for label in y_labels if label not in at]
    y = y.transpose([have.index(label) for label in order if label in have])
    y = y[tuple(slice(None) if label in have else None for label in order)]
    x, y = np.broadcast_arrays(x, y)
    return x.ravel(), y.ravel()


def _summed(x: Dyadic, labels: str, kept: str) -> tuple[Dyadic, str]:
    """Return an operand summed along its axes that nothing else has."""
    axes = tuple(i for i, label in enumerate(labels) if label not in kept)
    return x.sum(axes), "".join(label for label in labels if label in kept)
