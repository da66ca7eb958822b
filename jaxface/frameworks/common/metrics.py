"""Measures of answers, as pure functions of arrays: JAX's or NumPy's, jitted or not.

Shapes: N examples, K classes, U action units. Predictions and truths of units are 0 or 1 (or bool); a `known`
of the same shape says which truths there are, and the others count nowhere. A measure without any example is
NaN.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxface.core.types import Array


def confusion(predicted: Array, truth: Array, classes: int) -> Array:
    """How often each class (row: the truth) was taken for each (column): (K, K) int32.

    Args:
        predicted, truth: (N,) whole numbers in [0, K).
    """
    return jnp.zeros((classes, classes), jnp.int32).at[truth, predicted].add(1)


def accuracy(matrix: Array) -> Array:
    """Share of the examples that were taken for what they are, from their `confusion`; in [0, 1]."""
    return _ratio(jnp.trace(matrix), matrix.sum())


def class_accuracies(matrix: Array) -> Array:
    """The same share of each class, (K,); NaN where the class has no example."""
    return _ratio(jnp.diagonal(matrix), matrix.sum(1))


def mean_class_accuracy(matrix: Array) -> Array:
    """The mean of `class_accuracies` over the classes that have examples: every class counts alike."""
    return jnp.nanmean(class_accuracies(matrix))


def class_f1(matrix: Array) -> Array:
    """F1 of each class against all others, from their `confusion`: (K,)."""
    return _ratio(2 * jnp.diagonal(matrix), matrix.sum(0) + matrix.sum(1))


def unit_counts(predicted: Array, truth: Array, known: Array | None = None) -> Array:
    """True positives, false positives, false negatives and true negatives of each unit: (U, 4) int32.

    Counts of parts add up to those of the whole, so that frames can be pooled.
    """
    predicted, truth = jnp.asarray(predicted, bool), jnp.asarray(truth, bool)
    counted = jnp.ones_like(truth) if known is None else jnp.asarray(known, bool)
    cases = (predicted & truth, predicted & ~truth, ~predicted & truth, ~predicted & ~truth)
    return jnp.stack([(case & counted).sum(0) for case in cases], axis=-1).astype(jnp.int32)


def unit_f1(counts: Array) -> Array:
    """F1 of each unit over all pooled frames, 2 TP / (2 TP + FP + FN): (U,) from (U, 4).

    0 where the unit was present or predicted but never both, NaN where it was neither.
    """
    hit, false, missed, _ = jnp.moveaxis(counts, -1, 0)
    return _ratio(2 * hit, 2 * hit + false + missed)


def mean_f1(counts: Array) -> Array:
    """The mean of `unit_f1` over the units that have one."""
    return jnp.nanmean(unit_f1(counts))


def equal_opportunity(first: Array, second: Array) -> Array:
    """The smaller F1 of two groups over the larger, of each unit: (U,) in [0, 1], 1 is fair.

    As the papers on action units report it; not the difference of true positive rates of Hardt et al. 2016.

    Args:
        first, second: `unit_counts` of the groups, (U, 4).
    """
    one, other = unit_f1(first), unit_f1(second)
    return _ratio(jnp.minimum(one, other), jnp.maximum(one, other))


def statistical_parity_difference(first: Array, second: Array) -> Array:
    """How far apart the shares of positive predictions of two groups are, of each unit: (U,) in [0, 1], 0 is
    fair.

    Args:
        first, second: `unit_counts` of the groups, (U, 4).
    """
    shares = [_ratio(counts[..., :2].sum(-1), counts.sum(-1)) for counts in (first, second)]
    return jnp.abs(shares[0] - shares[1])


def calibration_error(probabilities: Array, truth: Array, bins: int = 15) -> Array:
    """Expected calibration error: how far the confidence of the top class is from its accuracy, on average.

    Confidences are sorted into `bins` of one width (Guo et al. 2017, arXiv:1706.04599, Eq. 3).

    Args:
        probabilities: (N, K).
        truth: (N,) whole numbers.
    """
    confidence, right = probabilities.max(-1), probabilities.argmax(-1) == truth
    place = jnp.clip(jnp.ceil(confidence * bins).astype(jnp.int32) - 1, 0, bins - 1)
    gaps = jax.ops.segment_sum(right.astype(jnp.float32) - confidence, place, bins)
    return _ratio(jnp.abs(gaps).sum(), jnp.asarray(len(truth)))


def _ratio(part: Array, whole: Array) -> Array:
    return jnp.where(whole > 0, part / jnp.where(whole > 0, whole, 1), jnp.nan)
