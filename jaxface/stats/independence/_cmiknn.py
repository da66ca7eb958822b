"""CMIknn: conditional mutual information from nearest neighbours (Runge 2018).

All is done on ranks, so every distance is an integer below n and the counts are exact. What a surrogate
leaves as it was, the distances in (Y, Z) and in Z, is computed once; the k-th neighbour of all samples is
found bit by bit, by counting, in blocks that fit the processor's cache: sorting is 25 times as slow.
"""

from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core.checks import require, require_name
from jaxface.core.types import Array
from jaxface.stats.independence import common, shuffle
from jaxface.stats.independence.common import IndependenceResult, Values

_BLOCK = 128  # samples whose neighbours are counted at once


def cmiknn(
    x: Values,
    y: Values,
    z: Values | None,
    key: Array,
    surrogates: int = 500,
    neighbours: float = 0.1,
    shuffle_neighbours: int = 5,
    permute: Literal["x", "y"] = "x",
    discrete: bool | None = None,
) -> IndependenceResult:
    """Test of X independent of Y given Z by conditional mutual information.

    Data and errors as `chsic`.

    Args:
        x, y, z: time and memory grow with n^2: n = 2,000 holds about 100 MB.
        key: breaks ties of ranks and draws the surrogates; surrogate b depends on it, on n and b alone.
        surrogates: how many shuffles the p-value rests on; it is at least 1 / (surrogates + 1).
        neighbours: k of the estimate as a part of n.
        shuffle_neighbours, discrete: as `chsic`.
        permute: the variable that is shuffled.

    Returns:
        The statistic in nats (it can be slightly negative), and (1 + b) / (surrogates + 1).
    """
    data = common.samples(x, y, z, discrete)
    n = len(data.x)
    require(surrogates >= 1, "surrogates", surrogates, "at least 1")
    require(0 < neighbours < 1, "neighbours", neighbours, "in (0, 1)")
    require(2 <= shuffle_neighbours <= n, "shuffle_neighbours", shuffle_neighbours, f"in [2, {n}]")
    require_name("permute", permute, ("x", "y"))
    if data.trivial:
        return common.TRIVIAL
    if permute == "y":  # the statistic is symmetric in them
        data = data._replace(x=data.y, y=data.x)
    k_ties, k_null = jax.random.split(key)
    rng = common.generator(k_ties)
    rank_columns = [common.ranks(values, rng) for values in (data.x, data.y, data.z)]
    estimate = Estimate(rank_columns[0], rank_columns[1], rank_columns[2], int(neighbours * n))
    shuffle_groups = (
        data.classes if data.classes is not None else common.nearest(estimate.z, shuffle_neighbours)
    )
    null = shuffle.null(estimate.information, k_null, shuffle_groups, surrogates)
    statistic = float(estimate.information(jnp.arange(n, dtype=jnp.int32)[None])[0])
    # Rounding of float64 means, which is far below any difference of counts.
    return IndependenceResult(statistic, common.permutation_p_value(statistic, null, tie=1e-12))


class Estimate:
    """The estimate of Frenzel and Pompe (2007), for X in any order against a fixed Y and Z.

    Attributes:
        z: (n, n) int16 max-norm distances in Z, zeros without Z.
    """

    def __init__(self, x: np.ndarray, y: np.ndarray, z: np.ndarray, k: int) -> None:
        """Prepare for (n, d) int16 ranks, z with d = 0 for none, and the k-th neighbour, k < n."""
        from scipy.special import digamma

        n = len(x)
        self.z = common.largest_difference(z)
        both = np.maximum(common.largest_difference(y), self.z)
        self._k = max(k, 1)
        self._closer = _closer(self.z), _closer(both)
        self._digamma = np.concatenate([[np.nan], digamma(np.arange(1, n + 1))])
        self._x = jnp.asarray(x)
        self._blocks = jnp.asarray(_blocks(both)), jnp.asarray(_blocks(self.z))

    def information(self, orders: Array) -> np.ndarray:
        """(B,) float64 nats for X[orders[b]]; orders (B, n) int32."""
        distance, in_xz = (np.asarray(part) for part in _counts(orders, self._x, *self._blocks, self._k))
        sample = np.arange(distance.shape[1])
        in_z, in_yz = (table[sample, distance] for table in self._closer)
        psi = self._digamma
        return psi[self._k] + np.mean(psi[in_z] - psi[in_xz] - psi[in_yz], axis=1)


def _closer(distance: np.ndarray) -> np.ndarray:
    """(n, n + 1) int16: entry (i, d) tells how many samples lie closer to i than d, itself among them."""
    n = len(distance)
    counts = np.zeros((n, n + 1), np.int16)
    for row, values in zip(counts, distance, strict=True):
        row[1:] = np.cumsum(np.bincount(values, minlength=n))
    return counts


def _blocks(distance: np.ndarray) -> np.ndarray:
    """(n / block, n, block) columns of a symmetric matrix in blocks, the last one padded with zeros."""
    n = len(distance)
    blocks = np.pad(distance, ((0, 0), (0, -n % _BLOCK)))
    return np.ascontiguousarray(blocks.reshape(n, -1, _BLOCK).transpose(1, 0, 2))


@partial(jax.jit, static_argnames="k")
def _counts(orders: Array, x: Array, both: Array, z: Array, k: int) -> tuple[Array, Array]:
    """Distance to the k-th neighbour in (X, Y, Z), and how many samples are closer in (X, Z), itself included.

    Args:
        orders: (B, n); x: (n, d) ranks; both, z: (n / block, n, block) distances in (Y, Z) and Z.

    Returns:
        Two (B, n) int16.
    """
    n = len(x)
    highest = 1 << (n - 1).bit_length() - 1
    bits = jnp.asarray([highest >> shift for shift in range(highest.bit_length())], jnp.int16)

    def count(closer: Array) -> Array:
        return jnp.sum(closer, axis=0, dtype=jnp.int16)

    def block(arguments: tuple[Array, Array, Array, Array]) -> tuple[Array, Array]:
        both, z, here, everywhere = arguments
        in_x = jnp.zeros(both.shape, jnp.int16)
        for column in range(x.shape[1]):
            in_x = jnp.maximum(in_x, jnp.abs(everywhere[:, column, None] - here[None, :, column]))
        joint = jnp.maximum(both, in_x)

        def settle(distance: Array, bit: Array) -> tuple[Array, None]:
            candidate = distance | bit
            return jnp.where(count(joint < candidate[None]) <= k, candidate, distance), None

        distance, _ = jax.lax.scan(settle, jnp.zeros(both.shape[1], jnp.int16), bits)
        return distance, count((in_x < distance[None]) & (z < distance[None]))

    def surrogate(order: Array) -> tuple[Array, Array]:
        surrogate_x = x[order]
        rows = jnp.pad(surrogate_x, ((0, len(both) * _BLOCK - n), (0, 0)))
        here = rows.reshape(len(both), _BLOCK, -1)
        counts = jax.lax.map(lambda part: block((*part, surrogate_x)), (both, z, here))
        return counts[0].reshape(-1)[:n], counts[1].reshape(-1)[:n]

    return jax.lax.map(surrogate, orders)
