"""What every classifier that brings its weights keeps to."""

import dataclasses

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxface import classify
from jaxface.classify.classifier import _logits
from jaxface.classify.nets import convolutions
from jaxface.classify.registry import ASSETS
from jaxface.core.types import EXPRESSIONS

every = pytest.mark.parametrize(
    "name", [row["name"] for row in classify.describe() if row["weights"] == "bundled"]
)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).random((5, 80, 80, 3), np.float32)


@every
def test_card_tells_what_the_classifier_is(name: str) -> None:
    card = classify.load(name).card
    assert card.name == name
    assert set(card.labels) <= set(EXPRESSIONS)
    assert card.licence != "unknown" and card.source != "unknown" and card.dataset != "unknown"
    assert card.parameters > 0 and len(card.sha256) == 64
    row = next(row for row in classify.describe() if row["name"] == name)
    assert row["labels"] == list(card.labels) and row["parameters"] == card.parameters


@pytest.mark.usefixtures("last_bits")
@every
def test_an_answer_does_not_depend_on_the_batch(name: str, images: np.ndarray) -> None:
    classifier = classify.load(name)
    together = np.asarray(classifier.logits(images))
    assert together.shape == (5, len(classifier.labels)) and together.dtype == np.float32
    assert np.isfinite(together).all()
    alone = np.concatenate([classifier.logits(images[i : i + 1]) for i in range(5)])
    np.testing.assert_array_equal(alone, together)
    np.testing.assert_array_equal(classifier.logits(images[::-1]), together[::-1])
    assert classifier.logits(images[:0]).shape == (0, len(classifier.labels))


@every
def test_gradient_is_that_of_the_plain_convolutions(
    name: str, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = classify.load(name)

    def gradient(images: jax.Array) -> jax.Array:
        target = classifier.index("happiness")
        return jax.grad(lambda images: classifier.apply(classifier.state, images)[:, target].sum())(images)

    fast = jax.jit(gradient)(jnp.asarray(images[:1]))
    monkeypatch.setattr(convolutions, "on_cpu", lambda: False)
    plain = jax.jit(lambda images: gradient(images))(jnp.asarray(images[:1]))
    assert np.abs(plain).max() > 1e-3
    np.testing.assert_allclose(fast, plain, atol=1e-4 * np.abs(plain).max())


@every
def test_one_program_serves_all_calls_and_loads(name: str, images: np.ndarray) -> None:
    classify.load(name).logits(images)
    cache_size = _logits._cache_size()
    classify.load(name).probabilities(images + 0)
    assert _logits._cache_size() == cache_size


@every
def test_apply_does_not_retrace(name: str, images: np.ndarray) -> None:
    classifier = classify.load(name)
    chex.clear_trace_counter()
    apply = jax.jit(chex.assert_max_traces(classifier.apply, n=1))
    for state in (classifier.state, classify.load(name).state):
        apply.trace(state, images)


@every
def test_features_are_named_maps(name: str, images: np.ndarray) -> None:
    classifier = classify.load(name)
    logits, maps = jax.jit(classifier.features)(classifier.state, images)
    np.testing.assert_allclose(logits, classifier.logits(images), atol=1e-4)
    assert maps and all(value.shape[0] == 5 for value in maps.values())


@every
def test_a_folder_loads_as_the_name_does(name: str) -> None:
    assert dataclasses.asdict(classify.load(ASSETS / name).card) == dataclasses.asdict(classify.load(name).card)
