"""The accelerator's path: a group of frames at once, tile by tile, with a small program.

    vertex buffers -> lists of triangles for each tile                       (`tiles`)
    some tiles:     candidates x samples x frames -> the nearest, with what it shows there
                    -> texture, light, mean of the samples -> pixels

The frames are every array's last axis. What a sample shows is interpolated for every candidate and
travels with the depth through one reduction: an accelerator computes sooner than it fetches.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

from jaxface.core.types import Array
from jaxface.face.model import FaceModel
from jaxface.render.camera import Screen
from jaxface.render.indexing import take
from jaxface.render.scenes import Scene
from jaxface.render.shading import display
from jaxface.render.texels import Fetch, sampler
from jaxface.render.tiles import Grid, TileLists, candidates, grid_of, tile_lists
from jaxface.render.vertex import VertexBuffers

_SLOTS = 16  # candidates of a tile that are tested at once
_TESTS = 2**22  # of candidates x samples x frames at once
_TILES = 64  # at once; tiles with about as many candidates take as many rounds

_NONE = 2**30


class _Table(NamedTuple):
    """What candidates are made of.

    Attributes:
        vertices: (V, A G) columns of G frames: x, y, nearness (NaN = behind the camera), then what is
            interpolated. 128 frames begin at a register's first lane.
        frames: G.
        triangles: (F + 1, 9): vertices of the corners, then their texture coordinates.
    """

    vertices: Array
    triangles: Array
    frames: int

    @property
    def columns(self) -> int:
        """A."""
        return self.vertices.shape[1] // self.frames


def render_group(head: FaceModel, buffers: VertexBuffers, texture: Array, scene: Scene) -> Array:
    """Return pictures of one person's G frames, (G, size, size, 3) display values.

    The triangles are those of `rasterizer.visible`. Nothing here has a gradient.

    Args:
        buffers: (V, G) each; pixels are samples.
        texture: (H, W, 4) as in `Prepared`.
    """
    grid = grid_of(scene.size, scene.supersample)
    ahead = jnp.isfinite(buffers.x) if buffers.inverse_w is None else buffers.inverse_w > 0.0
    lists = tile_lists(buffers.x, buffers.y, ahead, head.faces, grid)
    uv = take(head.uv, head.uv_faces).reshape(len(head.faces), 6)
    wrinkle = () if buffers.wrinkle is None else (buffers.wrinkle,)
    nearness = jnp.where(ahead, buffers.inverse_depth, jnp.nan)
    table = _table(head.faces, uv, buffers.x, buffers.y, nearness, (*buffers.light, *wrinkle))
    fetch = sampler(texture)
    perspective = buffers.inverse_w is not None

    def pixels(tiles: Array) -> Array:
        planes = _nearest(lists, table, tiles, grid, perspective)
        return _pixels(planes, fetch, scene, grid, len(buffers.light), perspective)

    return _assemble(_each_tile(pixels, lists, grid, table.frames), grid, scene)


def visible(screen: Screen, faces: Array, size: int) -> Array:
    """Return (size, size) int32: the nearest triangle at each sample, as `rasterizer.visible`.

    Under `vmap`, of heads with the same triangles, the pictures are one group of frames.
    """

    @custom_vmap
    def one(screen: Screen, faces: Array) -> Array:
        return _visible_group(jax.tree.map(lambda leaf: leaf[None], screen), faces, size)[0]

    @one.def_vmap
    def group(count: int, batched: tuple[Screen, bool], screens: Screen, faces: Array) -> tuple[Array, bool]:
        if batched[1]:
            axes = jax.tree.map(lambda has_axis: 0 if has_axis else None, batched)
            return jax.vmap(one.fun, axes)(screens, faces), True

        def frames(leaf: Array, has_axis: bool) -> Array:
            return leaf if has_axis else jnp.broadcast_to(leaf[None], (count, *leaf.shape))

        return _visible_group(jax.tree.map(frames, screens, batched[0]), faces, size), True

    triangles: Array = one(jax.lax.stop_gradient(screen), faces)
    return triangles


def _visible_group(screens: Screen, faces: Array, size: int) -> Array:
    """`visible` of G frames: fields (G, ...) -> (G, size, size)."""
    grid = grid_of(size, 1)
    x, y, ahead = screens.xy[..., 0].T, screens.xy[..., 1].T, screens.inverse_w.T > 0.0
    lists = tile_lists(x, y, ahead, faces, grid)
    # A triangle's number in place of texture coordinates: equal at its corners, so the same inside.
    numbers = jnp.broadcast_to(jnp.arange(len(faces), dtype=jnp.float32)[:, None], (len(faces), 6))
    table = _table(faces, numbers, x, y, jnp.where(ahead, -screens.depth.T, jnp.nan), ())

    def triangles(tiles: Array) -> Array:
        nearness, number, _ = _nearest(lists, table, tiles, grid, perspective=False)
        triangle = jnp.where(nearness > -jnp.inf, number.astype(jnp.int32), -1)
        return triangle.reshape(len(tiles), grid.edge, grid.edge, -1)

    tiles = _each_tile(triangles, lists, grid, table.frames)
    tiles = tiles.reshape(grid.row, grid.row, grid.edge, grid.edge, -1).transpose(4, 0, 2, 1, 3)
    return tiles.reshape(-1, grid.row * grid.edge, grid.row * grid.edge)[:, :size, :size]


def _each_tile(function: Callable[[Array], Array], lists: TileLists, grid: Grid, frames: int) -> Array:
    """`function` of all tiles, in their order on the screen; of some with like lists at a time."""
    at_once = max(1, min(_TILES, _TESTS // (_SLOTS * grid.edge**2 * frames)))
    tiles = lists.order
    missing = -len(tiles) % at_once
    tiles = jnp.concatenate([tiles, jnp.broadcast_to(tiles[-1:], (missing,))])
    results = jax.lax.map(function, tiles.reshape(-1, at_once))
    return take(results.reshape(-1, *results.shape[2:]), jnp.argsort(lists.order))


def _table(faces: Array, uv: Array, x: Array, y: Array, nearness: Array, columns: tuple[Array, ...]) -> _Table:
    triangles = jnp.concatenate([faces.astype(jnp.float32), uv], axis=1)  # indices below 2^24
    vertices = jnp.concatenate([x, y, nearness, *columns], axis=1)
    return _Table(vertices, jnp.pad(triangles, ((0, 1), (0, 0))), x.shape[1])


def _nearest(lists: TileLists, table: _Table, tiles: Array, grid: Grid, perspective: bool) -> tuple[Array, ...]:
    """Nearness (-inf = background), u, v, then the table's further columns: (C, edge^2, G) each."""
    columns = table.columns  # u and v in place of x and y
    shape = (len(tiles), grid.edge**2, table.frames)
    empty = (jnp.full(shape, -jnp.inf), *(jnp.zeros(shape),) * (columns - 1))
    most = jnp.max(take(lists.lengths, tiles))

    def more(state: tuple[Array, tuple[Array, ...]]) -> Array:
        return state[0] < most

    def step(state: tuple[Array, tuple[Array, ...]]) -> tuple[Array, tuple[Array, ...]]:
        first, best = state
        tests = _test(table, candidates(lists, tiles, first, _SLOTS), tiles, grid, perspective)
        none = (jnp.float32(-jnp.inf), jnp.int32(_NONE), *(jnp.float32(0.0),) * (columns - 1))
        nearness, _, *values = jax.lax.reduce(tests, none, _nearer, (1,))
        closer = nearness > best[0]  # of two at the same depth, the first was found before
        pairs = zip((nearness, *values), best, strict=True)
        return first + _SLOTS, tuple(jnp.where(closer, new, old) for new, old in pairs)

    with jax.named_scope("candidates"):
        return jax.lax.while_loop(more, step, (jnp.int32(0), empty))[1]


