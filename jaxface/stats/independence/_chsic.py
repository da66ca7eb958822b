"""Conditional HSIC: how far X and Y covary in a kernel's feature space beyond what Z explains.

Several statistics carry the name. With centred Gram matrices A of (X, Z), B of (Y, Z) and C of Z, and
P = C (C + n ridge I)^-1:

* hilbert-schmidt: tr[(I - P) A (I - P) B] / n^2, the norm of the conditional cross-covariance operator.
* normalised: tr[R_B R_A - 2 R_B R_A R_C + R_B R_C R_A R_C], R_G = G (G + n ridge I)^-1 (Fukumizu 2007).
* residuals: tr[(I - P) A (I - P) (I - P) B (I - P)] / n^2, as in KCI.

The observed statistic is computed in float64 on the host. The surrogates are float32: each form is reduced to
a fixed matrix against the Gram matrix of the shuffled Y, and all that is inverted has eigenvalues of at
least n ridge, so that rounding stays far below the spread of the null.
"""

import warnings
from collections.abc import Callable
from typing import NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core.checks import require, require_name
from jaxface.core.types import Array
from jaxface.stats.independence import common, shuffle
from jaxface.stats.independence.common import IndependenceResult, Samples, Values
from jaxface.stats.independence.registry import Form

_SMALL = 1e-8  # of the largest eigenvalue of the weights
_TIE = 1e-4  # of the observed statistic: float32 sums of the same terms in another order


def chsic(
    x: Values,
    y: Values,
    z: Values | None,
    key: Array,
    permutations: int = 200,
    form: Form = "hilbert-schmidt",
    shuffle_neighbours: int = 5,
    clusters: int | None = None,
    ridge: float = 1e-3,
    discrete: bool | None = None,
) -> IndependenceResult:
    """Test of X independent of Y given Z by conditional HSIC, Y shuffled among samples of like Z.

    Kernels are Gaussian, as wide as the median distance between samples that differ (Gretton 2005).

    Args:
        x, y, z: (n,) or (n, d) numbers, 20 <= n <= 20,000; z None for no condition. Time grows with n^3,
            memory with n^2.
        key: draws the permutations, and the clusters.
        permutations: how many shuffles the p-value rests on; it is at least 1 / (permutations + 1).
        form: which statistic.
        shuffle_neighbours: a sample is exchanged with one of that many nearest in a continuous Z, itself
            included. Under a discrete Z whole classes are shuffled, which is exact.
        clusters: shuffle a continuous Z within that many k-means clusters instead, as implementations of the
            past do. What depends on Z inside a cluster is then taken for dependence: where X and Y follow Z
            closely, 10 clusters of 200 samples reject 59 % of true nulls at .05 (docs/statistics.md).
        ridge: of the regression on Z.
        discrete: see `common.samples`.

    Returns:
        The statistic, and (1 + b) / (permutations + 1). A constant X or Y gives (0, 1).

    Raises:
        ShapeError: see `common.samples`.
        ConfigError: a setting out of range.
    """
    data = common.samples(x, y, z, discrete)
    n = len(data.x)
    require(permutations >= 1, "permutations", permutations, "at least 1")
    require(2 <= shuffle_neighbours <= n, "shuffle_neighbours", shuffle_neighbours, f"in [2, {n}]")
    require(clusters is None or 1 <= clusters <= n, "clusters", clusters, f"in [1, {n}]")
    require(ridge > 0, "ridge", ridge, "more than 0")
    require_name("form", form, get_args(Form))
    if data.trivial:
        return common.TRIVIAL
    k_alike, k_null = jax.random.split(key)
    rng = common.generator(k_alike)
    if data.classes is not None:
        shuffle_groups = data.classes
    elif clusters is not None:
        shuffle_groups = cluster(data.z, clusters, rng)
    else:
        shuffle_groups = common.nearest(
            common.largest_difference(common.ranks(data.z, rng)), shuffle_neighbours
        )
    if form == "normalised":
        value, null_values = normalised(data, ridge)
    else:
        value, null_values = residual(data, ridge, both=form == "residuals")
    null = shuffle.null(null_values, k_null, shuffle_groups, permutations)
    return IndependenceResult(value, common.permutation_p_value(value, null, tie=_TIE * abs(value)))


