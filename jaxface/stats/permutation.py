"""Is a symmetry score more than chance? Facing Asymmetry, Algorithm 1, and tests that hold, as matrix products.

A score is linear in the surface (`score.column_weights`). Shuffling the answers therefore equals shuffling
the weights, and K shuffles of n surfaces are one product (K, S T) @ (S T, n): all surfaces share the
shuffles, and what is shuffled has n-independent cost. Where whole curves are exchanged, their means over
time are all that counts, and T is 1.

The products are exact where it counts. Weights are small integers (a multiple of the score's); each
surface is centred per time step, scaled by a power of two and split into an integer part, whose float32
sums are exact, and a remainder below one half, whose sums carry an error far below one unit. So the
p-value of a surface does not depend on what else is in the batch, on blocking or on the device.
"""

from __future__ import annotations

import itertools
import math
from functools import partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core.errors import ConfigError, suggestion
from jaxface.core.types import Array
from jaxface.stats.score import Estimator, check_surface, column_weights

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
    """What is exchanged under the hypothesis that symmetry does not matter.

    Attributes:
        whole: whole curves over time are exchanged between symmetry steps; else the answers of each time
            step for themselves.
        estimator: the statistic, where the scheme fixes it.
    """

    whole: bool
    estimator: Estimator | None = None


SCHEMES: dict[str, Scheme] = {
    "per-time": Scheme(whole=False),
    "whole-row": Scheme(whole=True),
    "slope": Scheme(whole=True, estimator="slope"),
}


