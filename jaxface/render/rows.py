"""What varies from frame to frame, vertex by vertex: its place on the screen, and the light it receives."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.face.model import FaceModel
from jaxface.render.affine_motion import Motion
from jaxface.render.barriers import stage
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
    go = jnp.all(jnp.isfinite(t))

    def position(axis: int) -> Array:
        still, by_time, by_product = moving.position[:, :, axis]
        return still[:, None] + by_time[:, None] * t[None] + by_product[:, None] * u[None]

    half = 0.5 * size
    if isinstance(camera, Orthographic):
        weight, near = None, stage(go, lambda: position(2))
        x = stage(go, lambda: half + half * camera.scale * (position(0) + camera.translation[0]))
        y = stage(go, lambda: half - half * camera.scale * (position(1) + camera.translation[1]))
    else:
        near = stage(go, lambda: 1.0 / (camera.position[2] - position(2)))
        weight = near

        def plane(axis: int, near: Array) -> Array:
            return camera.focal * (position(axis) - camera.position[axis]) * near + camera.shift[axis]

        x = stage(go, lambda near: half + half * plane(0, near), near)
        y = stage(go, lambda near: half - half * plane(1, near), near)
    monomials = (jnp.ones_like(t), t, u, t * t, t * u, u * u)
    normal = [
        stage(
            go,
            lambda axis=axis: sum(
                moving.normal[k, :, axis][:, None] * each[None] for k, each in enumerate(monomials)
            ),
        )
        for axis in range(3)
    ]
    light = tuple(stage(go, _receive, normal, channel) for channel in scene.light.T)
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
