"""The general z-buffer: which triangle each pixel sees. Any mesh, exact, no capacity to overflow.

Flat pair expansion: every triangle that faces the camera is tested at the pixel centres of its bounding
box. The (triangle, pixel) pairs of all triangles form one list, which is worked off in chunks of fixed
length; a chunk is laid out in blocks of `_LANES` pairs of one triangle, so that the triangle's
coefficients are fetched once a block. Nearest depth first, then the triangle among equals: two
order-independent scatters, hence the same picture on every run and device.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.render.camera import Screen, project
from jaxface.render.scene import Camera, Orthographic

_LANES = 8  # pairs in a block: one triangle each
_BLOCKS = 4096  # blocks in a chunk


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
    corners = faces[jnp.maximum(triangle, 0)]
    flat = screen_barycentric(screen.xy[corners], pixel_centres(size), covered)
    barycentric = perspective_correct(flat, screen.inverse_w[corners])
    metres = -vertices[:, 2] if isinstance(camera, Orthographic) else camera.position[2] - vertices[:, 2]
    depth = jnp.where(covered, jnp.sum(barycentric * metres[corners], axis=-1), jnp.inf)
    return Fragments(triangle, barycentric, depth)


def pixel_centres(size: int) -> Array:
    """(size, size, 2) x and y of the pixels' centres."""
    y, x = jnp.meshgrid(jnp.arange(size) + 0.5, jnp.arange(size) + 0.5, indexing="ij")
    return jnp.stack([x, y], axis=-1)


def screen_barycentric(corners: Array, points: Array, covered: Array) -> Array:
    """Weights (..., 3) of points (..., 2) in triangles (..., 3, 2), linear on the screen.

    Where `covered` is False the answer is (1, 0, 0), and no gradient flows.
    """
    a, b, c = corners[..., 0, :] - points, corners[..., 1, :] - points, corners[..., 2, :] - points
    edges = jnp.stack([_cross(b, c), _cross(c, a), _cross(a, b)], axis=-1)
    total = jnp.sum(edges, axis=-1)
    sound = covered & (total != 0.0)
    corner = jnp.zeros_like(edges).at[..., 0].set(1.0)
    return jnp.where(sound[..., None], edges / jnp.where(sound, total, 1.0)[..., None], corner)


def perspective_correct(flat: Array, inverse_w: Array) -> Array:
    """Weights (..., 3) on the surface from those on the screen and the corners' 1 / distance."""
    weighted = flat * inverse_w
    total = jnp.sum(weighted, axis=-1, keepdims=True)
    return weighted / jnp.where(total != 0.0, total, 1.0)


def _cross(a: Array, b: Array) -> Array:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


class _Setup(NamedTuple):
    """Per triangle: `rows` (F, 20) of coefficients, and the running count of blocks, (F,) int32."""

    rows: Array
    ends: Array


