"""Does a whole population's score differ from zero?

`scipy.stats.permutation_test(permutation_type="samples")` gives the same p-values where all flips are
counted; here rows may hold NaN, ties have a tolerance, and memory does not grow with the number of flips.
"""

import itertools

import jax
import numpy as np

from jaxface.core.errors import ConfigError, ShapeError
from jaxface.core.types import Array

_CHUNK = 2000
_TIE = 1e-9  # of the largest sum; the rounding of float64 sums stays far below


def sign_flip_test(scores: np.ndarray, key: Array, permutations: int = 10_000) -> np.ndarray:
    """Two-sided test that scores of n people lie symmetrically about zero, by their mean.

    If symmetry did nothing, a person's score would be as likely of either sign: signs are flipped at
    random, and p = (b + 1) / (K + 1). Where there are no more than K ways to flip them, each is looked at,
    and p = b / 2^n: no fewer than 2 / 2^n, so that six people are the least for p < .05.

    Args:
        scores: (..., n), one a person; NaN = missing, left out.
        permutations: K.

    Returns:
        (...) p-values; NaN where no score is valid.

    Raises:
        ShapeError: no axis.
        ConfigError: permutations < 1.
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim < 1:
        raise ShapeError("sign_flip_test needs (..., n) scores, got a single number")
    if permutations < 1:
        raise ConfigError(f"permutations must be at least 1, got {permutations}")
    seed = np.asarray(jax.random.key_data(key)).ravel()
    rows = values.reshape(-1, values.shape[-1])
    p_values = [_p_value(row[np.isfinite(row)], seed, permutations) for row in rows]
    return np.array(p_values).reshape(values.shape[:-1])


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
