"""The spatial transformer: a small net predicts how to warp the image (Jaderberg et al. 2015,
arXiv:1506.02025), as EmoNeXt puts it before a ConvNeXt (arXiv:2501.08199).

Coordinates are those of corners aligned: -1 and 1 are the centres of the first and the last pixel, and what
lies outside of the image is zero.
"""

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.classify.nets.layers import BatchNorm, Convolution, Dense
from jaxface.classify.nets.pooling import max_pool
from jaxface.core.types import Array

IMAGE_SIZE = 224  # the dense layer fixes it
_FEATURES = 52 * 52 * 10


class SpatialTransformer(nnx.Module):
    """(B, 224, 224, 3) -> warped images of the same shape and the affine maps (B, 2, 3) they were warped by."""

    def __init__(self, *, rngs: nnx.Rngs) -> None:
        self.first = Convolution(3, 8, 7, rngs=rngs)
        self.first_norm = BatchNorm(8)
        self.second = Convolution(8, 10, 5, rngs=rngs)
        self.second_norm = BatchNorm(10)
        self.hidden = Dense(_FEATURES, 32, rngs=rngs)
        self.affine = Dense(32, 6, rngs=rngs)

    def __call__(self, images: Array) -> tuple[Array, Array]:
        maps = self.first_norm(self.first(images, padding="VALID"))
        maps = jax.nn.relu(max_pool(maps, 2, 2, "VALID"))
        maps = self.second_norm(self.second(maps, padding="VALID"))
        maps = jax.nn.relu(max_pool(maps, 2, 2, "VALID"))
        features = jax.nn.relu(self.hidden(maps.reshape(-1, _FEATURES)))
        # positions of 224 pixels do not fit into half precision
        affine = self.affine(features).reshape(-1, 2, 3).astype(jnp.float32)
        return jax.vmap(warp)(images, affine), affine


def warp(image: Array, affine: Array) -> Array:
    """Warp an image by an affine map of its plane, bilinear, zero outside.

    Args:
        image: (H, W, C).
        affine: (2, 3): where in the image, as (x, y) in [-1, 1], each pixel (x, y, 1) of the result looks.
    Returns:
        (H, W, C).
    """
    height, width = image.shape[:2]
    y, x = jnp.meshgrid(jnp.linspace(-1, 1, height), jnp.linspace(-1, 1, width), indexing="ij")
    column, row = (
        (affine[axis, 0] * x + affine[axis, 1] * y + affine[axis, 2] + 1) * (size - 1) / 2
        for axis, size in enumerate((width, height))
    )
    return sample(image, row, column)


def sample(image: Array, row: Array, column: Array) -> Array:
    """Interpolate bilinearly between pixel centres, zero outside.

    Args:
        image: (H, W, C).
        row, column: (...), in pixels; 0 is the centre of the first.
    Returns:
        (..., C).
    """
    height, width = image.shape[:2]
    canvas = jnp.pad(image, ((1, 1), (1, 1), (0, 0)))  # the zeros that pixels beside the image see
    row, column = jnp.clip(row, -1, height), jnp.clip(column, -1, width)
    top = jnp.clip(jnp.floor(row), -1, height - 1)
    left = jnp.clip(jnp.floor(column), -1, width - 1)
    down, right = (row - top)[..., None].astype(image.dtype), (column - left)[..., None].astype(image.dtype)
    i, j = top.astype(jnp.int32) + 1, left.astype(jnp.int32) + 1
    above = canvas[i, j] * (1 - right) + canvas[i, j + 1] * right
    below = canvas[i + 1, j] * (1 - right) + canvas[i + 1, j + 1] * right
    return above * (1 - down) + below * down
