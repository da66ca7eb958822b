"""The protocol: a classifier is a card, a state and a pure function from images to logits."""

import dataclasses
from collections.abc import Callable
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import lax

from jaxface.classify import probability
from jaxface.classify.card import Card
from jaxface.classify.nets.convolutions import on_cpu
from jaxface.classify.preprocess import prepare
from jaxface.core.errors import ConfigError, FunctionError, LabelError, ShapeError, suggestion
from jaxface.core.pytrees import pytree, static
from jaxface.core.types import Array, answer_name

HOST_BATCH = 256  # images in one call of a model on the host


class Network(Protocol):
    """(state, prepared images (B, size, size, channels)) -> logits (B, K) and named intermediate maps.

    Hashable and comparable: two loads of one net are equal and share compiled programs.
    `cpu_batch`: images in one batch on the CPU; None = all. Small nets are faster with one image after another,
    large ones read their weights less often with several. It also bounds the memory.
    """

    @property
    def cpu_batch(self) -> int | None: ...

    def __call__(self, state: Any, images: Array) -> tuple[Array, dict[str, Array]]: ...


@dataclasses.dataclass(frozen=True)
class FlaxNetwork:
    """A Flax NNX module, split: its structure here, its arrays in the state, in whose type it computes."""

    structure: nnx.GraphDef
    cpu_batch: int | None = 1

    def __call__(self, state: Any, images: Array) -> tuple[Array, dict[str, Array]]:
        images = images.astype(jax.tree.leaves(state)[0].dtype)
        return nnx.merge(self.structure, state)(images)


@pytree
class Classifier:
    """A classifier of expressions, or a detector of action units.

    From images (B, H, W, 3) float32 sRGB in [0, 1] of any size to K scores. Made by `classify.load` and
    `classify.from_function`. A JAX pytree: pass it through `jit` as it is.

    Attributes:
        state: the arrays of the net; an empty dictionary for a user's function.
        network: its function; None for a model on the host.
        card: labels, preprocessing, licence, source.
        host_fn: prepared images -> logits, both NumPy arrays, for models that are not JAX.
    """

    state: Any
    network: Network | None = static()
    card: Card = static()
    host_fn: Callable[[np.ndarray], np.ndarray] | None = static(default=None)

    def __call__(self, images: Array | np.ndarray) -> Array:
        """Return `probabilities(images)`."""
        return self.probabilities(images)

    def __repr__(self) -> str:
        place = "on the host" if self.on_host else self.card.architecture
        return f"Classifier({self.name!r}, {place}, answers: {', '.join(self.labels)})"

    @property
    def name(self) -> str:
        return self.card.name

    @property
    def labels(self) -> tuple[str, ...]:
        """K answers, in the order of their first outputs: names of the vocabulary, and classes beyond it."""
        return self.card.labels

    @property
    def on_host(self) -> bool:
        """Whether the model runs on the host: no `apply`, no gradient."""
        return self.host_fn is not None

    @property
    def notes(self) -> tuple[str, ...]:
        """What readers of its scores should know: of its labels and checkpoint, and of its first answers."""
        notes = tuple(getattr(self.host_fn or self.network, "notes", ()))
        return (*self.card.label_notes, *([self.card.note] if self.card.note else []), *notes)

    def index(self, expression: str) -> int:
        """Return the position of an answer: of an expression by any known synonym, or of another label.

        Raises:
            LabelError: a misspelt label, or one that this classifier does not have.
        """
        name = answer_name(expression)
        if name not in self.labels:
            raise LabelError(
                f"classifier {self.name!r} has no output for {name!r}{suggestion(name, self.labels)}"
            )
        return self.labels.index(name)

    def apply(self, state: Any, images: Array) -> Array:
        """Return logits (B, K) of images (B, H, W, 3): pure, differentiable, for use inside `jit`.

        Outputs that mean the same are one answer: the logarithm of their summed exponentials.

        On the CPU most nets take one image after another: that is faster than a batch, and the logits of an
        image do not depend on its neighbours.

        Raises:
            ConfigError: the model runs on the host.
            ShapeError: images of another shape, or a net that returns another number of classes.
        """
        network = self._network()
        _check_shape(images)

        def answer(images: Array) -> Array:
            return self._answers(jnp, network(state, prepare(images, self.card))[0], images)

        return map_batches(answer, images, network.cpu_batch)

    def features(self, state: Any, images: Array) -> tuple[Array, dict[str, Array]]:
        """Return logits (B, K) and the net's named maps, each (B, ...): for saliency and training. Pure."""
        network = self._network()
        _check_shape(images)
        logits, maps = network(state, prepare(images, self.card))
        return self._answers(jnp, logits, images), maps

    def logits(self, images: Array | np.ndarray, *, allow_nan: bool = False) -> Array:
        """Return scores before softmax or sigmoid, (B, K) float32.

        Args:
            images: (B, H, W, 3) float in [0, 1], any size.
            allow_nan: return answers that are no probabilities, for callers who flag them.
        Raises:
            ShapeError: another shape or type, or values outside [0, 1].
            FunctionError: the probabilities of an image are NaN.
        """
        _check_images(images)
        if self.host_fn is not None:
            inputs = np.asarray(_prepare(self.card, jnp.asarray(images)))
            logits = jnp.asarray(self._apply_host(self.host_fn, inputs))
        else:
            logits = _logits(self, jnp.asarray(images))
        if not (allow_nan or isinstance(logits, jax.core.Tracer)):
            self._refuse_nan(logits)
        return logits

    def probabilities(self, images: Array | np.ndarray, *, allow_nan: bool = False) -> Array:
        """Return (B, K) float32: the softmax of the logits, or the sigmoid of each action unit's.

        Arguments and errors as `logits`.
        """
        logits = self.logits(images, allow_nan=allow_nan)
        return probability.probabilities(logits, self.card.multilabel)

    def _network(self) -> Network:
        if self.network is None:
            raise ConfigError(
                f"classifier {self.name!r} runs on the host, outside of JAX: it has `logits` and "
                "`probabilities`, but no `apply` and no gradient; choose a search without gradients"
            )
        return self.network

    def _answers(self, np_or_jnp: Any, scores: Any, images: Any) -> Any:
        """Return the logits (B, K) of the answers from the scores of all outputs, checked."""
        self._check_shape_of(scores, images)
        return probability.merge_outputs(np_or_jnp, scores, self.card.output_groups)

    def _refuse_nan(self, logits: Array) -> None:
        probabilities = np.asarray(probability.probabilities(logits, self.card.multilabel))
        bad = np.flatnonzero(np.isnan(probabilities).any(axis=-1))
        if len(bad):
            raise FunctionError(
                f"classifier {self.name!r} answered {len(bad)} of {len(logits)} images (the first: {bad[0]}) "
                "with NaN or infinity; logits must be finite"
            )

    def _check_shape_of(self, scores: Any, images: Any) -> None:
        full_shape, shape = (images.shape[0], self.card.outputs), tuple(np.shape(scores))
        if shape != full_shape:
            raise ShapeError(
                f"classifier {self.name!r} returned scores of shape {shape} for {full_shape[0]} images; "
                f"must be {full_shape}: a row for each image, a column for "
                f"each of the labels {list(self.card.native_labels)}"
            )

    def _apply_host(self, fn: Callable[[np.ndarray], np.ndarray], inputs: np.ndarray) -> np.ndarray:
        out = np.empty((len(inputs), len(self.labels)), np.float32)
        for start in range(0, len(inputs), HOST_BATCH):
            images = inputs[start : start + HOST_BATCH]
            out[start : start + HOST_BATCH] = self._answers(np, np.asarray(fn(images)), images)
        return out


