"""Starting points of searches: hand-set prototypes, sparse random expressions, and uniform ones."""

from functools import partial

import jax
import jax.numpy as jnp

from jaxface.core.types import Array
from jaxface.search.config import SearchConfig
from jaxface.search.space import SearchSpace, clip

NEAR_NEUTRAL = 0.06
"""Standard deviations: in a box that begins at neutral, gradients start a little inside it."""


def near_neutral(space: SearchSpace) -> Array:
    """Return the neutral face, (E,), a little inside the box where neutral is a corner of it."""
    return jnp.where(space.lower < 0, 0.0, NEAR_NEUTRAL * space.std)


def sample_sparse(key: Array, space: SearchSpace, config: SearchConfig, limit: Array | None = None) -> Array:
    """Sample a random expression, (E,): a fraction of the coefficients is set, the others stay neutral.

    Uniform between neutral and the edge in a one-sided box, else normal. At least one is set.

    Args:
        limit: (N,) largest activation of each unit; None = 1.
    """
    k_mask, k_one, k_value = jax.random.split(key, 3)
    size = space.lower.shape[0]
    is_set = jax.random.bernoulli(k_mask, config.sparse_share, (size,))
    is_set = is_set.at[jax.random.choice(k_one, size)].set(True)
    is_one_sided = space.lower >= 0
    uniform = space.lower + (space.upper - space.lower) * jax.random.uniform(k_value, (size,))
    normal = space.std * jax.random.normal(k_value, (size,))
    return clip(space, jnp.where(is_set, jnp.where(is_one_sided, uniform, normal), 0.0), limit)


def sample_uniform(key: Array, space: SearchSpace, limit: Array | None = None) -> Array:
    """Sample an expression uniformly from the box, (E,); projections, if there are any, move it.

    Args:
        limit: (N,) largest activation of each unit; None = 1.
    """
    share = jax.random.uniform(key, space.lower.shape)
    return clip(space, space.lower + (space.upper - space.lower) * share, limit)


def sample_random(key: Array, space: SearchSpace, config: SearchConfig, limit: Array | None = None) -> Array:
    """Sample a random expression, (E,): uniform where the config says so, else sparse."""
    if config.initialization == "uniform":
        return sample_uniform(key, space, limit)
    return sample_sparse(key, space, config, limit)


@partial(jax.jit, static_argnames="config")
def first_population(key: Array, space: SearchSpace, target: Array, config: SearchConfig) -> Array:
    """Return the first generation of one case, (population, E), as `SearchConfig.initialization` says.

    With prototypes: each of them as it is, then copies of strength .5-1.2 with `jitter`, and every third
    member sparse random. A class without prototypes: all sparse random.
    """
    count = config.population
    k_random, k_which, k_strength, k_jitter = jax.random.split(key, 4)
    limit = None if space.activation_limits is None else space.activation_limits[target]
    random = jax.vmap(lambda k: sample_random(k, space, config, limit))(jax.random.split(k_random, count))
    if config.initialization != "prototypes":
        return random
    has_prototype = space.has_prototype[target]
    has_any = jnp.any(has_prototype)
    weights = jnp.where(has_any, has_prototype, True) / jnp.sum(jnp.where(has_any, has_prototype, True))
    which = jax.random.choice(k_which, has_prototype.shape[0], (count,), p=weights)
    strength = jax.random.uniform(k_strength, (count, 1), minval=0.5, maxval=1.2)
    noise = config.jitter * space.std[None, :] * jax.random.normal(k_jitter, random.shape)
    has_noise = jax.random.bernoulli(k_jitter, config.sparse_share, random.shape)
    copies = strength * space.prototypes[target][which] + jnp.where(has_noise, noise, 0.0)
    copies = clip(space, copies, None if limit is None else limit[None])
    is_random = (jnp.arange(count) % 3 == 2) | ~has_any
    population = jnp.where(is_random[:, None], random, copies)
    exact = min(has_prototype.shape[0], count)
    return population.at[:exact].set(
        jnp.where(has_prototype[:exact, None], space.prototypes[target][:exact], population[:exact])
    )
