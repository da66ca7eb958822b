"""The losses of the paper, Eq. 2 to 6, of one example each; `masked_mean` is over a batch.

D features, U action units.
"""

from typing import Literal

import jax
import jax.numpy as jnp

from jaxface.core.types import Array

Over = Literal["mean", "sum"]


def unit_loss(logits: Array, units: Array, mask: Array, over: Over) -> Array:
    """Eq. 2: binary cross-entropy of action units (U,) with a label (the mask), () >= 0.

    `over`: their sum, as written, or their mean.
    """
    margins = jnp.where(units > 0.5, logits, -logits)
    losses = jnp.where(mask, -jax.nn.log_sigmoid(margins), 0.0)
    count = jnp.maximum(mask.sum(), 1).astype(jnp.float32) if over == "mean" else 1.0
    return losses.sum() / count


def discrepancy(first: Array, second: Array, over: Over) -> Array:
    """Eq. 3: the distance of the probabilities of two classifiers, from their logits (U,)."""
    gap = jnp.abs(jax.nn.sigmoid(first) - jax.nn.sigmoid(second))
    return gap.mean() if over == "mean" else gap.sum()


def moment_distance(one: Array, other: Array, over: Over) -> Array:
    """Eq. 5: |a - b| + |a^2 - b^2| of two images' features (D,), powers by element; gradient 0 at 0."""
    difference = one - other
    # a^2 - b^2, fused, is not 0 where a = b
    return norm(difference, over) + norm(difference * (one + other), over)


def paired_moments(face: Array, female: Array, male: Array, over: Over) -> Array:
    """Eq. 6: the mean distance between the features (D,) of a face and of its two avatars."""
    pairs = ((face, female), (face, male), (female, male))
    return sum((moment_distance(*pair, over) for pair in pairs), jnp.zeros(())) / 3.0


def norm(vector: Array, over: Over) -> Array:
    """The Euclidean length of (D,), or the root of the mean square; its gradient at 0 is 0."""
    square = jnp.sum(vector**2) if over == "sum" else jnp.mean(vector**2)
    return jnp.where(square > 0.0, jnp.sqrt(jnp.where(square > 0.0, square, 1.0)), 0.0)


def masked_mean(values: Array, mask: Array | None = None) -> Array:
    """Return the mean of a batch's values (B,) where the mask is True, 0 where it is nowhere; None = of all."""
    if mask is None:
        return values.mean()
    weights = mask.astype(values.dtype)
    return (weights * values).sum() / jnp.maximum(weights.sum(), 1.0)
