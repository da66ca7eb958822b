"""All frames of one person's expression: lists once, then LANES frames after another."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxface.core.pytrees import pytree
from jaxface.core.types import Array
from jaxface.face.model import FaceModel
from jaxface.render.affine_motion import Motion, affine_motion, hull_vertices
from jaxface.render.barriers import materialize
from jaxface.render.camera import project
from jaxface.render.candidates import TIERS, CandidateLists, build_candidate_lists, facing, fits
from jaxface.render.deferred import (
    EMPTY_WORD,
    LANES,
    MOST_LINE,
    Slots,
    Texture,
    colour_word,
    fetch_rows,
    interpolate_pair,
    is_empty,
    nearest,
    nearness,
    planar_texture,
    select_slot_attribute,
    slot_of,
    texture_coordinates,
    tonemap_word,
    unpack,
    visibility_word,
)
from jaxface.render.rows import VertexBuffers, vertex_rows
from jaxface.render.scenes import Prepared, Scene

_HARMONIC_BOUND = (0.2821, *[0.4887] * 3, *[0.5463] * 2, 0.6308, 0.5463, 0.5463)  # most of each on the sphere

_PASS = 8  # slots of a long list that are tested at once


class AffineFrames(NamedTuple):
    """N frames of one person whose displacement is affine in two coefficients (a, b).

    Attributes:
        fields: (2, V, 3) metres: a frame displaces the unposed head by a fields[0] + b fields[1].
        coefficients: a and b of each frame, (N,) each.
        corners: a and b, (K,) each, whose convex hull holds those of every frame.
    """

    fields: Array
    coefficients: tuple[Array, Array]
    corners: tuple[Array, Array]


@pytree
class FrameBatch:
    """What all frames of a group share.

    Attributes:
        motion, lists: as their modules say.
        corners: (3, F) vertices of each face in ascending order.
        turn: (F,) 1 where the ascending order of a face's vertices is counter-clockwise, else -1.
        uv: (3, 2, F) texture coordinates of the corners in that order.
        texture: albedo and line pattern.
        brightest: () more than any vertex receives.
    """

    motion: Motion
    lists: CandidateLists
    corners: Array
    turn: Array
    uv: Array
    texture: Texture
    brightest: Array


def chunk_size(samples: int) -> int:
    """Pixels that are worked on at once: few enough for the cache, enough to outweigh a loop's step."""
    return max(128, min(1024, samples * samples // 64 // 64 * 64))


def prepare_frames(
    head: FaceModel,
    prepared: Prepared,
    fields: Array,
    pose: Array,
    scene: Scene,
    corners: tuple[Array, Array],
) -> FrameBatch:
    """The group of all frames whose coefficients lie in the convex hull of `corners`, (K,) each.

    Args:
        fields: (2, V, 3) metres, what the coefficients scale.
        pose: (J, 3).
    """
    samples = scene.size * scene.supersample
    moving = affine_motion(head, prepared.neutral, prepared.joints, fields, pose)
    outer = hull_vertices(moving, corners)
    screens = [project(prepared.camera, each, samples) for each in outer]
    xy = jnp.stack([screen.xy for screen in screens])
    seen = facing(outer, head.faces, prepared.camera)
    found = build_candidate_lists(xy, head.faces, seen, samples, chunk_size(samples))
    ahead = jnp.all(jnp.stack([jnp.all(screen.inverse_w > 0.0) for screen in screens]))
    ascending, turn, uv = _ascending(head)
    bound = jnp.sum(jnp.abs(scene.light) * jnp.asarray(_HARMONIC_BOUND)[:, None], axis=0)
    return FrameBatch(
        motion=moving,
        lists=CandidateLists(**{**vars(found), "sound": found.sound & ahead}),
        corners=ascending,
        turn=turn,
        uv=uv,
        texture=planar_texture(prepared.texture),
        brightest=jnp.maximum(jnp.max(bound), 1e-6),
    )


def _ascending(head: FaceModel) -> tuple[Array, Array, Array]:
    """Faces with their corners in ascending order, (3, F), the turn of that order, and uv (3, 2, F)."""
    corner = [head.faces[:, i] for i in range(3)]
    uv = [[head.uv[:, axis][head.uv_faces[:, i]] for axis in range(2)] for i in range(3)]
    turn = jnp.ones(head.faces.shape[0])
    for i, j in ((0, 1), (1, 2), (0, 1)):
        swap = corner[i] > corner[j]
        turn = jnp.where(swap, -turn, turn)
        corner[i], corner[j] = jnp.where(swap, corner[j], corner[i]), jnp.where(swap, corner[i], corner[j])
        for axis in range(2):
            one, other = uv[i][axis], uv[j][axis]
            uv[i][axis], uv[j][axis] = jnp.where(swap, other, one), jnp.where(swap, one, other)
    return jnp.stack(corner), turn, jnp.stack([jnp.stack(each) for each in uv])


def render_affine(
    head: FaceModel,
    prepared: Prepared,
    pose: Array,
    scene: Scene,
    frames: AffineFrames,
    exact: Callable[[Array], Array],
) -> Array:
    """Pictures of one person at N frames, (N, size, size, 3) display values, by candidate lists.

    The triangles are those of `render`; colours differ from it by quantisation, 0.1 / 255 in the mean. Nothing
    here has a gradient: words of packed bits have none.

    Args:
        pose: (J, 3) of all frames.
        exact: frame numbers (LANES,) -> pictures (LANES, size, size, 3), called in place of the lists where
            these do not fit.
    """
    shared = prepare_frames(head, prepared, frames.fields, pose, scene, frames.corners)
    # A packed word cannot hold NaN: it would be some finite colour.
    fits_words = shared.lists.sound & _all_finite(shared.motion, prepared, scene)

    def render_lanes(lanes: tuple[Array, tuple[Array, Array]]) -> Array:
        def fast(number: Array, coefficients: tuple[Array, Array]) -> Array:
            return render_frames(head, shared, prepared, scene, coefficients)

        return jax.lax.cond(fits_words & _all_finite(lanes[1]), fast, lambda number, _: exact(number), *lanes)

    count = frames.coefficients[0].shape[0]
    # The last call's spare lanes repeat the last frame.
    number, coefficients = jax.tree.map(
        lambda each: jnp.pad(each, (0, -count % LANES), mode="edge").reshape(-1, LANES),
        (jnp.arange(count), frames.coefficients),
    )
    pictures = jax.lax.map(render_lanes, (number, coefficients))
    return pictures.reshape(-1, *pictures.shape[2:])[:count]


def _all_finite(*trees: Any) -> Array:
    """() bool: whether all floating-point numbers of some pytrees are finite."""
    leaves = [leaf for leaf in jax.tree.leaves(trees) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in leaves]))


