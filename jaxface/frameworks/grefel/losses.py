"""The three losses of GReFEL, and self-cure (Wang et al. 2020, arXiv:2002.10392): noisy labels
weigh less, and some are replaced."""

import jax
import jax.numpy as jnp
import optax

from jaxface.core.types import Array
from jaxface.frameworks.grefel.anchor_correction import confidence


def class_loss(distributions: Array, labels: Array, smoothing: float, weights: Array | None = None) -> Array:
    """Return the cross-entropy of smoothed targets (B,) and log probabilities (B, C): their mean,
    weighted by class (C,) if there are weights; () float32."""
    targets = optax.smooth_labels(jax.nn.one_hot(labels, distributions.shape[-1]), smoothing)
    each = -(targets * distributions).sum(-1)
    if weights is None:
        return each.mean()
    example_weights = weights[labels]
    return (each * example_weights).sum() / example_weights.sum()


def class_weights(counts: Array) -> Array:
    """Return N / (C n) of the classes' counts n: (C,)."""
    return counts.sum() / (counts.shape[0] * jnp.maximum(counts, 1.0))


def anchor_loss(anchors: Array, limit: float | None = None) -> Array:
    """Return minus the squared distances between the anchors of all ordered pairs of classes, over K^2 sqrt(D).

    A class's K anchors, of (C, K, D), count as one long vector. A pair beyond `limit`, a root mean
    square difference, counts as that far apart; without it the loss has no minimum.
    """
    _, count, width = anchors.shape
    blocks = anchors.reshape(len(anchors), -1)
    squares = ((blocks[:, None] - blocks[None]) ** 2).sum(-1)
    if limit is not None:
        squares = jnp.minimum(squares, limit**2 * count * width)
    return -squares.sum() / (count**2 * width**0.5)


def centre_loss(primary: Array, distances: Array, labels: Array, width: int) -> Array:
    """Return the mean of confidence times the least of a label's distances (B, C, K), over sqrt(D).

    `primary` (B, C) are log probabilities of the network's own distributions, `width` is D.
    """
    nearest = jnp.take_along_axis(distances.min(-1), labels[:, None], axis=1)[:, 0]
    return (jax.vmap(confidence)(primary) * nearest).mean() / width**0.5


def important(weights: Array, share: float) -> Array:
    """Return a mask (B,) of the `share` of a batch with the largest weights; not none, not all."""
    count = min(max(round(share * len(weights)), 1), len(weights) - 1)
    return weights.argsort(descending=True).argsort() < count


def rank_loss(weights: Array, high: Array, margin: float) -> Array:
    """SCN's Eq. 3: max(0, margin - (mean weight (B,) of the important - that of the others))."""
    low = ~high
    gap = (weights * high).sum() / high.sum() - (weights * low).sum() / low.sum()
    return jnp.maximum(0.0, margin - gap)


def relabel(logits: Array, labels: Array, high: Array, margin: float) -> Array:
    """SCN's Eq. 6: replace a label (B,) that is less probable than the top class by more than
    `margin`, by the logits (B, C); important examples (`high`) keep theirs."""
    probabilities = jax.nn.softmax(logits)
    of_label = jnp.take_along_axis(probabilities, labels[:, None], axis=1)[:, 0]
    wrong = (probabilities.max(-1) - of_label > margin) & ~high
    return jnp.where(wrong, probabilities.argmax(-1).astype(labels.dtype), labels)
