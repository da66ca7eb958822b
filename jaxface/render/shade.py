"""From fragments to colours: normals, texture, light, background, display values."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.render.stages import stage

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
    needed = jnp.any(outer != 0.0)

    def for_corners(vertices: Array, slope: Array) -> tuple[Array, Array, Array]:
        a, b, c = (_rows(vertices, faces[:, corner]) for corner in range(3))
        parts = [_rows(slope, faces[:, corner]) for corner in range(3)]
        doubled = tuple(sum(axis) for axis in zip(*parts, strict=True))
        second, third = _cross(_minus(c, a), doubled), _cross(doubled, _minus(b, a))
        first = tuple(-(p + q) for p, q in zip(second, third, strict=True))
        return tuple(jnp.stack(corner, axis=-1) for corner in (first, second, third))  # type: ignore[return-value]

    return _to_corners(vertices, faces, *stage(needed, for_corners, vertices, slope)), None


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


def fetch(texture: Array, u: Array, v: Array) -> Array:
    """Bilinear samples of a texture (H, W, C) at planes of coordinates, (..., C), clamped at the border.

    Texels are squares whose centres lie at u = (column + .5) / W, v = 1 - (row + .5) / H.

    Args:
        u, v: planes of texture coordinates in [0, 1], v up.
    """
    height, width, channels = texture.shape
    # Written to memory first: else the pixel's place is found once for every channel of every texel.
    first, across, down = stage(jnp.any(u == u), partial(_locate, height, width), u, v)
    right, below = min(1, width - 1), width * min(1, height - 1)
    texels = texture.reshape(-1, channels)
    a, b, c, d = (texels[first + step] for step in (0, right, below, below + right))
    across, down = across[..., None], down[..., None]
    upper, lower = a + across * (b - a), c + across * (d - c)
    return upper + down * (lower - upper)


def _locate(height: int, width: int, u: Array, v: Array) -> tuple[Array, Array, Array]:
    """The first of the four texels, and how far to go from it to the right and down, in texels."""
    x = jnp.clip(u * width - 0.5, 0.0, width - 1.0)
    y = jnp.clip((1.0 - v) * height - 0.5, 0.0, height - 1.0)
    x0 = jax.lax.stop_gradient(jnp.minimum(jnp.floor(x), max(width - 2, 0)))
    y0 = jax.lax.stop_gradient(jnp.minimum(jnp.floor(y), max(height - 2, 0)))
    return y0.astype(jnp.int32) * width + x0.astype(jnp.int32), x - x0, y - y0


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
    frozen = jax.lax.stop_gradient((colour, u, v, depth))
    return colour + _repaint(*frozen, x, axis=1) + _repaint(*frozen, y, axis=0)


def _repaint(colour: Array, u: Array, v: Array, depth: Array, position: Array, axis: int) -> Array:
    """What moves along one axis of the image add to the gradient; its value is zero."""
    count = position.shape[axis]

    def first(values: Array) -> Array:
        return jax.lax.slice_in_dim(values, 0, count - 1, axis=axis)

    def second(values: Array) -> Array:
        return jax.lax.slice_in_dim(values, 1, count, axis=axis)

    jump = jnp.maximum(jnp.abs(first(u) - second(u)), jnp.abs(first(v) - second(v)))
    nearer = jnp.where(first(depth) <= second(depth), first(position), second(position))
    moved = jnp.where(jump > _JUMP, nearer - jax.lax.stop_gradient(nearer), 0.0)
    change = 0.5 * (first(colour) - second(colour)) * moved[..., None]
    before, after = [(0, 0)] * 3, [(0, 0)] * 3
    before[axis], after[axis] = (0, 1), (1, 0)
    return jnp.pad(change, before) + jnp.pad(change, after)


def average(colour: Array, supersample: int) -> Array:
    """Mean of supersample x supersample samples a pixel, (n H, n W, 3) -> (H, W, 3).

    Of linear light, before the display exponent: a pixel half covered by a bright surface sends half its
    light. The mean of display values would be darker, and every edge with it.
    """
    if supersample == 1:
        return colour
    height, width, channels = colour.shape
    height, width = height // supersample, width // supersample
    return colour.reshape(height, supersample, width, supersample, channels).mean(axis=(1, 3))


def display(linear: Array, gamma: Array) -> Array:
    """Linear light to display values in [0, 1]; the gradient is zero, not infinite, at and below black."""
    lit = linear > 0.0
    logarithm = jnp.log(jnp.minimum(jnp.where(lit, linear, 1.0), 1.0))
    return jnp.where(lit, jnp.exp(logarithm / gamma), 0.0)  # four times as fast on the CPU as a power
