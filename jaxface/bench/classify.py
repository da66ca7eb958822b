"""How fast do the classifiers answer, preprocessing included?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from jaxface import classify
from jaxface.bench import originals
from jaxface.bench.harness import measure
from jaxface.classify.registry import folders


@dataclass(frozen=True)
class Settings:
    """Which classifiers are asked, and with what."""

    names: tuple[str, ...] = field(default_factory=lambda: _bundled())
    """Names (`jaxface classifiers`) or folders. One that comes without weights gets arbitrary ones."""

    batches: tuple[int, ...] = (1, 50)
    """Images of one call."""

    sizes: tuple[int, ...] = (112,)
    """Pixels along an edge of the images, before the classifier's own preprocessing."""

    gradient: bool = True
    """Whether to time the value with its gradient, too."""

    repeats: int = 7
    """Calls, of which the quickest counts."""

    architectures: tuple[str, ...] = ()
    """Instead of `names`: networks of the paper with generated weights, one image and 32 at their native size,
    beside PyTorch's figures for the originals. `all` = all eleven."""

    seconds: float = 8.0
    """No further call of one of these `architectures` begins after so long."""


def run(settings: Settings) -> Iterator[dict[str, Any]]:
    """Logits, and the value and gradient of one logit, for each classifier, size and batch."""
    if settings.architectures:
        yield from originals.run(settings.architectures, settings.repeats, settings.seconds)
        return
    questions = {"logits": logits, "value-and-gradient": slope}
    if not settings.gradient:
        del questions["value-and-gradient"]
    for name in settings.names:
        classifier = _classifier(name)
        for size in settings.sizes:
            for batch in settings.batches:
                images = jax.random.uniform(jax.random.key(0), (batch, size, size, 3), jnp.float32)
                for what, function in questions.items():
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


def _bundled() -> tuple[str, ...]:
    return tuple(row["name"] for row in classify.describe() if row["weights"] == "bundled")


def _classifier(name: str) -> classify.Classifier:
    card = classify.read_card(folders(name)[0])
    if card.weights:
        return classify.load(name)
    return originals.generated(card)
