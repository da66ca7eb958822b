"""Distance: a face seen from near by or from far away, at the same size."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import jax.numpy as jnp

from jaxface.core.checks import Interval, require
from jaxface.core.types import Array
from jaxface.face import FaceModel
from jaxface.interventions._anatomy import eyes
from jaxface.interventions._camera import CameraChange
from jaxface.interventions.protocol import Wording
from jaxface.render import Camera, Perspective, Prepared, Scene


@dataclass(frozen=True)
class Distance(CameraChange):
    """Multiply the distance of the camera by two to the power of the level, and zoom by the same factor.

    Holds the face, light, the place of the eyes and their distance in the picture. It cannot hold
    perspective, which is what changes: from near by the nose is large and the ears hide.

    Attributes:
        largest: doublings at the last level; -1 is half the scene's distance, 1 twice.
    """

    name: ClassVar[str] = "distance"
    symbol: ClassVar[str] = "d"
    ends: ClassVar[tuple[str, str]] = ("near", "far")
    two_sided: ClassVar[bool] = True
    wording: ClassVar[Wording] = Wording(
        noun="camera distance",
        effect="depends on camera distance",
        unchanged_face="normally distant",
        changed_face="near or far",
        description="The distance of the camera is multiplied by two to the power of the level, "
        "with the eyes as far apart in the picture",
        methods_text="the distance of the camera was multiplied by two to the power of the level at "
        "an equal distance of the eyes in the picture",
    )

    largest: Annotated[float, Interval(gt=0, le=2)] = 1.0

    def require(self, head: FaceModel, scene: Scene) -> None:
        """Require eyes and a camera with perspective."""
        super().require(head, scene)
        distance = scene.framing.distance if scene.camera is None else 0.0
        perspective = distance > 0 or isinstance(scene.camera, Perspective)
        rule = "more than 0, and render.camera left out, for the intervention distance"
        require(perspective, "render.distance", distance, rule)

    def camera(self, head: FaceModel, person: Prepared, dose: Array) -> Camera:
        """Return the camera at a () number of doublings."""
        camera = person.camera
        assert isinstance(camera, Perspective)  # `require` has checked
        factor = 2.0**dose
        before = camera.position[2] - eyes(head, person.joints).middle[2]
        step = jnp.stack([jnp.zeros(()), jnp.zeros(()), before * factor - before])
        return Perspective(camera.position + step, camera.focal * factor, camera.shift)