def _nearer(a: tuple[Array, ...], b: tuple[Array, ...]) -> tuple[Array, ...]:
    """The nearer of two; of two at the same depth that with the lower number."""
    first = (a[0] > b[0]) | ((a[0] == b[0]) & (a[1] < b[1]))
    return tuple(jnp.where(first, one, other) for one, other in zip(a, b, strict=True))


def _test(table: _Table, triangle: Array, tiles: Array, grid: Grid, perspective: bool) -> tuple[Array, ...]:
    """All candidates (C, K) at all samples of their tiles: (C, K, edge^2, G) each, as `_nearest`."""
    last, frames = len(table.triangles) - 1, table.frames
    triangle = jnp.minimum(triangle, last)
    corner, uv = jnp.split(take(table.triangles, triangle), (3,), axis=-1)
    corner = corner.astype(jnp.int32)  # (C, K, 3)
    rows = [take(table.vertices, corner[:, :, i]) for i in range(3)]  # (C, K, A G)

    def column(number: int) -> list[Array]:
        return [jax.lax.slice_in_dim(row, frames * number, frames * (number + 1), axis=2) for row in rows]

    xs, ys, near = column(0), column(1), column(2)
    area = (ys[1] - ys[0]) * (xs[2] - xs[0]) - (xs[1] - xs[0]) * (ys[2] - ys[0])
    mask = (triangle < last)[:, :, None] & (area > 0.0) & ~jnp.isnan(near[0] + near[1] + near[2])
    origin = take(jnp.asarray(grid.origins + 0.5), tiles)
    left, top = origin[:, 0, None, None], origin[:, 1, None, None]
    dx, dy = (jnp.asarray(offset)[None, None, :, None] for offset in grid.offsets)

    def per_sample(value: Array) -> Array:
        return value[:, :, None, :]

    at, across, down = _edges(corner, xs, ys, left, top)
    at = jnp.where(mask[None], at, -jnp.inf)
    edges = [per_sample(at[i]) + (per_sample(across[i]) * dy - per_sample(down[i]) * dx) for i in range(3)]
    inside = jnp.minimum(jnp.minimum(edges[0], edges[1]), edges[2]) >= 0.0
    inverse = per_sample(1.0 / jnp.where(mask, area, 1.0))
    second, third = edges[1] * inverse, edges[2] * inverse

    def interpolate(corners: list[Array]) -> Array:
        base, *others = corners
        return per_sample(base) + second * per_sample(others[0] - base) + third * per_sample(others[1] - base)

    further = [
        [jnp.broadcast_to(uv[:, :, 2 * i + axis, None], area.shape) for i in range(3)] for axis in (0, 1)
    ]
    further += [column(number) for number in range(3, table.columns)]
    if perspective:  # what is linear on the screen is a value over the distance
        further = [[value * w for value, w in zip(values, near, strict=True)] for values in further]
    nearness = jnp.where(inside, interpolate(near), -jnp.inf)
    ids = jnp.broadcast_to(triangle[:, :, None, None], nearness.shape)
    return (nearness, ids, *(interpolate(values) for values in further))


