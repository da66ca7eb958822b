"""Many tests at once."""

from __future__ import annotations

import numpy as np

from jaxface.core.errors import ShapeError


def holm(p_values: np.ndarray) -> np.ndarray:
    """Holm-Bonferroni adjusted p-values over the last axis; significant at alpha where <= alpha.

    Args:
        p_values: (..., n) in [0, 1]; NaN = no test, which is not counted and stays NaN.

    Returns:
        (..., n) float64: the running maximum, in ascending order of p, of p times the tests left, at most 1.

    Raises:
        ShapeError: no axis, or a value outside [0, 1].
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim < 1:
        raise ShapeError("holm wants (..., n) p-values, got a single number")
    known = ~np.isnan(p)
    if np.any((p[known] < 0) | (p[known] > 1)):
        raise ShapeError(f"p-values lie in [0, 1], got {np.nanmin(p):.3g} to {np.nanmax(p):.3g}")
    order = np.argsort(p, axis=-1)  # NaN sorts last
    ascending = np.take_along_axis(p, order, -1)
    left = known.sum(-1, keepdims=True) - np.arange(p.shape[-1])
    stepped = np.maximum.accumulate(np.where(np.isnan(ascending), 0.0, ascending * left), axis=-1)
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, np.minimum(stepped, 1.0), -1)
    return np.where(known, adjusted, np.nan)
