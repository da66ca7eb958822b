import jax.numpy as jnp
import numpy as np
import pytest

from jaxface import stats
from jaxface.core.errors import ShapeError
from jaxface.stats.score import gradient_weights


@pytest.mark.parametrize("steps", [2, 3, 4, 5, 10])
def test_score_is_the_mean_of_numpy_gradient(steps: int) -> None:
    surfaces = np.random.default_rng(0).normal(size=(2, 3, steps, 7))
    expected = np.gradient(surfaces, axis=-2).mean((-2, -1))
    np.testing.assert_allclose(stats.symmetry_score(surfaces), expected, rtol=0, atol=1e-14)
    single = stats.symmetry_score(jnp.asarray(surfaces, jnp.float32))
    np.testing.assert_allclose(single, expected, rtol=0, atol=1e-6)


def test_telescoping_identity() -> None:
    """specs/facing_asymmetry 5.3: only the two rows at each end count."""
    f = np.random.default_rng(1).normal(size=(10, 90))
    expected = (1.5 * f[9] - 0.5 * f[8] + 0.5 * f[1] - 1.5 * f[0]).mean() / 10
    assert stats.symmetry_score(f) == pytest.approx(expected, abs=1e-15)
    changed = f.copy()
    changed[2:8] += 100.0
    assert stats.symmetry_score(changed) == pytest.approx(expected, abs=1e-13)
    assert gradient_weights(10).sum() == pytest.approx(0, abs=1e-15)


def test_score_is_per_step() -> None:
    ramp = np.linspace(0, 1, 10)[:, None] * np.ones((1, 4))
    assert stats.symmetry_score(ramp) == pytest.approx(1 / 9)


@pytest.mark.parametrize("shape", [(5,), (1, 4), (3, 0)])
def test_score_refuses_what_is_no_surface(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"\(\.\.\., S, T\)"):
        stats.symmetry_score(np.zeros(shape))


def test_population_score_leaves_unknown_out() -> None:
    scores = np.array([[1.0, 2.0, np.nan], [np.nan, np.nan, np.nan]])
    np.testing.assert_array_equal(stats.population_score(scores), [1.5, np.nan])


def test_holm_by_hand() -> None:
    """Sorted .005 .01 .03 .04: times 4, 3, 2, 1 = .02 .03 .06 .04, running maximum .02 .03 .06 .06."""
    adjusted = stats.holm(np.array([0.01, np.nan, 0.04, 0.03, 0.005]))
    np.testing.assert_allclose(adjusted, [0.03, np.nan, 0.06, 0.06, 0.02], rtol=1e-12)
    np.testing.assert_array_equal(
        stats.holm(np.array([[0.5, 0.6], [1.0, np.nan]])), [[1.0, 1.0], [1.0, np.nan]]
    )


def test_holm_refuses_what_is_no_probability() -> None:
    with pytest.raises(ShapeError, match=r"lie in \[0, 1\]"):
        stats.holm(np.array([0.1, 1.2]))


@pytest.mark.parametrize("method", ["BCa", "percentile"])
def test_interval_covers_the_mean_about_as_often_as_it_says(method: str, key) -> None:
    samples = np.random.default_rng(2).exponential(size=(200, 40))
    interval = stats.mean_interval(samples, key, level=0.9, resamples=400, method=method)
    covered = ((interval.low <= 1.0) & (interval.high >= 1.0)).mean()
    assert 0.82 < covered < 0.96
    np.testing.assert_allclose(interval.mean, samples.mean(-1))


def test_interval_of_few_or_equal_values(key) -> None:
    values = np.array([[1.0, np.nan, np.nan], [2.0, 2.0, np.nan]])
    interval = stats.mean_interval(values, key)
    np.testing.assert_array_equal(np.stack(interval), [[np.nan, 2.0]] * 3)
