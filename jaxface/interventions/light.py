"""Light: from everywhere to one side."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import jax.numpy as jnp

from jaxface.core.checks import Interval
from jaxface.core.types import Array
from jaxface.face import FaceModel, FaceParams
from jaxface.face.requirements import require_eyes
from jaxface.interventions._anatomy import face_coordinates
from jaxface.interventions._base import Recolour, own_look
from jaxface.interventions.protocol import Wording
from jaxface.render import Look, Prepared, Scene
from jaxface.render.light import harmonics, lamps
from jaxface.render.vertex import vertex_normals

Direction = Literal["left", "right", "above", "below"]
_TOWARDS: dict[Direction, tuple[float, float, float]] = {
    "left": (1.0, 0.2, 0.5),
    "right": (-1.0, 0.2, 0.5),
    "above": (0.0, 1.0, 0.5),
    "below": (0.0, -1.0, 0.5),
}
_AMBIENT = 0.25  # beside a lamp of strength one: shadows are never black


@dataclass(frozen=True)
class Light(Recolour):
    """Replace a share of the scene's light by a lamp on one side.

    Holds every vertex and colour, the background, and the mean light on the front of the face (with no
    expression). It cannot hold the spread of brightness, which is what side light is; bright skin may reach
    white. Second-order harmonics cast no shadows: a real lamp is harder.

    Attributes:
        direction: where the lamp stands, "left" and "right" as the person sees it.
        largest: share of the light at the last level.
    """

    name: ClassVar[str] = "light"
    symbol: ClassVar[str] = "l"
    ends: ClassVar[tuple[str, str]] = ("as it is", "from one side")
    wording: ClassVar[Wording] = Wording(
        noun="side light",
        effect="depends on side light",
        unchanged_face="evenly lit",
        changed_face="side-lit",
        description="A share of the light is replaced by a lamp ({direction}) that gives the front "
        "of the face the same light in the mean",
        methods_text="a share of the light was replaced by a lamp ({direction}) of equal mean light "
        "on the face",
    )

    direction: Direction = "left"
    largest: Annotated[float, Interval(gt=0, le=1)] = 1.0

    def require(self, head: FaceModel, scene: Scene) -> None:
        """Require eyes, which tell where the front of the face is."""
        require_eyes(head, "light finds the front of the face by them")

    def look(self, head: FaceModel, person: Prepared, params: FaceParams, scene: Scene, dose: Array) -> Look:
        """Return the look with a () share of the light from the lamp."""
        towards = jnp.asarray(_TOWARDS[self.direction])
        towards = towards / jnp.linalg.norm(towards)
        lamp = lamps(jnp.full(1, _AMBIENT), jnp.ones((1, 1)), towards[None])
        outwards, up, front = face_coordinates(head)
        normals = vertex_normals(person.neutral, head.faces)
        skin = (outwards < 0.9) & (up < 0.7) & (up > -1.7) & (front > -0.2)
        weights = jnp.where(skin, jnp.maximum(normals[:, 2], 0.0), 0.0)
        mean = weights @ harmonics(normals)
        lamp = lamp * ((mean @ scene.light) / (mean @ lamp))[None]
        return own_look(person, scene)._replace(light=scene.light + dose * (lamp - scene.light))
