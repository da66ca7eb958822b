"""Plain classifiers: losses by hand, EmoNeXt's attention, weights to begin with, rendered faces to the
audit."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxface import classify
from jaxface.classify.card import Card
from jaxface.classify.nets.emonext import EmoNext
from jaxface.classify.weights import flat_arrays, write_safetensors
from jaxface.core.errors import CheckpointError, ConfigError
from jaxface.frameworks.classifier import FRAMEWORK, ClassifierConfig
from jaxface.frameworks.classifier.networks import BatchAttention, Student, card_of, start_with_identity
from jaxface.frameworks.classifier.train import attention_variance, cross_entropy
from jaxface.frameworks.common.config import Task

TASK = Task(labels=("anger", "happiness", "neutral"), size=64)


def test_cross_entropy_by_hand() -> None:
    logits = jnp.array([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    labels = jnp.array([0, 2])
    log_odds = np.log(np.exp(logits) / np.exp(logits).sum(1, keepdims=True))
    np.testing.assert_allclose(cross_entropy(logits, labels), -(log_odds[0, 0] + log_odds[1, 2]) / 2, rtol=1e-6)
    target = 0.8 * np.eye(3)[[0, 2]] + 0.2 / 3
    np.testing.assert_allclose(
        cross_entropy(logits, labels, 0.2), -(target * log_odds).sum(1).mean(), rtol=1e-6
    )


def test_attention_variance_is_that_of_all_weights(key: jax.Array) -> None:
    attend = BatchAttention(4, rngs=nnx.Rngs(0))
    embeddings = jax.random.normal(key, (5, 4))
    weights = np.asarray(attend(embeddings))
    np.testing.assert_allclose(weights.sum(1), 1.0, rtol=1e-5)
    normal = np.asarray(attend.norm(embeddings))
    query, keys = (np.asarray(normal @ layer.kernel[...]) for layer in (attend.query, attend.key))
    scores = query @ keys.T / 4**0.25
    attention = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    np.testing.assert_allclose(weights, attention, rtol=1e-4)
    np.testing.assert_allclose(attention_variance(jnp.asarray(weights)), weights.var(), rtol=1e-5)
    assert attention_variance(jnp.full((4, 4), 0.25)) == 0.0


def test_emonext_has_attention_in_training_alone_and_begins_without_warping() -> None:
    config = ClassifierConfig("emonext-tiny", attention_variance=1.0)
    module = nnx.eval_shape(lambda: Student(config, TASK, rngs=nnx.Rngs(0)))
    assert isinstance(module.net, EmoNext) and module.attention is not None
    assert module.attention.query.kernel.shape == (768, 768)
    net = module.net
    net.transformer.affine.kernel = nnx.Param(jnp.ones((32, 6)))
    net.transformer.affine.bias = nnx.Param(jnp.ones(6))
    start_with_identity(net)
    affine = net.transformer.affine(jnp.ones((1, 32))).reshape(2, 3)
    np.testing.assert_array_equal(affine, [[1, 0, 0], [0, 1, 0]])
    assert FRAMEWORK.image_size(config) == 236 and card_of(config, TASK).size == 224


def test_attention_wants_an_embedding() -> None:
    with pytest.raises(ConfigError, match="fer-mini-xception has no embedding"):
        nnx.eval_shape(lambda: Student(ClassifierConfig(attention_variance=1.0), TASK, rngs=nnx.Rngs(0)))


@pytest.fixture(scope="module")
def state() -> nnx.State:
    """A mini-Xception's state, all ones: nothing is drawn, nothing compiled."""
    module = nnx.eval_shape(lambda: Student(ClassifierConfig(), TASK, rngs=nnx.Rngs(0)))
    return jax.tree.map(lambda leaf: jnp.ones(leaf.shape, leaf.dtype), nnx.state(module))


def test_it_begins_with_a_classifier_but_for_the_head(state: nnx.State) -> None:
    start = FRAMEWORK.initialize(ClassifierConfig(start="fer-mini-xception"), TASK, state)
    assert jax.tree.structure(start) == jax.tree.structure(state)
    source = flat_arrays(classify.load("fer-mini-xception").state)
    ours = flat_arrays(start["net"])
    for name, array in ours.items():
        if name.startswith("head/"):
            np.testing.assert_array_equal(array, np.ones_like(array))
        else:
            np.testing.assert_array_equal(array, source[name])


def test_it_begins_with_a_file(state: nnx.State, tmp_path: Path) -> None:
    arrays = {name: array + 1 for name, array in flat_arrays(state["net"]).items()}
    write_safetensors(tmp_path / "some.safetensors", arrays)
    start = FRAMEWORK.initialize(ClassifierConfig(start=str(tmp_path / "some.safetensors")), TASK, state)
    for leaf in jax.tree.leaves(start):
        np.testing.assert_array_equal(leaf, 2 * np.ones_like(leaf))
    wrong = {name: array[..., :1] for name, array in arrays.items()}
    write_safetensors(tmp_path / "wrong.safetensors", wrong)
    with pytest.raises(CheckpointError, match=r"is no fer-mini-xception: \d+ arrays do not fit"):
        FRAMEWORK.initialize(ClassifierConfig(start=str(tmp_path / "wrong.safetensors")), TASK, state)


@pytest.mark.parametrize(
    ("begin", "message"),
    [
        ("face-api", "is of the architecture 'face-api'"),
        ("nothing", "is neither a classifier's name nor a folder"),
    ],
)
def test_a_start_that_does_not_fit_is_refused(state: nnx.State, begin: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FRAMEWORK.initialize(ClassifierConfig(start=begin), TASK, state)


def test_every_architecture_has_a_card() -> None:
    for name in ("face-api", "fer-mini-xception", "resnet18", "segvgg19", "dan"):
        card = card_of(ClassifierConfig(name), TASK)
        assert isinstance(card, Card) and card.size and card.labels == TASK.labels
    assert card_of(ClassifierConfig("resnet18", size=96), TASK).size == 96
