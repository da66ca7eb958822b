"""The accelerator's path on the CPU: triangles against float64 brute force, colours against the exact path."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxface import audit, interventions, render
from jaxface.core import target
from jaxface.core.errors import ConfigError
from jaxface.face import FaceModel, FaceParams, load, neutral, sample_population, vertices
from jaxface.face.geometry import rotation_matrices
from jaxface.interventions import Symmetry
from jaxface.render import (
    Framing,
    Orthographic,
    Perspective,
    Scene,
    frame,
    frames,
    project,
    shading,
    texels,
    tiled,
    tiles,
)
from tests import fake_audit
from tests.heads import toy_head
from tests.test_render_rasterize import ORTHOGRAPHIC, PINHOLE, brute_force

LEVEL = 1 / 255
SYMMETRY, TIME = jnp.linspace(0.0, 1.0, 3), jnp.linspace(0.3, 1.0, 4)
SCENE = Scene(size=28, supersample=2)


@pytest.fixture(params=["gpu", "tpu"])
def layout(request: pytest.FixtureRequest) -> Iterator[str]:
    with target.use_layout(request.param):
        yield request.param


def smiling(head: FaceModel) -> FaceParams:
    expression, albedo = jnp.array([1.0, 0.2, 0.3, 0.8]), jnp.array([0.5, -0.5])
    pose = jnp.full((5, 3), 0.05, jnp.float32)
    return dataclasses.replace(neutral(head), expression=expression, albedo=albedo, pose=pose)


def assert_close(pictures: jax.Array, expected: np.ndarray, layout: str) -> None:
    """On a GPU to rounding; a TPU rounds texels, which dark pixels show most."""
    error = np.abs(np.asarray(pictures) - expected)
    assert error.mean() < (0.2 if layout == "tpu" else 0.002) * LEVEL
    assert error.max() < (2.0 if layout == "tpu" else 0.05) * LEVEL


def agree(points: jax.Array, faces: jax.Array, camera: Orthographic | Perspective, size: int) -> np.ndarray:
    triangle = np.asarray(tiled.visible(project(camera, points, size), faces, size))
    truth = brute_force(np.asarray(points), np.asarray(faces), camera, size, cull=True)
    assert truth.excused.mean() < 0.02
    np.testing.assert_array_equal(triangle[~truth.excused], truth.triangle[~truth.excused])
    return triangle


@pytest.mark.parametrize("camera", [ORTHOGRAPHIC, PINHOLE], ids=["orthographic", "perspective"])
def test_random_triangles(camera: Orthographic | Perspective) -> None:
    """Some reach over many tiles, some tiles have more candidates than are tested at once."""
    random = np.random.default_rng(0)
    centres = random.uniform(-0.12, 0.12, size=(400, 1, 3))
    size = random.choice([0.002, 0.01, 0.03], size=(400, 1, 1), p=[0.3, 0.6, 0.1])
    points = jnp.asarray((centres + size * random.normal(size=(400, 3, 3))).reshape(-1, 3), jnp.float32)
    assert len(np.unique(agree(points, jnp.arange(1200).reshape(400, 3), camera, 61))) > 100


@pytest.mark.parametrize("framing", [Framing(), Framing(distance=0.0)], ids=["perspective", "orthographic"])
def test_a_turned_head(framing: Framing) -> None:
    head = toy_head()
    params = neutral(head)
    points = vertices(head, params) @ rotation_matrices(jnp.array([0.2, 0.7, -0.1])).T
    agree(points, head.faces, frame(head, params.identity, framing), 97)


def test_of_equals_the_first_wins_and_what_is_behind_the_camera_is_not_seen() -> None:
    corners = jnp.array([[-0.1, -0.1, 0.0], [0.1, -0.1, 0.0], [0.0, 0.1, 0.0]])
    faces = jnp.array([[0, 1, 2]] * 40)  # more than one round holds
    screen = project(ORTHOGRAPHIC, corners, 16)
    assert set(np.unique(tiled.visible(screen, faces, 16))) == {-1, 0}
    assert (tiled.visible(project(PINHOLE, corners + 1.0, 16), faces, 16) == -1).all()
    assert (tiled.visible(screen, faces[:, ::-1], 16) == -1).all()  # from behind


def test_lists_hold_every_triangle_that_any_frame_shows() -> None:
    random = np.random.default_rng(1)
    x, y = (jnp.asarray(random.uniform(-5, 45, size=(90, 3)), jnp.float32) for _ in range(2))
    faces, grid = jnp.arange(90).reshape(30, 3), tiles.grid_of(20, 2)
    lists = tiles.tile_lists(x, y, jnp.ones((90, 3), bool), faces, grid)
    for tile in range(grid.row**2):
        candidates = tiles.candidates(lists, jnp.array([tile]), jnp.int32(0), 40)[0]
        listed = set(np.asarray(candidates[candidates < 30]).tolist())
        assert len(listed) == int(lists.lengths[tile]) == int((candidates < 30).sum())
        row, column = divmod(tile, grid.row)
        low, high = np.array([column, row]) * grid.edge, np.array([column + 1, row + 1]) * grid.edge
        for triangle in range(30):
            corner = np.stack([x, y], axis=-1)[np.asarray(faces[triangle])]  # (3, G, 2)
            first, second = corner[1] - corner[0], corner[2] - corner[0]
            front = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0] < 0
            inside = front & (corner.max(0) >= low + 0.5).all(1) & (corner.min(0) <= high - 0.5).all(1)
            assert not inside.any() or triangle in listed


@pytest.mark.parametrize("sampler", [texels.by_gather, texels.by_windows])
def test_textures_are_bilinear_with_a_clamped_border(sampler) -> None:
    """A texture of several windows, and samples of one tile all over it."""
    texture = jax.random.uniform(jax.random.key(0), (70, 150, 4))
    u, v = jax.random.uniform(jax.random.key(1), (2, 3, 16, 5), minval=-0.1, maxval=1.1)
    hit = jax.random.bernoulli(jax.random.key(2), 0.7, u.shape)
    samples = np.moveaxis(np.asarray(sampler(texture)(hit, u, v)), 0, -1)
    expected = np.asarray(shading.fetch(texture, u, v))
    tolerance = 1e-5 if sampler is texels.by_gather else 4e-3
    np.testing.assert_allclose(samples[hit], expected[hit], atol=tolerance)


@pytest.mark.parametrize("kind", ["perspective", "orthographic", "coloured", "three rays"])
def test_a_grid_has_the_colours_of_the_exact_path(layout: str, kind: str) -> None:
    head, scene = toy_head(), SCENE
    if kind == "orthographic":
        scene = dataclasses.replace(scene, framing=Framing(distance=0.0))
    elif kind == "coloured":
        scene = dataclasses.replace(scene, light=scene.light * jnp.array([[1.0, 0.8, 0.6]]))
    elif kind == "three rays":
        scene = dataclasses.replace(scene, size=19, supersample=3)
    arguments = Symmetry(), head, smiling(head), scene
    pictures = interventions.grid(*arguments, SYMMETRY, TIME)
    with target.use_layout("cpu"):
        exact = [[interventions.image(*arguments, s, t) for t in TIME] for s in SYMMETRY]
    assert_close(pictures, np.asarray(exact), layout)


def test_faces_have_the_colours_of_the_exact_path_whatever_draws_them(layout: str) -> None:
    """Different people, many expressions of one, one picture; and a real head."""
    head = toy_head()
    people = sample_population(jax.random.key(0), head, 3)
    people = dataclasses.replace(people, expression=jax.random.uniform(jax.random.key(1), (3, 4)))
    person = render.prepare(head, jax.tree.map(lambda leaf: leaf[0], people), SCENE)
    bundled = load("bundled")
    face = dataclasses.replace(neutral(bundled), expression=bundled.expressions.prototypes[2])

    def draw() -> list[jax.Array]:
        return [
            render.images(head, people, SCENE),
            render.render_many(head, person, people.expression, people.pose, SCENE),
            render.image(bundled, face, SCENE),
        ]

    pictures = draw()
    with target.use_layout("cpu"):
        exact = draw()
    for one, other in zip(pictures, exact, strict=True):
        assert_close(one, np.asarray(other), layout)


def test_more_frames_than_a_group_are_drawn_in_groups(layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    head = toy_head()
    arguments = Symmetry(), head, smiling(head), SCENE, SYMMETRY, TIME
    at_once = interventions.grid(*arguments)
    monkeypatch.setattr(frames, "FRAMES", 5)
    jax.clear_caches()
    # A texel's place is rounded on a TPU: a last bit of a vertex may move it by one step.
    tolerance = LEVEL if layout == "tpu" else 1e-5
    np.testing.assert_allclose(interventions.grid(*arguments), at_once, atol=tolerance)


@pytest.mark.parametrize("silhouette", [False, True])
def test_the_gradient_is_that_of_the_exact_path(layout: str, silhouette: bool) -> None:
    head, scene = toy_head(), dataclasses.replace(SCENE, silhouette=silhouette)

    def loss(face: FaceParams) -> jax.Array:
        return jnp.sum(render.image(head, face, scene) ** 2)

    def gradient() -> np.ndarray:
        grads = jax.grad(loss)(smiling(head))
        return np.concatenate([grads.expression, grads.albedo, grads.pose.reshape(-1)])

    tiled_gradient = gradient()
    with target.use_layout("cpu"):
        np.testing.assert_allclose(tiled_gradient, gradient(), rtol=1e-3, atol=1e-4)


def test_side_by_side_faces_show_the_triangles_that_each_shows_alone() -> None:
    head = toy_head()
    people = sample_population(jax.random.key(3), head, 3)

    def triangles(face: FaceParams) -> jax.Array:
        person = render.prepare(head, face, SCENE)
        return tiled.visible(project(person.camera, vertices(head, face), SCENE.size), head.faces, SCENE.size)

    together = jax.jit(jax.vmap(triangles))(people)
    alone = [triangles(jax.tree.map(lambda leaf, n=number: leaf[n], people)) for number in range(3)]
    np.testing.assert_array_equal(together, np.stack(alone))
    assert len({each.tobytes() for each in np.asarray(together)}) == 3


@pytest.mark.parametrize("name", ["expression", "albedo", "time"])
def test_what_is_not_finite_gives_pictures_that_are_not(layout: str, name: str) -> None:
    head, face, time = toy_head(), smiling(toy_head()), TIME
    if name == "time":
        time = time.at[1].set(jnp.nan)
    else:
        leaf = getattr(face, name)
        face = dataclasses.replace(face, **{name: leaf.at[0].set(jnp.nan)})
    pictures = np.isnan(np.asarray(interventions.grid(Symmetry(), head, face, SCENE, SYMMETRY, time)))
    assert pictures[:, 1].all() if name != "albedo" else pictures[:, 1].mean() > 0.2
    assert name != "time" or not pictures[:, 0].any()


def test_an_audit_through_the_accelerator_path_has_the_same_scores(layout: str, tmp_path: Path) -> None:
    def scores(folder: str) -> np.ndarray:
        run = audit.run(fake_audit.CONFIG, tmp_path / folder, searcher_factory=fake_audit.build)
        return np.asarray(run.scores)

    with target.use_layout("cpu"):
        expected = scores("cpu")
    assert np.abs(expected).max() > 2e-4  # a classifier of brightness hardly sees a toy's smile
    np.testing.assert_allclose(scores(layout), expected, atol=1e-5)


def test_an_unknown_layout_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(target.VARIABLE, "abacus")
    with pytest.raises(ConfigError, match="cpu, gpu, tpu"):
        target.layout()
