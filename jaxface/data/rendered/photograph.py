"""The photograph of a face."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.data.rendered.assets import SceneAssets
from jaxface.data.rendered.faces import Face
from jaxface.data.rendered.rigs import LANES, VertexColumns, columns
from jaxface.data.rendered.scenes import SceneParams
from jaxface.face.appearance import texture
from jaxface.render.attributes import Mesh, surface
from jaxface.render.barriers import materialize
from jaxface.render.camera import Screen
from jaxface.render.rasterizer import visible
from jaxface.render.scenes import GAMMA
from jaxface.render.shading import display, fetch

_TAPS = 2  # pixels to either side that the blur reaches
_GREY = (0.299, 0.587, 0.114)


def render_example(studio: SceneAssets, face: Face, shot: SceneParams) -> Array:
    """The photograph of a face, (size, size, 3) uint8 sRGB; the same as in any batch of `pictures`."""
    return render_examples(studio, *jax.tree.map(lambda leaf: leaf[None], (face, shot)))[0]


def render_examples(studio: SceneAssets, faces: Face, shots: SceneParams) -> Array:
    """`picture` of many, (B, size, size, 3) uint8: fields have a leading axis B."""
    count = faces.turn.shape[0]
    padded = jax.tree.map(lambda leaf: _padded(leaf, -count % LANES), (faces, shots))
    drawn = jax.lax.map(lambda some: _together(studio, *some), padded)
    return drawn.reshape(-1, *drawn.shape[2:])[:count]


def _padded(leaf: Array, more: int) -> Array:
    """(B, ...) as (B' / LANES, LANES, ...), the last one repeated."""
    filled = jnp.concatenate([leaf, jnp.broadcast_to(leaf[-1:], (more, *leaf.shape[1:]))]) if more else leaf
    groups = len(filled) // LANES  # not -1: a head may have no albedo coefficient
    return filled.reshape(groups, LANES, *leaf.shape[1:])


def _together(studio: SceneAssets, faces: Face, shots: SceneParams) -> Array:
    """LANES pictures: vertices side by side, then one picture after another."""
    of_lanes = jax.tree.map(jnp.transpose, columns(studio.rig, faces, shots, _samples(studio)))
    return jax.lax.map(lambda one: _photograph(studio, *one), (of_lanes, faces.albedo, shots))


def _samples(studio: SceneAssets) -> int:
    return studio.recipe.size * studio.recipe.supersample


def render_differentiable(studio: SceneAssets, face: Face, shot: SceneParams) -> tuple[Array, Array]:
    """A photograph before noise and rounding, (size, size, 3) in [0, 1], and where it shows the head, (size,
    size) bool. Reverse-mode differentiable while every sample keeps its triangle, as `render._image` is."""
    alone = jax.tree.map(lambda leaf: leaf[None], (face, shot))
    seen = jax.tree.map(lambda plane: plane[:, 0], columns(studio.rig, alone[0], alone[1], _samples(studio)))
    planes, triangle = _shade(studio, seen, face.albedo, shot)
    fine, size = studio.recipe.supersample, studio.recipe.size
    covered = (triangle >= 0).reshape(size, fine, size, fine)
    return jnp.stack(planes, axis=-1), jnp.all(covered, axis=(1, 3))


def _photograph(studio: SceneAssets, seen: VertexColumns, albedo: Array, shot: SceneParams) -> Array:
    """One picture of vertices (V,)."""
    planes, _ = _shade(studio, seen, albedo, shot)
    return materialize(_apply_noise, planes, studio.noise, shot)


def _shade(
    studio: SceneAssets, seen: VertexColumns, albedo: Array, shot: SceneParams
) -> tuple[list[Array], Array]:
    """Three planes (size, size) of display values, and the triangle that each sample shows."""
    head, size = studio.head, _samples(studio)
    screen = Screen(jnp.stack([seen.x, seen.y], axis=-1), -seen.inverse_w, seen.inverse_w)
    triangle = visible(screen, head.faces, size)
    painted = materialize(partial(texture, head.appearance), albedo)
    mesh = Mesh(tuple(head.faces.T), tuple(head.uv_faces.T), *head.uv.T)
    values = (seen.red, seen.green, seen.blue, seen.line)
    at = surface((seen.x, seen.y, seen.inverse_w), values, mesh, triangle)
    sample = materialize(fetch, painted, at.u, at.v)
    exposed = materialize(_apply_exposure, sample, at.values, triangle, shot)
    fine = studio.recipe.supersample
    developed = [materialize(partial(_shown, fine), plane) for plane in exposed]
    return [materialize(_blurred, plane, shot.blur) for plane in developed], triangle


def _apply_exposure(
    sample: Array, values: tuple[Array, ...], triangle: Array, shot: SceneParams
) -> tuple[Array, ...]:
    """Three planes (n, n) of linear light as the sensor gets it."""
    *light, lines = values
    skin, covered, size = 1.0 - sample[..., 3] * lines, triangle >= 0, triangle.shape[0]
    behind = jax.image.resize(shot.background, (size, size, 3), "linear")
    planes = [
        jnp.where(covered, sample[..., k] * light[k] * skin, behind[..., k]) * shot.gain[k] for k in range(3)
    ]
    grey = sum(share * plane for share, plane in zip(_GREY, planes, strict=True))
    return tuple(plane + shot.grey * (grey - plane) for plane in planes)


def _shown(fine: int, plane: Array) -> Array:
    """Display values in [0, 1] of a plane of samples, averaged in linear light."""
    if fine > 1:
        size = plane.shape[0] // fine
        blocks = plane.reshape(size, fine, size, fine)
        plane = sum(blocks[:, i, :, j] for i in range(fine) for j in range(fine)) / fine**2  # type: ignore[assignment]
    return display(plane, jnp.asarray(GAMMA, plane.dtype))


def _blurred(plane: Array, deviation: Array) -> Array:
    """Separable Gaussian blur of (H, W), borders repeated."""
    reach = jnp.arange(-_TAPS, _TAPS + 1)
    kernel = jnp.exp(-0.5 * (reach / jnp.maximum(deviation, 0.05)) ** 2)
    kernel = kernel / kernel.sum()
    for axis in (0, 1):
        border = [(0, 0), (0, 0)]
        border[axis] = (_TAPS, _TAPS)
        padded = jnp.pad(plane, border, mode="edge")
        parts = [
            jax.lax.slice_in_dim(padded, k, k + plane.shape[axis], axis=axis) for k in range(2 * _TAPS + 1)
        ]
        plane = sum((weight * part for weight, part in zip(kernel, parts, strict=True)), jnp.zeros_like(plane))
    return plane


def _apply_noise(planes: list[Array], noise: Array, shot: SceneParams) -> Array:
    """(size, size, 3) uint8: with the sensor's noise, which grows with the light as photons' does."""
    size = planes[0].shape[0]
    first = jnp.minimum(shot.grain, noise.shape[1] - size)
    grain = [jax.lax.dynamic_slice(noise[k], first, (size, size)) for k in range(3)]
    grain = [jnp.where(shot.grey > 0.0, grain[0], one) for one in grain]
    noisy = [
        plane + shot.noise * jnp.sqrt(0.25 + 1.5 * plane) * one
        for plane, one in zip(planes, grain, strict=True)
    ]
    return jnp.stack([jnp.round(255.0 * jnp.clip(one, 0.0, 1.0)).astype(jnp.uint8) for one in noisy], axis=-1)
