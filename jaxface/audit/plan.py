"""From a config to the work: which work items there are, and which random keys they get.

A work item is one identity before one classifier, with all its expressions; a cell is one expression of it.
Everything random in a cell follows from its own key, and items are worked on in blocks of any composition, so
that a resumed run computes exactly what an uninterrupted one does, on any number of processes and of devices,
from two on (`core.sharding`).
"""

import functools
import itertools
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np

from jaxface.audit.config import AuditConfig
from jaxface.core.arrays import on_device
from jaxface.core.runtime import brief
from jaxface.core.types import Array

_POPULATION, _SEARCH, _TEST = range(3)


class WorkItem(NamedTuple):
    """One identity before one classifier.

    Attributes:
        classifier: its name, which is unique in a run.
        identity: position in the population.
        expressions: those of the config that the classifier can answer, in the config's order.
    """

    classifier: str
    identity: int
    expressions: tuple[str, ...]


def work_items(config: AuditConfig, labels: Mapping[str, Sequence[str]]) -> tuple[WorkItem, ...]:
    """Return all work items, classifier by classifier.

    Args:
        labels: each classifier's, by its name.
    """
    items = []
    for classifier, own in labels.items():
        expressions = tuple(name for name in config.expressions if name in own)
        if expressions:
            items += [WorkItem(classifier, identity, expressions) for identity in range(config.identities)]
    return tuple(items)


def partition(items: Sequence[WorkItem], process: int, processes: int) -> list[WorkItem]:
    """Return the items of one process of several: every person belongs to one process, with all classifiers."""
    return [item for item in items if item.identity % processes == process]


def blocks(items: Sequence[WorkItem], size: int) -> Iterator[list[WorkItem]]:
    """Cut into runs of at most `size` items of one classifier."""
    for _, same in itertools.groupby(items, key=lambda item: item.classifier):
        rest = list(same)
        for start in range(0, len(rest), size):
            yield rest[start : start + size]


def population_key(seed: int, identity: int) -> Array:
    """Return the key of a person: the same for all classifiers and population sizes.

    Their group is entry `identity` of `face.population.balanced_groups(population_root(seed), head, n)`.
    """
    return jax.random.fold_in(population_root(seed), identity)


def population_root(seed: int) -> Array:
    """Return the key of the run's people and of the order of their groups."""
    return jax.random.fold_in(jax.random.key(seed), _POPULATION)


def search_keys(seed: int, classifier: str, cells: Sequence[tuple[int, int]]) -> Array:
    """Return the keys of the searches of (identity, position among the item's expressions), one each.

    They follow from the classifier's name, so that other classifiers do not matter.
    """
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), _SEARCH), zlib.crc32(classifier.encode()))
    return _fold_twice(key, on_device(cells, np.uint32))


@brief
def _fold_twice(key: Array, numbers: Array) -> Array:
    return jax.vmap(lambda pair: jax.random.fold_in(jax.random.fold_in(key, pair[0]), pair[1]))(numbers)


@functools.cache
def statistics_key(seed: int) -> Array:
    """Return the key of the permutation test, shared by all surfaces, and of the confidence intervals."""
    return jax.random.fold_in(jax.random.key(seed), _TEST)
