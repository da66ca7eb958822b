"""What is fixed in a picture: camera or framing, light, background, size."""

from __future__ import annotations

from jaxface.core.pytree import pytree, static
from jaxface.core.types import Array


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
        focal: () focal length in half images: a point at depth d and height y shows at focal * y / d.
        shift: (2,) where the axis meets the image, in half images from its centre, +x right, +y up.
    """

    position: Array
    focal: Array
    shift: Array


Camera = Orthographic | Perspective


@pytree
class Framing:
    """Where the camera stands relative to the eyes of the face that is drawn: the crop of the protocol.

    Measured (a looser crop halves the classifiers' answers): 2.9 interocular distances high, eye line
    .39 from the top, face centred, seen from 75 cm.

    Attributes:
        height: () height of the image in interocular distances.
        eye_line: () share of the image above the eyes.
        distance: () metres from camera to eyes; 0 = scaled orthographic.
    """

    height: Array
    eye_line: Array
    distance: Array


@pytree
class Scene:
    """Camera, light and background; made once, then carried through `jit`.

    Attributes:
        framing: how the camera is placed when `camera` is None.
        camera: a fixed camera, for all faces alike.
        light: (9, 3) spherical-harmonics coefficients per colour channel, basis order
            [1, y, z, x, xy, yz, 3z^2 - 1, xz, x^2 - y^2] with the usual real-SH constants.
        background: (3,) sRGB in [0, 1].
        gamma: () display exponent: 2.2 with linear light, 1 as DECA shades.
        size: pixels along an edge of the (square) image.
        supersample: rays along an edge of a pixel; 2 = four samples, averaged.
    """

    framing: Framing
    camera: Camera | None
    light: Array
    background: Array
    gamma: Array
    size: int = static(default=112)
    supersample: int = static(default=2)
