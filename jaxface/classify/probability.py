"""What logits mean: of expressions one is shown, of action units any number, each for itself."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import expit

from jaxface.core.types import Array


def probabilities(logits: Array, independent: bool) -> Array:
    """(..., K) probabilities of logits (..., K): the softmax, whose rows sum to one, or each one's sigmoid."""
    return jax.nn.sigmoid(logits) if independent else jax.nn.softmax(logits, axis=-1)


def probabilities_float64(logits: np.ndarray, independent: bool) -> np.ndarray:
    """The same (..., K) float32, computed in float64; an answer that is not finite stays that: it is data."""
    exact = logits.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        if independent:
            return np.where(np.isfinite(exact), expit(exact), np.nan).astype(np.float32)
        odds = np.exp(exact - exact.max(-1, keepdims=True))
        return (odds / odds.sum(-1, keepdims=True)).astype(np.float32)


def log_odds(logits: Array, target: Array | int, independent: bool) -> Array:
    """(...,) logarithm of the odds of one answer against all others, or against its absence.

    Unbounded, so its gradient does not vanish where the probability saturates at either end.

    Args:
        logits: (..., K); target: () which of them.
    """
    wanted = logits[..., target]
    if independent:
        return wanted
    axes = (1,) * (logits.ndim - 1)
    there = (jnp.arange(logits.shape[-1]) == target).reshape(*axes, -1)
    return wanted - jax.nn.logsumexp(jnp.where(there, -jnp.inf, logits), axis=-1)


def log_odds_all(logits: np.ndarray, independent: bool) -> np.ndarray:
    """(..., K) the same of every answer, in NumPy."""
    if independent:
        return logits
    others = np.where(np.eye(logits.shape[-1], dtype=bool), -np.inf, logits[..., None, :])
    largest = others.max(-1, keepdims=True)
    return np.asarray(logits - largest[..., 0] - np.log(np.exp(others - largest).sum(-1)))