class Statistic(NamedTuple):
    """A form of the statistic, with all that does not depend on Y's order computed once.

    Attributes:
        value: of the samples as they are, float64.
        null_values: orders (B, n) int32 -> (B,) float64 values for Y[orders[b]].
    """

    value: float
    null_values: Callable[[Array], np.ndarray]


def residual(data: Samples, ridge: float, both: bool) -> Statistic:
    """The forms "hilbert-schmidt" and "residuals": fixed weights times Y's Gram matrix, summed.

    Args:
        both: take the residual of B too, not of A alone.
    """
    n = len(data.x)
    x, y, z = _grams(data)
    projection = common.ridge_residual(common.centred(z), n * ridge)
    if both:
        projection = projection @ projection  # tr[Q A Q Q B Q] = tr[Q^2 A Q^2 B]
    weights = common.centred(projection @ common.centred(x * z) @ projection) * z / n**2
    constants = _single(weights), _single(y)

    def null_values(orders: Array) -> np.ndarray:
        return np.asarray(_sums(orders, *constants), np.float64)

    return Statistic(float(np.sum(weights * y)), null_values)


def normalised(data: Samples, ridge: float) -> Statistic:
    """The form "normalised": fixed weights times R_B, kept as factors of low rank."""
    x, y, z = _grams(data)
    scale = ridge * len(x)
    r_x, r_y, r_z = (
        np.eye(len(x)) - common.ridge_residual(common.centred(gram), scale) for gram in (x * z, y * z, z)
    )
    product = r_x @ r_z
    weights = r_x - product - product.T + r_z @ product
    values, vectors = np.linalg.eigh(weights)
    large = np.abs(values) > _SMALL * np.abs(values).max()
    factors = vectors[:, large] * np.sqrt(np.abs(values[large]))
    constants = _single(y), _single(z), _single(factors), _single(np.sign(values[large]))

    def null_values(orders: Array) -> np.ndarray:
        return np.asarray(_residual_sums(orders, *constants, scale), np.float64)

    return Statistic(float(np.sum(r_y * weights)), null_values)


def _grams(data: Samples) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n, n) Gaussian Gram matrices of X, Y and Z, each of its own width; without Z, that of Z is all ones."""

    def gram(values: np.ndarray) -> np.ndarray:
        if values.shape[1] == 0:
            return np.ones((len(values), len(values)))
        distances = common.squared_distances(values)
        return common.gaussian(distances, common.median_distance(distances))

    return gram(data.x), gram(data.y), gram(data.z)


def cluster(values: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """(n,) int32 which of `count` k-means clusters each of (n, d) samples is in, columns scaled alike."""
    from scipy.cluster.vq import kmeans2

    points = values / values.std(0)
    centres = points[rng.choice(len(points), count, replace=False)]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="One of the clusters is empty")  # it keeps its centre
        _, nearest = kmeans2(points, centres, iter=100, minit="matrix")
    return np.asarray(nearest, np.int32)


@jax.jit
def _sums(orders: Array, weights: Array, gram: Array) -> Array:
    """(B,) sums of (n, n) weights times the Gram matrix in shuffled order."""
    return jax.lax.map(lambda order: jnp.sum(weights * gram[order][:, order]), orders)


@jax.jit
def _residual_sums(
    orders: Array, gram: Array, z_gram: Array, factors: Array, signs: Array, ridge: Array | float
) -> Array:
    """(B,) tr[R_B F S F^T] for (n, r) factors F and (r,) signs S; R_B = I - ridge (B + ridge I)^-1."""

    def one(order: Array) -> Array:
        product = gram[order][:, order] * z_gram
        mean = product.mean(0)
        deviations = product - mean[:, None] - mean[None, :] + mean.mean()
        lower = jnp.linalg.cholesky(deviations + ridge * jnp.eye(len(order)))
        solution = jax.scipy.linalg.solve_triangular(lower, factors, lower=True)
        return jnp.sum((factors**2 - ridge * solution**2) * signs[None, :])

    return jax.lax.map(one, orders)


def _single(values: np.ndarray) -> Array:
    return jnp.asarray(values, jnp.float32)
