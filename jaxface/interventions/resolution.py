"""Resolution: fewer pixels, enlarged again."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import jax.numpy as jnp

from jaxface.core.checks import Interval
from jaxface.core.types import Array
from jaxface.face import FaceModel, FaceParams
from jaxface.interventions._base import Levels, Sensor
from jaxface.interventions.protocol import Wording
from jaxface.render import Prepared, Scene


@dataclass(frozen=True)
class Resolution(Sensor):
    """Average over pixels 2^level times as wide, then enlarge to the same size by bilinear interpolation.

    Holds the crop and the mean of the picture up to its edges. It cannot hold fine lines, nor exact edges.

    Attributes:
        largest: halvings of the resolution at the last level.
    """

    name: ClassVar[str] = "resolution"
    symbol: ClassVar[str] = "q"
    ends: ClassVar[tuple[str, str]] = ("full", "coarse")
    wording: ClassVar[Wording] = Wording(
        noun="missing resolution",
        effect="depends on resolution",
        unchanged_face="finely resolved",
        changed_face="coarse",
        description="The picture is averaged to pixels two to the power of the level times as wide,"
        " and enlarged again",
        methods_text="pictures were reduced by two to the power of the level, and enlarged again",
    )

    largest: Annotated[float, Interval(gt=0, le=4)] = 2.0

    def process(
        self,
        head: FaceModel,
        person: Prepared,
        params: FaceParams,
        scene: Scene,
        picture: Array,
        levels: Levels,
    ) -> Array:
        """Return the coarse picture."""
        matrix = _reduce_and_enlarge(picture.shape[0], 2.0 ** levels[0])
        return jnp.einsum("yi,xj,ijc->yxc", matrix, matrix, picture)


def _reduce_and_enlarge(size: int, width: Array) -> Array:
    """(size, size) weights along a line: means over `width` pixels, then linear between their centres."""
    cell, pixel = jnp.arange(size)[:, None], jnp.arange(size)[None]
    low, high = jnp.maximum(cell * width, pixel), jnp.minimum((cell + 1) * width, pixel + 1)
    overlap = jnp.maximum(high - low, 0.0)
    means = overlap / jnp.maximum(overlap.sum(axis=1, keepdims=True), 1e-9)
    cells = jnp.ceil(size / width - 1e-4)
    position = jnp.clip((jnp.arange(size) + 0.5) / width - 0.5, 0.0, cells - 1.0)
    return jnp.maximum(1.0 - jnp.abs(position[:, None] - jnp.arange(size)[None]), 0.0) @ means
