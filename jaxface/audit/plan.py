"""From a config to the work: which groups there are, and which random keys they get.

A group is one identity before one classifier, with all its expressions; a cell is one expression of it.
Everything random in a cell follows from its own key, and groups are worked on in blocks of any composition, so
that a resumed run computes exactly what an uninterrupted one does, on any number of processes and of devices,
from two on (`core.sharding`).
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxface.audit.config import AuditConfig
from jaxface.core.types import Array

_POPULATION, _SEARCH, _TEST = range(3)


class WorkItem(NamedTuple):
    """One identity before one classifier.

    Attributes:
        classifier, identity: positions in the run's dimensions.
        expressions: positions, among the config's expressions, of those that the classifier knows.
    """

    classifier: int
    identity: int
    expressions: tuple[int, ...]


def work_items(config: AuditConfig, labels: Sequence[Sequence[str]]) -> tuple[WorkItem, ...]:
    """All groups, classifier by classifier; `labels` are each classifier's, in the vocabulary's names."""
    return tuple(
        WorkItem(index, identity, tuple(i for i, name in enumerate(config.expressions) if name in known))
        for index, known in enumerate(labels)
        for identity in range(config.identities)
        if any(name in known for name in config.expressions)
    )


def partition(todo: Sequence[WorkItem], process: int, processes: int) -> list[WorkItem]:
    """The groups of one process of several: every person belongs to one process, with all classifiers."""
    return [group for group in todo if group.identity % processes == process]


def blocks(todo: Sequence[WorkItem], size: int) -> Iterator[list[WorkItem]]:
    """Runs of at most `size` groups of one classifier."""
    for _, same in itertools.groupby(todo, key=lambda group: group.classifier):
        rest = list(same)
        for start in range(0, len(rest), size):
            yield rest[start : start + size]


def population_key(seed: int, identity: int) -> Array:
    """The key of a person: the same for all classifiers and population sizes.

    The same as entry `identity` of `face.sample_population(population_root(seed), head, n)`.
    """
    return jax.random.fold_in(population_root(seed), identity)


def population_root(seed: int) -> Array:
    """The key that `face.sample_population` takes for the run's people."""
    return jax.random.fold_in(jax.random.key(seed), _POPULATION)


def search_keys(seed: int, classifier: str, cells: Sequence[tuple[int, int]]) -> Array:
    """The keys of the searches of (identity, position among the group's expressions), one each.

    By the classifier's name, so that other classifiers do not matter.
    """
    named = jax.random.fold_in(
        jax.random.fold_in(jax.random.key(seed), _SEARCH), zlib.crc32(classifier.encode())
    )
    return _folded_twice(named, jnp.asarray(cells, jnp.uint32))


@jax.jit
def _folded_twice(key: Array, numbers: Array) -> Array:
    return jax.vmap(lambda pair: jax.random.fold_in(jax.random.fold_in(key, pair[0]), pair[1]))(numbers)


def statistics_key(seed: int) -> Array:
    """The key of the permutation test, shared by all surfaces, and of the confidence intervals."""
    return jax.random.fold_in(jax.random.key(seed), _TEST)
