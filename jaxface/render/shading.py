"""From fragments to colours: normals, texture, light, background, display values."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.render.barriers import materialize, skip_unless

_JUMP = 0.025  # texture distance between neighbouring pixels that means an edge; half or twice it does as well


@jax.custom_vjp
def vertex_normals(vertices: Array, faces: Array) -> Array:
    """(V, 3) unit normals: the mean of the adjacent triangles' normals, weighted by their area.

    Reverse mode only: the gradient, written out, takes a third of the time of the derived one on the CPU.
    """
    return _unit(_normal_sums(vertices, faces))


def _normal_sums(vertices: Array, faces: Array) -> Array:
    a, b, c = (_rows(vertices, faces[:, corner]) for corner in range(3))
    doubled = jnp.stack(_cross(_minus(b, a), _minus(c, a)), axis=-1)
    return _to_corners(vertices, faces, doubled, doubled, doubled)


def _unit(total: Array) -> Array:
    squared = jnp.sum(total * total, axis=-1, keepdims=True)
    sound = squared > 0.0
    return jnp.where(sound, total / jnp.sqrt(jnp.where(sound, squared, 1.0)), 0.0)


def _normals_forward(vertices: Array, faces: Array) -> tuple[Array, tuple[Array, Array, Array]]:
    total = _normal_sums(vertices, faces)
    return _unit(total), (vertices, faces, total)


def _normals_backward(kept: tuple[Array, Array, Array], outer: Array) -> tuple[Array, None]:
    vertices, faces, total = kept
    (slope,) = jax.vjp(_unit, total)[1](outer)
    active = jnp.any(outer != 0.0)

    def for_corners(vertices: Array, slope: Array) -> tuple[Array, Array, Array]:
        a, b, c = (_rows(vertices, faces[:, corner]) for corner in range(3))
        parts = [_rows(slope, faces[:, corner]) for corner in range(3)]
        doubled = tuple(sum(axis) for axis in zip(*parts, strict=True))
        second, third = _cross(_minus(c, a), doubled), _cross(doubled, _minus(b, a))
        first = tuple(-(p + q) for p, q in zip(second, third, strict=True))
        return tuple(jnp.stack(corner, axis=-1) for corner in (first, second, third))  # type: ignore[return-value]

    return _to_corners(vertices, faces, *skip_unless(active, for_corners, vertices, slope)), None


vertex_normals.defvjp(_normals_forward, _normals_backward)


def _rows(values: Array, index: Array) -> tuple[Array, ...]:
    return tuple(values[:, axis][index] for axis in range(3))


def _minus(a: tuple[Array, ...], b: tuple[Array, ...]) -> tuple[Array, ...]:
    return tuple(p - q for p, q in zip(a, b, strict=True))


def _cross(a: tuple[Array, ...], b: tuple[Array, ...]) -> tuple[Array, ...]:
    return tuple(a[i - 2] * b[i - 1] - a[i - 1] * b[i - 2] for i in range(3))


def _to_corners(vertices: Array, faces: Array, *corners: Array) -> Array:
    """What each triangle gives its three corners, (F, 3) each, summed at the vertices: (V, 3)."""
    total = jnp.zeros_like(vertices)
    for corner, given in enumerate(corners):
        total = total.at[faces[:, corner]].add(given, mode="promise_in_bounds")
    return total


@jax.custom_vjp
def fetch(texture: Array, u: Array, v: Array) -> Array:
    """Bilinear samples of a texture (H, W, C) at planes of coordinates, (..., C), clamped at the border.

    Texels are squares whose centres lie at u = (column + .5) / W, v = 1 - (row + .5) / H. Reverse mode only.

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
    return tuple(rows[first + step] for step in _steps(texture))


def _fetch_forward(texture: Array, u: Array, v: Array) -> tuple[Array, tuple[Array, Array, Array]]:
    return fetch(texture, u, v), (texture, u, v)


def _fetch_backward(kept: tuple[Array, Array, Array], outer: Array) -> tuple[Array, Array, Array]:
    texture, u, v = kept
    height, width, channels = texture.shape
    first, across, down = _place(texture, u, v)

    def for_place(outer: Array, first: Array, across: Array, down: Array) -> tuple[Array, Array]:
        a, b, c, d = (_dot(outer, texels) for texels in _texels(texture, first))
        return (b - a) + down * (d - c - b + a), (c - a) + across * (d - c - b + a)

    to_right, to_below = materialize(for_place, outer, first, across, down)
    column, row = u * width - 0.5, (1.0 - v) * height - 0.5
    du = jnp.where((column > 0.0) & (column < width - 1.0), width * to_right, 0.0)
    dv = jnp.where((row > 0.0) & (row < height - 1.0), -height * to_below, 0.0)
    shares = ((1.0 - across) * (1.0 - down), across * (1.0 - down), (1.0 - across) * down, across * down)
    total = jnp.zeros((height * width, channels), texture.dtype)
    for step, share in zip(_steps(texture), shares, strict=True):
        given = (share[..., None] * outer).reshape(-1, channels)
        total = total.at[(first + step).reshape(-1)].add(given, mode="promise_in_bounds")
    return total.reshape(texture.shape), du, dv


