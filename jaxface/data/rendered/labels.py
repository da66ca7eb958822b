"""What an image shows: who, which expression, which action units. Labels are read off what is drawn."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from jaxface.core.pytrees import pytree
from jaxface.core.types import Array
from jaxface.data.rendered import random_draws
from jaxface.data.rendered.assets import SceneAssets
from jaxface.data.rendered.causal_world import Mechanism, expression, present
from jaxface.data.rendered.config import lerp
from jaxface.data.rendered.people import ExpressionStyle, sample_person, sample_style

_PEOPLE = 2**23  # so many numbers a uniform one tells apart
_PURE = 1e3  # more than chance can outweigh


@pytree
class Labels:
    """What is to be seen in one image.

    Attributes:
        label: () int32, class of the recipe's expressions; 0 where it has none.
        identity: () int32, number of the person.
        sex: () int32, 0 female, 1 male, -1 where the head does not tell.
        activations: (N,) of the facial units in [0, 1], without what the face shows at rest.
        rest: (N,) what the face shows at rest, of which no label tells.
        intensity: (U,) of the recipe's action units, in [0, 1].
    """

    label: Array
    identity: Array
    sex: Array
    activations: Array
    rest: Array
    intensity: Array


def sample_labels(key: Array, studio: SceneAssets) -> Labels:
    """Labels of one image by the recipe: a person, and an expression or action units in their manner."""
    k_who, k_shown = jax.random.split(key)
    (who, which), _ = random_draws.draw(k_who, 2)
    number = sample_identity(who, studio)
    label = jnp.sum(which > jnp.cumsum(studio.class_weights)[:-1])
    manner = sample_style(studio, number)
    if studio.causes is not None:
        return sample_caused(k_shown, studio, studio.causes, number, manner)
    if studio.recipe.expressions.labels:
        activations = sample_expression(k_shown, studio, label, manner)
    else:
        k_wanted, k_made = jax.random.split(k_shown)
        activations = units_to_activations(k_made, studio, sample_units(k_wanted, studio), manner)
    return labels_of(studio, activations, number, label, rest=manner.rest)


def sample_caused(
    key: Array, studio: SceneAssets, causes: Mechanism, identity: Array, manner: ExpressionStyle
) -> Labels:
    """Labels of one image of the recipe's world: its action units, and the expression that is read off them."""
    k_wanted, k_made = jax.random.split(key)
    even, intensity = random_draws.draw(k_wanted, 2 * len(studio.recipe.units.numbers))[0].reshape(2, -1)
    strength = present(even, causes) * lerp(intensity, studio.recipe.units.intensity)
    wanted = jnp.zeros(len(studio.action_units)).at[studio.labelled].set(strength)
    labels = labels_of(studio, units_to_activations(k_made, studio, wanted, manner), identity, rest=manner.rest)
    shown = labels.intensity >= studio.recipe.units.threshold
    return dataclasses.replace(labels, label=expression(shown.astype(jnp.float32), causes))


def labels_of(
    studio: SceneAssets,
    activations: Array,
    identity: Array,
    label: Array | int = 0,
    sex: Array | int = -1,
    rest: Array | None = None,
) -> Labels:
    """The labels of a face that shows these activations (N,); for samplers of your own.

    Args:
        identity: () number of the person; sex: 0 or 1 turns them into a person of that sex, -1 = their own.
        rest: (N,) what the face shows at rest; None = as that person does.
    """
    number = jnp.asarray(identity, jnp.int32)
    return Labels(
        label=jnp.asarray(label, jnp.int32),
        identity=number,
        sex=sample_person(studio, number, sex).sex,
        activations=activations,
        rest=sample_style(studio, number).rest if rest is None else rest,
        intensity=intensities(studio, activations)[studio.labelled],
    )


def sample_identity(even: Array, studio: SceneAssets) -> Array:
    """The number of a person of the recipe, () int32, from a number in (0, 1)."""
    config = studio.recipe.people
    count = config.identities or _PEOPLE
    return config.first + jnp.minimum(even * count, count - 1).astype(jnp.int32)


