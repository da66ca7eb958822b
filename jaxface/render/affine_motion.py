"""How a head moves over the grid of one expression: affine in time and in symmetry x time.

Expression displacement is t ((1 - f) D + W) + (s t) f D, where D is what either half does for itself, W
what both do together and f the share of a vertex on the frozen side (Facing Asymmetry, Eq. 3 and
`face.geometry`); skinning is affine in the unposed head. So three arrays of vertices stand for all frames,
area-weighted normals are polynomials of second order, and every frame lies in the convex hull of four.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxface.core.pytrees import pytree
from jaxface.core.types import Array
from jaxface.face import geometry
from jaxface.face.model import FaceModel
from jaxface.face.sides import Side, gains


@pytree
class Motion:
    """One person's expression at every (t, u), where u = symmetry x time.

    Attributes:
        position: (3, V, 3) metres: coefficients of 1, t, u.
        normal: (6, V, 3) area-weighted normals: coefficients of 1, t, u, t^2, t u, u^2.
        line: (2, L) strength of the L expression lines before clipping: coefficients of t, u; None
            for a model without lines.
    """

    position: Array
    normal: Array
    line: Array | None


def motion(
    head: FaceModel, neutral: Array, joints: Array, expression: Array, pose: Array, side: Side
) -> Motion:
    """The motion of a shaped head.

    Args:
        neutral: (V, 3); joints: (J, 3): of the person, as in `image.Prepared`.
        expression: (E,); pose: (J, 3).
    """
    own = head.expression_basis @ expression
    moving = gains(head.left_weight, 0.0, side)[:, None] * own
    frozen = own - moving
    if head.whole_basis is not None:
        moving = moving + head.whole_basis @ expression

    def posed(unposed: Array) -> Array:
        return geometry.skin(head, unposed, joints, pose)

    still, by_time = jax.jvp(posed, (neutral,), (moving,))
    by_product = jax.jvp(posed, (neutral,), (frozen,))[1]
    position = jnp.stack([still, by_time, by_product])
    lines = head.appearance.lines
    strength = None if lines is None else jnp.einsum("kvc,vcl->kl", jnp.stack([moving, frozen]), lines.feature)
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


def extremes(moving: Motion, symmetry: Array, time: Array) -> Array:
    """Vertices (4, V, 3) whose convex hull holds every vertex at all steps; hull vertex by vertex and jointly.

    A vertex is bilinear in s and t, hence a mean of its four corners with the same weights for all vertices.

    Args:
        symmetry: (S,); time: (T,).
    """
    t = jnp.stack([time.min(), time.min(), time.max(), time.max()])
    s = jnp.stack([symmetry.min(), symmetry.max(), symmetry.min(), symmetry.max()])
    still, by_time, by_product = moving.position
    return still[None] + t[:, None, None] * by_time[None] + (s * t)[:, None, None] * by_product[None]
