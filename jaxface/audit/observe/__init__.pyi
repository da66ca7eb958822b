from .config import CohortConfig, CropConfig, ObserveConfig
from .demo import Demonstration, demonstrate
from .result import ObserveResult
from .runner import run

__all__ = [
    "CohortConfig",
    "CropConfig",
    "Demonstration",
    "ObserveConfig",
    "ObserveResult",
    "demonstrate",
    "run",
]
