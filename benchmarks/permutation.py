"""How fast is the permutation test? `python benchmarks/permutation.py` prints JSON lines.

10,000 permutations of 1,200 surfaces of 10 x 90 against Algorithm 1 as a NumPy loop, which is timed on
`--loop` shuffles of one surface and scaled up. Compile time apart from run time (median of `--repeats`).
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import jax
import numpy as np

from jaxface.core import runtime
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
    runs = []
    for repeat in range(options.repeats + 1):
        began = time.perf_counter()
        permutation_test(surfaces, jax.random.key(repeat), permutations=options.permutations)
        runs.append(time.perf_counter() - began)
    run = statistics.median(runs[1:])
    loop = numpy_seconds(surfaces[0], options.loop) * options.permutations * options.surfaces
    line = {
        "name": "permutation-test",
        "permutations": options.permutations,
        "surfaces": options.surfaces,
        "grid": [10, 90],
        "compile_s": round(runs[0] - run, 3),
        "run_s": round(run, 3),
        "numpy_loop_s": round(loop, 1),
        "times_faster": round(loop / run),
        "device": jax.devices()[0].device_kind,
        "jax": jax.__version__,
        "commit": runtime.git_commit(Path(__file__).parent),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
