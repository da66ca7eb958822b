"""Head turns about the point between the eyes: the base of yaw, pitch and roll."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jax.scipy.spatial.transform import Rotation

from jaxface.core.types import Array
from jaxface.face import FaceModel, FaceParams, geometry
from jaxface.face.requirements import require_eyes
from jaxface.interventions._anatomy import eyes
from jaxface.interventions._base import Held, Levels, Setting, deformation, unless
from jaxface.render import Camera, Orthographic, Perspective, Prepared, Scene, render_vertices


@dataclass(frozen=True)
class Turn(Held):
    """Turn the whole head, after its expression and pose, while camera and light stay where they are.

    The point between the eyes stays in its place, as in a crop that follows them.
    """

    direction: ClassVar[tuple[float, float, float]]
    """Axis of the turn, radians a degree apart."""
    two_sided: ClassVar[bool] = True

    def require(self, head: FaceModel, scene: Scene) -> None:
        """Require eyes, about which the head turns."""
        require_eyes(head, f"{self.name} turns a head about its eyes")

    def image(
        self, head: FaceModel, person: Prepared, params: FaceParams, scene: Scene, levels: Levels
    ) -> Array:
        """Return the picture of a face at () degrees and () time, (size, size, 3) display values."""
        change = deformation(head, params, levels[1])
        vertices = geometry.skin_displaced(
            head, person.neutral, person.joints, change.displacement, params.pose
        )
        vertices = self.turn(head, person, vertices, levels[0])
        return render_vertices(head, person, vertices, change.wrinkles, scene)

    def turn(self, head: FaceModel, person: Prepared, vertices: Array, degrees: Array) -> Array:
        """Return posed vertices (V, 3) turned by () degrees."""
        rotation = geometry.rotation_matrices(jnp.deg2rad(degrees) * jnp.asarray(self.direction))
        centre = eyes(head, person.joints).middle
        # Not (v - centre) R + centre: at 0 degrees every vertex stays the same number.
        return vertices @ rotation.T + (centre - rotation @ centre)[None]

    def setting(
        self, head: FaceModel, person: Prepared, params: FaceParams, scene: Scene, dose: Array
    ) -> Setting:
        """Return the person turned by () degrees, by the root joint and a camera that follows the eyes.

        The same picture as `image`, but for joints that follow the expression, to which the root belongs.
        """
        turn = jnp.deg2rad(dose) * jnp.asarray(self.direction)
        rotation = geometry.rotation_matrices(turn)
        root = (Rotation.from_rotvec(turn) * Rotation.from_rotvec(params.pose[0])).as_rotvec()
        # The root joint turns about itself: the eyes move by this, and the camera goes with them.
        reach = eyes(head, person.joints).middle - person.joints[0]
        moved = dataclasses.replace(person, camera=_follow(person.camera, rotation @ reach - reach))
        unchanged = dose == self.dose.unchanged
        pose = unless(unchanged, params.pose, params.pose.at[0].set(root))
        return unless(unchanged, person, moved), dataclasses.replace(params, pose=pose), scene


def _follow(camera: Camera, step: Array) -> Camera:
    """Return the camera moved by a step (3,) in metres, to which the picture of what moves with it is still."""
    if isinstance(camera, Perspective):
        return Perspective(camera.position + step, camera.focal, camera.shift)
    return Orthographic(camera.scale, camera.translation - step[:2])
