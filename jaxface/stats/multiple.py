"""Many tests at once: p-values adjusted so that comparing them with alpha keeps what the method promises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from jaxface.core.errors import ConfigError, ShapeError, suggestion

Correction = Literal["holm", "benjamini-hochberg"]


def adjust(p_values: np.ndarray, correction: Correction = "holm") -> np.ndarray:
    """Adjusted p-values by the method of this name; arguments as `holm`.

    Raises:
        ConfigError: no such method.
    """
    if correction not in CORRECTIONS:
        raise ConfigError(f"unknown correction {correction!r}{suggestion(str(correction), CORRECTIONS)}")
    return CORRECTIONS[correction](p_values)


def holm(p_values: np.ndarray) -> np.ndarray:
    """Holm-Bonferroni adjusted p-values over the last axis; significant at alpha where <= alpha.

    Keeps the chance of even one false alarm below alpha (Holm 1979), whatever the dependence of the tests.

    Args:
        p_values: (..., n) in [0, 1]; NaN = no test, which is not counted and stays NaN.

    Returns:
        (..., n) float64: the running maximum, in ascending order of p, of p times the tests left, at most 1.

    Raises:
        ShapeError: no axis, or a value outside [0, 1].
    """

    def stepped(ascending: np.ndarray, known: np.ndarray, rank: np.ndarray) -> np.ndarray:
        return np.maximum.accumulate(ascending * (known - rank), axis=-1)

    return _in_order(p_values, stepped, last=0.0)


def benjamini_hochberg(p_values: np.ndarray) -> np.ndarray:
    """Adjusted p-values over the last axis that keep the expected share of false alarms below alpha.

    Weaker than `holm`, with more power; for tests that are independent or positively dependent
    (Benjamini & Hochberg 1995).

    Args:
        p_values: as `holm`.

    Returns:
        (..., n) float64: the running minimum, from the largest p down, of p times n over its rank.

    Raises:
        ShapeError: no axis, or a value outside [0, 1].
    """

    def stepped(ascending: np.ndarray, known: np.ndarray, rank: np.ndarray) -> np.ndarray:
        scaled = ascending * known / (rank + 1)
        return np.minimum.accumulate(scaled[..., ::-1], axis=-1)[..., ::-1]

    return _in_order(p_values, stepped, last=np.inf)


CORRECTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "holm": holm,
    "benjamini-hochberg": benjamini_hochberg,
}


def _in_order(
    p_values: np.ndarray, stepped: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray], last: float
) -> np.ndarray:
    """Sort, let `stepped(ascending p, tests known, rank from 0)` adjust, at most 1, and put back.

    Args:
        last: stands for unknown p-values, which sort last, while the others are stepped through.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim < 1:
        raise ShapeError("wanted (..., n) p-values, got a single number")
    known = ~np.isnan(p)
    if np.any((p[known] < 0) | (p[known] > 1)):
        raise ShapeError(f"p-values lie in [0, 1], got {np.nanmin(p):.3g} to {np.nanmax(p):.3g}")
    order = np.argsort(p, axis=-1)  # NaN sorts last
    ascending = np.take_along_axis(p, order, -1)
    ascending = np.where(np.isnan(ascending), last, ascending)
    adjusted = np.empty_like(p)
    done = stepped(ascending, known.sum(-1, keepdims=True), np.arange(p.shape[-1]))
    np.put_along_axis(adjusted, order, np.minimum(done, 1.0), -1)
    return np.where(known, adjusted, np.nan)
