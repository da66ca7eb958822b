"""Sampling people, and the neutral face."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core.types import Array
from jaxface.face.model import FaceModel, FaceParams, PopulationPrior


def neutral(model: FaceModel) -> FaceParams:
    """Return the mean head without expression or pose, with the population's mean albedo."""
    size = model.identity_basis.shape[-1]
    mean = model.population.weights @ model.population.mean
    return FaceParams(
        identity=jnp.zeros(size),
        expression=jnp.zeros(model.expression_basis.shape[-1]),
        pose=jnp.zeros((len(model.parents), 3)),
        albedo=mean[size:],
    )


def sample_population(key: Array, model: FaceModel, n: int) -> FaceParams:
    """Sample n neutral faces of different people: `FaceParams` with a leading axis n.

    Person i depends on the key and on i alone: the first ten of 200 are the ten of 10.
    """
    return _sample_batch(key, model, jnp.arange(n))


@jax.jit
def _sample_batch(key: Array, model: FaceModel, indices: Array) -> FaceParams:
    return jax.vmap(lambda index: sample_person(jax.random.fold_in(key, index), model)[0])(indices)


def sample_person(key: Array, model: FaceModel, group: Array | int | None = None) -> tuple[FaceParams, Array]:
    """Sample one neutral face; return it and the index of its group (`PopulationPrior.names`).

    Args:
        group: the person's; None = sample it by the groups' weights.
    """
    k_group, k_normal = jax.random.split(key)
    prior = model.population
    if group is None:
        group = jax.random.choice(k_group, prior.weights.shape[0], p=prior.weights)
    group = jnp.asarray(group)
    coefficients = prior.mean[group] + prior.deviation[group] * jax.random.normal(
        k_normal, prior.mean.shape[1:]
    )
    size = model.identity_basis.shape[-1]
    base = neutral(model)
    return FaceParams(coefficients[:size], base.expression, base.pose, coefficients[size:]), group


def balanced_groups(key: Array, model: FaceModel, n: int) -> np.ndarray:
    """Return (n,) groups of a population in which the first people, however many, are as mixed as it is.

    Independent draws may begin with three people of one group. Here each group's count among the first i people
    is within one of i times its weight plus an offset in (-1, 0), which the key decides; so person i depends on
    the key and on i alone.
    """
    weights = np.asarray(model.population.weights, np.float64)
    weights = weights / weights.sum()
    counts = np.asarray(jax.random.uniform(key, weights.shape), np.float64)
    groups = np.empty(n, np.int32)
    for i in range(n):
        groups[i] = np.argmax(weights * (i + 1) - counts)
        counts[groups[i]] += 1
    return groups


def standard_normal_prior(size: int) -> PopulationPrior:
    """Return the prior of `size` coefficients N(0, 1): FLAME's in Facing Asymmetry, section D."""
    return PopulationPrior(jnp.ones(1), jnp.zeros((1, size)), jnp.ones((1, size)), ("all",))
