"""Self-cure (Wang et al. 2020, arXiv:2002.10392): doubtful examples count less, and some get another label."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxface.core.types import Array


def important(weights: Array, share: float) -> Array:
    """Which examples of a batch (B,) have the largest weights: `share` of them, never none and never all."""
    count = min(max(round(share * len(weights)), 1), len(weights) - 1)
    return weights.argsort(descending=True).argsort() < count


def rank_loss(weights: Array, high: Array, margin: float) -> Array:
    """Eq. 3: max(0, margin - (mean weight of the important - mean weight of the others)).

    Args:
        weights: (B,) in (0, 1).
        high: (B,) bool, as `important`.
    """
    low = ~high
    gap = (weights * high).sum() / high.sum() - (weights * low).sum() / low.sum()
    return jnp.maximum(0.0, margin - gap)


def relabelled(logits: Array, labels: Array, high: Array, margin: float) -> Array:
    """Eq. 6: the most probable class in the place of a label that is less probable by more than `margin`.

    Only examples that are not important are touched.

    Args:
        logits: (B, C).
        labels: (B,) as they are now.
    """
    probabilities = jax.nn.softmax(logits)
    given = jnp.take_along_axis(probabilities, labels[:, None], axis=1)[:, 0]
    wrong = (probabilities.max(-1) - given > margin) & ~high
    return jnp.where(wrong, probabilities.argmax(-1).astype(labels.dtype), labels)
