"""Numbers of NumPy as arrays of JAX, without compiling anything."""

from typing import Any

import jax
import numpy as np

from jaxface.core.types import Array


def on_device(values: Any, dtype: Any = None) -> Array:
    """Return `jnp.asarray(values, dtype)`, which would compile a program for every shape.

    Numbers of 64 bits become numbers of 32, as everywhere in JAX.
    """
    return jax.device_put(np.asarray(values, dtype))


def rows_of(leaf: Any, index: Any) -> Any:
    """Return `leaf[index]` of numbers (NumPy) or of keys (JAX), taken on the host."""
    if isinstance(leaf, jax.Array) and jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        numbers = np.asarray(jax.random.key_data(leaf))[index]
        return jax.random.wrap_key_data(jax.device_put(numbers), impl=jax.random.key_impl(leaf))
    return np.asarray(leaf)[index]
