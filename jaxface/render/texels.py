"""Bilinear samples of a texture for the accelerator's path, (C, S, G): tiles, samples, frames.

A GPU fetches. A TPU takes as long to fetch a number as to compute thousands: there the samples of a
tile take their texels from windows of the texture by matrix products, as few windows as hold them.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core import target
from jaxface.core.types import Array
from jaxface.render.indexing import take

Fetch = Callable[[Array, Array, Array], Array]
"""(hit, u, v), each (C, S, G) -> (channels, C, S, G); any numbers where not hit."""

_ROWS = 32  # of a window; with four channels they fill a TPU's matrix unit
_COLUMNS = 128  # of a window: a register's lanes
_STRIDE = 64  # from one window's columns to the next one's
_STEPS = 256  # places between two texels that bfloat16 represents, and one minus them


def sampler(texture: Array) -> Fetch:
    """Return the function that samples a texture (H, W, C) as `shading.fetch` does."""
    return by_windows(texture) if target.layout() == "tpu" else by_gather(texture)


def _place(texture: Array, u: Array, v: Array) -> tuple[Array, Array]:
    """Columns and rows, in texels from the first one's centre."""
    height, width, _ = texture.shape
    x = jnp.clip(u * width - 0.5, 0.0, width - 1.0)
    return x, jnp.clip((1.0 - v) * height - 0.5, 0.0, height - 1.0)


def by_gather(texture: Array) -> Fetch:
    """Return a sampler that fetches once a sample: every texel stands beside its three neighbours."""
    height, width, channels = texture.shape
    right = jnp.concatenate([texture[:, 1:], texture[:, -1:]], axis=1)
    pair = jnp.concatenate([texture, right], axis=-1)
    below = jnp.concatenate([pair[1:], pair[-1:]])
    quads = jnp.concatenate([pair, below], axis=-1).reshape(height * width, 4 * channels)

    def fetch(hit: Array, u: Array, v: Array) -> Array:
        x, y = _place(texture, u, v)
        x0, y0 = jnp.floor(x), jnp.floor(y)
        texels = take(quads, y0.astype(jnp.int32) * width + x0.astype(jnp.int32))
        samples = []
        for channel in range(channels):
            a, b, c, d = (texels[..., channel + channels * corner] for corner in range(4))
            upper, lower = a + (x - x0) * (b - a), c + (x - x0) * (d - c)
            samples.append(upper + (y - y0) * (lower - upper))
        return jnp.stack(samples)

    return fetch


def by_windows(texture: Array) -> Fetch:
    """Return a sampler that multiplies windows of texels with weights, in bfloat16.

    Each round takes the tile's uppermost samples that are left, and of those the ones at the left.
    """
    height, width, channels = texture.shape
    rows, columns = min(_ROWS, height), min(_COLUMNS, width)
    middle = jnp.mean(texture, axis=(0, 1))  # weights add up to one, and smaller numbers round less
    texels = (texture - middle[None, None]).astype(jnp.bfloat16).transpose(0, 2, 1)
    starts = [min(start, width - columns) for start in range(0, max(width - columns + _STRIDE, 1), _STRIDE)]
    strips = jnp.concatenate([texels[:, :, start : start + columns] for start in starts])
    row_of, channel = (jnp.asarray(each) for each in np.divmod(np.arange(rows * channels), channels))
    sum_rows = jnp.arange(channels)[:, None] == channel[None]

    def fetch(hit: Array, u: Array, v: Array) -> Array:
        shape, count = hit.shape, len(hit)
        # Places that bfloat16 represents, and so does one minus what is beyond a texel.
        x, y = ((jnp.round(each * _STEPS) / _STEPS).reshape(count, -1) for each in _place(texture, u, v))

        def more(state: tuple[Array, Array]) -> Array:
            return jnp.any(state[0])

        def next_window(state: tuple[Array, Array]) -> tuple[Array, Array]:
            left, samples = state
            top = jnp.min(jnp.where(left, jnp.floor(y), height), axis=1)
            top = jnp.clip(top, 0, height - rows)[:, None]
            band = left & (y <= top + (rows - 1))
            least = jnp.min(jnp.where(band, jnp.floor(x), width), axis=1)
            strip = jnp.clip(jax.lax.div(least.astype(jnp.int32), _STRIDE), 0, len(starts) - 1)
            first = take(jnp.asarray(starts, jnp.float32), strip)[:, None]
            inside = band & (x <= first + (columns - 1))
            line = height * strip[:, None] + top.astype(jnp.int32) + jnp.arange(rows)[None]
            window = take(strips, line).reshape(count, rows * channels, columns)
            across = _hat((x - first)[:, None] - jnp.arange(columns, dtype=jnp.float32)[None, :, None])
            by_row = jnp.einsum(
                "tnc,tcm->tnm", window, across.astype(jnp.bfloat16), preferred_element_type=jnp.float32
            )
            down = _hat((y - top)[:, None] - row_of.astype(jnp.float32)[None, :, None])
            values = jnp.einsum(
                "kn,tnm->ktm",
                sum_rows.astype(jnp.bfloat16),
                (by_row * down).astype(jnp.bfloat16),
                preferred_element_type=jnp.float32,
            )
            return left & ~inside, jnp.where(inside[None], values, samples)

        left = (hit & jnp.isfinite(u + v)).reshape(count, -1)
        empty = jnp.zeros((channels, *left.shape), jnp.float32)
        with jax.named_scope("windows"):
            samples = jax.lax.while_loop(more, next_window, (left, empty))[1]
        return (samples + middle[:, None, None]).reshape(channels, *shape)

    return fetch


def _hat(distance: Array) -> Array:
    """The weight of a texel at this distance."""
    return jnp.maximum(0.0, 1.0 - jnp.abs(distance))
