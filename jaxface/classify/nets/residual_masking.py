"""ResidualMaskingNet: a ResNet-34 with a masking block after each stage, on 224 x 224 grey x 3.

Pham, Vu & Tran 2020, "Facial Expression Recognition Using Residual Masking Network", ICPR 2020.
"""

import itertools

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.classify.nets.layers import BatchNorm, Dense, Dropout, TransposedConvolution
from jaxface.classify.nets.pooling import max_pool
from jaxface.classify.nets.residual import RESNET_KEYS, WIDTHS, BasicBlock, ResNet
from jaxface.classify.nets.torch_layout import TorchLayout, numbered
from jaxface.core.types import Array

DEPTHS = (4, 3, 2, 1)  # of the masking blocks


def masking_keys(prefix: str, theirs: int, ours: int, depth: int) -> tuple[tuple[str, str], ...]:
    """Return (published, ours) names of one masking block for `TorchLayout.rename`, without its basic blocks.

    Args:
        prefix: what the block is called ("mask"), with the number `theirs`; ours are `masks.<ours>`.
    """
    start, target = rf"^{prefix}{theirs}\.", f"masks.{ours}."
    keys = [(rf"{start}conv{1 + level}\.", f"{target}down.{level}.") for level in range(depth)]
    keys += [(rf"{start}conv{1 + depth + level}\.", f"{target}up.{level}.") for level in range(depth)]
    for level in range(depth - 1):
        lifts = {0: f"lift.{level}", 1: f"lift_norm.{level}"}
        keys += numbered(rf"{start}up_pool{1 + depth + level}", target, lifts)
    return tuple(keys)


TORCH = TorchLayout(
    rename=(
        *(key for stage, depth in enumerate(DEPTHS) for key in masking_keys("mask", stage + 1, stage, depth)),
        (r"^fc\.1\.", "head."),
        *RESNET_KEYS,
    ),
    ignored_keys=(r"mask\d\.downsample\d\.",),  # the shortcuts of the masks' blocks, saved a second time
)


class Masking(nnx.Module):
    """(B, H, W, C) -> the same shape, a softmax over the channels.

    Args:
        channels: C.
        depth: basic blocks on the way down, each doubling the channels, the map halved between them; as many
            on the way up. H and W must divide by 2^(depth - 1).
    """

    def __init__(self, channels: int, depth: int, *, rngs: nnx.Rngs) -> None:
        widths = [channels * 2**level for level in range(depth + 1)]
        pairs = list(itertools.pairwise(widths))
        self.down = nnx.List([BasicBlock(narrow, wide, rngs=rngs) for narrow, wide in pairs])
        self.up = nnx.List([BasicBlock(wide, narrow, rngs=rngs) for narrow, wide in pairs[::-1]])
        self.lift = nnx.List([TransposedConvolution(wide, narrow, rngs=rngs) for narrow, wide in pairs[:0:-1]])
        self.lift_norm = nnx.List([BatchNorm(narrow) for narrow, _ in pairs[:0:-1]])

    def __call__(self, maps: Array) -> Array:
        levels: list[Array] = []
        for block in self.down:
            maps = block(max_pool(maps, 2, 2) if levels else maps)
            levels.append(maps)
        for number, (lift, norm) in enumerate(zip(self.lift, self.lift_norm, strict=True)):
            upsampled_maps = jax.nn.relu(norm(lift(maps)))
            maps = self.up[number](jnp.concatenate([upsampled_maps, levels[-2 - number]], -1))
        return jax.nn.softmax(self.up[-1](maps), axis=-1)


def masked(maps: Array, mask: Array) -> Array:
    """Add the maps, weighted by the mask, to the maps."""
    return maps * (1 + mask)


class ResidualMaskingNet(nnx.Module):
    """(B, 224, 224, 3) -> logits (B, K) and maps.

    These are `stem`, `stage1` ... `stage4` before the masks, `mask1` ... `mask4` of the same shapes,
    `embedding` (B, 512).
    """

    def __init__(self, classes: int, *, rngs: nnx.Rngs) -> None:
        self.backbone = ResNet((3, 4, 6, 3), rngs=rngs)
        self.masks = nnx.List(
            [Masking(width, depth, rngs=rngs) for width, depth in zip(WIDTHS, DEPTHS, strict=True)]
        )
        self.dropout = Dropout(0.4)
        self.head = Dense(WIDTHS[-1], classes, rngs=rngs)

    def __call__(self, images: Array) -> tuple[Array, dict[str, Array]]:
        maps = self.backbone.stem(images)
        taps = {"stem": maps}
        for number, (stage, mask) in enumerate(zip(self.backbone.stages, self.masks, strict=True), 1):
            maps = taps[f"stage{number}"] = stage(maps)
            taps[f"mask{number}"] = mask(maps)
            maps = masked(maps, taps[f"mask{number}"])
        taps["embedding"] = maps.mean((1, 2))
        return self.head(self.dropout(taps["embedding"])), taps
