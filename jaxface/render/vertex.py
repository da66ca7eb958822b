"""The vertex stage: from the vertices of a head to what pixels interpolate between them.

    displace -> pose -> project -> area-weighted normals -> irradiance -> wrinkles

All paths share these formulas: pictures one by one (`render.render`), LANES frames of one person
(`frame_batch`), LANES faces of a rendered data set (`data.rendered.rigs`). They differ in how they
displace and pose. Vertices are planes, one array for each coordinate: (V,) of one face, or
(V, LANES), where a camera and light of each lane have an axis (LANES,) at their end.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.render.barriers import materialize, skip_unless
from jaxface.render.camera import Screen, inverse_distance, pixel_x, pixel_y
from jaxface.render.indexing import fetch_rows
from jaxface.render.light import irradiance_lanes
from jaxface.render.scenes import Camera, Orthographic

T = TypeVar("T")

LANES = 16
"""Faces side by side: one cache line of float32."""

Planes = tuple[Array, Array, Array]
"""x, y and z, one array each."""


def each_axis(function: Callable[[int], Array]) -> Planes:
    """Return `function` of 0, 1 and 2."""
    return function(0), function(1), function(2)


def in_lanes(tree: T) -> T:
    """Return leaves (N, ...) as (N' / LANES, LANES, ...), with the last row repeated as needed."""

    def fold(leaf: Array) -> Array:
        if missing := -len(leaf) % LANES:
            leaf = jnp.concatenate([leaf, jnp.broadcast_to(leaf[-1:], (missing, *leaf.shape[1:]))])
        # Not -1: a head may have no albedo coefficient.
        return leaf.reshape(len(leaf) // LANES, LANES, *leaf.shape[1:])

    return jax.tree.map(fold, tree)


class VertexBuffers(NamedTuple):
    """What varies vertex by vertex on the way to the pixels; (V,) or (V, LANES) each.

    Attributes:
        x, y: pixels, as in `camera.Screen`.
        inverse_depth: larger is nearer, linear on the screen: 1 / distance of a perspective camera
            (0 for what lies behind the near plane), z of an orthographic one.
        inverse_w: 1 / distance of a perspective camera; None = 1, for an orthographic one.
        light: what the vertex receives, in each channel of the light: one or three.
        wrinkle: how strongly the wrinkle map shows; None for a head without wrinkles.
    """

    x: Array
    y: Array
    inverse_depth: Array
    inverse_w: Array | None
    light: tuple[Array, ...]
    wrinkle: Array | None

    @property
    def screen(self) -> Screen:
        """The vertices (V,) of one face as `rasterizer.visible` takes them."""
        inverse_w = jnp.ones_like(self.x) if self.inverse_w is None else self.inverse_w
        return Screen(jnp.stack([self.x, self.y], axis=-1), -self.inverse_depth, inverse_w)


def vertex_buffers(
    camera: Camera,
    light: tuple[Array, ...],
    position: Planes,
    normal: Planes,
    wrinkle: Array | None,
    size: int,
) -> VertexBuffers:
    """Project and light the posed vertices of LANES faces; each column is written to memory.

    Args:
        camera: one for all lanes, or fields with a leading axis LANES.
        light: of each channel (9,), or (9, LANES).
        position: metres.
        normal: sums of the adjacent triangles' normals, of any length.
        wrinkle: as from `appearance.wrinkle_map_weights`.
        size: samples along an edge of the picture.
    """
    x, y, z = position
    inverse_w = None if isinstance(camera, Orthographic) else materialize(partial(inverse_distance, camera), z)
    return VertexBuffers(
        x=materialize(partial(pixel_x, camera, size), x, inverse_w),
        y=materialize(partial(pixel_y, camera, size), y, inverse_w),
        inverse_depth=z if inverse_w is None else inverse_w,
        inverse_w=inverse_w,
        light=tuple(materialize(_light_channel, normal, channel) for channel in light),
        wrinkle=wrinkle,
    )


def _light_channel(normal: Planes, channel: Array) -> Array:
    return irradiance_lanes(channel, unit(normal))


def unit(vectors: Planes) -> Planes:
    """Return vectors of length one; zero stays zero."""
    x, y, z = vectors
    norm_squared = x * x + y * y + z * z
    inverse = jnp.where(norm_squared > 0.0, jax.lax.rsqrt(jnp.maximum(norm_squared, 1e-30)), 0.0)
    return x * inverse, y * inverse, z * inverse


def rotate(matrices: Array, vectors: Planes) -> Planes:
    """Return matrices (LANES, 3, 3) times vectors (V, LANES)."""
    x, y, z = vectors

    def row(i: int) -> Array:
        return matrices[:, i, 0][None] * x + matrices[:, i, 1][None] * y + matrices[:, i, 2][None] * z

    return each_axis(row)


def subtract(a: Planes, b: Planes) -> Planes:
    """Return a - b."""
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


def cross(a: Planes, b: Planes) -> Planes:
    """Return the cross product."""
    return each_axis(lambda i: a[i - 2] * b[i - 1] - a[i - 1] * b[i - 2])


def triangle_normals(a: Planes, b: Planes, c: Planes) -> Planes:
    """Return normals of triangles with these corners, twice as long as their areas."""
    return cross(subtract(b, a), subtract(c, a))


# Normals of one face, by rows of three, and of faces side by side. A scatter adds one row after
# another, which is as fast as anything for rows of three; with lanes, reading the few triangles
# around a vertex is faster.


@jax.custom_vjp
def vertex_normals(vertices: Array, faces: Array) -> Array:
    """Return (V, 3) unit normals: the area-weighted mean of the adjacent triangles' normals.

    Reverse mode only: written out, the gradient takes a third of the derived one's time.

    Args:
        vertices: (V, 3).
        faces: (F, 3) int32.
    """
    return _unit(_normal_sums(vertices, faces))


def _normal_sums(vertices: Array, faces: Array) -> Array:
    normals = jnp.stack(triangle_normals(*_corners(vertices, faces)), axis=-1)
    return _add_at_corners(vertices, faces, normals, normals, normals)


def _unit(total: Array) -> Array:
    norm_squared = jnp.sum(total * total, axis=-1, keepdims=True)
    nonzero = norm_squared > 0.0
    # The inner `where` keeps the gradient finite where the length is zero.
    return jnp.where(nonzero, total / jnp.sqrt(jnp.where(nonzero, norm_squared, 1.0)), 0.0)


def _normals_forward(vertices: Array, faces: Array) -> tuple[Array, tuple[Array, Array, Array]]:
    total = _normal_sums(vertices, faces)
    return _unit(total), (vertices, faces, total)


def _normals_backward(residuals: tuple[Array, Array, Array], cotangent: Array) -> tuple[Array, None]:
    vertices, faces, total = residuals
    (gradient,) = jax.vjp(_unit, total)[1](cotangent)

    def corner_gradients(vertices: Array, gradient: Array) -> tuple[Array, Array, Array]:
        a, b, c = _corners(vertices, faces)
        first, second, third = _corners(gradient, faces)
        # All three corners received the triangle's normal (b - a) x (c - a).
        total = each_axis(lambda axis: first[axis] + second[axis] + third[axis])
        at_b, at_c = cross(subtract(c, a), total), cross(total, subtract(b, a))
        at_a = each_axis(lambda axis: -(at_b[axis] + at_c[axis]))
        return jnp.stack(at_a, axis=-1), jnp.stack(at_b, axis=-1), jnp.stack(at_c, axis=-1)

    gradients = skip_unless(jnp.any(cotangent != 0.0), corner_gradients, vertices, gradient)
    return _add_at_corners(vertices, faces, *gradients), None


vertex_normals.defvjp(_normals_forward, _normals_backward)


def _corners(values: Array, faces: Array) -> tuple[Planes, Planes, Planes]:
    """Values (V, 3) at the three corners of the triangles, (F,) each, coordinate by coordinate."""
    return (
        each_axis(lambda axis: values[:, axis][faces[:, 0]]),
        each_axis(lambda axis: values[:, axis][faces[:, 1]]),
        each_axis(lambda axis: values[:, axis][faces[:, 2]]),
    )


def _add_at_corners(vertices: Array, faces: Array, *rows: Array) -> Array:
    """(V, 3) sums at the vertices of rows (F, 3), one for each corner of the triangles."""
    total = jnp.zeros_like(vertices)
    for corner, row in enumerate(rows):
        total = total.at[faces[:, corner]].add(row, mode="promise_in_bounds")
    return total


def gather_normal_sums(position: Planes, corners: Array, around: Array) -> Planes:
    """Return sums of the adjacent triangles' normals of LANES faces, (V, LANES) each.

    Args:
        position: (V, LANES) each.
        corners: (3, F) vertices of the triangles.
        around: (V, D) triangles at each vertex; F stands for none.
    """

    def at(corner: Array) -> Planes:
        return each_axis(lambda axis: fetch_rows(position[axis], corner))

    normals = triangle_normals(at(corners[0]), at(corners[1]), at(corners[2]))
    none = jnp.zeros((1, position[0].shape[-1]))

    def sums(axis: int) -> Array:
        table = materialize(lambda normal: jnp.concatenate([normal, none]), normals[axis])
        terms = [fetch_rows(table, around[:, k]) for k in range(around.shape[1])]
        return sum(terms[1:], start=terms[0])

    return each_axis(sums)
