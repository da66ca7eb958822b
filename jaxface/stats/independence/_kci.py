"""KCI: the kernel test of conditional independence whose null is a gamma distribution (Zhang 2011)."""

from typing import Literal

import numpy as np

from jaxface.core.checks import require, require_name
from jaxface.core.types import Array
from jaxface.stats.independence import common
from jaxface.stats.independence.common import IndependenceResult, Values

_SMALL = 1e-5  # of the largest eigenvalue: what is below is left out of the null, as in the reference
_Z_SHARE = 0.5  # weight of Z beside X
_WIDTHS = {True: (1.2, 0.7, 0.4), False: (0.8, 0.5, 0.3)}  # with and without Z, for n < 200, < 1200, more


def kci(
    x: Values,
    y: Values,
    z: Values | None,
    key: Array | None = None,
    widths: Literal["empirical", "median"] = "empirical",
    ridge: float = 1e-3,
) -> IndependenceResult:
    """Test of X independent of Y given Z by kernels, with no permutation: float64 on the host.

    Data and errors as `chsic`.

    Args:
        x, y, z: standardised here. Time grows with n^3, memory with n^2.
        key: not used; here so that all tests are called alike.
        widths: of the Gaussian kernels: the authors' by n, or sqrt(2) times the median distance between
            samples that differ.
        ridge: of the regression on Z.

    Returns:
        tr[K_X K_Y] of the two residual Gram matrices, and the upper tail of a gamma distribution with the
        null's mean and variance.
    """
    require_name("widths", widths, ("empirical", "median"))
    require(ridge > 0, "ridge", ridge, "more than 0")
    data = common.samples(x, y, z)
    if data.trivial:
        return common.TRIVIAL
    first, second, conditions = (common.standardised(values, ddof=1) for values in (data.x, data.y, data.z))
    n, dims = len(conditions), conditions.shape[1]
    empirical = (
        _WIDTHS[dims > 0][np.searchsorted((200, 1200), n, side="right")] if widths == "empirical" else None
    )

    def gram(values: np.ndarray) -> np.ndarray:
        distances = common.squared_distances(values)
        if empirical is None:
            width = np.sqrt(2) * common.median_distance(distances)
        else:
            width = empirical * np.sqrt(dims or values.shape[1])
        return common.centred(common.gaussian(distances, width))

    if dims == 0:
        k_x, k_y = gram(first), gram(second)
        mean = np.trace(k_x) * np.trace(k_y) / n
        variance = 2 * np.sum(k_x**2) * np.sum(k_y**2) / n**2
    else:
        residual = common.ridge_residual(gram(conditions), ridge)
        k_x = residual @ gram(np.hstack([first, _Z_SHARE * conditions])) @ residual
        k_y = residual @ gram(second) @ residual
        products = _without_small(k_x) * _without_small(k_y)
        mean, variance = np.trace(products), 2 * np.sum(products**2)
    statistic = float(np.sum(k_x * k_y))
    from scipy.special import gammaincc  # 1 - cdf would end at 1e-16

    return IndependenceResult(statistic, float(gammaincc(mean**2 / variance, statistic * mean / variance)))


def _without_small(gram: np.ndarray) -> np.ndarray:
    """The positive semi-definite matrix without its small eigenvalues."""
    values, vectors = np.linalg.eigh((gram + gram.T) / 2)
    large = values > _SMALL * values[-1]
    return (vectors[:, large] * values[large]) @ vectors[:, large].T
