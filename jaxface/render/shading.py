"""From fragments to colours: texture, background, display values, and the silhouettes' gradient."""

from functools import partial

import jax
import jax.numpy as jnp

from jaxface.core.target import for_accelerators
from jaxface.core.types import Array
from jaxface.render.barriers import materialize, skip_unless
from jaxface.render.indexing import take

_JUMP = 0.025  # texture distance between neighbouring pixels that means an edge; half or twice it does as well


@jax.custom_vjp
def fetch(texture: Array, u: Array, v: Array) -> Array:
    """Bilinear samples (..., C) of a texture (H, W, C) at coordinates, clamped at the border.

    Texels are centred at u = (column + .5) / W, v = 1 - (row + .5) / H. Reverse mode only.

    Args:
        u, v: planes of texture coordinates in [0, 1], v up.
    """
    first, across, down = _place(texture, u, v)
    a, b, c, d = _texels(texture, first)
    across, down = across[..., None], down[..., None]
    upper, lower = a + across * (b - a), c + across * (d - c)
    return upper + down * (lower - upper)


def _place(texture: Array, u: Array, v: Array) -> tuple[Array, Array, Array]:
    """The first of the four texels, and how far to go from it to the right and down, in texels.

    Written to memory: else the place is found once for every channel of every texel.
    """
    height, width, _ = texture.shape

    def locate(u: Array, v: Array) -> tuple[Array, Array, Array]:
        x = jnp.clip(u * width - 0.5, 0.0, width - 1.0)
        y = jnp.clip((1.0 - v) * height - 0.5, 0.0, height - 1.0)
        x0, y0 = jnp.minimum(jnp.floor(x), max(width - 2, 0)), jnp.minimum(jnp.floor(y), max(height - 2, 0))
        return y0.astype(jnp.int32) * width + x0.astype(jnp.int32), x - x0, y - y0

    return materialize(locate, u, v)


def _steps(texture: Array) -> tuple[int, int, int, int]:
    """From the first texel to each of the four."""
    height, width, _ = texture.shape
    right, below = min(1, width - 1), width * min(1, height - 1)
    return 0, right, below, below + right


def _texels(texture: Array, first: Array) -> tuple[Array, ...]:
    rows = texture.reshape(-1, texture.shape[-1])
    if for_accelerators():  # all four in one fetch; none of them lies behind the last texel
        quads = jnp.concatenate([jnp.roll(rows, -step, axis=0) for step in _steps(texture)], axis=-1)
        return tuple(jnp.split(take(quads, first), 4, axis=-1))
    return tuple(rows[first + step] for step in _steps(texture))


def _fetch_backward(residuals: tuple[Array, Array, Array], cotangent: Array) -> tuple[Array, Array, Array]:
    texture, u, v = residuals
    height, width, channels = texture.shape
    first, across, down = _place(texture, u, v)

    def place_gradients(cotangent: Array, first: Array, across: Array, down: Array) -> tuple[Array, Array]:
        a, b, c, d = (_dot(cotangent, texels) for texels in _texels(texture, first))
        return (b - a) + down * (d - c - b + a), (c - a) + across * (d - c - b + a)

    to_right, to_below = materialize(place_gradients, cotangent, first, across, down)
    column, row = u * width - 0.5, (1.0 - v) * height - 0.5
    du = jnp.where((column > 0.0) & (column < width - 1.0), width * to_right, 0.0)
    dv = jnp.where((row > 0.0) & (row < height - 1.0), -height * to_below, 0.0)
    weights = ((1.0 - across) * (1.0 - down), across * (1.0 - down), (1.0 - across) * down, across * down)
    total = jnp.zeros((height * width, channels), texture.dtype)
    for step, weight in zip(_steps(texture), weights, strict=True):
        row = (weight[..., None] * cotangent).reshape(-1, channels)
        total = total.at[(first + step).reshape(-1)].add(row, mode="promise_in_bounds")
    return total.reshape(texture.shape), du, dv


