"""The general z-buffer: which triangle each pixel sees. Any mesh, exact, no capacity to overflow.

Flat pair expansion: every triangle that faces the camera is tested at the pixel centres of its bounding
box. The (triangle, pixel) pairs of all triangles form one list, which is worked off in chunks of fixed
length; a chunk is laid out in blocks of `_LANES` pairs of one triangle, so that the triangle's
coefficients are fetched once a block. Nearest depth first, then the triangle among equals: two
order-independent scatters, hence the same picture on every run and device.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.render.camera import Screen, project
from jaxface.render.scene import Camera, Orthographic
from jaxface.render.stages import stage

_LANES = 8  # pairs in a block: one triangle each
_BLOCKS = 4096  # blocks in a chunk


Corners = tuple[Array, Array, Array]  # of triangles: one plane for each corner


class Fragments(NamedTuple):
    """What each pixel of one image sees.

    Attributes:
        triangle: (H, W) int32 index into the faces, -1 = background.
        barycentric: (H, W, 3) perspective-correct weights of the triangle's corners, differentiable in
            the vertices while the triangle stays the same; (1, 0, 0) on the background.
        depth: (H, W) metres: distance along the axis from a perspective camera, -z for an orthographic
            one; infinite on the background.
    """

    triangle: Array
    barycentric: Array
    depth: Array


@partial(jax.jit, static_argnames=("size", "cull"))
def rasterize(vertices: Array, faces: Array, camera: Camera, size: int, cull: bool = True) -> Fragments:
    """The nearest triangle at every pixel centre, from all of them.

    Args:
        vertices: (V, 3) in the head's frame.
        faces: (F, 3) int32, counter-clockwise seen from outside.
        size: pixels along an edge.
        cull: leave out triangles that are seen from behind, as suits a closed surface.
    """
    screen = project(camera, vertices, size)
    triangle = visible(screen, faces, size, cull)
    covered = triangle >= 0
    metres = -vertices[:, 2] if isinstance(camera, Orthographic) else camera.position[2] - vertices[:, 2]
    columns = (screen.xy[:, 0], screen.xy[:, 1], screen.inverse_w, metres)
    xs, ys, inverse_w, depths = corner_planes(columns, faces, triangle)
    _, weights = barycentric(xs, ys, inverse_w, covered)
    depth = jnp.where(covered, interpolate(weights, depths), jnp.inf)
    return Fragments(triangle, jnp.stack(weights, axis=-1), depth)


@jax.custom_vjp
def corner_planes(columns: tuple[Array, ...], faces: Array, triangle: Array) -> tuple[Corners, ...]:
    """Each column of vertex values at the three corners of the triangle that a pixel sees.

    Planes of one number a pixel, fetched one by one, are what XLA's CPU compiler makes fast loops of;
    their gradient goes back to the vertices in rows, one scatter for all columns. Reverse mode only.

    Args:
        columns: K arrays (V,).
        triangle: (H, W) int32; -1, the background, gets the first triangle.

    Returns:
        K tuples of three (H, W).
    """
    ids = _corner_ids(faces, triangle)
    return tuple(_gather(ids, column) for column in columns)


def _corner_planes_forward(
    columns: tuple[Array, ...], faces: Array, triangle: Array
) -> tuple[tuple[Corners, ...], tuple[Array, Corners]]:
    ids = _corner_ids(faces, triangle)
    return tuple(_gather(ids, column) for column in columns), (columns[0], ids)


def _corner_planes_backward(
    kept: tuple[Array, Corners], cotangents: tuple[Corners, ...]
) -> tuple[tuple[Array, ...], None, None]:
    column, ids = kept
    total = jnp.zeros((column.shape[0], len(cotangents)), column.dtype)
    for corner in range(3):
        rows = jnp.stack([planes[corner].reshape(-1) for planes in cotangents], axis=-1)
        total = total.at[ids[corner].reshape(-1)].add(rows)
    return tuple(total[:, k] for k in range(len(cotangents))), None, None


corner_planes.defvjp(_corner_planes_forward, _corner_planes_backward)


def _corner_ids(faces: Array, triangle: Array) -> Corners:
    seen = jnp.maximum(triangle, 0)
    return faces[:, 0][seen], faces[:, 1][seen], faces[:, 2][seen]


def barycentric(xs: Corners, ys: Corners, inverse_w: Corners, covered: Array) -> tuple[Corners, Corners]:
    """Weights of the corners at every pixel centre: linear on the screen, and on the surface.

    Args:
        xs, ys, inverse_w: of the corners, (H, W) each.
        covered: (H, W); elsewhere the weights are (1, 0, 0) and no gradient flows.
    """
    height, width = covered.shape
    x = jnp.broadcast_to(jnp.arange(width)[None] + 0.5, covered.shape)
    y = jnp.broadcast_to(jnp.arange(height)[:, None] + 0.5, covered.shape)
    dx, dy = [corner - x for corner in xs], [corner - y for corner in ys]
    edges = [dx[i - 2] * dy[i - 1] - dy[i - 2] * dx[i - 1] for i in range(3)]
    flat = _normalise(edges, covered)
    return flat, _normalise([edge * w for edge, w in zip(edges, inverse_w, strict=True)], covered)


def _normalise(weights: list[Array], covered: Array) -> Corners:
    total = weights[0] + weights[1] + weights[2]
    sound = covered & (total != 0.0)
    inverse = jnp.where(sound, 1.0, 0.0) / jnp.where(sound, total, 1.0)
    second, third = weights[1] * inverse, weights[2] * inverse
    return 1.0 - second - third, second, third


def interpolate(weights: Corners, values: Corners) -> Array:
    """The corners' values at the pixel."""
    return weights[0] * values[0] + weights[1] * values[1] + weights[2] * values[2]


