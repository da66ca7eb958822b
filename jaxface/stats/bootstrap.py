"""How sure is a mean over identities?"""

from typing import Literal, NamedTuple

import jax
import numpy as np

from jaxface.core.errors import ConfigError, ShapeError
from jaxface.core.types import Array


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

    values = np.asarray(values, dtype=np.float64)
    if values.ndim < 1:
        raise ShapeError("mean_interval needs (..., n) values, got a single number")
    if not 0 < level < 1 or resamples < 1:
        raise ConfigError(f"must hold 0 < level < 1 and resamples >= 1, got {level} and {resamples}")
    seed = np.asarray(jax.random.key_data(key)).ravel()
    rows = values.reshape(-1, values.shape[-1])
    intervals = np.full((3, len(rows)), np.nan)
    for index, row in enumerate(rows):
        row = row[np.isfinite(row)]
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
    return Interval(*intervals.reshape(3, *values.shape[:-1]))
