"""Self-cure (Wang et al. 2020, arXiv:2002.10392): noisy labels weigh less, and some are replaced."""

import jax
import jax.numpy as jnp

from jaxface.core.types import Array


def important(weights: Array, share: float) -> Array:
    """Return a mask of the examples of a batch (B,) with the largest weights: `share` of them, never none and
    never all."""
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


def relabel(logits: Array, labels: Array, high: Array, margin: float) -> Array:
    """Eq. 6: replace a label that is less probable than the most probable class by more than `margin`.

    Important examples keep their labels.

    Args:
        logits: (B, C).
        labels: (B,) as they are now.
    """
    probabilities = jax.nn.softmax(logits)
    of_label = jnp.take_along_axis(probabilities, labels[:, None], axis=1)[:, 0]
    wrong = (probabilities.max(-1) - of_label > margin) & ~high
    return jnp.where(wrong, probabilities.argmax(-1).astype(labels.dtype), labels)
