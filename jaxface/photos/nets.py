"""Nets of the npm package @vladmandic/face-api 1.7.15 (MIT): faces, landmarks, age and sex.

Written from the layout of their published weights, as the expression net (`classify/nets/face_api.py`).
Images are (B, H, W, 3) float32 in 0..255, RGB; each net subtracts its mean and divides by 255.
"""

import itertools
import re

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.classify.nets.face_api import FaceApi, published_name
from jaxface.classify.nets.layers import Convolution, Dense, Pointwise, Separable
from jaxface.classify.nets.pooling import max_pool
from jaxface.core.types import Array

ANCHORS = (
    (1.603231, 2.094468),
    (6.041143, 7.080126),
    (2.882459, 3.518061),
    (4.266906, 5.178857),
    (9.041765, 10.66308),
)
"""Width and height of the five boxes at every cell of the detector's grid, in cells."""

_DETECTOR_MEAN = (117.001, 114.697, 97.404)
_FACE_MEAN = (122.782, 117.001, 104.298)
_DETECTOR_WIDTHS = (16, 32, 64, 128, 256, 512)
_SLOPE = 0.1  # of the detector's activations below zero
_POINTS = 68


def normalised(images: Array, mean: tuple[float, float, float]) -> Array:
    """Subtract a colour and divide by 255."""
    return (images - jnp.asarray(mean, jnp.float32).reshape(1, 1, 1, 3)) / 255.0


class Detector(nnx.Module):
    """Tiny YOLO v2 (Redmon & Farhadi 2017) of separable convolutions: a grid of boxes.

    (B, S, S, 3) -> (B, S / 32, S / 32, 5, 5): for each cell and anchor x, y, log width, log height, score.
    S is a multiple of 32.
    """

    def __init__(self, *, rngs: nnx.Rngs) -> None:
        widths = _DETECTOR_WIDTHS
        self.stem = Convolution(3, widths[0], rngs=rngs)
        self.blocks = nnx.List(
            [Separable(inputs, outputs, rngs=rngs) for inputs, outputs in itertools.pairwise(widths)]
        )
        self.head = Pointwise(widths[-1], 5 * len(ANCHORS), rngs=rngs)

    def __call__(self, images: Array) -> Array:
        maps = _leaky(self.stem(normalised(images, _DETECTOR_MEAN), padding="VALID"))
        for block in self.blocks:
            maps = _leaky(block(max_pool(maps, 2, 2)))
        out = self.head(max_pool(maps, 2, 1))
        return out.reshape(*out.shape[:3], len(ANCHORS), 5)


def _leaky(maps: Array) -> Array:
    return jnp.maximum(maps, _SLOPE * maps)


class Landmarks(nnx.Module):
    """Four dense blocks, as of the expression net: (B, 112, 112, 3) -> (B, 68, 2), x and y in widths."""

    def __init__(self, *, rngs: nnx.Rngs) -> None:
        self.net = FaceApi(2 * _POINTS, rngs=rngs)

    def __call__(self, images: Array) -> Array:
        return self.net(normalised(images, _FACE_MEAN))[0].reshape(-1, _POINTS, 2)


class SmallBlock(nnx.Module):
    """Three convolutions, each of the sum of all before it; the first halves the map."""

    def __init__(self, inputs: int, outputs: int, *, stem: bool = False, rngs: nnx.Rngs) -> None:
        self.first = (Convolution if stem else Separable)(inputs, outputs, rngs=rngs)
        self.second = Separable(outputs, outputs, rngs=rngs)
        self.third = Separable(outputs, outputs, rngs=rngs)

    def __call__(self, maps: Array) -> Array:
        first = jax.nn.relu(self.first(maps, 2))
        both = first + self.second(first)
        return jax.nn.relu(both + self.third(jax.nn.relu(both)))


class SmallLandmarks(nnx.Module):
    """The smaller net for landmarks: three blocks of three. Shapes as of `Landmarks`."""

    def __init__(self, *, rngs: nnx.Rngs) -> None:
        self.block0 = SmallBlock(3, 32, stem=True, rngs=rngs)
        self.block1 = SmallBlock(32, 64, rngs=rngs)
        self.block2 = SmallBlock(64, 128, rngs=rngs)
        self.head = Dense(128, 2 * _POINTS, rngs=rngs)

    def __call__(self, images: Array) -> Array:
        maps = normalised(images, _FACE_MEAN)
        for block in (self.block0, self.block1, self.block2):
            maps = block(maps)
        return self.head(maps.mean((1, 2))).reshape(-1, _POINTS, 2)


