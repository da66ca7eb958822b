"""Crop: how tightly the face is cut out."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from jaxface.core.checks import Interval
from jaxface.core.types import Array
from jaxface.face import FaceModel
from jaxface.interventions._anatomy import eyes
from jaxface.interventions._camera import CameraChange
from jaxface.interventions.protocol import Wording
from jaxface.render import Camera, Orthographic, Perspective, Prepared


@dataclass(frozen=True)
class Crop(CameraChange):
    """Multiply the height of the crop by two to the power of the level, about the eyes.

    Holds the face, light, perspective, and the place of the point between the eyes in the picture. It cannot
    hold how many pixels the face has, nor how much background shows.

    Attributes:
        largest: doublings at the last level; at -.25 the crop is .84 times as high, at .25 1.19 times.
    """

    name: ClassVar[str] = "crop"
    symbol: ClassVar[str] = "c"
    ends: ClassVar[tuple[str, str]] = ("tight", "loose")
    two_sided: ClassVar[bool] = True
    wording: ClassVar[Wording] = Wording(
        noun="the crop",
        effect="depends on the crop",
        unchanged_face="normally cropped",
        changed_face="tightly or loosely cropped",
        description="The height of the crop is multiplied by two to the power of the level, with "
        "the eyes in their place",
        methods_text="the height of the crop was multiplied by two to the power of the level, about the eyes",
    )

    largest: Annotated[float, Interval(gt=0, le=0.5)] = 0.25

    def camera(self, head: FaceModel, person: Prepared, dose: Array) -> Camera:
        """Return the camera of a crop 2^dose times as high."""
        camera, middle, factor = person.camera, eyes(head, person.joints).middle, 2.0**dose
        if isinstance(camera, Orthographic):
            translation = factor * (middle[:2] + camera.translation) - middle[:2]
            return Orthographic(camera.scale / factor, translation)
        offset = camera.focal * (middle[:2] - camera.position[:2]) / (camera.position[2] - middle[2])
        return Perspective(camera.position, camera.focal / factor, camera.shift + offset * (1.0 - 1.0 / factor))
