"""Images per second of the classifiers, preprocessing included."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxface import classify
from jaxface.bench.harness import measure, per_image
from jaxface.bench.settings import ClassifySettings
from jaxface.classify.loading import build
from jaxface.classify.registry import folders


def run(settings: ClassifySettings) -> Iterator[dict[str, Any]]:
    """Yield rows of logits, and of one logit with its gradient, for each classifier, size and
    batch."""
    functions = {"logits": logits, "value-and-gradient": value_and_grad}
    if not settings.gradient:
        del functions["value-and-gradient"]
    for name in settings.names:
        card = classify.read_card(folders(name)[0])
        classifier = classify.load(name) if card.weights else random_classifier(card)
        for size in settings.sizes:
            for batch in settings.batches:
                images = jax.random.uniform(jax.random.key(0), (batch, size, size, 3), jnp.float32)
                for kind, function in functions.items():
                    timing = measure(jax.jit(function), classifier, images, repeats=settings.repeats)
                    yield {
                        "name": f"{name}/{kind}",
                        "batch": batch,
                        "size": size,
                        **per_image(batch, timing),
                    }


def logits(classifier: classify.Classifier, images: jax.Array) -> jax.Array:
    """Return logits (B, K) of images (B, H, W, 3)."""
    return classifier.apply(classifier.state, images)


def value_and_grad(classifier: classify.Classifier, images: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the sum of the first logits, and its gradient (B, H, W, 3)."""
    return jax.value_and_grad(lambda images: logits(classifier, images)[:, 0].sum())(images)


def random_classifier(card: classify.Card) -> classify.Classifier:
    """Return a card's network with arbitrary weights that keep its activations finite."""
    network, abstract_state = build(card)
    random = np.random.default_rng(0)

    def weights(leaf: Any) -> jax.Array:
        if len(leaf.shape) < 2:
            return jnp.ones(leaf.shape)
        fan_in = float(np.prod(leaf.shape[:-1]))
        return jnp.asarray(random.standard_normal(leaf.shape, np.float32) / np.sqrt(fan_in, dtype=np.float32))

    return classify.Classifier(jax.tree.map(weights, abstract_state), network, card)
