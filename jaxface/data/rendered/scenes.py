"""Where and with what a face is photographed."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxface.core.pytree import pytree
from jaxface.core.types import Array
from jaxface.data.rendered.recipe import Range
from jaxface.data.rendered.studio import Studio
from jaxface.face.appearance import srgb_to_linear
from jaxface.render.light import lamps

_PATCHES = 4  # of the background, along an edge
_WARM = (0.18, 0.0, -0.3)  # logarithm of a warm light's channels


@pytree
class Shot:
    """One photograph's circumstances.

    Attributes:
        height, eye_line, distance: () as in `render.Framing`, distance positive.
        shift: () of the face to the right, in image widths.
        light: (9, 3) spherical harmonics.
        background: (_PATCHES, _PATCHES, 3) linear light.
        gain: (3,) exposure and white balance.
        blur: () deviation, pixels.
        noise: () deviation at middle grey, of the display's range.
        grain: (2,) int32 where in the studio's bank the noise is cut.
        grey: () 1 = without colour.
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


def sample_scene(key: Array, studio: Studio) -> Shot:
    """The circumstances of one image by the recipe."""
    k_camera, k_light, k_background, k_sensor, k_lines = jax.random.split(key, 5)
    recipe = studio.recipe
    camera, sensor = recipe.camera, recipe.sensor
    place = jax.random.uniform(k_camera, (4,))
    k_gain, k_blur, k_grain, k_grey = jax.random.split(k_sensor, 4)
    stops = jax.random.normal(k_gain, (4,))
    amount = jax.random.uniform(k_blur, (2,))
    return Shot(
        height=_within(place[0], camera.height),
        eye_line=_within(place[1], camera.eye_line),
        distance=_within(place[2], camera.distance),
        shift=camera.shift * (2.0 * place[3] - 1.0),
        light=sample_light(k_light, studio),
        background=sample_background(k_background, studio),
        gain=jnp.exp2(sensor.exposure * stops[0]) * jnp.exp(sensor.white_balance * stops[1:]),
        blur=_within(amount[0], sensor.blur),
        noise=_within(amount[1], sensor.noise),
        grain=jax.random.randint(k_grain, (2,), 0, studio.noise.shape[0]),
        grey=jax.random.bernoulli(k_grey, sensor.grey).astype(jnp.float32),
        lines=_within(jax.random.uniform(k_lines), recipe.lines),
    )


def sample_light(key: Array, studio: Studio) -> Array:
    """(9, 3): ambient, a key light from above on either side, a fill light from the other side."""
    k_strength, k_place, k_warmth = jax.random.split(key, 3)
    config = studio.recipe.light
    strength = jax.random.uniform(k_strength, (3,))
    warmth = config.warmth * jax.random.normal(k_warmth, (3,))
    colour = jnp.exp(jnp.clip(warmth, -1.0, 1.0)[:, None] * jnp.asarray(_WARM)[None])
    place = jax.random.uniform(k_place, (3,))
    azimuth = jnp.deg2rad(config.azimuth) * (2.0 * place[0] - 1.0)
    other = -jnp.sign(azimuth) * jnp.deg2rad(config.azimuth) * place[1]
    elevation = jnp.deg2rad(_within(place[2], config.elevation))
    towards = jnp.stack([_towards(azimuth, elevation), _towards(other, 0.3 * elevation)])
    strengths = jnp.stack([_within(strength[1], config.key), _within(strength[2], config.fill)])
    return lamps(_within(strength[0], config.ambient) * colour[0], strengths[:, None] * colour[1:], towards)


def sample_background(key: Array, studio: Studio) -> Array:
    """Soft patches of colour, (_PATCHES, _PATCHES, 3) linear light."""
    k_level, k_colour, k_contrast, k_patches = jax.random.split(key, 4)
    config = studio.recipe.background
    level = _within(jax.random.uniform(k_level), config.level)
    mean = level + config.colour * jax.random.normal(k_colour, (3,))
    contrast = _within(jax.random.uniform(k_contrast), config.contrast)
    patches = contrast * jax.random.normal(k_patches, (_PATCHES, _PATCHES, 3))
    return srgb_to_linear(jnp.clip(mean[None, None] + patches, 0.0, 1.0))


def _within(share: Array, ends: Range) -> Array:
    return ends[0] + (ends[1] - ends[0]) * share


def _towards(azimuth: Array, elevation: Array) -> Array:
    """(3,) unit vector in the head's frame; azimuth 0 is straight ahead."""
    flat = jnp.cos(elevation)
    return jnp.stack([flat * jnp.sin(azimuth), jnp.sin(elevation), flat * jnp.cos(azimuth)])
