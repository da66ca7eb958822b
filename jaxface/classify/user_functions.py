"""A user's model: any function from images to scores, JAX or not, with a list of labels.

What a function returns is checked where it can be: a deviation is one line that names the classifier. Answers
that are probabilities where logits were expected are recognised in the first batch, and said.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np

from jaxface.classify.answers import as_scores, fixed_pictures, is_distribution, to_logits
from jaxface.classify.card import Card
from jaxface.classify.classifier import Classifier
from jaxface.core.checks import require_name
from jaxface.core.errors import ConfigError, FunctionError, JaxfaceError, LabelError, ShapeError
from jaxface.core.types import Array
from jaxface.core.unpickle import short_line

Scores = Literal["logits", "probabilities"]
Labels = Sequence[str] | Mapping[Any, Any]


def from_function(
    fn: Callable[[Any], Any],
    labels: Labels,
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
            function is traced: it must be pure. With `on_host` it gets NumPy arrays of its own, of at most 256
            images.
        labels: K names in the order of the outputs, in any known spelling; fewer than the vocabulary is fine.
            A dictionary of positions and names (`id2label`, `label2id`) is put in order.
        size: pixels along an edge of the input of `fn`; None = any.
        on_host: `fn` is no JAX function. Such a classifier has no `apply` and no gradient.
        scores: kind of output of `fn`; the logits of probabilities p are log p, of at least 1e-38, or
            log p/(1 - p) for action units. Rows of the first batch that are in [0, 1] and sum to 1 are taken as
            probabilities in any case; `Classifier.notes` says so.
    Raises:
        LabelError: an unknown label (the closest is named), or one expression twice.
        ConfigError: another value for `channels`, `scores` or `size`.
    Calling the classifier raises ShapeError where `fn` returns anything but real numbers (B, K), or
    probabilities outside of [0, 1], and FunctionError where it raises an error.
    """
    require_name("channels", channels, ("rgb", "grey"))
    require_name("scores", scores, get_args(Scores))
    if not callable(fn):
        raise ConfigError(f"from_function needs a function of images, got {type(fn).__name__}")
    card = Card(
        name=name or getattr(fn, "__name__", "custom").strip("<>"),
        architecture="custom",
        native_labels=_in_order(labels),
        size=size,
        channels=channels,
        source="the caller's function",
        weights="",
    )
    if on_host:
        return Classifier(state={}, network=None, card=card, host_fn=HostFunction(fn, card, scores))
    return Classifier(state={}, network=FunctionNetwork(fn, card, scores), card=card)


def _in_order(labels: Labels) -> tuple[str, ...]:
    """Return labels as a tuple; those of a dictionary by their positions.

    Raises:
        LabelError: a label that is no text, or positions that are not 0 ... K - 1.
    """
    if isinstance(labels, Mapping):
        names = {str(position): label for position, label in labels.items()}
        if not _are_texts(labels.values()):
            names = {str(position): label for label, position in labels.items()}
        order = [str(position) for position in range(len(labels))]
        if set(names) != set(order) or not _are_texts(names.values()):
            raise LabelError(f"labels {dict(labels)}: must map each of 0 ... {len(labels) - 1} to a name")
        return tuple(names[position] for position in order)
    if isinstance(labels, str) or not _are_texts(labels):
        raise LabelError(f"labels = {labels!r}: must be a list of names, one for each output")
    return tuple(labels)


def _are_texts(labels: Any) -> bool:
    return all(isinstance(label, str) and not label.isdigit() for label in labels)


@dataclasses.dataclass(frozen=True, eq=False)
class FunctionNetwork:
    """A JAX function as a `Network` without state; compared by identity."""

    fn: Callable[[Array], Array]
    card: Card
    scores: Scores
    cpu_batch: int | None = None
    notes: list[str] = dataclasses.field(default_factory=list)
    _decisions: list[bool] = dataclasses.field(default_factory=list)

    def __call__(self, state: Any, images: Array) -> tuple[Array, dict[str, Array]]:
        out = self._answer(images)
        if out.shape != (images.shape[0], self.card.outputs):
            return out, {}  # the classifier says so
        if not self._decisions:
            self._decisions.append(self._decide(images.shape[1:]))
        return (to_logits(jnp, out, self.card.multilabel) if self._decisions[0] else out), {}

    def _answer(self, images: Array) -> Array:
        name = self.card.name
        try:
            out = self.fn(images)
        except JaxfaceError:
            raise
        except _NEEDS_NUMBERS as error:
            raise FunctionError(
                f"classifier {name!r} is no JAX function (it reads numbers of the images): {_ON_HOST}, or "
                "write it with jax.numpy alone"
            ) from error
        except Exception as error:
            hint = f"; if it is no JAX function, {_ON_HOST}" if isinstance(error, _FOREIGN) else ""
            raise FunctionError(
                f"classifier {name!r} raised {type(error).__name__}: {short_line(error)}{hint}"
            ) from error
        if not isinstance(out, jax.Array | np.ndarray | list):
            raise ShapeError(f"classifier {name!r} returned a {type(out).__name__}, must be an array of scores")
        try:
            out = jnp.asarray(out)
        except (TypeError, ValueError) as error:
            raise ShapeError(f"classifier {name!r} returned no array of scores ({short_line(error)})") from None
        if jnp.iscomplexobj(out):
            raise ShapeError(f"classifier {name!r} returned complex numbers, must be real scores")
        return out

    def _decide(self, shape: tuple[int, ...]) -> bool:
        """Return whether the answers are probabilities, by those to fixed pictures; also amid a trace."""
        with jax.ensure_compile_time_eval():
            out = np.asarray(jax.jit(self.fn)(jnp.asarray(fixed_pictures(shape))), np.float32)
        if self.scores == "logits" and is_distribution(out):
            self.notes.append(PROBABILITIES_NOTE)
            return True
        if self.scores == "probabilities":
            as_scores(out, self.card, len(out), are_probabilities=True)
        return self.scores == "probabilities"


_NEEDS_NUMBERS = (
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
    jax.errors.ConcretizationTypeError,
)
"""What JAX raises where a function wants the numbers of what is traced."""

_FOREIGN = (TypeError, AttributeError, RuntimeError)
"""What other libraries raise where they get what JAX traces."""

_ON_HOST = "pass on_host=True to from_function"

PROBABILITIES_NOTE = "its answers sum to 1 in each row: they are taken as probabilities, not as logits"


class HostFunction:
    """A host function with logits as output; compared by identity.

    Args:
        fn: images (B, H, W, C), an array of its own -> scores (B, K).
        scores: kind of output; the first batch decides if it is "logits".
    """

    def __init__(self, fn: Callable[[np.ndarray], Any], card: Card, scores: Scores = "logits") -> None:
        self._fn, self._card = fn, card
        self._are_probabilities: bool | None = True if scores == "probabilities" else None
        self.notes: list[str] = []

    def __call__(self, images: np.ndarray) -> np.ndarray:
        try:
            answer = self._fn(np.array(images))  # which may change it
        except JaxfaceError:
            raise
        except Exception as error:
            raise FunctionError(
                f"classifier {self._card.name!r} raised {type(error).__name__}: {short_line(error)}"
            ) from error
        scores = as_scores(answer, self._card, len(images), bool(self._are_probabilities))
        if self._are_probabilities is None and len(scores):
            self._are_probabilities = is_distribution(scores)
            if self._are_probabilities:
                self.notes.append(PROBABILITIES_NOTE)
        return to_logits(np, scores, self._card.multilabel) if self._are_probabilities else scores
