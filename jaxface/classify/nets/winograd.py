"""3 x 3 convolutions with 16 products where the plain form has 36 (Lavin & Gray 2015, arXiv:1509.09308).

F(2 x 2, 3 x 3): each 2 x 2 tile of the output comes from a 4 x 4 tile of the input. XLA's own convolution runs
on the CPU as fast as its matrix product, so what is left to win is fewer products. The rounding error is that
of the plain form, some 1e-6 of the largest value.
"""

import functools

import jax
import jax.numpy as jnp
from jax import lax

from jaxface.core.types import Array

Pairs = tuple[tuple[int, int], tuple[int, int]]

_FEWEST_CHANNELS = 256  # below, moving the tiles about costs as much as the products that are saved
_FEWEST_PRODUCTS = 1.5e9  # some 30 ms: below, the few milliseconds are not worth half a second of compiling


def pays(maps: Array, kernel: Array, stride: int, pairs: Pairs) -> bool:
    """Return whether this is the faster form on the CPU."""
    if kernel.shape[:2] != (3, 3) or stride != 1 or maps.dtype != jnp.float32:
        return False
    tiles = maps.shape[0] * _tiles(maps.shape[1], pairs[0]) * _tiles(maps.shape[2], pairs[1])
    return min(kernel.shape[2:]) >= _FEWEST_CHANNELS and 4 * tiles * kernel.size >= _FEWEST_PRODUCTS


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def convolution(maps: Array, kernel: Array, pairs: Pairs) -> Array:
    """(B, H, W, C) by (3, 3, C, F), stride 1 -> (B, H', W', F). It has no forward-mode derivative."""
    batch, height, width, channels = maps.shape
    down, right = _tiles(height, pairs[0]), _tiles(width, pairs[1])
    (top, _), (left, _) = pairs
    # an odd row or column is made even by zeros behind, and cut off again
    around = ((top, 2 * down + 2 - height - top), (left, 2 * right + 2 - width - left))
    maps = jnp.pad(maps, ((0, 0), *around, (0, 0)))
    rows = _into(*(maps[:, i : i + 2 * down - 1 : 2] for i in range(4)))
    tiles = [_into(*(row[:, :, j : j + 2 * right - 1 : 2] for j in range(4))) for row in rows]
    taps = [_taps(*row) for row in _taps(*kernel)]
    products = [
        [
            (tile.reshape(-1, channels) @ tap).reshape(batch, down, right, -1)
            for tile, tap in zip(*row, strict=True)
        ]
        for row in zip(tiles, taps, strict=True)
    ]
    columns = zip(*(_out_of(*column) for column in zip(*products, strict=True)), strict=True)
    out = jnp.stack([jnp.stack(_out_of(*row), 3) for row in columns], 2)  # (B, down, 2, right, 2, F)
    shape = (height + sum(pairs[0]) - 2, width + sum(pairs[1]) - 2)
    return out.reshape(batch, 2 * down, 2 * right, -1)[:, : shape[0], : shape[1]]


def _backward(pairs: Pairs, residuals: tuple[Array, Array], outer: Array) -> tuple[Array, Array]:
    def plain(maps: Array, kernel: Array) -> Array:
        return lax.conv_general_dilated(maps, kernel, (1, 1), pairs, dimension_numbers=("NHWC", "HWIO", "NHWC"))

    return jax.vjp(plain, *residuals)[1](outer)


convolution.defvjp(lambda *arguments: (convolution(*arguments), arguments[:2]), _backward)


def _tiles(size: int, pair: tuple[int, int]) -> int:
    return (size + sum(pair) - 1) // 2


def _into(first: Array, second: Array, third: Array, fourth: Array) -> tuple[Array, ...]:
    return first - third, second + third, third - second, second - fourth


def _taps(first: Array, second: Array, third: Array) -> tuple[Array, ...]:
    outer, inner = (first + third) / 2, second / 2
    return first, outer + inner, outer - inner, third


def _out_of(first: Array, second: Array, third: Array, fourth: Array) -> tuple[Array, Array]:
    return first + second + third, second - third - fourth
