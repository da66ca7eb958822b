"""Training data: published data sets in their own layouts, rendered data sets, and batches of them.

`open` reads a `Dataset`, `concat` joins several, `batches` streams one, `augment` varies images on
the device, and `rendered` renders faces on the fly or to disk.
"""

from jaxface.data import rendered
from jaxface.data.augmentation import AugmentConfig, augment, augment_points
from jaxface.data.dataset import Dataset, LeftOut, ReadReport
from jaxface.data.joining import MixtureStream, concat
from jaxface.data.pipeline import Stream, batches
from jaxface.data.registry import names, open
from jaxface.data.sources import ArraySource, FileSource

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
