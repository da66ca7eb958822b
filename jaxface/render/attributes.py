"""What the pixels see of a surface: values at vertices, carried to pixel centres.

Each stage fetches planes of one number a pixel and writes few of them: XLA's CPU compiler makes
fast loops of that. The gradient is written out: values at corners are fetched again instead of
kept, and go back to the vertices in rows, one scatter a corner for all columns. Reverse mode only.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.render.barriers import skip_unless
from jaxface.render.indexing import Corners, at_corners, corners_of
from jaxface.render.rasterizer import barycentric, interpolate


class Surface(NamedTuple):
    """Planes (H, W) of what each pixel sees; on the background the first triangle's first corner.

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
def surface(screen: Corners, values: tuple[Array, ...], mesh: Mesh, triangle: Array) -> Surface:
    """The surface under every pixel, perspective-correct.

    Args:
        screen: x, y and inverse_w of the vertices, (V,) each, as in `camera.Screen`.
        values: columns (V,).
        triangle: (H, W) int32 as from `rasterize.visible`.
    """
    hit = triangle >= 0
    active = jnp.any(hit)
    index = jnp.maximum(triangle, 0)
    ids, uv_ids, second, third = skip_unless(active, _weights, screen, mesh, index, hit)
    weights = 1.0 - second - third, second, third

    def interpolate_at(weights: Corners, index: Corners, column: Array) -> Array:
        return interpolate(weights, at_corners(index, column))

    u, v = (skip_unless(active, interpolate_at, weights, uv_ids, column) for column in (mesh.u, mesh.v))
    at_pixels = tuple(skip_unless(active, interpolate_at, weights, ids, column) for column in values)
    depth = -skip_unless(active, interpolate_at, weights, ids, screen[2])
    height, width = triangle.shape
    x = jnp.broadcast_to(jnp.arange(width)[None] + 0.5, triangle.shape)
    y = jnp.broadcast_to(jnp.arange(height)[:, None] + 0.5, triangle.shape)
    return Surface(u, v, at_pixels, x, y, depth)


def _backward(
    residuals: tuple[Corners, tuple[Array, ...], Mesh, Array], cotangent: Surface
) -> tuple[Corners, tuple[Array, ...], None, None]:
    screen, values, mesh, triangle = residuals
    hit = triangle >= 0
    active = jnp.any(hit)
    index = jnp.maximum(triangle, 0)

    def weight_gradients(cotangent: Surface) -> tuple[Array, Array]:
        """Cotangents of the second and third weight; the first is what they leave of one."""
        ids, uv_ids = corners_of(mesh.faces, index), corners_of(mesh.uv_faces, index)
        corners = [
            at_corners(uv_ids, mesh.u),
            at_corners(uv_ids, mesh.v),
            *(at_corners(ids, column) for column in values),
        ]
        pairs = list(zip((cotangent.u, cotangent.v, *cotangent.values), corners, strict=True))

        def of_weight(k: int) -> Array:
            # A column is its first corner plus each other weight times the difference to that corner.
            terms = (gradient * (corner[k] - corner[0]) for gradient, corner in pairs)
            return sum(terms, start=jnp.zeros(index.shape))

        return of_weight(1), of_weight(2)

    def corner_gradients(gradients: tuple[Array, Array], x: Array, y: Array) -> tuple[Array, ...]:
        """Cotangents of x, y and inverse_w of each corner, then the weights."""
        ids = corners_of(mesh.faces, index)
        xs, ys, inverse_w = (at_corners(ids, column) for column in screen)
        flat, weights = barycentric(xs, ys, inverse_w, hit)

        def of(xs: Corners, ys: Corners, inverse_w: Corners) -> tuple[Array, Array]:
            return barycentric(xs, ys, inverse_w, hit)[1][1:]

        _, back = jax.vjp(of, xs, ys, inverse_w)
        dx, dy, dw = back(gradients)
        here = jnp.where(hit, 1.0, 0.0)
        shifts = (
            tuple(dx[k] + here * flat[k] * x for k in range(3)),
            tuple(dy[k] + here * flat[k] * y for k in range(3)),
        )
        return (*shifts[0], *shifts[1], *dw, *weights)

    gradients = skip_unless(active, weight_gradients, cotangent)
    planes = skip_unless(active, corner_gradients, gradients, cotangent.x, cotangent.y)
    total = jnp.zeros((screen[0].shape[0], 3 + len(values)), screen[0].dtype)
    for corner in range(3):
        dx, dy, dw, weight = planes[corner::3]

        def rows(dx: Array, dy: Array, dw: Array, weight: Array, cotangent: tuple[Array, ...]) -> Array:
            columns = (dx, dy, dw, *(weight * gradient for gradient in cotangent))
            return jnp.stack([column.reshape(-1) for column in columns], axis=-1)

        row = skip_unless(active, rows, dx, dy, dw, weight, cotangent.values)
        total = total.at[mesh.faces[corner][index].reshape(-1)].add(row, mode="promise_in_bounds")
    columns = tuple(total[:, k] for k in range(total.shape[1]))
    return columns[:3], columns[3:], None, None  # type: ignore[return-value]


surface.defvjp(lambda *arguments: (surface(*arguments), arguments), _backward)


def _weights(screen: Corners, mesh: Mesh, index: Array, hit: Array) -> tuple[Corners, Corners, Array, Array]:
    """The corners' vertices and texture coordinates, and the second and third weight."""
    ids = corners_of(mesh.faces, index)
    xs, ys, inverse_w = (at_corners(ids, column) for column in screen)
    _, weights = barycentric(xs, ys, inverse_w, hit)
    return ids, corners_of(mesh.uv_faces, index), weights[1], weights[2]
