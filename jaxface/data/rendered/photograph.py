"""Render a face as a photograph: texture, light, exposure, blur and sensor noise."""

from functools import partial

import jax
import jax.numpy as jnp

from jaxface.core.types import LUMA, Array
from jaxface.data.rendered.assets import SceneAssets
from jaxface.data.rendered.labels import Face
from jaxface.data.rendered.rigs import columns
from jaxface.data.rendered.scenes import SceneParams
from jaxface.face.appearance import texture
from jaxface.render.attributes import Mesh, surface
from jaxface.render.barriers import materialize
from jaxface.render.rasterizer import visible
from jaxface.render.scenes import GAMMA
from jaxface.render.shading import average, display, fetch
from jaxface.render.vertex import VertexBuffers, in_lanes

_BLUR_REACH = 2  # pixels to either side


def render_example(assets: SceneAssets, face: Face, scene: SceneParams) -> Array:
    """Render one face, (size, size, 3) uint8 sRGB, with the same bits as `render_examples`."""
    return render_examples(assets, *jax.tree.map(lambda leaf: leaf[None], (face, scene)))[0]


def render_examples(assets: SceneAssets, faces: Face, scenes: SceneParams) -> Array:
    """Render B faces, (B, size, size, 3) uint8 sRGB: fields have a leading axis B."""
    count = faces.turn.shape[0]
    images = jax.lax.map(lambda group: _render_lanes(assets, *group), in_lanes((faces, scenes)))
    return images.reshape(-1, *images.shape[2:])[:count]


def _render_lanes(assets: SceneAssets, faces: Face, scenes: SceneParams) -> Array:
    """LANES images: the vertices of all lanes at once, then one image after another."""
    of_lanes = jax.tree.map(jnp.transpose, columns(assets.rig, faces, scenes, _samples(assets)))

    def render_lane(case: tuple[VertexBuffers, Array, SceneParams]) -> Array:
        planes, _ = _shade(assets, *case)
        return materialize(_apply_noise, planes, assets.noise, case[2])

    return jax.lax.map(render_lane, (of_lanes, faces.albedo, scenes))


def _samples(assets: SceneAssets) -> int:
    """Samples along an edge of the image."""
    return assets.recipe.size * assets.recipe.supersample


def render_differentiable(assets: SceneAssets, face: Face, scene: SceneParams) -> tuple[Array, Array]:
    """Render one face before noise and rounding: (size, size, 3) in [0, 1], and (size, size) bool.

    The mask is where it shows the head. Differentiable as `render.image` is.
    """
    faces, scenes = jax.tree.map(lambda leaf: leaf[None], (face, scene))
    vertices = jax.tree.map(lambda plane: plane[:, 0], columns(assets.rig, faces, scenes, _samples(assets)))
    planes, triangle = _shade(assets, vertices, face.albedo, scene)
    supersample, size = assets.recipe.supersample, assets.recipe.size
    on_head = (triangle >= 0).reshape(size, supersample, size, supersample)
    return jnp.stack(planes, axis=-1), jnp.all(on_head, axis=(1, 3))


def _shade(
    assets: SceneAssets, vertices: VertexBuffers, albedo: Array, scene: SceneParams
) -> tuple[list[Array], Array]:
    """Three planes (size, size) of display values, and each sample's triangle, -1 for none."""
    head, size = assets.head, _samples(assets)
    screen = vertices.screen
    triangle = visible(screen, head.faces, size)
    skin = materialize(partial(texture, head.appearance), albedo)
    mesh = Mesh(tuple(head.faces.T), tuple(head.uv_faces.T), *head.uv.T)
    values = (*vertices.light, vertices.wrinkle)
    at = surface((vertices.x, vertices.y, screen.inverse_w), values, mesh, triangle)
    sample = materialize(fetch, skin, at.u, at.v)
    linear = materialize(_apply_exposure, sample, at.values, triangle, scene)
    supersample = assets.recipe.supersample
    sharp = [materialize(partial(_display_values, supersample), plane) for plane in linear]
    return [materialize(_blur, plane, scene.blur) for plane in sharp], triangle


def _apply_exposure(
    sample: Array, values: tuple[Array, ...], triangle: Array, scene: SceneParams
) -> tuple[Array, ...]:
    """Three planes (n, n) of linear light as the sensor receives it."""
    *light, lines = values
    skin, on_head, size = 1.0 - sample[..., 3] * lines, triangle >= 0, triangle.shape[0]
    background = jax.image.resize(scene.background, (size, size, 3), "linear")
    planes = [
        jnp.where(on_head, sample[..., k] * light[k] * skin, background[..., k]) * scene.gain[k]
        for k in range(3)
    ]
    grey = sum(weight * plane for weight, plane in zip(LUMA, planes, strict=True))
    return tuple(plane + scene.grey * (grey - plane) for plane in planes)


def _display_values(supersample: int, plane: Array) -> Array:
    """Display values in [0, 1] of a plane of samples, averaged in linear light."""
    return display(average(plane, supersample), jnp.asarray(GAMMA, plane.dtype))


def _blur(plane: Array, deviation: Array) -> Array:
    """Separable Gaussian blur of (H, W), borders repeated."""
    offsets = jnp.arange(-_BLUR_REACH, _BLUR_REACH + 1)
    kernel = jnp.exp(-0.5 * (offsets / jnp.maximum(deviation, 0.05)) ** 2)
    kernel = kernel / kernel.sum()
    for axis in (0, 1):
        border = [(0, 0), (0, 0)]
        border[axis] = (_BLUR_REACH, _BLUR_REACH)
        wide = jnp.pad(plane, border, mode="edge")
        shifts = [
            jax.lax.slice_in_dim(wide, k, k + plane.shape[axis], axis=axis) for k in range(2 * _BLUR_REACH + 1)
        ]
        plane = sum(
            (weight * shift for weight, shift in zip(kernel, shifts, strict=True)), jnp.zeros_like(plane)
        )
    return plane


def _apply_noise(planes: list[Array], noise: Array, scene: SceneParams) -> Array:
    """(size, size, 3) uint8, with sensor noise that grows with the light like photon noise."""
    size = planes[0].shape[0]
    corner = jnp.minimum(scene.grain, noise.shape[1] - size)
    grain = [jax.lax.dynamic_slice(noise[k], corner, (size, size)) for k in range(3)]
    # An image without colour has the same noise in all channels.
    grain = [jnp.where(scene.grey > 0.0, grain[0], channel) for channel in grain]
    noisy = [
        plane + scene.noise * jnp.sqrt(0.25 + 1.5 * plane) * channel
        for plane, channel in zip(planes, grain, strict=True)
    ]
    return jnp.stack([jnp.round(255.0 * jnp.clip(each, 0.0, 1.0)).astype(jnp.uint8) for each in noisy], axis=-1)
