"""Is a symmetry score more than chance? Facing Asymmetry, Algorithm 1, as matrix products.

The score is linear in the surface and looks at few of its rows (`score.gradient_weights`). Shuffling
the answers therefore equals shuffling the weights, and K shuffles of n surfaces are one product
(K, S T) @ (S T, n): all surfaces share the shuffles, and what is shuffled has n-independent cost.

The products are exact where it counts. Weights are small integers (a multiple of the score's); each
surface is centred per time step, scaled by a power of two and split into an integer part, whose float32
sums are exact, and a remainder below one half, whose sums carry an error far below one unit. So the
p-value of a surface does not depend on what else is in the batch, on blocking or on the device.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core.errors import ConfigError, suggestion
from jaxface.core.types import Array
from jaxface.stats.score import check_surface, gradient_weights

Estimate = Literal["valid", "paper"]

_CHUNK = 1000  # shuffles drawn at once; part of the definition of a result, as it decides the keys
_COLUMNS = 4096  # surfaces judged at once
_TIE = 1e-3  # units of the integer part; the remainder's rounding stays below a tenth of it


class PermutationResult(NamedTuple):
    """What a permutation test says of each surface.

    Attributes:
        score: (...) observed statistic, float64; per step of symmetry.
        p_value: (...) two-sided; NaN where the surface has a value that is not finite.
    """

    score: np.ndarray
    p_value: np.ndarray


class Scheme(NamedTuple):
    """A statistic that is linear in each column of the surface, and the shuffles that leave it to chance.

    Attributes:
        weights: S -> (S,) integer weights of a column.
        unit: S -> what one of those integers is worth in the mean over time.
        shuffle: (key, weights, count, T) -> (count, S, T) shuffled weights.
    """

    weights: Callable[[int], np.ndarray]
    unit: Callable[[int], float]
    shuffle: Callable[[Array, np.ndarray, int, int], Array]


def permutation_test(
    surface: np.ndarray | Array,
    key: Array,
    permutations: int = 10_000,
    scheme: str = "per-time",
    estimate: Estimate = "valid",
) -> PermutationResult:
    """Two-sided permutation test of the symmetry score of each surface.

    `scheme="per-time"` is the paper's: within each time step the S answers are shuffled, independently of
    the other time steps. It takes neighbouring time steps for independent evidence: a face whose answers
    differ between symmetry steps by an offset that is the same at all times, in no order, is "significant"
    in about 84 % of cases.

    Args:
        surface: (..., S, T), S >= 2; any float type.
        key: one key; shuffle k depends on it, on S, on T and on k alone, so that all surfaces share the
            shuffles and 10,000 begin with the same 1,000 as 1,000.
        permutations: K.
        scheme: a name in `SCHEMES`.
        estimate: "valid" counts shuffles that reach the observed score, ties included, and itself:
            (b + 1) / (K + 1). "paper" counts those strictly beyond it: b / K, which can be 0, and is 0 for
            a surface that never changes.

    Raises:
        ShapeError: no (..., S, T).
        ConfigError: an unknown scheme or estimate, or permutations < 1.
    """
    if scheme not in SCHEMES:
        raise ConfigError(f"unknown permutation scheme {scheme!r}{suggestion(scheme, SCHEMES)}")
    if estimate not in ("valid", "paper"):
        raise ConfigError(f"unknown estimate {estimate!r}{suggestion(str(estimate), ('valid', 'paper'))}")
    if permutations < 1:
        raise ConfigError(f"permutations must be at least 1, got {permutations}")
    values = np.asarray(surface, dtype=np.float64)
    check_surface(values.shape)
    *batch, steps, times = values.shape
    rows = values.reshape(-1, steps, times)
    chosen = SCHEMES[scheme]
    weights = chosen.weights(steps)
    score = np.einsum("nst,s->nt", rows, weights).mean(-1) * chosen.unit(steps)
    beyond = np.empty(len(rows))
    for start in range(0, len(rows), _COLUMNS):
        columns = slice(start, start + _COLUMNS)
        parts, observed = _split(rows[columns], weights)
        counts = _count(key, parts, observed, scheme, permutations, estimate == "valid")
        beyond[columns] = np.asarray(counts)
    p_value = (beyond + 1) / (permutations + 1) if estimate == "valid" else beyond / permutations
    p_value[~np.isfinite(rows).all((1, 2))] = np.nan
    return PermutationResult(score.reshape(batch), p_value.reshape(batch))


def distinct_positions(key: Array, count: int, size: int, shape: tuple[int, ...]) -> Array:
    """(count, *shape) int32: the first `count` places of independent uniform shuffles of `size` things.

    The j-th is drawn among the size - j places that are left, then moved past those taken.
    """
    left = jnp.arange(size, size - count, -1, dtype=jnp.int32).reshape(-1, *(1,) * len(shape))
    drawn = jax.random.randint(key, (count, *shape), 0, left)
    taken: list[Array] = []  # ascending
    places = []
    for j in range(count):
        place = drawn[j]
        for other in taken:
            place = place + (place >= other)
        places.append(place)
        merged = []
        for other in taken:
            merged.append(jnp.minimum(place, other))
            place = jnp.maximum(place, other)
        taken = [*merged, place]
    return jnp.stack(places)


def _per_time(key: Array, weights: np.ndarray, count: int, times: int) -> Array:
    heavy = np.flatnonzero(weights)
    places = distinct_positions(key, len(heavy), len(weights), (count, 1, times))
    rows = jnp.arange(len(weights), dtype=jnp.int32).reshape(1, -1, 1)
    shuffled = jnp.zeros((count, len(weights), times), jnp.float32)
    for place, weight in zip(places, weights[heavy], strict=True):
        shuffled = jnp.where(rows == place, jnp.float32(weight), shuffled)
    return shuffled


def _gradient_integers(steps: int) -> np.ndarray:
    return np.rint(gradient_weights(steps) * 2 * steps)


SCHEMES: dict[str, Scheme] = {
    "per-time": Scheme(_gradient_integers, lambda steps: 0.5 / steps, _per_time),
}


def _split(rows: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(2, S, T, n) integers and remainders of the centred, scaled surfaces, and (2, n) of the observed sums."""
    times = rows.shape[2]
    rows = np.where(np.isfinite(rows).all((1, 2), keepdims=True), rows, 0.0)
    centred = rows - rows.mean(1, keepdims=True)
    largest = np.abs(centred).max((1, 2), keepdims=True)
    limit = 2**24 / (times * np.abs(weights).sum()) - 1
    scaled = centred * np.exp2(np.floor(np.log2(limit / np.where(largest > 0, largest, 1.0))))
    whole = np.rint(scaled)
    observed = np.abs(np.einsum("nst,s->n", scaled, weights))
    parts = np.stack([whole, scaled - whole]).transpose(0, 2, 3, 1)
    return parts.astype(np.float32), np.stack([np.rint(observed), observed - np.rint(observed)]).astype(
        np.float32
    )


