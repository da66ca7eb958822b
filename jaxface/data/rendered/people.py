"""Person k: their head, their skin, and how their face moves."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.data.rendered.studio import Studio


class Person(NamedTuple):
    """Who somebody is.

    Attributes:
        identity: (I,) and albedo: (A,) coefficients of the head.
        sex: () int32, 0 female, 1 male, -1 where the head does not tell.
    """

    identity: Array
    albedo: Array
    sex: Array


class Style(NamedTuple):
    """How somebody's face moves.

    Attributes:
        gain: (N,) factor on each facial unit.
        rest: (N,) activations of the face at rest.
        preference: (P,) log-odds of the prototypes.
    """

    gain: Array
    rest: Array
    preference: Array


def person(studio: Studio, number: Array, sex: Array | int = -1) -> Person:
    """Person `number`, who is the same in every recipe with the same `people.seed`.

    Args:
        sex: 0 or 1 = as a person of that sex: what is not their group's mean stays theirs; -1 = their own.
    """
    k_group, k_normal = jax.random.split(jax.random.fold_in(jax.random.fold_in(studio.people, 0), number))
    prior = studio.head.population
    allowed = (sex == -1) | (studio.group_sex == sex)
    weights = jnp.where(allowed, studio.group_weights, 0.0)
    odds = jnp.where(weights > 0.0, jnp.log(jnp.maximum(weights, 1e-9)), -jnp.inf)
    group = jnp.argmax(odds + jax.random.gumbel(k_group, odds.shape))
    drawn = prior.mean[group] + prior.deviation[group] * jax.random.normal(k_normal, prior.mean.shape[1:])
    size = studio.head.identity_basis.shape[-1]
    return Person(drawn[:size], drawn[size:], studio.group_sex[group])


def style(studio: Studio, number: Array) -> Style:
    """The manner of person `number`."""
    k_gain, k_rest, k_which, k_preference = jax.random.split(
        jax.random.fold_in(jax.random.fold_in(studio.people, 1), number), 4
    )
    config = studio.recipe.people
    count = studio.resting.shape
    some = studio.resting * jax.random.bernoulli(k_which, 1 / 3, count)
    return Style(
        gain=jnp.exp(config.style * jax.random.normal(k_gain, count)),
        rest=config.rest * jnp.abs(jax.random.normal(k_rest, count)) * some,
        preference=config.preference * jax.random.normal(k_preference, studio.prototypes.shape[:1]),
    )
