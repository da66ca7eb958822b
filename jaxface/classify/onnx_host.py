"""Models in ONNX, run on the host through onnxruntime (extra `onnx`)."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxface.classify.card import Card
from jaxface.classify.classifier import Classifier
from jaxface.classify.user_functions import HostFunction
from jaxface.core.errors import CheckpointError
from jaxface.core.unpickle import short_line


def is_onnx(path: Path) -> bool:
    """Return whether a file is ONNX, by its name: the format has no magic number."""
    return path.suffix.lower() == ".onnx"


def classifier(card: Card, path: Path) -> Classifier:
    """Load a classifier on the host from an ONNX file: no `apply`, no gradient.

    Args:
        card: labels and preprocessing.
        path: a model of one image input (B, 3 or 1, H, W) or (B, H, W, 3 or 1); its first output of
            shape (B, K), one that is called logits before others, is taken as logits, or as probabilities if
            its rows sum to 1.
    Raises:
        CheckpointError: onnxruntime is not installed, the file is no model, or it does not fit the card.
    """
    try:
        import onnxruntime
    except ImportError:
        raise CheckpointError(f"{path} is ONNX, which needs onnxruntime: pip install 'jaxface[onnx]'") from None
    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes, one for each kind of error
        raise CheckpointError(
            f"{path} is not a complete ONNX model ({short_line(error)}); fetch it again"
        ) from None
    return Classifier(state={}, network=None, card=card, host_fn=HostFunction(_fit(session, card, path), card))


@dataclasses.dataclass(frozen=True, eq=False)
class OnnxModel:
    """Prepared images (B, H, W, C) -> scores (B, K); compared by identity."""

    session: Any
    input: str
    output: str
    channels_first: bool
    one_by_one: bool

    def __call__(self, images: np.ndarray) -> np.ndarray:
        images = np.ascontiguousarray(images.transpose(0, 3, 1, 2) if self.channels_first else images)
        step = 1 if self.one_by_one else len(images)
        parts = [
            self.session.run([self.output], {self.input: images[first : first + step]})[0]
            for first in range(0, len(images), step)
        ]
        return np.concatenate(parts)


def _fit(session: Any, card: Card, path: Path) -> OnnxModel:
    """The model with the call that its inputs and outputs describe, checked against the card."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    shapes = [list(one.shape) for one in inputs]
    if len(inputs) != 1 or len(shapes[0]) != 4 or inputs[0].type != "tensor(float)":
        raise CheckpointError(
            f"{path} takes {[(one.name, one.type, one.shape) for one in inputs]}; "
            "must be one batch of float images"
        )
    batch, *image = shapes[0]
    channels_first = not (image[2] == card.depth and image[0] != card.depth)
    shape_of_card = [card.depth, card.size, card.size] if channels_first else [card.size, card.size, card.depth]
    pairs = zip(image, shape_of_card, strict=True)
    if any(isinstance(length, int) and size and length != size for length, size in pairs):
        raise CheckpointError(
            f"{path} takes images {image}, but the card of {card.name!r} prepares {shape_of_card}"
        )
    if isinstance(batch, int) and batch != 1:
        raise CheckpointError(f"{path} takes {batch} images at once; export it with a free batch axis")
    scores = _scores_output(outputs, card, path)
    return OnnxModel(session, inputs[0].name, scores.name, channels_first, batch == 1)


def _scores_output(outputs: Sequence[Any], card: Card, path: Path) -> Any:
    """The output that holds a score for each label, wherever it stands among others (features, maps)."""
    classes = card.outputs
    matrices = [one for one in outputs if "float" in one.type and len(one.shape or ()) == 2]
    candidates = [one for one in matrices if one.shape[-1] == classes]
    candidates = candidates or [one for one in matrices if not isinstance(one.shape[-1], int)]
    if not candidates:
        shapes = ", ".join(f"{one.name} {list(one.shape or ())}" for one in outputs)
        raise CheckpointError(
            f"{path} returns {shapes} for a batch of images, but the card of {card.name!r} has {classes} labels"
        )
    return next((one for one in candidates if "logit" in one.name.lower()), candidates[0])