def sample_expression(key: Array, studio: SceneAssets, label: Array, manner: ExpressionStyle) -> Array:
    """Activations (N,) of an expression: a person's mixture of its prototypes, never twice the same."""
    config, (prototypes, count) = studio.recipe.expressions, studio.prototypes.shape
    even, jitter = random_draws.draw(key, 2 * prototypes + 3 * count + 2, count)
    first, second = even[: 2 * prototypes].reshape(2, prototypes)
    drop, stray, amount = even[2 * prototypes : -2].reshape(3, count)
    shown = studio.of_class[label]
    odds = jnp.where(shown, manner.preference, -jnp.inf)
    if prototypes:
        choices = (jnp.argmax(odds + random_draws.gumbel(u)) for u in (first, second))
        one, other = (studio.prototypes[choice] for choice in choices)
    else:  # the recipe shows neutral alone
        one = other = jnp.zeros(count)
    mix, strength = config.mixing * even[-2], lerp(even[-1], config.strength)
    factor = strength * manner.gain * jnp.exp(config.jitter * jitter)
    prototype = jnp.where(jnp.any(shown), (1.0 - mix) * one + mix * other, 0.0)
    strays = jnp.where(stray < config.stray, config.stray_strength * amount, 0.0)
    return jnp.clip(jnp.maximum(prototype * factor * (drop >= config.drop), strays), 0.0, 1.0)


def sample_units(key: Array, studio: SceneAssets) -> Array:
    """Wanted intensities (A,) of the recipe's action units, each for itself, as far as they go together."""
    config, count = studio.recipe.units, len(studio.action_units)
    odds, intensity, order = random_draws.draw(key, 3 * count)[0].reshape(3, count)
    known = jnp.zeros(count).at[studio.labelled].set(1.0)
    wanted = (odds < config.rate) * known
    rank = order * wanted
    for group in range(studio.exclusive.shape[0]):
        member = studio.exclusive[group]
        alive = rank * member * wanted
        wanted = jnp.where((member > 0.0) & (alive < jnp.max(alive)), 0.0, wanted)
    return wanted * lerp(intensity, config.intensity)


def units_to_activations(
    key: Array, studio: SceneAssets, wanted: Array, manner: ExpressionStyle | None = None
) -> Array:
    """Activations (N,) that show wanted action units and no others.

    Each action unit is made by one of the facial units that carry nothing else, chosen at random; where there
    is none, by one that carries nothing unwanted which the recipe labels. What no facial unit can make so is
    not shown: read `intensities`.

    Args:
        wanted: (A,) intensities in [0, 1], by `Studio.action_units`; 0 = not wanted.
        manner: whose gains apply; none = nobody's.
    """
    labelled = jnp.zeros(wanted.shape).at[studio.labelled].set(1.0)
    unwanted = studio.carries.T @ jnp.where(wanted > 0.0, 0.0, labelled) > 0.0
    able = (studio.carries > 0.0) & ~unwanted[None]
    impurity = jnp.sum(studio.carries, axis=0)
    odds = jnp.where(
        able,
        random_draws.gumbel(random_draws.draw(key, able.size)[0]).reshape(able.shape) - _PURE * impurity[None],
        -jnp.inf,
    )
    chosen = jax.nn.one_hot(jnp.argmax(odds, axis=1), able.shape[1]) * jnp.any(able, axis=1)[:, None]
    activations = jnp.max(chosen * wanted[:, None], axis=0)
    return jnp.clip(activations if manner is None else activations * manner.gain, 0.0, 1.0)


def intensities(studio: SceneAssets, activations: Array) -> Array:
    """(A,) how much of each action unit activations (N,) show: of several facial units the strongest counts."""
    return jnp.clip(jnp.max(studio.shows * activations[None], axis=1), 0.0, 1.0)
