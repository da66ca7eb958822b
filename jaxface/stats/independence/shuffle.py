"""Shuffles of samples that keep what they are conditioned on: the null of the permutation tests."""

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.core.types import Array

_CHUNK = 100  # shuffles held at once


def orders(key: Array, groups: Array, count: int) -> Iterator[Array]:
    """At least `count` shuffles in chunks of (100, n) int32; number b depends on the key, `groups` and b alone.

    Args:
        groups: (n,) classes to shuffle within, or (n, k) neighbours to shuffle between.
    """
    for start in range(0, count, _CHUNK):
        yield _shuffle(key, jnp.arange(start, start + _CHUNK), groups)


def null(statistic: Callable[[Array], np.ndarray], key: Array, groups: np.ndarray, count: int) -> np.ndarray:
    """(count,) values of a statistic, orders (B, n) -> (B,), under `orders`."""
    shuffles = orders(key, jnp.asarray(groups), count)
    return np.concatenate([statistic(each) for each in shuffles])[:count]


def within_classes(key: Array, classes: Array) -> Array:
    """(n,) int32 uniform permutation that moves samples only inside their class; classes (n,) integers."""
    places = jnp.arange(len(classes), dtype=jnp.int32)
    bits = jax.random.bits(key, classes.shape)
    _, _, order = jax.lax.sort((classes, bits, places), num_keys=2)
    return jnp.zeros_like(places).at[jnp.argsort(classes, stable=True)].set(order)


def between_neighbours(key: Array, neighbours: Array) -> Array:
    """(n,) int32: each sample takes the place of one of its neighbours, few of which are taken twice.

    Samples choose in random order, uniformly among those of their neighbours that nobody took, or among all
    when none is left (Runge 2018, Algorithm 1).

    Args:
        neighbours: (n, k) int32 indices of the nearest samples in Z, a sample itself among them.
    """
    n = len(neighbours)
    k_order, k_choice = jax.random.split(key)
    order = jax.random.permutation(k_order, n)
    lots = jax.random.uniform(k_choice, neighbours.shape)

    def choose(step: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        occupancy, places = state
        sample = order[step]
        near = neighbours[sample]
        place = near[jnp.argmin(lots[sample] + occupancy[near])]
        return occupancy.at[place].set(1.0), places.at[sample].set(place)

    start = jnp.zeros(n, jnp.float32), jnp.zeros(n, jnp.int32)
    return jax.lax.fori_loop(0, n, choose, start)[1]


@jax.jit
def _shuffle(key: Array, numbers: Array, groups: Array) -> Array:
    draw = within_classes if groups.ndim == 1 else between_neighbours
    return jax.vmap(lambda number: draw(jax.random.fold_in(key, number), groups))(numbers)
