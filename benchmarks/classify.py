"""How fast do the classifiers answer? `python benchmarks/classify.py` prints JSON lines.

For each classifier, batch and input size: logits and value-and-gradient with respect to the images,
preprocessing included. Compile time apart from run time; wall and CPU time are those of the fastest of
`--repeats`. For the figures of one core: `taskset -c 0 python benchmarks/classify.py`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from jaxface import classify
from jaxface.core import runtime


def timed(function: Callable[[Any], Any], images: jax.Array, repeats: int) -> dict[str, float]:
    """Compile seconds, and milliseconds an image on the wall and on the processor."""
    began = time.perf_counter()
    compiled = jax.jit(function).lower(images).compile()
    seconds = time.perf_counter() - began
    jax.block_until_ready(compiled(images))
    wall, processor = [], []
    for _ in range(repeats):
        began, used = time.perf_counter(), time.process_time()
        jax.block_until_ready(compiled(images))
        wall.append(time.perf_counter() - began)
        processor.append(time.process_time() - used)
    count = len(images)
    return {
        "compile_s": round(seconds, 2),
        "wall_ms_per_image": round(min(wall) / count * 1e3, 3),
        "cpu_ms_per_image": round(min(processor) / count * 1e3, 3),
        "images_per_s": round(count / min(wall), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", nargs="+", default=list(classify.names()))
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 50])
    parser.add_argument("--sizes", type=int, nargs="+", default=[112, 224])
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    common = {
        "device": jax.devices()[0].device_kind,
        "jax": jax.__version__,
        "commit": runtime.git_commit(Path(__file__).parent),
    }
    for name in options.names:
        classifier = classify.load(name)

        def logits(images: jax.Array, classifier: classify.Classifier = classifier) -> jax.Array:
            return classifier.apply(classifier.state, images)

        def slope(images: jax.Array, logits: Callable = logits) -> tuple[jax.Array, jax.Array]:
            return jax.value_and_grad(lambda images: logits(images)[:, 0].sum())(images)

        for size in options.sizes:
            for batch in options.batches:
                images = jax.random.uniform(jax.random.key(0), (batch, size, size, 3), jnp.float32)
                for what, function in (("logits", logits), ("value-and-gradient", slope)):
                    measured = timed(function, images, options.repeats)
                    line = {"name": f"{name}/{what}", "batch": batch, "size": size, **measured, **common}
                    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
