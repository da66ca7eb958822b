"""Benchmarks: the cost of rendering, classifying, searching, testing and whole audits on this machine.

Each suite is a module with `run(settings) -> Iterator[dict]`, one row per case; its settings are in
`bench.settings`. Comparisons with other programs are in `benchmarks/`, which is no part of the package.
"""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from jaxface.bench import settings
from jaxface.core.errors import ConfigError, suggestion

SUITES: dict[str, str] = {
    "render": "images of one person at many expressions, and value with gradient",
    "data": "rendered training sets, augmentation and batches, per image",
    "classify": "logits, and value with gradient, of each classifier",
    "train": "a training step, beside the same step in a plain Flax and optax loop",
    "search": "renders and CPU time until a search succeeds",
    "compile": "programs compiled for a TPU or GPU that is not here: size, seconds, memory, estimate",
    "audit": "whole audits: cost by the number of people, memory, share of the classifiers, bfloat16",
    "calibration": "false alarms and power of every test of the score, under named kinds of noise",
    "permutation": "the permutation test, beside Algorithm 1 as a NumPy loop",
    "independence": "tests of conditional independence: time, level and power",
}


@dataclass(frozen=True)
class Suite:
    """One benchmark.

    Attributes:
        settings: a frozen dataclass with defaults.
        run: settings -> rows, one per case, each with a `name`.
    """

    name: str
    settings: type[Any]
    run: Callable[[Any], Iterator[dict[str, Any]]]


def load(name: str) -> Suite:
    """Import a suite and return it.

    Raises:
        ConfigError: no such suite.
    """
    cls = load_settings(name)
    module = importlib.import_module(f"jaxface.bench.{name}")
    return Suite(name, cls, module.run)


def load_settings(name: str) -> type[Any]:
    """Return the dataclass of a suite's settings, without the suite; errors as of `load`."""
    if name not in SUITES:
        raise ConfigError(f"no benchmark {name!r}{suggestion(name, SUITES)}")
    cls: type[Any] = getattr(settings, f"{name.capitalize()}Settings")
    return cls
