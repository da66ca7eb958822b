"""Which triangles each tile of the screen may show: lists for a group of frames, with no capacity.

A triangle may show in a tile if the box around its corners, over all frames of the group that see
its front, holds a sample of the tile. `TileLists` keeps how many such triangles come before each
one. The k-th of a tile is where that count passes k: found by comparing and adding, for many at
once. Nothing is scattered or cut off, so no list can overflow.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core.types import Array
from jaxface.render.indexing import Corners, take

_ROW = 128


class Grid(NamedTuple):
    """Square tiles that cover the samples of a picture.

    Attributes:
        samples: along an edge of the picture.
        edge: samples along an edge of a tile.
        row: tiles along an edge of the picture; the last ones may reach beyond it.
    """

    samples: int
    edge: int
    row: int

    @property
    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """(tiles,) column and line of each tile."""
        lines, columns = np.divmod(np.arange(self.row**2, dtype=np.int32), np.int32(self.row))
        return columns, lines

    @property
    def origins(self) -> np.ndarray:
        """(tiles, 2) float32 x and y of each tile's first sample."""
        return self.edge * np.stack(self.places, axis=-1).astype(np.float32)

    @property
    def offsets(self) -> tuple[np.ndarray, np.ndarray]:
        """(edge^2,) float32 x and y of a tile's samples, from the first one."""
        y, x = np.divmod(np.arange(self.edge**2, dtype=np.float32), np.float32(self.edge))
        return x, y


class TileLists(NamedTuple):
    """Candidates of every tile, in ascending order of the triangles, which stand in rows of 128.

    Attributes:
        within: (tiles, rows, 128): candidates among the triangles of a row up to this one.
        through: (tiles, rows) int32: candidates up to the end of a row.
        order: (tiles,) int32: tiles by their number of candidates, most first.
    """

    within: Array
    through: Array
    order: Array

    @property
    def lengths(self) -> Array:
        """(tiles,) int32 candidates of each tile."""
        return self.through[:, -1]


def grid_of(size: int, supersample: int) -> Grid:
    """Return tiles of about 8 x 8 samples, each with whole pixels."""
    edge = supersample * max(1, 8 // supersample)
    return Grid(size * supersample, edge, -(-size * supersample // edge))


def at_corners(faces: Array, *columns: Array) -> list[Corners]:
    """Return columns (V, G) at the corners of triangles (F, 3): for each column three, (F, G) each.

    All columns are fetched as one row: what a fetch costs does not depend on its length.
    """
    table = jnp.concatenate(columns, axis=1)
    corners = [jnp.split(take(table, faces[:, i]), len(columns), axis=1) for i in range(3)]
    return [(corners[0][k], corners[1][k], corners[2][k]) for k in range(len(columns))]


def tile_lists(x: Array, y: Array, ahead: Array, faces: Array, grid: Grid) -> TileLists:
    """Return the lists of a group of G frames.

    Args:
        x, y: (V, G) samples from the left and from the top.
        ahead: (V, G) bool, in front of the camera.
        faces: (F, 3) int32.
    """
    x = jnp.where(ahead, x, jnp.nan)  # no comparison with it is true
    xs, ys = at_corners(faces, x, y)
    front = facing_front(xs, ys)
    across, down = (_in_rows(_tile_range(corners, front, grid)) for corners in (xs, ys))
    column, line = (jnp.asarray(place)[:, None, None] for place in grid.places)
    overlap = (across[0][None] <= column) & (column <= across[1][None])
    overlap &= (down[0][None] <= line) & (line <= down[1][None])
    # By a matrix product of zeros and ones, which is exact in any precision of the factors.
    triangle = jnp.triu(jnp.ones((_ROW, _ROW), jnp.float32))
    within = jnp.einsum("nrk,kl->nrl", overlap.astype(jnp.float32), triangle)
    through = jnp.cumsum(jnp.sum(overlap, axis=-1, dtype=jnp.int32), axis=1)
    return TileLists(within, through, jnp.argsort(-through[:, -1]).astype(jnp.int32))


def facing_front(xs: Corners, ys: Corners) -> Array:
    """Return whether triangles show their front: counter-clockwise, where y points down."""
    return (xs[1] - xs[0]) * (ys[2] - ys[0]) - (ys[1] - ys[0]) * (xs[2] - xs[0]) < 0.0


def candidates(lists: TileLists, tiles: Array, first: Array, number: int) -> Array:
    """Return the triangles (C, number) in some slots of the lists of tiles (C,); F' or more = none.

    Args:
        first: () the first slot.
    """
    slot = (first + jnp.arange(number, dtype=jnp.int32))[None]
    through = take(lists.through, tiles)
    passed = through[:, None] <= slot[..., None]  # (C, number, rows)
    row = jnp.sum(passed, axis=-1, dtype=jnp.int32)
    earlier = jnp.max(jnp.where(passed, through[:, None], 0), axis=-1)
    rows = through.shape[1]
    place = rows * tiles[:, None] + jnp.minimum(row, rows - 1)
    within = take(lists.within.reshape(-1, _ROW), place)
    rest = (slot - earlier).astype(within.dtype)
    return row * _ROW + jnp.sum(within <= rest[..., None], axis=-1, dtype=jnp.int32)


def _tile_range(corners: Corners, front: Array, grid: Grid) -> tuple[Array, Array]:
    """(F,) first and last tile along one axis whose samples a triangle may cover in some frame."""
    low = jnp.minimum(jnp.minimum(corners[0], corners[1]), corners[2])
    high = jnp.maximum(jnp.maximum(corners[0], corners[1]), corners[2])
    low = jnp.min(jnp.where(front, low, jnp.inf), axis=1)
    high = jnp.max(jnp.where(front, high, -jnp.inf), axis=1)
    first = jnp.clip(jnp.ceil(low - 0.5), 0.0, grid.samples)
    last = jnp.clip(jnp.floor(high - 0.5), -1.0, grid.samples - 1.0)
    tile_first = jax.lax.div(first.astype(jnp.int32), grid.edge)
    tile_last = jnp.where(first <= last, jax.lax.div(last.astype(jnp.int32), grid.edge), -1)
    return tile_first, tile_last


def _in_rows(ranges: tuple[Array, Array]) -> tuple[Array, Array]:
    """First and last tile (F,) as (rows, 128); what is added lies in no tile."""
    first, last = ranges
    missing = -len(first) % _ROW
    return (
        jnp.pad(first, (0, missing)).reshape(-1, _ROW),
        jnp.pad(last, (0, missing), constant_values=-1).reshape(-1, _ROW),
    )