def affine_pays(head: FaceModel, scene: Scene, count: int) -> bool:
    """Whether `render_affine` can render `count` frames, and does so sooner than one after another."""
    if count < 2 * LANES:  # what lists save is not worth compiling them
        return False
    return fits(scene.size * scene.supersample, head.faces.shape[0])


def render_frames(
    head: FaceModel, group: FrameBatch, prepared: Prepared, scene: Scene, coefficients: tuple[Array, Array]
) -> Array:
    """LANES frames, (LANES, size, size, 3) display values. `group.lists.sound` is the caller's to look at."""
    samples = scene.size * scene.supersample
    rows = vertex_rows(head, group.motion, prepared.camera, scene, coefficients, samples)

    buffer = _rasterize_tiers(group, rows, samples, partial(_shade, group, rows))
    planes = unpack(_resolve(buffer, group.lists.position, scene).T)
    return jnp.moveaxis(planes.reshape(LANES, 3, scene.size, scene.size), 1, -1)


def triangles(
    head: FaceModel, group: FrameBatch, prepared: Prepared, scene: Scene, coefficients: tuple[Array, Array]
) -> Array:
    """What the samples of `frames` see, (LANES, n, n) int32 with n = size * supersample; -1 = background."""
    samples = scene.size * scene.supersample
    rows = vertex_rows(head, group.motion, prepared.camera, scene, coefficients, samples)

    def paint(seen: _Visibility) -> Array:
        found = fetch_rows(group.lists.triangle, seen.entry).astype(jnp.uint32)
        return jnp.where(is_empty(seen.word), jnp.uint32(EMPTY_WORD), found)

    buffer = _rasterize_tiers(group, rows, samples, paint)
    place = jnp.where(group.lists.position < samples * samples, group.lists.position, buffer.shape[0] - 1)
    return fetch_rows(buffer, place).T.astype(jnp.int32).reshape(LANES, samples, samples)


