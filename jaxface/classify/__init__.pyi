from .card import Card, read_card, write_card
from .classifier import Classifier
from .loading import from_state_dict, import_checkpoint, import_onnx, load
from .precision import in_bfloat16
from .registry import describe, names
from .torch_modules import from_torch
from .user_functions import from_function

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
