"""The tree, the mixture and the losses of THIN, one example at a time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxface.frameworks.thin import losses
from tests import thin_reference as reference


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_leaves_are_products_down_the_tree(depth: int) -> None:
    scores = 3 * np.random.default_rng(depth).normal(size=2**depth - 1)
    truth = reference.leaves(1 / (1 + np.exp(-scores)))
    got = losses.leaf_probabilities(jnp.asarray(scores, jnp.float32))
    np.testing.assert_allclose(got, truth, rtol=2e-6)
    np.testing.assert_allclose(truth.sum(), 1, rtol=1e-12)


def test_a_certain_tree_reaches_one_leaf_and_keeps_its_gradient_finite() -> None:
    scores = jnp.array([1e4, -1e4, 1e4, -1e4, 1e4, -1e4, 1e4])  # left, right, left
    value, slope = jax.jacrev(losses.leaf_probabilities)(scores), losses.leaf_probabilities(scores)
    assert np.isfinite(value).all()
    np.testing.assert_array_equal(slope, np.eye(8)[2])


def test_splits_of_a_tree() -> None:
    leaves = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    np.testing.assert_allclose(losses.node_probabilities(jnp.asarray(leaves)), [1.0, 0.3, 0.7], rtol=1e-6)


def test_logits_are_mixed_before_the_softmax() -> None:
    logits, gate = jnp.array([[4.0, 0.0], [0.0, 2.0]]), jnp.array([0.25, 0.75])
    np.testing.assert_allclose(losses.mix_experts(logits, gate), [1.0, 1.5])


def test_similarity_is_the_cosine_without_its_sign() -> None:
    first, second = np.random.default_rng(0).normal(size=(2, 9)).astype(np.float32)
    for sign in (1, -1):
        got = losses.similarity(jnp.asarray(first), jnp.asarray(sign * second))
        np.testing.assert_allclose(got, reference.cosine(first.astype(float), second.astype(float)), rtol=1e-6)


@pytest.mark.parametrize(
    ("endogenous", "value"),
    [((2.0, 0.0), 1.0), ((0.0, 3.0), 0.0), ((0.0, 0.0), 0.0)],
    ids=["same", "right", "none"],
)
def test_similarity_pulls_nowhere_at_its_ends(endogenous: tuple[float, float], value: float) -> None:
    exogenous = jnp.array([1.0, 0.0])
    got, slope = jax.value_and_grad(losses.similarity, 1)(exogenous, jnp.array(endogenous))
    assert got == value
    np.testing.assert_array_equal(slope, [0.0, 0.0])


def test_cross_entropy() -> None:
    logits = np.array([1.0, 3.0, -2.0])
    truth = np.log(np.exp(logits).sum()) - logits[1]
    np.testing.assert_allclose(
        losses.cross_entropy(jnp.asarray(logits, jnp.float32), jnp.array(1)), truth, rtol=1e-6
    )
