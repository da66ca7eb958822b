"""JAA-Net: action units and face alignment learnt together (Shao et al. 2018, ECCV, arXiv:1803.05588).

The first of the authors' two versions (their IJCV version adds logits of each local branch): regions,
landmarks, attention around these, refined, features of every unit, and of the whole face.
"""

from itertools import pairwise
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.classify.nets.layers import BatchNorm, Convolution, Dense
from jaxface.classify.nets.pooling import max_pool
from jaxface.core.errors import ConfigError
from jaxface.core.types import Array
from jaxface.frameworks.pm2.backbones.attention_maps import (
    BORDER,
    POINTS,
    Refinement,
    attention,
    resize_nearest,
    scale_gradient,
)
from jaxface.frameworks.pm2.backbones.drml import RegionConvolution

ENHANCEMENT = 2.0
"""Factor of the gradient from the units to the refinement (lambda_3)."""


class MultiScaleRegions(nnx.Module):
    """JAA-Net's hierarchical region layer (section 3.1): a convolution, and added to it the maps of
    grids of 8, 4 and 2 cells an edge on its way; then batch normalization and ReLU."""

    def __init__(self, inputs: int, outputs: int, *, rngs: nnx.Rngs) -> None:
        half, quarter = outputs // 2, outputs // 4
        self.convolution = Convolution(inputs, outputs, rngs=rngs)
        self.fine = RegionConvolution(outputs, half, 8, rngs=rngs)
        self.middle = RegionConvolution(half, quarter, 4, rngs=rngs)
        self.coarse = RegionConvolution(quarter, quarter, 2, rngs=rngs)
        self.norm = BatchNorm(outputs)

    def __call__(self, maps: Array) -> Array:
        maps = self.convolution(maps)
        fine = self.fine(maps)
        middle = self.middle(fine)
        branches = jnp.concatenate([fine, middle, self.coarse(middle)], axis=-1)
        return jax.nn.relu(self.norm(maps + branches))


class Pyramid(nnx.Module):
    """Three times two 3 x 3 convolutions with batch normalization and ReLU, each pair followed by pooling:
    (B, H, W, in) -> (B, H // 8, W // 8, 20 unit), in JAA-Net for landmarks, the whole face and each unit."""

    def __init__(self, inputs: int, unit: int, *, rngs: nnx.Rngs) -> None:
        edges = (inputs, 12 * unit, 12 * unit, 16 * unit, 16 * unit, 20 * unit, 20 * unit)
        self.convolutions = nnx.List([Convolution(a, b, rngs=rngs) for a, b in pairwise(edges)])
        self.norms = nnx.List([BatchNorm(width) for width in edges[1:]])

    def __call__(self, maps: Array) -> Array:
        for index, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            maps = jax.nn.relu(norm(convolution(maps)))
            maps = max_pool(maps, 2, 2, "VALID") if index % 2 else maps
        return maps


class JaaOutputs(NamedTuple):
    """JAA-Net's outputs for faces."""

    features: Array  # (B, D), for the classifiers
    logits: Array  # (B, U), its own
    landmarks: Array  # (B, 49, 2) in widths of the image
    initial: Array  # (B, n, n, U) attention around the landmarks
    attention: Array  # the same after refinement


class JaaNet(nnx.Module):
    """(B, size, size, 3) -> features (B, D); `forward` returns all outputs.

    Args:
        units: numbers of the action units, each with attention of its own.
        size: pixels along an edge, a multiple of 16: 8 cells, and these again at half the size.
        unit: c of the paper; 8 as published, less for small faces.
    """

    def __init__(self, units: tuple[int, ...], size: int = 176, unit: int = 8, *, rngs: nnx.Rngs) -> None:
        if size % 16 or size < 32:
            raise ConfigError(f"JAA-Net: size = {size}: must be a multiple of 16, at least 32, such as 176")
        self.units, self.edge, self.width = units, size // 4, 64 * unit
        widths = pairwise((3, 4 * unit, 8 * unit))
        self.regions = nnx.List([MultiScaleRegions(a, b, rngs=rngs) for a, b in widths])
        maps, flat = 8 * unit, (self.edge // 8) ** 2 * 20 * unit
        self.alignment, self.whole = Pyramid(maps, unit, rngs=rngs), Pyramid(maps, unit, rngs=rngs)
        widths = pairwise((flat, 64 * unit, 2 * POINTS))
        self.to_landmarks = nnx.List([Dense(a, b, rngs=rngs) for a, b in widths])
        self.refinements = nnx.List([Refinement(unit, rngs=rngs) for _ in units])
        self.local = nnx.List([Pyramid(maps, unit, rngs=rngs) for _ in units])
        self.to_features = Dense(3 * flat, self.width, rngs=rngs)
        self.to_units = Dense(self.width, len(units), rngs=rngs)

    def __call__(self, images: Array) -> Array:
        return self.forward(images).features

    def forward(self, images: Array) -> JaaOutputs:
        """Return features, logits, landmarks and attention of faces."""
        maps = images
        for layer in self.regions:
            maps = max_pool(layer(maps), 2, 2, "VALID")
        alignment_maps = self.alignment(maps)
        landmarks = self.landmarks(alignment_maps)
        edge = self.edge + 2 * BORDER
        initial = jax.vmap(lambda marks: attention(marks, self.units, edge))(landmarks.astype(jnp.float32))
        initial = initial.astype(maps.dtype)
        refined_maps = jnp.concatenate(
            [refine(initial[..., k : k + 1]) for k, refine in enumerate(self.refinements)], axis=-1
        )
        weights = scale_gradient(refined_maps, ENHANCEMENT).astype(maps.dtype)
        local = sum(branch(maps * weights[..., k : k + 1]) for k, branch in enumerate(self.local))
        all_maps = jnp.concatenate([alignment_maps, self.whole(maps), local / len(self.units)], axis=-1)
        features = self.to_features(all_maps.reshape(all_maps.shape[0], -1))
        initial = resize_nearest(initial, self.edge)
        return JaaOutputs(features, self.to_units(features), landmarks, initial, refined_maps)

    def landmarks(self, maps: Array) -> Array:
        """Return landmarks (B, 49, 2) of the alignment's maps."""
        points = maps.reshape(maps.shape[0], -1)
        # as in the authors' code there is no nonlinearity between the two layers
        for dense in self.to_landmarks:
            points = dense(points)
        return points.reshape(points.shape[0], POINTS, 2)
