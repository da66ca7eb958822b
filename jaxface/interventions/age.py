"""Age: the shape of a younger or an older face."""

from dataclasses import dataclass
from typing import ClassVar

from jaxface.interventions._identity import IdentityDirection
from jaxface.interventions.protocol import Wording


@dataclass(frozen=True)
class Age(IdentityDirection):
    """Move the head's own direction of age; -1 is the youngest, 1 the oldest of its population.

    Holds all other shape coefficients, skin, hair colour, expression, light, and the crop by the eyes.
    It cannot hold what ages without shape: the texture gets no wrinkles, spots or grey hair, so that an
    effect of age in photographs may be larger. Years are not known, only shares of the population.
    """

    name: ClassVar[str] = "age"
    symbol: ClassVar[str] = "a"
    ends: ClassVar[tuple[str, str]] = ("youngest", "oldest")
    coefficient: ClassVar[str] = "age"
    wording: ClassVar[Wording] = Wording(
        noun="the shape of age",
        effect="depends on age",
        unchanged_face="own-age",
        changed_face="other-age",
        description="The shape of the face moves along the head's direction of age, from the "
        "youngest (-1) over its own (0) to the oldest (1) of the population; skin and "
        "hair stay",
        methods_text="the shape of the face was moved along the head's direction of age between the "
        "ends of the population, with skin and hair held",
    )
