"""The general z-buffer: which triangle each pixel shows. Any mesh, exact, no capacity to overflow.

Every triangle that faces the camera is tested at the pixel centres of its bounding box. The
(triangle, pixel) pairs of all triangles form one list, which is worked off in chunks of blocks: a
few pairs of one triangle, so that its coefficients are fetched once a block. Nearest depth first,
then the triangle among equals: two order-independent scatters, so the same picture every time.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.render.barriers import materialize, skip_unless
from jaxface.render.camera import Screen, project
from jaxface.render.indexing import Corners, at_corners, corners_of, prefix_sum
from jaxface.render.scenes import Camera, Orthographic

_BLOCKS = 2048  # blocks in a chunk
_NEVER = 2**30


class Fragments(NamedTuple):
    """What each pixel of one image shows.

    Attributes:
        triangle: (H, W) int32 index into the faces, -1 = background.
        barycentric: (H, W, 3) perspective-correct weights of the triangle's corners, differentiable
            in the vertices while the triangle stays the same; (1, 0, 0) on the background.
        depth: (H, W) metres: distance along the axis from a perspective camera, -z for an
            orthographic one; infinite on the background.
    """

    triangle: Array
    barycentric: Array
    depth: Array


@partial(jax.jit, static_argnames=("size", "cull"))
def rasterize(vertices: Array, faces: Array, camera: Camera, size: int, cull: bool = True) -> Fragments:
    """Return the nearest triangle at every pixel centre, of all triangles.

    Args:
        vertices: (V, 3) in the head's frame.
        faces: (F, 3) int32, counter-clockwise seen from outside.
        size: pixels along an edge.
        cull: leave out triangles that are seen from behind, as suits a closed surface.
    """
    screen = project(camera, vertices, size)
    triangle = visible(screen, faces, size, cull)
    hit = triangle >= 0
    metres = -vertices[:, 2] if isinstance(camera, Orthographic) else camera.position[2] - vertices[:, 2]
    columns = (screen.xy[:, 0], screen.xy[:, 1], screen.inverse_w, metres)
    ids = corners_of((faces[:, 0], faces[:, 1], faces[:, 2]), jnp.maximum(triangle, 0))
    xs, ys, inverse_w, depths = (at_corners(ids, column) for column in columns)
    _, weights = barycentric(xs, ys, inverse_w, hit)
    depth = jnp.where(hit, interpolate(weights, depths), jnp.inf)
    return Fragments(triangle, jnp.stack(weights, axis=-1), depth)


def barycentric(xs: Corners, ys: Corners, inverse_w: Corners, hit: Array) -> tuple[Corners, Corners]:
    """Return weights of the corners at every pixel centre: linear on the screen, and on the surface.

    Args:
        xs, ys, inverse_w: of the corners, (H, W) each.
        hit: (H, W) whether a pixel shows a triangle; elsewhere the weights are (1, 0, 0) and no gradient flows.
    """
    height, width = hit.shape
    x = jnp.broadcast_to(jnp.arange(width)[None] + 0.5, hit.shape)
    y = jnp.broadcast_to(jnp.arange(height)[:, None] + 0.5, hit.shape)
    dx, dy = [corner - x for corner in xs], [corner - y for corner in ys]
    edges = [dx[i - 2] * dy[i - 1] - dy[i - 2] * dx[i - 1] for i in range(3)]
    flat = _normalise(edges, hit)
    return flat, _normalise([edge * w for edge, w in zip(edges, inverse_w, strict=True)], hit)


def _normalise(weights: list[Array], hit: Array) -> Corners:
    total = weights[0] + weights[1] + weights[2]
    valid = hit & (total != 0.0)
    inverse = jnp.where(valid, 1.0, 0.0) / jnp.where(valid, total, 1.0)
    second, third = weights[1] * inverse, weights[2] * inverse
    return 1.0 - second - third, second, third


def interpolate(weights: Corners, values: Corners) -> Array:
    """The corners' values at the pixel."""
    return weights[0] * values[0] + weights[1] * values[1] + weights[2] * values[2]


