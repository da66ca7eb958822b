"""How fast do the classifiers answer, preprocessing included?

    taskset -c 0 python -m benchmarks.classify

Logits, and the value and gradient of one logit, for each classifier, batch and image size.
"""

from __future__ import annotations

import argparse

import jax
import jax.numpy as jnp

from benchmarks.harness import measure, report
from jaxface import classify


def logits(classifier: classify.Classifier, images: jax.Array) -> jax.Array:
    return classifier.apply(classifier.state, images)


def slope(classifier: classify.Classifier, images: jax.Array) -> tuple[jax.Array, jax.Array]:
    return jax.value_and_grad(lambda images: logits(classifier, images)[:, 0].sum())(images)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", nargs="+", default=list(classify.names()))
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 50])
    parser.add_argument("--sizes", type=int, nargs="+", default=[112])
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    for name in options.names:
        classifier = classify.load(name)
        for size in options.sizes:
            for batch in options.batches:
                images = jax.random.uniform(jax.random.key(0), (batch, size, size, 3), jnp.float32)
                for what, function in (("logits", logits), ("value-and-gradient", slope)):
                    times = measure(jax.jit(function), classifier, images, repeats=options.repeats)
                    report(
                        "classify",
                        name=f"{name}/{what}",
                        batch=batch,
                        size=size,
                        **times,
                        images_per_s=batch / times["run_s"],
                        cpu_ms_per_image=1e3 * times["cpu_s"] / batch,
                    )


if __name__ == "__main__":
    main()
