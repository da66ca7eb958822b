"""Cross-entropy, and EmoNeXt's variance of attention."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax

from jaxface.core.types import Array


def cross_entropy(logits: Array, labels: Array, smoothing: float = 0.0) -> Array:
    """The mean cross-entropy of a batch, () float32.

    Args:
        logits: (B, K).
        labels: (B,) whole numbers.
        smoothing: share of the target that is spread over all K classes (Szegedy et al. 2016,
            arXiv:1512.00567).
    """
    targets = optax.smooth_labels(jax.nn.one_hot(labels, logits.shape[-1]), smoothing)
    return optax.softmax_cross_entropy(logits.astype(jnp.float32), targets).mean()


def attention_variance(weights: Array) -> Array:
    """How far attention weights are from their mean, () float32: the mean square over all of them.

    EmoNeXt's self-attention regularisation (El Boudouri and Bohi 2023, arXiv:2501.08199) asks a network for
    balanced attention by this term beside the cross-entropy. That the weights are those between the examples of
    a batch, that their mean is one number and that the term counts fully are as the authors train.

    Args:
        weights: (B, B), rows sum to one.
    """
    return ((weights - weights.mean()) ** 2).mean()
