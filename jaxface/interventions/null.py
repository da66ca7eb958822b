"""Null: changes that must not matter, as a floor for the effects of all others."""

import dataclasses
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import jax
import jax.numpy as jnp

from jaxface.core.checks import Interval
from jaxface.core.types import Array
from jaxface.face import FaceModel, FaceParams
from jaxface.interventions._base import Change, Levels, plain_image, unless
from jaxface.interventions._colour import lab, rgb
from jaxface.interventions.noise import key_of_picture
from jaxface.interventions.protocol import Wording
from jaxface.render import Camera, Orthographic, Perspective, Prepared, Scene

Kind = Literal["shift", "background", "noise"]
DISPLAY_STEP = 1 / 255
_CHROMA = 15.0


@dataclass(frozen=True)
class Null(Change):
    """Change the picture by what a classifier of faces must not react to.

    "shift" moves the camera by the level in pixels, to the right; "background" gives it another hue of equal
    L*; "noise" adds noise of one display step (1 / 255) with another seed at each level. Holds the face and
    everything else. It cannot hold the pixels: each of them may change a little, which is the point.

    Attributes:
        kind: which of them.
        seed: of the noise.
    """

    name: ClassVar[str] = "null"
    symbol: ClassVar[str] = "z"
    ends: ClassVar[tuple[str, str]] = ("as it is", "as good as the same")
    wording: ClassVar[Wording] = Wording(
        noun="what must not matter",
        effect="depends on what must not matter",
        unchanged_face="same",
        changed_face="as good as the same",
        description="The picture changes by a {kind} that must not matter",
        methods_text="pictures were changed by a {kind} that must not matter",
    )

    kind: Kind = "shift"
    seed: Annotated[int, Interval(ge=0, lt=2**31)] = 0

    def image(
        self, head: FaceModel, person: Prepared, params: FaceParams, scene: Scene, levels: Levels
    ) -> Array:
        """Return the picture of a face at () dose and () time, (size, size, 3) display values."""
        dose, time = levels
        unchanged = dose == self.dose.unchanged
        if self.kind == "shift":
            camera = unless(unchanged, person.camera, _shift(person.camera, 2.0 * dose / scene.size))
            person = dataclasses.replace(person, camera=camera)
        elif self.kind == "background":
            other = unless(unchanged, scene.background, equally_light(scene.background, dose))
            scene = dataclasses.replace(scene, background=other)
        picture = plain_image(head, person, params, scene, time)
        if self.kind != "noise":
            return picture
        key = key_of_picture(jax.random.key(self.seed), params, dose + 2.0 * time)
        noisy = picture + DISPLAY_STEP * jax.random.normal(key, picture.shape, picture.dtype)
        return unless(unchanged, picture, jnp.clip(noisy, 0.0, 1.0))


def equally_light(colour: Array, share: Array) -> Array:
    """Return a display colour (3,) moved by a () share of 15 units towards green in CIELAB, of equal L*."""
    return rgb(lab(colour) + share * jnp.array([0.0, -_CHROMA, 0.0]))


def _shift(camera: Camera, step: Array) -> Camera:
    """The camera whose picture lies a () step of half images further to the right."""
    if isinstance(camera, Orthographic):
        return Orthographic(camera.scale, camera.translation.at[0].add(step / camera.scale))
    return Perspective(camera.position, camera.focal, camera.shift.at[0].add(step))
