"""Candidate lists: for each pixel the triangles that it may see in any frame of a batch.

The frames have one topology and camera, and all vertices in the convex hull of a few extreme frames
(`motion.hull_vertices`). A triangle goes into the lists of the pixel centres inside of a hexagon or
so around its swept corners: a box and three slabs along its own edges. So everything that a frame
can show is in a list, and a covered pixel has two to five candidates. One sort builds them.

    triangle    | 7 9 | 7 | 2 7 9 | 4 |  ...                 entries, pixel by pixel in the image's order
    start         0     2   3       6                        of each pixel
    count         2     1   3       1

    pixel       | 12 40 57 ... | 3 8 ... | 5 ... | ... | 77 31 | no candidates     in the order of work
    tier          1 candidate    2         3      4, 6, 8  longer
    first         ^              ^         ^      ^        ^   ^
    chunk         [===][===][==..]                           of pixels; the last one reaches into the next tier

A chunk's pixels have lists of about one length, so its loop over slots is unrolled and wastes
little: a shorter list repeats its last entry. The longest lists are sorted by length and worked
off 8 slots at a time. `position` is the inverse of `pixel`.
"""

from functools import partial, reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxface.core.pytrees import pytree
from jaxface.core.types import Array
from jaxface.render.barriers import skip_unless
from jaxface.render.indexing import prefix_sum, running_maximum
from jaxface.render.scenes import Camera, Orthographic
from jaxface.render.vertex import Planes, cross, each_axis, subtract

MARGIN = 1e-3  # pixels by which swept outlines grow: more than rounding, less than what costs time
TIERS = (1, 2, 3, 4, 6, 8)  # lengths of lists whose slots are tested unrolled; longer lists come last
MAX_LIST_LENGTH = 254  # slots that a packed word can name
CAPACITIES = (2.5, 5.0, 20.0)  # entries a pixel, on average: the smallest that fits is sorted
_NEVER = 0xFFFFFFFF


@pytree
class CandidateLists:
    """Pixels in the order in which they are drawn, and their candidates.

    Attributes:
        triangle: (E,) int32, pixel by pixel.
        pixel: (P + spare,) int32 row * size + column, by length of list, then by number.
        start, count: (P + spare,) int32 first entry and number of entries of those pixels.
        position: (P,) int32 where a pixel stands in that order; P for pixels without candidates.
        first: (tiers + 2,) int32 where the pixels of each tier begin.
        valid: () bool; False = a capacity was exceeded, and these lists must not be used.
    """

    triangle: Array
    pixel: Array
    start: Array
    count: Array
    position: Array
    first: Array
    valid: Array


class _Outline(NamedTuple):
    """What a triangle covers in any frame: first row, number of rows, box and slabs; (F,) each."""

    top: Array
    rows: Array
    left: Array
    right: Array
    slabs: tuple[tuple[Array, Array, Array, Array], ...]


def fits(size: int, triangles: int) -> bool:
    """Return whether a pixel and a triangle fit into one 32-bit key of the sort."""
    return size * size * triangles < _NEVER


