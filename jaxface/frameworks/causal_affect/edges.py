"""Signed edges: their two polarities, what they carry, how far they are from a graph without cycles.

Pure functions of one graph. Edges are (T, S), row: target, column: source, in (-1, 1): above 0 the source
excites the target, below 0 it inhibits it.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxface.core.types import Array

_DEGREE = 8  # of the series, whose argument has a norm of 1/2 at most: exact to float32


def polarities(edges: Array) -> Array:
    """Eqs. 4 and 8: (..., T, S) -> excitatory and inhibitory strengths (2, ..., T, S), in [0, 1)."""
    return jax.nn.relu(jnp.stack([edges, -edges]))


def without_loops(edges: Array) -> Array:
    """Square edges (..., N, N) with zeros in the place of every node's edge to itself."""
    others = 1.0 - jnp.eye(edges.shape[-1], dtype=edges.dtype)
    return edges * others.reshape(*(1,) * (edges.ndim - 2), *others.shape)


def aggregate(edges: Array, sources: Array, values: Array) -> Array:
    """What arrives at the targets, Z = E+ (F W+) + E- (F W-): (T, w).

    Args:
        edges: (T, S).
        sources: (S, d), features F.
        values: (2, d, w), W+ and W-.
    """
    # sources are summed before they are projected: the same numbers
    return jnp.einsum("ptd,pdw->tw", polarities(edges) @ sources[None], values)


def exponential(matrix: Array) -> Array:
    """exp(A) of (N, N) with numbers in [0, 1], by scaling, Taylor's series and squaring; float32.

    A row sum is N at most, so how often to halve is known beforehand, and a batch is products alone.
    """
    halvings = max(0, math.ceil(math.log2(max(len(matrix), 1))) + 1)
    small = matrix * 0.5**halvings
    one = jnp.eye(len(matrix), dtype=matrix.dtype)
    found = one
    for term in range(_DEGREE, 0, -1):  # Horner's rule
        found = one + small @ found / term
    for _ in range(halvings):
        found = found @ found
    return found


@jax.custom_jvp
def _trace(matrix: Array) -> Array:
    return jnp.trace(exponential(matrix))


@_trace.defjvp
def _slope(given: tuple[Array], moves: tuple[Array]) -> tuple[Array, Array]:
    """The slope of tr exp(A) is exp(A) transposed, so that the series need not be gone through again."""
    found = exponential(given[0])
    return jnp.trace(found), (found.T * moves[0]).sum()


def cyclicity(edges: Array) -> Array:
    """Eq. 5 of one graph (N, N): tr exp(E o E) - N, 0 where there is no cycle and above it otherwise; ().

    Self-loops are cycles: mask them first (`without_loops`) if they are not to count.
    """
    weights = edges.astype(jnp.float32) ** 2
    return _trace(weights) - len(weights)


def importance(edges: Array, thresholds: Array, sharpness: float) -> Array:
    """Eq. 11: how causal each source is for each target, (T, S) in (0, 1).

    Args:
        thresholds: (T,) theta in [0, 1].
        sharpness: gamma.
    """
    return jax.nn.sigmoid(sharpness * (jnp.abs(edges) - thresholds[:, None]))
