"""What the conditional-independence tests share: samples, distances, Gram matrices and the answer."""

from typing import NamedTuple

import jax
import numpy as np

from jaxface.core.errors import ShapeError
from jaxface.core.types import Array

Values = np.ndarray | Array

_FEWEST, _MOST = 20, 20_000  # rows; distances between ranks must fit 16 bits, and matrices the memory


class IndependenceResult(NamedTuple):
    """Is X independent of Y given Z?

    Attributes:
        statistic: the test's own, larger for more dependence; see each test for its unit.
        p_value: in [0, 1]; small speaks against independence.
    """

    statistic: float
    p_value: float


class Samples(NamedTuple):
    """n joint samples, checked; columns that never change are left out, as they tell nothing.

    Attributes:
        x, y, z: (n, d) float64 each; z has no column when nothing is conditioned on.
        classes: (n,) which distinct row of a discrete z each sample has, or zeros when z has no column;
            None when z is continuous.
    """

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    classes: np.ndarray | None

    @property
    def trivial(self) -> bool:
        """Whether X or Y is constant, and thereby independent of everything."""
        return self.x.shape[1] == 0 or self.y.shape[1] == 0


TRIVIAL = IndependenceResult(0.0, 1.0)


def samples(x: Values, y: Values, z: Values | None, discrete: bool | None = None) -> Samples:
    """Check and arrange joint samples.

    Args:
        x, y, z: (n,) or (n, d) numbers, 20 <= n <= 20,000; z None for no condition.
        discrete: whether z is a label, whose values are classes; None: it is when its distinct rows are at
            most a tenth of its rows.

    Raises:
        ShapeError: shapes that do not fit, too few or too many rows, or what is no finite number.
    """
    first, second = _columns("x", x), _columns("y", y)
    third = _columns("z", z) if z is not None else np.empty((len(first), 0))
    if not len(first) == len(second) == len(third):
        raise ShapeError(f"x, y and z want one row a sample, got {len(first)}, {len(second)} and {len(third)}")
    if not _FEWEST <= len(first) <= _MOST:
        raise ShapeError(
            f"independence tests want {_FEWEST} to {_MOST} samples, got {len(first)}; draw a part of many"
        )
    first, second, third = (values[:, np.ptp(values, axis=0) > 0] for values in (first, second, third))
    if third.shape[1] == 0:
        return Samples(first, second, third, np.zeros(len(first), np.int32))
    rows, classes = np.unique(third, axis=0, return_inverse=True)
    if discrete is None:
        discrete = 10 * len(rows) <= len(third)
    return Samples(first, second, third, classes.reshape(-1).astype(np.int32) if discrete else None)


def generator(key: Array) -> np.random.Generator:
    """NumPy's random numbers from a JAX key."""
    return np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel())


def standardised(values: np.ndarray, ddof: int = 0) -> np.ndarray:
    """(n, d) values less the mean of their column, over its standard deviation."""
    return (values - values.mean(0)) / values.std(0, ddof=ddof)


def permutation_p_value(statistic: float, null: np.ndarray, tie: float = 0.0) -> float:
    """(1 + how many of the (B,) null statistics reach the observed one, less `tie`) / (B + 1)."""
    return float((1 + np.sum(null >= statistic - tie)) / (len(null) + 1))


def ranks(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n, d) int16 ranks 0 to n - 1 of each column of (n, d) values, ties in random order."""
    result = np.empty(values.shape, np.int16)
    for column in range(values.shape[1]):
        order = np.lexsort((rng.random(len(values)), values[:, column]))
        result[order, column] = np.arange(len(values))
    return result


def largest_difference(rank_columns: np.ndarray) -> np.ndarray:
    """(n, n) int16 max-norm distances between the rows of (n, d) ranks; zeros for d = 0."""
    distance = np.zeros((len(rank_columns), len(rank_columns)), np.int16)
    for column in rank_columns.T:
        np.maximum(distance, np.abs(column[:, None] - column[None, :]), out=distance)
    return distance


def nearest(distance: np.ndarray, count: int) -> np.ndarray:
    """(n, count) int32 the samples nearest to each by (n, n) distances, itself among them."""
    return np.argpartition(distance, count - 1, axis=1)[:, :count].astype(np.int32)


def squared_distances(values: np.ndarray) -> np.ndarray:
    """(n, n) squared Euclidean distances between the rows of (n, d) values."""
    from scipy.spatial.distance import pdist, squareform  # slow to import

    return squareform(pdist(values, "sqeuclidean"))


def median_distance(squared_distance: np.ndarray) -> float:
    """The median over pairs whose distance is not zero: with ties, the plain median may be 0."""
    pairs = np.sqrt(squared_distance[np.triu_indices(len(squared_distance), 1)])
    return float(np.median(pairs[pairs > 0]))


def gaussian(squared_distance: np.ndarray, width: float) -> np.ndarray:
    """(n, n) Gram matrix exp(-d^2 / (2 width^2))."""
    return np.exp(squared_distance / (-2 * width**2))


def centred(gram: np.ndarray) -> np.ndarray:
    """H K H with H = I - 1/n, for a symmetric K."""
    mean = gram.mean(0)
    return gram - mean[:, None] - mean[None, :] + mean.mean()


def ridge_residual(gram: np.ndarray, ridge: float) -> np.ndarray:
    """ridge (K + ridge I)^-1 = I - K (K + ridge I)^-1, for a centred (n, n) Gram matrix K."""
    from scipy.linalg import cho_factor, cho_solve

    identity = np.eye(len(gram))
    return ridge * cho_solve(cho_factor(gram + ridge * identity), identity)


def _columns(name: str, values: Values) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16":
        raise ShapeError(f"{name} wants numbers, got {array.dtype}; number labels, as numpy.unique does")
    array = array.astype(np.float64)
    if array.ndim not in (1, 2):
        raise ShapeError(f"{name} wants (n,) or (n, d) numbers, got {array.shape}")
    if not np.isfinite(array).all():
        raise ShapeError(f"{name} has values that are not finite; leave those samples out")
    return array.reshape(len(array), -1)
