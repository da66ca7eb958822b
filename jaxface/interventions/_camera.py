"""Where the camera stands: the base of distance and crop."""

import dataclasses

from jaxface.core.types import Array
from jaxface.face import FaceModel, FaceParams
from jaxface.face.requirements import require_eyes
from jaxface.interventions._base import Change, Levels, plain_image, unless
from jaxface.render import Camera, Prepared, Scene


class CameraChange(Change):
    """Base of interventions that move or zoom the camera."""

    def camera(self, head: FaceModel, person: Prepared, dose: Array) -> Camera:
        """Return the camera at a () dose, of the same kind as `person.camera`."""
        raise NotImplementedError

    def require(self, head: FaceModel, scene: Scene) -> None:
        """Require eyes, which stay in their place."""
        require_eyes(head, f"{self.name} keeps them in their place")

    def image(
        self, head: FaceModel, person: Prepared, params: FaceParams, scene: Scene, levels: Levels
    ) -> Array:
        """Return the picture of a face at () dose and () time, (size, size, 3) display values."""
        other = self.camera(head, person, levels[0])
        camera = unless(levels[0] == self.dose.unchanged, person.camera, other)
        return plain_image(head, dataclasses.replace(person, camera=camera), params, scene, levels[1])
