"""DRML, deep region and multi-label learning (Zhao, Chu & Zhang 2016, CVPR)."""

from typing import Literal

import jax
from flax import nnx

from jaxface.classify.nets.layers import BatchNorm, Convolution, Dense, Dropout
from jaxface.classify.nets.pooling import max_pool
from jaxface.core.types import Array
from jaxface.frameworks.pm2.backbones.regions import RegionConvolution

_CHANNELS, _LATER = 32, 16


class Drml(nnx.Module):
    """(B, size, size, 3) -> features (B, D): all of DRML but its last layer, which answers.

    11 x 11 convolution, the region layer on a shortcut, pooling, four more convolutions, two dense layers.

    Args:
        size: pixels along an edge. Less 10 (with "VALID"), it is a multiple of `grid`.
        first: "VALID" as published, from 170 to 160 pixels; "SAME" keeps all of a small face.
        grid: cells of the region layer along an edge.
        dense: widths of the dense layers; the last is D.
    """

    def __init__(
        self,
        size: int = 170,
        first: Literal["VALID", "SAME"] = "VALID",
        grid: int = 8,
        dense: tuple[int, int] = (4096, 2048),
        dropout: float = 0.5,
        *,
        rngs: nnx.Rngs,
    ) -> None:
        self.size, self.first, self.width = size, first, dense[-1]
        self.entry = Convolution(3, _CHANNELS, 11, rngs=rngs)
        self.regions = RegionConvolution(_CHANNELS, _CHANNELS, grid, rngs=rngs)
        self.norm = BatchNorm(_CHANNELS)
        inputs = (_CHANNELS, _LATER, _LATER, _LATER)
        self.convolutions = nnx.List(
            [
                Convolution(each, _LATER, edge, rngs=rngs)
                for each, (edge, _) in zip(inputs, _LAYERS, strict=True)
            ]
        )
        edge = (size if first == "SAME" else size - 10) // 2
        for length, stride in _LAYERS:
            edge = (edge - length) // stride + 1
        edges = (edge * edge * _LATER, *dense)
        self.dense = nnx.List([Dense(a, b, rngs=rngs) for a, b in zip(edges, dense, strict=False)])
        self.drop = nnx.List([Dropout(dropout) for _ in dense])

    def __call__(self, images: Array) -> Array:
        maps = self.entry(images, 1, self.first)
        maps = jax.nn.relu(maps + self.regions(maps))
        maps = self.norm(max_pool(maps, 2, 2, "VALID"))
        for convolution, (_, stride) in zip(self.convolutions, _LAYERS, strict=True):
            maps = jax.nn.relu(convolution(maps, stride, "VALID"))
        features = maps.reshape(maps.shape[0], -1)
        for dense, drop in zip(self.dense, self.drop, strict=True):
            features = drop(jax.nn.relu(dense(features)))
        return features


_LAYERS = ((8, 1), (8, 1), (6, 2), (5, 1))
"""Edge and stride of the convolutions behind the region layer."""
