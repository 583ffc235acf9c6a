"""The shapes of operations other than convolutions: products of two operands, sums of windows."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Annotated, ClassVar, Self, TypeAlias

from pydantic import BaseModel, Discriminator, Field, Strict, Tag, model_validator

from pybridge.model import Model
from pybridge.problem.geometry import Geometry, Window

__all__ = ["Pooling", "Product", "Shape"]

_Size = Annotated[int, Strict(), Field(ge=1, le=2**31 - 1)]


class Product(Model):
    """Σ over K, P and Q of x [B, M, K, P] · y [B, N, K, Q], plus an addend [B, M, N].

    P and Q are summed in one operand alone. Every einsum of two operands is one of these with axes
    in another order, merged, or of size 1.
    """

    B: _Size = 1
    M: _Size = 1
    N: _Size = 1
    K: _Size = 1
    P: _Size = 1
    Q: _Size = 1

    operation: ClassVar[str] = "product"
    results: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "output": ("x", "y", "addend"),
        "x": ("y", "grad_output"),
        "y": ("x", "grad_output"),
        "addend": ("grad_output",),
    }
    """The operands of each result, a gradient being named by its operand."""

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the operands: x, y, addend and grad_output."""
        output = (self.B, self.M, self.N)
        return {
            "x": (self.B, self.M, self.K, self.P),
            "y": (self.B, self.N, self.K, self.Q),
            "addend": output,
            "grad_output": output,
        }

    @property
    def result_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the results."""
        shapes = self.shapes
        return {"output": shapes.pop("grad_output"), **shapes}

    @property
    def multiply_adds(self) -> int:
        """The terms of the output; each gradient has about as many."""
        return prod((self.B, self.M, self.N, self.K, self.P, self.Q))

    def parameters(self) -> dict[str, int]:
        """Return the values of the parameters that the exported definitions name."""
        return self.model_dump()


class Pooling(Model):
    """Sums of x [batch, channels, …] over windows, as average pooling divides them."""

    batch: _Size = 1
    channels: _Size = 1
    windows: Annotated[tuple[Window, ...], Field(min_length=1)]

    operation: ClassVar[str] = "avgPool"
    results: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "output": ("x",),
        "input": ("grad_output",),
    }
    """The operands of each result."""

    @model_validator(mode="after")
    def _moves_over_x(self) -> Self:
        if any(window.transposed for window in self.windows):
            raise ValueError("windows: expected none of them transposed")
        return self

    @property
    def convolution(self) -> Geometry:
        """The convolution with a weight of ones that has the same results."""
        return Geometry(batch=self.batch, groups=self.channels, windows=self.windows)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the operands: x and grad_output."""
        geometry = self.convolution
        return {"x": geometry.x_shape, "grad_output": geometry.output_shape}

    @property
    def result_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the results."""
        geometry = self.convolution
        return {"output": geometry.output_shape, "input": geometry.x_shape}

    @property
    def multiply_adds(self) -> int:
        """The terms of the output, padding included; the gradient has about as many."""
        return self.convolution.multiply_adds

    def parameters(self) -> dict[str, int]:
        """Return the values of the parameters that the exported definitions name."""
        sizes = {"batch": self.batch, "channels": self.channels}
        for i, window in enumerate(self.windows):
            sizes |= window.parameters(i)
        return sizes


def _kind(value: object) -> str:
    """Return the name of the shape that a document describes, or that a shape is."""
    if isinstance(value, BaseModel):
        return type(value).__name__
    names: Mapping[str, type[BaseModel]] = {"B": Product, "channels": Pooling}
    keys = value if isinstance(value, Mapping) else {}
    return next((shape.__name__ for key, shape in names.items() if key in keys), "Geometry")


Shape: TypeAlias = Annotated[
    Annotated[Geometry, Tag("Geometry")]
    | Annotated[Product, Tag("Product")]
    | Annotated[Pooling, Tag("Pooling")],
    Discriminator(_kind),
]
"""The shape of any operation."""
