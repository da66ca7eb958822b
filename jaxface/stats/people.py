"""Is the mean over people zero, and between which limits does it lie?

One test and one interval, which agree: zero lies outside the interval exactly where p < 1 - level. Both
rest on flips of each person's sign, which are exact where a person's score is as likely of either sign, and
on a t statistic that allows for skewness, so that a long tail does not pass for an effect.
"""

import functools
import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import jax
import numpy as np

from jaxface.core.errors import ConfigError, ShapeError
from jaxface.core.types import Array

FEWEST_PEOPLE = 6
"""Fewer cannot reach p < .05 by flips of their signs, whatever their scores are: the least p is 2 / 2^n."""

_CHUNK = 2000
_ROWS = 64  # at once: 10,000 flips of them are some 20 MB
_TIE = 1e-9  # of the largest sum; the rounding of float64 sums stays far below


class MeanTest(NamedTuple):
    """A mean, its interval and its test against zero: each (...) float64.

    Attributes:
        mean: NaN without a value.
        low, high: NaN where people are too few for the level to be reached.
        p_value: two-sided; NaN without a value.
    """

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p_value: np.ndarray


def mean_test(values: np.ndarray, key: Array, permutations: int = 10_000, level: float = 0.95) -> MeanTest:
    """Test whether the mean over the last axis is zero, and return the interval of means that pass.

    p is the larger one of two: of sign flips (exact for independent values that are as likely negative as
    positive), and of Hall's skewness-corrected t. The interval is the union of theirs: the quantiles of the
    means of subsets (Hartigan 1969), and Hall's (1992).

    Args:
        values: (..., n), one a person; NaN = missing, left out.
        key: of the flips; the same for all rows. A row does not depend on the others.
        permutations: K flips; all 2^n where these are not more.
        level: coverage in (0, 1).

    Raises:
        ShapeError: no axis.
        ConfigError: permutations < 1, or a level out of range.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim < 1:
        raise ShapeError("mean_test needs (..., n) values, got a single number")
    if permutations < 1 or not 0 < level < 1:
        raise ConfigError(f"must hold permutations >= 1 and 0 < level < 1, got {permutations} and {level}")
    seed = tuple(int(word) for word in np.asarray(jax.random.key_data(key)).ravel())
    rows = values.reshape(-1, values.shape[-1])
    is_valid = np.isfinite(rows)
    result = np.full((4, len(rows)), np.nan)
    for count in np.unique(is_valid.sum(-1)):
        same_count = np.flatnonzero(is_valid.sum(-1) == count)
        for start in range(0, len(same_count) if count else 0, _ROWS):
            index = same_count[start : start + _ROWS]
            batch = rows[index][is_valid[index]].reshape(len(index), count)
            result[:, index] = _test(batch, seed, permutations, 1 - level)
    return MeanTest(*result.reshape(4, *values.shape[:-1]))


def fewest_people(tests: int, alpha: float = 0.05) -> int:
    """Return how many people it takes for p, corrected for several tests, to be able to reach alpha.

    Flips of n people's signs give no p below 2 / 2^n; with fewer people no effect can be found, however large.

    Args:
        tests: that are corrected for together (Holm), 1 or more.
    """
    return 1 + math.ceil(math.log2(tests / alpha))


def share_interval(hits: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Return the interval (Clopper-Pearson), low and high (...), of the share of ones.

    Args:
        hits: (..., n) of 0 and 1; NaN = missing, left out. Without any, the limits are NaN.
    """
    from scipy import stats  # as long to import as JAX; most commands never get here

    tail = (1 - level) / 2
    count = np.isfinite(hits).sum(-1)
    ones = np.nansum(hits, axis=-1)
    low = np.where(ones == 0, 0.0, stats.beta.ppf(tail, ones, count - ones + 1))
    high = np.where(ones == count, 1.0, stats.beta.isf(tail, ones + 1, count - ones))
    return np.where(count, low, np.nan), np.where(count, high, np.nan)


def _test(values: np.ndarray, seed: tuple[int, ...], permutations: int, alpha: float) -> np.ndarray:
    """Return mean, low, high and p (4, R) of finite values (R, n)."""
    flip_p, flip_low, flip_high = _sign_flips(values, seed, permutations, alpha)
    hall_p, hall_low, hall_high = _skewness_corrected_t(values, alpha)
    # NaN, where the level cannot be reached, remains
    low, high = np.minimum(flip_low, hall_low), np.maximum(flip_high, hall_high)
    return np.stack([values.mean(-1), low, high, np.maximum(flip_p, hall_p)])


