"""Metrics of predictions, as pure functions of arrays: JAX's or NumPy's, jitted or not.

Shapes: N examples, K classes, U action units. Predictions and labels of units are 0 or 1 (or bool); a `mask` of
the same shape is True where there is a label, and only those are counted. A metric of no example is NaN.
"""

import jax
import jax.numpy as jnp

from jaxface.core.types import Array


def confusion(predictions: Array, labels: Array, classes: int) -> Array:
    """Count how often each label (row) was predicted as each class: (K, K) int32 from (N,)."""
    return jnp.zeros((classes, classes), jnp.int32).at[labels, predictions].add(1)


def accuracy(matrix: Array) -> Array:
    """Return the share of examples that were predicted right, from their `confusion`; in [0, 1]."""
    return _ratio(jnp.trace(matrix), matrix.sum())


def class_accuracies(matrix: Array) -> Array:
    """Return the share of each class that was predicted right, (K,); NaN where a class has no example."""
    return _ratio(jnp.diagonal(matrix), matrix.sum(1))


def mean_class_accuracy(matrix: Array) -> Array:
    """Return the mean of `class_accuracies` over the classes that have examples, all weighted alike."""
    return jnp.nanmean(class_accuracies(matrix))


def class_f1(matrix: Array) -> Array:
    """Return the F1 of each class against all others, from their `confusion`: (K,)."""
    return _ratio(2 * jnp.diagonal(matrix), matrix.sum(0) + matrix.sum(1))


def unit_counts(predictions: Array, labels: Array, mask: Array | None = None) -> Array:
    """Count true positives, false positives, false negatives and true negatives of each unit: (U, 4) int32.

    Counts of parts add up to those of the whole, so that frames can be pooled.
    """
    predictions, labels = jnp.asarray(predictions, bool), jnp.asarray(labels, bool)
    mask = jnp.ones_like(labels) if mask is None else jnp.asarray(mask, bool)
    cases = (predictions & labels, predictions & ~labels, ~predictions & labels, ~predictions & ~labels)
    return jnp.stack([(case & mask).sum(0) for case in cases], axis=-1).astype(jnp.int32)


def unit_f1(counts: Array) -> Array:
    """Return the F1 of each unit over all pooled frames, 2 TP / (2 TP + FP + FN): (U,) from (U, 4).

    0 where the unit was present or predicted but never both, NaN where it was neither.
    """
    true_positive, false_positive, false_negative, _ = jnp.moveaxis(counts, -1, 0)
    return _ratio(2 * true_positive, 2 * true_positive + false_positive + false_negative)


def mean_f1(counts: Array) -> Array:
    """Return the mean of `unit_f1` over the units that have one."""
    return jnp.nanmean(unit_f1(counts))


def equal_opportunity(first: Array, second: Array) -> Array:
    """Return the smaller F1 of two `unit_counts` (U, 4) over the larger: (U,) in [0, 1]; 1 = equal.

    As the papers on action units report it; not the difference of true positive rates of Hardt et al. 2016.
    """
    one, other = unit_f1(first), unit_f1(second)
    return _ratio(jnp.minimum(one, other), jnp.maximum(one, other))


def statistical_parity_difference(first: Array, second: Array) -> Array:
    """Return the difference of two groups' rates of positive predictions, from their `unit_counts`
    (U, 4): (U,) in [0, 1]; 0 = equal."""
    rates = [_ratio(counts[..., :2].sum(-1), counts.sum(-1)) for counts in (first, second)]
    return jnp.abs(rates[0] - rates[1])


def masked_mean(values: Array, mask: Array | None = None) -> Array:
    """Return the mean of values where the mask is True, 0 if it is nowhere; None = of all. ()."""
    if mask is None:
        return values.mean()
    count = mask.astype(values.dtype).sum()
    return jnp.where(mask, values, 0.0).sum() / jnp.maximum(count, 1.0)


def calibration_error(probabilities: Array, labels: Array, bins: int = 15) -> Array:
    """Return the expected calibration error of probabilities (N, K) for labels (N,): the mean gap
    between the top class's confidence, sorted into bins of one width, and accuracy (Guo et al.
    2017, arXiv:1706.04599)."""
    confidence, correct = probabilities.max(-1), probabilities.argmax(-1) == labels
    index = jnp.clip(jnp.ceil(confidence * bins).astype(jnp.int32) - 1, 0, bins - 1)
    gaps = jax.ops.segment_sum(correct.astype(jnp.float32) - confidence, index, bins)
    return _ratio(jnp.abs(gaps).sum(), jnp.asarray(len(labels)))


def _ratio(part: Array, whole: Array) -> Array:
    return jnp.where(whole > 0, part / jnp.where(whole > 0, whole, 1), jnp.nan)
