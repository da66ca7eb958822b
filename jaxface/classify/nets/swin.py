"""Swin, the transformer of shifted windows (Liu et al. 2021, arXiv:2103.14030); Swin-B on 224 x 224."""

import jax.numpy as jnp
import numpy as np
from flax import nnx

from jaxface.classify.nets import attention
from jaxface.classify.nets.attention import Mlp, SelfAttention, relative_position_bias
from jaxface.classify.nets.layers import Convolution, Dense, LayerNorm, in_turn
from jaxface.classify.nets.torch_layout import TorchLayout
from jaxface.core.types import Array

DEPTHS, WIDTH = (2, 2, 18, 2), 128  # blocks of each stage; channels of the first
WINDOW = 7
HEAD_WIDTH = 32
FOREIGN = -100.0  # what is added to the score of a pixel from across the rolled edge

TORCH = TorchLayout(
    rename=(
        (r"^patch_embed\.proj\.", "patches."),
        (r"^patch_embed\.norm\.", "patches_norm."),
        (r"^layers\.(\d)\.downsample\.", r"merge\1."),
        (r"^layers\.(\d)\.blocks\.", r"stages.\1."),
        (r"\.attn\.relative_position_bias_table$", ".position_bias"),
        *attention.TORCH_NAMES,
        (r"^head\.fc\.", "head."),
    )
)
"""Of timm's files, which merge patches at the start of a stage."""


class Block(nnx.Module):
    """Attention within windows of 7 x 7 pixels and an MLP, each after a LayerNorm and on a shortcut.

    A shifted block rolls the map by half a window first; where that joins opposite edges, a mask parts them.
    """

    def __init__(self, width: int, *, has_shift: bool, rngs: nnx.Rngs) -> None:
        heads = width // HEAD_WIDTH
        self.norm = LayerNorm(width)
        self.attention = SelfAttention(width, heads, rngs=rngs)
        self.position_bias = nnx.Param(jnp.zeros(((2 * WINDOW - 1) ** 2, heads)))
        self.mlp_norm = LayerNorm(width)
        self.mlp = Mlp(width, rngs=rngs)
        self.shift = WINDOW // 2 if has_shift else 0

    def __call__(self, maps: Array) -> Array:
        _, height, width, _ = maps.shape
        window_input = jnp.roll(self.norm(maps), (-self.shift, -self.shift), (1, 2))
        bias = relative_position_bias(self.position_bias[...], WINDOW)[None, None]
        if self.shift:
            bias = bias + _mask(height, width, self.shift)[None, :, None]
        inner = _joined(self.attention(_windows(window_input), bias), height, width)
        maps = maps + jnp.roll(inner, (self.shift, self.shift), (1, 2))
        return maps + self.mlp(self.mlp_norm(maps))


class PatchMerging(nnx.Module):
    """2 x 2 pixels, column by column, to one of twice the width."""

    def __init__(self, width: int, *, rngs: nnx.Rngs) -> None:
        self.norm = LayerNorm(4 * width)
        self.reduction = Dense(4 * width, 2 * width, bias=False, rngs=rngs)

    def __call__(self, maps: Array) -> Array:
        batch, height, width, channels = maps.shape
        pixels = maps.reshape(batch, height // 2, 2, width // 2, 2, channels).transpose(0, 1, 3, 4, 2, 5)
        return self.reduction(self.norm(pixels.reshape(batch, height // 2, width // 2, 4 * channels)))


class Swin(nnx.Module):
    """(B, 224, 224, 3) -> logits (B, K) and the maps `stem`, `merge1` ... `merge3`, `stage0` ... `stage3`.

    `map` (B, 7, 7, 1024) is the last, normalised; `embedding` its mean.
    """

    def __init__(self, classes: int, *, rngs: nnx.Rngs) -> None:
        self.patches = Convolution(3, WIDTH, 4, rngs=rngs)
        self.patches_norm = LayerNorm(WIDTH)
        self.merge1, self.merge2, self.merge3 = (PatchMerging(WIDTH << stage, rngs=rngs) for stage in range(3))
        last = len(DEPTHS) - 1  # its map is one window: nothing to shift
        self.stages = nnx.List(
            [
                nnx.List(
                    [
                        Block(WIDTH << stage, has_shift=block % 2 == 1 and stage < last, rngs=rngs)
                        for block in range(depth)
                    ]
                )
                for stage, depth in enumerate(DEPTHS)
            ]
        )
        self.norm = LayerNorm(8 * WIDTH)
        self.head = Dense(8 * WIDTH, classes, rngs=rngs)

    def __call__(self, images: Array) -> tuple[Array, dict[str, Array]]:
        maps = self.patches_norm(self.patches(images, 4, "VALID"))
        taps = {"stem": maps}
        for stage, blocks in enumerate(self.stages):
            if stage > 0:
                maps = taps[f"merge{stage}"] = getattr(self, f"merge{stage}")(maps)
            maps = taps[f"stage{stage}"] = in_turn(blocks, maps)
        taps["map"] = self.norm(maps)
        taps["embedding"] = taps["map"].mean((1, 2))
        return self.head(taps["embedding"]), taps


def _windows(maps: Array) -> Array:
    """(B, H, W, C) -> (B, windows, 49, C)."""
    batch, height, width, channels = maps.shape
    maps = maps.reshape(batch, height // WINDOW, WINDOW, width // WINDOW, WINDOW, channels)
    return maps.transpose(0, 1, 3, 2, 4, 5).reshape(batch, -1, WINDOW**2, channels)


def _joined(windows: Array, height: int, width: int) -> Array:
    """The inverse: (B, windows, 49, C) -> (B, H, W, C)."""
    batch, channels = windows.shape[0], windows.shape[-1]
    maps = windows.reshape(batch, height // WINDOW, width // WINDOW, WINDOW, WINDOW, channels)
    return maps.transpose(0, 1, 3, 2, 4, 5).reshape(batch, height, width, channels)


def _mask(height: int, width: int, shift: int) -> Array:
    """(windows, 49, 49): 0 between pixels that were neighbours before the map was rolled, else `FOREIGN`."""
    rows, columns = (
        np.digitize(np.arange(length), (length - WINDOW, length - shift)) for length in (height, width)
    )
    region = (3 * rows[:, None] + columns[None]).astype(np.int32)
    region = region.reshape(height // WINDOW, WINDOW, width // WINDOW, WINDOW).transpose(0, 2, 1, 3)
    windows = jnp.asarray(region.reshape(-1, WINDOW**2))
    return jnp.where(windows[:, :, None] == windows[:, None], 0.0, FOREIGN)
