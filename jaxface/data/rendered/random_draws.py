"""Random numbers by the handful: every call of JAX's generator takes a third of a second to compile, however
many numbers it makes."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxface.core.types import Array


def draw(key: Array, even: int, normal: int = 0) -> tuple[Array, Array]:
    """(even,) numbers from the open interval (0, 1) and (normal,) from N(0, 1), of one call."""
    drawn = jax.random.uniform(key, (even + normal,), minval=1e-7, maxval=1.0 - 1e-7)
    return drawn[:even], math.sqrt(2.0) * jax.lax.erf_inv(2.0 * drawn[even:] - 1.0)


def gumbel(even: Array) -> Array:
    """Gumbel numbers of even ones: added to log-odds, the largest is a draw by them."""
    return -jnp.log(-jnp.log(even))
