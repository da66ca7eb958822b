"""Many tests at once: adjust p-values so that comparing them with alpha keeps what the method promises.

SciPy has Benjamini-Hochberg and statsmodels has both, but neither leaves out NaN, which here means "no test".
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from jaxface.core.checks import require_name
from jaxface.core.errors import ShapeError
from jaxface.stats.registry import CORRECTIONS


def adjust(p_values: np.ndarray, correction: str = "holm") -> np.ndarray:
    """Adjusted p-values by the method of this name; arguments as `holm`.

    Raises:
        ConfigError: no such method.
    """
    require_name("correction", correction, CORRECTIONS)
    return CORRECTIONS[correction].adjust(p_values)


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
    return _in_order(p_values, lambda p, n, rank: np.maximum.accumulate(p * (n - rank), axis=-1), last=0.0)


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
    return _in_order(
        p_values,
        lambda p, n, rank: np.minimum.accumulate((p * n / (rank + 1))[..., ::-1], axis=-1)[..., ::-1],
        last=np.inf,
    )


class Correction(NamedTuple):
    """An entry of `registry.CORRECTIONS`.

    Attributes:
        adjust: p-values (..., n) to adjusted ones.
        title: the method's name in a sentence.
        controls: what stays below alpha.
        citation: its key in the report's bibliography.
    """

    adjust: Callable[[np.ndarray], np.ndarray]
    title: str
    controls: str
    citation: str


HOLM = Correction(holm, "Holm", "the chance of any false alarm", "holm1979")
BENJAMINI_HOCHBERG = Correction(
    benjamini_hochberg, "Benjamini-Hochberg", "the expected share of false alarms", "benjamini1995"
)


def _in_order(
    p_values: np.ndarray, step_through: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray], last: float
) -> np.ndarray:
    """Sort, let `step_through(ascending p, valid tests, rank from 0)` adjust, at most 1, and put back.

    Args:
        last: stands for missing p-values, which sort last, while the others are stepped through.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim < 1:
        raise ShapeError("wanted (..., n) p-values, got a single number")
    valid = ~np.isnan(p)
    if np.any((p[valid] < 0) | (p[valid] > 1)):
        raise ShapeError(f"p-values lie in [0, 1], got {np.nanmin(p):.3g} to {np.nanmax(p):.3g}")
    order = np.argsort(p, axis=-1)  # NaN sorts last
    ascending = np.take_along_axis(p, order, -1)
    ascending = np.where(np.isnan(ascending), last, ascending)
    p_adjusted = np.empty_like(p)
    steps = step_through(ascending, valid.sum(-1, keepdims=True), np.arange(p.shape[-1]))
    np.put_along_axis(p_adjusted, order, np.minimum(steps, 1.0), -1)
    return np.where(valid, p_adjusted, np.nan)
