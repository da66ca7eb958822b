"""Domain-adversarial training: DANN (Ganin et al. 2016, arXiv:1505.07818) and CDAN (Long et al. 2018,
arXiv:1705.10667)."""

import jax
import jax.numpy as jnp

from jaxface.core.types import Array


@jax.custom_vjp
def reverse(features: Array, scale: Array) -> Array:
    """Return the features unchanged; their gradient is multiplied by `-scale`, ()."""
    return features


def _forward(features: Array, scale: Array) -> tuple[Array, Array]:
    return features, scale


def _backward(scale: Array, grads: Array) -> tuple[Array, Array]:
    return -scale.astype(grads.dtype) * grads, jnp.zeros_like(scale)


reverse.defvjp(_forward, _backward)


def reversal_scale(step_fraction: Array, rate: float) -> Array:
    """Return the scale of the reversed gradient, 2 / (1 + exp(-rate p)) - 1: from 0 at p = 0
    towards 1 at p = 1."""
    return 2.0 * jax.nn.sigmoid(rate * step_fraction) - 1.0


def domain_loss(source: Array, target: Array) -> Array:
    """Return the binary cross-entropy of a discriminator's logits, source (B, 1) and target (B', 1); () >= 0.

    Both domains weigh alike, so that chance level is log 2.
    """
    return -(jax.nn.log_sigmoid(source).mean() + jax.nn.log_sigmoid(-target).mean()) / 2.0


def joint(features: Array, probabilities: Array) -> Array:
    """Return the input of CDAN's discriminator for an example: the outer product of (D,) and (U,), (D U,).

    No gradient passes through the probabilities, which are sigmoids of all action units instead of a softmax.
    """
    return jnp.outer(features, jax.lax.stop_gradient(probabilities)).reshape(-1)
