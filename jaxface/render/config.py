"""A scene in plain numbers: camera or framing, light, background, size."""

from dataclasses import dataclass
from typing import Annotated

from jaxface.core.checks import Ge, Gt, check, require

HEIGHT = 2.9

EYE_LINE = 0.39

DISTANCE = 0.75

BACKGROUND = (0.353, 0.353, 0.353)

GAMMA = 2.2

AMBIENT = 0.5

LIGHTS = ((0.6, 0.3, 0.45, 0.9), (0.3, -0.6, 0.2, 0.6))


@dataclass(frozen=True)
class RenderConfig:
    """A scene in plain numbers: the TOML table `[render]` and the command line's flags.

    Attributes:
        size: pixels along an edge of the square image.
        supersample: rays along an edge of a pixel, averaged in linear light.
        height: image height in interocular distances; a looser crop halves the classifiers'
            answers.
        eye_line: share of the image above the eyes.
        distance: metres from camera to eyes; 0 = scaled orthographic, as DECA's camera.
        camera: DECA's c = (scale, tx, ty), one orthographic camera for all faces: half images a metre,
            and metres; height, eye_line and distance are then not used. None = framed by the eyes.
        ambient: light from everywhere.
        lights: directional lights, each (strength, x, y, z) with the direction towards the light in
            the head's frame: +x the subject's left, +y up, +z out of the face.
        background: sRGB in [0, 1].
        gamma: display exponent; 1 shows linear light as it is.
    """

    size: Annotated[int, Ge(1)] = 112
    supersample: Annotated[int, Ge(1)] = 2
    height: Annotated[float, Gt(0)] = HEIGHT
    eye_line: float = EYE_LINE
    distance: Annotated[float, Ge(0)] = DISTANCE
    camera: tuple[Annotated[float, Gt(0)], float, float] | None = None
    ambient: float = AMBIENT
    lights: tuple[tuple[float, float, float, float], ...] = LIGHTS
    background: tuple[float, float, float] = BACKGROUND
    gamma: Annotated[float, Gt(0)] = GAMMA

    def __post_init__(self) -> None:
        check(self, "render")
        for light in self.lights:
            require(
                any(light[1:]), "render.lights", light, "(strength, x, y, z) with a direction that is not zero"
            )