fetch.defvjp(lambda *arguments: (fetch(*arguments), arguments), _fetch_backward)


def _dot(a: Array, b: Array) -> Array:
    """Over the last axis, short: term by term, which stays within its loop."""
    terms = [a[..., k] * b[..., k] for k in range(a.shape[-1])]
    return sum(terms[1:], start=terms[0])


@jax.custom_vjp
def move_silhouettes(colour: Array, u: Array, v: Array, x: Array, y: Array, depth: Array) -> Array:
    """Return the image, with a gradient that knows that edges of what hides something move.

    Visibility is decided per pixel and has no gradient, so a lip that moves over the teeth seems to
    change nothing. Where two neighbouring pixels show different surfaces, a move of the nearer
    one's boundary by dx repaints dx of a pixel with their colours' difference, half for either.

    Args:
        colour: (H, W, 3) linear light.
        u, v: (H, W) texture coordinates; far outside [0, 1] on the background.
        x, y: (H, W) pixel position of the seen surface point at frozen barycentric weights.
        depth: (H, W) which of two surfaces is nearer; infinite on the background.
    """
    return colour


def _silhouettes_backward(residuals: tuple[Array, ...], cotangent: Array) -> tuple[Array | None, ...]:
    _, u, v, depth = residuals
    active = jnp.any(cotangent != 0.0)
    dx, dy = (skip_unless(active, partial(_repaint, axis), *residuals, cotangent) for axis in (1, 0))
    return cotangent, jnp.zeros_like(u), jnp.zeros_like(v), dx, dy, jnp.zeros_like(depth)


move_silhouettes.defvjp(
    lambda colour, u, v, x, y, depth: (colour, (colour, u, v, depth)), _silhouettes_backward
)


def _repaint(axis: int, colour: Array, u: Array, v: Array, depth: Array, cotangent: Array) -> Array:
    """The loss's slope in each pixel's position along one axis of the image."""
    count = depth.shape[axis]
    first = partial(jax.lax.slice_in_dim, start_index=0, limit_index=count - 1, axis=axis)
    second = partial(jax.lax.slice_in_dim, start_index=1, limit_index=count, axis=axis)
    jump = jnp.maximum(jnp.abs(first(u) - second(u)), jnp.abs(first(v) - second(v))) > _JUMP
    change = 0.5 * _dot(first(colour) - second(colour), first(cotangent) + second(cotangent))
    mine = first(depth) <= second(depth)
    before, after = [(0, 0), (0, 0)], [(0, 0), (0, 0)]
    before[axis], after[axis] = (0, 1), (1, 0)
    return jnp.pad(jnp.where(jump & mine, change, 0.0), before) + jnp.pad(
        jnp.where(jump & ~mine, change, 0.0), after
    )


def average(samples: Array, supersample: int) -> Array:
    """Return the mean of supersample x supersample samples a pixel, (n H, n W, ...) -> (H, W, ...).

    Of linear light, before the display exponent: a pixel half covered by a bright surface sends
    half its light. The mean of display values would be darker, and every edge with it.
    """
    if supersample == 1:
        return samples
    height, width, *rest = samples.shape
    blocks = samples.reshape(height // supersample, supersample, width // supersample, supersample, *rest)
    each = [blocks[:, row, :, column] for row in range(supersample) for column in range(supersample)]
    return sum(each[1:], start=each[0]) / supersample**2  # a mean over two axes is six times as slow


def display(linear: Array, gamma: Array) -> Array:
    """Return display values in [0, 1] of linear light.

    NaN stays NaN. The gradient is zero, not infinite, at and below black.
    """
    black = linear <= 0.0
    logarithm = jnp.log(jnp.minimum(jnp.where(black, 1.0, linear), 1.0))
    return jnp.where(black, 0.0, jnp.exp(logarithm / gamma))  # four times as fast on the CPU as a power
