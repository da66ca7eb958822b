"""What functions answer: real scores of the right shape, or probabilities, which are recognised."""

from typing import Any

import numpy as np

from jaxface.classify.card import Card
from jaxface.core.errors import ShapeError
from jaxface.core.unpickle import short_line

_SMALLEST = float(np.finfo(np.float32).tiny)
_SUM_TOLERANCE = 1e-3  # of a softmax in half precision
_LARGEST_SUM_ERROR = 0.02  # of probabilities that were rounded
_RANGE_TOLERANCE = 1e-4


def as_scores(answer: Any, card: Card, count: int, are_probabilities: bool = False) -> np.ndarray:
    """Return what a function answered as float32 scores (count, K).

    Raises:
        ShapeError: anything but real numbers of this shape, or no probabilities where they must be.
    """
    expected = (count, card.outputs)
    labels = list(card.native_labels)
    contract = f"must be {expected}: a row for each image, a column for each of the labels {labels}"
    start = f"classifier {card.name!r} returned"
    if hasattr(answer, "detach"):  # a PyTorch tensor that still has its graph, or is on another device
        answer = answer.detach().cpu()
    if isinstance(answer, dict | str | bytes):
        raise ShapeError(f"{start} a {type(answer).__name__} in place of scores; {contract}")
    try:
        scores = np.asarray(answer)
    except Exception as error:  # parts of different shapes, foreign tensors
        kind = f"a {type(answer).__name__}"
        if isinstance(answer, tuple | list):
            kind += f" of {len(answer)}"
        raise ShapeError(f"{start} {kind} in place of scores ({short_line(error)}); {contract}") from None
    if scores.dtype.kind not in "fiub" and not _is_small_float(scores.dtype):
        kinds = {"c": "complex numbers", "U": "text", "S": "text", "O": "objects"}
        kind = kinds.get(scores.dtype.kind, str(scores.dtype))
        raise ShapeError(f"{start} {kind} in place of scores; {contract}")
    if scores.shape != expected:
        raise ShapeError(f"{start} scores of shape {scores.shape} for {count} images; {contract}")
    with np.errstate(over="ignore"):  # answers that are not finite have a status of their own
        scores = scores.astype(np.float32)
    if are_probabilities:
        _require_probabilities(scores, card, start)
    return scores


def _is_small_float(dtype: np.dtype) -> bool:
    """Return whether a type is one that NumPy lacks, such as bfloat16."""
    return dtype.name.startswith(("bfloat", "float8"))


def _require_probabilities(scores: np.ndarray, card: Card, start: str) -> None:
    finite = scores[np.isfinite(scores).all(-1)]
    if not finite.size:
        return
    low, high = float(finite.min()), float(finite.max())
    if low < -_RANGE_TOLERANCE or high > 1 + _RANGE_TOLERANCE:
        raise ShapeError(f"{start} probabilities from {low:.4g} to {high:.4g}; must be in [0, 1]")
    sums = finite.sum(-1)
    if not card.multilabel and np.abs(sums - 1).max() > _LARGEST_SUM_ERROR:
        worst = float(sums[np.abs(sums - 1).argmax()])
        raise ShapeError(f"{start} probabilities that sum to {worst:.4g}; each row must sum to 1")


def is_distribution(scores: np.ndarray) -> bool:
    """Return whether every row (B, K) of two or more scores is in [0, 1] and sums to 1.

    Rows that are all certain, such as (1, 0), are no evidence: logits may be that, too.
    """
    if scores.ndim != 2 or scores.shape[1] < 2 or not scores.size or not np.isfinite(scores).all():
        return False
    in_range = scores.min() >= -_RANGE_TOLERANCE and scores.max() <= 1 + _RANGE_TOLERANCE
    if (scores.max(-1) > 1 - _SUM_TOLERANCE).all():
        return False
    return bool(in_range and np.abs(scores.sum(-1) - 1).max() <= _SUM_TOLERANCE)


def to_logits(np_or_jnp: Any, probabilities: Any, multilabel: bool) -> Any:
    """Return the logits (B, K) of probabilities: log p, or log p/(1 - p) for each action unit.

    Args:
        np_or_jnp: the module that computes.
    """
    log = np_or_jnp.log(np_or_jnp.maximum(probabilities, _SMALLEST))
    if not multilabel:
        return log
    return log - np_or_jnp.log(np_or_jnp.maximum(1 - probabilities, _SMALLEST))


def fixed_pictures(shape: tuple[int, ...]) -> np.ndarray:
    """Return pictures (2, *shape) in [0, 1] that are always the same: noise, and a ramp."""
    noise = np.random.default_rng(0).random(shape, np.float32)
    ramp = np.linspace(0, 1, noise.size, dtype=np.float32).reshape(shape)
    return np.stack([noise, ramp])
