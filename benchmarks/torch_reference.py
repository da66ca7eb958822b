"""The paper's networks with arbitrary weights, beside PyTorch's speed on the original code
(`torch.toml`).

    python -m benchmarks.torch_reference --out benchmarks/results

Each network gets one image and 32, at its native size, preprocessing included. The figures of
`torch.toml` are from another machine of the same class; `ratio` is our images per second divided by
PyTorch's, fastest call to fastest call, `ratio_median` median to median.
"""

import statistics
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import tyro

from benchmarks.rows import write_rows
from jaxface import classify
from jaxface.bench.classify import logits, random_classifier
from jaxface.bench.harness import forget_peak, peak_memory
from jaxface.classify.architectures import ARCHITECTURES
from jaxface.core.errors import ConfigError, suggestion
from jaxface.core.types import EXPRESSIONS

_TABLE = Path(__file__).with_name("torch.toml")
_CLASSES = 7
_MIN_CALLS = {1: 5, 32: 1}  # by the batch: a call of 32 images may last half a minute


@dataclass(frozen=True)
class Settings:
    """What is timed."""

    architectures: tuple[str, ...] = ()
    """Networks of `torch.toml`; () = all of them."""

    repeats: int = 7
    """Calls at most."""

    seconds: float = 8.0
    """Start no further call after this time."""

    out: Path | None = None
    """Results file (.jsonl), or a folder for dated files."""


def rows(settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield two rows per network: one image, and 32.

    Raises:
        ConfigError: `torch.toml` lacks a network.
    """
    table = torch_table()
    for name in settings.architectures or table:
        if name not in table:
            raise ConfigError(f"torch.toml has no network {name!r}{suggestion(name, table)}")
        preprocessing = ARCHITECTURES[name].preprocessing
        assert preprocessing is not None and preprocessing.size is not None  # true for the whole table
        size = preprocessing.size
        card = classify.Card(name=name, architecture=name, native_labels=EXPRESSIONS[:_CLASSES], weights="")
        classifier = random_classifier(card.with_preprocessing(preprocessing))
        for batch, min_calls in _MIN_CALLS.items():
            images = jax.random.uniform(jax.random.key(0), (batch, size, size, 3), jnp.float32)
            timing = _time(classifier, images, min_calls, settings.repeats, settings.seconds)
            yield _row(f"{name}/native-size", batch, timing, table[name]) | {"size": size}


def torch_table() -> dict[str, Any]:
    """Return PyTorch's figures by network."""
    return tomllib.loads(_TABLE.read_text(encoding="utf-8"))


def _time(
    classifier: classify.Classifier, images: jax.Array, min_calls: int, repeats: int, seconds: float
) -> dict[str, Any]:
    """Time calls of the compiled network; compile ahead, because a first call of a large one takes
    too long."""
    forget_peak()
    start = time.perf_counter()
    program: Callable[..., jax.Array] = jax.jit(logits).lower(classifier, images).compile()
    compile_end = time.perf_counter()
    walls: list[float] = []
    cpus: list[float] = []
    while len(walls) < min_calls or (len(walls) < repeats and time.perf_counter() - compile_end < seconds):
        wall, cpu = time.perf_counter(), time.process_time()
        jax.block_until_ready(program(classifier, images))
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return {
        "compile_s": compile_end - start,
        "run_s": min(walls),
        "median_s": statistics.median(walls),
        "cpu_s": min(cpus),
        "calls": len(walls),
        "peak_mb": peak_memory(),
    }


def _row(name: str, batch: int, timing: dict[str, Any], torch: dict[str, Any]) -> dict[str, Any]:
    best, median, reference = batch / timing["run_s"], batch / timing["median_s"], torch[f"batch_{batch}"]
    return {
        "name": name,
        "batch": batch,
        **timing,
        "gflops_per_s": torch["gflops"] * best,
        "images_per_s": best,
        "images_per_s_median": median,
        "torch_images_per_s": reference["best"],
        "torch_images_per_s_median": reference["median"],
        "ratio": best / reference["best"],
        "ratio_median": median / reference["median"],
    }


def main() -> None:
    settings = tyro.cli(Settings, description=__doc__)
    write_rows(rows(settings), "classify", settings.out)


if __name__ == "__main__":
    main()
