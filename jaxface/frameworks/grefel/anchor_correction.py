"""Reliability balancing: how far an embedding is from the anchors, and what that says of the answer.

Everything is for one example (callers vmap), and every distribution is a vector of logarithms: what has become
improbable beyond float32 keeps its slope. C classes, K anchors of each, D numbers in an embedding.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from jaxface.core.types import Array

SMALLEST = 1e-12
"""Squared distances and shares count as at least this: no slope is infinite, no logarithm either."""

UNSURE = 1e-6
"""Added to confidences that are compared, so that two answers that know nothing count alike."""


class Balanced(NamedTuple):
    """Distributions over the classes, each (C,) logarithms, and what they were made of.

    Attributes:
        primary: the network's own.
        geometric: by similarity to the anchors.
        attentive: by attention; the geometric one where there is none.
        combined: of these two, by their confidence.
        corrected: of the primary and the combined one.
        distances: (C, K).
    """

    primary: Array
    geometric: Array
    attentive: Array
    combined: Array
    corrected: Array
    distances: Array


def distances(embedding: Array, anchors: Array) -> Array:
    """Euclidean, not squared: (D,) to (C, K, D) gives (C, K). An anchor that is met is 1e-6 away, slope 0."""
    squares = ((anchors - embedding[None, None]) ** 2).sum(-1)
    return jnp.sqrt(jnp.maximum(squares, SMALLEST))


def by_class(scores: Array) -> Array:
    """The softmax over all C K scores (C, K), summed over each class's K: (C,) logarithms."""
    return jax.nn.logsumexp(jax.nn.log_softmax(scores, axis=(0, 1)), axis=1)


def geometric(distance: Array, scale: float) -> Array:
    """Similarities exp(-d / scale), normalised over all anchors and summed by class: (C,) logarithms."""
    return by_class(-distance / scale)


def confidence(distribution: Array) -> Array:
    """1 - H / ln C, in [0, 1]: 0 where all classes are as probable, 1 where one is certain."""
    entropy = -(jnp.exp(distribution) * distribution).sum()
    return jnp.clip(1.0 - entropy / jnp.log(distribution.shape[0]), 0.0, 1.0)


def relative(first: Array, second: Array) -> Array:
    """The share first / (first + second) of two confidences; a half where both are 0."""
    return (first + UNSURE) / (first + second + 2 * UNSURE)


def mixture(share: Array, first: Array, second: Array) -> Array:
    """share * first + (1 - share) * second, of logarithms (C,) and as such."""
    of_first, of_second = (jnp.log(jnp.maximum(part, SMALLEST)) for part in (share, 1.0 - share))
    return jnp.logaddexp(of_first + first, of_second + second)


def balance(
    primary: Array,
    distance: Array,
    attentive: Array | None,
    scale: float,
    weights: Literal["confidence", "relative"],
) -> Balanced:
    """The corrections of one answer.

    Args:
        primary: (C,) logarithms.
        distance: (C, K).
        attentive: (C,) logarithms, or None.
        scale: delta of the similarities.
        weights: as `BalanceConfig.weights`.
    """
    by_distance = geometric(distance, scale)
    combined = by_distance
    if attentive is not None:
        combined = mixture(relative(confidence(by_distance), confidence(attentive)), by_distance, attentive)
    share = confidence(primary)
    if weights == "relative":
        share = relative(share, confidence(combined))
    corrected = mixture(share, primary, combined)
    attended = by_distance if attentive is None else attentive
    return Balanced(primary, by_distance, attended, combined, corrected, distance)
