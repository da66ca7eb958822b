"""ConvNeXt: patches, then stages of large depthwise convolutions (Liu et al. 2022, arXiv:2201.03545)."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.classify.nets.layers import Convolution, Dense, Depthwise, LayerNorm, in_turn
from jaxface.classify.nets.torch_layout import TorchLayout, numbered
from jaxface.core.types import Array

EPSILON = 1e-6

TORCH = TorchLayout(
    rename=(
        *numbered("^stem", "entries.0.", {0: "patches", 1: "norm"}),
        *numbered(r"^stages\.(\d)\.downsample", r"entries.\1.", {0: "norm", 1: "patches"}),
        (r"^stages\.(\d)\.blocks\.", r"stages.\1."),
        (r"\.conv_dw\.", ".depthwise."),
        (r"\.mlp\.fc1\.", ".expand."),
        (r"\.mlp\.fc2\.", ".project."),
        (r"\.gamma$", ".scale"),
        (r"^head\.norm\.", "norm."),
        (r"^head\.fc\.", "head."),
    ),
)
"""Of timm's files."""


class Block(nnx.Module):
    """Depthwise 7 x 7, LayerNorm, a dense layer to four times the width and back, scaled, on a shortcut."""

    def __init__(self, width: int, *, rngs: nnx.Rngs) -> None:
        self.depthwise = Depthwise(width, 7, rngs=rngs)
        self.norm = LayerNorm(width, EPSILON)
        self.expand = Dense(width, 4 * width, rngs=rngs)
        self.project = Dense(4 * width, width, rngs=rngs)
        self.scale = nnx.Param(jnp.full(width, 1e-6, jnp.float32))

    def __call__(self, maps: Array) -> Array:
        inner = self.expand(self.norm(self.depthwise(maps)))
        inner = self.project(jax.nn.gelu(inner, approximate=False))
        return maps + inner * self.scale[...].reshape(1, 1, 1, -1)


class Stem(nnx.Module):
    """4 x 4 patches of the image as pixels of the first map, normalised."""

    def __init__(self, width: int, *, rngs: nnx.Rngs) -> None:
        self.patches = Convolution(3, width, 4, rngs=rngs)
        self.norm = LayerNorm(width, EPSILON)

    def __call__(self, images: Array) -> Array:
        return self.norm(self.patches(images, 4, "VALID"))


class Downsample(nnx.Module):
    """LayerNorm, then 2 x 2 pixels to one of twice the width."""

    def __init__(self, width: int, *, rngs: nnx.Rngs) -> None:
        self.norm = LayerNorm(width, EPSILON)
        self.patches = Convolution(width, 2 * width, 2, rngs=rngs)

    def __call__(self, maps: Array) -> Array:
        return self.patches(self.norm(maps), 2, "VALID")


class ConvNext(nnx.Module):
    """(B, H, W, 3) -> logits (B, K) and the maps `stem`, `down1` ... `down3`, `stage0` ... `stage3`.

    `embedding` (B, 8 width) is their normalised mean.

    Args:
        depths: blocks in each of the four stages.
        width: channels of the first stage; each later one has twice those before.
        downsample: what halves the map between two stages, from its input's width.
    """

    def __init__(
        self,
        classes: int,
        *,
        depths: tuple[int, int, int, int],
        width: int,
        downsample: Callable[..., nnx.Module] = Downsample,
        rngs: nnx.Rngs,
    ) -> None:
        smaller = [downsample(width << stage, rngs=rngs) for stage in range(3)]
        self.entries = nnx.List([Stem(width, rngs=rngs), *smaller])
        self.stages = nnx.List(
            [
                nnx.List([Block(width << stage, rngs=rngs) for _ in range(depth)])
                for stage, depth in enumerate(depths)
            ]
        )
        self.norm = LayerNorm(8 * width, EPSILON)
        self.head = Dense(8 * width, classes, rngs=rngs)

    def __call__(self, images: Array) -> tuple[Array, dict[str, Array]]:
        taps, maps = {}, images
        for stage, (entry, blocks) in enumerate(zip(self.entries, self.stages, strict=True)):
            maps = taps[f"down{stage}" if stage else "stem"] = entry(maps)
            maps = taps[f"stage{stage}"] = in_turn(blocks, maps)
        taps["embedding"] = self.norm(maps.mean((1, 2)))
        return self.head(taps["embedding"]), taps
