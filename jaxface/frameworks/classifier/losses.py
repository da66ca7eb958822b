"""Cross-entropy, and EmoNeXt's variance of attention."""

import jax
import jax.numpy as jnp
import optax

from jaxface.core.types import Array


def cross_entropy(logits: Array, labels: Array, smoothing: float = 0.0) -> Array:
    """Return the mean cross-entropy of a batch, () float32.

    Args:
        logits: (B, K).
        labels: (B,) whole numbers.
        smoothing: share of the target that is spread over all K classes (Szegedy et al. 2016,
            arXiv:1512.00567).
    """
    targets = optax.smooth_labels(jax.nn.one_hot(labels, logits.shape[-1]), smoothing)
    return optax.softmax_cross_entropy(logits.astype(jnp.float32), targets).mean()


def attention_variance(weights: Array) -> Array:
    """Return the variance of attention weights, () float32: the mean square difference from their mean.

    EmoNeXt's self-attention regularization (El Boudouri and Bohi 2023, arXiv:2501.08199) adds this
    term to the cross-entropy for balanced attention. As in the authors' training, the weights are
    those between the examples of a batch, their mean is one number, and the term has the weight 1.

    Args:
        weights: (B, B), rows sum to one.
    """
    return ((weights - weights.mean()) ** 2).mean()
