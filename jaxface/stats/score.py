"""How much an answer changes with symmetry: Facing Asymmetry, Eq. 6 and 7, and other estimates of the same."""

from typing import TypeVar, get_args

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core.checks import require_name
from jaxface.core.errors import ShapeError
from jaxface.core.types import Array
from jaxface.stats.estimators import column_weights
from jaxface.stats.registry import Unit

A = TypeVar("A", np.ndarray, Array)


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
