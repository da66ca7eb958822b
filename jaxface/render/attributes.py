"""What the pixels see of a surface: values at vertices, carried to pixel centres.

Each stage fetches planes of one number a pixel and writes few of them: XLA's CPU compiler makes
fast loops of that. The gradient is written out: values at corners are fetched again instead of
kept, and go back to the vertices in rows, one scatter a corner for all columns. Reverse mode only.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxface.core.target import for_accelerators
from jaxface.core.types import Array
from jaxface.render.barriers import skip_unless
from jaxface.render.indexing import Corners, at_corners, corners_of, take
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
    at_pixels = _by_rows if for_accelerators() else _by_columns
    inverse_w, u, v, *columns = at_pixels(screen, values, mesh, triangle)
    height, width = triangle.shape
    x = jnp.broadcast_to(jnp.arange(width)[None] + 0.5, triangle.shape)
    y = jnp.broadcast_to(jnp.arange(height)[:, None] + 0.5, triangle.shape)
    return Surface(u, v, tuple(columns), x, y, -inverse_w)


def _by_columns(screen: Corners, values: tuple[Array, ...], mesh: Mesh, triangle: Array) -> tuple[Array, ...]:
    """inverse_w, u, v and the values at the pixels."""
    hit = triangle >= 0
    active = jnp.any(hit)
    index = jnp.maximum(triangle, 0)
    ids, uv_ids, second, third = skip_unless(active, _weights, screen, mesh, index, hit)
    weights = 1.0 - second - third, second, third

    def interpolate_at(weights: Corners, index: Corners, column: Array) -> Array:
        return interpolate(weights, at_corners(index, column))

    columns = (uv_ids, mesh.u), (uv_ids, mesh.v), *((ids, column) for column in values)
    at_pixels = [skip_unless(active, interpolate_at, weights, *each) for each in columns]
    return (skip_unless(active, interpolate_at, weights, ids, screen[2]), *at_pixels)


def _by_rows(screen: Corners, values: tuple[Array, ...], mesh: Mesh, triangle: Array) -> tuple[Array, ...]:
    """`_by_columns`, with one fetch a pixel."""
    hit = triangle >= 0
    xs, ys, inverse_w, *columns = _corner_rows(screen, values, mesh, jnp.maximum(triangle, 0))
    _, weights = barycentric(xs, ys, inverse_w, hit)
    return tuple(
        jnp.where(jnp.any(hit), interpolate(weights, corners), 0.0) for corners in (inverse_w, *columns)
    )


def _corner_rows(screen: Corners, values: tuple[Array, ...], mesh: Mesh, index: Array) -> list[Corners]:
    """x, y, inverse_w, u, v and the values at the three corners of each pixel's triangle."""
    vertices, places = jnp.stack((*screen, *values), axis=-1), jnp.stack((mesh.u, mesh.v), axis=-1)
    at_faces = [take(vertices, mesh.faces[i]) for i in range(3)] + [
        take(places, mesh.uv_faces[i]) for i in range(3)
    ]
    count = vertices.shape[-1]
    rows = take(jnp.concatenate(at_faces, axis=-1), index)

    def corners(first: int, step: int) -> Corners:
        return rows[..., first], rows[..., first + step], rows[..., first + 2 * step]

    of_vertices = [corners(k, count) for k in range(count)]
    return [*of_vertices[:3], *(corners(3 * count + k, 2) for k in range(2)), *of_vertices[3:]]


def _backward(
    residuals: tuple[Corners, tuple[Array, ...], Mesh, Array], cotangent: Surface
) -> tuple[Corners, tuple[Array, ...], None, None]:
    screen, values, mesh, triangle = residuals
    hit = triangle >= 0
    active = jnp.any(hit)
    index = jnp.maximum(triangle, 0)
    by_rows = _corner_rows(screen, values, mesh, index) if for_accelerators() else None

    def weight_gradients(cotangent: Surface) -> tuple[Array, Array]:
        """Cotangents of the second and third weight; the first is what they leave of one."""
        if by_rows is None:
            ids, uv_ids = corners_of(mesh.faces, index), corners_of(mesh.uv_faces, index)
            columns = (uv_ids, mesh.u), (uv_ids, mesh.v), *((ids, column) for column in values)
            corners = [at_corners(*each) for each in columns]
        else:
            corners = by_rows[3:]
        pairs = list(zip((cotangent.u, cotangent.v, *cotangent.values), corners, strict=True))

        def of_weight(k: int) -> Array:
            # A column is its first corner plus each other weight times the difference to that corner.
            terms = (gradient * (corner[k] - corner[0]) for gradient, corner in pairs)
            return sum(terms, start=jnp.zeros(index.shape))

        return of_weight(1), of_weight(2)

    def corner_gradients(gradients: tuple[Array, Array], x: Array, y: Array) -> tuple[Array, ...]:
        """Cotangents of x, y and inverse_w of each corner, then the weights."""
        if by_rows is None:
            ids = corners_of(mesh.faces, index)
            xs, ys, inverse_w = (at_corners(ids, column) for column in screen)
        else:
            xs, ys, inverse_w = by_rows[:3]
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

    def rows(dx: Array, dy: Array, dw: Array, weight: Array, cotangent: tuple[Array, ...]) -> Array:
        columns = (dx, dy, dw, *(weight * gradient for gradient in cotangent))
        return jnp.stack([column.reshape(-1) for column in columns], axis=-1)

    of_corners = [skip_unless(active, rows, *planes[corner::3], cotangent.values) for corner in range(3)]
    ends = [mesh.faces[corner] for corner in range(3)]
    if for_accelerators():
        of_faces = jnp.zeros((len(ends[0]), 3 * of_corners[0].shape[-1]), screen[0].dtype)
        of_faces = of_faces.at[index.reshape(-1)].add(
            jnp.concatenate(of_corners, axis=-1), mode="promise_in_bounds"
        )
        of_corners = jnp.split(of_faces, 3, axis=-1)
    else:
        ends = [end[index].reshape(-1) for end in ends]
    total = jnp.zeros((screen[0].shape[0], 3 + len(values)), screen[0].dtype)
    for end, row in zip(ends, of_corners, strict=True):
        total = total.at[end].add(row, mode="promise_in_bounds")
    columns = tuple(total[:, k] for k in range(total.shape[1]))
    return columns[:3], columns[3:], None, None  # type: ignore[return-value]


surface.defvjp(lambda *arguments: (surface(*arguments), arguments), _backward)


def _weights(screen: Corners, mesh: Mesh, index: Array, hit: Array) -> tuple[Corners, Corners, Array, Array]:
    """The corners' vertices and texture coordinates, and the second and third weight."""
    ids = corners_of(mesh.faces, index)
    xs, ys, inverse_w = (at_corners(ids, column) for column in screen)
    _, weights = barycentric(xs, ys, inverse_w, hit)
    return ids, corners_of(mesh.uv_faces, index), weights[1], weights[2]