def visible(screen: Screen, faces: Array, size: int, cull: bool = True) -> Array:
    """(size, size) int32: the nearest triangle at each pixel centre, -1 where there is none.

    A centre on an edge belongs to the triangles of both sides; of triangles at equal depth the first
    wins. No gradient passes.
    """
    setup = _setup(jax.tree.map(jax.lax.stop_gradient, screen), faces, size, cull)
    blocks = setup.ends[-1]
    nothing = jnp.full(size * size, jnp.inf, jnp.float32)
    nobody = jnp.full(size * size, faces.shape[0], jnp.int32)

    def more(state: tuple[Array, Array, Array]) -> Array:
        return state[0] < blocks

    def draw(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        first, nearest, owner = state
        pixel, depth, triangle = _chunk(setup, first, size)
        closer = nearest.at[pixel].min(depth, mode="drop")
        owner = jnp.where(closer < nearest, nobody, owner)
        # A pair that is not nearest is sent out of the image, where it is dropped.
        winner = jnp.where(depth == closer.at[pixel].get(mode="clip"), pixel, size * size)
        return first + _BLOCKS, closer, owner.at[winner].min(triangle, mode="drop")

    start = (jnp.zeros((), jnp.int32), nothing, nobody)
    _, _, owner = jax.lax.while_loop(more, draw, start)
    return jnp.where(owner < faces.shape[0], owner, -1).reshape(size, size)


def _setup(screen: Screen, faces: Array, size: int, cull: bool) -> _Setup:
    xy, depth = screen.xy[faces], screen.depth[faces]
    area = _cross(xy[:, 1] - xy[:, 0], xy[:, 2] - xy[:, 0])
    drawn = jnp.all(screen.inverse_w[faces] > 0.0, axis=1) & jnp.all(jnp.isfinite(xy), axis=(1, 2))
    drawn &= area < 0.0 if cull else area != 0.0  # y points down: counter-clockwise is negative
    low = jnp.clip(jnp.ceil(jnp.min(xy, axis=1) - 0.5), 0, size)
    high = jnp.clip(jnp.floor(jnp.max(xy, axis=1) - 0.5), -1, size - 1)
    extent = jnp.where(drawn[:, None], jnp.maximum(high - low + 1, 0), 0)
    pairs = extent[:, 0] * extent[:, 1]
    blocks = jnp.ceil(pairs / _LANES).astype(jnp.int32)
    ends = jnp.cumsum(blocks)
    # Each edge starts at its corner of lower index: the two triangles that share it then compute the
    # same number with opposite signs, so that no pixel centre can fall between them.
    sign = jnp.sign(area)[:, None]
    begin, end = xy[:, (1, 2, 0)], xy[:, (2, 0, 1)]
    swap = (faces[:, (1, 2, 0)] > faces[:, (2, 0, 1)])[..., None]
    origin = jnp.where(swap, end, begin)
    along = jnp.where(swap, begin - end, end - begin) * jnp.where(swap, -1.0, 1.0) * sign[..., None]
    width = jnp.maximum(extent[:, :1], 1.0)
    rows = [origin.reshape(-1, 6), along.reshape(-1, 6), depth, low, width, pairs[:, None]]
    rows.append((ends - blocks).astype(jnp.float32)[:, None])
    return _Setup(jnp.concatenate(rows, axis=1), ends)


def _chunk(setup: _Setup, first: Array, size: int) -> tuple[Array, Array, Array]:
    """Pairs of the blocks from `first` on: pixel (size * size = none), depth and triangle, flat."""
    block = first + jnp.arange(_BLOCKS)
    triangle = jnp.searchsorted(setup.ends, block, side="right")
    triangle = jnp.minimum(triangle, setup.ends.shape[0] - 1)
    row = setup.rows[triangle].T[:, :, None]
    start = setup.ends[triangle]
    number = jnp.arange(_LANES, dtype=jnp.float32)[None] + _LANES * (
        block.astype(jnp.float32)[:, None] - row[19]
    )
    alive = (number < row[18]) & (block < setup.ends[-1])[:, None] & (start > block)[:, None]
    line = jnp.floor((number + 0.5) / row[17])
    x, y = row[15] + number - line * row[17], row[16] + line

    def side(edge: int) -> Array:
        dx, dy = x + 0.5 - row[2 * edge], y + 0.5 - row[2 * edge + 1]
        return dy * row[6 + 2 * edge] - dx * row[7 + 2 * edge]

    e0, e1, e2 = side(0), side(1), side(2)
    total = e0 + e1 + e2
    inside = alive & (e0 >= 0.0) & (e1 >= 0.0) & (e2 >= 0.0) & (total > 0.0)
    depth = (e0 * row[12] + e1 * row[13] + e2 * row[14]) / jnp.where(inside, total, 1.0)
    pixel = jnp.where(inside, (y * size + x).astype(jnp.int32), size * size)
    owner = jnp.broadcast_to(triangle[:, None], pixel.shape)
    return pixel.reshape(-1), jnp.where(inside, depth, jnp.inf).reshape(-1), owner.reshape(-1)
