"""A user's model: any function from images to scores, JAX or not, with a list of labels."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import jax.numpy as jnp
import numpy as np

from jaxface.classify.card import Card
from jaxface.classify.classifier import Classifier
from jaxface.core.checks import require_name
from jaxface.core.errors import ConfigError
from jaxface.core.types import Array

Scores = Literal["logits", "probabilities"]
_SMALLEST = float(np.finfo(np.float32).tiny)


def from_function(
    fn: Callable[[Any], Any],
    labels: Sequence[str],
    size: int | None = None,
    channels: Literal["rgb", "grey"] = "rgb",
    on_host: bool = False,
    name: str | None = None,
    scores: Scores = "logits",
) -> Classifier:
    """Make a classifier from your own function.

        clf = from_function(my_net, labels=["happy", "sad", "neutral"], size=64, channels="grey")

    Args:
        fn: (B, size, size, 3 or 1) float32 in [0, 1] -> (B, K) scores; a row depends on its image alone. A JAX
            function is traced: it must be pure. With `on_host` it gets NumPy arrays of at most 256 images.
        labels: K names in the order of the outputs, in any known spelling; fewer than the vocabulary is fine.
        size: pixels along an edge of the input of `fn`; None = any.
        on_host: `fn` is no JAX function. Such a classifier has no `apply` and no gradient.
        scores: kind of output of `fn`; the logits of probabilities p are log p, of at least 1e-38.
    Raises:
        LabelError: an unknown label (the closest is named), or one expression twice.
        ConfigError: another value for `channels`, `scores` or `size`.
    Calling the classifier raises ShapeError where `fn` returns another shape than (B, K).
    """
    require_name("channels", channels, ("rgb", "grey"))
    require_name("scores", scores, get_args(Scores))
    if not callable(fn):
        raise ConfigError(f"from_function needs a function of images, got {type(fn).__name__}")
    card = Card(
        name=name or getattr(fn, "__name__", "custom").strip("<>"),
        architecture="custom",
        native_labels=tuple(labels),
        size=size,
        channels=channels,
        source="the caller's function",
        weights="",
    )
    if on_host:
        return Classifier(state={}, network=None, card=card, host_fn=HostFunction(fn, scores))
    return Classifier(state={}, network=FunctionNetwork(fn, scores), card=card)


@dataclasses.dataclass(frozen=True, eq=False)
class FunctionNetwork:
    """A JAX function as a `Network` without state; compared by identity."""

    fn: Callable[[Array], Array]
    scores: Scores
    cpu_batch: int | None = None

    def __call__(self, state: Any, images: Array) -> tuple[Array, dict[str, Array]]:
        out = jnp.asarray(self.fn(images))
        return (jnp.log(jnp.maximum(out, _SMALLEST)) if self.scores == "probabilities" else out), {}


@dataclasses.dataclass(frozen=True, eq=False)
class HostFunction:
    """A host function with logits as output; compared by identity."""

    fn: Callable[[np.ndarray], Any]
    scores: Scores

    def __call__(self, images: np.ndarray) -> np.ndarray:
        out = np.asarray(self.fn(images), np.float32)
        return np.log(np.maximum(out, _SMALLEST)) if self.scores == "probabilities" else out
