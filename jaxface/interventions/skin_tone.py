"""Skin tone: the albedo along a path from dark to light skin, measured by its typology angle."""

import dataclasses
from dataclasses import dataclass
from typing import Annotated, ClassVar

import jax
import jax.numpy as jnp

from jaxface.core.checks import Ge, Interval, require
from jaxface.core.errors import ConfigError
from jaxface.core.types import Array
from jaxface.face import Appearance, FaceModel, FaceParams, texture
from jaxface.face.appearance import albedo_size
from jaxface.face.requirements import require_eyes
from jaxface.interventions._anatomy import bump
from jaxface.interventions._base import Recolour, own_look
from jaxface.interventions._colour import lab, typology_angle
from jaxface.interventions._identity import between
from jaxface.interventions.protocol import Wording
from jaxface.render import Look, Prepared, Scene

CHEEK = (0.55, -0.55)
"""Where the skin is measured: IOD out of the midline, and up from the eyes."""
TONES = ("skin_tone", "tone")
"""Names of albedo coefficients that are the tone; a head without one gets its steepest direction."""
_DEVIATIONS = 3.0
_HALVINGS = 18


@dataclass(frozen=True)
class SkinTone(Recolour):
    """Move the albedo so that the cheeks' typology angle (ITA) goes from `dark` over its own to `light`.

    -1 and 1 are the same two angles on every head and person, 0 is the person's own skin; in between the
    angle moves in equal steps. A person who is beyond an end already stays as they are there. The path is
    the head's coefficient of tone where it names one, else the direction of the albedo basis along which
    lightness grows fastest (which may carry some hue with it). It ends three standard deviations from the
    means of the population's groups, where an angle is out of reach.

    Holds every vertex, the light, all other albedo coefficients, brows, hair and eyes as far as the basis
    tells them apart. It cannot hold the brightness of the picture: dark skin reflects less light. Nothing
    but tone distinguishes groups of people here: face shape stays.

    Attributes:
        dark, light: ITA in degrees at -1 and at 1; Chardon's classes end at 55, 41, 28, 10 and -30.
    """

    name: ClassVar[str] = "skin_tone"
    symbol: ClassVar[str] = "k"
    ends: ClassVar[tuple[str, str]] = ("dark", "light")
    two_sided: ClassVar[bool] = True
    wording: ClassVar[Wording] = Wording(
        noun="skin tone",
        effect="depends on skin tone",
        unchanged_face="own-skin",
        changed_face="other-skin",
        description="The albedo moves until the cheeks' individual typology angle is {dark:g} "
        "degrees (-1), its own (0) or {light:g} degrees (1), in equal steps of the "
        "angle in between",
        methods_text="the albedo was moved along one path so that the individual typology angle of "
        "the cheeks went from {dark:g} to {light:g} degrees, with shape and light held",
    )

    dark: Annotated[float, Interval(ge=-60, le=60)] = -30.0
    light: Annotated[float, Interval(ge=-60, le=60)] = 50.0
    steps: Annotated[int, Ge(2)] = 7

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.dark < self.light, "skin_tone.dark", self.dark, f"less than light = {self.light:g}")

    def require(self, head: FaceModel, scene: Scene) -> None:
        """Require an albedo that varies, and eyes to find the cheeks by."""
        if not albedo_size(head.appearance):
            raise ConfigError(
                f"intervention skin_tone: head {head.name!r} has no albedo coefficient; take the bundled head, "
                "or FLAME with a texture space"
            )
        require_eyes(head, "skin_tone finds the cheeks by them")

    def look(self, head: FaceModel, person: Prepared, params: FaceParams, scene: Scene, dose: Array) -> Look:
        """Return the look with the texture at a () dose."""
        albedo = self.albedo(head, params.albedo, dose)
        return own_look(dataclasses.replace(person, texture=texture(head.appearance, albedo)), scene)

    def albedo(self, head: FaceModel, albedo: Array, dose: Array) -> Array:
        """Return the coefficients (A,) whose cheeks have the angle of a () dose."""
        cheeks, weights = cheek_appearance(head)
        direction = _path(head, cheeks, weights)

        def angle(step: Array) -> Array:
            return typology_angle(_colour(cheeks, weights, albedo + step * direction))

        mean, deviation = _along(head, direction)
        own = albedo @ direction / (direction @ direction)
        low, high = (mean - _DEVIATIONS * deviation).min() - own, (mean + _DEVIATIONS * deviation).max() - own
        own_angle = angle(jnp.zeros(()))
        # Who is beyond an end stays there: no level towards light makes a face darker.
        dark, light = jnp.minimum(self.dark, own_angle), jnp.maximum(self.light, own_angle)
        target = between(own_angle, dark, light, dose)
        # The path's direction is towards lighter skin, so the angle grows with the step.
        bracket = jnp.minimum(low, 0.0), jnp.maximum(high, 0.0)

        def halve(_: int, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
            middle = 0.5 * (bracket[0] + bracket[1])
            too_light = angle(middle) > target
            return jnp.where(too_light, bracket[0], middle), jnp.where(too_light, middle, bracket[1])

        low, high = jax.lax.fori_loop(0, _HALVINGS, halve, bracket)
        return albedo + 0.5 * (low + high) * direction


def cheek_appearance(head: FaceModel) -> tuple[Appearance, Array]:
    """Return the appearance at the vertices' texels, a picture (V, 1), and the cheeks' weights (V,)."""
    uv = jnp.zeros((head.template.shape[0], 2)).at[head.faces].set(head.uv[head.uv_faces])
    height, width, _ = head.appearance.mean.shape
    column = jnp.clip((uv[:, 0] * width).astype(int), 0, width - 1)
    row = jnp.clip(((1.0 - uv[:, 1]) * height).astype(int), 0, height - 1)
    cheeks = dataclasses.replace(
        head.appearance,
        mean=head.appearance.mean[row, column][:, None],
        basis=head.appearance.basis[row, column][:, None],
        masks=head.appearance.masks[:, row, column][..., None],
        wrinkle_map=head.appearance.wrinkle_map[row, column][:, None],
    )
    weights = bump(head, CHEEK, 0.15, 0.15)
    return cheeks, weights / weights.sum()


def _colour(cheeks: Appearance, weights: Array, albedo: Array) -> Array:
    """(3,) mean display values of the cheeks."""
    linear = jnp.einsum("v,vc->c", weights, texture(cheeks, albedo)[:, 0, :3])
    return jnp.maximum(linear, 1e-6) ** (1 / 2.2)


def _path(head: FaceModel, cheeks: Appearance, weights: Array) -> Array:
    """(A,) towards lighter skin: the coefficient of tone, or the steepest direction of lightness."""
    base = head.population.weights @ head.population.mean[:, head.identity_basis.shape[-1] :]
    steepest = jax.grad(lambda albedo: lab(_colour(cheeks, weights, albedo))[0])(base)
    for name in TONES:
        if name in head.appearance.names:
            index = head.appearance.names.index(name)
            return jnp.zeros_like(base).at[index].set(jnp.sign(steepest[index]))
    return steepest / jnp.maximum(jnp.linalg.norm(steepest), 1e-12)


def _along(head: FaceModel, direction: Array) -> tuple[Array, Array]:
    """Mean and deviation of each group of people along a unit direction, (C,) each."""
    prior, start = head.population, head.identity_basis.shape[-1]
    deviation = jnp.sqrt((prior.deviation[:, start:] * direction[None]) ** 2 @ jnp.ones_like(direction))
    return prior.mean[:, start:] @ direction, deviation
