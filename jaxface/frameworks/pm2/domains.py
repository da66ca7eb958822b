"""Rendered domains whose sexes differ in number and manner, and the pairs of avatars that undo it.

Samplers for `data.rendered`: pure functions of (key, studio). The sampler of pairs finds the labels that the
sampler of faces found for the same key.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from jaxface.core.errors import ConfigError
from jaxface.core.types import Array
from jaxface.data import rendered
from jaxface.data.rendered import random_draws

_AVATARS = 2**22  # number of the first avatar, whom no recipe draws otherwise
_SPREAD = 2654435769  # 2^32 over the golden ratio: its multiples lie evenly on the circle


@dataclass(frozen=True)
class Habits:
    """What differs between women and men among a rendered domain's people; the defaults are nothing.

    A biased source has few of one sex, and action units that one of them seldom shows.
    """

    women: float = 0.5
    """Share of women among the people."""

    seldom_in_women: tuple[int, ...] = ()
    """Action units that women often let be."""

    seldom_in_men: tuple[int, ...] = ()
    """Action units that men often let be."""

    restraint: float = 0.0
    """How often they do so where they would show such a unit otherwise."""

    def __post_init__(self) -> None:
        for name in ("women", "restraint"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigError(f"habits: {name} = {getattr(self, name)}; wanted a share from 0 to 1")

    @property
    def fair(self) -> Habits:
        """As many women as men, and all of them let the same units be, half as often."""
        both = tuple(sorted({*self.seldom_in_women, *self.seldom_in_men}))
        return Habits(0.5, both, both, self.restraint / 2.0)


@functools.lru_cache(maxsize=16)
def faces(habits: Habits) -> rendered.Sampler:
    """The sampler of a domain: one `image` and its labels. The same function object for the same habits."""

    def sampler(key: Array, studio: rendered.SceneAssets) -> rendered.Example:
        k_labels, k_face, k_scene = jax.random.split(key, 3)
        labels = habitual(k_labels, studio, habits)
        shot = rendered.sample_scene(k_scene, studio)
        face = rendered.sample_face(k_face, studio, labels)
        return rendered.Example({"image": (face, shot)}, rendered.columns(studio, labels))

    return sampler


@functools.lru_cache(maxsize=16)
def pairs(habits: Habits, avatars: int) -> rendered.Sampler:
    """The sampler of pairs: `female` and `male`, with the labels that `faces` has for the same key.

    Args:
        avatars: how many there are of each sex; each image draws its own, with light and pose of their own.
    """

    def sampler(key: Array, studio: rendered.SceneAssets) -> rendered.Example:
        k_labels, k_face, k_scene = jax.random.split(key, 3)
        labels = habitual(k_labels, studio, habits)
        shots = {}
        for name, sex in (("female", 0), ("male", 1)):
            k_who, k_pose, k_light = jax.random.split(jax.random.fold_in(k_face, 1 + sex), 3)
            (even,), _ = random_draws.draw(k_who, 1)
            which = jnp.minimum(even * avatars, avatars - 1).astype(jnp.int32)
            avatar = rendered.labels_of(studio, labels.activations, _AVATARS + 2 * which + sex, 0, sex)
            light = jax.random.fold_in(k_light, jax.random.bits(k_scene))
            shots[name] = (
                rendered.sample_face(k_pose, studio, avatar),
                rendered.sample_scene(light, studio),
            )
        return rendered.Example(shots, rendered.columns(studio, labels))

    return sampler


def habitual(key: Array, studio: rendered.SceneAssets, habits: Habits) -> rendered.Labels:
    """Labels of one image: a person of the recipe, and action units as their sex shows them."""
    k_who, k_wanted, k_made = jax.random.split(key, 3)
    count = len(studio.action_units)
    even, _ = random_draws.draw(k_who, 1 + count)
    number = rendered.sample_identity(even[0], studio)
    sex = sex_of(number, habits.women)
    women, men = (_among(studio, rare) for rare in (habits.seldom_in_women, habits.seldom_in_men))
    seldom = jnp.where(sex == 0, women, men)
    wanted = jnp.where(even[1:] < habits.restraint * seldom, 0.0, rendered.sample_units(k_wanted, studio))
    activations = rendered.units_to_activations(k_made, studio, wanted, rendered.sample_person(studio, number))
    return rendered.labels_of(studio, activations, number, 0, sex)


def sex_of(number: Array, women: float) -> Array:
    """The sex of person `number` among people of whom a share are women, 0 or 1; of few people, too, the share
    is nearly exact."""
    turned = number.astype(jnp.uint32) * jnp.uint32(_SPREAD) >> 16
    return (turned.astype(jnp.float32) >= women * 2.0**16).astype(jnp.int32)


def avatars_of(
    avatars: rendered.RenderedDatasetConfig, source: rendered.RenderedDatasetConfig
) -> rendered.RenderedDatasetConfig:
    """The avatars' recipe for pairs of a source: its light and camera, but the source's labels."""
    return dataclasses.replace(
        avatars,
        name=f"{avatars.name} of {source.name}",
        seed=source.seed,
        head=source.head,
        size=source.size,
        people=source.people,
        units=source.units,
        expressions=dataclasses.replace(source.expressions, labels=()),
    )


def target_of(
    target: rendered.RenderedDatasetConfig, source: rendered.RenderedDatasetConfig
) -> rendered.RenderedDatasetConfig:
    """The target's recipe for a source: its own people, light and camera, but action units as strong and as
    many as the source's, in people who move as plainly."""
    people = dataclasses.replace(target.people, style=source.people.style, rest=source.people.rest)
    return dataclasses.replace(target, people=people, units=source.units)


def _among(studio: rendered.SceneAssets, numbers: tuple[int, ...]) -> Array:
    """(A,) 1 for the studio's action units of these numbers."""
    return jnp.asarray([float(number in numbers) for number in studio.action_units])
