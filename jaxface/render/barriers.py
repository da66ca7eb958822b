"""Stages of a picture, kept apart for the compiler."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp

from jaxface.core.types import Array

T = TypeVar("T")


def stage(needed: Array, function: Callable[..., T], *arguments: object) -> T:
    """`function(*arguments)` where `needed`, else zeros: one stage whose results are written to memory.

    XLA's CPU compiler fuses everything that it can reach, and a plane that five later expressions read is
    then computed five times, and its gathers too; through several stages, and their gradients, that
    multiplies (measured at 112 pixels: five times as long, sixteen times with the gradient).
    `optimization_barrier` is gone before fusion; a branch that is taken at run time is not.

    Args:
        needed: () bool, known at run time only; False where zeros are the right answer.
    """
    shapes = jax.eval_shape(function, *arguments)
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    return jax.lax.cond(needed, function, lambda *_: zeros, *arguments)
