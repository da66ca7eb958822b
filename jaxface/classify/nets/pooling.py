"""Max-pooling whose gradient is fast on the CPU too; `lax` elsewhere."""

import functools

import jax
import jax.numpy as jnp
from jax import lax

from jaxface.classify.nets import convolutions
from jaxface.classify.nets.convolutions import Padding, Pairs, interleave, pad_pairs, shifted_maps
from jaxface.core.types import Array


def max_pool(maps: Array, window: int, stride: int, padding: Padding = "SAME") -> Array:
    """Return the largest value in each window, (B, H, W, C) -> (B, H', W', C); padding is never the largest.

    The gradient goes to the first of equal values. On the CPU there is no forward-mode derivative.
    """
    pairs = pad_pairs(padding, maps.shape[1:3], (window, window), stride)
    if convolutions.on_cpu():
        return _shifted(maps, window, stride, pairs)
    spans, strides = (1, window, window, 1), (1, stride, stride, 1)
    return lax.reduce_window(maps, -jnp.inf, lax.max, spans, strides, ((0, 0), *pairs, (0, 0)))


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3))
def _shifted(maps: Array, window: int, stride: int, pairs: Pairs) -> Array:
    return functools.reduce(jnp.maximum, _taps(maps, window, stride, pairs))


def _forward(maps: Array, window: int, stride: int, pairs: Pairs) -> tuple[Array, tuple[Array, Array]]:
    best, *others = _taps(maps, window, stride, pairs)
    winner = jnp.zeros(best.shape, jnp.int32)
    for number, tap in enumerate(others, 1):
        winner = jnp.where(tap > best, number, winner)
        best = jnp.maximum(best, tap)
    return best, (winner, maps)


def _backward(
    window: int, stride: int, pairs: Pairs, residuals: tuple[Array, Array], outer: Array
) -> tuple[Array]:
    """A pixel gathers from the windows that it won, one sub-grid of the stride after another."""
    winner, maps = residuals
    (top, _), (left, _) = pairs
    reach = (window - 1) // stride  # windows before a pixel's own that still see it
    height, width = maps.shape[1:3]
    rows, columns = -(-(height + top) // stride), -(-(width + left) // stride)
    around = [
        (0, 0, 0),
        (reach, rows - outer.shape[1], 0),
        (reach, columns - outer.shape[2], 0),
        (0, 0, 0),
    ]
    outer = lax.pad(outer, jnp.zeros((), outer.dtype), around)
    winner = lax.pad(winner, jnp.full((), -1, winner.dtype), around)

    def won(row: int, column: int) -> Array:
        down, right = reach - row // stride, reach - column // stride
        here = winner[:, down : down + rows, right : right + columns]
        gain = outer[:, down : down + rows, right : right + columns]
        return jnp.where(here == row * window + column, gain, 0)

    phases = []
    for row in range(stride):
        for column in range(stride):
            terms = [won(i, j) for i in range(row, window, stride) for j in range(column, window, stride)]
            nothing = jnp.zeros((outer.shape[0], rows, columns, outer.shape[-1]), outer.dtype)
            phases.append(functools.reduce(jnp.add, terms, nothing))
    return (interleave(phases, stride)[:, top : top + height, left : left + width],)


_shifted.defvjp(_forward, _backward)


def _taps(maps: Array, window: int, stride: int, pairs: Pairs) -> list[Array]:
    """The shifted, strided maps of each place in the window, row by row."""
    maps = jnp.pad(maps, ((0, 0), *pairs, (0, 0)), constant_values=-jnp.inf)
    return [tap for _, tap in shifted_maps(maps, (window, window), stride)]
