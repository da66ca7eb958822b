"""From a config to the work: which groups there are, and which random keys they get.

A group is one identity before one classifier, with all its expressions; a cell is one expression of it.
Groups are searched, rendered and written as one, whatever else has been done already, so that a resumed run
computes exactly what an uninterrupted one does.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import NamedTuple

import jax

from jaxface.audit.config import AuditConfig
from jaxface.core.types import Array

_POPULATION, _SEARCH, _TEST = range(3)


class Group(NamedTuple):
    """One identity before one classifier.

    Attributes:
        classifier, identity: positions in the run's dimensions.
        expressions: positions, among the config's expressions, of those that the classifier knows.
    """

    classifier: int
    identity: int
    expressions: tuple[int, ...]


def groups(config: AuditConfig, labels: Sequence[Sequence[str]]) -> tuple[Group, ...]:
    """All groups, classifier by classifier; `labels` are each classifier's, in the vocabulary's names."""
    return tuple(
        Group(index, identity, tuple(i for i, name in enumerate(config.expressions) if name in known))
        for index, known in enumerate(labels)
        for identity in range(config.identities)
        if any(name in known for name in config.expressions)
    )


def population_key(seed: int, identity: int) -> Array:
    """The key of a person: the same for all classifiers and population sizes.

    The same as entry `identity` of `face.sample_population(population_root(seed), head, n)`.
    """
    return jax.random.fold_in(population_root(seed), identity)


def population_root(seed: int) -> Array:
    """The key that `face.sample_population` takes for the run's people."""
    return jax.random.fold_in(jax.random.key(seed), _POPULATION)


def search_key(seed: int, classifier: str, identity: int) -> Array:
    """The key of a group's search: by the classifier's name, so that other classifiers do not matter."""
    named = jax.random.fold_in(
        jax.random.fold_in(jax.random.key(seed), _SEARCH), zlib.crc32(classifier.encode())
    )
    return jax.random.fold_in(named, identity)


def judging_key(seed: int) -> Array:
    """The key of the permutation test, shared by all surfaces, and of the confidence intervals."""
    return jax.random.fold_in(jax.random.key(seed), _TEST)
