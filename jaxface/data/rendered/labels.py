"""What an image shows: person, expression, action units, read off the activations; and its face."""

import dataclasses

import jax
import jax.numpy as jnp

from jaxface.core.pytrees import pytree
from jaxface.core.types import Array
from jaxface.data.rendered import random_draws
from jaxface.data.rendered.assets import SceneAssets
from jaxface.data.rendered.causal_world import Mechanism, expression_class, sample_presence
from jaxface.data.rendered.config import lerp
from jaxface.data.rendered.people import Person, sample_person

_MAX_PEOPLE = 2**23  # a float32 from (0, 1) tells so many numbers apart
_PURITY_BONUS = 1e3  # log-odds, more than Gumbel noise can outweigh


@pytree
class Labels:
    """What one image shows.

    Attributes:
        label: () int32, class of the recipe's expressions; 0 where it has none.
        identity: () int32, number of the person.
        sex: () int32, 0 female, 1 male, -1 where the head has no sexes.
        activations: (N,) of the facial units in [0, 1], without those at rest.
        rest: (N,) activations of the face at rest; no label counts them.
        intensity: (U,) of the recipe's action units, in [0, 1].
    """

    label: Array
    identity: Array
    sex: Array
    activations: Array
    rest: Array
    intensity: Array


@pytree
class Face:
    """One face in front of the camera.

    Attributes:
        identity: (I,), albedo: (A,) of the head.
        activations: (N,) of facial units in [0, 1], those at rest included.
        turn: (3,) axis-angle of the head, radians: pitch, yaw, roll.
        gaze: (2,) pitch and yaw of both eyes, radians.
        symmetry: () how far the frozen side follows.
        frozen_left: () bool, whether that side is the subject's left.
    """

    identity: Array
    albedo: Array
    activations: Array
    turn: Array
    gaze: Array
    symmetry: Array
    frozen_left: Array


def sample_labels(key: Array, assets: SceneAssets) -> Labels:
    """Draw the labels of one image: a person, and an expression or action units."""
    k_person, k_expression = jax.random.split(key)
    (u_person, u_class), _ = random_draws.draw(k_person, 2)
    identity = sample_identity(u_person, assets)
    label = jnp.sum(u_class > jnp.cumsum(assets.class_weights)[:-1])
    person = sample_person(assets, identity)
    if assets.mechanism is not None:
        return sample_causal_labels(k_expression, assets, assets.mechanism, identity, person)
    if assets.recipe.expressions.labels:
        activations = sample_expression(k_expression, assets, label, person)
    else:
        k_target, k_units = jax.random.split(k_expression)
        target = sample_units(k_target, assets)
        activations = units_to_activations(k_units, assets, target, person)
    return labels_of(assets, activations, identity, label, rest=person.rest)


def sample_causal_labels(
    key: Array, assets: SceneAssets, mechanism: Mechanism, identity: Array, person: Person
) -> Labels:
    """Draw the labels of one image by the causal world: its units, and their expression."""
    k_target, k_units = jax.random.split(key)
    config = assets.recipe.units
    uniform, intensity = random_draws.draw(k_target, 2 * len(config.numbers))[0].reshape(2, -1)
    strength = sample_presence(uniform, mechanism) * lerp(intensity, config.intensity)
    target = jnp.zeros(len(assets.action_units)).at[assets.unit_indices].set(strength)
    activations = units_to_activations(k_units, assets, target, person)
    labels = labels_of(assets, activations, identity, rest=person.rest)
    # The expression follows from what the face shows, which may be less than the target.
    presence = labels.intensity >= config.threshold
    return dataclasses.replace(labels, label=expression_class(presence.astype(jnp.float32), mechanism))


def labels_of(
    assets: SceneAssets,
    activations: Array,
    identity: Array,
    label: Array | int = 0,
    sex: Array | int = -1,
    rest: Array | None = None,
) -> Labels:
    """Return the labels of a face that shows activations (N,); for samplers of your own.

    Args:
        identity: () number of the person.
        sex: 0 or 1 turns them into a person of that sex; -1 = their own.
        rest: (N,) activations at rest; None = that person's.
    """
    number = jnp.asarray(identity, jnp.int32)
    person = sample_person(assets, number, sex)
    return Labels(
        label=jnp.asarray(label, jnp.int32),
        identity=number,
        sex=person.sex,
        activations=activations,
        rest=person.rest if rest is None else rest,
        intensity=intensities(assets, activations)[assets.unit_indices],
    )


def sample_identity(uniform: Array, assets: SceneAssets) -> Array:
    """Return the number of a person of the recipe, () int32, from a number in (0, 1)."""
    config = assets.recipe.people
    count = config.identities or _MAX_PEOPLE
    return config.first + jnp.minimum(uniform * count, count - 1).astype(jnp.int32)


