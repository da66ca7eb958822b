"""The paper's networks with generated weights, beside what PyTorch made of the originals (`torch.toml`)."""

from __future__ import annotations

import statistics
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxface import classify
from jaxface.bench.harness import forget_peak, peak_memory
from jaxface.classify.architectures import ARCHITECTURES
from jaxface.classify.loading import build
from jaxface.core.errors import ConfigError, suggestion
from jaxface.core.types import EXPRESSIONS

ALL = "all"
_TABLE = Path(__file__).with_name("torch.toml")
_CLASSES = 7
_FEWEST_CALLS = {1: 5, 32: 1}  # by the batch: a call of 32 images may last half a minute


def run(architectures: Sequence[str], repeats: int, seconds: float) -> Iterator[dict[str, Any]]:
    """Logits of one image and of 32 at each network's native size, preprocessing included.

    Args:
        architectures: keys of `torch.toml`, or "all".
        repeats: calls at most.
        seconds: no call begins later than so long after the first, but for the first few.
    Raises:
        ConfigError: no such network in the table.
    """
    table = tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    for name in table if ALL in architectures else architectures:
        if name not in table:
            raise ConfigError(f"no figures of PyTorch for {name!r}{suggestion(name, (*table, ALL))}")
        preprocessing = ARCHITECTURES[name].preprocessing
        assert preprocessing is not None and preprocessing.size is not None  # every row of the table has both
        size = preprocessing.size
        card = classify.Card(name, name, EXPRESSIONS[:_CLASSES], weights="")
        classifier = generated(card.with_preprocessing(preprocessing))
        for batch, fewest in _FEWEST_CALLS.items():
            images = jax.random.uniform(jax.random.key(0), (batch, size, size, 3), jnp.float32)
            times = _timed(classifier, images, fewest, repeats, seconds)
            yield _row(f"{name}/native-size", batch, times, table[name]) | {"size": size}


def generated(card: classify.Card) -> classify.Classifier:
    """The net that a card names, with numbers that keep its signals finite."""
    network, abstract = build(card)
    draw = np.random.default_rng(0)

    def arbitrary(leaf: Any) -> jax.Array:
        if len(leaf.shape) < 2:
            return jnp.ones(leaf.shape)
        fan_in = float(np.prod(leaf.shape[:-1]))
        return jnp.asarray(draw.standard_normal(leaf.shape, np.float32) / np.sqrt(fan_in, dtype=np.float32))

    return classify.Classifier(jax.tree.map(arbitrary, abstract), network, card)


def _timed(
    classifier: classify.Classifier, images: jax.Array, fewest: int, repeats: int, seconds: float
) -> dict[str, Any]:
    """Compiled ahead: the first call of a large net is too dear to be spent on that."""
    forget_peak()
    start = time.perf_counter()
    program: Callable[..., jax.Array] = jax.jit(_logits).lower(classifier, images).compile()
    compiled = time.perf_counter()
    walls: list[float] = []
    cpus: list[float] = []
    while len(walls) < fewest or (len(walls) < repeats and time.perf_counter() - compiled < seconds):
        wall, cpu = time.perf_counter(), time.process_time()
        jax.block_until_ready(program(classifier, images))
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return {
        "compile_s": compiled - start,
        "run_s": min(walls),
        "median_s": statistics.median(walls),
        "cpu_s": min(cpus),
        "calls": len(walls),
        "peak_mb": peak_memory(),
    }


def _logits(classifier: classify.Classifier, images: jax.Array) -> jax.Array:
    return classifier.apply(classifier.state, images)


def _row(name: str, batch: int, times: dict[str, Any], torch: dict[str, Any]) -> dict[str, Any]:
    best, median, theirs = batch / times["run_s"], batch / times["median_s"], torch[f"batch_{batch}"]
    return {
        "name": name,
        "batch": batch,
        **times,
        "gflops_per_s": torch["gflops"] * best,
        "images_per_s": best,
        "images_per_s_median": median,
        "torch_images_per_s": theirs["best"],
        "torch_images_per_s_median": theirs["median"],
        "ratio": best / theirs["best"],
        "ratio_median": median / theirs["median"],
    }
