"""How a head moves whose displacement is affine in two coefficients that vary by frame.

Skinning is affine in the unposed head. So three arrays of vertices stand for all frames (the head
at rest and one for each field), area-weighted normals are polynomials of second order in the
coefficients, and every frame lies in the convex hull of those at the corners of their range. This
is the one shortcut above the vertex stage (`vertex`): it displaces and poses all frames at once.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxface.core.pytrees import pytree
from jaxface.core.types import Array
from jaxface.face import geometry
from jaxface.face.appearance import wrinkle_map_weights
from jaxface.face.model import FaceModel
from jaxface.render.barriers import materialize
from jaxface.render.vertex import Planes, cross, each_axis, subtract


class AffineFrames(NamedTuple):
    """N frames of one person whose displacement is affine in two coefficients (a, b).

    Attributes:
        fields: (2, V, 3) metres: a frame displaces the unposed head by a fields[0] + b fields[1].
        coefficients: a and b of each frame, (N,) each.
        corners: a and b, (K,) each, whose convex hull holds those of every frame.
    """

    fields: Array
    coefficients: tuple[Array, Array]
    corners: tuple[Array, Array]


@pytree
class Motion:
    """One person's face at all coefficients (a, b).

    Attributes:
        position: (3, V, 3) metres: coefficients of 1, a, b.
        normal: (6, V, 3) area-weighted normals: coefficients of 1, a, b, a^2, a b, b^2.
        wrinkle: (2, L) strength of the L wrinkles before clipping: coefficients of a, b; or None.
    """

    position: Array
    normal: Array
    wrinkle: Array | None


def affine_motion(head: FaceModel, neutral: Array, joints: Array, fields: Array, pose: Array) -> Motion:
    """Return the motion of a shaped head.

    Args:
        neutral: (V, 3); joints: (J, 3): of the person, as in `Prepared`.
        fields: (2, V, 3) metres: what the coefficients a and b scale, unposed.
        pose: (J, 3).
    """

    pose_vertices = partial(geometry.skin_displaced, head, neutral, joints, pose=pose)
    first, second = fields
    none = jnp.zeros_like(neutral)
    still, by_first = jax.jvp(pose_vertices, (none,), (first,))
    by_second = jax.jvp(pose_vertices, (none,), (second,))[1]
    position = jnp.stack([still, by_first, by_second])
    wrinkles = head.appearance.wrinkles
    strength = None if wrinkles is None else jnp.einsum("kvc,vcl->kl", fields, wrinkles.feature)
    return Motion(position, _normals(position, head.faces), strength)


def _normals(position: Array, faces: Array) -> Array:
    """(6, V, 3), from the edges' polynomials of first order: their cross product, term by term."""
    a, b, c = ([_planes(position[k][faces[:, corner]]) for k in range(3)] for corner in range(3))
    first = [subtract(b[k], a[k]) for k in range(3)]
    second = [subtract(c[k], a[k]) for k in range(3)]

    def product(i: int, j: int) -> Array:
        normal = jnp.stack(cross(first[i], second[j]), axis=-1)
        return normal if i == j else normal + jnp.stack(cross(first[j], second[i]), axis=-1)

    terms = jnp.stack([product(*pair) for pair in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))], axis=1)
    rows = jnp.broadcast_to(terms[:, None], (len(faces), 3, 6, 3))
    total = jnp.zeros((position.shape[1], 6, 3), position.dtype).at[faces].add(rows)
    return jnp.moveaxis(total, 1, 0)


def _planes(vectors: Array) -> Planes:
    return vectors[..., 0], vectors[..., 1], vectors[..., 2]


def hull_vertices(motion: Motion, corners: tuple[Array, Array]) -> Array:
    """Return vertices (K, V, 3) at K corners (a, b), (K,) each.

    A frame whose coefficients are a mean of the corners' has the same mean of these vertices.
    """
    still, by_first, by_second = motion.position
    first, second = (each[:, None, None] for each in corners)
    return still[None] + first * by_first[None] + second * by_second[None]


def positions_at(motion: Motion, coefficients: tuple[Array, Array]) -> Planes:
    """Return the vertices of LANES frames at coefficients (a, b), (LANES,) each: (V, LANES) each."""
    a, b = coefficients
    return each_axis(lambda axis: materialize(partial(_polynomial, motion.position, axis), a, b))


def normals_at(motion: Motion, coefficients: tuple[Array, Array]) -> Planes:
    """Return area-weighted normals of LANES frames, (V, LANES) each, as `positions_at`."""
    a, b = coefficients
    monomials = (a, b, a * a, a * b, b * b)
    return each_axis(lambda axis: materialize(partial(_polynomial, motion.normal, axis), *monomials))


def _polynomial(terms: Array, axis: int, *monomials: Array) -> Array:
    """One coordinate (V, LANES) of terms (1 + K, V, 3) in K monomials (LANES,) and 1."""
    total = terms[0, :, axis][:, None]
    for term, monomial in zip(terms[1:], monomials, strict=True):
        total = total + term[:, axis][:, None] * monomial[None]
    return total


def wrinkles_at(head: FaceModel, motion: Motion, coefficients: tuple[Array, Array]) -> Array | None:
    """Return how strongly the wrinkle map shows, (V, LANES); None without wrinkles."""
    if motion.wrinkle is None or head.appearance.wrinkles is None:
        return None
    a, b = coefficients
    strength = motion.wrinkle[0][:, None] * a[None] + motion.wrinkle[1][:, None] * b[None]
    return wrinkle_map_weights(head.appearance.wrinkles.region, strength)
