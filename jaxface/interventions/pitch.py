"""Pitch: the head raised or lowered."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from jaxface.core.checks import Ge, Interval
from jaxface.interventions._turn import Turn
from jaxface.interventions.protocol import Wording


@dataclass(frozen=True)
class Pitch(Turn):
    """Raise (positive) or lower the face.

    Holds identity, expression, colours, camera and light. It cannot hold what a turn brings with it: the
    shading (the light stays, the face moves in it), and foreshortening of brow and mouth.

    Attributes:
        largest: degrees of the last level, at most 30.
    """

    name: ClassVar[str] = "pitch"
    symbol: ClassVar[str] = "p"
    ends: ClassVar[tuple[str, str]] = ("down", "up")
    direction: ClassVar[tuple[float, float, float]] = (-1.0, 0.0, 0.0)
    wording: ClassVar[Wording] = Wording(
        noun="head pitch",
        effect="depends on head pitch",
        unchanged_face="upright frontal",
        changed_face="nodding",
        description="The head is raised or lowered by the level in degrees about the point between "
        "the eyes, before a fixed camera and light",
        methods_text="the head was raised or lowered about the point between the eyes before a fixed"
        " camera and light",
    )

    largest: Annotated[float, Interval(gt=0, le=30)] = 20
    steps: Annotated[int, Ge(2)] = 7
