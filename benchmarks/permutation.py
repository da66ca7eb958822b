"""How fast is the permutation test?

    python -m benchmarks.permutation

10,000 permutations of 1,200 surfaces of 10 x 90 against Algorithm 1 as a NumPy loop, which is timed on
`--loop` shuffles of one surface and scaled up. Compile time apart from run time.
"""

from __future__ import annotations

import argparse
import time

import jax
import numpy as np

from benchmarks.harness import measure, report
from jaxface.stats import permutation_test


def numpy_seconds(surface: np.ndarray, shuffles: int) -> float:
    """Seconds one shuffle of one surface takes in a NumPy loop of Algorithm 1."""
    rng = np.random.default_rng(0)
    observed = abs(np.gradient(surface, axis=0).mean())
    count = 0
    began = time.perf_counter()
    for _ in range(shuffles):
        count += abs(np.gradient(rng.permuted(surface, axis=0), axis=0).mean()) > observed
    return (time.perf_counter() - began) / shuffles


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--permutations", type=int, default=10_000)
    parser.add_argument("--surfaces", type=int, default=1200)
    parser.add_argument("--loop", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    surfaces = np.random.default_rng(0).normal(size=(options.surfaces, 10, 90)).astype(np.float32)
    key = jax.random.key(0)
    times = measure(lambda: permutation_test(surfaces, key, options.permutations), repeats=options.repeats)
    loop = numpy_seconds(surfaces[0], options.loop) * options.permutations * options.surfaces
    report(
        "permutation",
        name="permutation-test",
        permutations=options.permutations,
        surfaces=options.surfaces,
        grid=[10, 90],
        **times,
        numpy_loop_s=loop,
        times_faster=loop / times["run_s"],
    )


if __name__ == "__main__":
    main()
