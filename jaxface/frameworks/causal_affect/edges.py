"""Signed edges: polarities, aggregation, interventions, and distance from an acyclic graph.

Pure functions of one graph. Edges are (T, S), row: target, column: source, in (-1, 1): above 0 the source
excites the target, below 0 it inhibits it.
"""

import math

import jax
import jax.numpy as jnp

from jaxface.core.types import Array

_DEGREE = 8  # of the series, whose argument has a norm of 1/2 at most: exact to float32


def polarities(edges: Array) -> Array:
    """Eqs. 4 and 8: split edges (..., T, S) into E+ and E-, (2, ..., T, S) in [0, 1)."""
    return jax.nn.relu(jnp.stack([edges, -edges]))


def without_loops(edges: Array) -> Array:
    """Set every node's edge to itself to zero, in square edges (..., N, N)."""
    others = 1.0 - jnp.eye(edges.shape[-1], dtype=edges.dtype)
    return edges * others.reshape(*(1,) * (edges.ndim - 2), *others.shape)


def aggregate(edges: Array, sources: Array, values: Array) -> Array:
    """Return Z = E+ (F W+) + E- (F W-), (T, w): edges (T, S), sources (S, d), values (2, d, w)."""
    # sources are summed before they are projected: the same numbers
    return jnp.einsum("ptd,pdw->tw", polarities(edges) @ sources[None], values)


def exponential(matrix: Array) -> Array:
    """Return exp(A) of (N, N) with numbers in [0, 1], by scaling, Taylor's series and squaring; float32.

    A row sum is N at most, so the number of halvings does not depend on the values.
    """
    halvings = max(0, math.ceil(math.log2(max(len(matrix), 1))) + 1)
    small = matrix * 0.5**halvings
    identity = jnp.eye(len(matrix), dtype=matrix.dtype)
    power = identity
    for term in range(_DEGREE, 0, -1):  # Horner's rule
        power = identity + small @ power / term
    for _ in range(halvings):
        power = power @ power
    return power


@jax.custom_jvp
def _trace(matrix: Array) -> Array:
    return jnp.trace(exponential(matrix))


@_trace.defjvp
def _trace_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    """The gradient of tr exp(A) is exp(A) transposed: no derivative of the series is needed."""
    power = exponential(primals[0])
    return jnp.trace(power), (power.T * tangents[0]).sum()


def cyclicity(edges: Array) -> Array:
    """Eq. 5 of one graph (N, N): tr exp(E o E) - N, 0 where there is no cycle and above it otherwise; ().

    Self-loops are cycles: mask them first (`without_loops`) if they are not to count.
    """
    weights = edges.astype(jnp.float32) ** 2
    return _trace(weights) - len(weights)


def importance(edges: Array, thresholds: Array, sharpness: float) -> Array:
    """Eq. 11: how causal each source is, (T, S) in (0, 1), by theta (T,) and sharpness gamma."""
    return jax.nn.sigmoid(sharpness * (jnp.abs(edges) - thresholds[:, None]))


def intervene(edges: Array, masks: Array, sources: Array, noise: Array, values: Array) -> Array:
    """Eq. 12 and the aggregation after it, of one example: return messages (2, T, w).

    First under noise on the sources that do not cause the target, then on those that do.

    Args:
        masks: (T, S), the `importance` of each edge.
        noise: (T, S, d), scaled by its standard deviation.
        sources, values: as `aggregate`.
    """
    strengths, noise_masks = polarities(edges), jnp.stack([1.0 - masks, masks])
    clean = strengths @ sources[None]
    # Sums are linear, E (F + noise m) = E F + (E m) noise: the perturbed features are never materialized.
    shift = jnp.einsum("kpts,tsd->kptd", strengths[None] * noise_masks[:, None], noise)
    return jnp.einsum("kptd,pdw->ktw", clean[None] + shift, values)
