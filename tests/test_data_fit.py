"""Fitting: known faces are result again, by their landmarks and by their pixels."""

import dataclasses
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxface.core.errors import ConfigError, ShapeError
from jaxface.data import rendered
from jaxface.data.rendered import Face, RenderedDatasetConfig, SceneAssets, SceneParams
from jaxface.data.rendered.fitting import FitConfig, FitResult, fit
from jaxface.data.rendered.regions import face_region
from jaxface.data.rendered.rigs import points
from jaxface.data.rendered.scenes import default_scene
from jaxface.face import landmarks

EXPRESSIONS = (
    {"browInnerUp": 0.8, "browOuterUp": 0.9, "jawOpen": 0.7},
    {"mouthSmile": 0.9, "cheekSquint": 0.6},
    {"browDown": 0.9, "mouthFrown": 0.7},
    {},
)
UNITS = (2, 4, 12, 15, 26)
DEGREES = ((4.0, -9.0, 2.0), (-3.0, 6.0, 0.0), (0.0, 0.0, -3.0), (2.0, 8.0, 1.0))
FRAMES = ((3.0, 0.40, 0.01), (2.8, 0.38, -0.01), (2.9, 0.39, 0.0), (3.1, 0.37, 0.01))  # height, eye line, shift


@pytest.fixture(scope="module")
def assets() -> SceneAssets:
    return rendered.build_assets(RenderedDatasetConfig(name="small", size=48))


@pytest.fixture(scope="module")
def truth(assets: SceneAssets) -> tuple[Face, SceneParams]:
    """Four strangers, two women and two men, with an expression each; the fourth has none."""
    random, prior, names = (
        np.random.default_rng(0),
        assets.head.population,
        assets.head.expressions.unit_names,
    )
    groups = np.array([0, 3, 4, 7])
    who = prior.mean[groups] + 0.7 * prior.deviation[groups] * random.normal(size=(4, prior.mean.shape[1]))
    size, activations = assets.head.identity_basis.shape[-1], np.zeros((4, len(names)), np.float32)
    for row, expression in enumerate(EXPRESSIONS):
        for name, value in expression.items():
            activations[row, names.index(name)] = value
    face = Face(
        identity=who[:, :size].astype(jnp.float32),
        albedo=who[:, size:].astype(jnp.float32),
        activations=jnp.asarray(activations),
        turn=jnp.deg2rad(jnp.asarray(DEGREES)),
        gaze=jnp.zeros((4, 2)),
        symmetry=jnp.ones(4),
        frozen_left=jnp.zeros(4, bool),
    )
    light = jnp.asarray(random.normal(size=(4, 9, 3)), jnp.float32)
    return face, jax.vmap(lambda frame, light: default_scene(assets, frame, light))(jnp.asarray(FRAMES), light)


def units_of(assets: SceneAssets, face: Face) -> np.ndarray:
    """(B, 5) intensities of UNITS, as `rendered.intensities`."""
    visibility = np.asarray(assets.unit_visibility)[[assets.action_units.index(unit) for unit in UNITS]]
    return np.clip((visibility[None] * np.asarray(face.activations)[:, None]).max(-1), 0.0, 1.0)


@partial(jax.jit, static_argnums=3)
def run_fit(
    assets: SceneAssets, images: jax.Array | None, marks: jax.Array | None, config: FitConfig
) -> FitResult:
    return fit(assets, images, marks, config)


