"""Classifiers: from images to scores of expressions; bundled ones and the user's own."""

from jaxface.classify.card import Card, read_card, write_card
from jaxface.classify.classifier import Classifier
from jaxface.classify.loading import from_state_dict, import_checkpoint, import_onnx, load
from jaxface.classify.precision import in_bfloat16
from jaxface.classify.registry import describe, names
from jaxface.classify.torch_modules import from_torch
from jaxface.classify.user_functions import from_function

__all__ = [
    "Card",
    "Classifier",
    "describe",
    "from_function",
    "from_state_dict",
    "from_torch",
    "import_checkpoint",
    "import_onnx",
    "in_bfloat16",
    "load",
    "names",
    "read_card",
    "write_card",
]
