"""Models in ONNX, run on the host through onnxruntime (extra `onnx`)."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxface.classify.card import Card
from jaxface.classify.classifier import Classifier
from jaxface.classify.user_functions import HostFunction
from jaxface.core.errors import CheckpointError
from jaxface.core.files import require_regular_file
from jaxface.core.io import sha256
from jaxface.core.unpickle import short_line


def is_onnx(path: Path) -> bool:
    """Return whether a file is ONNX, by its name: the format has no magic number."""
    return path.suffix.lower() == ".onnx"


def classifier(card: Card, path: Path) -> Classifier:
    """Load a classifier on the host from an ONNX file: no `apply`, no gradient.

    Args:
        card: labels and preprocessing; a size that it leaves open is the file's own.
        path: a model of one image input (B, 3 or 1, H, W) or (B, H, W, 3 or 1), of floats or of whole numbers
            in 0 ... 255; its first output of shape (B, K), one that is called logits before others, is taken
            as logits, or as probabilities if its rows sum to 1.
    Raises:
        CheckpointError: onnxruntime is not installed, the file is no model, or it does not fit the card.
    """
    session = _open(path)
    image = _image_input(session, path)
    if card.size is None and image.size is not None:
        card = dataclasses.replace(card, size=image.size)
    _require_fit(image, card, path)
    scores = _scores_output(session.get_outputs(), card, path)
    return Classifier(
        state={}, network=None, card=card, host_fn=HostFunction(OnnxModel(session, image, scores.name), card)
    )


def card_of(path: Path, labels: Sequence[str], **preprocessing: Any) -> Card:
    """Return a card for an ONNX file of one's own: size, channels and type are read from its input.

    Args:
        labels: a class for each output, in order.
        preprocessing: fields of `Preprocessing` in place of what the file says; mean and std are in no file.
    Raises:
        CheckpointError: as `classifier`.
        LabelError, ConfigError: labels or preprocessing that a card cannot have.
    """
    image = _image_input(_open(path), path)
    of_file: dict[str, Any] = {
        "size": image.size,
        "channels": "grey" if image.depth == 1 else "rgb",
        "value_range": 1.0 if image.dtype.kind == "f" else 255.0,
    }
    return Card(
        name=path.stem,
        native_labels=tuple(labels),
        source=path.name,
        weights=path.name,
        sha256=sha256(path),
        **{**of_file, **preprocessing},
    )


def _open(path: Path) -> Any:
    require_regular_file(path, CheckpointError, what="ONNX model")
    try:
        import onnxruntime
    except ImportError:
        raise CheckpointError(f"{path} is ONNX, which needs onnxruntime: pip install onnxruntime") from None
    try:
        return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes, one for each kind of error
        raise CheckpointError(
            f"{path} is not a complete ONNX model ({short_line(error)}); fetch it again, whole"
        ) from None


_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
}


class ImageInput(NamedTuple):
    """The input of a model, as its file describes it.

    Attributes:
        shape: (channels, H, W) or (H, W, channels); None where the file leaves a length open.
        size: pixels along an edge; None = any.
        depth: 3 or 1 channels.
        one_by_one: whether a batch must be one image.
    """

    name: str
    shape: tuple[int | None, ...]
    size: int | None
    depth: int
    channels_first: bool
    dtype: np.dtype
    one_by_one: bool


def _image_input(session: Any, path: Path) -> ImageInput:
    """Return the image input of a model.

    Raises:
        CheckpointError: it has none, or another beside it, or takes no square images.
    """
    inputs = session.get_inputs()
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type not in _TYPES:
        raise CheckpointError(
            f"{path} takes {[(one.name, one.type, one.shape) for one in inputs]}; must be one batch of images"
        )
    batch, *lengths = (length if isinstance(length, int) and length > 0 else None for length in inputs[0].shape)
    if batch not in (None, 1):
        raise CheckpointError(f"{path} takes {batch} images at once; export it with a free batch axis")
    first, middle, last = lengths
    channels_first = first in (1, 3) or (first is None and last not in (1, 3))  # PyTorch's order if open
    depth, edges = (first, (middle, last)) if channels_first else (last, (first, middle))
    fixed = {edge for edge in edges if edge is not None}
    if depth not in (1, 3, None) or len(fixed) > 1:
        raise CheckpointError(f"{path} takes images {lengths}; must be square, with 3 channels or 1")
    return ImageInput(
        name=inputs[0].name,
        shape=tuple(lengths),
        size=next(iter(fixed), None),
        depth=depth or 3,
        channels_first=channels_first,
        dtype=np.dtype(_TYPES[inputs[0].type]),
        one_by_one=batch == 1,
    )


def _require_fit(image: ImageInput, card: Card, path: Path) -> None:
    edges = (card.size, card.size)
    shape_of_card = (card.depth, *edges) if image.channels_first else (*edges, card.depth)
    pairs = zip(image.shape, shape_of_card, strict=True)
    if any(length is not None and size is not None and length != size for length, size in pairs):
        raise CheckpointError(
            f"{path} takes images {list(image.shape)}, but the card of {card.name!r} prepares "
            f"{list(shape_of_card)}"
        )
    if image.dtype.kind != "f" and card.value_range != 255:
        raise CheckpointError(
            f"{path} takes {image.dtype} images in 0 ... 255; give the card of {card.name!r} value_range = 255"
        )


@dataclasses.dataclass(frozen=True, eq=False)
class OnnxModel:
    """Prepared images (B, H, W, C) -> scores (B, K); compared by identity."""

    session: Any
    image: ImageInput
    output: str

    def __call__(self, images: np.ndarray) -> np.ndarray:
        if self.image.dtype.kind != "f":
            images = np.rint(images)
        images = images.transpose(0, 3, 1, 2) if self.image.channels_first else images
        images = np.ascontiguousarray(images, self.image.dtype)
        step = 1 if self.image.one_by_one else max(len(images), 1)
        parts = [
            self.session.run([self.output], {self.image.name: images[first : first + step]})[0]
            for first in range(0, len(images), step)
        ]
        return np.concatenate(parts)


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
