from .config import GrefelConfig
from .train import FRAMEWORK

__all__ = [
    "FRAMEWORK",
    "GrefelConfig",
]
