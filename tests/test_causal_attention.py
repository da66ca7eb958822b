"""The graph-attention baseline: its equations in NumPy, and that it learns where to look."""

from types import ModuleType

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxface.frameworks.causal_affect import variant
from jaxface.frameworks.common.config import Task
from studies.causal_affect import gatv2, oracle_features
from studies.causal_affect.gatv2 import HEADS, Attention
from tests.framework_fixtures import causal_affect_fixture

FAST = {"xla_backend_optimization_level": 0}  # it runs once


def _softmax(odds: np.ndarray) -> np.ndarray:
    risen = np.exp(odds - odds.max(-1, keepdims=True))
    return risen / risen.sum(-1, keepdims=True)


def _by_hand(layer: Attention, features: np.ndarray, own: bool) -> tuple[np.ndarray, np.ndarray]:
    inner, nodes = len(layer.score[...]), features if own else np.asarray(layer.prototypes[...])
    left, right, score = (
        np.asarray(kernel[...]) for kernel in (layer.target.kernel, layer.source.kernel, layer.score)
    )
    attention, messages = np.zeros((len(nodes), len(features))), np.zeros((len(nodes), inner))
    for head in range(HEADS):
        part = slice(head * inner, (head + 1) * inner)
        queries, sources = nodes @ left[:, part], features @ right[:, part]
        sums = queries[:, None] + sources[None]
        odds = np.where(sums > 0, sums, 0.2 * sums) @ score[:, head]
        if own:
            np.fill_diagonal(odds, -np.inf)
        share = _softmax(odds)
        attention += share / HEADS
        messages += share @ sources / HEADS
    hidden = np.maximum(messages @ np.asarray(layer.hidden.kernel[...]) + np.asarray(layer.hidden.bias[...]), 0)
    return (hidden @ np.asarray(layer.last.kernel[...]))[:, 0], attention


def test_attention_is_brodys() -> None:
    def build(features: jax.Array) -> list[tuple[nnx.State, tuple[jax.Array, jax.Array]]]:
        layers = [Attention(count, 4, 5, own, rngs=nnx.Rngs(count)) for count, own in ((3, True), (2, False))]
        return [(nnx.state(layer), layer(features[None])) for layer in layers]

    features = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    answers = jax.jit(build, compiler_options=FAST)(jnp.asarray(features))
    for (state, (logits, attention)), own in zip(answers, (True, False), strict=True):
        layer = nnx.eval_shape(lambda own=own: Attention(3 if own else 2, 4, 5, own, rngs=nnx.Rngs(0)))
        nnx.update(layer, state)
        expected_logits, expected_attention = _by_hand(layer, features, own)
        np.testing.assert_allclose(attention[0], expected_attention, atol=1e-5)
        np.testing.assert_allclose(logits[0], expected_logits, atol=1e-5)


@pytest.mark.parametrize("baseline", [gatv2, oracle_features])
def test_a_step_keeps_shapes_and_types(baseline: ModuleType) -> None:
    """Traced, not compiled: what it learns is in the benchmark's table."""
    config, train, task, batch = causal_affect_fixture(jax.random.key(0))
    config = variant(config, 13)
    network = nnx.eval_shape(lambda: baseline.FRAMEWORK.build(config, task, nnx.Rngs(0)))
    step = baseline.FRAMEWORK.make_step(config, task, train, nnx.graphdef(network))
    state = jax.eval_shape(step.init, nnx.state(network))
    after, info = jax.eval_shape(step.update, state, {**batch, "state": batch["units"]}, jax.random.key(0))
    assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), after) == jax.tree.map(
        lambda leaf: (leaf.shape, leaf.dtype), state
    )
    assert info["loss"].shape == info["gradient_norm"].shape == ()


def test_known_units_are_told_by_their_states_alone() -> None:
    config = variant(causal_affect_fixture(jax.random.key(0)).config, 3)
    task = Task(labels=("anger", "fear"), units=(1, 2), size=8)
    states = jnp.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    build = oracle_features.FRAMEWORK.build
    look = jax.jit(lambda states: build(config, task, nnx.Rngs(0))(states), compiler_options=FAST)
    outputs = jax.device_get(look(states))
    first, second = outputs.features[:, 0], outputs.features[:, 1]
    np.testing.assert_array_equal(first[0], first[1])
    np.testing.assert_array_equal(second[1], second[2])
    assert np.abs(first[1] - first[2]).max() > 0.1 and np.abs(second[0] - second[1]).max() > 0.1
    np.testing.assert_allclose((outputs.features**2).mean(-1), 1.0, rtol=1e-5)
    assert outputs.units.logits.shape == outputs.expressions.logits.shape == (3, 1, 2)
    # Without loops what is told of unit 1 depends on unit 2 alone.
    np.testing.assert_allclose(outputs.units.logits[1, 0, 0], outputs.units.logits[2, 0, 0], rtol=1e-6)
    assert outputs.units.logits[0, 0, 0] != outputs.units.logits[1, 0, 0]


def test_more_than_the_mean_is_an_edge() -> None:
    task = Task(labels=("anger", "neutral"), units=(1, 2, 4), size=16, channels=3)
    units = np.array([[0.0, 0.7, 0.3], [0.5, 0.0, 0.5], [0.1, 0.9, 0.0]])
    expressions = np.array([[0.2, 0.2, 0.6], [0.4, 0.3, 0.3]])
    graph, threshold = gatv2.attention_graph(task, units, expressions)
    assert {edge[:2] for edge in graph.edges() if edge.weight > threshold + 1e-9} == {
        (2, 1),
        (2, 4),
        (4, "anger"),
        (1, "neutral"),
    }
    assert graph.between[1, 2] == pytest.approx(1.0) and graph.to_expressions.max() == pytest.approx(1.0)
