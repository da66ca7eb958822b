"""What is fixed in a picture: camera or framing, light, background, size."""

import dataclasses
from typing import NamedTuple

import jax.numpy as jnp

from jaxface.core.arrays import on_device
from jaxface.core.pytrees import pytree, static
from jaxface.core.types import Array
from jaxface.render.config import AMBIENT, BACKGROUND, DISTANCE, EYE_LINE, GAMMA, HEIGHT, LIGHTS, RenderConfig
from jaxface.render.light import environment


@pytree
class Orthographic:
    """DECA's camera: screen = scale * (xy + translation), y flipped; 1 is half the image.

    Attributes:
        scale: () half images a metre.
        translation: (2,) metres.
    """

    scale: Array
    translation: Array


@pytree
class Perspective:
    """A pinhole on an axis parallel to z, looking at -z.

    Attributes:
        position: (3,) metres, in the head's frame.
        focal: () in half images: a point at depth d and height y shows at focal * y / d.
        shift: (2,) where the axis meets the image, in half images from its centre, +x right, +y up.
    """

    position: Array
    focal: Array
    shift: Array


Camera = Orthographic | Perspective
"""What a scene looks through: parallel rays, or a pinhole."""


def _number(value: float) -> Array:
    return dataclasses.field(default_factory=lambda: on_device(value, jnp.float32))


@pytree
class Framing:
    """Where the camera stands relative to the eyes of the face: the crop of the protocol.

    Measured (a looser crop halves the classifiers' answers): 2.9 interocular distances high, eye
    line .39 from the top, face centred, seen from 75 cm.

    Attributes:
        height: () height of the image in interocular distances.
        eye_line: () share of the image above the eyes.
        distance: metres from camera to eyes; 0 = scaled orthographic. Static: it picks the kind.
    """

    height: Array = _number(HEIGHT)
    eye_line: Array = _number(EYE_LINE)
    distance: float = static(default=DISTANCE)


@pytree
class Scene:
    """Camera, light and background, carried through `jit`. The defaults are the protocol.

    Attributes:
        framing: how the camera is placed when `camera` is None.
        camera: a fixed camera, for all faces alike.
        light: (9, 1) coefficients of `light.harmonics` for white light, or (9, 3) by channel.
        background: (3,) sRGB in [0, 1].
        gamma: () display exponent: 2.2 with linear light, 1 as DECA shades.
        size: pixels along an edge of the (square) image.
        supersample: rays along an edge of a pixel; 2 = four samples, averaged.
        silhouette: add the surrogate gradient of `shading.move_silhouettes`; no value changes.
    """

    framing: Framing = dataclasses.field(default_factory=Framing)
    camera: Camera | None = None
    light: Array = dataclasses.field(default_factory=lambda: environment(AMBIENT, LIGHTS))
    background: Array = dataclasses.field(default_factory=lambda: on_device(BACKGROUND, jnp.float32))
    gamma: Array = _number(GAMMA)
    size: int = static(default=112)
    supersample: int = static(default=2)
    silhouette: bool = static(default=False)


@pytree
class Prepared:
    """What all pictures of one person share: computed once, used for every expression.

    Attributes:
        camera: framed by the neutral head, or the scene's own.
        texture: (H, W, 4) linear-light albedo and wrinkle map.
        neutral: (V, 3) shaped head, unposed.
        joints: (J, 3).
    """

    camera: Camera
    texture: Array
    neutral: Array
    joints: Array


class Deformation(NamedTuple):
    """What changes the neutral head of a picture, apart from its pose.

    Attributes:
        displacement: (V, 3) metres, added to the unposed head.
        wrinkles: (V,) how strongly the wrinkle map shows, as from `appearance.wrinkle_weights`.
    """

    displacement: Array
    wrinkles: Array


class Look(NamedTuple):
    """What changes the colours of a picture and no vertex.

    Attributes:
        texture: (H, W, 4) as in `Prepared`.
        light, background: as in `Scene`.
    """

    texture: Array
    light: Array
    background: Array


def orthographic(scale: float, x: float = 0.0, y: float = 0.0) -> Orthographic:
    """Return DECA's camera c = (scale, tx, ty): half images a metre, and metres."""
    return Orthographic(on_device(scale, jnp.float32), on_device((x, y), jnp.float32))


def scene(config: RenderConfig) -> Scene:
    """The scene that a config describes."""
    return Scene(
        framing=Framing(
            height=on_device(config.height, jnp.float32),
            eye_line=on_device(config.eye_line, jnp.float32),
            distance=config.distance,
        ),
        camera=None if config.camera is None else orthographic(*config.camera),
        light=environment(config.ambient, config.lights),
        background=on_device(config.background, jnp.float32),
        gamma=on_device(config.gamma, jnp.float32),
        size=config.size,
        supersample=config.supersample,
    )
