"""face-api's expression net: four dense blocks of separable convolutions on 112 x 112 RGB.

Written from the layout of its published weights (npm package @vladmandic/face-api 1.7.15, MIT). Its own
runtime resizes other sizes with the corners of pixels aligned (`halfPixelCenters` false); jaxface aligns
centres, as for all classifiers. At 112 neither does anything.
"""

import re

import jax
from flax import nnx

from jaxface.classify.nets.layers import Convolution, Dense, Separable
from jaxface.core.types import Array


class DenseBlock(nnx.Module):
    """Four convolutions, each of the sum of all before it; the first halves the map.

    A full convolution is first where the block sees the image, a separable one elsewhere.
    """

    def __init__(self, inputs: int, outputs: int, *, stem: bool = False, rngs: nnx.Rngs) -> None:
        first = Convolution if stem else Separable
        self.first = first(inputs, outputs, rngs=rngs)
        self.second = Separable(outputs, outputs, rngs=rngs)
        self.third = Separable(outputs, outputs, rngs=rngs)
        self.fourth = Separable(outputs, outputs, rngs=rngs)

    def __call__(self, maps: Array) -> Array:
        first = jax.nn.relu(self.first(maps, 2))
        both = first + self.second(first)
        three = both + self.third(jax.nn.relu(both))
        return jax.nn.relu(three + self.fourth(jax.nn.relu(three)))


class FaceApi(nnx.Module):
    """(B, 112, 112, 3) -> logits (B, K) and the maps after each block, `embedding` (B, 256)."""

    def __init__(self, classes: int, *, rngs: nnx.Rngs) -> None:
        self.block0 = DenseBlock(3, 32, stem=True, rngs=rngs)
        self.block1 = DenseBlock(32, 64, rngs=rngs)
        self.block2 = DenseBlock(64, 128, rngs=rngs)
        self.block3 = DenseBlock(128, 256, rngs=rngs)
        self.head = Dense(256, classes, rngs=rngs)

    def __call__(self, images: Array) -> tuple[Array, dict[str, Array]]:
        taps = {}
        maps = images
        for name in ("block0", "block1", "block2", "block3"):
            maps = taps[name] = getattr(self, name)(maps)
        taps["embedding"] = maps.mean((1, 2))
        return self.head(taps["embedding"]), taps


def published_name(name: str) -> str:
    """Return the name of an array in the manifest of the npm package.

    `block1/second/depthwise` -> `dense1/conv1/depthwise_filter`.
    """
    name = name.replace("head/kernel", "fc/weights").replace("head/", "fc/")
    for number, word in enumerate(("first", "second", "third", "fourth")):
        name = name.replace(f"/{word}/", f"/conv{number}/")
    name = name.replace("block", "dense").replace("/kernel", "/filters")
    return re.sub("/(depthwise|pointwise)$", r"/\1_filter", name)
