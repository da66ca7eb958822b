"""Occlusion: a part of the face behind something grey."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import jax.numpy as jnp

from jaxface.core.checks import Interval
from jaxface.core.types import Array
from jaxface.face import FaceModel, FaceParams, geometry
from jaxface.face.requirements import require_eyes
from jaxface.face.sides import Side
from jaxface.interventions._anatomy import eyes
from jaxface.interventions._base import Levels, Sensor
from jaxface.interventions.protocol import Wording
from jaxface.render import Prepared, Scene, project

Region = Literal["lower-face", "eye", "hand"]


@dataclass(frozen=True)
class Occlusion(Sensor):
    """Cover a growing part of the face by a plain grey shape that lies over the eyes' frame in the picture.

    "lower-face" rises from the chin to the bridge of the nose, as a mask does; "eye" is a patch around one
    eye; "hand" is as large as a palm, on one cheek and corner of the mouth. Holds every pixel outside.
    It cannot hold the mean brightness: grey is not skin; and unlike cloth it has no folds and does not follow
    the jaw.

    Attributes:
        region: what is covered at the last level.
        side: of the eye or hand, the person's own.
        grey: display value of the shape.
    """

    name: ClassVar[str] = "occlusion"
    symbol: ClassVar[str] = "o"
    ends: ClassVar[tuple[str, str]] = ("open", "covered")
    wording: ClassVar[Wording] = Wording(
        noun="occlusion",
        effect="depends on occlusion",
        unchanged_face="uncovered",
        changed_face="partly covered",
        description="A grey shape ({region}) covers the share of its full area that is the level",
        methods_text="a grey shape ({region}) covered a growing part of the face",
    )

    region: Region = "lower-face"
    side: Side = "left"
    grey: Annotated[float, Interval(ge=0, le=1)] = 0.6

    def require(self, head: FaceModel, scene: Scene) -> None:
        """Require eyes, by which the shape is placed."""
        require_eyes(head, "occlusion is placed by them")

    def process(
        self,
        head: FaceModel,
        person: Prepared,
        params: FaceParams,
        scene: Scene,
        picture: Array,
        levels: Levels,
    ) -> Array:
        """Return the picture with the shape over it."""
        across, down, pixel = _picture_coordinates(head, person, params, picture.shape[0])
        side = 1.0 if self.side == "left" else -1.0
        if self.region == "lower-face":
            inside = jnp.minimum(_ellipse(across, down - 0.55, 1.0, 1.35), down - (1.9 - 1.45 * levels[0]))
        elif self.region == "eye":
            inside = _ellipse(across - 0.5 * side, down, *(0.42 * jnp.sqrt(levels[0]),) * 2)
        else:
            root = jnp.sqrt(levels[0])
            inside = _ellipse(across - 0.55 * side, down - 0.8, 0.6 * root, 0.75 * root)
        cover = jnp.clip(0.5 + inside / pixel, 0.0, 1.0)[..., None]
        return picture + cover * (self.grey - picture)


def _ellipse(across: Array, down: Array, width: Array | float, height: Array | float) -> Array:
    """About how far inside an ellipse with these half axes each pixel lies, in the axes' unit."""
    width, height = (jnp.maximum(jnp.asarray(axis), 1e-6) for axis in (width, height))
    return (1.0 - jnp.sqrt((across / width) ** 2 + (down / height) ** 2)) * jnp.minimum(width, height)


def _picture_coordinates(
    head: FaceModel, person: Prepared, params: FaceParams, size: int
) -> tuple[Array, Array, Array]:
    """Pixels (size, size) in IOD from the middle of the posed eyes, to the person's left and down.

    Then the () width of a pixel.
    """
    neutral = geometry.skin(head, person.neutral, person.joints, params.pose)
    frame = eyes(head, geometry.joints(head, neutral))
    left, right = project(person.camera, jnp.stack([frame.left, frame.right]), size).xy
    centre, distance = 0.5 * (left + right), jnp.maximum(jnp.linalg.norm(left - right), 1e-3)
    axis = (left - right) / distance
    y, x = jnp.meshgrid(jnp.arange(size) + 0.5, jnp.arange(size) + 0.5, indexing="ij")
    x, y = (x - centre[0]) / distance, (y - centre[1]) / distance
    return axis[0] * x + axis[1] * y, axis[0] * y - axis[1] * x, 1.0 / distance
