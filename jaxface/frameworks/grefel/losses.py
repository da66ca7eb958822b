"""The three losses of GReFEL."""

import jax
import jax.numpy as jnp
import optax

from jaxface.core.types import Array
from jaxface.frameworks.grefel.anchor_correction import confidence


def class_loss(distributions: Array, labels: Array, smoothing: float, weights: Array | None = None) -> Array:
    """Return the cross-entropy of smoothed targets, () float32; with weights the weighted mean over the batch.

    Args:
        distributions: (B, C) log probabilities.
        labels: (B,) whole numbers.
        smoothing: share of the target that is spread over all classes (Szegedy et al. 2016, arXiv:1512.00567).
        weights: (C,), one for each class.
    """
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

    A class's K anchors count as one long vector. Without `limit` the loss has no minimum.

    Args:
        anchors: (C, K, D).
        limit: root mean square difference beyond which a pair counts as that far apart; None = no limit.
    """
    _, count, width = anchors.shape
    blocks = anchors.reshape(len(anchors), -1)
    squares = ((blocks[:, None] - blocks[None]) ** 2).sum(-1)
    if limit is not None:
        squares = jnp.minimum(squares, limit**2 * count * width)
    return -squares.sum() / (count**2 * width**0.5)


def centre_loss(primary: Array, distances: Array, labels: Array, width: int) -> Array:
    """Return the mean of confidence times the distance to the nearest anchor of the label's class,
    over sqrt(D).

    Args:
        primary: (B, C) log probabilities of the network's own distributions.
        distances: (B, C, K).
        labels: (B,).
        width: D.
    """
    nearest = jnp.take_along_axis(distances.min(-1), labels[:, None], axis=1)[:, 0]
    return (jax.vmap(confidence)(primary) * nearest).mean() / width**0.5
