"""Sex: the shape of a female or a male face."""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.face import FaceModel
from jaxface.face.requirements import require_sexes
from jaxface.interventions._identity import IdentityDirection
from jaxface.interventions.protocol import Wording
from jaxface.render import Scene


@dataclass(frozen=True)
class Sex(IdentityDirection):
    """Move the head's own direction of sex; -1 is the mean woman of its population, 1 the mean man.

    Holds all other shape coefficients, skin, lips, brows, beard and the length of hair, expression, light,
    and the crop by the eyes. It cannot hold what the direction was learnt with: the bones of women and men
    of one source of heads. Beard and brows, by which people tell sex too, are not changed.
    """

    name: ClassVar[str] = "sex"
    symbol: ClassVar[str] = "x"
    ends: ClassVar[tuple[str, str]] = ("female", "male")
    coefficient: ClassVar[str] = "sex"
    wording: ClassVar[Wording] = Wording(
        noun="the shape of sex",
        effect="depends on sex",
        unchanged_face="own-sex",
        changed_face="other-sex",
        description="The shape of the face moves along the head's direction of sex, from the mean "
        "woman (-1) over its own (0) to the mean man (1); skin, brows, beard and hair "
        "stay",
        methods_text="the shape of the face was moved along the head's direction of sex between the "
        "means of women and men, with skin, brows, beard and hair held",
    )

    def require(self, head: FaceModel, scene: Scene) -> None:
        """Require a head that names this direction and has women and men."""
        super().require(head, scene)
        require_sexes(head, "intervention sex")

    def ends_of(self, head: FaceModel) -> tuple[Array, Array]:
        """Return the () means of women and of men."""
        mean = head.population.mean[:, head.identity_names.index(self.coefficient)]
        groups = [name.split(",")[0] for name in head.population.names]
        female, male = (
            mean[jnp.asarray([row for row, group in enumerate(groups) if group == sex])].mean()
            for sex in self.ends
        )
        return female, male
