"""A head that is as fine as small pictures of its front can show."""

from __future__ import annotations

import dataclasses
import math

import jax.numpy as jnp

from jaxface import face
from jaxface.core.types import Array
from jaxface.data.rendered.config import RenderedDatasetConfig

_TEXELS = 2  # for a pixel, along an edge of the texture: the face takes about half of it


def downsample_head(head: face.FaceModel, recipe: RenderedDatasetConfig) -> face.FaceModel:
    """The same head with a texture of fewer texels, which is painted anew for every person."""
    wanted = _TEXELS * recipe.size
    height, width = head.appearance.mean.shape[:2]  # an atlas of several parts is wider than high
    least, common, factor = min(height, width), math.gcd(height, width), 1
    while least // (2 * factor) >= wanted and common % (2 * factor) == 0:
        factor *= 2
    return dataclasses.replace(head, appearance=coarser(head.appearance, factor))


def coarser(appearance: face.Appearance, factor: int) -> face.Appearance:
    """The appearance on a texture `factor` times coarser, block by block averaged."""
    if factor == 1:
        return appearance

    def mean(plane: Array, first: int) -> Array:
        """Over blocks of the axes `first` and `first + 1`."""
        shape = plane.shape
        blocks = (shape[first] // factor, factor, shape[first + 1] // factor, factor)
        return jnp.mean(
            plane.reshape(*shape[:first], *blocks, *shape[first + 2 :]), axis=(first + 1, first + 3)
        )

    return dataclasses.replace(
        appearance,
        mean=mean(appearance.mean, 0),
        basis=mean(appearance.basis, 0),
        masks=mean(appearance.masks, 1),
        line_pattern=mean(appearance.line_pattern, 0),
    )