@partial(jax.jit, static_argnames=("scheme", "permutations", "ties"))
def _count(key: Array, parts: Array, observed: Array, scheme: str, permutations: int, ties: bool) -> Array:
    """(n,) how many shuffles have a statistic beyond the observed one in absolute value."""
    _, steps, times, n = parts.shape
    chosen = SCHEMES[scheme]
    weights = chosen.weights(steps)
    columns = jnp.concatenate([parts[0], parts[1]], axis=-1).reshape(steps * times, 2 * n)
    numbers = jnp.arange(-(-permutations // _CHUNK))

    def add(total: Array, number: Array) -> tuple[Array, None]:
        shuffled = chosen.shuffle(jax.random.fold_in(key, number), weights, _CHUNK, times)
        sums = jnp.dot(shuffled.reshape(_CHUNK, steps * times), columns, precision="highest")
        whole, rest = sums[:, :n], sums[:, n:]
        excess = jnp.maximum(
            (whole - observed[:1]) + (rest - observed[1:]), (-whole - observed[:1]) + (-rest - observed[1:])
        )
        beyond = excess >= -_TIE if ties else excess > _TIE
        wanted = number * _CHUNK + jnp.arange(_CHUNK) < permutations
        return total + jnp.sum(beyond & wanted[:, None], axis=0, dtype=jnp.int32), None

    return jax.lax.scan(add, jnp.zeros(n, jnp.int32), numbers)[0]
