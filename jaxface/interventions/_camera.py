"""Where the camera stands: the base of distance and crop."""

import dataclasses

from jaxface.core.types import Array
from jaxface.face import FaceModel, FaceParams
from jaxface.face.requirements import require_eyes
from jaxface.interventions._base import Held, Setting, unless
from jaxface.render import Camera, Prepared, Scene


class CameraChange(Held):
    """Base of interventions that move or zoom the camera."""

    def camera(self, head: FaceModel, person: Prepared, dose: Array) -> Camera:
        """Return the camera at a () dose, of the same kind as `person.camera`."""
        raise NotImplementedError

    def require(self, head: FaceModel, scene: Scene) -> None:
        """Require eyes, which stay in their place."""
        require_eyes(head, f"{self.name} keeps them in their place")

    def setting(
        self, head: FaceModel, person: Prepared, params: FaceParams, scene: Scene, dose: Array
    ) -> Setting:
        """Return the person before the camera of a () dose."""
        other = self.camera(head, person, dose)
        camera = unless(dose == self.dose.unchanged, person.camera, other)
        return dataclasses.replace(person, camera=camera), params, scene
