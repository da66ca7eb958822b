"""How much an answer changes with symmetry: Facing Asymmetry, Eq. 6 and 7, and other estimates of the same."""

from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple, TypeVar, get_args

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core.checks import require_name
from jaxface.core.errors import ConfigError, ShapeError
from jaxface.core.types import Array

A = TypeVar("A", np.ndarray, Array)

Unit = Literal["step", "range"]


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


def symmetry_score(surface: A, estimator: str = "gradient", unit: Unit = "step") -> A:
    """Mean change of the answer with symmetry, over time; positive: more symmetry, higher answers.

    All estimators agree on answers that are linear in symmetry. They differ in which rows they look at:

    * "gradient": Eq. 6, the mean of `numpy.gradient` (edge order 1). It telescopes to the two rows at each
      end, [-1.5, .5, 0, ..., 0, -.5, 1.5] / S; the rows between do not count.
    * "gradient-2" reads three rows at each end, "endpoints" one.
    * "slope" and "area" read all rows, "area" the last one most.

    Args:
        surface: (..., S, T) answers at S symmetry and T time steps, ascending; S >= 2.
        unit: change per "step" of the grid, as the paper's Eq. 6 (spacing 1), or over the whole "range" of
            levels, which is S - 1 times as much.

    Returns:
        (...) scores: NumPy for what is no JAX array, in float64.

    Raises:
        ShapeError: fewer than two axes or than two symmetry steps.
        ConfigError: an unknown estimator or unit.
    """
    require_name("unit", unit, get_args(Unit))
    check_surface(np.shape(surface))
    steps = np.shape(surface)[-2]
    weights = column_weights(estimator, steps).weights * (steps - 1 if unit == "range" else 1)
    if isinstance(surface, jax.Array):
        single = jnp.asarray(weights, surface.dtype)
        return jnp.einsum("...st,s->...t", surface, single, precision="highest").mean(-1)
    return np.einsum("...st,s->...t", np.asarray(surface, dtype=np.float64), weights).mean(-1)


def population_score(scores: A) -> A:
    """Mean of (..., N) scores over N identities (Eq. 7); identities without a score (NaN) are left out."""
    if isinstance(scores, jax.Array):
        return jnp.nanmean(scores, axis=-1)
    values = np.asarray(scores, dtype=np.float64)
    valid = np.isfinite(values)
    count = valid.sum(-1)
    total = np.where(valid, values, 0.0).sum(-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def check_surface(shape: tuple[int, ...]) -> None:
    """Refuse what is no (..., S, T) surface.

    Raises:
        ShapeError: fewer than two axes, fewer than two symmetry steps, or no time step.
    """
    if len(shape) < 2 or shape[-2] < 2 or shape[-1] < 1:
        raise ShapeError(
            f"a surface has shape (..., S, T) with S >= 2 symmetry steps and T >= 1 time steps, got {shape}"
        )


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
    """An entry of `ESTIMATORS`.

    Attributes:
        weights: the column weights on S levels.
        description: for a report, "{dose}" stands for the axis: what is computed of the answers.
        minimum_steps: the fewest levels it is defined on.
    """

    weights: Callable[[int], ColumnWeights]
    description: str
    minimum_steps: int = 2


ESTIMATORS: dict[str, Estimator] = {
    "gradient": Estimator(
        _gradient, "the mean over the grid of the numerical gradient (numpy.gradient) along {dose} (Eq. 6)"
    ),
    "gradient-2": Estimator(
        partial(_gradient, edge_order=2),
        "the mean over the grid of the numerical gradient (edge order 2) along {dose}",
        minimum_steps=3,
    ),
    "slope": Estimator(_slope, "the least-squares slope along {dose}, mean over time"),
    "endpoints": Estimator(
        _endpoints, "the difference between the last and the first level of {dose}, mean over time"
    ),
    "area": Estimator(
        _area, "twice the mean loss against the last level over all levels of {dose}, mean over time"
    ),
}
"""By name, as in `AuditConfig.estimator`."""
