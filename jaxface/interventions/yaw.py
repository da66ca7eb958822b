"""Yaw: the head turned to one side."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from jaxface.core.checks import Ge, Interval
from jaxface.interventions._turn import Turn
from jaxface.interventions.protocol import Wording


@dataclass(frozen=True)
class Yaw(Turn):
    """Turn the face to the person's own left (positive) or right.

    Holds identity, expression, colours, camera and light. It cannot hold what a turn brings with it: the
    shading (the light stays, the face moves in it), and hiding of the far cheek and mouth corner.

    Attributes:
        largest: degrees of the last level, at most 45.
    """

    name: ClassVar[str] = "yaw"
    symbol: ClassVar[str] = "y"
    ends: ClassVar[tuple[str, str]] = ("to the right", "to the left")
    direction: ClassVar[tuple[float, float, float]] = (0.0, 1.0, 0.0)
    wording: ClassVar[Wording] = Wording(
        noun="head yaw",
        effect="depends on head yaw",
        unchanged_face="upright frontal",
        changed_face="turned",
        description="The head is turned to a side by the level in degrees about the point between "
        "the eyes, before a fixed camera and light",
        methods_text="the head was turned to a side about the point between the eyes before a fixed "
        "camera and light",
    )

    largest: Annotated[float, Interval(gt=0, le=45)] = 30
    steps: Annotated[int, Ge(2)] = 7
