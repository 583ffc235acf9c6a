"""
Error against bound, over an image
==================================

The input gradient of a convolution has one value per pixel. Here are its true error, which exact
arithmetic computes, and its proved bound, pixel by pixel, on one scale.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm

from pybridge import conv2d_backward

# %%
# An image, 16 filters, and the gradient of the output: bright in the middle, as of a loss that
# looks there.

rng = np.random.default_rng(1)
image = rng.standard_normal((1, 1, 48, 48), dtype=np.float32)
weight = rng.standard_normal((16, 1, 5, 5), dtype=np.float32)
distance = np.hypot(*np.meshgrid(np.linspace(-1, 1, 48), np.linspace(-1, 1, 48)))
window = np.exp(-4 * distance**2)
grad_output = (window * rng.standard_normal((1, 16, 48, 48))).astype(np.float32)

gradient = conv2d_backward(image, weight, grad_output, padding=2).input

# %%
# The same gradient in float64 is exact enough to show the error of the float32 one: its own bound
# is printed below.

wide = conv2d_backward(*(a.astype(np.float64) for a in (image, weight, grad_output)), padding=2)
error = np.abs(gradient.value - wide.input.value)[0, 0]
bound = gradient.bound[0, 0]
print(f"largest error {error.max():.1e}, largest bound {bound.max():.1e}")
print(f"bound of the float64 gradient {wide.input.bound_linf:.1e}")
assert (error <= bound + wide.input.bound[0, 0]).all()

# %%
# Bounds follow the data: where the gradient is small, so are both.

figure, axes = plt.subplots(1, 3, figsize=(9, 3), layout="constrained")
scale = LogNorm(max(error[error > 0].min(), bound.max() / 1e5), bound.max())
for panel, title, numbers in zip(axes, ("true error", "bound"), (error, bound), strict=False):
    picture = panel.imshow(np.maximum(numbers, scale.vmin), norm=scale)
    panel.set_title(title)
    panel.set_axis_off()
figure.colorbar(picture, ax=axes[:2], shrink=0.8)
axes[2].loglog(bound.ravel(), np.maximum(error.ravel(), scale.vmin), ".", ms=3)
axes[2].plot([bound.min(), bound.max()], [bound.min(), bound.max()], "k--", lw=1)
axes[2].set(xlabel="bound", ylabel="true error", title="every pixel is below the line")
plt.show()
