"""mini-Xception on 64 x 64 grey, for FER2013 (Arriaga et al. 2017, arXiv:1710.07557)."""

import jax
from flax import nnx

from jaxface.classify.nets.layers import BatchNorm, Convolution, Pointwise, Separable
from jaxface.classify.nets.pooling import max_pool
from jaxface.core.types import Array

KERAS_EPSILON = 1e-3  # of Keras' batch normalisation


class ResidualBlock(nnx.Module):
    """Two separable convolutions, pooled to half the size, beside a strided 1 x 1 convolution."""

    def __init__(self, inputs: int, outputs: int, *, rngs: nnx.Rngs) -> None:
        self.shortcut = Pointwise(inputs, outputs, bias=False, rngs=rngs)
        self.shortcut_norm = BatchNorm(outputs, KERAS_EPSILON)
        self.first = Separable(inputs, outputs, bias=False, rngs=rngs)
        self.first_norm = BatchNorm(outputs, KERAS_EPSILON)
        self.second = Separable(outputs, outputs, bias=False, rngs=rngs)
        self.second_norm = BatchNorm(outputs, KERAS_EPSILON)

    def __call__(self, maps: Array) -> Array:
        inner = jax.nn.relu(self.first_norm(self.first(maps)))
        inner = self.second_norm(self.second(inner))
        return max_pool(inner, 3, 2) + self.shortcut_norm(self.shortcut(maps, 2))


class MiniXception(nnx.Module):
    """(B, 64, 64, 1) -> logits (B, K) and the maps: `stem`, `block0` ... `block3`, `classes` (B, 4, 4, K)."""

    def __init__(self, classes: int, *, rngs: nnx.Rngs) -> None:
        self.stem0 = Convolution(1, 8, bias=False, rngs=rngs)
        self.stem0_norm = BatchNorm(8, KERAS_EPSILON)
        self.stem1 = Convolution(8, 8, bias=False, rngs=rngs)
        self.stem1_norm = BatchNorm(8, KERAS_EPSILON)
        self.block0 = ResidualBlock(8, 16, rngs=rngs)
        self.block1 = ResidualBlock(16, 32, rngs=rngs)
        self.block2 = ResidualBlock(32, 64, rngs=rngs)
        self.block3 = ResidualBlock(64, 128, rngs=rngs)
        self.head = Convolution(128, classes, rngs=rngs)

    def __call__(self, images: Array) -> tuple[Array, dict[str, Array]]:
        taps = {}
        maps = jax.nn.relu(self.stem0_norm(self.stem0(images, padding="VALID")))
        maps = taps["stem"] = jax.nn.relu(self.stem1_norm(self.stem1(maps, padding="VALID")))
        for name in ("block0", "block1", "block2", "block3"):
            maps = taps[name] = getattr(self, name)(maps)
        taps["classes"] = self.head(maps)
        return taps["classes"].mean((1, 2)), taps


def published_name(name: str) -> str:
    """Return the name of an array in the wheel's HDF5; Keras numbers layers in the order of creation.

    `block0/second_norm/mean` -> `batch_normalization_5/moving_mean`.
    """
    *layers, array = name.split("/")
    block, layer = (int(layers[0][5:]), layers[1]) if layers[0].startswith("block") else (-1, layers[0])
    if layer.endswith("_norm"):
        first = {"stem0": 1, "stem1": 2, "shortcut": 3, "first": 4, "second": 5}[layer.removesuffix("_norm")]
        array = {"scale": "gamma", "bias": "beta"}.get(array, f"moving_{array}")
        return f"batch_normalization_{first + 3 * max(block, 0)}/{array}"
    if layer in ("first", "second"):
        return f"separable_conv2d_{2 * block + (layer == 'second') + 1}/{array}_kernel"
    return f"conv2d_{ {'stem0': 1, 'stem1': 2, 'shortcut': 3 + block, 'head': 7}[layer] }/{array}"