class _Visibility(NamedTuple):
    """What a chunk of P pixels sees.

    Attributes:
        word: (P, LANES) visibility words.
        entry: (P, LANES) the visible entries of the lists.
        slots: the pixels' candidates; None where they are too many to look through again.
    """

    word: Array
    entry: Array
    slots: Slots | None


def _rasterize_tiers(
    group: FrameBatch, rows: VertexBuffers, samples: int, paint: Callable[[_Visibility], Array]
) -> Array:
    """(more than samples^2, LANES) words in the order of the lists; the last row is NOTHING.

    A tier's last chunk reaches into the next tier's pixels, which are drawn again afterwards.
    """
    pixels, chunk = samples * samples, chunk_size(samples)
    buffer = jnp.full((pixels + chunk + 1, LANES), EMPTY_WORD, jnp.uint32)
    first = group.lists.first
    for tier, length in enumerate((*TIERS, None)):
        # Long lists are few and of very different lengths, and a chunk goes as far as its longest.
        many = chunk if length is not None else chunk // 8
        draw = partial(_draw_chunk, group, rows, samples, paint, first[tier], many, length)
        buffer = jax.lax.fori_loop(0, (first[tier + 1] - first[tier] + many - 1) // many, draw, buffer)
    return buffer


def _resolve(buffer: Array, position: Array, scene: Scene) -> Array:
    """(size * size, LANES) display words in the order of the image."""
    size, fine = scene.size, scene.supersample
    place = position.reshape(size, fine, size, fine)
    nothing = buffer.shape[0] - 1
    place = jnp.where(place < position.shape[0], place, nothing)
    background = scene.background**scene.gamma

    def resolve(buffer: Array, place: Array) -> Array:
        samples = [fetch_rows(buffer, place[:, i, :, j].reshape(-1)) for i in range(fine) for j in range(fine)]
        return tonemap_word(samples, background, scene.gamma)

    return materialize(resolve, buffer, place)


def _draw_chunk(
    group: FrameBatch,
    rows: VertexBuffers,
    samples: int,
    paint: Callable[[_Visibility], Array],
    first: Array,
    chunk: int,
    length: int | None,
    number: Array,
    buffer: Array,
) -> Array:
    at = first + number * chunk
    words = _chunk(group, rows, at, chunk, samples, length, paint)
    return jax.lax.dynamic_update_slice(buffer, words, (at, 0))


def _chunk(
    group: FrameBatch,
    rows: VertexBuffers,
    at: Array,
    chunk: int,
    samples: int,
    length: int | None,
    paint: Callable[[_Visibility], Array],
) -> Array:
    """Words (chunk, LANES) of the pixels from `at` on, whose lists have at most `length` entries."""
    found = group.lists
    pixel, start, count = (
        jax.lax.dynamic_slice(each, (at,), (chunk,)) for each in (found.pixel, found.start, found.count)
    )

    def slots(many: int, pixel: Array, first: Array) -> Slots:
        step = first + jnp.arange(many, dtype=jnp.int32)[:, None]
        triangle = fetch_rows(found.triangle, start[None] + jnp.clip(jnp.minimum(step, count[None] - 1), 0))
        return Slots(
            x=(pixel % samples).astype(jnp.float32) + 0.5,
            y=(pixel // samples).astype(jnp.float32) + 0.5,
            corners=jnp.stack([fetch_rows(group.corners[i], triangle) for i in range(3)]),
            turn=fetch_rows(group.turn, triangle),
            uv=jnp.stack(
                [jnp.stack([fetch_rows(group.uv[i, j], triangle) for j in range(2)]) for i in range(3)]
            ),
        )

    if length is not None:
        table = materialize(partial(slots, length), pixel, jnp.int32(0))
        word = materialize(lambda table: visibility_word(nearest(table, rows)), table)
        return paint(_Visibility(word, _entry(word, start, count), table))

    def more(number: Array, best: tuple[Array, Array]) -> tuple[Array, Array]:
        table = materialize(partial(slots, _PASS), pixel, _PASS * number)
        word = materialize(lambda table: visibility_word(nearest(table, rows, _PASS * number)), table)
        near = materialize(lambda table: nearness(nearest(table, rows)), table)
        closer = near > best[1]
        return jnp.where(closer, word, best[0]), jnp.where(closer, near, best[1])

    nothing = (jnp.full((chunk, LANES), EMPTY_WORD, jnp.uint32), jnp.full((chunk, LANES), -jnp.inf))
    word, _ = jax.lax.fori_loop(0, (jnp.max(count) + _PASS - 1) // _PASS, more, nothing)
    return paint(_Visibility(word, _entry(word, start, count), None))


def _entry(word: Array, start: Array, count: Array) -> Array:
    return start[:, None] + jnp.clip(jnp.minimum(slot_of(word), count[:, None] - 1), 0)


def _shade(group: FrameBatch, rows: VertexBuffers, seen: _Visibility) -> Array:
    scale = 1.0 / group.brightest
    given = seen.slots if seen.slots is not None else materialize(partial(_visible_corners, group), seen.entry)

    def at_corner(word: Array, given: Any) -> tuple[Callable, Callable]:
        return select_slot_attribute(word, given) if seen.slots is not None else _pick_lane(group.uv, given)

    def pair(first: Array, second: Array | None, factors: tuple[Any, Any]) -> Array:
        def mix(word: Array, given: Any) -> Array:
            return interpolate_pair(word, at_corner(word, given)[0], (first, second), factors)

        return materialize(mix, seen.word, given)

    uv = materialize(lambda word, given: texture_coordinates(word, at_corner(word, given)[1]), seen.word, given)
    *others, last = rows.light
    light: tuple[Array, ...] = (pair(last, rows.line, (scale, 1.0 / MOST_LINE)),)
    if others:
        light += (pair(others[0], others[1], (scale, scale)),)
    return materialize(colour_word, seen.word, uv, light, group.texture, group.brightest)


def _visible_corners(group: FrameBatch, entry: Array) -> tuple[Array, Array, Array, Array]:
    triangle = fetch_rows(group.lists.triangle, entry)
    first, second, third = (fetch_rows(group.corners[i], triangle) for i in range(3))
    return first, second, third, triangle


def _pick_lane(uv: Array, given: tuple[Array, Array, Array, Array]) -> tuple[Callable, Callable]:
    """As `pick_slot`, where each lane fetches for itself: for lists too long to look through again."""
    *corners, triangle = given
    lane = jnp.broadcast_to(jnp.arange(LANES, dtype=jnp.int32)[None], triangle.shape)
    return (
        lambda plane, corner: plane.at[corners[corner], lane].get(mode="promise_in_bounds"),
        lambda corner, axis: fetch_rows(uv[corner, axis], triangle),
    )
