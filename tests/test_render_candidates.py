"""The grid by candidate lists: triangles against float64 brute force, colours against the general path."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxface.face import FaceModel, FaceParams, geometry, load, neutral, sample_population
from jaxface.interventions import Symmetry, _pictures, complete_grid, fast_grid, grid, render_many
from jaxface.render import Perspective, Prepared, Scene, deferred, frame, frame_batch, prepare
from jaxface.render.frame_batch import FrameBatch, prepare_frames
from jaxface.render.indexing import fetch_rows
from tests.heads import toy_head
from tests.test_render_rasterize import brute_force

LEFT = Symmetry("left")
SYMMETRY, TIME = jnp.linspace(0.0, 1.0, 4), jnp.array([0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
LEVEL = 1 / 255


@functools.cache
def scene() -> Scene:
    """A camera of its own, so that tests may move it without compiling anew."""
    protocol = Scene(size=24, supersample=2)
    camera = frame(toy_head(), jnp.zeros(2), protocol.framing)
    return dataclasses.replace(protocol, camera=camera)


def smiling() -> FaceParams:
    albedo, pose = jnp.array([0.5, -0.5]), jnp.full((5, 3), 0.05, jnp.float32)
    expression = jnp.array([1.0, 0.2, 0.3, 0.8])
    return dataclasses.replace(neutral(toy_head()), expression=expression, albedo=albedo, pose=pose)


def one_by_one(head: FaceModel, params: FaceParams, scene: Scene) -> np.ndarray:
    s, t = (each.ravel() for each in jnp.meshgrid(SYMMETRY, TIME, indexing="ij"))
    count = s.shape[0]
    batch = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (count, *leaf.shape)), params)
    pictures = render_many(LEFT, head, prepare(head, params, scene), batch, scene, s, t)
    return np.asarray(pictures).reshape(len(SYMMETRY), len(TIME), *pictures.shape[1:])


def sound(head: FaceModel, params: FaceParams, scene: Scene) -> bool:
    return bool(prepare_batch(head, params, scene, SYMMETRY, TIME).lists.valid)


@jax.jit
def triangles(
    head: FaceModel,
    batch: FrameBatch,
    person: Prepared,
    scene: Scene,
    coefficients: tuple[jax.Array, jax.Array],
) -> jax.Array:
    """The triangle of every sample of LANES frames, (LANES, n, n) int32; -1 = background."""
    samples = scene.size * scene.supersample
    vertices = frame_batch._vertices(head, batch.motion, person, scene, coefficients)

    def triangle_of(visibility: frame_batch._Visibility) -> jax.Array:
        triangle = fetch_rows(batch.lists.triangle, visibility.entry).astype(jnp.uint32)
        return jnp.where(deferred.is_empty(visibility.word), jnp.uint32(deferred.EMPTY_WORD), triangle)

    buffer = frame_batch._rasterize_tiers(batch, vertices, samples, triangle_of)
    place = jnp.where(batch.lists.position < samples * samples, batch.lists.position, len(buffer) - 1)
    return fetch_rows(buffer, place).T.astype(jnp.int32).reshape(-1, samples, samples)


@jax.jit
def prepare_batch(
    head: FaceModel, params: FaceParams, scene: Scene, symmetry: jax.Array, time: jax.Array
) -> FrameBatch:
    """What all frames between the extremes of symmetry (S,) and time (T,) share."""
    s, t = jnp.meshgrid(
        jnp.stack([symmetry.min(), symmetry.max()]), jnp.stack([time.min(), time.max()]), indexing="ij"
    )
    corners = LEFT.coefficients(s.ravel(), t.ravel())
    fields, prepared = LEFT.affine_fields(head, params), prepare(head, params, scene)
    return prepare_frames(head, prepared, fields, params.pose, scene, corners)


def test_colours_are_those_of_the_general_path() -> None:
    params = smiling()
    pictures = grid(LEFT, toy_head(), params, scene(), SYMMETRY, TIME)
    exact = one_by_one(toy_head(), params, scene())
    assert (
        sound(toy_head(), params, scene())
        and pictures.shape == (4, 8, 24, 24, 3)
        and pictures.dtype == jnp.float32
    )
    difference = np.abs(pictures - exact)
    assert difference.mean() < 0.2 * LEVEL and difference.max() < 1.5 * LEVEL
    assert np.abs(pictures[0, -1] - pictures[-1, -1]).max() > 10 * LEVEL


@pytest.mark.parametrize("case", ["behind the camera", "lists too long"])
def test_what_does_not_fit_is_drawn_by_the_general_path(case: str) -> None:
    """The same shapes, and so the same program as elsewhere here: what decides is known when it runs."""
    head, params, room = toy_head(), smiling(), scene()
    if case == "behind the camera":
        assert isinstance(room.camera, Perspective)
        near = dataclasses.replace(
            room.camera,
            position=room.camera.position * jnp.array([1.0, 1.0, 0.125]),
            focal=0.02 * room.camera.focal,
        )
        room = dataclasses.replace(room, camera=near)
    else:
        wild = 0.1 * jax.random.normal(jax.random.key(0), head.expression_basis.shape)
        head = dataclasses.replace(head, expression_basis=wild)
    assert not sound(head, params, room)
    pictures = np.asarray(grid(LEFT, head, params, room, SYMMETRY, TIME))
    np.testing.assert_allclose(pictures, one_by_one(head, params, room), atol=1e-5)
    assert pictures.std() > 0.01
    arguments = LEFT, head, params, room, SYMMETRY, TIME
    fast, exist = jax.jit(fast_grid, static_argnums=0)(*arguments)
    assert not exist.any() and not fast.any()
    complete = jax.jit(complete_grid, static_argnums=0)
    np.testing.assert_allclose(complete(*arguments, fast, exist), pictures, atol=1e-5)
    # Pictures that exist are kept.
    kept = complete(*arguments, jnp.full_like(fast, 0.5), exist.at[0].set(True))
    assert (kept[0] == 0.5).all()
    np.testing.assert_allclose(kept[1:], pictures[1:], atol=1e-5)


def test_other_faces_and_steps_trace_nothing_anew() -> None:
    head = toy_head()
    grid(LEFT, head, smiling(), scene(), SYMMETRY, TIME)
    cache_size = _pictures._grid_affine._cache_size()
    other = jax.tree.map(lambda leaf: leaf[0], sample_population(jax.random.key(3), head, 1))
    darker = dataclasses.replace(scene(), light=0.5 * scene().light)
    pictures = grid(Symmetry("left"), head, other, darker, SYMMETRY * 0.5, TIME * 0.9)
    assert _pictures._grid_affine._cache_size() == cache_size and np.isfinite(pictures).all()


def test_gradients_are_those_of_the_pictures() -> None:
    """Light and albedo, which move no edge, against differences of the fast pictures themselves."""
    head, base = toy_head(), smiling()
    room = dataclasses.replace(scene(), light=scene().light * jnp.array([[1.0, 0.9, 0.8]]))
    weight = jax.random.uniform(jax.random.key(0), (24, 24, 3))

    def loss(params: FaceParams, light: jax.Array) -> jax.Array:
        lit = dataclasses.replace(room, light=light, gamma=jnp.float32(1.0))
        return jnp.mean(weight[None, None] * grid(LEFT, head, params, lit, SYMMETRY, TIME))

    slopes = jax.grad(loss, argnums=(0, 1))(base, room.light)
    for name, size in (("light", 0.05), ("albedo", 0.1)):
        base_value = room.light if name == "light" else base.albedo
        step = size * jnp.ones_like(base_value)

        def moved(sign: float, name: str = name, step: jax.Array = step) -> jax.Array:
            if name == "light":
                return loss(base, room.light + sign * step)
            return loss(dataclasses.replace(base, albedo=base.albedo + sign * step), room.light)

        slope = slopes[1] if name == "light" else slopes[0].albedo
        difference = 0.5 * (moved(1.0) - moved(-1.0))
        np.testing.assert_allclose(jnp.sum(slope * step), difference, rtol=0.02, err_msg=name)
        assert abs(difference) > 1e-3
    assert all(np.abs(each).max() > 0 for each in (slopes[0].expression, slopes[0].identity, slopes[0].pose))


@functools.cache
def bundled() -> FaceModel:
    return load("bundled")


def test_triangles_are_those_of_brute_force() -> None:
    """Random people, expressions and steps of the bundled head, in float64 over all triangles."""
    head, room = bundled(), Scene(size=64, supersample=1)
    space = head.expressions
    random = np.random.default_rng(0)
    people = sample_population(jax.random.key(5), head, 2)
    for number in range(2):
        doses = random.uniform(size=len(space.lower)) * (random.uniform(size=len(space.lower)) < 0.3)
        params = dataclasses.replace(
            jax.tree.map(lambda leaf, i=number: leaf[i], people),
            expression=space.lower + (space.upper - space.lower) * jnp.asarray(doses, jnp.float32),
        )
        prepared = prepare(head, params, room)
        symmetry, time = (jnp.asarray(random.uniform(size=16), jnp.float32) for _ in range(2))
        batch = prepare_batch(head, params, room, symmetry, time)
        assert batch.lists.valid
        indices = np.asarray(triangles(head, batch, prepared, room, LEFT.coefficients(symmetry, time)))
        for lane in (0, 9):
            points = geometry.vertices(head, params, symmetry[lane], time[lane])
            truth = brute_force(np.asarray(points), np.asarray(head.faces), prepared.camera, 64, True)
            sure = ~truth.excused
            assert sure.mean() > 0.98 and (indices[lane] >= 0).mean() > 0.5
            np.testing.assert_array_equal(indices[lane][sure], truth.triangle[sure])
