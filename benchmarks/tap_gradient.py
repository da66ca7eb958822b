"""What a training step of a whole network costs, by network: CPU milliseconds a picture, value and gradient.

    python -m benchmarks.tap_gradient CHECKOUT [CHECKOUT ...] --out benchmarks/results

Each checkout runs in a process of its own, in turn, `rounds` times: compare the smallest.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from benchmarks.rows import write_rows

_CHILD = """
import sys, time, json
import jax, numpy as np
from flax import nnx
from jaxface import classify
name, batch = sys.argv[1], int(sys.argv[2])
net = classify.load(name)
size = net.card.resize_to or net.card.size
images = np.random.default_rng(0).uniform(0, 1, (batch, size, size, 3)).astype(np.float32)
gradient = jax.jit(jax.grad(lambda state, images: (net.features(state, images)[0] ** 2).sum(), allow_int=True))
jax.block_until_ready(gradient(net.state, images))
times = []
for _ in range(4):
    start = time.process_time()
    jax.block_until_ready(gradient(net.state, images))
    times.append(time.process_time() - start)
print("RESULT" + json.dumps(1e3 * min(times) / batch))
"""


@dataclass(frozen=True)
class Settings:
    """Measure the gradient of all weights."""

    checkouts: Annotated[tuple[Path, ...], tyro.conf.Positional] = (Path("."),)
    """Folders of jaxface; several are compared."""

    classifiers: tuple[str, ...] = ("face-api", "fer-mini-xception")
    batch: int = 32
    rounds: int = 3

    out: Path | None = None
    """A .jsonl file, or a folder for dated ones; none = print only."""


def run(settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield a line for each network: milliseconds of each checkout, and their ratio to the first's."""
    for name in settings.classifiers:
        times: dict[str, float] = {}
        for _ in range(settings.rounds):
            for checkout in settings.checkouts:
                value = _measure(checkout.resolve(), name, settings.batch)
                times[checkout.name] = min(value, times.get(checkout.name, value))
        first = next(iter(times.values()))
        yield {
            "classifier": name,
            "batch": settings.batch,
            "ms_a_picture": times,
            "ratio": {key: value / first for key, value in times.items()},
        }


def _measure(checkout: Path, name: str, batch: int) -> float:
    output = subprocess.run(
        [sys.executable, "-c", _CHILD, name, str(batch)],
        cwd=checkout,  # before PYTHONPATH on the path of -c
        env=os.environ | {"PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return float(json.loads(output.split("RESULT")[1]))


if __name__ == "__main__":
    settings = tyro.cli(Settings, description=__doc__)
    write_rows(run(settings), "tap_gradient", settings.out)
