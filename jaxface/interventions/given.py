"""One intervention on faces that another holds at a level: a row of a cross of the two."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from jaxface.core.checks import require
from jaxface.core.errors import ConfigError
from jaxface.core.types import Array
from jaxface.face import FaceModel, FaceParams
from jaxface.interventions._base import Held, Levels
from jaxface.interventions._pictures import prepared_grid
from jaxface.interventions.protocol import Axis, Intervention, Wording
from jaxface.render import Prepared, Scene


@dataclass(frozen=True)
class Given:
    """Change a face by one intervention while another is held at a level.

    Holds what each of the two holds. Axes, levels and bounds are those of the change.

    Attributes:
        change: varies along its own dose.
        condition: what else is not as it was; any intervention but symmetry, palsy and null.
        level: of the condition, within its levels.
    """

    change: Intervention
    condition: Held
    level: float

    def __post_init__(self) -> None:
        if not isinstance(self.condition, Held):
            raise ConfigError(
                f"{self.condition.name} cannot be held at a level; let it be the change, as in "
                f"{self.condition.name!r} at a level of another"
            )
        levels = self.condition.dose.levels
        rule = f"in [{levels[0]:g}, {levels[-1]:g}]"
        require(levels[0] <= self.level <= levels[-1], f"level of {self.condition.name}", self.level, rule)
        require(self.change.name != self.condition.name, "intervention", self.name, "two different ones")

    @property
    def name(self) -> str:
        """Such as "symmetry at skin_tone -1"."""
        return f"{self.change.name} at {self.condition.name} {self.level:g}"

    @property
    def axes(self) -> tuple[Axis, Axis]:
        """Those of the change."""
        return self.change.axes

    @property
    def probe_levels(self) -> tuple[float, ...]:
        """Those of the change."""
        return self.change.probe_levels

    @property
    def wording(self) -> Wording:
        """The words of the change, and what is held."""
        own, condition = self.change.wording, f"{self.condition.wording.noun} at {self.level:g}"
        return dataclasses.replace(
            own,
            description=f"{own.description}, with {condition}",
            methods_text=f"{own.methods_text}, with {condition}",
        )

    def require(self, head: FaceModel, scene: Scene) -> None:
        """Check that this head and scene have what both need; ConfigError in one line if not."""
        self.condition.require(head, scene)
        self.change.require(head, scene)

    def image(
        self, head: FaceModel, person: Prepared, params: FaceParams, scene: Scene, levels: Levels
    ) -> Array:
        """Return the picture of a face at () dose and () time, (size, size, 3) display values."""
        setting = self._setting(head, person, params, scene)
        return self._develop(head, setting, self.change.image(head, *setting, levels), levels[1])

    def grid(
        self, head: FaceModel, person: Prepared, params: FaceParams, scene: Scene, levels: Levels
    ) -> Array:
        """Return all pairs of (L,) doses and (T,) times, by the fastest way that the change has."""
        setting = self._setting(head, person, params, scene)
        pictures = prepared_grid(self.change, head, *setting, *levels)

        def row(pictures: Array) -> Array:
            return jax.lax.map(lambda case: self._develop(head, setting, *case), (pictures, levels[1]))

        return jax.lax.map(row, pictures)

    def affine_fields(self, head: FaceModel, params: FaceParams) -> None:
        """Return None: `grid` asks the change, of the face that is held."""
        return None

    def coefficients(self, dose: Array, time: Array) -> tuple[Array, Array]:
        """Raise: there are no affine fields."""
        raise NotImplementedError(f"{self.name} has no affine fields")

    def description(self) -> Mapping[str, Any]:
        """Return the settings of the change, and what is held with its own settings."""
        condition = {"intervention": dict(self.condition.description()), "level": self.level}
        return {**self.change.description(), "name": self.name, "condition": condition}

    def _setting(
        self, head: FaceModel, person: Prepared, params: FaceParams, scene: Scene
    ) -> tuple[Prepared, FaceParams, Scene]:
        return self.condition.setting(head, person, params, scene, jnp.asarray(self.level))

    def _develop(
        self, head: FaceModel, setting: tuple[Prepared, FaceParams, Scene], picture: Array, time: Array
    ) -> Array:
        return self.condition.develop(head, *setting, picture, (jnp.asarray(self.level), time))
