"""How a quantity's mean and spread change along another one: regression in a moving window."""

from typing import NamedTuple

import numpy as np

from jaxface.core.checks import require
from jaxface.core.errors import ShapeError


class WindowRegression(NamedTuple):
    """The curves of one regression.

    Attributes:
        position: (P,) where along x.
        mean, deviation: (P,) of y in the window there; NaN where too few samples lie in it.
        samples: (P,) int, how many do.
    """

    position: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    samples: np.ndarray


def window_regression(
    x: np.ndarray, y: np.ndarray, width: float = 0.2, positions: int = 50, fewest: int = 5
) -> WindowRegression:
    """Mean and standard deviation of y in a window that moves along x (Facing Asymmetry, Fig. 8).

    A boxcar of fixed width: nothing is assumed of the shape of the dependence, and samples outside of a window
    do not touch it. Neighbouring windows share samples, so the curve is smoother than its error.

    Args:
        x, y: (n,); pairs that are not finite are left out.
        width: of the window, as a share of x's range.
        positions: how many, equidistant from the smallest x to the largest.
        fewest: samples that a window wants; at least 2.

    Raises:
        ShapeError: shapes that do not fit.
        ConfigError: width outside of (0, 1], no positions, fewer than 2 samples wanted.
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise ShapeError(f"window_regression wants x and y (n,), got {x.shape} and {y.shape}")
    require(0 < width <= 1, "width", width, "in (0, 1]")
    require(positions >= 1, "positions", positions, "at least 1")
    require(fewest >= 2, "fewest", fewest, "at least 2")
    valid = np.isfinite(x) & np.isfinite(y)
    x, y = x[valid], y[valid]
    if not x.size:
        empty = np.full(positions, np.nan)
        return WindowRegression(empty, empty, empty, np.zeros(positions, int))
    position = np.linspace(x.min(), x.max(), positions)
    inside = np.abs(x[None, :] - position[:, None]) <= 0.5 * width * np.ptp(x)
    count = inside.sum(1)
    enough = count >= fewest
    share = np.where(enough, count, 1)
    mean = inside @ y / share
    deviation = np.sqrt((inside * (y[None, :] - mean[:, None]) ** 2).sum(1) / share)
    return WindowRegression(
        position, np.where(enough, mean, np.nan), np.where(enough, deviation, np.nan), count
    )
