"""Conditional HSIC: how far X and Y covary in a kernel's feature space beyond what Z explains.

Several statistics carry the name. With centred Gram matrices A of (X, Z), B of (Y, Z) and C of Z, and
P = C (C + n ridge I)^-1:

* Hilbert-Schmidt: tr[(I - P) A (I - P) B] / n^2, the norm of the conditional cross-covariance operator.
* normalised (Fukumizu 2007): tr[R_B R_A - 2 R_B R_A R_C + R_B R_C R_A R_C], R_G = G (G + n ridge I)^-1.

The observed statistic is computed in float64 on the host. The surrogates are float32: both are reduced to a
fixed matrix against the Gram matrix of the shuffled Y, and all that is inverted has eigenvalues of at
least n ridge, so that rounding stays far below the spread of the null.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core.errors import ConfigError
from jaxface.core.types import Array
from jaxface.stats.independence import common, shuffle
from jaxface.stats.independence.common import IndependenceResult, Values

_TIE = 1e-4  # of the observed statistic: float32 sums of the same terms in another order


def chsic(
    x: Values,
    y: Values,
    z: Values | None,
    key: Array,
    permutations: int = 200,
    normalised: bool = False,
    clusters: int = 10,
    ridge: float = 1e-3,
    discrete: bool | None = None,
) -> IndependenceResult:
    """Test of X independent of Y given Z by conditional HSIC, Y shuffled inside the classes of Z.

    Kernels are Gaussian, as wide as the median distance between samples that differ (Gretton 2005).

    Args:
        x, y, z: (n,) or (n, d) numbers, 20 <= n <= 20,000; z None for no condition. Time grows with n^3,
            memory with n^2: n = 2,000 holds about 500 MB.
        key: draws the permutations and the clusters.
        permutations: how many shuffles the p-value rests on; it is at least 1 / (permutations + 1).
        normalised: the second statistic instead of the first.
        clusters: of a continuous Z (k-means); what depends on Z inside a cluster is taken for dependence.
        ridge: of the regression on Z.
        discrete: see `common.samples`. The classes of a discrete Z are shuffled as they are, which is exact.

    Returns:
        The statistic, and (1 + b) / (permutations + 1). A constant X or Y gives (0, 1).

    Raises:
        ShapeError: see `common.samples`.
        ConfigError: a setting out of range.
    """
    data = common.samples(x, y, z, discrete)
    if permutations < 1 or not 1 <= clusters <= len(data.x) or ridge <= 0:
        raise ConfigError(
            f"wanted permutations >= 1, 1 <= clusters <= {len(data.x)} and ridge > 0, "
            f"got {permutations}, {clusters} and {ridge}"
        )
    if data.trivial:
        return common.TRIVIAL
    k_clusters, k_null = jax.random.split(key)
    classes = data.classes
    if classes is None:
        classes = cluster(data.z, clusters, common.generator(k_clusters))
    kernels = Kernels(data)
    if normalised:
        statistic, factors, signs = kernels.normalised(ridge)
        grams = _single(kernels.y), _single(kernels.z)
        null = _normalised_null(
            k_null, _single(factors), _single(signs), grams, jnp.asarray(classes), ridge * len(classes), permutations
        )
    else:
        statistic, weights = kernels.hilbert_schmidt(ridge)
        null = _null(k_null, _single(weights), _single(kernels.y), jnp.asarray(classes), permutations)
    tie = _TIE * abs(statistic)
    return IndependenceResult(statistic, common.permutation_p_value(statistic, np.asarray(null), tie))


class Kernels:
    """Gaussian Gram matrices of X, Y and Z, (n, n) float64; without Z, that of Z is all ones."""

    def __init__(self, data: common.Samples) -> None:
        """Compute all three, each with its own width."""
        self.x, self.y, self.z = (self._gram(values) for values in (data.x, data.y, data.z))

    def hilbert_schmidt(self, ridge: float) -> tuple[float, np.ndarray]:
        """The statistic, and the (n, n) weights of Y's Gram matrix in it."""
        n = len(self.x)
        residual = common.ridge_residual(common.centred(self.z), n * ridge)
        explained_away = residual @ common.centred(self.x * self.z) @ residual
        weights = common.centred(explained_away) * self.z / n**2
        return float(np.sum(weights * self.y)), weights

    def normalised(self, ridge: float) -> tuple[float, np.ndarray, np.ndarray]:
        """The statistic, and (n, n) weights of R_B in it as (n, r) factors, (r,) signs."""
        ridge *= len(self.x)
        identity = np.eye(len(self.x))
        r_x, r_y, r_z = (
            identity - common.ridge_residual(common.centred(gram), ridge)
            for gram in (self.x * self.z, self.y * self.z, self.z)
        )
        crossed = r_x @ r_z
        weights = r_x - crossed - crossed.T + r_z @ crossed
        values, vectors = np.linalg.eigh(weights)
        large = np.abs(values) > 1e-8 * np.abs(values).max()
        factors = vectors[:, large] * np.sqrt(np.abs(values[large]))
        return float(np.sum(r_y * weights)), factors, np.sign(values[large])

    @staticmethod
    def _gram(values: np.ndarray) -> np.ndarray:
        if values.shape[1] == 0:
            return np.ones((len(values), len(values)))
        squared = common.squared_distances(values)
        return common.gaussian(squared, common.median_distance(squared))


def cluster(values: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """(n,) int32 which of `count` k-means clusters each of (n, d) samples is in, columns scaled alike."""
    from scipy.spatial.distance import cdist

    scaled = values / values.std(0)
    centres = scaled[rng.choice(len(scaled), count, replace=False)]
    nearest = np.full(len(scaled), -1)
    for _ in range(100):
        before, nearest = nearest, cdist(scaled, centres, "sqeuclidean").argmin(1)
        if np.array_equal(before, nearest):
            break
        for label in np.unique(nearest):
            centres[label] = scaled[nearest == label].mean(0)
    return nearest.astype(np.int32)


@partial(jax.jit, static_argnames="permutations")
def _null(key: Array, weights: Array, gram: Array, classes: Array, permutations: int) -> Array:
    """(B,) sums of weights times Y's Gram matrix in shuffled order."""

    def one(number: Array) -> Array:
        order = shuffle.within_classes(jax.random.fold_in(key, number), classes)
        return jnp.sum(weights * gram[order][:, order])

    return jax.lax.map(one, jnp.arange(permutations))


@partial(jax.jit, static_argnames="permutations")
def _normalised_null(
    key: Array,
    factors: Array,
    signs: Array,
    grams: tuple[Array, Array],
    classes: Array,
    ridge: Array,
    permutations: int,
) -> Array:
    """(B,) tr[R_B weights]; R_B = I - ridge (B + ridge I)^-1, from its Cholesky factor."""
    gram, given = grams
    n = len(gram)

    def one(number: Array) -> Array:
        order = shuffle.within_classes(jax.random.fold_in(key, number), classes)
        product = gram[order][:, order] * given
        mean = product.mean(0)
        centred = product - mean[:, None] - mean[None, :] + mean.mean()
        lower = jnp.linalg.cholesky(centred + ridge * jnp.eye(n))
        solved = jax.scipy.linalg.solve_triangular(lower, factors, lower=True)
        return jnp.sum((factors**2 - ridge * solved**2) * signs[None, :])

    return jax.lax.map(one, jnp.arange(permutations))


def _single(values: np.ndarray) -> Array:
    return jnp.asarray(values, jnp.float32)