def visible(screen: Screen, faces: Array, size: int, cull: bool = True) -> Array:
    """Return (size, size) int32: the nearest triangle at each pixel centre, -1 where there is none.

    A centre on an edge belongs to the triangles of both sides; of triangles at equal depth the
    first wins. No gradient passes.
    """
    screen = jax.lax.stop_gradient(screen)
    columns = (screen.xy[:, 0], screen.xy[:, 1], screen.depth)
    ids = (faces[:, 0], faces[:, 1], faces[:, 2])
    ahead = jnp.any(screen.inverse_w > 0.0)
    counts = skip_unless(ahead, partial(_blocks, size, cull), *columns[:2], screen.inverse_w, ids)
    queue = skip_unless(ahead, _queue, counts)
    no_triangle = faces.shape[0]

    def more(state: tuple[Array, Array, Array, Array]) -> Array:
        return state[0] < queue.total

    def draw(state: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        first, entry, nearest, owner = state
        entries, pixel, depth, triangle = _chunk(columns, ids, queue, first, entry, size)
        closer = nearest.at[pixel].min(depth, mode="promise_in_bounds")
        owner = jnp.where(closer < nearest, no_triangle, owner)
        wins = (depth == closer.at[pixel].get(mode="promise_in_bounds")) & (depth < jnp.inf)
        # What does not win is written too, as nobody: a branch for each pair costs twice.
        owner = owner.at[pixel].min(jnp.where(wins, triangle, no_triangle), mode="promise_in_bounds")
        after = entries[-1] + 1
        entry = jnp.where(queue.begins[after] == first + _BLOCKS, after, entries[-1])
        return first + _BLOCKS, entry, closer, owner

    zero = jnp.zeros((), jnp.int32)
    background = jnp.full(size * size, jnp.inf, jnp.float32), jnp.full(size * size, no_triangle, jnp.int32)
    _, _, _, owner = jax.lax.while_loop(more, draw, (zero, zero, *background))
    return jnp.where(owner < no_triangle, owner, -1).reshape(size, size)


def _blocks(size: int, cull: bool, x: Array, y: Array, inverse_w: Array, ids: Corners) -> Array:
    """(F,) int32: how many blocks of pairs each triangle takes."""
    xs, ys, ws = materialize(lambda *each: [at_corners(ids, one) for one in each], x, y, inverse_w)
    area = (xs[1] - xs[0]) * (ys[2] - ys[0]) - (ys[1] - ys[0]) * (xs[2] - xs[0])
    mask = area < 0.0 if cull else area != 0.0  # y points down: counter-clockwise is negative
    mask &= jnp.minimum(jnp.minimum(ws[0], ws[1]), ws[2]) > 0.0
    _, width = _extent(xs, size)
    _, height = _extent(ys, size)
    return jnp.where(mask, jnp.ceil(width * height / _lanes(size)), 0.0).astype(jnp.int32)


def _lanes(size: int) -> int:
    """Pairs in a block: few where triangles are small on the screen (measured at 112 and 224)."""
    return 4 if size <= 160 else 8


class _Queue(NamedTuple):
    """The triangles that have pairs to test, in order; what lies behind the last one begins never.

    Attributes:
        total: () blocks of all of them.
        triangles: (F + _BLOCKS,) their indices.
        begins: (F + _BLOCKS,) the first block of each.
    """

    total: Array
    triangles: Array
    begins: Array


def _queue(counts: Array) -> _Queue:
    length = counts.shape[0] + _BLOCKS
    ends, nonempty = prefix_sum(counts), counts > 0
    entry = jnp.where(nonempty, prefix_sum(nonempty.astype(jnp.int32)) - 1, length)
    triangles = jnp.zeros(length, jnp.int32).at[entry].set(jnp.arange(counts.shape[0]), mode="drop")
    begins = jnp.full(length, _NEVER, jnp.int32).at[entry].set(ends - counts, mode="drop")
    return _Queue(ends[-1], triangles, begins)


def _chunk(
    columns: Corners, ids: Corners, queue: _Queue, first: Array, entry: Array, size: int
) -> tuple[Array, ...]:
    """Each block's entry in the queue, and its pairs, flat: pixel, depth, triangle."""
    entries = materialize(_entries, queue.begins, first, entry)
    triangle = queue.triangles[entries]
    planes = materialize(partial(_coefficients, size), columns, ids, queue, first, entries)
    pixel, depth = materialize(partial(_test, size), planes)
    owner = jnp.broadcast_to(triangle[:, None], pixel.shape)
    return entries, pixel.reshape(-1), depth.reshape(-1), owner.reshape(-1)


def _entries(begins: Array, first: Array, entry: Array) -> Array:
    """(_BLOCKS,) the queue's entry that each block belongs to: one more wherever a triangle begins."""
    later = jax.lax.dynamic_slice(begins, (entry + 1,), (_BLOCKS,)) - first
    starts = jnp.zeros(_BLOCKS + 1, jnp.int32).at[jnp.minimum(later, _BLOCKS)].add(1, mode="promise_in_bounds")
    return entry + prefix_sum(starts[:_BLOCKS])


class _Coefficients(NamedTuple):
    """What a block of pairs is tested with, one number a block."""

    edges: tuple[tuple[Array, ...], ...]
    depths: Corners
    left: Array
    top: Array
    width: Array
    pairs: Array
    offset: Array


def _coefficients(
    size: int, columns: Corners, ids: Corners, queue: _Queue, first: Array, entries: Array
) -> _Coefficients:
    block = first + jnp.arange(_BLOCKS)
    corners = corners_of(ids, queue.triangles[entries])
    xs, ys, depths = (at_corners(corners, column) for column in columns)
    (left, width), (top, height) = _extent(xs, size), _extent(ys, size)
    pairs = jnp.where(block < queue.total, width * height, 0.0)
    offset = (_lanes(size) * (block - queue.begins[entries])).astype(jnp.float32)
    sign = jnp.sign((xs[1] - xs[0]) * (ys[2] - ys[0]) - (ys[1] - ys[0]) * (xs[2] - xs[0]))
    edges = tuple(_edge(sign, opposite, corners, xs, ys) for opposite in range(3))
    return _Coefficients(edges, depths, left, top, width, pairs, offset)


def _test(size: int, planes: _Coefficients) -> tuple[Array, Array]:
    """Pixel and depth of every pair, (_BLOCKS, lanes) each; infinitely deep where not covered."""
    edges, depths, left, top, width, pairs, offset = jax.tree.map(lambda plane: plane[:, None], planes)
    number = offset + jnp.arange(_lanes(size), dtype=jnp.float32)[None]
    line = jnp.floor((number + 0.5) / width)
    x, y = left + number - line * width, top + line
    e0, e1, e2 = ((y + 0.5 - y0) * across - (x + 0.5 - x0) * down for x0, y0, across, down in edges)
    total = e0 + e1 + e2
    inside = (number < pairs) & (e0 >= 0.0) & (e1 >= 0.0) & (e2 >= 0.0) & (total > 0.0)
    depth = (e0 * depths[0] + e1 * depths[1] + e2 * depths[2]) / jnp.where(inside, total, 1.0)
    pixel = jnp.where(number < pairs, y * size + x, 0.0).astype(jnp.int32)
    return pixel, jnp.where(inside, depth, jnp.inf)


def _extent(corners: Corners, size: int) -> tuple[Array, Array]:
    """First pixel whose centre the corners span along one axis, and how many there are, as floats."""
    low = jnp.minimum(jnp.minimum(corners[0], corners[1]), corners[2])
    high = jnp.maximum(jnp.maximum(corners[0], corners[1]), corners[2])
    first = jnp.clip(jnp.ceil(low - 0.5), 0.0, size)
    last = jnp.clip(jnp.floor(high - 0.5), -1.0, size - 1.0)
    return first, jnp.maximum(last - first + 1.0, 0.0)


def _edge(sign: Array, opposite: int, ids: Corners, xs: Corners, ys: Corners) -> tuple[Array, ...]:
    """Origin (x, y) and direction of the edge opposite a corner, turned so that inside is positive.

    It starts at its corner of lower index: both triangles of an edge compute the same number with
    opposite signs, so that no pixel centre can fall between them.
    """
    i, j = (opposite + 1) % 3, (opposite + 2) % 3
    swap = ids[i] > ids[j]
    sign = jnp.where(swap, -sign, sign)
    x0, y0 = jnp.where(swap, xs[j], xs[i]), jnp.where(swap, ys[j], ys[i])
    x1, y1 = jnp.where(swap, xs[i], xs[j]), jnp.where(swap, ys[i], ys[j])
    return x0, y0, sign * (x1 - x0), sign * (y1 - y0)
