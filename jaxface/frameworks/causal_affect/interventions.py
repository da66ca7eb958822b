"""Targets under perturbed features of their causes, or of all other sources (Eqs. 12-15)."""

from typing import Literal

import jax
import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.frameworks.causal_affect.edges import polarities

_TINY = 1e-12


def intervene(edges: Array, masks: Array, sources: Array, noise: Array, values: Array) -> Array:
    """Eq. 12 and the aggregation after it, of one example: return messages (2, T, w).

    First under noise on the sources that do not cause the target, then on those that do. Target j uses only its
    own row of Z, so that a pass for it is one row of the graph.

    Args:
        edges: (T, S).
        masks: (T, S), `edges.importance`.
        sources: (S, d).
        noise: (T, S, d), scaled by its standard deviation.
        values: (2, d, w), W+ and W-.
    """
    strengths, noise_masks = polarities(edges), jnp.stack([1.0 - masks, masks])
    clean = strengths @ sources[None]
    # Sums are linear, E (F + noise m) = E F + (E m) noise: the perturbed features are never materialized.
    shift = jnp.einsum("kpts,tsd->kptd", strengths[None] * noise_masks[:, None], noise)
    return jnp.einsum("kptd,pdw->ktw", clean[None] + shift, values)


def cosine(one: Array, other: Array) -> Array:
    """Return the cosine of vectors (..., w): (...,); 0 where one of them is 0."""
    norms = ((one**2).sum(-1) + _TINY) * ((other**2).sum(-1) + _TINY)
    return (one * other).sum(-1) * jax.lax.rsqrt(norms)


def unit_divergence(logits: Array, noisy_logits: Array) -> Array:
    """Return the squared difference of two units' probabilities, elementwise, in [0, 1]."""
    return (jax.nn.sigmoid(logits) - jax.nn.sigmoid(noisy_logits)) ** 2


def expression_divergence(logits: Array, noisy_logits: Array) -> Array:
    """Return the KL divergence from the distribution over expressions to the one where only expression j has
    its noisy logit, for each j: (C,) from (C,) and (C,); 0 or more, unbounded."""
    own = jnp.eye(len(logits), dtype=logits.dtype)
    replaced_one = logits[None] + own * (noisy_logits - logits)[:, None]
    before, after = jax.nn.log_softmax(logits), jax.nn.log_softmax(replaced_one)
    return (jnp.exp(before)[None] * (before[None] - after)).sum(-1)


def bound_divergence(divergence: Array, ceiling: Literal["exponential", "clamp"]) -> Array:
    """Map a divergence to [0, 1], so that Eq. 14 has a minimum."""
    if ceiling == "clamp":
        return jnp.minimum(divergence, 1.0)
    return -jnp.expm1(-divergence)


def consistency_loss(similarity: Array, divergence: Array, features: float, logits: float) -> Array:
    """Eq. 13 over targets (T,): ().

    Args:
        similarity: cosine of a target's messages without noise and with noise on what is no cause of it.
        divergence: of the predictions.
        features, logits: delta_feat, delta_logit.
    """
    return (features * (1.0 - similarity) + logits * divergence).mean()


def discrepancy_loss(similarity: Array, divergence: Array, features: float, logits: float) -> Array:
    """Eq. 14 over targets (T,): ().

    Args:
        similarity: as in `consistency_loss`, under noise on the causes. The minimum is at -1: not just another
            direction, but the opposite one.
        divergence: of the predictions, in [0, 1].
        features, logits: eta_feat, eta_logit.
    """
    return (features * (1.0 + similarity) + logits * (1.0 - divergence)).mean()
