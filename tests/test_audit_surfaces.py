import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxface import classify
from jaxface.audit import load_inputs, surfaces
from jaxface.audit.layout import answer_names
from jaxface.classify.probability import probabilities_float64
from jaxface.core.clock import Clock
from jaxface.core.sharding import all_devices
from jaxface.face import sample_population
from tests import fake_audit

LIGHT = (0.6, 0.0, 0.3, 0.9)  # from the front: the picture of a mirrored face is the mirrored picture


@pytest.mark.parametrize(
    ("steps", "times", "size", "chunk"),
    [(10, 90, 112, 30), (10, 15, 112, 15), (4, 5, 24, 5), (200, 7, 112, 1), (10, 90, 224, 18)],
)
def test_chunks_fill_the_lanes_of_few_grids(steps: int, times: int, size: int, chunk: int) -> None:
    assert surfaces.time_chunk(steps, times, size) == chunk


def test_a_symmetric_classifier_does_not_tell_left_from_right() -> None:
    """1e-4: a pixel that a mirrored edge cuts may fall to the other triangle."""

    def both_ways(images: jax.Array) -> jax.Array:
        return fake_audit.bright_corners(images) + fake_audit.bright_corners(images[:, :, ::-1])

    classifier = classify.from_function(both_ways, fake_audit.LABELS, name="both ways")
    config = dataclasses.replace(
        fake_audit.CONFIG,
        classifiers=(classifier,),
        symmetry_steps=3,
        time_steps=3,
        render=dataclasses.replace(fake_audit.CONFIG.render, lights=(LIGHT,)),
    )
    face = sample_population(jax.random.key(1), config.head, 1)
    face = dataclasses.replace(face, expression=jnp.array([[0.9, 0.3, 0.0, 0.7]]))
    params = jax.tree.map(lambda leaf: leaf[:, None], face)  # one person, one expression
    left, right = (
        surfaces.SurfaceRenderer(load_inputs(dataclasses.replace(config, side=side)), all_devices(1), Clock())
        .surfaces(classifier, params, np.array([0]))
        .logit[0, 0]
        for side in ("left", "right")
    )
    assert left.shape == (3, 3) and np.ptp(left, axis=0).max() > 1e-3  # the intervention does something
    np.testing.assert_allclose(left, right, atol=1e-4)


@pytest.mark.parametrize("independent", [False, True])
def test_what_is_not_finite_stays_that(independent: bool) -> None:
    logits = np.array([[1.0, 2.0], [np.nan, 0.0], [np.inf, 0.0]], np.float32)
    probability = probabilities_float64(logits, independent)
    expected = [0.73105858, 0.88079708] if independent else [0.26894142, 0.73105858]
    np.testing.assert_allclose(probability[0], expected, rtol=1e-6)
    assert np.isnan(probability[1:, 0]).all()


def test_answers_are_in_the_order_of_the_answer_names() -> None:
    classifier = classify.from_function(lambda images: images[:, 0, 0, :2], ("surprise", "anger"))
    logits = np.array([[0.9, 0.2], [0.2, 0.9]], np.float32)
    answers, top = surfaces.predict(classifier, logits, np.array(0), answer_names([classifier.labels]))
    np.testing.assert_array_equal(top, [5, 0])
    np.testing.assert_array_equal(np.isfinite(answers).sum(-1), [2, 2])
    np.testing.assert_allclose(np.nansum(answers, axis=-1), 1.0, rtol=1e-6)


def test_a_detector_answers_each_unit_separately() -> None:
    detector = classify.from_function(lambda images: images[:, 0, 0], ("AU6", "au 12", "AU04"), name="units")
    assert detector.labels == ("AU6", "AU12", "AU4") and detector.card.multilabel
    names = answer_names([("anger",), detector.labels])
    assert names[8:] == ("AU4", "AU6", "AU12")
    logits = np.array([[3.0, 1.0, -2.0], [3.0, -1.0, -2.0], [-3.0, -1.0, -2.0], [np.nan, 1.0, 1.0]], np.float32)
    answers, top = surfaces.predict(detector, logits, np.array(names.index("AU12")), names)
    np.testing.assert_allclose(answers[:3, [9, 10, 8]], 1 / (1 + np.exp(-logits[:3].astype(float))), rtol=1e-6)
    assert np.isnan(answers[:, :8]).all()
    # there; not there, but another; none at all; not finite
    np.testing.assert_array_equal(top, [names.index("AU12"), names.index("AU6"), names.index("neutral"), -1])
