"""What most interventions share: settings, axes, and how a picture of a moment is made.

    Change    one picture at a time; its vertices move
    Held      a face can be held at a level, while another intervention changes it (`given`)
    Recolour  a texture, light or background in place of another: visibility is shared
    Sensor    what happens to a picture after it was taken: pictures are shared

At the unchanged level each selects the inputs, or the picture, that it started from.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, TypeVar

import jax
import jax.numpy as jnp

from jaxface.core.checks import Ge, check, require
from jaxface.core.types import Array
from jaxface.face import FaceModel, FaceParams, geometry
from jaxface.face.appearance import wrinkle_weights
from jaxface.interventions.protocol import Axis, Wording, equidistant, time_axis
from jaxface.render import Deformation, Look, Prepared, Scene, map_pictures, render, render_looks

T = TypeVar("T")
Levels = tuple[Array, Array]
Setting = tuple[Prepared, FaceParams, Scene]


@dataclass(frozen=True)
class Change:
    """Base of interventions whose levels are equidistant from `lowest` to `largest`.

    Attributes:
        steps: number of levels; odd where the unchanged one is in the middle.
        time_steps: equidistant steps in [0, 1]; 0 is neutral, 1 the full expression.
    """

    name: ClassVar[str]
    wording: ClassVar[Wording]
    symbol: ClassVar[str]
    ends: ClassVar[tuple[str, str]]
    two_sided: ClassVar[bool] = False
    """Whether levels go from -largest to largest; else from 0."""

    steps: Annotated[int, Ge(2)] = 5
    time_steps: Annotated[int, Ge(2)] = 90

    def __post_init__(self) -> None:
        check(self, self.name)
        if self.two_sided:
            require(self.steps % 2 == 1, f"{self.name}.steps", self.steps, "odd, with the unchanged level")

    @property
    def limit(self) -> float:
        """The last level of the dose: the setting `largest`, or 1."""
        return float(getattr(self, "largest", 1.0))

    @property
    def dose(self) -> Axis:
        """The axis that the score is taken along."""
        lowest = -self.limit if self.two_sided else 0.0
        levels = equidistant(lowest, self.limit, self.steps)
        return Axis(self.name, levels, 0.0, self.symbol, self.ends)

    @property
    def axes(self) -> tuple[Axis, Axis]:
        """Dose, then time."""
        return self.dose, time_axis(self.time_steps)

    @property
    def probe_levels(self) -> tuple[float, ...]:
        """Both ends, and the unchanged level."""
        dose = self.dose
        return tuple(sorted({dose.levels[0], dose.unchanged, dose.levels[-1]}))

    def require(self, head: FaceModel, scene: Scene) -> None:
        """Require nothing of head and scene."""

    def affine_fields(self, head: FaceModel, params: FaceParams) -> None:
        """Return None: this is no affine displacement."""
        return None

    def coefficients(self, dose: Array, time: Array) -> tuple[Array, Array]:
        """Raise: there are no affine fields."""
        raise NotImplementedError(f"{self.name} has no affine fields")

    def description(self) -> Mapping[str, Any]:
        """Return the settings, and the name that `interventions.build` knows them by."""
        return {"name": self.name, **dataclasses.asdict(self)}


class Held(Change):
    """Base of interventions that say what a face is like at a level, before any expression.

    The same level may be held while another intervention changes the face: the second factor of a cross.
    """

    def setting(
        self, head: FaceModel, person: Prepared, params: FaceParams, scene: Scene, dose: Array
    ) -> Setting:
        """Return person, parameters and scene at a () dose; those that came at the unchanged one."""
        return person, params, scene

    def develop(
        self,
        head: FaceModel,
        person: Prepared,
        params: FaceParams,
        scene: Scene,
        picture: Array,
        levels: Levels,
    ) -> Array:
        """Return a finished picture (size, size, 3) as it is at () dose and () time."""
        return picture

    def image(
        self, head: FaceModel, person: Prepared, params: FaceParams, scene: Scene, levels: Levels
    ) -> Array:
        """Return the picture of a face at () dose and () time, (size, size, 3) display values."""
        return plain_image(head, *self.setting(head, person, params, scene, levels[0]), levels[1])


class Recolour(Held):
    """Base of interventions that change colours and move no vertex."""

    def look(self, head: FaceModel, person: Prepared, params: FaceParams, scene: Scene, dose: Array) -> Look:
        """Return texture, light and background at a () dose that is not the unchanged one."""
        raise NotImplementedError

    def look_at(self, head: FaceModel, person: Prepared, params: FaceParams, scene: Scene, dose: Array) -> Look:
        """Return texture, light and background at any () dose."""
        own = own_look(person, scene)
        return unless(dose == self.dose.unchanged, own, self.look(head, person, params, scene, dose))

    def setting(
        self, head: FaceModel, person: Prepared, params: FaceParams, scene: Scene, dose: Array
    ) -> Setting:
        """Return person and scene with the look of a () dose."""
        look = self.look_at(head, person, params, scene, dose)
        person = dataclasses.replace(person, texture=look.texture)
        return person, params, dataclasses.replace(scene, light=look.light, background=look.background)

    def grid(
        self, head: FaceModel, person: Prepared, params: FaceParams, scene: Scene, levels: Levels
    ) -> Array:
        """Return all pairs of (L,) doses and (T,) times; triangles are searched once a time."""
        looks = jax.lax.map(lambda dose: self.look_at(head, person, params, scene, dose), levels[0])

        def moment(time: Array) -> Array:
            return render_looks(head, person, deformation(head, params, time), params.pose, scene, looks)

        return jnp.swapaxes(jax.lax.map(moment, levels[1]), 0, 1)


class Sensor(Held):
    """Base of interventions on the finished picture."""

    def process(
        self,
        head: FaceModel,
        person: Prepared,
        params: FaceParams,
        scene: Scene,
        picture: Array,
        levels: Levels,
    ) -> Array:
        """Return a picture (size, size, 3) at () dose and () time, from the one without this change."""
        raise NotImplementedError

    def image(
        self, head: FaceModel, person: Prepared, params: FaceParams, scene: Scene, levels: Levels
    ) -> Array:
        """Return the picture of a face at () dose and () time, (size, size, 3) display values."""
        picture = plain_image(head, person, params, scene, levels[1])
        return self.develop(head, person, params, scene, picture, levels)

    def grid(
        self, head: FaceModel, person: Prepared, params: FaceParams, scene: Scene, levels: Levels
    ) -> Array:
        """Return all pairs of (L,) doses and (T,) times; each time is rendered once."""

        def moment(time: Array) -> Array:
            picture = plain_image(head, person, params, scene, time)

            def one(dose: Array) -> Array:
                return self.develop(head, person, params, scene, picture, (dose, time))

            return map_pictures(one, levels[0])

        return jnp.swapaxes(jax.lax.map(moment, levels[1]), 0, 1)

    def develop(
        self,
        head: FaceModel,
        person: Prepared,
        params: FaceParams,
        scene: Scene,
        picture: Array,
        levels: Levels,
    ) -> Array:
        """Return a picture as it is at () dose and () time: bit for bit the same at the unchanged one."""
        result = self.process(head, person, params, scene, picture, levels)
        result = jnp.where(jnp.isfinite(picture), jnp.clip(result, 0.0, 1.0), jnp.nan)
        return unless(levels[0] == self.dose.unchanged, picture, result)


def deformation(head: FaceModel, params: FaceParams, time: Array) -> Deformation:
    """Return the expression at a () time, the same on both sides."""
    displacement = geometry.expression_displacement(head, params.expression, 1.0, time)
    return Deformation(displacement, wrinkle_weights(head.appearance.wrinkles, displacement))


def plain_image(head: FaceModel, person: Prepared, params: FaceParams, scene: Scene, time: Array) -> Array:
    """Return the picture of an expression at a () time, with nothing else changed."""
    return render(head, person, deformation(head, params, time), params.pose, scene)


def own_look(person: Prepared, scene: Scene) -> Look:
    """Return the colours that a person and a scene have."""
    return Look(person.texture, scene.light, scene.background)


def unless(unchanged: Array, own: T, other: T) -> T:
    """Return `own` bit for bit where () `unchanged`, else `other`: pytrees of the same shapes."""
    return jax.tree.map(lambda a, b: jnp.where(unchanged, a, b), own, other)
