"""Every ported net against what the original network computed: logits, and the maps on the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxface import classify
from jaxface.classify.preprocess import prepare
from tests import classifier_fixtures as fixtures

QUICKLY = {"xla_backend_optimization_level": 0}  # half precision is asked to run, not to be fast


class Answer(NamedTuple):
    """A net, loaded with a fixture's weights, and what it makes of the fixture's images."""

    row: fixtures.Row
    classifier: classify.Classifier
    arrays: dict[str, np.ndarray]
    logits: np.ndarray
    maps: dict[str, Any]


@pytest.fixture(scope="module", params=fixtures.ROWS, ids=str)
def answer(request: pytest.FixtureRequest) -> Iterator[Answer]:
    row = request.param
    state_dict, arrays = fixtures.load(row.file)
    classifier = classify.from_state_dict(row.architecture, state_dict, labels=row.labels)
    del state_dict
    logits, maps = jax.jit(classifier.network)(classifier.state, arrays["input_norm_nhwc"])
    yield Answer(row, classifier, arrays, np.asarray(logits), maps)


def test_logits_are_the_originals(answer: Answer) -> None:
    wanted, exact = answer.arrays["logits"], answer.arrays["logits_f64"]
    # ten times what single precision costs the original, and a ten-thousandth
    tolerance = 10 * np.abs(wanted - exact).max() + 1e-4 * np.abs(wanted).max()
    np.testing.assert_allclose(answer.logits, wanted, atol=tolerance, rtol=0)
    np.testing.assert_array_equal(answer.logits.argmax(1), wanted.argmax(1))


def test_maps_are_the_originals(answer: Answer) -> None:
    for ours, theirs in answer.row.taps.items():
        got, wanted = fixtures.tap(answer.arrays, theirs, answer.maps[ours])
        np.testing.assert_allclose(
            got, wanted, atol=answer.row.tolerance * np.abs(wanted).max(), rtol=0, err_msg=ours
        )


def test_half_precision_runs(answer: Answer) -> None:
    half = jax.tree.map(lambda array: array.astype(jnp.bfloat16), answer.classifier.state)
    images = jnp.asarray(answer.arrays["input_norm_nhwc"][:1], jnp.bfloat16)
    logits = jax.jit(answer.classifier.network).lower(half, images).compile(QUICKLY)(half, images)[0]
    assert logits.shape == (1, len(answer.row.labels)) and logits.dtype == jnp.bfloat16
    assert np.isfinite(logits.astype(jnp.float32)).all()


def test_images_are_prepared_as_for_the_original(answer: Answer) -> None:
    if (
        answer.classifier.card.channels == "grey3"
    ):  # the fixture's images are in colour: only their range is kept
        np.testing.assert_array_equal(answer.arrays["input_norm_nhwc"], answer.arrays["input_raw_nhwc"])
        return
    prepared = prepare(answer.arrays["input_raw_nhwc"], answer.classifier.card)
    np.testing.assert_allclose(prepared, answer.arrays["input_norm_nhwc"], atol=1e-6)
