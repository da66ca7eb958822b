from ._landmarks import Landmarks, landmarks
from .appearance import Appearance, Wrinkles, texture
from .codes import Codes, read_codes
from .config import HeadConfig
from .geometry import vertices
from .loaders import load
from .model import ExpressionSpace, FaceModel, FaceParams, PopulationPrior
from .population import neutral, sample_population
from .prototypes import with_prototype

__all__ = [
    "Appearance",
    "Codes",
    "ExpressionSpace",
    "FaceModel",
    "FaceParams",
    "HeadConfig",
    "Landmarks",
    "PopulationPrior",
    "Wrinkles",
    "landmarks",
    "load",
    "neutral",
    "read_codes",
    "sample_population",
    "texture",
    "vertices",
    "with_prototype",
]
