"""Heads: what a face model is, how it moves, how it looks, who is sampled from it."""

from jaxface.face._landmarks import Landmarks, landmarks
from jaxface.face.appearance import Appearance, Wrinkles, texture
from jaxface.face.codes import Codes, read_codes
from jaxface.face.config import HeadConfig
from jaxface.face.geometry import vertices
from jaxface.face.loaders import load
from jaxface.face.model import ExpressionSpace, FaceModel, FaceParams, PopulationPrior
from jaxface.face.population import neutral, sample_population
from jaxface.face.prototypes import with_prototype

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
