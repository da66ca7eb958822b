"""Estimators: weighted sums of the answers of a column, by name."""

from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple

import numpy as np

from jaxface.core.checks import require_name
from jaxface.core.errors import ConfigError
from jaxface.stats.registry import ESTIMATORS


class ColumnWeights(NamedTuple):
    """An estimator as what it is: a weighted sum of the S answers of a column.

    Attributes:
        integers: (S,) weights that sum to zero.
        scale: the change per step that one of those integers stands for.
    """

    integers: np.ndarray
    scale: float

    @property
    def weights(self) -> np.ndarray:
        """(S,) whose dot product with a column is its change per step."""
        return self.integers * self.scale


def column_weights(estimator: str, steps: int) -> ColumnWeights:
    """The weights of an estimator on S symmetry steps.

    Raises:
        ConfigError: no such estimator, or one that wants more steps.
    """
    require_name("estimator", estimator, ESTIMATORS)
    fewest = ESTIMATORS[estimator].minimum_steps
    if steps < fewest:
        raise ConfigError(f"estimator {estimator!r} needs at least {fewest} levels, got {steps}")
    return ESTIMATORS[estimator].weights(steps)


def _gradient(steps: int, edge_order: Literal[1, 2] = 1) -> ColumnWeights:
    slopes = [np.gradient(unit, edge_order=edge_order) for unit in np.eye(steps)]
    return ColumnWeights(np.rint(np.sum(slopes, axis=1) * 2), 0.5 / steps)


def _slope(steps: int) -> ColumnWeights:
    weights = 2.0 * np.arange(steps) - (steps - 1)
    return ColumnWeights(weights, 2.0 / np.sum(weights**2))


def _endpoints(steps: int) -> ColumnWeights:
    ends = np.zeros(steps)
    ends[0], ends[-1] = -1.0, 1.0
    return ColumnWeights(ends, 1.0 / (steps - 1))


def _area(steps: int) -> ColumnWeights:
    trapezoid = np.full(steps, 2.0)
    trapezoid[[0, -1]] = 1.0
    trapezoid[-1] -= 2.0 * (steps - 1)
    return ColumnWeights(-trapezoid, 1.0 / (steps - 1) ** 2)


class Estimator(NamedTuple):
    """An entry of `registry.ESTIMATORS`.

    Attributes:
        weights: the column weights on S levels.
        description: for a report, "{dose}" stands for the axis: what is computed of the answers.
        minimum_steps: the fewest levels it is defined on.
    """

    weights: Callable[[int], ColumnWeights]
    description: str
    minimum_steps: int = 2


GRADIENT = Estimator(
    _gradient, "the mean over the grid of the numerical gradient (numpy.gradient) along {dose} (Eq. 6)"
)
GRADIENT_2 = Estimator(
    partial(_gradient, edge_order=2),
    "the mean over the grid of the numerical gradient (edge order 2) along {dose}",
    minimum_steps=3,
)
SLOPE = Estimator(_slope, "the least-squares slope along {dose}, mean over time")
ENDPOINTS = Estimator(
    _endpoints, "the difference between the last and the first level of {dose}, mean over time"
)
AREA = Estimator(_area, "twice the mean loss against the last level over all levels of {dose}, mean over time")
