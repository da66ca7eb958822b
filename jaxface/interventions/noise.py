"""Noise of a sensor."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import jax
import jax.numpy as jnp

from jaxface.core.checks import Interval
from jaxface.core.types import Array
from jaxface.face import FaceModel, FaceParams
from jaxface.interventions._base import Levels, Sensor
from jaxface.interventions.protocol import Wording
from jaxface.render import Prepared, Scene


@dataclass(frozen=True)
class Noise(Sensor):
    """Add Gaussian noise to the display values, independent in every pixel and channel.

    Each person, expression and time has noise of its own; over the doses it is the same noise, stronger.
    Holds the mean of the picture, but for what is clipped at black and white. It cannot hold fine lines.

    Attributes:
        largest: standard deviation at the last level, in display values of [0, 1].
        seed: of the noise.
    """

    name: ClassVar[str] = "noise"
    symbol: ClassVar[str] = "n"
    ends: ClassVar[tuple[str, str]] = ("clean", "noisy")
    wording: ClassVar[Wording] = Wording(
        noun="noise",
        effect="depends on noise",
        unchanged_face="clean",
        changed_face="noisy",
        description="Gaussian noise is added whose standard deviation is the level, in display values",
        methods_text="Gaussian noise was added to the display values",
    )

    largest: Annotated[float, Interval(gt=0, le=0.5)] = 0.1
    seed: Annotated[int, Interval(ge=0, lt=2**31)] = 0

    def process(
        self,
        head: FaceModel,
        person: Prepared,
        params: FaceParams,
        scene: Scene,
        picture: Array,
        levels: Levels,
    ) -> Array:
        """Return the noisy picture."""
        key = key_of_picture(jax.random.key(self.seed), params, levels[1])
        return picture + levels[0] * jax.random.normal(key, picture.shape, picture.dtype)


def key_of_picture(key: Array, params: FaceParams, time: Array) -> Array:
    """Return the key of a person, expression and () time: a function of their bits alone."""
    numbers = jnp.concatenate([params.identity, params.expression, params.albedo, time[None]])
    bits = jax.lax.bitcast_convert_type(numbers.astype(jnp.float32), jnp.uint32)
    place = 2 * jnp.arange(bits.size, dtype=jnp.uint32) + jnp.uint32(1)
    return jax.random.fold_in(key, jnp.sum(bits * place * jnp.uint32(2654435761), dtype=jnp.uint32))
