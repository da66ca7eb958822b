"""From the bytes of a data set to what networks take."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.core.types import Array


def unit_range(images: Array) -> Array:
    """(B, H, W, C) float32 in [0, 1], from bytes or from what is that already."""
    scale = 1.0 / 255.0 if jnp.issubdtype(images.dtype, jnp.integer) else 1.0
    return images.astype(jnp.float32) * scale


def colour(images: Array) -> Array:
    """Grey (B, H, W, 1) on three equal channels; colour as it is."""
    return jnp.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images


def for_network(images: Array, module: nnx.Module) -> Array:
    """The images in the type that a module computes in: that of its first parameter."""
    leaves: list[Any] = jax.tree.leaves(nnx.state(module, nnx.Param))
    return images.astype(leaves[0].dtype)