def permutation_test(
    surface: np.ndarray | Array,
    key: Array,
    permutations: int = 10_000,
    scheme: str = "per-time",
    estimate: Estimate = "valid",
    estimator: Estimator = "gradient",
) -> PermutationResult:
    """Two-sided permutation test of the symmetry score of each surface.

    * "per-time" is the paper's Algorithm 1: within each time step the S answers are shuffled, independently
      of the other time steps. It takes neighbouring time steps for independent evidence: a face whose
      answers differ between symmetry steps by an offset that is the same at all times, in no order, is
      "significant" in about 84 % of cases.
    * "whole-row" exchanges whole curves over time: the null is held exactly. With the paper's score, which
      sees four rows, 5,040 arrangements of ten rows are all there are, and of a perfectly linear surface
      13 % are beyond the observed one (16 % with ties): it cannot reach .05 there.
    * "slope" exchanges whole curves and looks at all of them, by their least-squares slope over symmetry:
      the null held exactly, and p < .001 for a linear surface. This is what we recommend.

    Args:
        surface: (..., S, T), S >= 2; any float type.
        key: one key; shuffle k depends on it, on S, on T and on k alone, so that all surfaces share the
            shuffles and 10,000 begin with the same 1,000 as 1,000. Not used where there are no more
            arrangements of whole curves than `permutations`: then each is looked at, once.
        permutations: K.
        scheme: a name in `SCHEMES`.
        estimate: "valid" counts shuffles that reach the observed score, ties included, and itself:
            (b + 1) / (K + 1). "paper" counts those strictly beyond it: b / K, which can be 0, and is 0 for
            a surface that never changes. Of all arrangements there is no more to count: b / K in both.
        estimator: the statistic of "per-time" and "whole-row", see `symmetry_score`.

    Raises:
        ShapeError: no (..., S, T).
        ConfigError: an unknown scheme, estimate or estimator, or permutations < 1.
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
    weights, worth = column_weights(chosen.estimator or estimator, steps)
    if chosen.whole:
        rows = rows.mean(-1, keepdims=True)
    listed = arrangements(weights, permutations) if chosen.whole else None
    beyond = np.empty(len(rows))
    for start in range(0, len(rows), _COLUMNS):
        columns = rows[start : start + _COLUMNS]
        parts, observed = _padded(*_split(columns, weights))
        ties = estimate == "valid"
        if listed is None:
            counts = _count_drawn(key, parts, observed, chosen.whole, tuple(weights), permutations, ties)
        else:
            counts = _count_listed(listed, parts, observed, ties)
        beyond[start : start + len(columns)] = np.asarray(counts)[: len(columns)]
    if listed is not None:
        p_value = beyond / len(listed)
    else:
        p_value = (beyond + 1) / (permutations + 1) if estimate == "valid" else beyond / permutations
    p_value[~np.isfinite(rows).all((1, 2))] = np.nan
    score = np.einsum("nst,s->nt", rows, weights).mean(-1) * worth
    return PermutationResult(score.reshape(batch), p_value.reshape(batch))


def arrangements(weights: np.ndarray, most: int) -> np.ndarray | None:
    """(A, S) float32: every way to deal out the weights over the rows, or None if they are more than `most`.

    Weights of zero need no place of their own: A = S! / (zeros)!.
    """
    heavy = weights[weights != 0]
    if math.perm(len(weights), len(heavy)) > most:
        return None
    places = np.array(list(itertools.permutations(range(len(weights)), len(heavy))))
    dealt = np.zeros((len(places), len(weights)), np.float32)
    np.put_along_axis(dealt, places, heavy[None].astype(np.float32), axis=1)
    return dealt


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


def _shuffled_in_time(key: Array, weights: np.ndarray, count: int, times: int) -> Array:
    heavy = np.flatnonzero(weights)
    places = distinct_positions(key, len(heavy), len(weights), (count, 1, times))
    rows = jnp.arange(len(weights), dtype=jnp.int32).reshape(1, -1, 1)
    shuffled = jnp.zeros((count, len(weights), times), jnp.float32)
    for place, weight in zip(places, weights[heavy], strict=True):
        shuffled = jnp.where(rows == place, jnp.float32(weight), shuffled)
    return shuffled


def _shuffled_whole(key: Array, weights: np.ndarray, count: int) -> Array:
    rows = jnp.broadcast_to(jnp.asarray(weights, jnp.float32)[None], (count, len(weights)))
    return jax.random.permutation(key, rows, axis=1, independent=True)


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


def _padded(parts: np.ndarray, observed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """With columns of zeros up to a power of two, so that few programs are compiled."""
    count = parts.shape[-1]
    more = (1 << max(count - 1, 0).bit_length()) - count
    return np.pad(parts, [(0, 0)] * 3 + [(0, more)]), np.pad(observed, [(0, 0), (0, more)])


@partial(jax.jit, static_argnames=("whole", "weights"))
def _count_drawn(
    key: Array,
    parts: Array,
    observed: Array,
    whole: bool,
    weights: tuple[float, ...],
    permutations: Array,
    ties: Array,
) -> Array:
    """(n,) how many drawn shuffles have a statistic beyond the observed one in absolute value."""
    _, steps, times, n = parts.shape
    integers = np.array(weights)

    def add(number: Array, total: Array) -> Array:
        key_chunk = jax.random.fold_in(key, number)
        if whole:
            shuffled = _shuffled_whole(key_chunk, integers, _CHUNK)
        else:
            shuffled = _shuffled_in_time(key_chunk, integers, _CHUNK, times)
        wanted = number * _CHUNK + jnp.arange(_CHUNK) < permutations
        return total + _beyond(shuffled.reshape(_CHUNK, steps * times), parts, observed, ties, wanted)

    return jax.lax.fori_loop(0, -(-permutations // _CHUNK), add, jnp.zeros(n, jnp.int32))


@jax.jit
def _count_listed(listed: Array, parts: Array, observed: Array, ties: Array) -> Array:
    """(n,) the same of listed shuffles (A, S)."""
    padding = -len(listed) % _CHUNK
    chunks = jnp.pad(listed, ((0, padding), (0, 0))).reshape(-1, _CHUNK, listed.shape[1])
    wanted = (jnp.arange(len(listed) + padding) < len(listed)).reshape(-1, _CHUNK)
    counts = jax.lax.map(lambda chunk: _beyond(chunk[0], parts, observed, ties, chunk[1]), (chunks, wanted))
    return counts.sum(0)


def _beyond(shuffled: Array, parts: Array, observed: Array, ties: Array, wanted: Array) -> Array:
    """(n,) how many of the wanted shuffles (K, S T) reach (`ties`) or pass the observed sums."""
    n = parts.shape[-1]
    columns = jnp.concatenate([parts[0], parts[1]], axis=-1).reshape(shuffled.shape[1], 2 * n)
    sums = jnp.dot(shuffled, columns, precision="highest")
    whole, rest = sums[:, :n], sums[:, n:]
    excess = jnp.maximum(
        (whole - observed[:1]) + (rest - observed[1:]), (-whole - observed[:1]) + (-rest - observed[1:])
    )
    beyond = jnp.where(ties, excess >= -_TIE, excess > _TIE)
    return jnp.sum(beyond & wanted[:, None], axis=0, dtype=jnp.int32)
