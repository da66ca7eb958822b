"""JAA-Net: action units and face alignment learnt together (Shao et al. 2018, ECCV, arXiv:1803.05588).

The first of the authors' two versions (their IJCV version adds an answer for each local branch): regions,
landmarks, attention about the landmarks, refined, local features of every unit, and features of the whole face.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.classify.nets.layers import Dense
from jaxface.classify.nets.pooling import max_pool
from jaxface.core.errors import ConfigError
from jaxface.core.types import Array
from jaxface.frameworks.pm2.backbones.attention_maps import (
    BORDER,
    POINTS,
    Refinement,
    attention,
    enhanced,
    resized,
)
from jaxface.frameworks.pm2.backbones.regions import MultiScaleRegions, Pyramid

ENHANCEMENT = 2.0
"""How much more the refinement learns from the units than the rest does (lambda_3)."""


class Seen(NamedTuple):
    """What JAA-Net makes of faces.

    Attributes:
        features: (B, D), of which units are read.
        logits: (B, U) its own answer.
        landmarks: (B, 49, 2) in widths of the image.
        initial: (B, n, n, U) attention about the landmarks; refined: what became of it.
    """

    features: Array
    logits: Array
    landmarks: Array
    initial: Array
    refined: Array


class JaaNet(nnx.Module):
    """(B, size, size, 3) -> features (B, D); `seen` tells the rest.

    Args:
        units: numbers of the action units, each with attention of its own.
        size: pixels along an edge, a multiple of 16: both region layers have 8 cells an edge, the second at
            half the size.
        unit: c of the paper; 8 as published, less for small faces.
    """

    def __init__(self, units: tuple[int, ...], size: int = 176, unit: int = 8, *, rngs: nnx.Rngs) -> None:
        if size % 16 or size < 32:
            raise ConfigError(f"JAA-Net: size = {size}; wanted a multiple of 16 from 32 on, such as 176")
        self.units, self.edge, self.width = units, size // 4, 64 * unit
        self.regions = nnx.List(
            [MultiScaleRegions(3, 4 * unit, rngs=rngs), MultiScaleRegions(4 * unit, 8 * unit, rngs=rngs)]
        )
        maps, flat = 8 * unit, (self.edge // 8) ** 2 * 20 * unit
        self.alignment, self.whole = Pyramid(maps, unit, rngs=rngs), Pyramid(maps, unit, rngs=rngs)
        self.to_landmarks = nnx.List(
            [Dense(flat, 64 * unit, rngs=rngs), Dense(64 * unit, 2 * POINTS, rngs=rngs)]
        )
        self.refinements = nnx.List([Refinement(unit, rngs=rngs) for _ in units])
        self.local = nnx.List([Pyramid(maps, unit, rngs=rngs) for _ in units])
        self.to_features = Dense(3 * flat, self.width, rngs=rngs)
        self.to_units = Dense(self.width, len(units), rngs=rngs)

    def __call__(self, images: Array) -> Array:
        return self.seen(images).features

    def seen(self, images: Array) -> Seen:
        """Features, answers, landmarks and attention of faces."""
        maps = images
        for layer in self.regions:
            maps = max_pool(layer(maps), 2, 2, "VALID")
        aligned = self.alignment(maps)
        landmarks = self.landmarks(aligned)
        edge = self.edge + 2 * BORDER
        initial = jax.vmap(lambda marks: attention(marks, self.units, edge))(landmarks.astype(jnp.float32))
        initial = initial.astype(maps.dtype)
        refined = jnp.concatenate(
            [refine(initial[..., k : k + 1]) for k, refine in enumerate(self.refinements)], axis=-1
        )
        looked_at = enhanced(refined, ENHANCEMENT).astype(maps.dtype)
        local = sum(branch(maps * looked_at[..., k : k + 1]) for k, branch in enumerate(self.local))
        together = jnp.concatenate([aligned, self.whole(maps), local / len(self.units)], axis=-1)
        features = self.to_features(together.reshape(together.shape[0], -1))
        return Seen(features, self.to_units(features), landmarks, resized(initial, self.edge), refined)

    def landmarks(self, aligned: Array) -> Array:
        """(B, 49, 2) of the alignment's maps; without a nonlinearity between the two layers, as the
        authors'."""
        points = aligned.reshape(aligned.shape[0], -1)
        for dense in self.to_landmarks:
            points = dense(points)
        return points.reshape(points.shape[0], POINTS, 2)
