"""Regression in a moving window, against plain loops and a known line."""

import numpy as np
import pytest

from jaxface.core.errors import ConfigError, ShapeError
from jaxface.stats import window_regression


def test_it_is_the_mean_and_deviation_of_what_lies_in_the_window() -> None:
    random = np.random.default_rng(0)
    x, y = random.uniform(-1, 3, 80), random.standard_normal(80)
    result = window_regression(x, y, width=0.3, positions=9, fewest=2)
    np.testing.assert_allclose(result.position, np.linspace(x.min(), x.max(), 9))
    half = 0.15 * (x.max() - x.min())
    for place, mean, deviation, count in zip(*result, strict=True):
        inside = y[(x >= place - half) & (x <= place + half)]
        assert count == len(inside)
        np.testing.assert_allclose([mean, deviation], [inside.mean(), inside.std()])


def test_a_line_comes_back_in_the_middle_and_is_flat_at_its_ends() -> None:
    x = np.linspace(0, 1, 401)
    result = window_regression(x, 3 * x, width=0.201, positions=11)
    np.testing.assert_allclose(result.mean[1:-1], 3 * result.position[1:-1], atol=1e-9)
    np.testing.assert_allclose(result.mean[[0, -1]], [0.15, 2.85], atol=1e-3)  # half a window is one-sided
    np.testing.assert_allclose(result.deviation[5], 3 * 0.2 / np.sqrt(12), rtol=0.05)


def test_empty_windows_and_unknown_values_are_nan() -> None:
    x = np.r_[np.zeros(5), np.full(4, 1.0), np.nan, 0.5]
    y = np.r_[np.arange(5.0), np.zeros(4), 1.0, np.nan]
    result = window_regression(x, y, width=0.2, positions=3)
    assert result.samples.tolist() == [5, 0, 4]
    np.testing.assert_array_equal(result.mean, [2.0, np.nan, np.nan])
    assert np.isnan(window_regression(np.full(3, np.nan), np.ones(3)).mean).all()


@pytest.mark.parametrize("wrong", [{"width": 0.0}, {"width": 1.1}, {"positions": 0}, {"fewest": 1}])
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))} = .*: must be "):
        window_regression(np.ones(3), np.ones(3), **wrong)  # type: ignore[arg-type]


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"got \(3,\) and \(2,\)"):
        window_regression(np.ones(3), np.ones(2))
