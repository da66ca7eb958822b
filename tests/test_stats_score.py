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
    """Three of one sign: 2 of the 8 ways to flip them reach their mean; 1, -1, 2: 6 of 8 reach |2|."""
    scores = np.array([[1.0, 2.0, 3.0, np.nan], [1.0, -1.0, 2.0, np.nan], [np.nan] * 4])
    test = stats.mean_test(scores, key)
    np.testing.assert_array_equal(test.p_value, [0.25, 0.75, np.nan])
    np.testing.assert_allclose(test.mean, [2.0, 2 / 3, np.nan])
    assert np.isnan(test.low).all() and np.isnan(test.high).all(), "three people are too few for .05"
    zeros = stats.mean_test(np.zeros((1, 30)), key, permutations=99)
    np.testing.assert_array_equal(np.stack(zeros)[:, 0], [0.0, 0.0, 0.0, 1.0])


def test_the_interval_of_six_people_by_hand(key) -> None:
    """Each of 64 flips is tried; all of one sign reach, so p = 2/64; the limits are the ends."""
    scores = np.array([1.0, 1.1, 0.9, 1.2, 0.8, 1.0])
    test = stats.mean_test(scores, key)
    assert test.p_value == 2 / 64
    np.testing.assert_allclose([test.low, test.high], [0.8, 1.2])
    assert np.isnan(stats.mean_test(scores, key, level=0.99).low), "p = .03125 is the least for six people"
    assert np.isnan(stats.mean_test(scores[:5], key, level=0.8).low), "fewer than six are always too few"


@pytest.mark.parametrize("people", [6, 9, 20, 60])
def test_an_interval_leaves_zero_out_where_its_test_rejects(people: int, key) -> None:
    """Both ways: also for skewed people with some missing, and at another level."""
    scores = np.random.default_rng(people).exponential(size=(300, people)) - 0.6
    scores[::3, 0] = np.nan
    for level in (0.95, 0.8) if people > 6 else (0.95,):
        test = stats.mean_test(scores, key, permutations=999, level=level)
        outside = (test.low > 0) | (test.high < 0)
        np.testing.assert_array_equal(outside, test.p_value <= 1 - level)
    assert outside.any() and not outside.all()


def test_a_shifted_interval_is_the_interval_shifted(key) -> None:
    scores = np.random.default_rng(8).normal(size=20)
    test, shifted = stats.mean_test(scores, key), stats.mean_test(scores + 3.0, key)
    np.testing.assert_allclose([shifted.low, shifted.high], [test.low + 3.0, test.high + 3.0])


@pytest.mark.parametrize(
    ("people", "noise"),
    [(people, noise) for people in (2, 3, 8, 20) for noise in ("normal", "skewed", "heavy")],
)
def test_noise_is_no_effect_at_any_number_of_people(people: int, noise: str, key) -> None:
    """False alarms at .05: at most .05 and three standard errors (.026) over 600 populations.

    BCa intervals leave zero out for 48 % of pairs of people, 30 % of three and 12 % of eight.
    """
    random = np.random.default_rng(5)
    scores = {
        "normal": lambda: random.normal(size=(600, people)),
        "skewed": lambda: random.gamma(4.0, size=(600, people)) - 4.0,
        "heavy": lambda: random.standard_t(3, size=(600, people)),
    }[noise]()
    test = stats.mean_test(scores, key, permutations=999)
    rate = (test.p_value <= 0.05).mean()
    assert rate <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 600)
    assert rate == 0.0 if people < 6 else rate > 0.01


def test_an_effect_is_found(key) -> None:
    scores = np.random.default_rng(3).normal(size=(400, 20)) + 4.0
    assert (stats.mean_test(scores, key, permutations=499).p_value == 1 / 500).all()


def test_what_a_mean_test_refuses(key) -> None:
    with pytest.raises(ShapeError, match="single number"):
        stats.mean_test(np.array(1.0), key)
    for wrong in ({"permutations": 0}, {"level": 1.0}):
        with pytest.raises(ConfigError, match="must hold permutations >= 1 and 0 < level < 1"):
            stats.mean_test(np.ones(3), key, **wrong)


def test_the_interval_of_a_share() -> None:
    """0 of 10: the rule of three, 1 - .025^(1/10) = .308; never too narrow."""
    hits = np.array([[0.0] * 10, [1.0] * 10, [np.nan] * 10])
    low, high = stats.share_interval(hits)
    np.testing.assert_allclose(low, [0.0, 0.025 ** (1 / 10), np.nan])
    np.testing.assert_allclose(high, [1 - 0.025 ** (1 / 10), 1.0, np.nan])
    random = np.random.default_rng(1)
    for share in (0.5, 0.99):
        low, high = stats.share_interval((random.random((2000, 10)) < share).astype(float))
        assert ((low <= share) & (share <= high)).mean() >= 0.95


@pytest.mark.parametrize(("tests", "fewest"), [(1, 6), (2, 7), (3, 7), (10, 9), (40, 11)])
def test_the_fewest_people_can_reach_a_corrected_level_and_one_less_cannot(
    key, tests: int, fewest: int
) -> None:
    assert stats.fewest_people(tests) == fewest
    scores = np.linspace(1.0, 1.1, fewest)
    for count, is_enough in ((fewest, True), (fewest - 1, False)):
        p_value = stats.mean_test(scores[:count], key).p_value
        assert (stats.holm(np.array([p_value, *[1.0] * (tests - 1)]))[0] <= 0.05) == is_enough
