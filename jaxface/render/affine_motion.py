"""How a head moves where its displacement is affine in two coefficients that vary from frame to frame.

Skinning is affine in the unposed head. So three arrays of vertices stand for all frames (the head at rest and
one for each field), area-weighted normals are polynomials of second order in the coefficients, and every frame
lies in the convex hull of the frames at the corners of the coefficients' range.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxface.core.pytrees import pytree
from jaxface.core.types import Array
from jaxface.face import geometry
from jaxface.face.model import FaceModel


@pytree
class Motion:
    """One person's face at all coefficients (a, b).

    Attributes:
        position: (3, V, 3) metres: coefficients of 1, a, b.
        normal: (6, V, 3) area-weighted normals: coefficients of 1, a, b, a^2, a b, b^2.
        line: (2, L) strength of the L wrinkles before clipping: coefficients of a, b; None for a model
            without wrinkles.
    """

    position: Array
    normal: Array
    line: Array | None


def affine_motion(head: FaceModel, neutral: Array, joints: Array, fields: Array, pose: Array) -> Motion:
    """Return the motion of a shaped head.

    Args:
        neutral: (V, 3); joints: (J, 3): of the person, as in `Prepared`.
        fields: (2, V, 3) metres: what the coefficients a and b scale, unposed.
        pose: (J, 3).
    """

    def posed(unposed: Array) -> Array:
        return geometry.skin(head, unposed, joints, pose)

    first, second = fields
    still, by_first = jax.jvp(posed, (neutral,), (first,))
    by_second = jax.jvp(posed, (neutral,), (second,))[1]
    position = jnp.stack([still, by_first, by_second])
    lines = head.appearance.lines
    strength = None if lines is None else jnp.einsum("kvc,vcl->kl", fields, lines.feature)
    return Motion(position, _normals(position, head.faces), strength)


def _normals(position: Array, faces: Array) -> Array:
    corner = position[:, faces]
    first, second = corner[:, :, 1] - corner[:, :, 0], corner[:, :, 2] - corner[:, :, 0]

    def product(i: int, j: int) -> Array:
        straight = jnp.cross(first[i], second[j])
        return straight if i == j else straight + jnp.cross(first[j], second[i])

    terms = jnp.stack([product(*pair) for pair in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))], axis=1)
    rows = jnp.broadcast_to(terms[:, None], (len(faces), 3, 6, 3))
    total = jnp.zeros((position.shape[1], 6, 3), position.dtype).at[faces].add(rows)
    return jnp.moveaxis(total, 1, 0)


def hull_vertices(motion: Motion, corners: tuple[Array, Array]) -> Array:
    """Vertices (K, V, 3) at K corners (a, b), (K,) each.

    Where a frame's coefficients are a mean of the corners', its vertices are the same mean of these, all with
    the same weights.
    """
    still, by_first, by_second = motion.position
    first, second = (each[:, None, None] for each in corners)
    return still[None] + first * by_first[None] + second * by_second[None]
