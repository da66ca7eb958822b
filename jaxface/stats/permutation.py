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

import itertools
import math
from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core.checks import require, require_name
from jaxface.core.runtime import brief
from jaxface.core.types import Array
from jaxface.stats.schemes import SCHEMES
from jaxface.stats.score import Unit, check_surface, column_weights

PEstimate = Literal["valid", "paper"]

_CHUNK = 1000  # shuffles drawn at once; part of the definition of a result, as it decides the keys
_COLUMNS = 4096  # surfaces tested at once
_TIE = 1e-3  # units of the integer part; the remainder's rounding stays below a tenth of it


class PermutationResult(NamedTuple):
    """What a permutation test says of each surface.

    Attributes:
        score: (...) observed statistic, float64; per step of symmetry.
        p_value: (...) two-sided; NaN where the surface has a value that is not finite.
    """

    score: np.ndarray
    p_value: np.ndarray


def permutation_test(
    surface: np.ndarray | Array,
    key: Array,
    permutations: int = 10_000,
    scheme: str = "per-time",
    p_estimate: PEstimate = "valid",
    estimator: str = "gradient",
) -> PermutationResult:
    """Two-sided permutation test of the symmetry score of each surface.

    `SCHEMES` describes the schemes and their limits, docs/statistics.md how often each is wrong. We
    recommend "slope"; "per-time" is the paper's Algorithm 1.

    Args:
        surface: (..., S, T), S >= 2; any float type.
        key: one key; shuffle k depends on it, on S, on T and on k alone, so that all surfaces share the
            shuffles and 10,000 begin with the same 1,000 as 1,000. Not used where there are no more
            arrangements of whole curves than `permutations`: then each is looked at, once.
        permutations: K.
        scheme: a name in `SCHEMES`.
        p_estimate: "valid" counts shuffles that reach the observed score, ties included, and itself:
            (b + 1) / (K + 1). "paper" counts those strictly beyond it: b / K, which can be 0, and is 0 for
            a surface that never changes. Of all arrangements there is no more to count: b / K in both.
        estimator: the statistic of "per-time" and "whole-row", see `symmetry_score`.

    Raises:
        ShapeError: no (..., S, T).
        ConfigError: an unknown scheme, p_estimate or estimator, or permutations < 1.
    """
    require_name("scheme", scheme, SCHEMES)
    require_name("p_estimate", p_estimate, get_args(PEstimate))
    require(permutations >= 1, "permutations", permutations, "at least 1")
    values = np.asarray(surface, dtype=np.float64)
    check_surface(values.shape)
    *batch, steps, times = values.shape
    rows = values.reshape(-1, steps, times)
    entry = SCHEMES[scheme]
    weights, scale = column_weights(entry.estimator or estimator, steps)
    if entry.whole_curve:
        rows = rows.mean(-1, keepdims=True)
    shuffles = enumerate_permutations(weights, permutations) if entry.whole_curve else None
    exceed_count = np.empty(len(rows))
    for start in range(0, len(rows), _COLUMNS):
        columns = rows[start : start + _COLUMNS]
        parts, statistic = _pad_columns(*_integer_and_remainder(columns, weights))
        ties = p_estimate == "valid"
        if shuffles is None:
            work = permutations * steps * parts.shape[2] * -(-len(rows) // _COLUMNS)
            counts = _count_sampled_by(work)(
                key, parts, statistic, entry.whole_curve, tuple(weights), permutations, ties
            )
        else:
            counts = _count_enumerated(shuffles, parts, statistic, ties)
        exceed_count[start : start + len(columns)] = np.asarray(counts)[: len(columns)]
    if shuffles is not None:
        p_value = exceed_count / len(shuffles)
    elif p_estimate == "valid":
        p_value = (exceed_count + 1) / (permutations + 1)
    else:
        p_value = exceed_count / permutations
    p_value[~np.isfinite(rows).all((1, 2))] = np.nan
    score = np.einsum("nst,s->nt", rows, weights).mean(-1) * scale
    return PermutationResult(score.reshape(batch), p_value.reshape(batch))


def enumerate_permutations(weights: np.ndarray, most: int) -> np.ndarray | None:
    """(A, S) float32: every way to deal out the weights over the rows, or None if they are more than `most`.

    Weights of zero need no place of their own: A = S! / (zeros)!.
    """
    nonzero = weights[weights != 0]
    if math.perm(len(weights), len(nonzero)) > most:
        return None
    places = np.array(list(itertools.permutations(range(len(weights)), len(nonzero))))
    dealt = np.zeros((len(places), len(weights)), np.float32)
    np.put_along_axis(dealt, places, nonzero[None].astype(np.float32), axis=1)
    return dealt


def distinct_positions(key: Array, count: int, size: int, shape: tuple[int, ...]) -> Array:
    """(count, *shape) int32: the first `count` places of independent uniform shuffles of `size` things.

    The j-th is sampled among the size - j places that are left, then moved past the occupied ones.
    """
    left = jnp.arange(size, size - count, -1, dtype=jnp.int32).reshape(-1, *(1,) * len(shape))
    samples = jax.random.randint(key, (count, *shape), 0, left)
    occupied_positions: list[Array] = []  # ascending
    places = []
    for j in range(count):
        place = samples[j]
        for other in occupied_positions:
            place = place + (place >= other)
        places.append(place)
        ascending = []
        for other in occupied_positions:
            ascending.append(jnp.minimum(place, other))
            place = jnp.maximum(place, other)
        occupied_positions = [*ascending, place]
    return jnp.stack(places)


def _shuffle_in_time(key: Array, weights: np.ndarray, count: int, times: int) -> Array:
    nonzero = np.flatnonzero(weights)
    places = distinct_positions(key, len(nonzero), len(weights), (count, 1, times))
    rows = jnp.arange(len(weights), dtype=jnp.int32).reshape(1, -1, 1)
    shuffles = jnp.zeros((count, len(weights), times), jnp.float32)
    for place, weight in zip(places, weights[nonzero], strict=True):
        shuffles = jnp.where(rows == place, jnp.float32(weight), shuffles)
    return shuffles


def _shuffle_curves(key: Array, weights: np.ndarray, count: int) -> Array:
    rows = jnp.broadcast_to(jnp.asarray(weights, jnp.float32)[None], (count, len(weights)))
    return jax.random.permutation(key, rows, axis=1, independent=True)


def _integer_and_remainder(rows: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(2, S, T, n) integers and remainders of the centred, scaled surfaces, and (2, n) of the observed sums."""
    times = rows.shape[2]
    rows = np.where(np.isfinite(rows).all((1, 2), keepdims=True), rows, 0.0)
    deviations = rows - rows.mean(1, keepdims=True)
    largest = np.abs(deviations).max((1, 2), keepdims=True)
    limit = 2**24 / (times * np.abs(weights).sum()) - 1
    units = deviations * np.exp2(np.floor(np.log2(limit / np.where(largest > 0, largest, 1.0))))
    integers = np.rint(units)
    statistic = np.abs(np.einsum("nst,s->n", units, weights))
    parts = np.stack([integers, units - integers]).transpose(0, 2, 3, 1)
    return parts.astype(np.float32), np.stack([np.rint(statistic), statistic - np.rint(statistic)]).astype(
        np.float32
    )


def _pad_columns(parts: np.ndarray, statistic: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """With columns of zeros up to a power of two, so that few programs are compiled."""
    count = parts.shape[-1]
    more = (1 << max(count - 1, 0).bit_length()) - count
    return np.pad(parts, [(0, 0)] * 3 + [(0, more)]), np.pad(statistic, [(0, 0), (0, more)])


_HASTY = 4_000_000  # numbers to shuffle below which compiling would take longer than what it saves


def _count_sampled_by(work: int) -> Callable[..., Array]:
    """Return `_count_sampled`, compiled with as much care as it has work to do; the counts are the same."""
    return _count_hastily if work <= _HASTY else _count_carefully


def _count_sampled(
    key: Array,
    parts: Array,
    statistic: Array,
    whole_curve: bool,
    weights: tuple[float, ...],
    permutations: Array,
    ties: Array,
) -> Array:
    """(n,) how many sampled shuffles have a statistic beyond the observed one in absolute value."""
    _, steps, times, n = parts.shape
    integers = np.array(weights)

    def add(number: Array, total: Array) -> Array:
        key_chunk = jax.random.fold_in(key, number)
        if whole_curve:
            shuffles = _shuffle_curves(key_chunk, integers, _CHUNK)
        else:
            shuffles = _shuffle_in_time(key_chunk, integers, _CHUNK, times)
        mask = number * _CHUNK + jnp.arange(_CHUNK) < permutations
        return total + _count_exceeding(shuffles.reshape(_CHUNK, steps * times), parts, statistic, ties, mask)

    return jax.lax.fori_loop(0, -(-permutations // _CHUNK), add, jnp.zeros(n, jnp.int32))


_count_hastily = brief(_count_sampled, static_argnames=("whole_curve", "weights"))
_count_carefully = jax.jit(_count_sampled, static_argnames=("whole_curve", "weights"))


@brief
def _count_enumerated(shuffles: Array, parts: Array, statistic: Array, ties: Array) -> Array:
    """(n,) the same of enumerated shuffles (A, S)."""
    padding = -len(shuffles) % _CHUNK
    chunks = jnp.pad(shuffles, ((0, padding), (0, 0))).reshape(-1, _CHUNK, shuffles.shape[1])
    mask = (jnp.arange(len(shuffles) + padding) < len(shuffles)).reshape(-1, _CHUNK)
    counts = jax.lax.map(
        lambda chunk: _count_exceeding(chunk[0], parts, statistic, ties, chunk[1]), (chunks, mask)
    )
    return counts.sum(0)


def _count_exceeding(shuffles: Array, parts: Array, statistic: Array, ties: Array, mask: Array) -> Array:
    """(n,) how many of the masked shuffles (K, S T) reach (`ties`) or pass the observed sums."""
    n = parts.shape[-1]
    columns = jnp.concatenate([parts[0], parts[1]], axis=-1).reshape(shuffles.shape[1], 2 * n)
    sums = jnp.dot(shuffles, columns, precision="highest")
    integer_sums, remainder_sums = sums[:, :n], sums[:, n:]
    excess = jnp.maximum(
        (integer_sums - statistic[:1]) + (remainder_sums - statistic[1:]),
        (-integer_sums - statistic[:1]) + (-remainder_sums - statistic[1:]),
    )
    exceeds = jnp.where(ties, excess >= -_TIE, excess > _TIE)
    return jnp.sum(exceeds & mask[:, None], axis=0, dtype=jnp.int32)


_NULL_CHUNK = 2000
_in_time = brief(
    lambda key, weights, *shape: _shuffle_in_time(key, np.array(weights), *shape), static_argnums=(1, 2, 3)
)
_curves = brief(
    lambda key, weights, count: _shuffle_curves(key, np.array(weights), count), static_argnums=(1, 2)
)


def null_scores(
    surface: np.ndarray | Array,
    key: Array,
    count: int = 2000,
    scheme: str = "per-time",
    estimator: str = "gradient",
    unit: Unit = "step",
) -> np.ndarray:
    """Return (..., count) scores of the surfaces with their answers shuffled: a sample of the null, to plot.

    Args:
        surface: (..., S, T), S >= 2.
        key: one key; all surfaces share the shuffles.
        scheme: a name in `SCHEMES`.
        estimator, unit: as in `symmetry_score`; the scheme's own estimator wins.
    """
    if count > _NULL_CHUNK:  # 100,000 shuffles of 10 x 90 answers would be 720 MB
        starts = range(0, count, _NULL_CHUNK)
        chunks = [
            null_scores(
                surface,
                jax.random.fold_in(key, start),
                min(_NULL_CHUNK, count - start),
                scheme,
                estimator,
                unit,
            )
            for start in starts
        ]
        return np.concatenate(chunks, axis=-1)
    values = np.asarray(surface, dtype=np.float64)
    steps, times = values.shape[-2:]
    entry = SCHEMES[scheme]
    weights, scale = column_weights(entry.estimator or estimator, steps)
    if entry.whole_curve:
        values = values.mean(-1, keepdims=True)
        shuffles = _curves(key, tuple(weights), count)[..., None]
    else:
        shuffles = _in_time(key, tuple(weights), count, times)
    sums = np.einsum("kst,...st->...k", np.asarray(shuffles, np.float64), values) / values.shape[-1]
    return np.asarray(sums * scale * (steps - 1 if unit == "range" else 1))
