"""How fast is the permutation test? Against Algorithm 1 of Facing Asymmetry as a NumPy loop."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from jaxface.bench.harness import measure
from jaxface.stats import permutation_test


@dataclass(frozen=True)
class Settings:
    """How much is tested."""

    permutations: int = 10_000
    """Shuffles of a surface."""

    surfaces: int = 1200
    """Surfaces of 10 x 90."""

    loop: int = 2000
    """Shuffles of one surface that the NumPy loop is timed on; its time is scaled up."""

    repeats: int = 5
    """Calls, of which the quickest counts."""


def run(settings: Settings) -> Iterator[dict[str, Any]]:
    """One row."""
    surfaces = np.random.default_rng(0).normal(size=(settings.surfaces, 10, 90)).astype(np.float32)
    key = jax.random.key(0)
    times = measure(lambda: permutation_test(surfaces, key, settings.permutations), repeats=settings.repeats)
    loop = numpy_seconds(surfaces[0], settings.loop) * settings.permutations * settings.surfaces
    yield {
        "name": "permutation-test",
        "permutations": settings.permutations,
        "surfaces": settings.surfaces,
        "grid": [10, 90],
        **times,
        "numpy_loop_s": loop,
        "times_faster": loop / times["run_s"],
    }


def numpy_seconds(surface: np.ndarray, shuffles: int) -> float:
    """Seconds one shuffle of one surface takes in a NumPy loop of Algorithm 1."""
    rng = np.random.default_rng(0)
    observed = abs(np.gradient(surface, axis=0).mean())
    count = 0
    began = time.perf_counter()
    for _ in range(shuffles):
        count += abs(np.gradient(rng.permuted(surface, axis=0), axis=0).mean()) > observed
    return (time.perf_counter() - began) / shuffles