def build_candidate_lists(xy: Array, faces: Array, facing: Array, size: int, spare: int) -> CandidateLists:
    """Return the candidates of all pixels.

    Args:
        xy: (K, V, 2) pixels: the vertices at the extreme frames.
        faces: (F, 3) int32.
        facing: (F,) bool: False for triangles that face the camera in no frame.
        spare: entries of `pixel`, `start`, `count` after the last pixel.
    """
    active = jnp.any(facing)
    outline = skip_unless(active, partial(_bounds, size), xy, faces, facing)
    pixels, triangles = size * size, faces.shape[0]
    # One item for each row of each outline, then one for each pixel of each row. Shapes are fixed,
    # so both lists have capacities; what exceeds them is counted, and makes the lists invalid.
    row_capacity = 2 * (triangles + pixels)
    (owner, row), row_total = _expand(outline.rows, row_capacity)
    y = outline.top[owner] + row
    left, width = skip_unless(active, partial(_span, size), outline, owner, y)
    width = jnp.where(jnp.arange(row_capacity) < row_total, width, 0)
    total = jnp.sum(width)

    def build(capacity: int) -> CandidateLists:
        (which, step), _ = _expand(width, capacity)
        place = (y[which] * size + left[which] + step).astype(jnp.uint32)
        # Sorted by pixel, then by triangle: of equals the first wins.
        key = place * jnp.uint32(triangles) + owner[which].astype(jnp.uint32)
        key = jnp.sort(jnp.where(jnp.arange(capacity) < total, key, jnp.uint32(_NEVER)))
        return _ordered(key, triangles, size, spare, valid, capacities[-1] - capacity)

    capacities = [int(each * pixels) for each in CAPACITIES]
    level = sum((total > each).astype(jnp.int32) for each in capacities[:-1])
    valid = (row_total <= row_capacity) & (total <= capacities[-1])
    return jax.lax.switch(level, [partial(build, each) for each in capacities])


