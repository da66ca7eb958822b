import jax.numpy as jnp
import numpy as np
import pytest

from jaxface import stats
from jaxface.core.errors import ConfigError, ShapeError
from jaxface.stats.score import column_weights


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
    other = f.copy()
    other[2:8] += 100.0
    assert stats.symmetry_score(other) == pytest.approx(expected, abs=1e-13)
    np.testing.assert_array_equal(column_weights("gradient", 10).integers, [-3, 1, 0, 0, 0, 0, 0, 0, -1, 3])


@pytest.mark.parametrize("estimator", stats.ESTIMATORS)
@pytest.mark.parametrize("steps", [3, 4, 10])
def test_estimators_agree_on_what_is_linear(estimator: str, steps: int) -> None:
    """A rise by 1 over the whole range: 1 / (S - 1) a step, 1 a unit; and a constant is no change."""
    ramp = np.linspace(0.2, 1.2, steps)[:, None] * np.ones((1, 4))
    assert stats.symmetry_score(ramp, estimator) == pytest.approx(1 / (steps - 1), abs=1e-14)
    assert stats.symmetry_score(ramp, estimator, unit="range") == pytest.approx(1, abs=1e-13)
    assert stats.symmetry_score(jnp.asarray(ramp), estimator) == pytest.approx(1 / (steps - 1), abs=1e-6)
    assert stats.symmetry_score(np.ones((steps, 4)), estimator) == pytest.approx(0, abs=1e-15)


def test_estimators_are_what_they_are_called() -> None:
    surface = np.random.default_rng(4).normal(size=(7, 5))
    column = surface.mean(1)
    expected = {
        "gradient-2": np.gradient(column, edge_order=2).mean(),
        "slope": np.polyfit(np.arange(7), column, 1)[0],
        "endpoints": (column[-1] - column[0]) / 6,
        "area": 2 * np.trapezoid(column[-1] - column, np.linspace(0, 1, 7)) / 6,
    }
    for estimator, value in expected.items():
        assert stats.symmetry_score(surface, estimator) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"estimator": "gradiant"}, "did you mean 'gradient'"),
        ({"unit": "steps"}, "did you mean 'step'"),
        ({"estimator": "gradient-2"}, "at least 3 levels, got 2"),
    ],
)
def test_score_refuses_unknown_options(options: dict, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        stats.symmetry_score(np.zeros((2, 4)), **options)


@pytest.mark.parametrize("shape", [(5,), (1, 4), (3, 0)])
def test_score_refuses_what_is_no_surface(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"\(\.\.\., S, T\)"):
        stats.symmetry_score(np.zeros(shape))


def test_population_score_leaves_unknown_out() -> None:
    scores = np.array([[1.0, 2.0, np.nan], [np.nan, np.nan, np.nan]])
    np.testing.assert_array_equal(stats.population_score(scores), [1.5, np.nan])


def test_holm_by_hand() -> None:
    """Sorted .005 .01 .03 .04: times 4, 3, 2, 1 = .02 .03 .06 .04, running maximum .02 .03 .06 .06."""
    p_values = stats.holm(np.array([0.01, np.nan, 0.04, 0.03, 0.005]))
    np.testing.assert_allclose(p_values, [0.03, np.nan, 0.06, 0.06, 0.02], rtol=1e-12)
    np.testing.assert_array_equal(
        stats.holm(np.array([[0.5, 0.6], [1.0, np.nan]])), [[1.0, 1.0], [1.0, np.nan]]
    )


def test_benjamini_hochberg_by_hand() -> None:
    """Sorted .005 .01 .03 .04: times 4/1, 4/2, 4/3, 4/4 = .02 .02 .04 .04, running minimum from the right."""
    p_values = stats.benjamini_hochberg(np.array([0.01, np.nan, 0.04, 0.03, 0.005]))
    np.testing.assert_allclose(p_values, [0.02, np.nan, 0.04, 0.04, 0.02], rtol=1e-12)
    np.testing.assert_allclose(stats.adjust(np.array([0.9, 0.02]), "benjamini-hochberg"), [0.9, 0.04])


@pytest.mark.parametrize("correction", stats.CORRECTIONS)
def test_corrections_refuse_what_is_no_probability(correction: str) -> None:
    with pytest.raises(ShapeError, match=r"lie in \[0, 1\]"):
        stats.adjust(np.array([0.1, 1.2]), correction)
    with pytest.raises(ConfigError, match="did you mean 'holm'"):
        stats.adjust(np.array([0.1]), "home")


def test_sign_flips_are_all_looked_at_where_they_are_few(key) -> None:
    """Three people of one sign: 2 of the 8 ways to flip them reach their mean; 1, -1, 2: 6 of 8 reach |2|."""
    scores = np.array([[1.0, 2.0, 3.0, np.nan], [1.0, -1.0, 2.0, np.nan], [np.nan] * 4])
    np.testing.assert_array_equal(stats.sign_flip_test(scores, key), [0.25, 0.75, np.nan])
    zeros = stats.sign_flip_test(np.zeros((1, 30)), key, permutations=99)
    np.testing.assert_array_equal(zeros, [1.0])


def test_sign_flips_hold_their_level_and_find_an_effect(key) -> None:
    scores = np.random.default_rng(3).normal(size=(400, 20))
    rate = (stats.sign_flip_test(scores, key, permutations=499) <= 0.05).mean()
    assert abs(rate - 0.05) < 0.044
    assert (stats.sign_flip_test(scores + 4.0, key, permutations=499) == 1 / 500).all()


@pytest.mark.parametrize("method", ["BCa", "percentile"])
def test_interval_covers_the_mean_about_as_often_as_it_says(method: str, key) -> None:
    samples = np.random.default_rng(2).exponential(size=(200, 40))
    interval = stats.mean_interval(samples, key, level=0.9, resamples=400, method=method)
    coverage = ((interval.low <= 1.0) & (interval.high >= 1.0)).mean()
    assert 0.82 < coverage < 0.96
    np.testing.assert_allclose(interval.mean, samples.mean(-1))


def test_interval_of_few_or_equal_values(key) -> None:
    values = np.array([[1.0, np.nan, np.nan], [2.0, 2.0, np.nan]])
    interval = stats.mean_interval(values, key)
    np.testing.assert_array_equal(np.stack(interval), [[np.nan, 2.0]] * 3)
