"""Sampling people, and the neutral face."""

import jax
import jax.numpy as jnp

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


def sample_person(key: Array, model: FaceModel) -> tuple[FaceParams, Array]:
    """Sample one neutral face; return it and the index of its group (`PopulationPrior.names`)."""
    k_group, k_normal = jax.random.split(key)
    prior = model.population
    group = jax.random.choice(k_group, prior.weights.shape[0], p=prior.weights)
    coefficients = prior.mean[group] + prior.deviation[group] * jax.random.normal(
        k_normal, prior.mean.shape[1:]
    )
    size = model.identity_basis.shape[-1]
    base = neutral(model)
    return FaceParams(coefficients[:size], base.expression, base.pose, coefficients[size:]), group


def standard_normal_prior(size: int) -> PopulationPrior:
    """Return the prior of `size` coefficients N(0, 1): FLAME's in Facing Asymmetry, section D."""
    return PopulationPrior(jnp.ones(1), jnp.zeros((1, size)), jnp.ones((1, size)), ("all",))
