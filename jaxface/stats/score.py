"""How much an answer changes with symmetry: Facing Asymmetry, Eq. 6 and 7, and other estimates of the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core.errors import ConfigError, ShapeError, suggestion
from jaxface.core.types import Array

A = TypeVar("A", np.ndarray, Array)

Estimator = Literal["gradient", "gradient-2", "slope", "endpoints", "area"]
Per = Literal["step", "unit"]


class ColumnWeights(NamedTuple):
    """An estimator as what it is: a weighted sum of the S answers of a column.

    Attributes:
        integers: (S,) weights that sum to zero.
        worth: what one of those integers is worth, per step of symmetry.
    """

    integers: np.ndarray
    worth: float

    @property
    def weights(self) -> np.ndarray:
        """(S,) whose dot product with a column is its change per step."""
        return self.integers * self.worth


def column_weights(estimator: str, steps: int) -> ColumnWeights:
    """The weights of an estimator on S symmetry steps.

    Raises:
        ConfigError: no such estimator, or one that wants more steps.
    """
    if estimator not in ESTIMATORS:
        raise ConfigError(f"unknown estimator {estimator!r}{suggestion(str(estimator), ESTIMATORS)}")
    if estimator == "gradient-2" and steps < 3:
        raise ConfigError(f"estimator 'gradient-2' wants at least 3 symmetry steps, got {steps}")
    return ESTIMATORS[estimator](steps)


def symmetry_score(surface: A, estimator: Estimator = "gradient", per: Per = "step") -> A:
    """Mean change of the answer with symmetry, over time; positive: more symmetry, higher answers.

    All estimators agree on answers that are linear in symmetry. They differ in which rows they look at:

    * "gradient": Eq. 6, the mean of `numpy.gradient` (edge order 1). It telescopes to the two rows at each
      end, [-1.5, .5, 0, ..., 0, -.5, 1.5] / S; the rows between do not count.
    * "gradient-2": the same with edge order 2: three rows at each end.
    * "slope": least squares over all rows.
    * "endpoints": last row less first.
    * "area": twice the mean loss against the untouched face, trapezoid rule: all rows, the last one most.

    Args:
        surface: (..., S, T) answers at S symmetry and T time steps, ascending; S >= 2.
        per: "step" of the grid, as the paper's Eq. 6 (spacing 1), or "unit": over the whole range of
            symmetry, 0 to 1, which is S - 1 times as much.

    Returns:
        (...) scores: NumPy for what is no JAX array, in float64.

    Raises:
        ShapeError: fewer than two axes or than two symmetry steps.
        ConfigError: an unknown estimator or unit.
    """
    if per not in ("step", "unit"):
        raise ConfigError(f"unknown unit {per!r}{suggestion(str(per), ('step', 'unit'))}")
    check_surface(np.shape(surface))
    steps = np.shape(surface)[-2]
    weights = column_weights(estimator, steps).weights * (steps - 1 if per == "unit" else 1)
    if isinstance(surface, jax.Array):
        single = jnp.asarray(weights, surface.dtype)
        return jnp.einsum("...st,s->...t", surface, single, precision="highest").mean(-1)
    return np.einsum("...st,s->...t", np.asarray(surface, dtype=np.float64), weights).mean(-1)


def population_score(scores: A) -> A:
    """Mean of (..., N) scores over N identities (Eq. 7); identities without a score (NaN) are left out."""
    if isinstance(scores, jax.Array):
        return jnp.nanmean(scores, axis=-1)
    values = np.asarray(scores, dtype=np.float64)
    known = np.isfinite(values)
    count = known.sum(-1)
    total = np.where(known, values, 0.0).sum(-1)
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
    centred = 2.0 * np.arange(steps) - (steps - 1)
    return ColumnWeights(centred, 2.0 / np.sum(centred**2))


def _endpoints(steps: int) -> ColumnWeights:
    ends = np.zeros(steps)
    ends[0], ends[-1] = -1.0, 1.0
    return ColumnWeights(ends, 1.0 / (steps - 1))


def _area(steps: int) -> ColumnWeights:
    trapezoid = np.full(steps, 2.0)
    trapezoid[[0, -1]] = 1.0
    trapezoid[-1] -= 2.0 * (steps - 1)
    return ColumnWeights(-trapezoid, 1.0 / (steps - 1) ** 2)


ESTIMATORS: dict[str, Callable[[int], ColumnWeights]] = {
    "gradient": _gradient,
    "gradient-2": lambda steps: _gradient(steps, 2),
    "slope": _slope,
    "endpoints": _endpoints,
    "area": _area,
}
