"""Rendered domains whose sexes differ in number and expressiveness, and the pairs of avatars that balance them.

Samplers for `data.rendered`: pure functions of (key, assets). For the same key, the sampler of pairs gives the
same labels as the sampler of faces.
"""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.data import rendered
from jaxface.data.rendered import random_draws
from jaxface.frameworks.pm2.population_bias import PopulationBias

_AVATARS = 2**22  # number of the first avatar, beyond the people of all recipes
_GOLDEN = 2654435769  # 2^32 over the golden ratio: its multiples lie evenly on the circle


@functools.lru_cache(maxsize=16)
def sample_faces(bias: PopulationBias) -> rendered.Sampler:
    """Return the sampler of a domain: one `image` and its labels; one object for equal biases."""

    def sampler(key: Array, assets: rendered.SceneAssets) -> rendered.Example:
        k_labels, k_face, k_scene = jax.random.split(key, 3)
        labels = sample_labels(k_labels, assets, bias)
        scene = rendered.sample_scene(k_scene, assets)
        face = rendered.sample_face(k_face, assets, labels)
        return rendered.Example({"image": (face, scene)}, rendered.columns(assets, labels))

    return sampler


@functools.lru_cache(maxsize=16)
def sample_pairs(bias: PopulationBias, avatars: int) -> rendered.Sampler:
    """Return the sampler of pairs: `female` and `male`, each of so many avatars with light and pose
    of their own, with the labels of `sample_faces` for the same key."""

    def sampler(key: Array, assets: rendered.SceneAssets) -> rendered.Example:
        k_labels, k_face, k_scene = jax.random.split(key, 3)
        labels = sample_labels(k_labels, assets, bias)
        scenes = {}
        for name, sex in (("female", 0), ("male", 1)):
            k_who, k_pose, k_light = jax.random.split(jax.random.fold_in(k_face, 1 + sex), 3)
            (uniform,), _ = random_draws.draw(k_who, 1)
            which = jnp.minimum(uniform * avatars, avatars - 1).astype(jnp.int32)
            avatar = rendered.labels_of(assets, labels.activations, _AVATARS + 2 * which + sex, 0, sex)
            light = jax.random.fold_in(k_light, jax.random.bits(k_scene))
            scenes[name] = (
                rendered.sample_face(k_pose, assets, avatar),
                rendered.sample_scene(light, assets),
            )
        return rendered.Example(scenes, rendered.columns(assets, labels))

    return sampler


def sample_labels(key: Array, assets: rendered.SceneAssets, bias: PopulationBias) -> rendered.Labels:
    """Sample the labels of one image: a person of the recipe, and action units with the bias of their sex."""
    k_who, k_units, k_activations = jax.random.split(key, 3)
    count = len(assets.action_units)
    uniform, _ = random_draws.draw(k_who, 1 + count)
    number = rendered.sample_identity(uniform[0], assets)
    sex = sex_of(number, bias.women)
    women, men = (_unit_mask(assets, rare) for rare in (bias.seldom_in_women, bias.seldom_in_men))
    seldom = jnp.where(sex == 0, women, men)
    left_out = uniform[1:] < bias.expressiveness_gap * seldom
    units = jnp.where(left_out, 0.0, rendered.sample_units(k_units, assets))
    person = rendered.sample_person(assets, number)
    activations = rendered.units_to_activations(k_activations, assets, units, person)
    return rendered.labels_of(assets, activations, number, 0, sex)


def sex_of(number: Array, women: float) -> Array:
    """Return the sex of person `number`, 0 female or 1 male, a share of `women` even among few."""
    position = number.astype(jnp.uint32) * jnp.uint32(_GOLDEN) >> 16
    return (position.astype(jnp.float32) >= women * 2.0**16).astype(jnp.int32)


def make_avatar_recipe(
    avatars: rendered.RenderedDatasetConfig, source: rendered.RenderedDatasetConfig
) -> rendered.RenderedDatasetConfig:
    """Return the avatars' recipe for a source: its labels in the avatars' light and camera."""
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


def make_target_recipe(
    target: rendered.RenderedDatasetConfig, source: rendered.RenderedDatasetConfig
) -> rendered.RenderedDatasetConfig:
    """Return the target's recipe for a source: its own people, light and camera, but the source's rates and
    intensities of action units, and its style."""
    people = dataclasses.replace(target.people, style=source.people.style, rest=source.people.rest)
    return dataclasses.replace(target, people=people, units=source.units)


def _unit_mask(assets: rendered.SceneAssets, numbers: tuple[int, ...]) -> Array:
    return jnp.asarray([float(number in numbers) for number in assets.action_units])
