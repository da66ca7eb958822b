"""Hair: its length."""

from dataclasses import dataclass
from typing import ClassVar

from jaxface.interventions._identity import IdentityDirection
from jaxface.interventions.protocol import Wording


@dataclass(frozen=True)
class Hair(IdentityDirection):
    """Move the head's direction of hair length; -1 is short, 1 falls to the shoulders.

    Holds the face, skin, the colour of hair, expression, light and crop. It cannot hold what hair covers:
    long hair hides ears and the edge of the cheeks, and changes the mean brightness of the picture.
    """

    name: ClassVar[str] = "hair"
    symbol: ClassVar[str] = "h"
    ends: ClassVar[tuple[str, str]] = ("short", "long")
    coefficient: ClassVar[str] = "hair_length"
    wording: ClassVar[Wording] = Wording(
        noun="the length of hair",
        effect="depends on hair",
        unchanged_face="own-hair",
        changed_face="other-hair",
        description="The hair goes from short (-1) over its own length (0) to the shoulders (1); "
        "the face stays",
        methods_text="the length of hair was moved between short and shoulder-long, with the face held",
    )