def map_batches(fn: Callable[[Array], Array], images: Array, cpu_batch: int | None) -> Array:
    """Apply `fn`, (B, ...) -> (B, K), to all images; on the CPU in batches of `cpu_batch`, the last one padded.

    Args:
        cpu_batch: None = all images at once.
    """
    count = len(images)
    if cpu_batch is None or not on_cpu() or (count <= cpu_batch and cpu_batch > 1):
        return fn(images)
    batches = -(-count // cpu_batch)
    padding = jnp.zeros((batches * cpu_batch - count, *images.shape[1:]), images.dtype)
    images = jnp.concatenate([images, padding]).reshape(batches, cpu_batch, *images.shape[1:])
    logits = lax.map(fn, images)
    return logits.reshape(batches * cpu_batch, logits.shape[-1])[:count]


@jax.jit
def _logits(classifier: Classifier, images: Array) -> Array:
    return classifier.apply(classifier.state, images).astype(jnp.float32)


_prepare = jax.jit(lambda card, images: prepare(images, card), static_argnums=0)


def _check_shape(images: Any) -> None:
    shape = np.shape(images)
    if len(shape) != 4 or shape[-1] != 3 or 0 in shape[1:3]:
        hint = "; add the batch axis: images[None]" if len(shape) == 3 and shape[-1] == 3 else ""
        raise ShapeError(f"images must be (batch, height, width, 3), got {shape}{hint}")
    if not jnp.issubdtype(images.dtype, jnp.floating):
        raise ShapeError(f"images must be float in [0, 1], got {images.dtype}; divide bytes by 255")


def _check_images(images: Any) -> None:
    if not hasattr(images, "dtype"):
        raise ShapeError(f"images must be an array (batch, height, width, 3), got {type(images).__name__}")
    _check_shape(images)
    if isinstance(images, jax.core.Tracer) or images.shape[0] == 0:
        return
    low, high = float(images.min()), float(images.max())
    if not (low >= -1e-3 and high <= 1 + 1e-3):  # so written that NaN fails
        raise ShapeError(
            f"images must be in [0, 1], got values from {low:.4g} to {high:.4g}; divide bytes by 255"
        )
