"""What happens to a gradient on its way back."""

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
