"""The scene of an image: camera, light, background and sensor."""

import dataclasses

import jax.numpy as jnp

from jaxface.core.pytrees import pytree
from jaxface.core.types import Array
from jaxface.data.rendered import random_draws
from jaxface.data.rendered.assets import SceneAssets
from jaxface.data.rendered.config import BackgroundConfig, LightConfig, lerp
from jaxface.face.appearance import srgb_to_linear
from jaxface.render.light import lamps

_PATCHES = 4  # of the background, along an edge
_CHROMA = 0.3  # deviation of a patch's colour, relative to that of its lightness
_WARM = (0.18, 0.0, -0.3)  # logarithm of the channels of a warm light


@pytree
class SceneParams:
    """The scene of one image.

    Attributes:
        height, eye_line, distance: () as in `render.Framing`, distance positive.
        shift: () of the face to the right, in image widths.
        light: (9, 3) spherical harmonics.
        background: (_PATCHES, _PATCHES, 3) linear light.
        gain: (3,) exposure and white balance.
        blur: () deviation, pixels.
        noise: () deviation at middle grey, of the display's range.
        grain: (2,) int32 corner of the noise in the bank `SceneAssets.noise`.
        grey: () 1 = without colour, 0 = with.
        lines: () factor on expression lines.
    """

    height: Array
    eye_line: Array
    distance: Array
    shift: Array
    light: Array
    background: Array
    gain: Array
    blur: Array
    noise: Array
    grain: Array
    grey: Array
    lines: Array


def sample_scene(key: Array, assets: SceneAssets) -> SceneParams:
    """Draw the scene of one image by the recipe."""
    uniform, normal = random_draws.draw(key, 18, 13 + _PATCHES * _PATCHES * 4)
    recipe = assets.recipe
    camera, sensor = recipe.camera, recipe.sensor
    return SceneParams(
        height=lerp(uniform[0], camera.height),
        eye_line=lerp(uniform[1], camera.eye_line),
        distance=lerp(uniform[2], camera.distance),
        shift=camera.shift * (2.0 * uniform[3] - 1.0),
        light=light_of(recipe.light, uniform[4:10], normal[:3]),
        background=background_of(recipe.background, uniform[10:12], normal[10:]),
        gain=jnp.exp2(sensor.exposure * normal[3]) * jnp.exp(sensor.white_balance * normal[4:7]),
        blur=lerp(uniform[12], sensor.blur),
        noise=lerp(uniform[13], sensor.noise),
        grain=(uniform[16:] * assets.noise.shape[1]).astype(jnp.int32),
        grey=(uniform[14] < sensor.grey).astype(jnp.float32),
        lines=lerp(uniform[15], recipe.lines),
    )


def default_scene(assets: SceneAssets, frame: Array, light: Array) -> SceneParams:
    """Return a scene from the middle of the recipe, without noise, before a dark wall; for fitting.

    Args:
        frame: (3,) height, eye line and shift.
        light: (9, 3) offset of light and exposure from the middle, in tenths of its mean.
    """
    recipe, half = assets.recipe, jnp.full(6, 0.5)
    usual = light_of(dataclasses.replace(recipe.light, warmth=0.0), half, jnp.zeros(3))
    return SceneParams(
        height=frame[0],
        eye_line=frame[1],
        distance=lerp(half[0], recipe.camera.distance),
        shift=frame[2],
        light=usual + 0.1 * usual[:1] * light,
        background=jnp.full((_PATCHES, _PATCHES, 3), 0.1, jnp.float32),
        gain=jnp.ones(3),
        blur=lerp(half[0], recipe.sensor.blur),
        noise=jnp.zeros(()),
        grain=jnp.zeros(2, jnp.int32),
        grey=jnp.zeros(()),
        lines=lerp(half[0], recipe.lines),
    )


def light_of(config: LightConfig, uniform: Array, normal: Array) -> Array:
    """Return (9, 3) spherical harmonics: ambient, a key light from above, a fill light opposite.

    Args:
        uniform: (6,) in [0, 1]: three strengths, azimuth of key and fill light, and the elevation.
        normal: (3,) colour temperatures.
    """
    colour = jnp.exp(jnp.clip(config.warmth * normal, -1.0, 1.0)[:, None] * jnp.asarray(_WARM)[None])
    azimuth = jnp.deg2rad(config.azimuth) * (2.0 * uniform[3] - 1.0)
    opposite = -jnp.sign(azimuth) * jnp.deg2rad(config.azimuth) * uniform[4]
    elevation = jnp.deg2rad(lerp(uniform[5], config.elevation))
    towards = jnp.stack([_towards(azimuth, elevation), _towards(opposite, 0.3 * elevation)])
    strengths = jnp.stack([lerp(uniform[1], config.key), lerp(uniform[2], config.fill)])
    return lamps(lerp(uniform[0], config.ambient) * colour[0], strengths[:, None] * colour[1:], towards)


def background_of(config: BackgroundConfig, uniform: Array, normal: Array) -> Array:
    """Return soft patches of light and shade, (_PATCHES, _PATCHES, 3) linear light.

    Args:
        uniform: (2,) in [0, 1]: level and contrast.
        normal: (3 + 4 _PATCHES^2 + ...,): the mean's colour, then patches' lightness and colours.
    """
    mean = lerp(uniform[0], config.level) + config.colour * normal[:3]
    patches = normal[3 : 3 + _PATCHES * _PATCHES * 4].reshape(_PATCHES, _PATCHES, 4)
    offsets = patches[..., :1] + _CHROMA * patches[..., 1:]
    srgb = mean[None, None] + lerp(uniform[1], config.contrast) * offsets
    return srgb_to_linear(jnp.clip(srgb, 0.0, 1.0))


def _towards(azimuth: Array, elevation: Array) -> Array:
    """Return a unit vector (3,) in the head's frame; azimuth 0 is straight ahead."""
    flat = jnp.cos(elevation)
    return jnp.stack([flat * jnp.sin(azimuth), jnp.sin(elevation), flat * jnp.cos(azimuth)])
