"""Time of the permutation test, beside Algorithm 1 of Facing Asymmetry as a NumPy loop."""

import time
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from jaxface.bench.harness import measure
from jaxface.bench.settings import PermutationSettings
from jaxface.stats import permutation_test


def run(settings: PermutationSettings) -> Iterator[dict[str, Any]]:
    """Yield one row: the time of all tests, and the scaled time of the NumPy loop."""
    surfaces = np.random.default_rng(0).normal(size=(settings.surfaces, 10, 90)).astype(np.float32)
    key = jax.random.key(0)
    timing = measure(lambda: permutation_test(surfaces, key, settings.permutations), repeats=settings.repeats)
    loop_s = shuffle_seconds(surfaces[0], settings.loop) * settings.permutations * settings.surfaces
    yield {
        "name": "permutation-test",
        "permutations": settings.permutations,
        "surfaces": settings.surfaces,
        "grid": [10, 90],
        **timing,
        "numpy_loop_s": loop_s,
        "times_faster": loop_s / timing["run_s"],
    }


def shuffle_seconds(surface: np.ndarray, shuffles: int) -> float:
    """Return the seconds that one shuffle of a surface (S, T) takes in a NumPy loop of Algorithm 1."""
    random = np.random.default_rng(0)
    score = abs(np.gradient(surface, axis=0).mean())
    count = 0
    start = time.perf_counter()
    for _ in range(shuffles):
        count += abs(np.gradient(random.permuted(surface, axis=0), axis=0).mean()) > score
    return (time.perf_counter() - start) / shuffles
