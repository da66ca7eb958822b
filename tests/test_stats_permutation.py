import itertools
from collections.abc import Callable

import jax
import numpy as np
import pytest

from jaxface import stats
from jaxface.core.errors import ConfigError, ShapeError
from jaxface.stats import permutation
from jaxface.stats.score import column_weights

SHAPE = (10, 30)


def algorithm_1(surface: np.ndarray, orders: np.ndarray, ties: bool) -> int:
    """The paper's loop on given shuffles: orders (K, S, T), row indices."""
    statistic = abs(np.gradient(surface, axis=0).mean())
    rows = np.take_along_axis(surface[None], orders, axis=1)
    statistics = np.abs(np.gradient(rows, axis=1).mean((1, 2)))
    tie = np.isclose(statistics, statistic, rtol=0, atol=1e-13)
    return int(((tie & ties) | ((statistics > statistic) & ~tie)).sum())


def drawn_orders(key: jax.Array, count: int, steps: int, times: int) -> np.ndarray:
    """The shuffles behind the first `count` (<= one chunk) of the test, completed to whole permutations.

    The weights name where the heavy rows go; the light rows (weight 0) take what is left, in order.
    """
    weights = column_weights("gradient", steps).integers
    heavy = np.flatnonzero(weights)
    places = permutation.distinct_positions(
        jax.random.fold_in(key, 0), len(heavy), steps, (permutation._CHUNK, 1, times)
    )
    places = np.asarray(places)[:, :count, 0]
    orders = np.empty((count, steps, times), int)
    for k, t in itertools.product(range(count), range(times)):
        free = [row for row in range(steps) if row not in places[:, k, t]]
        orders[k, heavy, t] = places[:, k, t]
        orders[k, np.flatnonzero(weights == 0), t] = free
    return orders


@pytest.mark.parametrize("steps", [2, 3, 4, 10])
def test_p_is_algorithm_1_on_the_same_shuffles(key, steps: int) -> None:
    """Exactly: 200 shuffles, surfaces with and without an effect, and one full of ties."""
    rng = np.random.default_rng(0)
    surfaces = rng.normal(size=(4, steps, 6)).astype(np.float32)
    surfaces[1] += 0.5 * np.arange(steps)[:, None].astype(np.float32) / steps
    surfaces[2] = rng.integers(0, 2, size=(steps, 6))
    surfaces[3] = 1e-6 * surfaces[3] + 0.25
    orders = drawn_orders(key, 200, steps, 6)
    assert (np.sort(orders, axis=1) == np.arange(steps)[:, None]).all()
    for estimate in ("paper", "valid"):
        result = stats.permutation_test(surfaces, key, permutations=200, p_estimate=estimate)
        counts = [algorithm_1(s.astype(np.float64), orders, estimate == "valid") for s in surfaces]
        expected = np.array(counts) / 200 if estimate == "paper" else (np.array(counts) + 1) / 201
        np.testing.assert_array_equal(result.p_value, expected)
    np.testing.assert_allclose(result.score, stats.symmetry_score(surfaces), rtol=0, atol=1e-14)


def test_shuffles_are_uniform(key) -> None:
    """All 24 orders of 3 out of 4 equally often: chi-square below its 99.9 % point (49.7, 23 degrees)."""
    places = np.asarray(permutation.distinct_positions(key, 3, 4, (12_000,)))
    assert all(len(set(column)) == 3 for column in places.T[:100])
    _, counts = np.unique(places[0] * 16 + places[1] * 4 + places[2], return_counts=True)
    assert len(counts) == 24
    assert ((counts - 500) ** 2 / 500).sum() < 49.7


def test_p_does_not_depend_on_the_batch(key) -> None:
    surfaces = np.random.default_rng(1).normal(size=(37, *SHAPE)).astype(np.float32)
    together = stats.permutation_test(surfaces, key, permutations=1500).p_value
    alone = [stats.permutation_test(surface, key, permutations=1500).p_value for surface in surfaces[:3]]
    np.testing.assert_array_equal(together[:3], alone)
    np.testing.assert_array_equal(together[::-1], stats.permutation_test(surfaces[::-1], key, 1500).p_value)


def test_columns_are_judged_in_blocks(key, monkeypatch: pytest.MonkeyPatch) -> None:
    surfaces = np.random.default_rng(2).normal(size=(2, 5, *SHAPE))
    whole = stats.permutation_test(surfaces, key, permutations=300)
    monkeypatch.setattr(permutation, "_COLUMNS", 4)
    np.testing.assert_array_equal(
        whole.p_value, stats.permutation_test(surfaces, key, permutations=300).p_value
    )
    assert whole.p_value.shape == (2, 5)


def test_white_noise_is_significant_in_one_of_twenty(key) -> None:
    """2,000 surfaces of noise: .05 within four binomial deviations (.0195)."""
    surfaces = np.random.default_rng(3).normal(size=(2000, *SHAPE))
    rate = (stats.permutation_test(surfaces, key, permutations=999).p_value <= 0.05).mean()
    assert abs(rate - 0.05) < 0.0195


def test_known_defect_row_offsets_are_significant(key) -> None:
    """specs/facing_asymmetry 5.3: an offset per row, constant in time and in no order, is called an effect."""
    rng = np.random.default_rng(4)
    surfaces = rng.normal(size=(500, 10, 1)) + 1e-3 * rng.normal(size=(500, 10, 90))
    rate = (stats.permutation_test(surfaces, key, permutations=999).p_value <= 0.05).mean()
    assert 0.78 < rate < 0.90