def _edges(
    corner: Array, xs: list[Array], ys: list[Array], left: Array, top: Array
) -> tuple[Array, Array, Array]:
    """The edges opposite the corners: their functions at (left, top), and directions; inside is positive.

    As in `rasterizer`, an edge starts at its corner of lower index, so that both of its triangles
    compute the same number with opposite signs. Relative to the tile, for small numbers round less.

    Returns:
        (3, C, K, G) each.
    """
    first, second = [1, 2, 0], [2, 0, 1]
    ids = [corner[:, :, i] for i in range(3)]
    swap = jnp.stack([ids[i] > ids[j] for i, j in zip(first, second, strict=True)])[..., None]
    (x0, x1), (y0, y1) = (
        [jnp.stack([values[i] for i in side]) for side in (first, second)] for values in (xs, ys)
    )
    x0, x1 = jnp.where(swap, x1, x0), jnp.where(swap, x0, x1)
    y0, y1 = jnp.where(swap, y1, y0), jnp.where(swap, y0, y1)
    sign = jnp.where(swap, 1.0, -1.0)
    across, down = sign * (x1 - x0), sign * (y1 - y0)
    return (top[None] - y0) * across - (left[None] - x0) * down, across, down


def _pixels(
    planes: tuple[Array, ...],
    fetch: Fetch,
    scene: Scene,
    grid: Grid,
    channels: int,
    perspective: bool,
) -> Array:
    """Display values (C, 3, edge / n, edge / n, G) of the tiles' pixels."""
    nearness, *values = planes
    hit = nearness > -jnp.inf
    if perspective:
        distance = 1.0 / jnp.where(hit, nearness, 1.0)
        values = [value * distance for value in values]
    u, v, *light = values
    wrinkle = light[channels] if len(light) > channels else 0.0
    samples = fetch(hit, u, v)
    skin = 1.0 - samples[3] * wrinkle
    linear = samples[:3] * jnp.stack([channel * skin for channel in light[:channels]])
    background = scene.background**scene.gamma
    linear = jnp.where(hit[None], linear, background[:, None, None, None])
    fine = scene.supersample
    _, count, _, frames = linear.shape
    pixels = grid.edge // fine
    blocks = linear.reshape(3, count, pixels, fine, pixels, fine, frames)
    return display(jnp.mean(blocks, axis=(3, 5)), scene.gamma).swapaxes(0, 1)


def _assemble(pixels: Array, grid: Grid, scene: Scene) -> Array:
    """Pictures (G, size, size, 3) of tiles (row * row, 3, P, P, G)."""
    _, channels, edge, _, frames = pixels.shape
    tiles = pixels.reshape(grid.row, grid.row, channels, edge, edge, frames)
    pictures = tiles.transpose(5, 0, 3, 1, 4, 2).reshape(frames, grid.row * edge, grid.row * edge, channels)
    return pictures[:, : scene.size, : scene.size]
