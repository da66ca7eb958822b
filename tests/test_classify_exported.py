"""Classifiers whose network is StableHLO: as good as the function they were made of, and refused when
damaged."""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxface import classify
from jaxface.classify import Card, exported
from jaxface.classify.card import write_card
from jaxface.classify.weights import write_safetensors
from jaxface.core import sharding
from jaxface.core.errors import CheckpointError, ConfigError

CARD = Card(name="small", native_labels=("happy", "sad", "fear"), size=4, weights="")
WEIGHTS = {
    "kernel": np.random.default_rng(0).standard_normal((48, 3)).astype(np.float32) / 7,
    "bias": np.ones(3),
}


def forward(weights: dict[str, jax.Array], images: jax.Array) -> jax.Array:
    features = jnp.tanh(images.reshape(images.shape[0], -1) @ weights["kernel"])
    return features + weights["bias"].astype(jnp.float32)[None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exported")
    exported.write(path, CARD, forward, {name: array.astype(np.float32) for name, array in WEIGHTS.items()})
    return path


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """A copy to be spoilt."""
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


@pytest.fixture(scope="module")
def images() -> jax.Array:
    return jax.random.uniform(jax.random.key(0), (5, 4, 4, 3))


def test_it_answers_as_the_function_for_any_batch(folder: Path, images: jax.Array) -> None:
    classifier = classify.load(folder)
    assert classifier.card.architecture == "stablehlo" and classifier.card.parameters == 147
    for some in (images, images[:2]):
        np.testing.assert_allclose(classifier.logits(some), forward(WEIGHTS, some), atol=1e-6)
    again = classify.load(folder)
    assert again.network == classifier.network and hash(again.network) == hash(classifier.network)


def test_gradients_and_maps_over_it(folder: Path, images: jax.Array) -> None:
    classifier = classify.load(folder)

    def top(images: jax.Array) -> jax.Array:
        return classifier.apply(classifier.state, images[None])[0, 1]

    gradient = jax.grad(lambda images: forward(WEIGHTS, images)[:, 1].sum())(images)
    np.testing.assert_allclose(jax.vmap(jax.grad(top))(images), gradient, atol=1e-6)
    np.testing.assert_allclose(jax.grad(lambda all: jax.vmap(top)(all).sum())(images), gradient, atol=1e-6)
    whole = jax.vmap(lambda one: classifier.network(classifier.state, one[None])[0])(images)
    np.testing.assert_allclose(whole[:, 0], forward(WEIGHTS, images), atol=1e-6)
    twice = jax.tree.map(lambda leaf: jnp.stack([leaf, 2 * leaf]), classifier.state)
    both = jax.vmap(lambda state: classifier.network(state, images)[0])(twice)
    np.testing.assert_allclose(both[1], forward({k: 2 * v for k, v in WEIGHTS.items()}, images), atol=1e-5)


def gradients(classifier: classify.Classifier, images: jax.Array) -> jax.Array:
    def top(image: jax.Array) -> jax.Array:
        return classifier.apply(classifier.state, image[None])[0, 1]

    return sharding.map_cases(jax.grad(top), images)


def test_gradients_on_several_devices_as_searches_ask_for_them(folder: Path, images: jax.Array) -> None:
    classifier = classify.load(folder)
    over = sharding.sharding_for(4)
    assert over.mesh.size == 2
    result = over(gradients, over.replicate(classifier), images[:4])
    gradient = jax.grad(lambda images: forward(WEIGHTS, images)[:, 1].sum())(images[:4])
    np.testing.assert_allclose(result, gradient, atol=1e-6)


def test_a_network_without_a_size_is_not_exported() -> None:
    with pytest.raises(ConfigError, match="must have a size to be exported"):
        exported.serialise(forward, WEIGHTS, dataclasses.replace(CARD, size=None))


def test_its_precision_is_its_own(folder: Path) -> None:
    with pytest.raises(ConfigError, match="was exported in the precision it was trained for"):
        classify.in_bfloat16(classify.load(folder))


def test_a_missing_or_damaged_network_is_told(copy: Path) -> None:
    path = copy / exported.FORWARD_FILE
    for content in (path.read_bytes()[:200], b"", b"nonsense" * 50):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"was not written by jax\.export, or is damaged"):
            classify.load(copy)
    path.unlink()
    with pytest.raises(CheckpointError, match=r"no network at .*forward\.stablehlo"):
        classify.load(copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 8}, r"takes images of shape \(4, 4, 3\), its card has \(8, 8, 3\)"),
        ({"native_labels": ("happy", "sad")}, "does not return one score for each of 2 labels"),
    ],
)
def test_a_card_of_another_network_is_refused(copy: Path, change: dict, message: str) -> None:
    write_card(dataclasses.replace(classify.read_card(copy), **change), copy)
    with pytest.raises(CheckpointError, match=message):
        classify.load(copy)


def test_weights_of_another_network_are_refused(copy: Path) -> None:
    card = dataclasses.replace(classify.read_card(copy), sha256="")
    write_card(card, copy)
    write_safetensors(copy / card.weights, {"kernel": np.zeros((48, 3), np.float32)})
    with pytest.raises(CheckpointError, match="missing 'bias'"):
        classify.load(copy)