def test_an_effect_has_the_smallest_p(key) -> None:
    ramp = np.linspace(0, 1, 10)[:, None] * np.ones((1, 90))
    assert stats.permutation_test(ramp, key, permutations=999).p_value == pytest.approx(1 / 1000)
    assert stats.permutation_test(ramp, key, permutations=999, p_estimate="paper").p_value == 0


def test_constant_and_unknown_surfaces(key) -> None:
    surfaces = np.full((2, *SHAPE), 0.1, np.float32)
    surfaces[1, 3, 3] = np.nan
    result = stats.permutation_test(surfaces, key, permutations=50)
    np.testing.assert_array_equal(result.p_value, [1.0, np.nan])
    np.testing.assert_array_equal(np.isnan(result.score), [False, True])
    assert stats.permutation_test(surfaces[0], key, permutations=50, p_estimate="paper").p_value == 0.0


def every_order(surface: np.ndarray, statistic: Callable[[np.ndarray], float]) -> float:
    """Share of all orders of the rows whose statistic reaches the observed one."""
    hits = [
        abs(statistic(surface[list(order)])) >= abs(statistic(surface)) - 1e-12
        for order in itertools.permutations(range(len(surface)))
    ]
    return float(np.mean(hits))


def slope(surface: np.ndarray) -> float:
    return float(np.polyfit(np.arange(len(surface)), surface.mean(1), 1)[0])


@pytest.mark.parametrize(
    ("scheme", "statistic"), [("whole-row", stats.symmetry_score), ("slope", slope)], ids=["whole-row", "slope"]
)
def test_exchanged_curves_are_all_looked_at_where_they_are_few(key, scheme: str, statistic) -> None:
    """Six rows: 360 arrangements that the score tells apart, 720 that the slope does; p is exact."""
    rng = np.random.default_rng(0)
    surfaces = np.stack([rng.normal(size=(6, 4)), np.arange(6.0)[:, None] * np.ones((1, 4)), np.ones((6, 4))])
    surfaces[0] += 0.3 * np.arange(6)[:, None]
    result = stats.permutation_test(surfaces, key, permutations=1000, scheme=scheme)
    np.testing.assert_allclose(result.p_value, [every_order(s, statistic) for s in surfaces], rtol=1e-12)
    np.testing.assert_allclose(result.score, [statistic(s) for s in surfaces], atol=1e-12)


def test_whole_curves_with_the_papers_score_cannot_reach_significance(key) -> None:
    """specs/facing_asymmetry 5.3: .13 for a linear surface of ten rows, of all 5,040; with ties .16."""
    ramp = np.linspace(0, 1, 10)[:, None] * np.ones((1, 90))
    for estimate, expected in (("paper", 0.13), ("valid", 0.16)):
        p_value = stats.permutation_test(ramp, key, scheme="whole-row", p_estimate=estimate).p_value
        assert p_value == pytest.approx(expected, abs=0.005)
        assert float(p_value) * 5040 == pytest.approx(round(float(p_value) * 5040), abs=1e-6)
    assert stats.permutation_test(ramp, key, scheme="slope").p_value < 1e-3


@pytest.mark.parametrize("scheme", ["whole-row", "slope"])
def test_exchanging_curves_holds_its_level_under_row_offsets(key, scheme: str) -> None:
    """.05 within four binomial deviations of 1,000, where the paper's test says .84."""
    rng = np.random.default_rng(5)
    surfaces = rng.normal(size=(1000, 10, 1)) + 0.1 * rng.normal(size=(1000, 10, 20))
    rate = (stats.permutation_test(surfaces, key, permutations=999, scheme=scheme).p_value <= 0.05).mean()
    assert abs(rate - 0.05) < 0.028


def test_drawn_slopes_agree_with_every_order(key) -> None:
    """Seven rows, 5,040 orders, of which 4,000 are drawn: within four Monte-Carlo deviations."""
    surfaces = np.random.default_rng(6).normal(size=(3, 7, 5))
    exact = stats.permutation_test(surfaces, key, permutations=5040, scheme="slope").p_value
    p_value = stats.permutation_test(surfaces, key, permutations=4000, scheme="slope").p_value
    assert (exact * 5040 % 1 < 1e-6).all()
    assert (np.abs(p_value - exact) < 4 * np.sqrt(exact * (1 - exact) / 4000) + 1e-3).all()
    assert (p_value != exact).any()


@pytest.mark.parametrize("estimator", ["slope", "area", "endpoints", "gradient-2"])
def test_any_estimator_can_be_shuffled_in_time(key, estimator: str) -> None:
    """White noise holds its level; the statistic that is tested is the estimator's own score."""
    surfaces = np.random.default_rng(7).normal(size=(500, 5, 8))
    result = stats.permutation_test(surfaces, key, permutations=499, estimator=estimator)
    np.testing.assert_allclose(result.score, stats.symmetry_score(surfaces, estimator), atol=1e-12)
    assert abs((result.p_value <= 0.05).mean() - 0.05) < 0.039


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"scheme": "per_time"}, ConfigError, "did you mean 'per-time'"),
        ({"p_estimate": "vaild"}, ConfigError, "did you mean 'valid'"),
        ({"estimator": "slopes"}, ConfigError, "did you mean 'slope'"),
        ({"permutations": 0}, ConfigError, "permutations = 0: must be at least 1"),
    ],
)
def test_bad_options(key, options: dict, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        stats.permutation_test(np.zeros(SHAPE), key, **options)


def test_bad_shape(key) -> None:
    with pytest.raises(ShapeError, match="S >= 2"):
        stats.permutation_test(np.zeros((1, 9)), key)
