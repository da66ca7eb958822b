"""From logits to probabilities and log-odds: softmax over expressions, sigmoid of each action unit."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special
from scipy.special import expit

from jaxface.core.types import Array


def probabilities(logits: Array, multilabel: bool) -> Array:
    """Return (..., K) probabilities of logits (..., K): the softmax, or the sigmoid of each if multilabel."""
    return jax.nn.sigmoid(logits) if multilabel else jax.nn.softmax(logits, axis=-1)


def probabilities_float64(logits: np.ndarray, multilabel: bool) -> np.ndarray:
    """Return the same (..., K) float32, computed in float64; NaN where a logit is not finite."""
    exact = logits.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        if multilabel:
            return np.where(np.isfinite(exact), expit(exact), np.nan).astype(np.float32)
        odds = np.exp(exact - exact.max(-1, keepdims=True))
        return (odds / odds.sum(-1, keepdims=True)).astype(np.float32)


def merge_outputs(np_or_jnp: Any, logits: Any, groups: Sequence[Sequence[int]]) -> Any:
    """Return logits (..., K) of outputs (..., M): the probability of an answer is the sum of its group's.

    Args:
        np_or_jnp: the module that computes.
        groups: K lists of positions among the M outputs.
    """
    if len(groups) == logits.shape[-1]:
        return logits
    logits = logits.astype(np_or_jnp.promote_types(logits.dtype, np.float32))  # bfloat16 is too coarse for sums
    logsumexp = jax.nn.logsumexp if np_or_jnp is jnp else scipy.special.logsumexp
    columns = [
        logits[..., group[0]] if len(group) == 1 else logsumexp(logits[..., np.array(group)], axis=-1)
        for group in groups
    ]
    return np_or_jnp.stack(columns, axis=-1)


def log_odds(logits: Array, target: Array | int, multilabel: bool) -> Array:
    """Return (...,) the log-odds of one class against all others, or of one action unit.

    Unbounded, so its gradient does not vanish where the probability saturates at either end.

    Args:
        logits: (..., K); target: () which of them.
    """
    target_logit = logits[..., target]
    if multilabel:
        return target_logit
    axes = (1,) * (logits.ndim - 1)
    is_target = (jnp.arange(logits.shape[-1]) == target).reshape(*axes, -1)
    return target_logit - jax.nn.logsumexp(jnp.where(is_target, -jnp.inf, logits), axis=-1)


def log_odds_all(logits: np.ndarray, multilabel: bool) -> np.ndarray:
    """Return (..., K) the same of every class, in NumPy."""
    if multilabel:
        return logits
    others = np.where(np.eye(logits.shape[-1], dtype=bool), -np.inf, logits[..., None, :])
    largest = others.max(-1, keepdims=True)
    return np.asarray(logits - largest[..., 0] - np.log(np.exp(others - largest).sum(-1)))
