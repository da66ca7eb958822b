from . import rendered
from .augmentation import augment, augment_points
from .augmentation_config import AugmentConfig
from .dataset import Dataset, LeftOut, ReadReport
from .joining import MixtureStream, concat
from .pipeline import Stream, batches
from .registry import names, open
from .sources import ArraySource, FileSource

__all__ = [
    "ArraySource",
    "AugmentConfig",
    "Dataset",
    "FileSource",
    "LeftOut",
    "MixtureStream",
    "ReadReport",
    "Stream",
    "augment",
    "augment_points",
    "batches",
    "concat",
    "names",
    "open",
    "rendered",
]
