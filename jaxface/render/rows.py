"""What varies from frame to frame, vertex by vertex: its place on the screen, and the light it receives."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.face.model import FaceModel
from jaxface.render.affine_motion import Motion
from jaxface.render.barriers import materialize
from jaxface.render.light import harmonics
from jaxface.render.scenes import Camera, Orthographic, Scene


class VertexBuffers(NamedTuple):
    """What varies over the frames, vertex by vertex: (V, LANES) each.

    Attributes:
        x, y: pixels.
        near: larger is nearer, linear on the screen.
        weight: 1 / distance of a perspective camera, None for an orthographic one.
        light: what the vertex receives, in each channel of the light: one or three.
        line: how strongly expression lines show; None for a model without lines.
    """

    x: Array
    y: Array
    near: Array
    weight: Array | None
    light: tuple[Array, ...]
    line: Array | None


def vertex_rows(
    head: FaceModel, moving: Motion, camera: Camera, scene: Scene, coefficients: tuple[Array, Array], size: int
) -> VertexBuffers:
    """The rows of frames at coefficients (a, b) of the motion, (LANES,) each, on size x size samples."""
    t, u = coefficients

    def position(axis: int, t: Array, u: Array) -> Array:
        still, by_time, by_product = moving.position[:, :, axis]
        return still[:, None] + by_time[:, None] * t[None] + by_product[:, None] * u[None]

    half = 0.5 * size
    if isinstance(camera, Orthographic):
        weight, near = None, materialize(partial(position, 2), t, u)
        x = materialize(
            lambda t, u: half + half * camera.scale * (position(0, t, u) + camera.translation[0]), t, u
        )
        y = materialize(
            lambda t, u: half - half * camera.scale * (position(1, t, u) + camera.translation[1]), t, u
        )
    else:
        near = materialize(lambda t, u: 1.0 / (camera.position[2] - position(2, t, u)), t, u)
        weight = near

        def plane(axis: int, near: Array) -> Array:
            return camera.focal * (position(axis, t, u) - camera.position[axis]) * near + camera.shift[axis]

        x = materialize(lambda near: half + half * plane(0, near), near)
        y = materialize(lambda near: half - half * plane(1, near), near)
    monomials = (t, u, t * t, t * u, u * u)

    def normal_of(axis: int, *monomials: Array) -> Array:
        terms = (jnp.ones_like(t), *monomials)
        return sum(moving.normal[k, :, axis][:, None] * each[None] for k, each in enumerate(terms))  # type: ignore[return-value]

    normal = [materialize(partial(normal_of, axis), *monomials) for axis in range(3)]
    light = tuple(materialize(_receive, normal, channel) for channel in scene.light.T)
    line, pattern = None, head.appearance.lines
    if moving.line is not None and pattern is not None:
        strength = jnp.clip(moving.line[0][:, None] * t[None] + moving.line[1][:, None] * u[None], 0.0, 1.2)
        line = pattern.region @ strength
    return VertexBuffers(x, y, near, weight, light, line)


def _receive(normal: list[Array], light: Array) -> Array:
    x, y, z = normal
    squared = x * x + y * y + z * z
    inverse = jnp.where(squared > 0.0, jax.lax.rsqrt(jnp.maximum(squared, 1e-30)), 0.0)
    unit = jnp.stack([x * inverse, y * inverse, z * inverse], axis=-1)
    basis = harmonics(unit)
    return jnp.maximum(sum(light[k] * basis[..., k] for k in range(9)), 0.0)
