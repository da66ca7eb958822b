"""Views of a rendered face: a candidate is scored by the mean over them."""

from typing import Literal

import jax
import jax.numpy as jnp

from jaxface.core.types import LUMA, Array

ROBUST_ZOOMS = (1.06, 0.94)


def augmented_views(image: Array, kind: Literal["plain", "robust"]) -> Array:
    """Return the picture, and for "robust" also closer, farther, and grey at half the sharpness.

    Args:
        image: (H, W, 3) in [0, 1].

    Returns:
        (1, H, W, 3) or (4, H, W, 3). Differentiable.
    """
    if kind == "plain":
        return image[None]
    closer_and_farther = [zoom(image, factor) for factor in ROBUST_ZOOMS]
    return jnp.stack([image, *closer_and_farther, blurred_grey(image)])


def zoom(image: Array, factor: float) -> Array:
    """Magnify the picture about its centre, same size; repeat edges where it shrinks."""
    size = image.shape[0]
    border = size // 8
    canvas = jnp.pad(image, ((border, border), (border, border), (0, 0)), mode="edge")
    scale = jnp.full(2, factor)
    centre = (size - 1) / 2 + 0.5
    offset = jnp.full(2, centre - factor * (centre + border))
    return jax.image.scale_and_translate(
        canvas, image.shape, (0, 1), scale, offset, method="linear", antialias=False
    )


def blurred_grey(image: Array) -> Array:
    """Turn the picture grey and blur it: to half its size and back."""
    grey = image @ jnp.asarray(LUMA)
    small = jax.image.resize(grey, (image.shape[0] // 2, image.shape[1] // 2), "linear")
    back = jax.image.resize(small, grey.shape, "linear")
    return jnp.broadcast_to(back[..., None], image.shape)
