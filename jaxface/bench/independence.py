"""What do the tests of conditional independence cost, and what are their answers worth?

* Time of each at several sizes, under a continuous Z; CMIknn also against tigramite, where a Python that has
  it is named: the same data and settings, in CPU seconds of one process each.
* How often each rejects true and false nulls at a level, with the binomial interval (Clopper-Pearson, 95 %).
  "majority" is the vote of chsic, cmiknn and fcit on the same data.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np

from jaxface.bench.harness import measure
from jaxface.core.errors import ConfigError
from jaxface.stats import IndependenceResult, chsic, cmiknn, fcit, kci
from jaxface.stats.independence import VOTERS

Simulated = tuple[np.ndarray, np.ndarray, np.ndarray | None]

CONDITIONS = ("none", "label", "label, binary x", "continuous", "continuous, sharp")
ALPHAS = (0.05, 0.01)
_NORMALISED_MOST = 1000  # samples; 200 Cholesky factors of more take minutes

_PEER = """
import json, sys, time
import numpy as np, tigramite
from tigramite.independence_tests.cmiknn import CMIknn
data = json.loads(sys.stdin.read())
x, y, z = (np.array(data[name])[:, None] for name in "xyz")
settings = dict(knn=0.1, shuffle_neighbors=5, significance="shuffle_test", workers=1)
CMIknn(sig_samples=5, **settings).run_test_raw(x[:100], y[:100], z[:100])
wall, cpu = time.perf_counter(), time.process_time()
statistic, p_value = CMIknn(sig_samples=data["surrogates"], **settings).run_test_raw(x, y, z)
print(json.dumps({"run_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu,
                  "statistic": float(statistic), "p_value": float(p_value)}))
"""


@dataclass(frozen=True)
class Settings:
    """How much is tested."""

    sizes: tuple[int, ...] = (200, 500, 1000, 2000)
    """Samples of the timed tests."""

    surrogates: int = 500
    """Shuffles of CMIknn."""

    repeats: int = 2
    """Timed calls, of which the quickest counts."""

    peer: str = ""
    """A Python executable that has tigramite; "" leaves the comparison out."""

    peer_size: int = 1000
    """Samples of the comparison."""

    samples: int = 200
    """Samples of each simulated data set."""

    sets: int = 200
    """Simulated data sets of each kind; 0 leaves them out."""

    effect: float = 0.5
    """What a dependent Y hears of X, whose own noise has a standard deviation of 1 (.3 when sharp)."""


def run(settings: Settings) -> Iterator[dict[str, Any]]:
    """Rows of times, then of rejections."""
    for size in settings.sizes:
        yield from _times(size, settings)
    if settings.peer:
        yield _against_peer(settings)
    if settings.sets:
        for condition in CONDITIONS:
            for dependent in (False, True):
                yield from _rejections(condition, dependent, settings)


def simulated(
    condition: str, dependent: bool, samples: int, effect: float, rng: np.random.Generator
) -> Simulated:
    """X, Y and Z; X and Y both hear Z, and Y hears the part of X that is its own if `dependent`.

    Raises:
        ConfigError: an unknown condition.
    """
    if condition not in CONDITIONS:
        raise ConfigError(f"unknown condition {condition!r}; known: {CONDITIONS}")
    own, noise = rng.normal(size=(2, samples))
    heard = effect * dependent
    if condition == "none":
        return own, noise + heard * own, None
    if condition.startswith("label"):
        label = rng.integers(0, 6, samples)
        x = own + 0.5 * label
        if condition == "label, binary x":
            x = own = (own > 0.2 * (label - 2.5)).astype(float)
            heard *= 2  # a binary X has half the spread
        return x, noise + np.cos(label) + heard * own, label
    z = rng.normal(size=samples)
    if condition == "continuous":
        return z + own, z + noise + heard * own, z
    return np.sin(2 * z) + 0.3 * own, z**2 + 0.3 * noise + heard * 0.3 * own, z


def _times(size: int, settings: Settings) -> Iterator[dict[str, Any]]:
    x, y, z = simulated("continuous", False, size, settings.effect, np.random.default_rng(0))
    tests: dict[str, Callable[..., IndependenceResult]] = {
        "fcit": fcit,
        "cmiknn": partial(cmiknn, surrogates=settings.surrogates),
        "chsic": chsic,
        "kci": kci,
    }
    if size <= _NORMALISED_MOST:
        tests["chsic, normalised"] = partial(chsic, form="normalised")
    for name, test in tests.items():
        times = measure(test, x, y, z, jax.random.key(0), repeats=settings.repeats)
        yield {"name": f"time/{name}", "samples": size, **times}


def _against_peer(settings: Settings) -> dict[str, Any]:
    x, y, z = simulated("continuous", False, settings.peer_size, settings.effect, np.random.default_rng(0))
    data = {name: np.asarray(values).tolist() for name, values in zip("xyz", (x, y, z), strict=True)}
    test, key = partial(cmiknn, surrogates=settings.surrogates), jax.random.key(0)
    ours = measure(test, x, y, z, key, repeats=settings.repeats)
    done = subprocess.run(
        [settings.peer, "-c", _PEER],
        input=json.dumps(data | {"surrogates": settings.surrogates}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ConfigError(f"{settings.peer} could not run tigramite: {done.stderr.strip().splitlines()[-1:]}")
    theirs, result = json.loads(done.stdout.splitlines()[-1]), test(x, y, z, key)
    return {
        "name": "cmiknn against tigramite",
        "samples": settings.peer_size,
        "surrogates": settings.surrogates,
        **ours,
        "statistic": result.statistic,
        "p_value": result.p_value,
        **{f"peer_{name}": value for name, value in theirs.items()},
        "times_faster": theirs["cpu_s"] / ours["cpu_s"],
    }


def _rejections(condition: str, dependent: bool, settings: Settings) -> Iterator[dict[str, Any]]:
    from scipy.stats import binomtest

    tests: dict[str, Callable[..., IndependenceResult]] = {
        "fcit": fcit,
        "cmiknn": cmiknn,
        "chsic": chsic,
        "kci": kci,
    }
    if condition.startswith("continuous"):
        tests["chsic, 10 clusters"] = partial(chsic, clusters=10)
    p_values: dict[str, list[float]] = {name: [] for name in tests}
    for index in range(settings.sets):
        rng = np.random.default_rng(index)
        x, y, z = simulated(condition, dependent, settings.samples, settings.effect, rng)
        for name, test in tests.items():
            p_values[name].append(test(x, y, z, jax.random.key(index)).p_value)
    votes = {alpha: _votes(p_values, alpha) for alpha in ALPHAS}
    for name in votes[ALPHAS[0]]:
        row: dict[str, Any] = {
            "name": f"rejections/{name}",
            "condition": condition,
            "dependent": dependent,
            "samples": settings.samples,
            "sets": settings.sets,
        }
        for alpha in ALPHAS:
            count = int(votes[alpha][name].sum())
            interval = binomtest(count, settings.sets).proportion_ci()
            row |= {
                f"at_{alpha}": count / settings.sets,
                f"low_{alpha}": interval.low,
                f"high_{alpha}": interval.high,
            }
        yield row


def _votes(p_values: dict[str, list[float]], alpha: float) -> dict[str, np.ndarray]:
    """Which data sets each test rejects, and which most of the voters do."""
    rejected = {name: np.array(values) <= alpha for name, values in p_values.items()}
    return {**rejected, "majority": np.sum([rejected[name] for name in VOTERS], axis=0) >= 2}
