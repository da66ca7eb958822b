"""Time of the tests of conditional independence, and how often they reject.

* Time of each test at several sizes, under a continuous Z.
* How often each rejects true and false nulls at a level, with the binomial interval
  (Clopper-Pearson, 95 %). "majority" is the vote of chsic, cmiknn and fcit on the same data.

`python -m benchmarks.tigramite_peer` times CMIknn beside tigramite's.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import numpy as np

from jaxface.bench.harness import measure
from jaxface.bench.settings import IndependenceSettings
from jaxface.core.errors import ConfigError
from jaxface.stats import chsic, cmiknn
from jaxface.stats.independence import TESTS, VOTERS

Samples = tuple[np.ndarray, np.ndarray, np.ndarray | None]

CONDITIONS = ("none", "label", "label, binary x", "continuous", "continuous, sharp")
ALPHAS = (0.05, 0.01)
_MAX_NORMALISED = 1000  # samples; 200 Cholesky factors of more take minutes


def run(settings: IndependenceSettings) -> Iterator[dict[str, Any]]:
    """Yield rows of times, then of rejections."""
    for size in settings.sizes:
        yield from _time_rows(size, settings)
    if settings.sets:
        for condition in CONDITIONS:
            for dependent in (False, True):
                yield from _rejection_rows(condition, dependent, settings)


def simulate(condition: str, dependent: bool, samples: int, effect: float, rng: np.random.Generator) -> Samples:
    """Draw X, Y and Z, each (samples,); Z is None for "none".

    X and Y both depend on Z. If `dependent`, Y also depends on the part of X that Z does not
    explain.

    Raises:
        ConfigError: an unknown condition.
    """
    if condition not in CONDITIONS:
        raise ConfigError(f"unknown condition {condition!r}; there are {CONDITIONS}")
    own, noise = rng.normal(size=(2, samples))
    weight = effect * dependent
    if condition == "none":
        return own, noise + weight * own, None
    if condition.startswith("label"):
        label = rng.integers(0, 6, samples)
        x = own + 0.5 * label
        if condition == "label, binary x":
            x = own = (own > 0.2 * (label - 2.5)).astype(float)
            weight *= 2  # a binary X has half the spread
        return x, noise + np.cos(label) + weight * own, label
    z = rng.normal(size=samples)
    if condition == "continuous":
        return z + own, z + noise + weight * own, z
    return np.sin(2 * z) + 0.3 * own, z**2 + 0.3 * noise + weight * 0.3 * own, z


def _time_rows(size: int, settings: IndependenceSettings) -> Iterator[dict[str, Any]]:
    x, y, z = simulate("continuous", False, size, settings.effect, np.random.default_rng(0))
    tests: dict[str, Callable[..., Any]] = {**TESTS, "cmiknn": partial(cmiknn, surrogates=settings.surrogates)}
    if size <= _MAX_NORMALISED:
        tests["chsic, normalised"] = partial(chsic, form="normalised")
    for name, test in tests.items():
        timing = measure(test, x, y, z, jax.random.key(0), repeats=settings.repeats)
        yield {"name": f"time/{name}", "samples": size, **timing}


def _rejection_rows(
    condition: str, dependent: bool, settings: IndependenceSettings
) -> Iterator[dict[str, Any]]:
    from scipy.stats import binomtest

    tests = dict(TESTS)
    if condition.startswith("continuous"):
        tests["chsic, 10 clusters"] = partial(chsic, clusters=10)
    p_values: dict[str, list[float]] = {name: [] for name in tests}
    for index in range(settings.sets):
        rng = np.random.default_rng(index)
        x, y, z = simulate(condition, dependent, settings.samples, settings.effect, rng)
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
    """Return (sets,) bool by test: which data sets it rejects; "majority" is that of the voters."""
    rejections = {name: np.array(values) <= alpha for name, values in p_values.items()}
    return {**rejections, "majority": np.sum([rejections[name] for name in VOTERS], axis=0) >= 2}
