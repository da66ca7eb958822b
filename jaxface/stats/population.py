"""The mean of a population's scores: how sure is it, and does it differ from zero?"""

import itertools
from typing import Literal, NamedTuple

import jax
import numpy as np

from jaxface.core.checks import require
from jaxface.core.errors import ShapeError
from jaxface.core.types import Array

_CHUNK = 2000
_TIE = 1e-9  # of the largest sum; the rounding of float64 sums stays far below


class Interval(NamedTuple):
    """A mean with its confidence interval: each (...) float64, NaN with fewer than two values."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def mean_interval(
    values: np.ndarray,
    key: Array,
    level: float = 0.95,
    resamples: int = 2000,
    method: Literal["BCa", "percentile"] = "BCa",
) -> Interval:
    """Bootstrap confidence interval of the mean over the last axis, resampling its entries.

    Args:
        values: (..., n) one value an identity; NaN = missing, left out.
        key: one key for all rows; the interval of a row does not depend on the others.
        level: coverage in (0, 1).
        resamples: how many bootstrap samples.
        method: bias-corrected and accelerated, or plain percentiles.

    Raises:
        ShapeError: no axis.
        ConfigError: level or resamples out of range.
    """
    from scipy import stats  # as long to import as JAX; most commands never get here

    require(0 < level < 1, "level", level, "in (0, 1)")
    require(resamples >= 1, "resamples", resamples, "at least 1")
    seed = np.asarray(jax.random.key_data(key)).ravel()
    rows, batch = _finite_rows(values)
    intervals = np.full((3, len(rows)), np.nan)
    for index, row in enumerate(rows):
        if len(row) < 2:
            continue
        if np.ptp(row) == 0:  # BCa's acceleration is 0 / 0
            intervals[:, index] = row[0]
            continue
        interval = stats.bootstrap(
            (row,),
            np.mean,
            vectorized=True,
            n_resamples=resamples,
            batch=256,
            confidence_level=level,
            method=method,
            rng=np.random.default_rng(seed),
        ).confidence_interval
        intervals[:, index] = row.mean(), interval.low, interval.high
    return Interval(*intervals.reshape(3, *batch))


def sign_flip_test(scores: np.ndarray, key: Array, permutations: int = 10_000) -> np.ndarray:
    """Two-sided test that scores of n people lie symmetrically about zero, by their mean.

    If symmetry did nothing, a person's score would be as likely of either sign: signs are flipped at
    random, and p = (b + 1) / (K + 1). Where there are no more than K ways to flip them, each is looked at,
    and p = b / 2^n: no fewer than 2 / 2^n, so that six people are the least for p < .05. SciPy's
    `permutation_test` has neither NaN nor a tolerance for ties, and its memory grows with the flips.

    Args:
        scores: (..., n), one a person; NaN = missing, left out.
        permutations: K.

    Returns:
        (...) p-values; NaN where no score is valid.

    Raises:
        ShapeError: no axis.
        ConfigError: permutations < 1.
    """
    require(permutations >= 1, "permutations", permutations, "at least 1")
    seed = np.asarray(jax.random.key_data(key)).ravel()
    rows, batch = _finite_rows(scores)
    return np.array([_p_value(row, seed, permutations) for row in rows]).reshape(batch)


def _p_value(scores: np.ndarray, seed: np.ndarray, permutations: int) -> float:
    count = len(scores)
    if count == 0:
        return float("nan")
    threshold = abs(scores.sum()) - _TIE * np.abs(scores).sum()
    if count < 63 and 2**count <= permutations:
        flips = np.array(list(itertools.product((-1.0, 1.0), repeat=count)))
        return float((np.abs(flips @ scores) >= threshold).mean())
    random = np.random.default_rng(seed)
    exceed_count = 0
    for start in range(0, permutations, _CHUNK):
        flips = random.choice((-1.0, 1.0), size=(min(_CHUNK, permutations - start), count))
        exceed_count += int((np.abs(flips @ scores) >= threshold).sum())
    return (exceed_count + 1) / (permutations + 1)


def _finite_rows(values: np.ndarray) -> tuple[list[np.ndarray], tuple[int, ...]]:
    """The finite values of each row of (..., n), float64, and the shape (...)."""
    values = np.asarray(values, dtype=np.float64)
    if values.ndim < 1:
        raise ShapeError("must have shape (..., n), got a single number")
    rows = values.reshape(-1, values.shape[-1])
    return [row[np.isfinite(row)] for row in rows], values.shape[:-1]