def _ordered(key: Array, triangles: int, size: int, spare: int, valid: Array, padding: int) -> CandidateLists:
    """Lists from sorted keys (pixel, triangle); `padding` fills up to the largest capacity."""
    pixels = size * size
    entry = key != jnp.uint32(_NEVER)
    place = jnp.where(entry, key // jnp.uint32(triangles), jnp.uint32(pixels)).astype(jnp.int32)
    triangle = jnp.where(entry, key % jnp.uint32(triangles), 0).astype(jnp.int32)
    count = jnp.zeros(pixels, jnp.int32).at[place].add(1, mode="drop")
    start = prefix_sum(count) - count
    tier = sum((count > each).astype(jnp.uint32) for each in TIERS)
    passes = jnp.where(count > TIERS[-1], jnp.minimum(count // TIERS[-1], MAX_LIST_LENGTH), 0).astype(
        jnp.uint32
    )
    # The order of work: by tier, the last one by length, then by number; without candidates last.
    last = jnp.uint32(len(TIERS) + MAX_LIST_LENGTH + 1)
    number = jnp.arange(pixels, dtype=jnp.uint32)
    key = jnp.where(count > 0, tier + passes, last) * jnp.uint32(pixels) + number
    order = (jnp.sort(key) % jnp.uint32(pixels)).astype(jnp.int32)
    tier = jnp.where(count > 0, tier, jnp.uint32(len(TIERS) + 1))
    position = jnp.zeros(pixels, jnp.int32).at[order].set(jnp.arange(pixels, dtype=jnp.int32))
    first = jnp.zeros(len(TIERS) + 2, jnp.int32).at[tier + 1].add(1, mode="drop")
    return CandidateLists(
        triangle=jnp.pad(triangle, (0, padding)),
        pixel=jnp.pad(order, (0, spare)),
        start=jnp.pad(start[order], (0, spare)),
        count=jnp.pad(count[order], (0, spare)),
        position=jnp.where(count > 0, position, pixels),
        first=jnp.cumsum(first),
        valid=valid & (jnp.max(count) <= MAX_LIST_LENGTH),
    )


def facing(vertices: Array, faces: Array, camera: Camera) -> Array:
    """Return (F,) bool: whether a triangle may face the camera between the extremes (K, V, 3).

    The volume that a triangle spans with the camera's centre is trilinear in the weights of the
    extremes: it is positive everywhere when it is positive for every combination of extremes.
    """
    centre = None if isinstance(camera, Orthographic) else camera.position
    extremes = range(len(vertices))

    def at(corner: Array, frame: Array) -> Planes:
        return each_axis(lambda axis: frame[:, axis][corner])

    a, b, c = ([at(faces[:, i], frame) for frame in vertices] for i in range(3))
    first = [subtract(b[k], a[k]) for k in extremes]
    second = [subtract(c[k], a[k]) for k in extremes]
    rays = [] if centre is None else [subtract(a[k], (centre[0], centre[1], centre[2])) for k in extremes]
    largest = jnp.full(faces.shape[0], -jnp.inf)
    for i in extremes:
        for j in range(i + 1):
            forth, back = cross(first[i], second[j]), cross(first[j], second[i])
            x, y, z = (forth[axis] + back[axis] for axis in range(3))
            if centre is None:
                largest = jnp.maximum(largest, z)
            for ray in rays:
                largest = jnp.maximum(largest, -(x * ray[0] + y * ray[1] + z * ray[2]))
    return largest > 0.0


def _bounds(size: int, xy: Array, faces: Array, facing: Array) -> _Outline:
    extremes = len(xy)
    xs = [xy[k, :, 0][faces[:, i]] for k in range(extremes) for i in range(3)]
    ys = [xy[k, :, 1][faces[:, i]] for k in range(extremes) for i in range(3)]
    left, right = reduce(jnp.minimum, xs) - MARGIN, reduce(jnp.maximum, xs) + MARGIN
    top = jnp.clip(jnp.ceil(reduce(jnp.minimum, ys) - MARGIN - 0.5), 0.0, size)
    bottom = jnp.clip(jnp.floor(reduce(jnp.maximum, ys) + MARGIN - 0.5), -1.0, size - 1.0)
    inside = facing & (right > 0.5) & (left < size - 0.5)
    slabs = []
    for i in range(3):
        # Across the mean of an edge over the extremes: any one direction will do.
        across = sum(ys[3 * k + (i + 1) % 3] - ys[3 * k + i] for k in range(extremes))
        down = -sum(xs[3 * k + (i + 1) % 3] - xs[3 * k + i] for k in range(extremes))
        length = jnp.maximum(jnp.sqrt(across * across + down * down), 1e-6)
        across, down = across / length, down / length
        along = [across * x + down * y for x, y in zip(xs, ys, strict=True)]
        slabs.append((across, down, reduce(jnp.minimum, along) - MARGIN, reduce(jnp.maximum, along) + MARGIN))
    rows = jnp.where(inside, jnp.maximum(bottom - top + 1.0, 0.0), 0.0)
    return _Outline(top.astype(jnp.int32), rows.astype(jnp.int32), left, right, tuple(slabs))


def _span(size: int, outline: _Outline, owner: Array, y: Array) -> tuple[Array, Array]:
    """First column and number of columns of one row of a triangle's outline."""
    centre = y.astype(jnp.float32) + 0.5
    left, right = outline.left[owner], outline.right[owner]
    for slab in outline.slabs:
        across, down, low, high = (each[owner] for each in slab)
        steep = jnp.abs(across) > 0.02  # a slab nearly along the row bounds its columns no better than rounding
        inverse = 1.0 / jnp.where(steep, across, 1.0)
        one, other = (low - down * centre) * inverse, (high - down * centre) * inverse
        left = jnp.where(steep, jnp.maximum(left, jnp.minimum(one, other)), left)
        right = jnp.where(steep, jnp.minimum(right, jnp.maximum(one, other)), right)
    first = jnp.clip(jnp.ceil(left - 0.5), 0.0, size)
    last = jnp.clip(jnp.floor(right - 0.5), -1.0, size - 1.0)
    return first.astype(jnp.int32), jnp.maximum(last - first + 1.0, 0.0).astype(jnp.int32)


def _expand(counts: Array, capacity: int) -> tuple[tuple[Array, Array], Array]:
    """Number i repeated counts[i] times, and which repetition, (capacity,) each; and the total.

    counts [2, 0, 3] -> owners [0, 0, 2, 2, 2], repetitions [0, 1, 0, 1, 2].
    """
    ends = prefix_sum(counts)
    starts = ends - counts
    number = jnp.arange(counts.shape[0], dtype=jnp.int32)
    marks = jnp.zeros(capacity, jnp.int32).at[jnp.where(counts > 0, starts, capacity)].max(number, mode="drop")
    owner = running_maximum(marks)
    return (owner, jnp.arange(capacity, dtype=jnp.int32) - starts[owner]), ends[-1]