def _sign_flips(
    values: np.ndarray, seed: tuple[int, ...], permutations: int, alpha: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return p and the interval, each (R,), by flips of signs of values (R, n).

    Flipping the signs of the people in a subset changes the sum of x - c by -2 times their sum. So it
    reaches |sum of x - c| exactly where the mean of the subset, or of the others, is not above c (or not
    below it): p of every c follows from the means of all subsets.
    """
    count = values.shape[-1]
    total_sum = values.sum(-1)
    threshold = abs(total_sum) - _TIE * np.abs(values).sum(-1)
    exceed_count, total, means = np.zeros(len(values)), 0, []
    with np.errstate(invalid="ignore", divide="ignore"):  # the mean of no one is not finite
        for subset in _subsets(count, seed, permutations):
            sums, sizes = subset @ values.T, subset.sum(1)[:, None]
            exceed_count += (np.abs(total_sum - 2 * sums) >= threshold).sum(0)
            total += len(subset)
            means += [sums / sizes, (total_sum - sums) / (count - sizes)]
    ordered = np.concatenate(means)
    ordered = np.sort(ordered[np.isfinite(ordered).all(1)], axis=0)
    if _all_are_few(count, permutations):
        p_value = exceed_count / total
        rank = 2 * math.floor(alpha * total / 2)  # each subset is there twice: also as another's rest
    else:
        p_value = (exceed_count + 1) / (total + 1)
        rank = math.floor(alpha * (total + 1))
    if count < FEWEST_PEOPLE or rank < 1:
        nothing = np.full(len(values), np.nan)
        return p_value, nothing, nothing
    return p_value, ordered[rank - 1], ordered[-rank]


def _all_are_few(count: int, permutations: int) -> bool:
    return count < 63 and 2**count <= permutations


def _subsets(count: int, seed: tuple[int, ...], permutations: int) -> Iterator[np.ndarray]:
    """Yield subsets of people (k, count), as 0 and 1: all of them, or random ones."""
    if _all_are_few(count, permutations):
        yield np.array(list(itertools.product((0.0, 1.0), repeat=count)))
        return
    for start in range(0, permutations, _CHUNK):
        bits = _random_bits(count, seed, start, min(_CHUNK, permutations - start))
        yield bits.astype(np.float64)


@functools.lru_cache(maxsize=16)
def _random_bits(count: int, seed: tuple[int, ...], start: int, size: int) -> np.ndarray:
    return np.random.default_rng((*seed, start)).integers(0, 2, (size, count), dtype=np.int8)


def _skewness_corrected_t(values: np.ndarray, alpha: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return p and the interval, each (R,), of Hall's (1992) monotone transformation of the t statistic."""
    from scipy import stats

    count, mean = values.shape[-1], values.mean(-1)
    if count < 3:  # no skewness can be told, and flips of two signs never reject
        return np.zeros_like(mean), mean, mean
    error = values.std(-1, ddof=1) / math.sqrt(count)
    is_constant = error <= _TIE * np.abs(mean)
    error = np.where(is_constant, 1.0, error)
    centred = values - mean[:, None]
    variance = np.where(is_constant, 1.0, (centred**2).mean(-1))
    skewness = (centred**3).mean(-1) / variance**1.5 / math.sqrt(count)
    t_value = mean / error
    corrected = t_value + skewness * t_value**2 / 3 + skewness**2 * t_value**3 / 27 + skewness / 6
    quantile = stats.t.ppf(1 - alpha / 2, count - 1)
    p_value = np.where(is_constant, mean == 0, 2 * stats.t.sf(np.abs(corrected), count - 1))
    low, high = (
        np.where(is_constant, mean, mean - error * _inverse(limit, skewness)) for limit in (quantile, -quantile)
    )
    return p_value, low, high


def _inverse(corrected: float, skewness: np.ndarray) -> np.ndarray:
    """Return the t statistics that the transformation takes to `corrected`."""
    is_symmetric = np.abs(skewness) < 1e-9
    slope = np.where(is_symmetric, 1.0, skewness)
    root = np.cbrt(1 + slope * (corrected - slope / 6))
    return np.where(is_symmetric, corrected, 3 / slope * (root - 1))
