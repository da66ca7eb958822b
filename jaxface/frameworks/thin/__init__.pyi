from . import figures, introspect
from .config import VARIANTS, ThinConfig
from .train import FRAMEWORK

__all__ = [
    "FRAMEWORK",
    "VARIANTS",
    "ThinConfig",
    "figures",
    "introspect",
]