def visible(screen: Screen, faces: Array, size: int, cull: bool = True) -> Array:
    """(size, size) int32: the nearest triangle at each pixel centre, -1 where there is none.

    A centre on an edge belongs to the triangles of both sides; of triangles at equal depth the first
    wins. No gradient passes.
    """
    screen = jax.lax.stop_gradient(screen)
    columns = (screen.xy[:, 0], screen.xy[:, 1], screen.depth, screen.inverse_w)
    ids = (faces[:, 0], faces[:, 1], faces[:, 2])
    ahead = jnp.any(screen.inverse_w > 0.0)
    ends = jnp.cumsum(stage(ahead, partial(_blocks, size, cull), *columns, ids))
    nobody = jnp.full(size * size, faces.shape[0], jnp.int32)

    def more(state: tuple[Array, Array, Array]) -> Array:
        return state[0] < ends[-1]

    def draw(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        first, nearest, owner = state
        pixel, depth, triangle = _chunk(columns[:3], ids, ends, first, size)
        closer = nearest.at[pixel].min(depth, mode="drop")
        owner = jnp.where(closer < nearest, nobody, owner)
        wins = (depth == closer.at[pixel].get(mode="clip")) & (depth < jnp.inf)
        # A pair that is not nearest is sent out of the image, where it is dropped.
        owner = owner.at[jnp.where(wins, pixel, size * size)].min(triangle, mode="drop")
        return first + _BLOCKS, closer, owner

    start = (jnp.zeros((), jnp.int32), jnp.full(size * size, jnp.inf, jnp.float32), nobody)
    _, _, owner = jax.lax.while_loop(more, draw, start)
    return jnp.where(owner < faces.shape[0], owner, -1).reshape(size, size)


def _blocks(size: int, cull: bool, x: Array, y: Array, depth: Array, inverse_w: Array, ids: Corners) -> Array:
    """(F,) int32: how many blocks of pairs each triangle takes."""
    xs, ys, ws = _gather(ids, x), _gather(ids, y), _gather(ids, inverse_w)
    area = (xs[1] - xs[0]) * (ys[2] - ys[0]) - (ys[1] - ys[0]) * (xs[2] - xs[0])
    drawn = area < 0.0 if cull else area != 0.0  # y points down: counter-clockwise is negative
    drawn &= jnp.minimum(jnp.minimum(ws[0], ws[1]), ws[2]) > 0.0
    _, width = _extent(xs, size)
    _, height = _extent(ys, size)
    return jnp.where(drawn, jnp.ceil(width * height / _LANES), 0.0).astype(jnp.int32)


def _chunk(columns: Corners, ids: Corners, ends: Array, first: Array, size: int) -> tuple[Array, Array, Array]:
    """Pairs of the blocks from `first` on, flat: pixel, depth (infinite = not covered) and triangle."""
    go = first < ends[-1]
    triangle = stage(go, _owners, ends, first)
    planes = stage(go, partial(_coefficients, size), columns, ids, ends, first, triangle)
    pixel, depth = stage(go, partial(_test, size), planes)
    owner = jnp.broadcast_to(triangle[:, None], pixel.shape)
    return pixel.reshape(-1), depth.reshape(-1), owner.reshape(-1)


def _owners(ends: Array, first: Array) -> Array:
    """(_BLOCKS,) the triangle of each block."""
    triangle = jnp.searchsorted(ends, first + jnp.arange(_BLOCKS), side="right")
    return jnp.minimum(triangle, ends.shape[0] - 1).astype(jnp.int32)


class _Coefficients(NamedTuple):
    """What a block of pairs is tested with, one number a block."""

    edges: tuple[tuple[Array, ...], ...]
    depths: Corners
    left: Array
    top: Array
    width: Array
    pairs: Array
    skipped: Array


def _coefficients(
    size: int, columns: Corners, ids: Corners, ends: Array, first: Array, triangle: Array
) -> _Coefficients:
    block = first + jnp.arange(_BLOCKS)
    start = jnp.where(triangle > 0, ends[triangle - 1], 0)
    corners = _gather3(ids, triangle)
    xs, ys, depths = (_gather(corners, column) for column in columns)
    (left, width), (top, height) = _extent(xs, size), _extent(ys, size)
    pairs = jnp.where(block < ends[-1], width * height, 0.0)
    skipped = (_LANES * (block - start)).astype(jnp.float32)
    sign = jnp.sign((xs[1] - xs[0]) * (ys[2] - ys[0]) - (ys[1] - ys[0]) * (xs[2] - xs[0]))
    edges = tuple(_edge(sign, opposite, corners, xs, ys) for opposite in range(3))
    return _Coefficients(edges, depths, left, top, width, pairs, skipped)


def _test(size: int, planes: _Coefficients) -> tuple[Array, Array]:
    """Pixel and depth of every pair, (_BLOCKS, _LANES) each; infinitely deep where not covered."""
    edges, depths, left, top, width, pairs, skipped = jax.tree.map(lambda plane: plane[:, None], planes)
    number = skipped + jnp.arange(_LANES, dtype=jnp.float32)[None]
    line = jnp.floor((number + 0.5) / width)
    x, y = left + number - line * width, top + line
    e0, e1, e2 = ((y + 0.5 - y0) * across - (x + 0.5 - x0) * down for x0, y0, across, down in edges)
    total = e0 + e1 + e2
    inside = (number < pairs) & (e0 >= 0.0) & (e1 >= 0.0) & (e2 >= 0.0) & (total > 0.0)
    depth = (e0 * depths[0] + e1 * depths[1] + e2 * depths[2]) / jnp.where(inside, total, 1.0)
    pixel = jnp.where(number < pairs, y * size + x, 0.0).astype(jnp.int32)
    return pixel, jnp.where(inside, depth, jnp.inf)


def _gather(ids: Corners, values: Array) -> Corners:
    return values[ids[0]], values[ids[1]], values[ids[2]]


def _gather3(columns: Corners, index: Array) -> Corners:
    return columns[0][index], columns[1][index], columns[2][index]


def _extent(corners: Corners, size: int) -> tuple[Array, Array]:
    """First pixel whose centre the corners span along one axis, and how many there are, as floats."""
    low = jnp.minimum(jnp.minimum(corners[0], corners[1]), corners[2])
    high = jnp.maximum(jnp.maximum(corners[0], corners[1]), corners[2])
    first = jnp.clip(jnp.ceil(low - 0.5), 0.0, size)
    last = jnp.clip(jnp.floor(high - 0.5), -1.0, size - 1.0)
    return first, jnp.maximum(last - first + 1.0, 0.0)


def _edge(sign: Array, opposite: int, ids: Corners, xs: Corners, ys: Corners) -> tuple[Array, ...]:
    """Origin (x, y) and direction of the edge opposite a corner, turned so that inside is positive.

    It starts at its corner of lower index: the two triangles that share an edge then compute the same
    number with opposite signs, so that no pixel centre can fall between them.
    """
    i, j = (opposite + 1) % 3, (opposite + 2) % 3
    swap = ids[i] > ids[j]
    sign = jnp.where(swap, -sign, sign)
    x0, y0 = jnp.where(swap, xs[j], xs[i]), jnp.where(swap, ys[j], ys[i])
    x1, y1 = jnp.where(swap, xs[i], xs[j]), jnp.where(swap, ys[i], ys[j])
    return x0, y0, sign * (x1 - x0), sign * (y1 - y0)