def sample_expression(key: Array, assets: SceneAssets, label: Array, person: Person) -> Array:
    """Draw activations (N,) of an expression: a person's mixture of its prototypes."""
    config, (prototypes, count) = assets.recipe.expressions, assets.prototypes.shape
    uniform, jitter = random_draws.draw(key, 2 * prototypes + 3 * count + 2, count)
    first, second = uniform[: 2 * prototypes].reshape(2, prototypes)
    drop, spurious, amount = uniform[2 * prototypes : -2].reshape(3, count)
    members = assets.of_class[label]
    odds = jnp.where(members, person.prototype_odds, -jnp.inf)
    if prototypes:
        choices = (jnp.argmax(odds + random_draws.gumbel(u)) for u in (first, second))
        one, other = (assets.prototypes[choice] for choice in choices)
    else:  # the recipe has no class but neutral
        one = other = jnp.zeros(count)
    mix, strength = config.mixing * uniform[-2], lerp(uniform[-1], config.strength)
    factor = strength * person.gain * jnp.exp(config.jitter * jitter)
    # The neutral class has no prototypes: argmax over nothing must not pick the first one.
    prototype = jnp.where(jnp.any(members), (1.0 - mix) * one + mix * other, 0.0)
    extra = jnp.where(spurious < config.spurious_rate, config.spurious_strength * amount, 0.0)
    return jnp.clip(jnp.maximum(prototype * factor * (drop >= config.drop), extra), 0.0, 1.0)


def sample_units(key: Array, assets: SceneAssets) -> Array:
    """Draw target intensities (A,) of the recipe's action units, thinned by exclusive groups."""
    config, count = assets.recipe.units, len(assets.action_units)
    odds, intensity, order = random_draws.draw(key, 3 * count)[0].reshape(3, count)
    in_recipe = jnp.zeros(count).at[assets.unit_indices].set(1.0)
    presence = (odds < config.rate) * in_recipe
    rank = order * presence
    for group in range(assets.exclusive.shape[0]):
        members = assets.exclusive[group]
        candidates = rank * members * presence
        # The unit with the highest rank stays; the other members of the group go.
        presence = jnp.where((members > 0.0) & (candidates < jnp.max(candidates)), 0.0, presence)
    return presence * lerp(intensity, config.intensity)


def units_to_activations(key: Array, assets: SceneAssets, target: Array, person: Person | None = None) -> Array:
    """Return activations (N,) that show the target action units and none of the recipe's others.

    One facial unit makes each action unit, chosen at random among those that make nothing else, or
    else nothing else that the recipe labels. An action unit that no facial unit can make like this
    is not shown: read `intensities` for what is.

    Args:
        target: (A,) intensities in [0, 1], by `SceneAssets.action_units`; 0 = absent.
        person: whose gains apply; None = gains of 1.
    """
    in_recipe = jnp.zeros(target.shape).at[assets.unit_indices].set(1.0)
    forbidden = assets.unit_membership.T @ jnp.where(target > 0.0, 0.0, in_recipe) > 0.0
    able = (assets.unit_membership > 0.0) & ~forbidden[None]
    impurity = jnp.sum(assets.unit_membership, axis=0)
    noise = random_draws.gumbel(random_draws.draw(key, able.size)[0]).reshape(able.shape)
    odds = jnp.where(able, noise - _PURITY_BONUS * impurity[None], -jnp.inf)
    choice = jax.nn.one_hot(jnp.argmax(odds, axis=1), able.shape[1]) * jnp.any(able, axis=1)[:, None]
    activations = jnp.max(choice * target[:, None], axis=0)
    return jnp.clip(activations if person is None else activations * person.gain, 0.0, 1.0)


def intensities(assets: SceneAssets, activations: Array) -> Array:
    """Return (A,) how much of each action unit activations (N,) show: the strongest counts."""
    return jnp.clip(jnp.max(assets.unit_visibility * activations[None], axis=1), 0.0, 1.0)


def sample_face(key: Array, assets: SceneAssets, labels: Labels) -> Face:
    """Return a face that shows the labels: that person, as one of that sex, in a random pose."""
    person, config = sample_person(assets, labels.identity, labels.sex), assets.recipe.pose
    uniform, normal = random_draws.draw(key, 3, 5)
    normal = jnp.clip(normal, -2.0, 2.0)
    return Face(
        identity=person.identity,
        albedo=person.albedo,
        activations=jnp.clip(jnp.maximum(labels.activations, labels.rest), 0.0, 1.0),
        turn=jnp.deg2rad(jnp.asarray([config.pitch, config.yaw, config.roll])) * normal[:3],
        gaze=jnp.deg2rad(config.gaze) * normal[3:],
        symmetry=jnp.where(uniform[0] < config.asymmetric, lerp(uniform[1], config.symmetry), 1.0),
        frozen_left=uniform[2] < 0.5,
    )
