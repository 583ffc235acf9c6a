"""JAX's own results, and gradients of its VJPs, are within their bounds; a wrong one is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pybridge import InputTypeError, ops
from pybridge.testing import assert_close

jax: Any = pytest.importorskip("jax")
pytestmark = pytest.mark.jax
jnp: Any = jax.numpy


def drawn(dtype: str, *shape: int) -> Any:
    """Draw normal numbers, other ones for each shape."""
    numbers = np.random.default_rng(sum(shape)).standard_normal(shape)
    return jnp.asarray(numbers.astype(jnp.dtype(dtype)))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_a_convolution_and_its_vector_jacobian_product(dtype: str) -> None:
    def convolution(x: Any, weight: Any) -> Any:
        return jax.lax.conv_general_dilated(x, weight, (2, 1), [(1, 2), (0, 1)])

    x, weight = drawn(dtype, 3, 4, 9, 8), drawn(dtype, 6, 4, 3, 2)
    y, pull = jax.vjp(convolution, x, weight)
    operation = ops.conv2d(x, weight, stride=(2, 1), padding=((1, 2), (0, 1)))
    assert_close(y, operation)
    grad_output = drawn(dtype, *y.shape)
    for name, gradient in zip(("input", "weight"), pull(grad_output), strict=True):
        assert_close(gradient, operation.grad(name, grad_output))
        wrong = gradient.at[0, 1, 0, 0].add(1)
        with pytest.raises(AssertionError, match=r"1 of \d+ entries is beyond what is allowed"):
            assert_close(wrong, operation.grad(name, grad_output))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_products(dtype: str) -> None:
    a, b = drawn(dtype, 2, 16, 24), drawn(dtype, 2, 24, 8)
    product = jnp.einsum("bij,bjk->bki", a, b, preferred_element_type=jnp.float32)
    assert_close(product, ops.einsum("bij,bjk->bki", a, b))
    with pytest.raises(AssertionError, match="rounding cannot explain this"):
        assert_close(product * 1.001, ops.einsum("bij,bjk->bki", a, b))


def test_a_traced_array_is_refused() -> None:
    def inside(x: Any) -> Any:
        assert_close(x, ops.matmul(x, x))
        return x

    with pytest.raises(InputTypeError, match="input: expected an array of floats"):
        jax.jit(inside)(jnp.ones((3, 3)))
