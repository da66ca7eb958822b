"""From fragments to colours: normals, texture, light, background, display values."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxface.core.types import Array

_JUMP = 0.025  # texture distance between neighbouring pixels that means an edge; half or twice it does as well


def vertex_normals(vertices: Array, faces: Array) -> Array:
    """(V, 3) unit normals: the mean of the adjacent triangles' normals, weighted by their area."""
    a, b, c = vertices[faces[:, 0]], vertices[faces[:, 1]], vertices[faces[:, 2]]
    doubled = jnp.cross(b - a, c - a)
    total = jnp.zeros_like(vertices).at[faces].add(jnp.broadcast_to(doubled[:, None], (len(faces), 3, 3)))
    squared = jnp.sum(total * total, axis=-1, keepdims=True)
    sound = squared > 0.0
    return jnp.where(sound, total / jnp.sqrt(jnp.where(sound, squared, 1.0)), 0.0)


def fetch(texture: Array, uv: Array) -> Array:
    """Bilinear samples (..., C) of a texture (H, W, C) at uv (..., 2) in [0, 1], v up, clamped at the border.

    Texels are squares whose centres lie at ((column + .5) / W, 1 - (row + .5) / H).
    """
    height, width, channels = texture.shape
    x = jnp.clip(uv[..., 0] * width - 0.5, 0.0, width - 1.0)
    y = jnp.clip((1.0 - uv[..., 1]) * height - 0.5, 0.0, height - 1.0)
    x0 = jnp.minimum(jnp.floor(jax.lax.stop_gradient(x)), max(width - 2, 0))
    y0 = jnp.minimum(jnp.floor(jax.lax.stop_gradient(y)), max(height - 2, 0))
    across, down = (x - x0)[..., None], (y - y0)[..., None]
    first = y0.astype(jnp.int32) * width + x0.astype(jnp.int32)
    right, below = min(1, width - 1), width * min(1, height - 1)
    texels = texture.reshape(-1, channels)
    upper = texels[first] * (1.0 - across) + texels[first + right] * across
    lower = texels[first + below] * (1.0 - across) + texels[first + below + right] * across
    return upper * (1.0 - down) + lower * down


def surface(sample: Array, received: Array, line: Array) -> Array:
    """Linear-light colour (..., 3) of skin.

    Args:
        sample: (..., 4) texture: albedo and line pattern.
        received: (..., 3) irradiance.
        line: (...,) how strongly the line pattern shows.
    """
    return sample[..., :3] * received * (1.0 - sample[..., 3] * line)[..., None]


def move_silhouettes(colour: Array, uv: Array, screen: Array, depth: Array) -> Array:
    """The same image, whose gradient also knows that edges of what hides something move.

    Visibility is decided per pixel and has no gradient, so a lip that moves over the teeth seems to change
    nothing. Where two neighbouring pixels show different surfaces, a move of the nearer one's boundary by
    dx repaints dx of a pixel with the difference of their colours; half of it is given to either.

    Args:
        colour: (H, W, 3) linear light.
        uv: (H, W, 2) texture coordinates; far outside [0, 1] on the background.
        screen: (H, W, 2) pixel position of the seen surface point at frozen barycentric weights.
        depth: (H, W) which of two surfaces is nearer; infinite on the background.
    """
    colour = _move_along(colour, uv, screen[..., 0], depth, axis=1)
    return _move_along(colour, uv, screen[..., 1], depth, axis=0)


def _move_along(colour: Array, uv: Array, position: Array, depth: Array, axis: int) -> Array:
    count = colour.shape[axis]

    def pair(values: Array) -> tuple[Array, Array]:
        values = jnp.asarray(values)
        return jax.lax.slice_in_dim(values, 0, count - 1, axis=axis), jax.lax.slice_in_dim(
            values, 1, count, axis=axis
        )

    (uv_a, uv_b), (depth_a, depth_b), (at_a, at_b) = pair(uv), pair(depth), pair(position)
    edge = jnp.max(jnp.abs(uv_a - uv_b), axis=-1) > _JUMP
    nearer = jnp.where(depth_a <= depth_b, at_a, at_b)
    moved = jnp.where(edge, nearer - jax.lax.stop_gradient(nearer), 0.0)
    before, after = pair(jax.lax.stop_gradient(colour))
    repaint = 0.5 * (before - after) * moved[..., None]
    none = [(0, 0)] * colour.ndim
    first, second = list(none), list(none)
    first[axis], second[axis] = (0, 1), (1, 0)
    return colour + jnp.pad(repaint, first) + jnp.pad(repaint, second)


def average(colour: Array, supersample: int) -> Array:
    """Mean of supersample x supersample samples a pixel, (n H, n W, 3) -> (H, W, 3).

    Of linear light, before the display exponent: a pixel half covered by a bright surface sends half its
    light. The mean of display values would be darker, and every edge with it.
    """
    size = colour.shape[0] // supersample
    return colour.reshape(size, supersample, size, supersample, 3).mean(axis=(1, 3))


def display(linear: Array, gamma: Array) -> Array:
    """Linear light to display values in [0, 1]; the gradient is zero, not infinite, at and below black."""
    lit = linear > 0.0
    return jnp.where(lit, jnp.minimum(jnp.where(lit, linear, 1.0), 1.0) ** (1.0 / gamma), 0.0)
