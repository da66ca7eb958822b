"""A PyTorch module, or a model of Hugging Face, as a classifier on the host; PyTorch is never imported."""

import dataclasses
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from jaxface.classify.classifier import Classifier
from jaxface.classify.user_functions import Labels, Scores, from_function
from jaxface.core.errors import ConfigError, LabelError


def from_torch(
    module: Callable[..., Any],
    processor: Callable[..., Any] | None = None,
    labels: Labels | None = None,
    size: int | None = None,
    name: str | None = None,
    scores: Scores = "logits",
) -> Classifier:
    """Make a classifier from a PyTorch module, or from a model or pipeline of Hugging Face.

        clf = from_torch(net, labels=["happy", "sad", "neutral"], size=48)
        clf = from_torch(model, processor)
        clf = from_torch(transformers.pipeline("image-classification", "owner/name"))

    It runs on the host, where the module is (`module.device`), in evaluation mode and without gradients.

    Args:
        module: (B, 3, H, W) -> (B, K) scores, or an object or dictionary that has them as `logits`; of a tuple
            the first part. A module that is no `torch.nn.Module` gets and returns NumPy arrays. A pipeline
            brings its model and processor.
        processor: an image processor of Hugging Face, which gets pictures as bytes; or a function of one
            picture (3, H, W) float32 in [0, 1], such as a transform of torchvision; None = the picture is the
            input.
        labels: K names in the order of the outputs; None = the model's `config.id2label`.
        size: pixels along an edge of the pictures that processor or module get; None = any.
        scores: as of `from_function`.
    Raises:
        ConfigError: the module cannot be called.
        LabelError: labels that are nowhere, or of which none is an expression.
    """
    processor = processor or getattr(module, "image_processor", None)  # of a pipeline
    module = getattr(module, "model", module) if hasattr(module, "image_processor") else module
    if not callable(module):
        raise ConfigError(f"from_torch needs a module or pipeline, got a {type(module).__name__}")
    config = getattr(module, "config", None)
    labels = getattr(config, "id2label", None) if labels is None else labels
    if labels is None:
        raise LabelError("the module has no config.id2label: give labels=, a name for each output")
    name = name or str(getattr(config, "_name_or_path", "")).rsplit("/", 1)[-1] or type(module).__name__
    fn = TorchModule(module, processor)
    return from_function(fn, labels, size=size, on_host=True, name=name, scores=scores)


@dataclasses.dataclass(frozen=True, eq=False)
class TorchModule:
    """Pictures (B, H, W, 3) float32 in [0, 1] -> scores (B, K), both NumPy arrays; compared by identity."""

    module: Callable[..., Any]
    processor: Callable[..., Any] | None = None

    def __post_init__(self) -> None:
        if self._torch is not None:
            self.module.eval()  # type: ignore[attr-defined]

    def __call__(self, images: np.ndarray) -> np.ndarray:
        torch = self._torch
        if torch is None:
            return np.asarray(_logits(self.module(np.asarray(self._inputs(images), np.float32))))
        with torch.no_grad():
            parameter = next(iter(self.module.parameters()), None)  # type: ignore[attr-defined]
            inputs = self._inputs(images)
            if parameter is not None:
                inputs = inputs.to(device=parameter.device, dtype=parameter.dtype)
            return np.asarray(_logits(self.module(inputs)).detach().float().cpu().numpy())

    @property
    def _torch(self) -> Any:
        """PyTorch, if the module is of it: then it is imported already."""
        torch = sys.modules.get("torch")
        return torch if torch is not None and isinstance(self.module, torch.nn.Module) else None

    def _inputs(self, images: np.ndarray) -> Any:
        """What the module gets, (B, 3, H, W): a tensor for a module of PyTorch, else a NumPy array."""
        torch = self._torch
        if self.processor is not None and is_image_processor(self.processor):
            pictures = list(np.rint(255 * np.clip(images, 0, 1)).astype(np.uint8))
            kind = "np" if torch is None else "pt"
            return self.processor(images=pictures, return_tensors=kind)["pixel_values"]
        array = np.ascontiguousarray(images.transpose(0, 3, 1, 2), np.float32)
        if torch is None:
            return array if self.processor is None else np.stack([self.processor(one) for one in array])
        tensor = torch.from_numpy(array)
        return tensor if self.processor is None else torch.stack([self.processor(one) for one in tensor])


def is_image_processor(processor: Any) -> bool:
    """Return whether a function is an image processor of Hugging Face: it has their names."""
    return hasattr(processor, "model_input_names") or hasattr(processor, "image_mean")


def _logits(answer: Any) -> Any:
    if isinstance(answer, Mapping) and "logits" in answer:
        return answer["logits"]
    if hasattr(answer, "logits"):
        return answer.logits
    return answer[0] if isinstance(answer, tuple | list) else answer
