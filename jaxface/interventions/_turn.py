"""Head turns about the point between the eyes: the base of yaw, pitch and roll."""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.face import FaceModel, FaceParams, geometry
from jaxface.face.requirements import require_eyes
from jaxface.interventions._anatomy import eyes
from jaxface.interventions._base import Change, Levels, deformation
from jaxface.render import Prepared, Scene, render_vertices


@dataclass(frozen=True)
class Turn(Change):
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