class _Reduction(nnx.Module):
    """Two separable convolutions, pooled to half the size, beside a strided 1 x 1 convolution."""

    def __init__(self, inputs: int, outputs: int, *, rngs: nnx.Rngs) -> None:
        self.separable_conv0 = Separable(inputs, outputs, rngs=rngs)
        self.separable_conv1 = Separable(outputs, outputs, rngs=rngs)
        self.expansion_conv = Pointwise(inputs, outputs, rngs=rngs)

    def __call__(self, maps: Array, activate: bool = True) -> Array:
        inner = self.separable_conv0(jax.nn.relu(maps) if activate else maps)
        inner = self.separable_conv1(jax.nn.relu(inner))
        return max_pool(inner, 3, 2) + self.expansion_conv(maps, 2)


class _Residual(nnx.Module):
    """Three separable convolutions beside the identity."""

    def __init__(self, channels: int, *, rngs: nnx.Rngs) -> None:
        self.layers = nnx.List([Separable(channels, channels, rngs=rngs) for _ in range(3)])

    def __call__(self, maps: Array) -> Array:
        inner = maps
        for layer in self.layers:
            inner = layer(jax.nn.relu(inner))
        return inner + maps


class AgeAndSex(nnx.Module):
    """A small Xception: (B, 112, 112, 3) -> (B, 3): age in years, logits of male and female."""

    def __init__(self, *, rngs: nnx.Rngs) -> None:
        self.stem = Convolution(3, 32, rngs=rngs)
        self.entry0 = _Reduction(32, 64, rngs=rngs)
        self.entry1 = _Reduction(64, 128, rngs=rngs)
        self.middle0 = _Residual(128, rngs=rngs)
        self.middle1 = _Residual(128, rngs=rngs)
        self.exit = _Reduction(128, 256, rngs=rngs)
        self.last = Separable(256, 512, rngs=rngs)
        self.age = Dense(512, 1, rngs=rngs)
        self.sex = Dense(512, 2, rngs=rngs)

    def __call__(self, images: Array) -> Array:
        maps = jax.nn.relu(self.stem(normalised(images, _FACE_MEAN), 2))
        maps = self.entry1(self.entry0(maps, activate=False))
        maps = self.exit(self.middle1(self.middle0(maps)))
        features = jax.nn.relu(self.last(maps)).mean((1, 2))
        return jnp.concatenate([self.age(features), self.sex(features)], axis=-1)


def published_detector_name(name: str) -> str:
    """Return the name in the manifest: `blocks/0/depthwise` -> `conv1/depthwise_filter`."""
    name = re.sub(r"^blocks/(\d)", lambda match: f"conv{int(match[1]) + 1}", name)
    name = name.replace("stem/", "conv0/").replace("head/", "conv8/").replace("/kernel", "/filters")
    return _filters(name)


def published_landmarks_name(name: str) -> str:
    """Return the name in the manifest of either net: `net/block1/second/bias` -> `dense1/conv1/bias`."""
    return published_name(name.removeprefix("net/"))


def published_age_name(name: str) -> str:
    """Return the name in the manifest: `entry0/separable_conv0/bias` -> `entry_flow/reduction_block_0/...`."""
    places = (
        (r"^stem/", "entry_flow/conv_in/"),
        (r"^entry(\d)/", r"entry_flow/reduction_block_\1/"),
        (r"^middle(\d)/layers/(\d)/", r"middle_flow/main_block_\1/separable_conv\2/"),
        (r"^exit/", "exit_flow/reduction_block/"),
        (r"^last/", "exit_flow/separable_conv/"),
        (r"^(age|sex)/kernel$", r"\1/weights"),
        (r"^age/", "fc/age/"),
        (r"^sex/", "fc/gender/"),
    )
    for pattern, place in places:
        name = re.sub(pattern, place, name)
    return _filters(name.replace("/kernel", "/filters"))


def _filters(name: str) -> str:
    return re.sub("/(depthwise|pointwise)$", r"/\1_filter", name)
