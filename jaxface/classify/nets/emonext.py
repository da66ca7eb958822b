"""EmoNeXt: a spatial transformer before a ConvNeXt with squeeze and excitation between its stages
(El Boudouri and Bohi 2023, arXiv:2501.08199). Written from the paper and from the layout of its checkpoints.
"""

import math

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.classify.nets.convnext import ConvNext, Downsample
from jaxface.classify.nets.efficientnet import SqueezeExcitation
from jaxface.classify.nets.layers import BatchNorm, Convolution, Dense
from jaxface.classify.nets.pooling import max_pool
from jaxface.classify.nets.torch_layout import TorchLayout, numbered
from jaxface.core.types import Array

SIZES: dict[str, tuple[tuple[int, int, int, int], int]] = {
    "tiny": ((3, 3, 9, 3), 96),
    "small": ((3, 3, 27, 3), 96),
    "base": ((3, 3, 27, 3), 128),
    "large": ((3, 3, 27, 3), 192),
}
"""Blocks in each stage and channels of the first, as in ConvNeXt."""

_LAST_MAP = (10, 52, 52)  # of the localization: channels, height, width

TORCH = TorchLayout(
    rename=(
        *numbered("^localization", "transformer.", {0: "first", 1: "first_norm"}),
        *numbered("^localization", "transformer.", {4: "second", 5: "second_norm"}),
        *numbered("^fc_loc", "transformer.", {0: "hidden", 2: "affine"}),
        (r"^downsample_layers\.", "body.entries."),
        *numbered(r"\.entries\.0", ".entries.0.", {0: "patches", 1: "norm"}),
        *numbered(r"\.entries\.(\d)", r".entries.\1.", {0: "norm", 1: "patches"}),
        *numbered(r"\.2\.fc", ".gate.", {0: "reduce", 2: "expand"}),
        (r"^(stages|norm|head)\.", r"body.\1."),
        (r"\.dwconv\.", ".depthwise."),
        (r"\.pwconv1\.", ".expand."),
        (r"\.pwconv2\.", ".project."),
        (r"\.gamma$", ".scale"),
    ),
    ignored_keys=(r"attention\.",),
    flatten_shapes={"transformer.hidden": _LAST_MAP},
)
"""Ignored: the attention, which is part of the training loss alone."""


class SpatialTransformer(nnx.Module):
    """A small net that predicts how to warp the image (Jaderberg et al. 2015, arXiv:1506.02025).

    (B, 224, 224, 3) -> warped images of the same shape and their affine maps (B, 2, 3). Corners are
    aligned: -1 and 1 are the centres of the first and the last pixel.
    """

    def __init__(self, *, rngs: nnx.Rngs) -> None:
        self.first = Convolution(3, 8, 7, rngs=rngs)
        self.first_norm = BatchNorm(8)
        self.second = Convolution(8, 10, 5, rngs=rngs)
        self.second_norm = BatchNorm(10)
        self.hidden = Dense(math.prod(_LAST_MAP), 32, rngs=rngs)
        self.affine = Dense(32, 6, rngs=rngs)

    def __call__(self, images: Array) -> tuple[Array, Array]:
        maps = self.first_norm(self.first(images, padding="VALID"))
        maps = jax.nn.relu(max_pool(maps, 2, 2, "VALID"))
        maps = self.second_norm(self.second(maps, padding="VALID"))
        maps = jax.nn.relu(max_pool(maps, 2, 2, "VALID"))
        features = jax.nn.relu(self.hidden(maps.reshape(len(maps), -1)))
        # positions of 224 pixels do not fit into half precision
        affine = self.affine(features).reshape(-1, 2, 3).astype(jnp.float32)
        return jax.vmap(warp)(images, affine), affine


class GatedDownsample(Downsample):
    """ConvNeXt's, gated."""

    def __init__(self, width: int, *, rngs: nnx.Rngs) -> None:
        super().__init__(width, rngs=rngs)
        self.gate = SqueezeExcitation(2 * width, width // 8, bias=False, rngs=rngs)

    def __call__(self, maps: Array) -> Array:
        return self.gate(super().__call__(maps))


class EmoNext(nnx.Module):
    """(B, 224, 224, 3) in [0, 1] -> logits (B, K) and the maps of `ConvNext`, `warped` (B, 224, 224, 3) and
    `affine` (B, 2, 3) of the spatial transformer."""

    def __init__(self, classes: int, *, size: str, rngs: nnx.Rngs) -> None:
        depths, width = SIZES[size]
        self.transformer = SpatialTransformer(rngs=rngs)
        self.body = ConvNext(classes, depths=depths, width=width, downsample=GatedDownsample, rngs=rngs)

    def __call__(self, images: Array) -> tuple[Array, dict[str, Array]]:
        warped_images, affine = self.transformer(images)
        logits, taps = self.body(warped_images)
        return logits, {**taps, "warped": warped_images, "affine": affine}


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
