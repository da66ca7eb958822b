"""Grey: the colours taken out."""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp

from jaxface.core.types import LUMA, Array
from jaxface.face import FaceModel, FaceParams
from jaxface.interventions._base import Levels, Sensor
from jaxface.interventions.protocol import Wording
from jaxface.render import Prepared, Scene


@dataclass(frozen=True)
class Grey(Sensor):
    """Mix the picture with its own luma; 1 is grey.

    Holds the luma of every pixel. It cannot hold anything that colour alone tells, such as lips of the
    lightness of the skin.
    """

    name: ClassVar[str] = "grey"
    symbol: ClassVar[str] = "g"
    ends: ClassVar[tuple[str, str]] = ("coloured", "grey")
    wording: ClassVar[Wording] = Wording(
        noun="missing colour",
        effect="depends on colour",
        unchanged_face="coloured",
        changed_face="grey",
        description="The picture is mixed with its own luma, by the share that is the level",
        methods_text="pictures were mixed with their own luma",
    )

    def process(
        self,
        head: FaceModel,
        person: Prepared,
        params: FaceParams,
        scene: Scene,
        picture: Array,
        levels: Levels,
    ) -> Array:
        """Return the picture with less colour."""
        luma = (picture @ jnp.asarray(LUMA, picture.dtype))[..., None]
        return picture + levels[0] * (luma - picture)
