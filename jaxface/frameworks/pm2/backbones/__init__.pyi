from .drml import Drml
from .jaa_net import JaaNet

__all__ = [
    "Drml",
    "JaaNet",
]
