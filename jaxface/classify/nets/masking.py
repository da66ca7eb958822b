"""The masking block of the residual masking network: a U-Net whose output weights the channels.

Pham, Vu & Tran 2020, "Facial Expression Recognition Using Residual Masking Network", ICPR 2020.
"""

import itertools

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.classify.nets.layers import BatchNorm, TransposedConvolution
from jaxface.classify.nets.pooling import max_pool
from jaxface.classify.nets.residual import BasicBlock
from jaxface.core.types import Array


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


def masking_keys(prefix: str, theirs: int, ours: int, depth: int) -> tuple[tuple[str, str], ...]:
    """Return (published, ours) names of one masking block for `TorchLayout.rename`, without its basic blocks.

    Args:
        prefix: what the block is called ("mask"), with the number `theirs`; ours are `masks.<ours>`.
    """
    start, target = rf"^{prefix}{theirs}\.", f"masks.{ours}."
    down = [(rf"{start}conv{1 + level}\.", f"{target}down.{level}.") for level in range(depth)]
    up = [(rf"{start}conv{1 + depth + level}\.", f"{target}up.{level}.") for level in range(depth)]
    lifts = [
        pair
        for level in range(depth - 1)
        for pair in (
            (rf"{start}up_pool{1 + depth + level}\.0\.", f"{target}lift.{level}."),
            (rf"{start}up_pool{1 + depth + level}\.1\.", f"{target}lift_norm.{level}."),
        )
    ]
    return (*down, *up, *lifts)
