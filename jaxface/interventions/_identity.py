"""Named directions of a head's identity: the base of age, sex and hair."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp

from jaxface.core.errors import ConfigError
from jaxface.core.types import Array
from jaxface.face import FaceModel, FaceParams, geometry
from jaxface.interventions._base import Held, Setting, unless
from jaxface.render import Prepared, Scene, frame

DEVIATIONS = 2.0
"""The ends lie this many standard deviations beyond the means of the population's groups."""


def between(own: Array, low: Array, high: Array, share: Array) -> Array:
    """Return `own` at share 0, `low` at -1 and `high` at 1; straight in between."""
    return own + jnp.maximum(share, 0.0) * (high - own) - jnp.minimum(share, 0.0) * (low - own)


@dataclass(frozen=True)
class IdentityDirection(Held):
    """Move one named identity coefficient between the ends of the head's population.

    -1 and 1 are the same two values for every person of a head, 0 is the person's own value.
    """

    coefficient: ClassVar[str]
    """Its name in `FaceModel.identity_names`."""
    two_sided: ClassVar[bool] = True

    def require(self, head: FaceModel, scene: Scene) -> None:
        """Require a head that names this direction."""
        if self.coefficient not in head.identity_names:
            names = ", ".join(head.identity_names) or "none"
            raise ConfigError(
                f"intervention {self.name}: head {head.name!r} has no identity direction "
                f"{self.coefficient!r} (it has: {names}); take the bundled head"
            )

    def ends_of(self, head: FaceModel) -> tuple[Array, Array]:
        """Return the () values at -1 and at 1."""
        index = head.identity_names.index(self.coefficient)
        mean, deviation = (each[:, index] for each in (head.population.mean, head.population.deviation))
        return (mean - DEVIATIONS * deviation).min(), (mean + DEVIATIONS * deviation).max()

    def setting(
        self, head: FaceModel, person: Prepared, params: FaceParams, scene: Scene, dose: Array
    ) -> Setting:
        """Return the person with the coefficient at a () share."""
        index = head.identity_names.index(self.coefficient)
        value = between(params.identity[index], *self.ends_of(head), dose)
        identity = params.identity.at[index].set(value)
        neutral = geometry.shape(head, identity)
        camera = frame(head, identity, scene.framing) if scene.camera is None else scene.camera
        other = Prepared(camera, person.texture, neutral, geometry.joints(head, neutral))
        person = unless(dose == self.dose.unchanged, person, other)
        return person, dataclasses.replace(params, identity=identity), scene
