from .config import ClassifierConfig
from .train import FRAMEWORK

__all__ = [
    "FRAMEWORK",
    "ClassifierConfig",
]
