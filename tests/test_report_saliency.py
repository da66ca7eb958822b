"""Saliency, where the place that counts is known: a part of the picture, or a movement of the head."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxface import classify, face, render
from jaxface.audit import AuditResult
from jaxface.audit.fingerprints import classifier_facts
from jaxface.classify.probability import log_odds_all
from jaxface.core.errors import ConfigError
from jaxface.core.progress import NullProgress
from jaxface.interventions import Symmetry
from jaxface.report import average_faces, loading, overlays, saliency, saliency_maps
from jaxface.report.face_renderer import FaceRenderer
from tests.heads import toy_head
from tests.runs import CONFIG

LABELS = ("happy", "surprise", "neutral")
SIZE = 24
SYMMETRY = Symmetry()


def corner(images: jax.Array) -> jax.Array:
    """Happiness is light in the lower left quarter, surprise its absence."""
    light = images[:, 12:, :12].mean((1, 2, 3))
    return jnp.stack([6 * light, -6 * light, 0 * light], axis=-1)


CORNER = classify.from_function(corner, LABELS, name="one")


def test_hiding_the_place_that_counts_lowers_the_answer() -> None:
    picture = np.zeros((2, SIZE, SIZE, 3), np.float32)
    picture[0, 14:20, 2:8] = 1.0
    probabilities, losses = saliency.occlusion(CORNER, picture)
    assert probabilities.shape == (2, 3) and losses.shape == (2, saliency.PLACES**2, 3)
    np.testing.assert_allclose(probabilities[1], 1 / 3, atol=1e-6)
    heat = saliency.occlusion_map(losses[0, :, 0], SIZE)
    middle = np.unravel_index(heat.argmax(), heat.shape)
    assert 13 <= middle[0] <= 20 and 1 <= middle[1] <= 8
    assert np.abs(heat[:8]).max() < 0.25 * heat.max()  # what is left there: patches of the mean colour
    against = saliency.occlusion_map(losses[0, :, 1], SIZE)
    assert against[middle] < 0
    np.testing.assert_allclose(losses[1], 0.0, atol=1e-6)  # nothing to hide in a black picture


def test_host_classifiers_are_explained_alike() -> None:
    picture = np.random.default_rng(0).random((1, SIZE, SIZE, 3)).astype(np.float32)
    host = classify.from_function(
        lambda images: np.asarray(corner(jnp.asarray(images))), LABELS, name="host", on_host=True
    )
    for own, other in zip(saliency.occlusion(CORNER, picture), saliency.occlusion(host, picture), strict=True):
        np.testing.assert_allclose(own, other, atol=1e-4)


def test_log_odds_survive_certainty() -> None:
    odds = log_odds_all(np.array([[800.0, 0.0, 0.0], [np.log(2.0), 0.0, 0.0]]), False)
    np.testing.assert_allclose(odds[:, 0], [800 - np.log(2), 0.0], atol=1e-9)


def test_places_cover_the_picture() -> None:
    corners, patch = saliency.places(SIZE)
    assert corners.min() == 0 and corners.max() + patch == SIZE
    heat = saliency.occlusion_map(np.ones(len(corners)), SIZE)
    np.testing.assert_allclose(heat, 1.0)


def test_vertex_gradients_are_the_change_of_the_answer(key: jax.Array) -> None:
    """Against the renderer: the smile's own movement, a hundredth of it, forward and back."""
    head, scene = toy_head(), render.scene(dataclasses.replace(CONFIG.render, size=SIZE))
    person = jax.tree.map(lambda leaf: leaf[0], face.sample_population(key, head, 1))
    person = dataclasses.replace(person, expression=jnp.array([0.5, 0.0, 0.0, 0.0]))
    gradient = saliency.vertex_gradient(CORNER, head, person, scene, SYMMETRY, 1.0, 0)
    assert gradient.shape == head.template.shape and np.isfinite(gradient).all()
    smile = np.asarray(head.expression_basis[..., 0])

    def odds(amount: float) -> float:
        params = dataclasses.replace(person, expression=person.expression.at[0].add(amount))
        logits = CORNER.logits(render.image(head, params, scene)[None])
        return float(log_odds_all(np.asarray(logits, np.float64), False)[0, 0])

    difference = (odds(0.02) - odds(-0.02)) / 0.04
    assert (gradient * smile).sum() == pytest.approx(difference, rel=0.25)
    host = classify.from_function(lambda images: images[:, 0, 0], LABELS, name="host", on_host=True)
    with pytest.raises(ConfigError, match="no gradient"):
        saliency.vertex_gradient(host, head, person, scene, SYMMETRY, 1.0, 0)


def test_skin_density_divides_by_the_area_of_skin() -> None:
    """A gradient in proportion to the skin around each vertex is the same density everywhere."""
    head = toy_head()
    corners, at = np.asarray(head.faces), np.asarray(head.template)
    edges = at[corners[:, 1]] - at[corners[:, 0]], at[corners[:, 2]] - at[corners[:, 0]]
    area = np.zeros(len(at))
    np.add.at(area, corners, np.linalg.norm(np.cross(*edges), axis=-1)[:, None] / 6)
    gradient = area[:, None] * np.array([0.0, 3.0, 4.0])
    np.testing.assert_allclose(saliency.skin_density(head, gradient), 5e-7, rtol=1e-4)


def test_overlay_is_red_for_and_blue_against() -> None:
    heat = np.array([[1.0, -1.0, 0.0]])
    row = overlays.overlay(np.full((1, 3, 3), 128, np.uint8), heat, 1.0)[0].astype(int)
    assert row[0, 0] > row[0, 2] + 100 and row[1, 2] > row[1, 0] + 100 and np.ptp(row[2]) == 0


@pytest.fixture(scope="module")
def result(fake_run: AuditResult) -> AuditResult:
    two = classify.from_function(corner, LABELS, name="two")
    facts = {one.name: classifier_facts(one, fake_run.config.render.size) for one in (CORNER, two)}
    config = dataclasses.replace(fake_run.config, head=toy_head(), classifiers=(CORNER, two))
    return dataclasses.replace(fake_run, config=config, data=fake_run.data.assign_attrs(classifiers=facts))


def test_a_run_is_explained(result: AuditResult) -> None:
    face_inputs, error = loading.load_face_inputs(result)
    assert face_inputs is not None and error == ""
    renderer = FaceRenderer(result, face_inputs)
    classifiers, errors = loading.load_classifiers(result)
    assert list(classifiers) == ["one", "two"] and not errors
    rows = average_faces.averages(result, renderer, classifiers)
    assert [row.name for row in rows] == ["one", "two"]
    assert [cell.expression for cell in rows[0].cells] == ["happiness", "surprise"]
    mean = average_faces.mean_expressions(result)["one", "happiness"]
    values = result.data["expression_parameters"].sel(classifier="one", expression="happiness")
    np.testing.assert_allclose(mean, values.transpose("identity", ...).values.mean(0))
    maps = saliency_maps.explain(result, renderer, {"one": CORNER}, "occlusion", NullProgress())
    assert [one.name for one in maps] == ["one"] and not maps[0].gradient
    assert [(e.expression, e.is_changed) for e in maps[0].occlusion if e.is_target] == [
        ("happiness", False),
        ("happiness", True),
        ("surprise", False),
        ("surprise", True),
    ]
    assert all(e.answer != e.expression for e in maps[0].occlusion if not e.is_target)
    # what counts lies in the left half of the picture, the subject's right
    assert maps[0].occlusion[0].left < 0.35
    sheet = average_faces.population(result, renderer)
    assert sheet.shape == (renderer.size, 6 * renderer.size + 5 * 4, 3)
