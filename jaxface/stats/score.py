"""How much an answer changes with symmetry: Facing Asymmetry, Eq. 6 and 7."""

from __future__ import annotations

from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core.errors import ShapeError
from jaxface.core.types import Array

A = TypeVar("A", np.ndarray, Array)


def gradient_weights(steps: int) -> np.ndarray:
    """(S,) weights w whose dot product with a column of S values is the mean of its `numpy.gradient`.

    The differences telescope, so only the two values at each end count: for S >= 4 the weights are
    [-1.5, 0.5, 0, ..., 0, -0.5, 1.5] / S. Spacing 1 and edge order 1, as `numpy.gradient` has them.
    """
    slopes = [np.gradient(unit) for unit in np.eye(steps)]
    return np.mean(slopes, axis=1)


def symmetry_score(surface: A) -> A:
    """Mean change of the answer per step of symmetry (Eq. 6), with `numpy.gradient`'s scheme.

    The unit is the answer's own per *step*: on a grid of S steps over [0, 1], the change per unit of
    symmetry is S - 1 times as large. Positive: more symmetry, higher answers.

    Args:
        surface: (..., S, T) answers at S symmetry and T time steps, ascending; S >= 2.

    Returns:
        (...) scores: NumPy for what is no JAX array, in float64.

    Raises:
        ShapeError: fewer than two axes or than two symmetry steps.
    """
    if isinstance(surface, jax.Array):
        check_surface(surface.shape)
        weights = jnp.asarray(gradient_weights(surface.shape[-2]), surface.dtype)
        return jnp.einsum("...st,s->...t", surface, weights, precision="highest").mean(-1)
    values = np.asarray(surface, dtype=np.float64)
    check_surface(values.shape)
    return np.einsum("...st,s->...t", values, gradient_weights(values.shape[-2])).mean(-1)


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
