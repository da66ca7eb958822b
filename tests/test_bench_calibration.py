"""The noises are what they are called, and the table has a row for each case."""

import numpy as np
import pytest

from jaxface.bench import calibration, calibration_people
from jaxface.bench.calibration import NOISES
from jaxface.bench.settings import CalibrationSettings


def test_noises_are_what_they_are_called() -> None:
    random = np.random.default_rng(0)
    samples = {name: noise(random, 300) for name, noise in NOISES.items()}

    def memory(name: str, axis: int) -> float:
        """Correlation of neighbours along an axis of (count, steps, times)."""
        values = np.moveaxis(samples[name], axis, 0)
        return float(np.corrcoef(values[:-1].ravel(), values[1:].ravel())[0, 1])

    assert abs(memory("white", 2)) < 0.02
    assert memory("row offset", 2) > 0.99 and abs(memory("row offset", 1)) < 0.05
    assert abs(memory("smooth in time", 2) - 0.95) < 0.01 and abs(memory("smooth in time", 1)) < 0.05
    assert abs(memory("smooth in time and symmetry", 1) - 0.8) < 0.05
    np.testing.assert_array_equal(samples["growing offset"][..., 0], 0.0)


def test_false_alarms_and_power_are_counted() -> None:
    """The paper's test is fooled by offsets, exchanging curves is not; whole-row finds nothing."""
    settings = CalibrationSettings(
        surfaces=200, populations=0, rendered=0, effects=(0.0, 5.0), permutations=199
    )
    rows = list(calibration.run(settings))
    assert len(rows) == len(NOISES) * 2 * 4
    rate = {(row["name"], row["effect"], row["test"]): row["rate"] for row in rows}
    assert rate["row offset", 0.0, "per-time"] > 0.7
    assert rate["row offset", 0.0, "slope"] < 0.12
    assert rate["row offset", 5.0, "slope"] > 0.9
    assert rate["row offset", 5.0, "whole-row"] < 0.3
    assert all(row["low"] <= row["rate"] <= row["high"] for row in rows)


def test_verdicts_and_intervals_are_counted_by_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three people never have an effect; a verdict is wrong exactly where its interval is."""
    monkeypatch.setattr(calibration_people, "PEOPLE", (3, 8))
    rows = list(calibration_people.run(populations=40, permutations=299, alpha=0.2, seed=0))
    nulls = list(calibration_people.NULLS)
    assert len(rows) == len(nulls) * 2 * 4 + len(calibration_people.SHARES) * 2
    rate = {(row["name"], row["people"], row["test"]): row["rate"] for row in rows}
    for null in nulls:
        assert rate[null, 3, "verdict"] == rate[null, 3, "comparison"] == rate[null, 3, "gate"] == 0.0
        assert 0.0 < rate[null, 8, "verdict"] == rate[null, 8, "interval"] < 0.5
        assert rate[null, 8, "gate"] <= rate[null, 8, "verdict"]
