"""Blur: a lens out of focus."""

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
class Blur(Sensor):
    """Blur the picture by a Gaussian in linear light; what lies outside is as its edge.

    Holds the mean of linear light up to the edges. It cannot hold contrast of fine lines, which is what
    blur removes.

    Attributes:
        largest: standard deviation at the last level, as a share of the picture's width.
    """

    name: ClassVar[str] = "blur"
    symbol: ClassVar[str] = "b"
    ends: ClassVar[tuple[str, str]] = ("sharp", "blurred")
    wording: ClassVar[Wording] = Wording(
        noun="blur",
        effect="depends on blur",
        unchanged_face="sharp",
        changed_face="blurred",
        description="The picture is blurred by a Gaussian whose standard deviation is the level, in"
        " widths of the picture",
        methods_text="pictures were blurred by a Gaussian in linear light",
    )

    largest: Annotated[float, Interval(gt=0, le=0.1)] = 0.02

    def process(
        self,
        head: FaceModel,
        person: Prepared,
        params: FaceParams,
        scene: Scene,
        picture: Array,
        levels: Levels,
    ) -> Array:
        """Return the blurred picture."""
        size = picture.shape[0]
        deviation = jnp.maximum(levels[0] * size, 1e-3)
        matrix = _gaussian_rows(size, deviation)
        linear = picture**scene.gamma
        blurred = jnp.einsum("yi,xj,ijc->yxc", matrix, matrix, linear)
        return jnp.maximum(blurred, 0.0) ** (1.0 / scene.gamma)


def _gaussian_rows(size: int, deviation: Array) -> Array:
    """(size, size) weights of the pixels of a line for each of its pixels; its ends are repeated."""
    pixel, source = jnp.arange(size), jnp.arange(-size, 2 * size)
    weights = jnp.exp(-0.5 * ((pixel[:, None] - source[None]) / deviation) ** 2)
    weights = weights / weights.sum(axis=1, keepdims=True)
    return jnp.zeros((size, size)).at[:, jnp.clip(source, 0, size - 1)].add(weights)
