"""
What tolerances hide
====================

A kernel forgets one of its images. The more images there are, the smaller the change of the weight
gradient, relative to its size. A fixed relative tolerance stops noticing; the proved allowance of
float32 sums notices as long as rounding cannot explain the change.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np

from pybridge.testing import PowerWarning, compare_gradient

warnings.simplefilter("ignore", PowerWarning)


def gradient(x, grad_output, images):
    """Return the gradient of a 1×1 convolution's weight, over some images, in float32."""
    return np.einsum("nihw,nohw->oi", x[:images], grad_output[:images])[..., None, None]


# %%
# The last image is faint: its pixels are 1/30 of the others'. Leaving it out changes the gradient
# by about as much whatever the batch, while the gradient itself grows.

batches = (2, 4, 8, 16, 32)
allowed, changed, tolerated = [], [], []
rng = np.random.default_rng(0)
for images in batches:
    x = rng.standard_normal((images, 4, 8, 8), dtype=np.float32)
    x[-1] /= 30
    weight = rng.standard_normal((4, 4, 1, 1), dtype=np.float32)
    grad_output = rng.standard_normal((images, 4, 8, 8), dtype=np.float32)
    right, wrong = (gradient(x, grad_output, n) for n in (images, images - 1))
    assert compare_gradient(right, x, weight, grad_output, which="weight").passed
    comparison = compare_gradient(wrong, x, weight, grad_output, which="weight")
    assert not comparison.passed
    changed.append(np.abs(wrong - right).max())
    allowed.append(comparison.allowance.max())
    tolerated.append(2e-2 * np.abs(right).max())

# %%
# A tolerance of 2 %, which is usual for large sums, passes the bug where the red line is above the
# black one.

figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
axes.loglog(batches, tolerated, "s-", color="tab:red", label="rtol = 2 %")
axes.loglog(batches, changed, "o-", color="black", label="what the bug changes")
axes.loglog(batches, allowed, "^-", color="tab:blue", label="allowed by float32 sums, in any order")
axes.set(xlabel="images in the batch", ylabel="difference", xticks=batches, xticklabels=batches)
axes.minorticks_off()
axes.legend()
plt.show()
