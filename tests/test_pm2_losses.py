"""PM2's losses and its baselines' against NumPy float64, and where their gradients go."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxface.frameworks.common.gradients import reverse
from jaxface.frameworks.pm2 import losses
from jaxface.frameworks.pm2.networks import combine_logits
from tests import pm2_reference as reference

FEATURES, UNITS = 7, 4


def drawn(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    random = np.random.default_rng(sum(map(sum, shapes)))
    return [random.normal(size=shape).astype(np.float32) for shape in shapes]


def exact(*arrays: np.ndarray) -> list[np.ndarray]:
    return [array.astype(np.float64) for array in arrays]


def test_loss_of_units_leaves_out_what_is_unknown() -> None:
    (logits,) = drawn((UNITS,))
    units, mask = np.array([1.0, 0.0, 1.0, 0.0], np.float32), np.array([True, True, False, True])
    truth = reference.unit_loss(*exact(logits, units), mask)
    function = jax.jit(jax.value_and_grad(losses.unit_loss), static_argnums=3)
    (total, slope), (mean, _) = (function(logits, units, mask, over) for over in ("sum", "mean"))
    np.testing.assert_allclose([total, mean], [truth, truth / 3], rtol=1e-6)
    assert function(logits, units, mask & False, "mean")[0] == 0.0
    np.testing.assert_array_equal(np.asarray(slope) != 0.0, mask)


def test_discrepancy_is_of_probabilities() -> None:
    first, second = drawn((UNITS,), (UNITS,))
    apart = np.abs(reference.sigmoid(exact(first)[0]) - reference.sigmoid(exact(second)[0]))
    np.testing.assert_allclose(losses.discrepancy(first, second, "mean"), apart.mean(), rtol=1e-5)
    np.testing.assert_allclose(losses.discrepancy(first, second, "sum"), apart.sum(), rtol=1e-5)


def test_paired_moments() -> None:
    face, female, male = drawn(*[(FEATURES,)] * 3)
    function = jax.jit(losses.paired_moments, static_argnums=3)
    pairs = [(face, female), (face, male), (female, male)]
    truth = sum(reference.moment_distance(*exact(*pair)) for pair in pairs) / 3
    np.testing.assert_allclose(function(face, female, male, "sum"), truth, rtol=1e-6)
    np.testing.assert_allclose(function(face, female, male, "mean"), truth / FEATURES**0.5, rtol=1e-6)
    gradient = jax.jit(jax.value_and_grad(losses.paired_moments), static_argnums=3)
    value, slope = gradient(face, face, face, "sum")
    assert value == 0.0
    np.testing.assert_array_equal(slope, np.zeros(FEATURES))


def test_answer_is_the_mean_of_probabilities() -> None:
    first, second = np.array([-3.0, 0.1, 80.0, 2.0]), np.array([1.0, 0.3, 80.0, -6.0])
    mean = (reference.sigmoid(first) + reference.sigmoid(second)) / 2
    got = jax.jit(combine_logits)(first, second)
    np.testing.assert_allclose(got[:2], np.log(mean[:2] / (1 - mean[:2])), rtol=1e-5)
    np.testing.assert_allclose(got[2], 80.0, rtol=1e-6)  # where the probability is 1 to the last bit
    assert got[3] < 0.0 < mean[3] - 0.4 and first[0] + second[0] < 0.0  # logits alone would say -2 and -1


@pytest.mark.parametrize(("orders", "central"), [(2, False), (5, True)])
def test_moments_of_domains(orders: int, central: bool) -> None:
    domains = drawn((6, FEATURES), (9, FEATURES), (5, FEATURES))
    truth = reference.moments_of_domains(exact(*domains)[:2], exact(domains[2])[0], orders, central)
    mask = np.arange(9) < 4

    @jax.jit
    def asked(one: jax.Array, other: jax.Array, target: jax.Array) -> tuple[jax.Array, ...]:
        of = [losses.moments(domain, orders, central) for domain in (one, other, target)]
        alike = jax.value_and_grad(losses.moment_gap)(of[0], of[0], "sum")
        some = (
            losses.moments(other, orders, central, mask),
            losses.moments(other[:4], orders, central),
        )
        return losses.multi_source(of[:2], of[2], "sum"), *alike, *some

    whole, alike, slope, some, few = asked(*domains)
    np.testing.assert_allclose(whole, truth, rtol=1e-5)
    assert alike == 0.0 and (np.asarray(slope) == 0.0).all()
    np.testing.assert_allclose(some, few, rtol=2e-5)


def test_maximum_mean_discrepancies() -> None:
    source, target, left, right = drawn((5, FEATURES), (6, FEATURES), (5, UNITS), (6, UNITS))
    target = target + np.float32(1.0)
    left, right = (reference.sigmoid(each).astype(np.float32) for each in (left, right))
    got, slope = jax.jit(jax.value_and_grad(losses.dan))(source, target)
    np.testing.assert_allclose(got, reference.dan(*exact(source, target)), rtol=2e-5)
    truth = reference.jan(tuple(exact(source, left)), tuple(exact(target, right)))  # type: ignore[arg-type]
    np.testing.assert_allclose(jax.jit(losses.jan)((source, left), (target, right)), truth, rtol=2e-5)
    assert np.isfinite(jax.jit(jax.grad(losses.dan))(jnp.zeros((5, 2)), jnp.zeros((6, 2)))).all()
    assert (slope != 0.0).any()


def test_bandwidths_have_no_gradient() -> None:
    """With the bandwidth held, a kernel of three points: the slope by hand."""
    points = jnp.array([[0.0], [1.0], [3.0]])
    variance = np.mean([0, 1, 9, 1, 0, 4, 9, 4, 0]) / 8.0
    slope = jax.jit(jax.grad(lambda rows: losses.multi_kernel(rows, 1)[0, 1]))(points)
    truth = np.exp(-1 / (2 * variance)) / variance  # of exp(-(x0 - x1)^2 / 2 v) by x0
    np.testing.assert_allclose(slope, [[truth], [-truth], [0.0]], rtol=1e-5)


def test_a_reversed_gradient() -> None:
    features, weights = jnp.array([1.0, -2.0]), jnp.array([3.0, 5.0])

    def score(features: jax.Array, share: float) -> jax.Array:
        return (weights * reverse(features, jnp.asarray(share))).sum()

    for share in (0.0, 0.25, 1.0):
        value, slope = jax.value_and_grad(score)(features, share)
        assert value == -7.0
        np.testing.assert_allclose(slope, -share * weights)
    assert losses.reversal_scale(jnp.zeros(()), 10.0) == 0.0
    np.testing.assert_allclose(
        losses.reversal_scale(jnp.asarray(0.3), 10.0), 2 / (1 + np.exp(-3)) - 1, rtol=1e-6
    )


def test_domain_loss_and_what_cdan_sees() -> None:
    source, target = drawn((4, 1), (6, 1))
    truth = reference.domain_loss(*exact(source, target))
    np.testing.assert_allclose(losses.domain_loss(source, target), truth, rtol=1e-6)
    features, chances = jnp.array([1.0, 2.0, 3.0]), jnp.array([0.5, 0.1])
    np.testing.assert_allclose(losses.joint(features, chances), [0.5, 0.1, 1.0, 0.2, 1.5, 0.3], rtol=1e-6)
    slopes = jax.grad(lambda *both: losses.joint(*both).sum(), (0, 1))(features, chances)
    np.testing.assert_allclose(slopes[0], [0.6, 0.6, 0.6], rtol=1e-6)
    np.testing.assert_array_equal(slopes[1], [0.0, 0.0])
