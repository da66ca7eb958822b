"""The photograph of a face."""

from __future__ import annotations

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.data.rendered.faces import Face
from jaxface.data.rendered.scenes import Shot
from jaxface.data.rendered.studio import Studio
from jaxface.face import geometry
from jaxface.face.appearance import line_weights, texture
from jaxface.render.camera import project
from jaxface.render.light import irradiance
from jaxface.render.rasterize import visible
from jaxface.render.scene import GAMMA, Perspective
from jaxface.render.shade import average, display, fetch, vertex_normals
from jaxface.render.stages import stage
from jaxface.render.surface import Mesh, surface

_PIVOT = (0.0, -0.035, -0.04)  # metres from the eyes' midpoint: what the head turns about
_TAPS = 2  # pixels to either side that the blur reaches
_GREY = (0.299, 0.587, 0.114)


def picture(studio: Studio, face: Face, shot: Shot) -> Array:
    """The photograph of a face, (size, size, 3) uint8 sRGB."""
    linear = _linear(studio, face, shot)
    needed = linear[0, 0, 0] < jnp.inf
    return stage(needed, partial(_developed, studio.recipe.supersample), linear, studio.noise, shot)


def pictures(studio: Studio, faces: Face, shots: Shot) -> Array:
    """`picture` of many, (B, size, size, 3) uint8: fields have a leading axis B."""
    return jax.lax.map(lambda one: picture(studio, *one), (faces, shots))


def _linear(studio: Studio, face: Face, shot: Shot) -> Array:
    """Linear-light samples, (n, n, 3) with n = size * supersample."""
    head, size = studio.head, studio.recipe.size * studio.recipe.supersample
    neutral = geometry.shape(head, face.identity)
    joints = geometry.joints(head, neutral)
    side = jnp.where(face.frozen_left, head.left_weight, 1.0 - head.left_weight)
    sided = dataclasses.replace(head, left_weight=side)
    displacement = geometry.expression_displacement(sided, face.activations, face.symmetry)
    lines = shot.lines * line_weights(head.appearance.lines, displacement)
    vertices = posed(studio, neutral + displacement, joints, face)
    screen = project(camera(studio, joints, shot), vertices, size)
    triangle = visible(screen, head.faces, size)
    covered = triangle >= 0
    anything = jnp.any(covered)

    def light(vertices: Array, light: Array) -> tuple[Array, ...]:
        return tuple(irradiance(light, vertex_normals(vertices, head.faces)).T)

    received = stage(anything, light, vertices, shot.light)
    painted = stage(anything, partial(texture, head.appearance), face.albedo)
    columns = (screen.xy[:, 0], screen.xy[:, 1], screen.inverse_w)
    mesh = Mesh(tuple(head.faces.T), tuple(head.uv_faces.T), *head.uv.T)
    seen = surface(columns, (*received, lines), mesh, triangle)
    sample = stage(anything, fetch, painted, seen.u, seen.v)
    behind = jax.image.resize(shot.background, (size, size, 3), "linear")
    return stage(triangle[0, 0] > -2, _lit, sample, seen.values, covered, behind)


def _lit(sample: Array, values: tuple[Array, ...], covered: Array, behind: Array) -> Array:
    *light, lines = values
    skin = 1.0 - sample[..., 3] * lines
    lit = sample[..., :3] * jnp.stack([one * skin for one in light], axis=-1)
    return jnp.where(covered[..., None], lit, behind)


def posed(studio: Studio, vertices: Array, joints: Array, face: Face) -> Array:
    """The head turned about a point behind its eyes, so that it stays in the picture; the eyes look aside."""
    head = studio.head
    left, right = (head.joint_names.index(name) for name in ("left_eye", "right_eye"))
    if studio.recipe.pose.gaze:
        aside = geometry.rotation_matrices(jnp.append(face.gaze, 0.0)) - jnp.eye(3)
        for eye in (left, right):
            weight = head.skinning_weights[:, eye, None]
            vertices = vertices + weight * ((vertices - joints[eye][None]) @ aside.T)
    pivot = 0.5 * (joints[left] + joints[right]) + jnp.asarray(_PIVOT)
    return (vertices - pivot[None]) @ geometry.rotation_matrices(face.turn).T + pivot[None]


def camera(studio: Studio, joints: Array, shot: Shot) -> Perspective:
    """The camera of a shot, placed by the eyes of the neutral, unposed head as `render.frame` does."""
    left, right = (joints[studio.head.joint_names.index(name)] for name in ("left_eye", "right_eye"))
    middle, across = 0.5 * (left + right), jnp.linalg.norm(left - right)
    height = shot.height * across
    centre = middle[:2] - jnp.stack([shot.shift * height, (0.5 - shot.eye_line) * height])
    return Perspective(
        position=jnp.concatenate([centre, middle[2:] + shot.distance]),
        focal=2.0 * shot.distance / height,
        shift=jnp.zeros(2),
    )


def _developed(supersample: int, linear: Array, noise: Array, shot: Shot) -> Array:
    """What the sensor makes of linear light: (size, size, 3) uint8."""
    exposed = average(linear, supersample) * shot.gain[None, None]
    grey = (exposed @ jnp.asarray(_GREY))[..., None]
    exposed = exposed + shot.grey * (grey - exposed)
    size = exposed.shape[0]
    shown = display(exposed.reshape(-1), jnp.asarray(GAMMA, jnp.float32)).reshape(exposed.shape)
    reach = jnp.arange(-_TAPS, _TAPS + 1)
    kernel = jnp.exp(-0.5 * (reach / jnp.maximum(shot.blur, 0.05)) ** 2)
    shown = _blurred(shown, kernel / kernel.sum())
    place = (*jnp.minimum(shot.grain, noise.shape[0] - size), 0)
    grain = jax.lax.dynamic_slice(noise, place, (size, size, 3))
    grain = jnp.where(shot.grey > 0.0, grain[..., :1], grain)
    noisy = shown + shot.noise * jnp.sqrt(0.25 + 1.5 * shown) * grain
    return jnp.round(255.0 * jnp.clip(noisy, 0.0, 1.0)).astype(jnp.uint8)


def _blurred(image: Array, kernel: Array) -> Array:
    """Separable convolution of (H, W, C), borders repeated."""
    for axis in (0, 1):
        count = image.shape[axis]
        border = [(0, 0)] * 3
        border[axis] = (_TAPS, _TAPS)
        padded = jnp.pad(image, border, mode="edge")
        parts = [jax.lax.slice_in_dim(padded, k, k + count, axis=axis) for k in range(2 * _TAPS + 1)]
        image = sum((weight * part for weight, part in zip(kernel, parts, strict=True)), jnp.zeros_like(image))
    return image
