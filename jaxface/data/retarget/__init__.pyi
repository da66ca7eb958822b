from .config import RetargetConfig
from .pairs import Expression, sample_pair
from .run import RetargetResult, retarget

__all__ = [
    "Expression",
    "RetargetConfig",
    "RetargetResult",
    "retarget",
    "sample_pair",
]
