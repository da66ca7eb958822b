"""Domain-adversarial training: DANN (Ganin et al. 2016, arXiv:1505.07818) and CDAN (Long et al. 2018,
arXiv:1705.10667)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxface.core.types import Array


@jax.custom_vjp
def reverse(features: Array, share: Array) -> Array:
    """The features as they are; their gradient comes back with the other sign, times `share` ()."""
    return features


def _forward(features: Array, share: Array) -> tuple[Array, Array]:
    return features, share


def _backward(share: Array, slope: Array) -> tuple[Array, Array]:
    return -share.astype(slope.dtype) * slope, jnp.zeros_like(share)


reverse.defvjp(_forward, _backward)


def warmed(progress: Array, rate: float) -> Array:
    """The reversed gradient's share, 2 / (1 + exp(-rate p)) - 1: from 0 at p = 0 towards 1 at p = 1."""
    return 2.0 * jax.nn.sigmoid(rate * progress) - 1.0


def domain_loss(source: Array, target: Array) -> Array:
    """Binary cross-entropy of a discriminator's logits, source (B, 1) and target (B', 1); () >= 0.

    Both domains count alike, so 2 log 2 / 2 is what chance has.
    """
    return -(jax.nn.log_sigmoid(source).mean() + jax.nn.log_sigmoid(-target).mean()) / 2.0


def joint(features: Array, probabilities: Array) -> Array:
    """What CDAN's discriminator sees of an example: the outer product of (D,) and (U,), (D U,).

    No gradient passes through the probabilities, the sigmoids of all action units in the place of a softmax.
    """
    return jnp.outer(features, jax.lax.stop_gradient(probabilities)).reshape(-1)
