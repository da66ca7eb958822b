"""What an image shows: who, which expression, which action units. Labels are read off what is drawn."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxface.core.pytree import pytree
from jaxface.core.types import Array
from jaxface.data.rendered.people import Style, person, style
from jaxface.data.rendered.studio import Studio


@pytree
class Labels:
    """What is to be seen in one image.

    Attributes:
        label: () int32, class of the recipe's expressions; 0 where it has none.
        identity: () int32, number of the person.
        sex: () int32, 0 female, 1 male, -1 where the head does not tell.
        activations: (N,) of the facial units in [0, 1], without what the face shows at rest.
        intensity: (U,) of the recipe's action units, in [0, 1].
    """

    label: Array
    identity: Array
    sex: Array
    activations: Array
    intensity: Array


def sample_labels(key: Array, studio: Studio) -> Labels:
    """Labels of one image by the recipe: a person, and an expression or action units in their manner."""
    k_person, k_label, k_shown = jax.random.split(key, 3)
    number = sample_identity(k_person, studio)
    manner = style(studio, number)
    label = jax.random.choice(k_label, studio.class_weights.shape[0], p=studio.class_weights)
    if studio.recipe.expressions.labels:
        activations = express(k_shown, studio, label, manner)
    else:
        activations = realise(k_shown, studio, sample_units(k_shown, studio), manner)
    return labels_of(studio, activations, number, label)


def labels_of(
    studio: Studio, activations: Array, identity: Array, label: Array | int = 0, sex: Array | int = -1
) -> Labels:
    """The labels of a face that shows these activations (N,); for samplers of your own.

    Args:
        identity: () number of the person; sex: 0 or 1 turns them into a person of that sex, -1 = their own.
    """
    return Labels(
        label=jnp.asarray(label, jnp.int32),
        identity=jnp.asarray(identity, jnp.int32),
        sex=person(studio, jnp.asarray(identity, jnp.int32), sex).sex,
        activations=activations,
        intensity=intensities(studio, activations)[studio.labelled],
    )


def sample_identity(key: Array, studio: Studio) -> Array:
    """The number of a person of the recipe, () int32."""
    config = studio.recipe.people
    count = config.identities or 2**31 - 1 - config.first
    return config.first + jax.random.randint(key, (), 0, count)


def express(key: Array, studio: Studio, label: Array, manner: Style) -> Array:
    """Activations (N,) of an expression: a person's mixture of its prototypes, never twice the same."""
    k_first, k_second, k_mix, k_strength, k_jitter, k_drop, k_stray, k_amount = jax.random.split(key, 8)
    config, count = studio.recipe.expressions, studio.prototypes.shape[-1:]
    shown = studio.of_class[label]
    odds = jnp.where(shown, manner.preference, -jnp.inf)
    odds = jnp.where(jnp.any(shown), odds, 0.0)
    first, second = (studio.prototypes[jax.random.categorical(k, odds)] for k in (k_first, k_second))
    mix = jax.random.uniform(k_mix, maxval=config.mixing)
    strength = jax.random.uniform(k_strength, minval=config.strength[0], maxval=config.strength[1])
    factor = strength * manner.gain * jnp.exp(config.jitter * jax.random.normal(k_jitter, count))
    kept = jax.random.bernoulli(k_drop, 1.0 - config.drop, count)
    prototype = jnp.where(jnp.any(shown), (1.0 - mix) * first + mix * second, 0.0)
    stray = jax.random.bernoulli(k_stray, config.stray, count)
    amount = jax.random.uniform(k_amount, count, maxval=config.stray_strength)
    return jnp.clip(jnp.maximum(prototype * factor * kept, stray * amount), 0.0, 1.0)


def sample_units(key: Array, studio: Studio) -> Array:
    """Wanted intensities (A,) of the recipe's action units, each for itself, as far as they go together."""
    k_wanted, k_intensity, k_order = jax.random.split(key, 3)
    config, count = studio.recipe.units, (len(studio.action_units),)
    known = jnp.zeros(count).at[studio.labelled].set(1.0)
    wanted = jax.random.bernoulli(k_wanted, config.rate, count) * known
    rank = jax.random.uniform(k_order, count) * wanted
    for group in range(studio.exclusive.shape[0]):
        member = studio.exclusive[group]
        alive = rank * member * wanted
        wanted = jnp.where((member > 0.0) & (alive < jnp.max(alive)), 0.0, wanted)
    low, high = config.intensity
    return wanted * jax.random.uniform(k_intensity, count, minval=low, maxval=high)


def realise(key: Array, studio: Studio, wanted: Array, manner: Style | None = None) -> Array:
    """Activations (N,) that show wanted action units and no others.

    Each action unit is made by one of the facial units that carry it, chosen at random among those that
    carry nothing unwanted that the recipe labels. What no facial unit can make so is not shown: read
    `intensities`.

    Args:
        wanted: (A,) intensities in [0, 1], by `Studio.action_units`; 0 = not wanted.
        manner: whose gains apply; none = nobody's.
    """
    labelled = jnp.zeros(wanted.shape).at[studio.labelled].set(1.0)
    unwanted = studio.carries.T @ jnp.where(wanted > 0.0, 0.0, labelled) > 0.0
    able = (studio.carries > 0.0) & ~unwanted[None]
    odds = jnp.where(able, jax.random.gumbel(key, able.shape), -jnp.inf)
    chosen = jax.nn.one_hot(jnp.argmax(odds, axis=1), able.shape[1]) * jnp.any(able, axis=1)[:, None]
    activations = jnp.max(chosen * wanted[:, None], axis=0)
    return jnp.clip(activations if manner is None else activations * manner.gain, 0.0, 1.0)


def intensities(studio: Studio, activations: Array) -> Array:
    """(A,) how much of each action unit activations (N,) show: of several facial units the strongest counts."""
    return jnp.clip(jnp.max(studio.shows * activations[None], axis=1), 0.0, 1.0)
