"""Person k: their head, their skin, and how their face moves."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.data.rendered import random_draws
from jaxface.data.rendered.assets import SceneAssets

_A_THIRD = 0.4307  # of a normal distribution lies above


class Person(NamedTuple):
    """Who somebody is.

    Attributes:
        identity: (I,) and albedo: (A,) coefficients of the head.
        sex: () int32, 0 female, 1 male, -1 where the head does not tell.
    """

    identity: Array
    albedo: Array
    sex: Array


class ExpressionStyle(NamedTuple):
    """How somebody's face moves.

    Attributes:
        gain: (N,) factor on each facial unit.
        rest: (N,) activations of the face at rest.
        preference: (P,) log-odds of the prototypes.
    """

    gain: Array
    rest: Array
    preference: Array


def sample_person(studio: SceneAssets, number: Array, sex: Array | int = -1) -> Person:
    """Person `number`, who is the same in every recipe with the same `people.seed`.

    Args:
        sex: 0 or 1 = as a person of that sex: what is not their group's mean stays theirs; -1 = their own.
    """
    prior = studio.head.population
    even, normal = random_draws.draw(_key(studio, number, 0), prior.weights.shape[0], prior.mean.shape[1])
    allowed = (sex == -1) | (studio.group_sex == sex)
    weights = jnp.where(allowed, studio.group_weights, 0.0)
    odds = jnp.where(weights > 0.0, jnp.log(jnp.maximum(weights, 1e-9)), -jnp.inf)
    group = jnp.argmax(odds + random_draws.gumbel(even))
    drawn = prior.mean[group] + prior.deviation[group] * normal
    size = studio.head.identity_basis.shape[-1]
    return Person(drawn[:size], drawn[size:], studio.group_sex[group])


def sample_style(studio: SceneAssets, number: Array) -> ExpressionStyle:
    """The manner of person `number`."""
    config, (count,) = studio.recipe.people, studio.resting.shape
    _, normal = random_draws.draw(_key(studio, number, 1), 0, 3 * count + studio.prototypes.shape[0])
    gain, rest, which, preference = jnp.split(normal, [count, 2 * count, 3 * count])
    return ExpressionStyle(
        gain=jnp.exp(config.style * gain),
        rest=config.rest * jnp.abs(rest) * studio.resting * (which > _A_THIRD),
        preference=config.preference * preference,
    )


def _key(studio: SceneAssets, number: Array, purpose: int) -> Array:
    return jax.random.fold_in(studio.people, 2 * jnp.asarray(number, jnp.uint32) + purpose)
