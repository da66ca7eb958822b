"""Brightness: exposure of the face, in stops."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from jaxface.core.checks import Interval
from jaxface.core.types import Array
from jaxface.face import FaceModel, FaceParams
from jaxface.interventions._base import Recolour, own_look
from jaxface.interventions.protocol import Wording
from jaxface.render import Look, Prepared, Scene


@dataclass(frozen=True)
class Brightness(Recolour):
    """Make all light stronger or weaker: exposure, in stops.

    Holds every vertex and colour, the direction of the light and the background. It cannot hold contrast at
    the bright end: what passes white is clipped.

    Attributes:
        largest: stops of the last level, a factor of two each.
    """

    name: ClassVar[str] = "brightness"
    symbol: ClassVar[str] = "e"
    ends: ClassVar[tuple[str, str]] = ("darker", "brighter")
    two_sided: ClassVar[bool] = True
    wording: ClassVar[Wording] = Wording(
        noun="brightness",
        effect="depends on brightness",
        unchanged_face="normally lit",
        changed_face="darker or brighter",
        description="All light on the face is multiplied by two to the power of the level",
        methods_text="all light on the face was multiplied by two to the power of the level (stops)",
    )

    largest: Annotated[float, Interval(gt=0, le=1)] = 0.5

    def look(self, head: FaceModel, person: Prepared, params: FaceParams, scene: Scene, dose: Array) -> Look:
        """Return the look with light of a () number of stops."""
        return own_look(person, scene)._replace(light=scene.light * 2.0**dose)
