"""Many frames of one person: candidate lists once, then LANES frames after another.

affine motion -> hull of all frames -> candidate lists                        (once: `FrameBatch`)
LANES frames:  vertex buffers -> for each chunk of pixels: nearest, shade     (words, in the lists' order)
               -> pixels in the image's order -> display values
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxface.core.pytrees import pytree
from jaxface.core.target import for_accelerators
from jaxface.core.types import Array
from jaxface.face.model import FaceModel
from jaxface.render import deferred
from jaxface.render.barriers import materialize
from jaxface.render.camera import project
from jaxface.render.candidates import TIERS, CandidateLists, build_candidate_lists, facing, fits
from jaxface.render.frames import render_moving
from jaxface.render.indexing import fetch_rows
from jaxface.render.motion import (
    AffineFrames,
    Motion,
    affine_motion,
    hull_vertices,
    normals_at,
    positions_at,
    wrinkles_at,
)
from jaxface.render.scenes import Prepared, Scene
from jaxface.render.vertex import LANES, VertexBuffers, in_lanes, vertex_buffers

_HARMONIC_BOUND = (0.2821, *[0.4887] * 3, *[0.5463] * 2, 0.6308, 0.5463, 0.5463)
"""The largest value of each spherical harmonic on the sphere, rounded up."""

_PASS = 8  # slots of a long list that are tested at once


@pytree
class FrameBatch:
    """What all frames of a batch share.

    Attributes:
        motion, lists: see `motion` and `candidates`.
        corners: (3, F) vertices of each face in ascending order.
        orientation: (F,) 1 where that order is counter-clockwise, else -1.
        uv: (3, 2, F) texture coordinates of the corners in that order.
        texture: albedo and wrinkle map.
        brightest: () more than any vertex receives.
    """

    motion: Motion
    lists: CandidateLists
    corners: Array
    orientation: Array
    uv: Array
    texture: deferred.Texture
    brightest: Array


def render_affine(
    head: FaceModel,
    person: Prepared,
    pose: Array,
    scene: Scene,
    frames: AffineFrames,
    exact: Callable[[Array], Array] | None = None,
) -> tuple[Array, Array]:
    """Return pictures of one person at N frames, (N, size, size, 3), by candidate lists; and which exist, (N,).

    The triangles are those of `render`; colours differ from it by quantisation, 0.1 / 255 in the
    mean. Nothing here has a gradient: words of packed bits have none.

    Args:
        pose: (J, 3) of all frames.
        exact: frame numbers (LANES,) -> pictures (LANES, size, size, 3), called where the lists do
            not fit, and for frames that are not finite. None = such pictures are zeros, and do not exist.
    """
    if for_accelerators():
        pictures = render_moving(head, person, pose, scene, frames)
        return pictures, jnp.ones(len(pictures), bool)
    batch = prepare_frames(head, person, frames.fields, pose, scene, frames.corners)
    # A packed word cannot hold NaN: it would be some finite colour.
    fits_words = batch.lists.valid & _all_finite(batch.motion, person, scene)

    def render_lanes(lanes: tuple[Array, tuple[Array, Array]]) -> tuple[Array, Array]:
        def fast(number: Array, coefficients: tuple[Array, Array]) -> Array:
            vertices = _vertices(head, batch.motion, person, scene, coefficients)
            samples = scene.size * scene.supersample
            buffer = _rasterize_tiers(batch, vertices, samples, partial(_shade, batch, vertices))
            planes = deferred.unpack(_resolve(buffer, batch.lists.position, scene).T)
            return jnp.moveaxis(planes.reshape(LANES, 3, scene.size, scene.size), 1, -1)

        def other(number: Array, _: tuple[Array, Array]) -> Array:
            if exact is None:
                return jnp.zeros((LANES, scene.size, scene.size, 3))
            return exact(number)

        active = fits_words & _all_finite(lanes[1])
        return jax.lax.cond(active, fast, other, *lanes), active

    count = frames.coefficients[0].shape[0]
    pictures, active = jax.lax.map(render_lanes, in_lanes((jnp.arange(count), frames.coefficients)))
    exist = jnp.repeat(active if exact is None else jnp.ones_like(active), LANES)[:count]
    return pictures.reshape(-1, *pictures.shape[2:])[:count], exist


def _all_finite(*trees: Any) -> Array:
    """() bool: whether all floating-point numbers of some pytrees are finite."""
    leaves = [leaf for leaf in jax.tree.leaves(trees) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in leaves]))


def affine_pays(head: FaceModel, scene: Scene, count: int) -> bool:
    """Return whether `render_affine` can render `count` frames, and sooner than one after another."""
    if for_accelerators():
        return count > 1
    if count < 2 * LANES:  # what lists save is not worth compiling them
        return False
    return fits(scene.size * scene.supersample, head.faces.shape[0])


def prepare_frames(
    head: FaceModel,
    person: Prepared,
    fields: Array,
    pose: Array,
    scene: Scene,
    corners: tuple[Array, Array],
) -> FrameBatch:
    """Return the batch of all frames with coefficients in the convex hull of `corners`, (K,) each.

    Args:
        fields: (2, V, 3) metres, what the coefficients scale.
        pose: (J, 3).
    """
    samples = scene.size * scene.supersample
    motion = affine_motion(head, person.neutral, person.joints, fields, pose)
    hull = hull_vertices(motion, corners)
    screens = [project(person.camera, vertices, samples) for vertices in hull]
    xy = jnp.stack([screen.xy for screen in screens])
    front = facing(hull, head.faces, person.camera)
    lists = build_candidate_lists(xy, head.faces, front, samples, chunk_size(samples))
    ahead = jnp.all(jnp.stack([jnp.all(screen.inverse_w > 0.0) for screen in screens]))
    ascending, orientation, uv = _ascending(head)
    bound = jnp.sum(jnp.abs(scene.light) * jnp.asarray(_HARMONIC_BOUND)[:, None], axis=0)
    return FrameBatch(
        motion=motion,
        lists=dataclasses.replace(lists, valid=lists.valid & ahead),
        corners=ascending,
        orientation=orientation,
        uv=uv,
        texture=deferred.planar_texture(person.texture),
        brightest=jnp.maximum(jnp.max(bound), 1e-6),
    )


def chunk_size(samples: int) -> int:
    """Return the pixels of a chunk: few enough for the cache, enough to outweigh a loop's step."""
    return max(128, min(1024, samples * samples // 64 // 64 * 64))


def _ascending(head: FaceModel) -> tuple[Array, Array, Array]:
    """Faces with ascending corners, (3, F), the orientation of that order, and uv (3, 2, F)."""
    corner = [head.faces[:, i] for i in range(3)]
    uv = [[head.uv[:, axis][head.uv_faces[:, i]] for axis in range(2)] for i in range(3)]
    orientation = jnp.ones(head.faces.shape[0])
    for i, j in ((0, 1), (1, 2), (0, 1)):  # bubble sort of three; each swap turns the triangle over
        swap = corner[i] > corner[j]
        orientation = jnp.where(swap, -orientation, orientation)
        corner[i], corner[j] = jnp.where(swap, corner[j], corner[i]), jnp.where(swap, corner[i], corner[j])
        for axis in range(2):
            one, other = uv[i][axis], uv[j][axis]
            uv[i][axis], uv[j][axis] = jnp.where(swap, other, one), jnp.where(swap, one, other)
    return jnp.stack(corner), orientation, jnp.stack([jnp.stack(each) for each in uv])


def _vertices(
    head: FaceModel, motion: Motion, person: Prepared, scene: Scene, coefficients: tuple[Array, Array]
) -> VertexBuffers:
    """The vertices of LANES frames at coefficients (a, b), (LANES,) each."""
    position, normal = positions_at(motion, coefficients), normals_at(motion, coefficients)
    wrinkle = wrinkles_at(head, motion, coefficients)
    samples = scene.size * scene.supersample
    return vertex_buffers(person.camera, tuple(scene.light.T), position, normal, wrinkle, samples)


class _Visibility(NamedTuple):
    """What a chunk of P pixels shows.

    Attributes:
        word: (P, LANES) visibility words.
        entry: (P, LANES) the visible entries of the lists.
        slots: the pixels' candidates; None where they are too many to look through again.
    """

    word: Array
    entry: Array
    slots: deferred.Slots | None


Shade = Callable[[_Visibility], Array]
"""Words (P, LANES) of a chunk's pixels."""


def _rasterize_tiers(batch: FrameBatch, vertices: VertexBuffers, samples: int, shade: Shade) -> Array:
    """(more than samples^2, LANES) words in the order of the lists; the last row is EMPTY_WORD.

    A tier's last chunk reaches into the next tier's pixels, which are rasterized again afterwards.
    """
    pixels, chunk = samples * samples, chunk_size(samples)
    buffer = jnp.full((pixels + chunk + 1, LANES), deferred.EMPTY_WORD, jnp.uint32)
    first = batch.lists.first
    for tier, length in enumerate((*TIERS, None)):
        # Long lists are few and of very different lengths, and a chunk goes as far as its longest.
        count = chunk if length is not None else chunk // 8
        step = partial(_chunk, batch, vertices, samples, shade, first[tier], count, length)
        buffer = jax.lax.fori_loop(0, (first[tier + 1] - first[tier] + count - 1) // count, step, buffer)
    return buffer


def _resolve(buffer: Array, position: Array, scene: Scene) -> Array:
    """(size * size, LANES) display words in the order of the image."""
    size, fine = scene.size, scene.supersample
    place = position.reshape(size, fine, size, fine)
    empty = buffer.shape[0] - 1
    place = jnp.where(place < position.shape[0], place, empty)
    background = scene.background**scene.gamma

    def resolve(buffer: Array, place: Array) -> Array:
        samples = [fetch_rows(buffer, place[:, i, :, j].reshape(-1)) for i in range(fine) for j in range(fine)]
        return deferred.tonemap_word(samples, background, scene.gamma)

    return materialize(resolve, buffer, place)


def _chunk(
    batch: FrameBatch,
    vertices: VertexBuffers,
    samples: int,
    shade: Shade,
    first: Array,
    size: int,
    length: int | None,
    number: Array,
    buffer: Array,
) -> Array:
    """The buffer with chunk `number`, of `size` pixels, of a tier that begins at pixel `first`.

    Its pixels' lists have at most `length` entries; None = any.
    """
    lists, at = batch.lists, first + number * size
    pixel, start, count = (
        jax.lax.dynamic_slice(each, (at,), (size,)) for each in (lists.pixel, lists.start, lists.count)
    )

    def slots(number: int, pixel: Array, first: Array) -> deferred.Slots:
        """`number` slots from `first` on; a list that is shorter repeats its last entry."""
        step = first + jnp.arange(number, dtype=jnp.int32)[:, None]
        triangle = fetch_rows(lists.triangle, start[None] + jnp.clip(jnp.minimum(step, count[None] - 1), 0))
        return deferred.Slots(
            x=(pixel % samples).astype(jnp.float32) + 0.5,
            y=(pixel // samples).astype(jnp.float32) + 0.5,
            corners=jnp.stack([fetch_rows(batch.corners[i], triangle) for i in range(3)]),
            orientation=fetch_rows(batch.orientation, triangle),
            uv=jnp.stack(
                [jnp.stack([fetch_rows(batch.uv[i, j], triangle) for j in range(2)]) for i in range(3)]
            ),
        )

    def word_of(table: deferred.Slots, first: Array | int = 0) -> Array:
        return deferred.visibility_word(deferred.nearest(table, vertices, first))

    def test_slots(number: Array, best: tuple[Array, Array]) -> tuple[Array, Array]:
        first = _PASS * number
        table = materialize(partial(slots, _PASS), pixel, first)
        word = materialize(lambda table: word_of(table, first), table)
        # Computed anew for the second output: a loop with two outputs is slower than two loops.
        depth = materialize(lambda table: deferred.inverse_depth_of(deferred.nearest(table, vertices)), table)
        closer = depth > best[1]
        return jnp.where(closer, word, best[0]), jnp.where(closer, depth, best[1])

    table = None
    if length is not None:
        table = materialize(partial(slots, length), pixel, jnp.int32(0))
        word = materialize(word_of, table)
    else:
        none = jnp.full((size, LANES), deferred.EMPTY_WORD, jnp.uint32), jnp.full((size, LANES), -jnp.inf)
        word, _ = jax.lax.fori_loop(0, (jnp.max(count) + _PASS - 1) // _PASS, test_slots, none)
    entry = start[:, None] + jnp.clip(jnp.minimum(deferred.slot_of(word), count[:, None] - 1), 0)
    return jax.lax.dynamic_update_slice(buffer, shade(_Visibility(word, entry, table)), (at, 0))


def _shade(batch: FrameBatch, vertices: VertexBuffers, visibility: _Visibility) -> Array:
    """Colour words (P, LANES)."""
    scale, word = 1.0 / batch.brightest, visibility.word
    few = visibility.slots is not None
    corners = visibility.slots if few else materialize(partial(_visible_corners, batch), visibility.entry)

    def at_corner(word: Array, corners: Any) -> tuple[Callable, Callable]:
        return deferred.select_slot_attribute(word, corners) if few else _pick_lane(batch.uv, corners)

    def pair(first: Array, second: Array | None, scales: tuple[Any, Any]) -> Array:
        def interpolate(word: Array, corners: Any) -> Array:
            return deferred.interpolate_pair(word, at_corner(word, corners)[0], (first, second), scales)

        return materialize(interpolate, word, corners)

    uv = materialize(
        lambda word, corners: deferred.texture_coordinates(word, at_corner(word, corners)[1]), word, corners
    )
    # White light has one channel, which shares its word with the wrinkles; coloured has two words.
    *others, last = vertices.light
    light: tuple[Array, ...] = (pair(last, vertices.wrinkle, (scale, 1.0 / deferred.WRINKLE_SCALE)),)
    if others:
        light += (pair(others[0], others[1], (scale, scale)),)
    return materialize(deferred.colour_word, word, uv, light, batch.texture, batch.brightest)


def _visible_corners(batch: FrameBatch, entry: Array) -> tuple[Array, Array, Array, Array]:
    """Vertices of the visible triangles, and these, (P, LANES) each."""
    triangle = fetch_rows(batch.lists.triangle, entry)
    first, second, third = (fetch_rows(batch.corners[i], triangle) for i in range(3))
    return first, second, third, triangle


def _pick_lane(uv: Array, visible: tuple[Array, Array, Array, Array]) -> tuple[Callable, Callable]:
    """As `select_slot_attribute`, lane by lane: for lists too long to look through again."""
    *corners, triangle = visible
    lane = jnp.broadcast_to(jnp.arange(LANES, dtype=jnp.int32)[None], triangle.shape)
    return (
        lambda column, corner: column.at[corners[corner], lane].get(mode="promise_in_bounds"),
        lambda corner, axis: fetch_rows(uv[corner, axis], triangle),
    )
