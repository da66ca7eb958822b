"""How fast do the classifiers answer, preprocessing included?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from jaxface import classify
from jaxface.bench.harness import measure


@dataclass(frozen=True)
class Settings:
    """Which classifiers are asked, and with what."""

    names: tuple[str, ...] = ("face-api", "fer-mini-xception")
    """Names (`jaxface classifiers`) or folders."""

    batches: tuple[int, ...] = (1, 50)
    """Images of one call."""

    sizes: tuple[int, ...] = (112,)
    """Pixels along an edge of the images, before the classifier's own preprocessing."""

    repeats: int = 7
    """Calls, of which the quickest counts."""


def run(settings: Settings) -> Iterator[dict[str, Any]]:
    """Logits, and the value and gradient of one logit, for each classifier, size and batch."""
    for name in settings.names:
        classifier = classify.load(name)
        for size in settings.sizes:
            for batch in settings.batches:
                images = jax.random.uniform(jax.random.key(0), (batch, size, size, 3), jnp.float32)
                for what, function in (("logits", logits), ("value-and-gradient", slope)):
                    times = measure(jax.jit(function), classifier, images, repeats=settings.repeats)
                    yield {
                        "name": f"{name}/{what}",
                        "batch": batch,
                        "size": size,
                        **times,
                        "images_per_s": batch / times["run_s"],
                        "cpu_ms_per_image": 1e3 * times["cpu_s"] / batch,
                    }


def logits(classifier: classify.Classifier, images: jax.Array) -> jax.Array:
    """(B, K)."""
    return classifier.apply(classifier.state, images)


def slope(classifier: classify.Classifier, images: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The sum of the first logits, and its gradient (B, H, W, 3)."""
    return jax.value_and_grad(lambda images: logits(classifier, images)[:, 0].sum())(images)
