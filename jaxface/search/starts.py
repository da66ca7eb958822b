"""Where searches begin: hand-set prototypes, and sparse random expressions."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.search.config import SearchConfig
from jaxface.search.space import SearchSpace, clip

NEAR_NEUTRAL = 0.06
"""Standard deviations: in a box that begins at neutral, gradients are taken from a little inside it."""


def near_neutral(space: SearchSpace) -> Array:
    """The neutral face, (E,), a little inside the box where neutral is a corner of it."""
    return jnp.where(space.lower < 0, 0.0, NEAR_NEUTRAL * space.deviation)


def sample_sparse(key: Array, space: SearchSpace, config: SearchConfig, ceiling: Array | None = None) -> Array:
    """A random expression, (E,): a share of the coefficients is set, the others stay neutral.

    Uniform between neutral and the edge in a one-sided box, else normal. At least one is set.
    """
    k_which, k_one, k_value = jax.random.split(key, 3)
    size = space.lower.shape[0]
    chosen = jax.random.bernoulli(k_which, config.sparse_share, (size,))
    chosen = chosen.at[jax.random.choice(k_one, size)].set(True)
    one_sided = space.lower >= 0
    uniform = space.lower + (space.upper - space.lower) * jax.random.uniform(k_value, (size,))
    normal = space.deviation * jax.random.normal(k_value, (size,))
    return clip(space, jnp.where(chosen, jnp.where(one_sided, uniform, normal), 0.0), ceiling)


@partial(jax.jit, static_argnames="config")
def first_population(key: Array, space: SearchSpace, target: Array, config: SearchConfig) -> Array:
    """The first generation of one case, (population, E).

    With prototypes: each of them as it is, then copies of strength .5-1.2 that are moved off by `jitter`,
    every third member sparse random. Without: all sparse random.
    """
    count = config.population
    k_sparse, k_which, k_strength, k_jitter = jax.random.split(key, 4)
    ceiling = None if space.ceilings is None else space.ceilings[target]
    random = jax.vmap(lambda k: sample_sparse(k, space, config, ceiling))(jax.random.split(k_sparse, count))
    known = space.known[target]
    any_known = jnp.any(known)
    share = jnp.where(any_known, known, True) / jnp.sum(jnp.where(any_known, known, True))
    which = jax.random.choice(k_which, known.shape[0], (count,), p=share)
    strength = jax.random.uniform(k_strength, (count, 1), minval=0.5, maxval=1.2)
    moved = config.jitter * space.deviation[None, :] * jax.random.normal(k_jitter, random.shape)
    off = jax.random.bernoulli(k_jitter, config.sparse_share, random.shape)
    around = strength * space.prototypes[target][which] + jnp.where(off, moved, 0.0)
    around = clip(space, around, None if ceiling is None else ceiling[None])
    member = jnp.arange(count)
    keep_random = (member % 3 == 2) | ~any_known
    population = jnp.where(keep_random[:, None], random, around)
    exact = min(known.shape[0], count)
    return population.at[:exact].set(
        jnp.where(known[:exact, None], space.prototypes[target][:exact], population[:exact])
    )
