"""From the images of a data set to the input of networks."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from jaxface.core.types import Array


def unit_range(images: Array) -> Array:
    """Return images (B, H, W, C) as float32 in [0, 1]; scale those of an integer type by 1 / 255."""
    scale = 1.0 / 255.0 if jnp.issubdtype(images.dtype, jnp.integer) else 1.0
    return images.astype(jnp.float32) * scale


def to_rgb(images: Array) -> Array:
    """Repeat grey images (B, H, W, 1) on three channels; return those in colour as they are."""
    return jnp.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images


def cast_like(images: Array, module: nnx.Module) -> Array:
    """Cast images to the type that a module computes in: that of its first parameter."""
    leaves: list[Any] = jax.tree.leaves(nnx.state(module, nnx.Param))
    return images.astype(leaves[0].dtype)


IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def imagenet_normalize(images: Array) -> Array:
    """Normalize colour images (B, H, W, 3) in [0, 1] by ImageNet's mean and standard deviation."""
    mean, std = (jnp.array(values).reshape(1, 1, 1, 3) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (images - mean) / std
