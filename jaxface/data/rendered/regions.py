"""Which pixels of an image show the face, by its landmarks."""

import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.face._landmarks import CONTOUR

_FOREHEAD = 0.35
"""How far above the brows the region reaches, interocular distances: below the hair of most people."""


def face_region(landmarks: Array, size: int) -> Array:
    """Return (size, size) bool: the pixels within the contour of a face, up to the lower forehead.

    Hair, neck and background are outside.

    Args:
        landmarks: (68, 2) in widths of the image, x right, y down.
    """
    right_eye, left_eye = landmarks[36:42].mean(0), landmarks[42:48].mean(0)
    across = left_eye - right_eye
    up = jnp.stack([across[1], -across[0]])
    brows = landmarks[CONTOUR:27][::-1] + _FOREHEAD * up[None]
    polygon = jnp.concatenate([landmarks[:CONTOUR], brows])
    return _inside(polygon, (jnp.arange(size) + 0.5) / size)


def _inside(polygon: Array, centres: Array) -> Array:
    """Return (y, x): whether a ray from a pixel to its right crosses an odd number of the polygon's edges."""
    (x0, y0), (x1, y1) = (ends.T[:, None, None] for ends in (polygon, jnp.roll(polygon, -1, axis=0)))
    x, y = centres[None, :, None], centres[:, None, None]
    spans = (y0 > y) != (y1 > y)
    crossing = x0 + (y - y0) * (x1 - x0) / jnp.where(y1 == y0, 1.0, y1 - y0)
    return jnp.sum(spans & (x < crossing), axis=-1) % 2 == 1
