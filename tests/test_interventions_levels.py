"""Every intervention's levels: the unchanged one changes nothing, the others do what the name says."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxface import interventions, render
from jaxface.face import FaceParams, neutral
from jaxface.interventions import REGISTRY, Intervention, WholeGrid
from tests.planted import FEATURES, RENDER, SETTINGS, is_face, named_head

SCENE = render.scene(RENDER)
TIMES = (0.4, 1.0)
ON_PICTURES = ("blur", "noise", "jpeg", "resolution", "grey", "occlusion")
RECOLOUR = ("skin_tone", "light", "brightness")
DARKER_OR_BRIGHTER = {"skin_tone", "brightness", "hair", "crop", "occlusion"}
"""Interventions that cannot hold the mean brightness of the picture; their docstrings say so."""


def smiling() -> FaceParams:
    expression, albedo = jnp.array([1.0, 0.0, 0.3, 0.4]), jnp.array([0.0, -0.3])
    face = neutral(named_head())
    return dataclasses.replace(face, expression=expression, albedo=albedo, identity=jnp.array([0.2, 0.1, 0.4]))


def build(name: str) -> Intervention:
    return interventions.build(name, **SETTINGS.get(name, {}))


@functools.cache
def grid(name: str) -> tuple[np.ndarray, np.ndarray]:
    """The levels of an intervention, and its pictures (L, T, size, size, 3)."""
    intervention = build(name)
    intervention.require(named_head(), SCENE)
    levels = intervention.axes[0].values
    dose, times = jnp.asarray(levels), jnp.asarray(TIMES)
    return levels, np.asarray(interventions.grid(intervention, named_head(), smiling(), SCENE, dose, times))


@functools.cache
def plain() -> np.ndarray:
    """The same expression without an intervention, (T, size, size, 3)."""
    head, face = named_head(), smiling()
    person = render.prepare(head, face, SCENE)
    return np.stack(
        [render.render_expression(head, person, time * face.expression, face.pose, SCENE) for time in TIMES]
    )


def unchanged_index(name: str) -> int:
    dose = build(name).axes[0]
    return int(np.argmin(np.abs(dose.values - dose.unchanged)))


@pytest.mark.parametrize("name", REGISTRY)
def test_the_unchanged_level_changes_nothing(name: str) -> None:
    """To 1e-6: programs may add in another order."""
    _, pictures = grid(name)
    np.testing.assert_allclose(pictures[unchanged_index(name)], plain(), atol=1e-6)


@pytest.mark.parametrize("name", REGISTRY)
def test_every_other_level_changes_something_and_pictures_stay_pictures(name: str) -> None:
    _, pictures = grid(name)
    assert np.isfinite(pictures).all() and pictures.min() >= 0 and pictures.max() <= 1
    for index in set(range(len(pictures))) - {unchanged_index(name)}:
        assert np.abs(pictures[index, -1] - plain()[-1]).max() > 1e-3


@pytest.mark.parametrize("name", FEATURES)
def test_levels_are_in_the_order_of_what_the_name_says(name: str) -> None:
    feature = FEATURES[name]
    levels, pictures = grid(name)
    values = np.array([feature.measure(jnp.asarray(picture)) for picture in pictures[:, -1]], np.float64)
    assert (feature.sense * np.diff(values) > 0).all(), values
    if feature.law is not None:
        law = np.asarray(feature.law(jnp.asarray(levels)), np.float64)
        line = np.polynomial.Polynomial.fit(law, values, 1)
        assert np.abs(line(law) - values).max() < feature.share * np.ptp(values)


def test_every_intervention_but_null_has_a_feature() -> None:
    assert set(FEATURES) == set(REGISTRY) - {"null"}


@pytest.mark.parametrize("name", RECOLOUR)
def test_colours_change_and_no_vertex_does(name: str) -> None:
    """The background shows at the same pixels, at the same value."""
    _, pictures = grid(name)
    masks = np.asarray(is_face(jnp.asarray(pictures)))
    assert (masks == np.asarray(is_face(jnp.asarray(plain())))).all()
    np.testing.assert_allclose(pictures[~masks], 0.353, atol=1e-6)


@pytest.mark.parametrize("name", sorted(set(REGISTRY) - DARKER_OR_BRIGHTER))
def test_the_mean_of_the_picture_hardly_moves(name: str) -> None:
    _, pictures = grid(name)
    means = pictures.mean(axis=(2, 3, 4))
    assert np.abs(means - plain().mean(axis=(1, 2, 3))).max() < 0.03, means


def test_what_must_not_matter_changes_pictures_little() -> None:
    changes = {name: np.abs(grid(name)[1][:, -1] - plain()[-1]).mean((1, 2, 3)).max() for name in REGISTRY}
    assert changes["null"] < min(0.01, 0.7 * np.median(list(changes.values())))


@pytest.mark.parametrize("name", [n for n in REGISTRY if isinstance(interventions.build(n), WholeGrid)])
def test_a_whole_grid_is_the_pictures_one_by_one(name: str) -> None:
    levels, pictures = grid(name)
    intervention = build(name)
    image = interventions.image(intervention, named_head(), smiling(), SCENE, levels[-2], TIMES[0])
    # 1.5e-2: a last bit may round to another step of a compressed picture
    np.testing.assert_allclose(image, pictures[-2, 0], atol=1.5e-2 if name == "jpeg" else 2e-6)


@pytest.mark.parametrize("kind", ["background", "noise"])
def test_the_other_kinds_of_null(kind: str) -> None:
    null = interventions.build("null", kind=kind)
    head, face = named_head(), smiling()
    levels = null.axes[0].values
    pictures = np.asarray(interventions.grid(null, head, face, SCENE, jnp.asarray(levels), jnp.ones(1)))[:, 0]
    np.testing.assert_allclose(pictures[0], plain()[-1], atol=1e-6)
    face_pixels = np.asarray(is_face(jnp.asarray(plain()[-1])))
    if kind == "background":
        np.testing.assert_allclose(pictures[:, face_pixels], pictures[:1, face_pixels].repeat(5, 0), atol=1e-6)
        background = pictures[:, 0, 0]
        assert (np.diff(background[:, 1] - background[:, 0]) > 0.02).all()
    else:
        deviations = (pictures[1:] - pictures[:1]).std(axis=(1, 2, 3))
        np.testing.assert_allclose(deviations, 1 / 255, rtol=0.05)
        assert abs(np.corrcoef((pictures[1:3] - pictures[:1]).reshape(2, -1))[0, 1]) < 0.05  # other seeds


def test_gradients_go_through_what_is_smooth() -> None:
    """Of a turn and of a sensor, in the expression."""

    def mean(expression: jax.Array, name: str) -> jax.Array:
        face = dataclasses.replace(smiling(), expression=expression)
        intervention = interventions.build(name)
        last = intervention.axes[0].levels[-1]
        return interventions.image(intervention, named_head(), face, SCENE, last, 1.0).mean()

    for name in ("yaw", "blur"):
        gradient = jax.grad(mean)(smiling().expression, name)
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0
