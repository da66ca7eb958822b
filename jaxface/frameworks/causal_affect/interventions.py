"""What a target becomes when the features of its causes, or of all others, are perturbed (Eqs. 12-15)."""

from __future__ import annotations

from typing import Literal

import jax
import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.frameworks.causal_affect.edges import polarities

_TINY = 1e-12


def intervene(edges: Array, masks: Array, sources: Array, noise: Array, values: Array) -> Array:
    """Eq. 12 and the aggregation after it, of one example: (2, T, w).

    First what arrives under noise on the sources that do not cause the target, then on those that do. Target j
    looks at its own row of Z alone, so that a pass for it is one row of the graph.

    Args:
        edges: (T, S).
        masks: (T, S), `edges.importance`.
        sources: (S, d).
        noise: (T, S, d), with its standard deviation in it.
        values: (2, d, w), W+ and W-.
    """
    strengths, shares = polarities(edges), jnp.stack([1.0 - masks, masks])
    facts = strengths @ sources[None]
    # sums are linear, E (F + noise m) = E F + (E m) noise: the perturbed features are never written down
    moved = jnp.einsum("kpts,tsd->kptd", strengths[None] * shares[:, None], noise)
    return jnp.einsum("kptd,pdw->ktw", facts[None] + moved, values)


def cosine(one: Array, other: Array) -> Array:
    """Of vectors (..., w): (...,); 0 where one of them is 0."""
    norms = ((one**2).sum(-1) + _TINY) * ((other**2).sum(-1) + _TINY)
    return (one * other).sum(-1) * jax.lax.rsqrt(norms)


def unit_divergence(logits: Array, perturbed: Array) -> Array:
    """Squared difference of two units' probabilities, elementwise, in [0, 1]."""
    return (jax.nn.sigmoid(logits) - jax.nn.sigmoid(perturbed)) ** 2


def expression_divergence(logits: Array, perturbed: Array) -> Array:
    """KL divergence from the distribution over expressions to the one where expression j alone has its
    perturbed logit, for each j: (C,) from (C,) and (C,); 0 or more, without a ceiling."""
    own = jnp.eye(len(logits), dtype=logits.dtype)
    moved = logits[None] + own * (perturbed - logits)[:, None]
    before, after = jax.nn.log_softmax(logits), jax.nn.log_softmax(moved)
    return (jnp.exp(before)[None] * (before[None] - after)).sum(-1)


def below_ceiling(divergence: Array, ceiling: Literal["exponential", "clamp"]) -> Array:
    """A divergence brought to [0, 1], so that what Eq. 14 takes it from has a floor."""
    if ceiling == "clamp":
        return jnp.minimum(divergence, 1.0)
    return -jnp.expm1(-divergence)


def consistency_loss(similarity: Array, divergence: Array, features: float, answers: float) -> Array:
    """Eq. 13 over targets (T,): ().

    Args:
        similarity: cosine of what arrives at a target and what does under noise on what is no cause of it.
        divergence: of the answers.
        features, answers: delta_feat, delta_logit.
    """
    return (features * (1.0 - similarity) + answers * divergence).mean()


def discrepancy_loss(similarity: Array, divergence: Array, features: float, answers: float) -> Array:
    """Eq. 14 over targets (T,): ().

    Args:
        similarity: as before, under noise on the causes. The least is where it is -1: not only another
            direction is asked for, but the opposite one.
        divergence: of the answers, in [0, 1].
        features, answers: eta_feat, eta_logit.
    """
    return (features * (1.0 + similarity) + answers * (1.0 - divergence)).mean()
