"""Sampling people."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxface import face
from jaxface.face import FaceModel, PopulationPrior, neutral, sample_population
from jaxface.face.population import balanced_groups, sample_person, standard_normal_prior
from tests.heads import toy_head


def two_groups() -> FaceModel:
    """A toy head whose population is one in four at +10 and three in four at -10, in all coefficients."""
    prior = PopulationPrior(
        weights=jnp.array([0.25, 0.75]),
        mean=jnp.stack([jnp.full(4, 10.0), jnp.full(4, -10.0)]),
        deviation=jnp.full((2, 4), 0.5),
        names=("up", "down"),
    )
    return dataclasses.replace(toy_head(), population=prior)


def test_the_first_of_many_are_the_few(key: jax.Array) -> None:
    few, many = sample_population(key, toy_head(), 3), sample_population(key, toy_head(), 11)
    for short, long in zip(jax.tree.leaves(few), jax.tree.leaves(many), strict=True):
        np.testing.assert_array_equal(short, long[:3])


def test_people_differ_and_keys_differ(key: jax.Array) -> None:
    identity = np.asarray(sample_population(key, toy_head(), 50).identity)
    other = np.asarray(sample_population(jax.random.key(1), toy_head(), 50).identity)
    assert len(np.unique(identity, axis=0)) == 50
    assert not np.isclose(identity, other).all(axis=1).any()


def test_people_are_sampled_neutral_and_straight(key: jax.Array) -> None:
    people = sample_population(key, toy_head(), 5)
    assert people.identity.shape == (5, 2) and people.albedo.shape == (5, 2)
    assert people.expression.shape == (5, 4) and people.pose.shape == (5, 5, 3)
    np.testing.assert_array_equal(people.expression, 0.0)
    np.testing.assert_array_equal(people.pose, 0.0)


def test_the_standard_prior_is_standard_normal_and_independent(key: jax.Array) -> None:
    people = sample_population(key, toy_head(), 4000)
    samples = np.concatenate([people.identity, people.albedo], axis=1)
    # Five standard errors at n = 4000.
    np.testing.assert_allclose(samples.mean(0), 0.0, atol=5 / np.sqrt(4000))
    np.testing.assert_allclose(np.cov(samples.T), np.eye(4), atol=5 * np.sqrt(2 / 4000))


def test_a_mixture_is_sampled_in_its_shares_and_tells_the_group(key: jax.Array) -> None:
    model = two_groups()
    people, groups = jax.vmap(lambda k: sample_person(k, model))(jax.random.split(key, 2000))
    share = float(np.mean(np.asarray(groups) == 0))
    assert abs(share - 0.25) < 5 * np.sqrt(0.25 * 0.75 / 2000)
    expected = np.where(np.asarray(groups)[:, None] == 0, 10.0, -10.0)
    samples = np.concatenate([people.identity, people.albedo], axis=1)
    assert np.abs(samples - expected).max() < 5
    np.testing.assert_allclose((samples - expected).std(), 0.5, rtol=0.05)


@pytest.mark.parametrize("seed", range(5))
def test_balanced_groups_are_mixed_from_the_first_person_on(seed: int) -> None:
    """Independent draws of the bundled head begin with three people of one group for seed 0."""
    head = face.load("bundled")
    key = jax.random.key(seed)
    groups = balanced_groups(key, head, 200)
    weights = np.asarray(head.population.weights)
    counts = np.cumsum(np.eye(len(weights))[groups], axis=0)
    expected = weights * np.arange(1, 201)[:, None]
    assert (np.abs(counts - expected) < 1.5).all()
    assert len(set(groups[:4].tolist())) == 4
    np.testing.assert_array_equal(balanced_groups(key, head, 50), groups[:50])


def test_a_group_can_be_asked_for(key: jax.Array) -> None:
    people, groups = jax.vmap(lambda k: sample_person(k, two_groups(), 1))(jax.random.split(key, 50))
    assert (np.asarray(groups) == 1).all() and (np.asarray(people.identity) < 0).all()


def test_neutral_has_the_mean_albedo_and_no_expression() -> None:
    base = neutral(two_groups())
    np.testing.assert_allclose(base.albedo, 0.25 * 10 - 0.75 * 10)
    assert base.identity.shape == (2,) and not base.identity.any() and not base.expression.any()


def test_the_standard_prior_of_a_size() -> None:
    prior = standard_normal_prior(7)
    assert prior.mean.shape == prior.deviation.shape == (1, 7) and prior.names == ("all",)
