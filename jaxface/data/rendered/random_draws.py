"""Many random numbers by one call: each of JAX's generator takes a third of a second to compile."""

import math

import jax
import jax.numpy as jnp

from jaxface.core.types import Array


def draw(key: Array, uniforms: int, normals: int = 0) -> tuple[Array, Array]:
    """Draw (uniforms,) numbers from the open interval (0, 1) and (normals,) from N(0, 1)."""
    numbers = jax.random.uniform(key, (uniforms + normals,), minval=1e-7, maxval=1.0 - 1e-7)
    return numbers[:uniforms], math.sqrt(2.0) * jax.lax.erf_inv(2.0 * numbers[uniforms:] - 1.0)


def gumbel(uniform: Array) -> Array:
    """Turn uniform numbers into Gumbel noise: argmax(log-odds + noise) is a draw by those odds."""
    return -jnp.log(-jnp.log(uniform))
