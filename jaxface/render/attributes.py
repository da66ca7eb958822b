"""What the pixels see of a surface: values at vertices and texture coordinates, carried to pixel centres.

Each stage fetches planes of one number a pixel and writes few of them: that is what XLA's CPU compiler makes
fast loops of. The gradient is written out: the values at the corners are fetched again instead of kept, and
what goes back to the vertices goes in rows, one scatter a corner for all columns. Reverse mode only.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.render.barriers import skip_unless
from jaxface.render.rasterizer import Corners, barycentric, interpolate


class Surface(NamedTuple):
    """Planes (H, W) of what each pixel sees; on the background those of the first triangle's first corner.

    Attributes:
        u, v: texture coordinates.
        values: the vertices' columns.
        x, y: the pixel's own centre, whose gradient is the surface point's at frozen weights.
        depth: larger = farther; no gradient.
    """

    u: Array
    v: Array
    values: tuple[Array, ...]
    x: Array
    y: Array
    depth: Array


class Mesh(NamedTuple):
    """Triangles, and their texture coordinates.

    Attributes:
        faces, uv_faces: (F,) of each corner, indices into vertices and into texture coordinates.
        u, v: (T,).
    """

    faces: Corners
    uv_faces: Corners
    u: Array
    v: Array


@jax.custom_vjp
def surface(screen: Corners, values: tuple[Array, ...], shape: Mesh, triangle: Array) -> Surface:
    """The surface under every pixel, perspective-correct.

    Args:
        screen: x, y and inverse_w of the vertices, (V,) each, as in `camera.Screen`.
        values: columns (V,).
        triangle: (H, W) int32 as from `rasterize.visible`.
    """
    covered = triangle >= 0
    active = jnp.any(covered)
    seen = jnp.maximum(triangle, 0)
    ids, textured, second, third = skip_unless(active, _weights, screen, shape, seen, covered)
    weights = 1.0 - second - third, second, third

    def carried(weights: Corners, index: Corners, column: Array) -> Array:
        return interpolate(weights, _each(index, column))

    u, v = (skip_unless(active, carried, weights, textured, column) for column in (shape.u, shape.v))
    at_pixels = tuple(skip_unless(active, carried, weights, ids, column) for column in values)
    depth = -skip_unless(active, carried, weights, ids, screen[2])
    height, width = triangle.shape
    x = jnp.broadcast_to(jnp.arange(width)[None] + 0.5, triangle.shape)
    y = jnp.broadcast_to(jnp.arange(height)[:, None] + 0.5, triangle.shape)
    return Surface(u, v, at_pixels, x, y, depth)


def _forward(
    screen: Corners, values: tuple[Array, ...], shape: Mesh, triangle: Array
) -> tuple[Surface, tuple[Corners, tuple[Array, ...], Mesh, Array]]:
    return surface(screen, values, shape, triangle), (screen, values, shape, triangle)


def _backward(
    kept: tuple[Corners, tuple[Array, ...], Mesh, Array], outer: Surface
) -> tuple[Corners, tuple[Array, ...], None, None]:
    screen, values, shape, triangle = kept
    covered = triangle >= 0
    active = jnp.any(covered)
    seen = jnp.maximum(triangle, 0)

    def for_weights(outer: Surface) -> tuple[Array, Array]:
        """Cotangents of the second and third weight; the first is what they leave of one."""
        ids, textured = _fetch(shape.faces, seen), _fetch(shape.uv_faces, seen)
        corners = [
            _each(textured, shape.u),
            _each(textured, shape.v),
            *(_each(ids, column) for column in values),
        ]
        pairs = list(zip((outer.u, outer.v, *outer.values), corners, strict=True))
        return tuple(  # type: ignore[return-value]
            sum((slope * (corner[k] - corner[0]) for slope, corner in pairs), start=jnp.zeros(seen.shape))
            for k in (1, 2)
        )

    def for_corners(slopes: tuple[Array, Array], x: Array, y: Array) -> tuple[Array, ...]:
        """Cotangents of x, y and inverse_w of each corner, then the weights."""
        ids = _fetch(shape.faces, seen)
        xs, ys, inverse_w = (_each(ids, column) for column in screen)
        flat, weights = barycentric(xs, ys, inverse_w, covered)

        def of(xs: Corners, ys: Corners, inverse_w: Corners) -> tuple[Array, Array]:
            return barycentric(xs, ys, inverse_w, covered)[1][1:]

        _, back = jax.vjp(of, xs, ys, inverse_w)
        dx, dy, dw = back(slopes)
        here = jnp.where(covered, 1.0, 0.0)
        moved = (
            tuple(dx[k] + here * flat[k] * x for k in range(3)),
            tuple(dy[k] + here * flat[k] * y for k in range(3)),
        )
        return (*moved[0], *moved[1], *dw, *weights)

    slopes = skip_unless(active, for_weights, outer)
    planes = skip_unless(active, for_corners, slopes, outer.x, outer.y)
    total = jnp.zeros((screen[0].shape[0], 3 + len(values)), screen[0].dtype)
    for corner in range(3):
        dx, dy, dw, weight = planes[corner::3]

        def rows(dx: Array, dy: Array, dw: Array, weight: Array, outer: tuple[Array, ...]) -> Array:
            columns = (dx, dy, dw, *(weight * slope for slope in outer))
            return jnp.stack([column.reshape(-1) for column in columns], axis=-1)

        row = skip_unless(active, rows, dx, dy, dw, weight, outer.values)
        total = total.at[shape.faces[corner][seen].reshape(-1)].add(row, mode="promise_in_bounds")
    columns = tuple(total[:, k] for k in range(total.shape[1]))
    return columns[:3], columns[3:], None, None  # type: ignore[return-value]


surface.defvjp(_forward, _backward)


def _weights(
    screen: Corners, shape: Mesh, seen: Array, covered: Array
) -> tuple[Corners, Corners, Array, Array]:
    """The corners' vertices and texture coordinates, and the second and third weight."""
    ids = _fetch(shape.faces, seen)
    xs, ys, inverse_w = (_each(ids, column) for column in screen)
    _, weights = barycentric(xs, ys, inverse_w, covered)
    return ids, _fetch(shape.uv_faces, seen), weights[1], weights[2]


def _each(index: Corners, column: Array) -> Corners:
    """One column at three indices."""
    return column[index[0]], column[index[1]], column[index[2]]


def _fetch(columns: Corners, seen: Array) -> Corners:
    """Three columns at one index."""
    return columns[0][seen], columns[1][seen], columns[2][seen]
