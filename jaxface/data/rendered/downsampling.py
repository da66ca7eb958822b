"""Reduce a head's texture to what small images of its front can show."""

import dataclasses
import math

import jax.numpy as jnp

from jaxface import face
from jaxface.core.types import Array
from jaxface.data.rendered.config import RenderedDatasetConfig

_TEXELS = 2  # per pixel, along an edge of the texture, of which the face takes about half


def downsample_head(head: face.FaceModel, recipe: RenderedDatasetConfig) -> face.FaceModel:
    """Return the same head with a smaller texture, because the texture is painted anew for every
    person."""
    min_texels = _TEXELS * recipe.size
    height, width = head.appearance.mean.shape[:2]  # an atlas of several parts is wider than high
    shorter, common, factor = min(height, width), math.gcd(height, width), 1
    while shorter // (2 * factor) >= min_texels and common % (2 * factor) == 0:
        factor *= 2
    return dataclasses.replace(head, appearance=downsample_appearance(head.appearance, factor))


def downsample_appearance(appearance: face.Appearance, factor: int) -> face.Appearance:
    """Return the appearance with each block of factor x factor texels averaged."""
    if factor == 1:
        return appearance

    def mean(plane: Array, first: int) -> Array:
        """Average over blocks of the axes `first` and `first + 1`."""
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
        wrinkle_map=mean(appearance.wrinkle_map, 0),
    )