def test_landmarks_tell_expression_pose_and_camera(
    assets: SceneAssets, truth: tuple[Face, SceneParams]
) -> None:
    """Measured: units to .17, angles to 2.6 degrees, the camera's height to 1%, landmarks to .0016 widths."""
    face, scene = truth
    project = jax.jit(points)
    marks = project(assets.rig, landmarks(assets.head), face, scene)
    result = run_fit(assets, None, marks, FitConfig())
    np.testing.assert_allclose(units_of(assets, result.face), units_of(assets, face), atol=0.25)
    np.testing.assert_allclose(np.rad2deg(result.face.turn), DEGREES, atol=4.0)
    np.testing.assert_allclose(result.scene.height, scene.height, rtol=0.03)
    assert float(result.landmark_error.max()) < 0.004
    again = project(assets.rig, landmarks(assets.head), result.face, result.scene)
    error = np.sqrt(((np.asarray(again - marks)[:, 17:]) ** 2).sum(-1).mean(-1))
    np.testing.assert_allclose(result.landmark_error, error, rtol=0.1)


def test_pixels_tell_the_expression_where_there_are_no_landmarks(
    assets: SceneAssets, truth: tuple[Face, SceneParams]
) -> None:
    """Of two strangers in unknown light, 48 pixels, in 60 steps. Measured: units to .15, yaw to .6 degrees.

    The images are `render_differentiable` of the first two faces of `truth`, as the renderer drew them when
    this test was written.
    """
    with np.load(Path(__file__).parent / "data" / "fit_faces.npz") as archive:
        images = archive["images"].astype(np.float32) / 255.0
    result = run_fit(assets, jnp.asarray(images), None, FitConfig(steps=60))
    expected = units_of(assets, truth[0])[:2]
    units, present = units_of(assets, result.face), expected > 0.5
    np.testing.assert_allclose(units, expected, atol=0.3)
    assert units[present].min() > 0.45 and units[~present].max() < 0.1
    np.testing.assert_allclose(np.rad2deg(result.face.turn[:, 1]), [-9.0, 6.0], atol=3.0)
    assert float(result.pixel_error.max()) < 0.03


def test_units_at_rest_stay_there_when_the_prior_is_relaxed(
    assets: SceneAssets, truth: tuple[Face, SceneParams]
) -> None:
    """The prior shrinks what it leaves active; without it those units come nearer to the truth."""
    marks = jax.jit(points)(assets.rig, landmarks(assets.head), *truth)
    settings = FitConfig(steps=150, sparsity=16.0)
    near_rest = run_fit(assets, None, marks, settings).face
    free = run_fit(assets, None, marks, dataclasses.replace(settings, relaxed_steps=60)).face
    at_rest = np.asarray(near_rest.activations) <= settings.active
    assert at_rest.any() and not np.asarray(free.activations)[at_rest].any()
    expected = units_of(assets, truth[0])
    present = expected > 0.5
    errors = [np.abs(units_of(assets, face) - expected)[present].mean() for face in (near_rest, free)]
    assert errors[1] < 0.9 * errors[0]


def test_the_region_of_a_face_is_within_its_contour_and_turns_with_it(
    assets: SceneAssets, truth: tuple[Face, SceneParams]
) -> None:
    marks = jax.jit(points)(assets.rig, landmarks(assets.head), *truth)[0]
    region = np.asarray(face_region(marks, 64))
    column, row = np.asarray(marks.T * 64).astype(int)
    assert region[row[27:68], column[27:68]].all()  # nose, eyes, mouth
    chin, brows = row[8], row[17:27].min()
    assert not region[chin + 2 :].any() and region[brows - 2, column[27]] and not region[: brows - 10].any()
    assert 0.3 < region.mean() < 0.6
    rotated_region = face_region(jnp.stack([1.0 - marks[:, 1], marks[:, 0]], axis=1), 64)
    np.testing.assert_array_equal(rotated_region, np.rot90(region, -1))


def test_what_cannot_be_fitted_is_refused(assets: SceneAssets) -> None:
    with pytest.raises(ShapeError, match=r"not \(batch, 68, 2\)"):
        fit(assets, None, jnp.zeros((1, 49, 2)))
    with pytest.raises(ShapeError, match=r"images to fit: none, not \(batch, 48, 48, 3\)"):
        fit(assets, None)
    with pytest.raises(ConfigError, match=r"fit\.steps = 0: must be at least 1"):
        FitConfig(steps=0)
