"""Person k: their head, their skin, and how their face moves."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.data.rendered import random_draws
from jaxface.data.rendered.assets import SceneAssets

_UPPER_THIRD = 0.4307  # a third of a normal distribution lies above


class Person(NamedTuple):
    """Who a person is, and how their face moves.

    Attributes:
        identity: (I,) and albedo: (A,) coefficients of the head.
        sex: () int32, as in `Labels`.
        gain: (N,) factor on each facial unit.
        rest: (N,) activations of the face at rest.
        prototype_odds: (P,) log-odds of the prototypes of an expression.
    """

    identity: Array
    albedo: Array
    sex: Array
    gain: Array
    rest: Array
    prototype_odds: Array


def sample_person(assets: SceneAssets, number: Array, sex: Array | int = -1) -> Person:
    """Return person `number`, the same in every recipe with the same `people.seed`.

    Args:
        sex: 0 or 1 = this person as one of that sex, with another group's mean but the same
            deviation from it; -1 = their own sex.
    """
    # Looks and movement have separate keys: a recipe that changes one leaves the other as it is.
    identity, albedo, own_sex = _appearance(assets, _key(assets, number, 0), sex)
    return Person(identity, albedo, own_sex, *_movement(assets, _key(assets, number, 1)))


def _appearance(assets: SceneAssets, key: Array, sex: Array | int) -> tuple[Array, Array, Array]:
    prior = assets.head.population
    uniform, normal = random_draws.draw(key, prior.weights.shape[0], prior.mean.shape[1])
    weights = jnp.where((sex == -1) | (assets.group_sex == sex), assets.group_weights, 0.0)
    odds = jnp.where(weights > 0.0, jnp.log(jnp.maximum(weights, 1e-9)), -jnp.inf)
    group = jnp.argmax(odds + random_draws.gumbel(uniform))
    coefficients = prior.mean[group] + prior.deviation[group] * normal
    size = assets.head.identity_basis.shape[-1]
    return coefficients[:size], coefficients[size:], assets.group_sex[group]


def _movement(assets: SceneAssets, key: Array) -> tuple[Array, Array, Array]:
    config, (count,) = assets.recipe.people, assets.rest_units.shape
    _, normal = random_draws.draw(key, 0, 3 * count + assets.prototypes.shape[0])
    gain, rest, selection, odds = jnp.split(normal, [count, 2 * count, 3 * count])
    return (
        jnp.exp(config.style * gain),
        config.rest * jnp.abs(rest) * assets.rest_units * (selection > _UPPER_THIRD),
        config.prototype_bias * odds,
    )


def _key(assets: SceneAssets, number: Array, purpose: int) -> Array:
    return jax.random.fold_in(assets.people_key, 2 * jnp.asarray(number, jnp.uint32) + purpose)
