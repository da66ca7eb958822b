"""The views of a rendered face that a candidate is judged by, and pictures moved by parts of a pixel."""

from __future__ import annotations

from typing import Literal

import jax
import jax.numpy as jnp

from jaxface.core.types import Array

GREY = (0.2989, 0.587, 0.114)
ROBUST_ZOOMS = (1.06, 0.94)


def augmented_views(image: Array, kind: Literal["plain", "robust"]) -> Array:
    """The picture as it is, and for "robust" also closer, farther, and grey at half the sharpness.

    Args:
        image: (H, W, 3) in [0, 1].

    Returns:
        (1, H, W, 3) or (4, H, W, 3). Differentiable.
    """
    if kind == "plain":
        return image[None]
    zoomed = [zoom(image, factor) for factor in ROBUST_ZOOMS]
    return jnp.stack([image, *zoomed, blurred_grey(image)])


def zoom(image: Array, factor: float) -> Array:
    """The picture magnified about its centre, same size; edges are repeated where it shrinks."""
    size = image.shape[0]
    border = size // 8
    padded = jnp.pad(image, ((border, border), (border, border), (0, 0)), mode="edge")
    scale = jnp.full(2, factor)
    centre = (size - 1) / 2 + 0.5
    offset = jnp.full(2, centre - factor * (centre + border))
    return jax.image.scale_and_translate(
        padded, image.shape, (0, 1), scale, offset, method="linear", antialias=False
    )


def blurred_grey(image: Array) -> Array:
    """The picture in grey, through half its size and back."""
    grey = image @ jnp.asarray(GREY)
    small = jax.image.resize(grey, (image.shape[0] // 2, image.shape[1] // 2), "linear")
    back = jax.image.resize(small, grey.shape, "linear")
    return jnp.broadcast_to(back[..., None], image.shape)
