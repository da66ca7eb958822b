"""Roll: the head tilted towards a shoulder."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from jaxface.core.checks import Ge, Interval
from jaxface.interventions._turn import Turn
from jaxface.interventions.protocol import Wording


@dataclass(frozen=True)
class Roll(Turn):
    """Tilt the head towards the person's own left (positive) or right shoulder.

    Holds identity, expression, colours, camera and light. It cannot hold what a turn brings with it: the
    shading (the light stays, the face moves in it), and the corners of the picture.

    Attributes:
        largest: degrees of the last level, at most 45.
    """

    name: ClassVar[str] = "roll"
    symbol: ClassVar[str] = "r"
    ends: ClassVar[tuple[str, str]] = ("to the right shoulder", "to the left shoulder")
    direction: ClassVar[tuple[float, float, float]] = (0.0, 0.0, -1.0)
    wording: ClassVar[Wording] = Wording(
        noun="head roll",
        effect="depends on head roll",
        unchanged_face="upright frontal",
        changed_face="tilted",
        description="The head is tilted by the level in degrees about the point between the eyes, "
        "before a fixed camera and light",
        methods_text="the head was tilted about the point between the eyes before a fixed camera and light",
    )

    largest: Annotated[float, Interval(gt=0, le=45)] = 30
    steps: Annotated[int, Ge(2)] = 7
