"""Barriers between the stages of a picture: XLA may not fuse across them.

XLA's CPU compiler fuses everything that it can reach. A plane that five later expressions read is
then computed five times, and its gathers too; through several stages, and their gradients, that
multiplies (measured at 112 pixels: five times as long, sixteen times with the gradient).
`jax.lax.optimization_barrier` is gone before fusion. A branch that is taken at run time is not: its
results are written to memory.

Programs for accelerators have no such barriers: their compilers fuse well, and a branch is dear.
"""

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core.target import for_accelerators
from jaxface.core.types import Array

T = TypeVar("T")


def materialize(function: Callable[..., T], *arguments: object) -> T:
    """Return `function(*arguments)`, written to memory; no value changes, and NaN stays NaN.

    Args:
        arguments: pytrees. The first number in them that is traced must depend on what a program is
            called with: a constant would be folded, and the barrier with it.
    """
    active = None if for_accelerators() else _true_at_run_time(arguments)
    return function(*arguments) if active is None else skip_unless(active, function, *arguments)


def skip_unless(active: Array, function: Callable[..., T], *arguments: object) -> T:
    """Return `function(*arguments)` where `active`, else zeros that cost nothing; a barrier too.

    Args:
        active: () bool, known at run time only; False where zeros are the right result.
    """
    if for_accelerators():  # a branch stops an accelerator for longer than both sides take
        return jax.tree.map(lambda leaf: jnp.where(active, leaf, 0), function(*arguments))
    shapes = jax.eval_shape(function, *arguments)
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    return jax.lax.cond(active, function, lambda *_: zeros, *arguments)


def _true_at_run_time(arguments: tuple[object, ...]) -> Array | None:
    """True, by a computation on the first number that the compiler does not see through; or None.

    The number's bits are read as an integer n. n (n + 1) is even for every n, in arithmetic modulo
    2^32 too; comparisons such as x == x are False for NaN.
    """
    leaves = [
        leaf
        for leaf in jax.tree.leaves(arguments)
        if isinstance(leaf, jax.Array) and leaf.size and not jnp.issubdtype(leaf.dtype, jax.dtypes.extended)
    ]
    tracers = [leaf for leaf in leaves if isinstance(leaf, jax.core.Tracer)]
    if not leaves:
        return None
    number = (tracers or leaves)[0]
    number = jax.lax.stop_gradient(number[(0,) * number.ndim])
    if jnp.issubdtype(number.dtype, jnp.floating):
        number = jax.lax.bitcast_convert_type(number, np.dtype(f"uint{8 * number.dtype.itemsize}"))
    bits = number.astype(jnp.uint32)
    return (bits * (bits + jnp.uint32(1))) & jnp.uint32(1) == 0