fetch.defvjp(_fetch_forward, _fetch_backward)


def _dot(a: Array, b: Array) -> Array:
    """Over the last axis, short: term by term, which stays within its loop."""
    terms = [a[..., k] * b[..., k] for k in range(a.shape[-1])]
    return sum(terms[1:], start=terms[0])


@jax.custom_vjp
def move_silhouettes(colour: Array, u: Array, v: Array, x: Array, y: Array, depth: Array) -> Array:
    """The same image, whose gradient also knows that edges of what hides something move.

    Visibility is decided per pixel and has no gradient, so a lip that moves over the teeth seems to change
    nothing. Where two neighbouring pixels show different surfaces, a move of the nearer one's boundary by
    dx repaints dx of a pixel with the difference of their colours; half of it is given to either.

    Args:
        colour: (H, W, 3) linear light.
        u, v: (H, W) texture coordinates; far outside [0, 1] on the background.
        x, y: (H, W) pixel position of the seen surface point at frozen barycentric weights.
        depth: (H, W) which of two surfaces is nearer; infinite on the background.
    """
    return colour


def _silhouettes_forward(
    colour: Array, u: Array, v: Array, x: Array, y: Array, depth: Array
) -> tuple[Array, tuple[Array, ...]]:
    return colour, (colour, u, v, depth)


def _silhouettes_backward(kept: tuple[Array, ...], outer: Array) -> tuple[Array | None, ...]:
    dx, dy = (skip_unless(jnp.any(outer != 0.0), partial(_repaint, axis), *kept, outer) for axis in (1, 0))
    return outer, jnp.zeros_like(kept[1]), jnp.zeros_like(kept[2]), dx, dy, jnp.zeros_like(kept[3])


move_silhouettes.defvjp(_silhouettes_forward, _silhouettes_backward)


def _repaint(axis: int, colour: Array, u: Array, v: Array, depth: Array, outer: Array) -> Array:
    """The loss's slope in each pixel's position along one axis of the image."""
    count = depth.shape[axis]

    def first(values: Array) -> Array:
        return jax.lax.slice_in_dim(values, 0, count - 1, axis=axis)

    def second(values: Array) -> Array:
        return jax.lax.slice_in_dim(values, 1, count, axis=axis)

    jump = jnp.maximum(jnp.abs(first(u) - second(u)), jnp.abs(first(v) - second(v))) > _JUMP
    change = 0.5 * _dot(first(colour) - second(colour), first(outer) + second(outer))
    mine = first(depth) <= second(depth)
    before, after = [(0, 0), (0, 0)], [(0, 0), (0, 0)]
    before[axis], after[axis] = (0, 1), (1, 0)
    return jnp.pad(jnp.where(jump & mine, change, 0.0), before) + jnp.pad(
        jnp.where(jump & ~mine, change, 0.0), after
    )


def average(colour: Array, supersample: int) -> Array:
    """Mean of supersample x supersample samples a pixel, (n H, n W, 3) -> (H, W, 3).

    Of linear light, before the display exponent: a pixel half covered by a bright surface sends half its
    light. The mean of display values would be darker, and every edge with it.
    """
    if supersample == 1:
        return colour
    height, width, channels = colour.shape
    height, width = height // supersample, width // supersample
    colour = colour.reshape(height, supersample, width, supersample, channels)
    samples = [colour[:, row, :, column] for row in range(supersample) for column in range(supersample)]
    return sum(samples[1:], start=samples[0]) / supersample**2  # a mean over two axes is six times as slow


def display(linear: Array, gamma: Array) -> Array:
    """Return display values in [0, 1] of linear light.

    NaN stays NaN. The gradient is zero, not infinite, at and below black.
    """
    black = linear <= 0.0
    logarithm = jnp.log(jnp.minimum(jnp.where(black, 1.0, linear), 1.0))
    return jnp.where(black, 0.0, jnp.exp(logarithm / gamma))  # four times as fast on the CPU as a power
