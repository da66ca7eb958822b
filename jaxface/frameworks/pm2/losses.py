"""The losses of the paper, Eq. 2 to 6. One example each, unless said otherwise; `mean_of` is over a batch.

D features, U action units.
"""

from __future__ import annotations

from typing import Literal

import jax
import jax.numpy as jnp

from jaxface.core.types import Array

Over = Literal["mean", "sum"]


def unit_loss(logits: Array, units: Array, known: Array, over: Over) -> Array:
    """Eq. 2: binary cross-entropy of action units, () >= 0.

    Args:
        logits, units, known: (U,); what is not known counts nowhere.
        over: the sum over units, as written, or the mean over those that are known.
    """
    signed = jnp.where(units > 0.5, logits, -logits)
    each = jnp.where(known, -jax.nn.log_sigmoid(signed), 0.0)
    return each.sum() / _count(known, over)


def discrepancy(first: Array, second: Array, over: Over) -> Array:
    """Eq. 3: how far apart the probabilities of two classifiers are, from their logits (U,)."""
    apart = jnp.abs(jax.nn.sigmoid(first) - jax.nn.sigmoid(second))
    return apart.mean() if over == "mean" else apart.sum()


def moment_distance(one: Array, other: Array, over: Over) -> Array:
    """Eq. 5: |a - b| + |a^2 - b^2| of two images' features (D,), powers by element; without a slope at 0."""
    apart = one - other
    return norm(apart, over) + norm(apart * (one + other), over)  # a^2 - b^2, fused, is not 0 where a = b


def paired_moments(face: Array, female: Array, male: Array, over: Over) -> Array:
    """Eq. 6: the mean distance between the features (D,) of a face and of its two avatars."""
    pairs = ((face, female), (face, male), (female, male))
    return sum((moment_distance(*pair, over) for pair in pairs), jnp.zeros(())) / 3.0


def norm(vector: Array, over: Over) -> Array:
    """The Euclidean length of (D,), or the root of the mean square, which does not grow with D; its gradient
    at 0 is 0."""
    square = jnp.sum(vector**2) if over == "sum" else jnp.mean(vector**2)
    return jnp.where(square > 0.0, jnp.sqrt(jnp.where(square > 0.0, square, 1.0)), 0.0)


def mean_of(values: Array, counted: Array | None = None) -> Array:
    """The mean of a batch's (B,); of those alone that are counted, 0 without any."""
    if counted is None:
        return values.mean()
    share = counted.astype(values.dtype)
    return (share * values).sum() / jnp.maximum(share.sum(), 1.0)


def _count(known: Array, over: Over) -> Array | float:
    return jnp.maximum(known.sum(), 1).astype(jnp.float32) if over == "mean" else 1.0
