"""Reliability balancing: the correction of a prediction by the embedding's distances from the anchors.

Everything is for one example (callers vmap), and every distribution is a vector of log probabilities: what is
improbable beyond float32 keeps its gradient. C classes, K anchors of each, D numbers in an embedding.
"""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from jaxface.core.types import Array

SMALLEST = 1e-12
"""Lower bound of squared distances and shares, so that no gradient or logarithm is infinite."""

CONFIDENCE_OFFSET = 1e-6
"""Added to confidences that are compared, so that two uniform distributions weigh alike."""


class Correction(NamedTuple):
    """Distributions over the classes, (C,) log probabilities, and the distances they come from."""

    primary: Array  # the network's own
    geometric: Array  # by similarity to the anchors
    attentive: Array  # by attention; the geometric one where there is none
    combined: Array  # of these two, by their confidence
    corrected: Array  # of the primary and the combined one
    distances: Array  # (C, K)


def distances(embedding: Array, anchors: Array) -> Array:
    """Return Euclidean distances of an embedding (D,) from anchors (C, K, D): (C, K).

    At least 1e-6; where an anchor is met the gradient is 0.
    """
    squares = ((anchors - embedding[None, None]) ** 2).sum(-1)
    return jnp.sqrt(jnp.maximum(squares, SMALLEST))


def by_class(scores: Array) -> Array:
    """Return the softmax over all C K scores (C, K), summed over each class's K: (C,) log probabilities."""
    return jax.nn.logsumexp(jax.nn.log_softmax(scores, axis=(0, 1)), axis=1)


def geometric(distance: Array, scale: float) -> Array:
    """Return similarities exp(-d / scale), normalized, by class: (C,) log probabilities."""
    return by_class(-distance / scale)


def confidence(distribution: Array) -> Array:
    """Return 1 - H / ln C, in [0, 1]: 0 where all classes are equally probable, 1 where one is certain."""
    entropy = -(jnp.exp(distribution) * distribution).sum()
    return jnp.clip(1.0 - entropy / jnp.log(distribution.shape[0]), 0.0, 1.0)


def relative(first: Array, second: Array) -> Array:
    """Return the share first / (first + second) of two confidences; a half where both are 0."""
    return (first + CONFIDENCE_OFFSET) / (first + second + 2 * CONFIDENCE_OFFSET)


def mixture(share: Array, first: Array, second: Array) -> Array:
    """Return share * first + (1 - share) * second; arguments and result are log probabilities (C,)."""
    of_first, of_second = (jnp.log(jnp.maximum(part, SMALLEST)) for part in (share, 1.0 - share))
    return jnp.logaddexp(of_first + first, of_second + second)


def correct(
    primary: Array,
    distance: Array,
    attentive: Array | None,
    scale: float,
    weights: Literal["confidence", "relative"],
) -> Correction:
    """Correct one prediction by its distances (C, K) from the anchors.

    Args:
        primary, attentive: (C,) log probabilities.
        scale: delta of the similarities.
        weights: as `BalanceConfig.weights`.
    """
    by_distance = geometric(distance, scale)
    mean = by_distance
    if attentive is not None:
        mean = mixture(relative(confidence(by_distance), confidence(attentive)), by_distance, attentive)
    share = confidence(primary)
    if weights == "relative":
        share = relative(share, confidence(mean))
    correction = mixture(share, primary, mean)
    attentive = by_distance if attentive is None else attentive
    return Correction(primary, by_distance, attentive, mean, correction, distance)
